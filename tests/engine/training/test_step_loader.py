"""The loader: nothing stalls where an epoch ends."""

import threading
from types import SimpleNamespace
from typing import Any

import torch

from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.data.batches import Drawing
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.engine.data.store import HeldSong
from sidestep_tui.engine.data.tensors import SharedTensors
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.plan import Step
from sidestep_tui.engine.training.step_loader import loaded_steps

PATIENCE_SECONDS = 10


def test_the_next_epoch_is_made_by_the_same_thread_while_this_one_is_trained_on() -> None:
    one = torch.zeros(1, 64)
    tensors = {"latent_mean": one, "latent_std": one, "condition": one}
    made, threads = [threading.Event() for _ in range(4)], []

    def get(song: SongEntry) -> HeldSong:
        threads.append(threading.current_thread())
        made[len(threads) - 1].set()
        return HeldSong(song, tensors)

    encoded: Any = SimpleNamespace(
        shared=SharedTensors(silence_latent=one, null_condition=one),
        drawing=Drawing(0, ObjectiveSettings(), -0.4, 1.0, None, fresh_latents=True),
        store=SimpleNamespace(get=get),
    )
    item = Item(SongEntry("song", "", 1, 1, "", 0.04, "", ""))
    steps = [Step(number + 1, number // 2, number % 2 == 1, ((item,),)) for number in range(4)]
    loading = loaded_steps(encoded, Ranks(0, 1), steps, lambda _: None)
    assert [next(loading).step.epoch for _ in range(2)] == [0, 0]
    assert made[2].wait(PATIENCE_SECONDS), "nobody has asked for the second epoch yet"
    assert [loaded.step.epoch for loaded in loading] == [1, 1]
    assert len(set(threads)) == 1
    assert threads[0] is not threading.current_thread()
