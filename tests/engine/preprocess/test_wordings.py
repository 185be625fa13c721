"""Wordings: several captions, redrawn tags and the genre, from preprocessing to the training step."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.dataset.prompts import SongFields
from sidestep_tui.engine.data.batches import Drawing, draw_sample, draw_wording
from sidestep_tui.engine.data.conditions import CONDITION, ConditionEntry
from sidestep_tui.engine.data.manifest import SongEntry, read_manifest
from sidestep_tui.engine.data.store import SongStore
from sidestep_tui.engine.data.tensors import read_shared
from tests.engine.preprocess.conftest import write_song

TAGS = "folk, violin, slow, female voice"


@pytest.fixture
def worded(
    engine: Any,
    reference_checkpoint: Callable[[str], Path],
    document: dict[str, Any],
    folder: Path,
    tmp_path: Path,
    encoded: list[int],
) -> tuple[Path, dict[str, Any]]:
    """A song of tags with a genre, one of two paragraphs, one of plain words; crops of one second."""
    write_song(folder / "song 0.wav", 220, seconds=3)
    (folder / "song 0.caption.txt").write_text(TAGS, "utf-8")
    (folder / "song 0.json").write_text('{"genre": "Celtic"}', "utf-8")
    (folder / "song 1.caption.txt").write_text("A slow song.\n\nSomething quiet for the night.", "utf-8")
    document["model"]["checkpoint"] = str(reference_checkpoint("acestep-v15-turbo"))
    document |= {"output": str(tmp_path / "worded"), "caption_variants": 4, "encode_genre": True, "crop_seconds": 1}
    engine.run("encode", "preprocess", document)
    return Path(document["output"]), document


def drawing(**changes: Any) -> Drawing:
    return replace(Drawing(3, ObjectiveSettings(condition_dropout=0), -0.4, 1.0, None, fresh_latents=True), **changes)


def captions(song: SongEntry) -> list[str]:
    """The captions of the whole song's prompts, first wording first."""
    prompts = [song.prompt, *(told.prompt for told in song.further if told.crop_frames is None)]
    return [prompt.split("# Caption\n")[1].split("\n\n# Metas")[0] for prompt in prompts]


def test_every_wording_is_encoded_as_inference_would(worded: tuple[Path, dict[str, Any]]) -> None:
    from sidestep_tui.acestep import open_checkpoint
    from sidestep_tui.engine.training.prompt_conditions import encode_conditions

    output, settings = worded
    tags, paragraphs, plain = read_manifest(output).songs
    assert captions(tags)[0] == TAGS
    assert [sorted(text.split(", ")) for text in captions(tags)[1:4]] == [sorted(TAGS.split(", "))] * 3
    assert captions(tags)[4] == "Celtic"
    assert len(set(captions(tags))) == 5
    assert captions(paragraphs) == ["A slow song.", "Something quiet for the night."]
    assert captions(plain) == ["caption 2"]
    checkpoint = open_checkpoint(Path(settings["model"]["checkpoint"]))
    song = SongStore(output, [tags], 32).get(tags)
    fields = []
    for told in tags.further:
        caption = told.prompt.split("# Caption\n")[1].split("\n\n# Metas")[0]
        duration = 3.0 if told.crop_frames is None else 1.0
        fields.append(SongFields(caption=caption, duration=duration, lyrics="", language="unknown"))
    for told, wanted in zip(
        tags.further, encode_conditions(checkpoint, fields, torch.device("cpu"), torch.float32), strict=True
    ):
        torch.testing.assert_close(song.condition(told.tensor), wanted)
    assert {told.kind for told in tags.further} == {"caption", "genre"}


def test_epochs_take_the_wordings_in_turn(worded: tuple[Path, dict[str, Any]]) -> None:
    output, _ = worded
    entry = read_manifest(output).songs[0]
    drawn = [draw_wording(drawing(), epoch, entry.key, entry) for epoch in range(8)]
    assert sorted(drawn[:4]) == [0, 1, 2, 3]
    assert drawn[4:] == drawn[:4]
    repeats = {draw_wording(drawing(), 0, f"{entry.key}#{n}", entry) for n in range(20)}
    assert repeats == {0, 1, 2, 3}


def test_the_genre_ratio_is_drawn_anew_in_every_epoch(worded: tuple[Path, dict[str, Any]]) -> None:
    output, _ = worded
    tags, paragraphs, _ = read_manifest(output).songs
    told = {0: "caption", **{one.wording: one.kind for one in tags.further}}

    def counted(ratio: float) -> Counter[str]:
        return Counter(told[draw_wording(drawing(genre_ratio=ratio), epoch, tags.key, tags)] for epoch in range(1000))

    assert counted(0) == {"caption": 1000}
    assert counted(1) == {"genre": 1000}
    assert counted(0.3)["genre"] == pytest.approx(300, abs=50)
    assert {draw_wording(drawing(genre_ratio=1), epoch, "x", paragraphs) for epoch in range(4)} == {0, 1}


def test_samples_have_the_condition_of_wording_and_crop(worded: tuple[Path, dict[str, Any]]) -> None:
    output, _ = worded
    manifest = read_manifest(output)
    entry, null = manifest.songs[0], read_shared(output)["null_condition"]
    song = SongStore(output, manifest.songs, manifest.condition_size).get(entry)
    for crop, crop_frames in ((None, None), (25, 25), (40, None)):
        law = drawing(crop_frames=crop, genre_ratio=0.5)
        for epoch in range(12):
            wording = draw_wording(law, epoch, entry.key, entry)
            wanted = [one.tensor for one in entry.further if (one.wording, one.crop_frames) == (wording, crop_frames)]
            sample = draw_sample(law, epoch, entry.key, song, null)
            assert torch.equal(sample.condition, song.condition((wanted or [CONDITION])[0]))


def test_one_wording_draws_what_it_drew_before() -> None:
    """A further wording changes the condition of a sample and nothing else of it."""
    alone = SongEntry("a", "a", 50, 2, "", 2.0, "", "")
    assert draw_wording(drawing(genre_ratio=0.5), 7, "a", alone) == 0
    several = replace(alone, further=(ConditionEntry("condition.wording.1", 3, "", "", wording=1),))
    tensors = {
        "latent_mean": torch.ones(50, 64), "latent_std": torch.ones(50, 64),
        CONDITION: torch.zeros(2, 8), "condition.wording.1": torch.ones(3, 8),
    }  # fmt: skip
    from sidestep_tui.engine.data.store import HeldSong

    one, two = (
        [draw_sample(drawing(), epoch, "a", HeldSong(entry, tensors), torch.zeros(1, 8)) for epoch in (0, 1)]
        for entry in (alone, several)
    )
    assert all(
        torch.equal(x.x0, y.x0) and torch.equal(x.noise, y.noise) and x.t == y.t for x, y in zip(one, two, strict=True)
    )
    assert sorted(len(sample.condition) for sample in two) == [2, 3]


def test_training_says_when_there_is_no_genre_and_two_residences_agree(
    engine: Any, worded: tuple[Path, dict[str, Any]], train_document: dict[str, Any]
) -> None:
    output, _ = worded
    document = put(put(train_document, "data.tensors", str(output)), "data.crop_seconds", 1)
    document = put(document, "data.genre_ratio", 0.5)
    runs = [engine.run(name, "train", put(document, "data.residence", name))[0] for name in ("memory", "stream")]
    held, streamed = (load_file(run.final / "adapter_model.safetensors") for run in runs)
    assert all(torch.equal(held[name], streamed[name]) for name in held)
    _, state = engine.run("genreless", "train", put(train_document, "data.genre_ratio", 0.5))
    assert any("data.genre_ratio changes nothing" in warning.what for warning in state.warnings)
