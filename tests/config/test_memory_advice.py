"""Advice where a run does not fit: what saves memory, in which order, and when there is nothing to say."""

from collections.abc import Callable

import pytest

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.dit_shape import (
    SHAPE_2B,
    SHAPE_XL,
    DitShape,
)
from sidestep_tui.config.memory.advice import Change, cheapest_fit, largest_savings
from sidestep_tui.config.memory.estimate import GIB, MemoryEstimate, estimate_memory
from sidestep_tui.config.memory.load import Load

from .support import train_settings


@pytest.fixture
def bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Takes the library for installed or for absent."""

    def take(installed: bool) -> None:
        monkeypatch.setattr("sidestep_tui.config.memory.advice.has_bitsandbytes", lambda: installed)

    return take


LATER = {"training__gradient_accumulation": 2}


@pytest.mark.parametrize(
    ("cheaper", "dearer"),
    [
        # Of one micro-batch a step the inputs lie where the gradients will, so that nothing is won by moving them.
        (LATER | {"memory__checkpointing": "offload"}, LATER | {"memory__checkpointing": "all"}),
        ({"memory__checkpointing": "all"}, {"memory__checkpointing": "half"}),
        ({"memory__checkpointing": "half"}, {"memory__checkpointing": "none"}),
        ({"training__batch_size": 1}, {"training__batch_size": 2}),
        ({"data__crop_seconds": 60.0}, {}),
        ({"adapter__rank": 8}, {"adapter__rank": 64}),
        ({"adapter__targets__mlp": False}, {}),
        ({"adapter__targets__layers": "12-23"}, {}),
        ({}, {"memory__attention": "reference"}),
        ({}, {"adapter__family": "dora"}),
    ],
)
def test_what_saves_memory(cheaper: dict[str, object], dearer: dict[str, object]) -> None:
    assert (
        estimate_memory(train_settings(**cheaper), SHAPE_2B).total
        < estimate_memory(train_settings(**dearer), SHAPE_2B).total
    )


def test_advice_starts_with_what_costs_only_time() -> None:
    settings = train_settings(memory__checkpointing="none", training__batch_size=1)
    change = cheapest_fit(settings, SHAPE_2B, 10 * GIB)
    assert change is not None
    assert change.values == {"memory.checkpointing": "half"}
    assert change.memory.fits(10 * GIB)


def test_advice_adds_changes_up_until_the_run_fits() -> None:
    settings = train_settings(
        memory__checkpointing="none", training__batch_size=4, adapter__rank=512, adapter__alpha=128
    )
    change = cheapest_fit(settings, SHAPE_2B, 6 * GIB)
    assert change is not None
    assert change.memory.fits(6 * GIB)
    assert change.values["memory.checkpointing"] == "offload"
    assert change.values["training.gradient_accumulation"] == 4
    rank, alpha = change.values["adapter.rank"], change.values["adapter.alpha"]
    assert alpha / rank == 128.0 / 512
    following = cheapest_fit(settings.model_copy(update={"adapter": LoraSettings(rank=512)}), SHAPE_2B, 6 * GIB)
    assert following is not None
    assert following.values == {path: value for path, value in change.values.items() if path != "adapter.alpha"}


def changes_for_every_card(**values: object) -> list[Change]:
    """What is advised for free memory of anything up to what the run takes."""
    settings = train_settings(**values)
    frees = range(0, estimate_memory(settings, SHAPE_2B).total, GIB // 4)
    return [change for free in frees if (change := cheapest_fit(settings, SHAPE_2B, free)) is not None]


def test_changes_together_do_not_promise_the_same_numbers_where_one_alters_them() -> None:
    alter = {"optimizer.name", "data.crop_seconds", "adapter.rank", "adapter.targets.mlp", "memory.weights"}
    changes = changes_for_every_card(training__batch_size=8, adapter__rank=256)
    seen = {(len(change.values) > 2, bool(alter & set(change.values))) for change in changes}
    assert {(True, True), (True, False)} <= seen
    for change in changes:
        assert ("the same numbers" in change.cost) != bool(alter & set(change.values))
    both = [change.cost for change in changes if {"data.crop_seconds", "adapter.rank"} <= set(change.values)]
    assert both
    assert all("windows instead of whole songs; a smaller adapter" in cost for cost in both)


def test_changes_together_are_the_same_within_rounding_where_one_of_them_rounds() -> None:
    changes = changes_for_every_card(training__batch_size=8, memory__attention="reference")
    costs = {change.cost for change in changes if {"memory.attention", "training.batch_size"} <= set(change.values)}
    assert "the same numbers within rounding" in costs
    assert "the same numbers" not in "".join(costs - {"the same numbers within rounding"})


def test_no_advice_where_it_fits_or_where_nothing_helps() -> None:
    assert cheapest_fit(train_settings(), SHAPE_2B, 24 * GIB) is None
    assert cheapest_fit(train_settings(), SHAPE_XL, 1 * GIB) is None


def test_a_margin_stays_free() -> None:
    memory = MemoryEstimate(model=95, adapter=0, optimizer=0, activations=0, reserve=0)
    assert memory.fits(100)
    assert not memory.fits(99)


def test_the_changes_that_save_most_come_first_one_of_each_kind() -> None:
    settings = train_settings(training__batch_size=4, memory__checkpointing="none")
    load = Load()
    savings = largest_savings(settings, SHAPE_2B, load)
    assert [dict(change.values) for change, _ in savings] == [
        {"memory.stream_blocks": 24, "memory.checkpointing": "offload"},
        {"memory.checkpointing": "offload"},
        {"training.batch_size": 1, "training.gradient_accumulation": 4},
    ]
    now = estimate_memory(settings, SHAPE_2B, load).total
    assert all(now - change.memory.total == saved > 0 for change, saved in savings)
    assert savings == sorted(savings, key=lambda entry: -entry[1])


def test_a_change_that_saves_nothing_is_not_proposed() -> None:
    settings = train_settings(adapter__rank=4, memory__checkpointing="offload")
    savings = largest_savings(settings, SHAPE_2B, Load(frames=500))
    assert [set(change.values) for change, _ in savings] == [
        {"memory.stream_blocks"},
        {"memory.weights"},
        {"adapter.targets.mlp"},
    ]


def test_streamed_blocks_come_before_what_changes_the_numbers() -> None:
    settings = train_settings(adapter__rank=64, memory__checkpointing="half", memory__compile=True)
    change = cheapest_fit(settings, SHAPE_XL, 8 * GIB)
    assert change is not None
    assert change.values == {
        "memory.stream_blocks": 24, "memory.checkpointing": "all", "memory.compile": False,
    }  # fmt: skip
    assert change.cost == "blocks in the computer's memory, slower steps, the same numbers"
    assert change.memory.fits(8 * GIB)
    fewer = settings.memory.model_copy(update={"stream_blocks": 16, "checkpointing": "offload", "compile": False})
    assert not estimate_memory(settings.model_copy(update={"memory": fewer}), SHAPE_XL).fits(8 * GIB)


def test_what_is_recorded_no_longer_is_where_it_cannot_be() -> None:
    settings = train_settings(memory__checkpointing="none", memory__graphs=True)
    for change, wanted in (
        (cheapest_fit(settings, SHAPE_2B, 9 * GIB), {}),
        (cheapest_fit(settings, SHAPE_XL, 8 * GIB), {"memory.graphs": False}),
    ):
        assert change is not None
        assert {path: value for path, value in change.values.items() if path == "memory.graphs"} == wanted


@pytest.mark.parametrize(("shape", "free", "blocks"), [(SHAPE_2B, 5e9, 12), (SHAPE_XL, 11e9, 16)])
def test_a_full_song_at_rank_64_fits_the_goals_without_quantised_weights(
    shape: DitShape, free: float, blocks: int
) -> None:
    change = cheapest_fit(train_settings(adapter__rank=64), shape, round(free))
    assert change is not None
    assert change.values == {"memory.stream_blocks": blocks}
    sparing = train_settings(
        adapter__rank=64, memory__stream_blocks=4, memory__checkpointing="offload", optimizer__name="adamw8bit"
    )
    assert estimate_memory(sparing, shape).total < free


def test_the_optimizer_keeps_8_bits_before_a_song_is_cut(bitsandbytes: Callable[[bool], None]) -> None:
    settings = train_settings(adapter__rank=256, memory__stream_blocks=24, memory__checkpointing="offload")
    now = estimate_memory(settings, SHAPE_2B).total
    for installed, change in ((True, {"optimizer.name": "adamw8bit"}), (False, {"data.crop_seconds": 30.0})):
        bitsandbytes(installed)
        fit = cheapest_fit(settings, SHAPE_2B, now)
        assert fit is not None
        assert fit.values == change
        assert "pip install" not in fit.cost


ALL_BUT_8_BITS = {
    "adapter__family": "oft", "adapter__block_size": 256, "adapter__targets__mlp": False,
    "memory__checkpointing": "offload", "memory__stream_blocks": 24, "data__crop_seconds": 30.0,
}  # fmt: skip
"""After these nothing saves but the optimizer's state."""


def test_a_library_to_install_is_named_where_nothing_fits_without_it(bitsandbytes: Callable[[bool], None]) -> None:
    settings = train_settings(**ALL_BUT_8_BITS)
    now = estimate_memory(settings, SHAPE_2B).total
    for installed, words in ((True, ""), (False, 'needs bitsandbytes: pip install "sidestep-tui[8bit]"; ')):
        bitsandbytes(installed)
        change = cheapest_fit(settings, SHAPE_2B, now)
        assert change is not None
        assert change.values == {"optimizer.name": "adamw8bit"}
        assert change.cost == f"{words}the optimizer's state in 8 bits (bitsandbytes)"
        ((saving, _saved),) = largest_savings(settings, SHAPE_2B, Load(frames=500))
        assert (saving.values, saving.cost) == (change.values, change.cost)


def test_what_is_not_installed_is_not_among_the_largest_savings(bitsandbytes: Callable[[bool], None]) -> None:
    settings = train_settings(adapter__rank=512, memory__checkpointing="offload")
    found = {}
    for installed in (True, False):
        bitsandbytes(installed)
        found[installed] = [dict(change.values) for change, _ in largest_savings(settings, SHAPE_2B, Load(), 20)]
    assert {"optimizer.name": "adamw8bit"} in found[True]
    assert found[False] == [values for values in found[True] if values != {"optimizer.name": "adamw8bit"}]


@pytest.mark.parametrize(("device", "has_it"), [("auto", True), ("cuda:1", True), ("cpu", False), ("mps", False)])
def test_8_bits_are_proposed_only_where_there_may_be_a_cuda_card(
    bitsandbytes: Callable[[bool], None], device: str, has_it: bool
) -> None:
    bitsandbytes(True)
    settings = train_settings(**ALL_BUT_8_BITS, model__device=device)
    savings = [dict(change.values) for change, _ in largest_savings(settings, SHAPE_2B, Load(frames=500))]
    assert savings == ([{"optimizer.name": "adamw8bit"}] if has_it else [])
    change = cheapest_fit(settings, SHAPE_2B, estimate_memory(settings, SHAPE_2B).total)
    assert (change is not None) == has_it


def test_changes_that_contradict_the_ones_before_them_are_left_out() -> None:
    settings = train_settings(training__processes=4, adapter__rank=512, memory__compile=True)
    change = cheapest_fit(settings, SHAPE_XL, 10 * GIB)
    assert change is not None
    assert change.memory.fits(10 * GIB)
    chosen = change.values
    assert not (chosen.get("training.sharding") == "fsdp" and "memory.stream_blocks" in chosen)
