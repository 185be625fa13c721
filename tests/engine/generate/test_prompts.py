"""Many songs from a file: what the file says, one model for all of them, and what becomes of the songs that fail."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.dataset.audio import SAMPLE_RATE, read_audio, write_audio
from sidestep_tui.engine.generate import job as generate
from sidestep_tui.engine.generate.prompts import plan_songs
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.runs.log import read_events


def settings_for(file: Path, **changes: Any) -> GenerateSettings:
    document = {"model": {"checkpoint": "m"}, "output": "out", "prompts": file, "bpm": 90, "format": "flac"}
    return GenerateSettings.model_validate(document | changes)


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_json_lines_say_what_differs_from_the_settings(tmp_path: Path) -> None:
    lines = '{"prompt": "slow piano", "seed": 7}\n\n{"prompt": "雪 / ../夜", "lyrics": "la", "bpm": null}\n'
    first, second = plan_songs(settings_for(written(tmp_path, "songs.jsonl", lines)))
    assert (first.settings.prompt, first.settings.seed, first.settings.bpm) == ("slow piano", 7, 90)
    assert (second.settings.lyrics, second.settings.seed, second.settings.bpm) == ("la", 42, None)
    assert [str(song.settings.output) for song in (first, second)] == ["out/01-slow-piano.flac", "out/02-雪-夜.flac"]


def test_a_line_of_json_may_hold_any_line_end_of_unicode(tmp_path: Path) -> None:
    (song,) = plan_songs(settings_for(written(tmp_path, "songs.jsonl", '{"prompt": "a", "lyrics": "la\u2028la"}\r\n')))
    assert song.settings.lyrics == "la\u2028la"


def test_facts_are_spelled_as_the_model_has_learned_them(tmp_path: Path) -> None:
    lines = '{"prompt": "a", "keyscale": "Em", "timesignature": 3, "language": "Japanese"}\n{"prompt": "b"}\n'
    file = written(tmp_path, "songs.jsonl", lines)
    first, second = plan_songs(settings_for(file, keyscale="8A", timesignature="6/8"))
    told = [(song.settings.keyscale, song.settings.timesignature, song.settings.language) for song in (first, second)]
    assert told == [("E minor", "3", "ja"), ("A minor", "6", "unknown")]
    single_song = {"prompts": None, "output": "a.wav", "prompt": "a"}
    (single,) = plan_songs(settings_for(file, **single_song, keyscale="f#", language="zh-CN"))
    assert (single.settings.keyscale, single.settings.language) == ("F# major", "zh")


def test_a_list_in_one_document_is_the_same(tmp_path: Path) -> None:
    songs = plan_songs(settings_for(written(tmp_path, "songs.json", '[{"prompt": "a"}, {"prompt": "../../b"}]')))
    assert [song.settings.output.name for song in songs] == ["01-a.flac", "02-b.flac"]


def test_each_line_of_a_plain_text_is_a_prompt(tmp_path: Path) -> None:
    songs = plan_songs(settings_for(written(tmp_path, "songs.txt", "slow piano\n\nfast drums: hard\n")))
    assert [song.settings.prompt for song in songs] == ["slow piano", "fast drums: hard"]


def test_a_text_with_fields_has_a_block_for_each_song(tmp_path: Path) -> None:
    text = "prompt: slow piano\nbpm: 70\nlyrics:\n[Verse]\nbpm: no field here\n\nla\n---\nfast drums\nseed: 3\n"
    first, second = plan_songs(settings_for(written(tmp_path, "songs.txt", text)))
    assert (first.settings.prompt, first.settings.bpm) == ("slow piano", 70)
    assert first.settings.lyrics == "[Verse]\nbpm: no field here\n\nla"
    assert (second.settings.prompt, second.settings.seed, second.settings.bpm) == ("fast drums", 3, 90)


def test_a_data_set_gives_its_own_captions(tmp_path: Path) -> None:
    import numpy as np

    write_audio(tmp_path / "songs" / "one.wav", np.full((2, 2 * SAMPLE_RATE), 0.1, dtype=np.float32))
    (tmp_path / "songs" / "one.caption.txt").write_text("a caption")
    (song,) = plan_songs(settings_for(tmp_path / "songs"))
    assert (song.settings.prompt, song.settings.duration) == ("a caption", 2.0)
    assert song.settings.output.name == "01-one.flac"


def test_a_song_without_a_caption_takes_the_flag_or_is_named(tmp_path: Path) -> None:
    import numpy as np

    for name in ("one", "two"):
        write_audio(tmp_path / "songs" / f"{name}.wav", np.full((2, 2 * SAMPLE_RATE), 0.1, dtype=np.float32))
    (tmp_path / "songs" / "one.caption.txt").write_text("a caption")
    settings = settings_for(tmp_path / "songs")
    assert [one.settings.prompt for one in plan_songs(settings.model_copy(update={"prompt": "slow piano"}))] == [
        "a caption",
        "slow piano",
    ]
    for text in ('{"prompt": null}', '{"prompt": ""}', '{"bpm": 70}'):
        unsaid = settings_for(written(tmp_path, "unsaid.jsonl", text)).model_copy(update={"prompt": "slow piano"})
        assert [one.settings.prompt for one in plan_songs(unsaid)] == ["slow piano"]
    with pytest.raises(UsageError, match="has no prompt") as raised:
        plan_songs(settings)
    assert ("two.wav" in (raised.value.where or ""), "--prompt" in (raised.value.fix or "")) == (True, True)


@pytest.mark.parametrize(
    ("name", "text", "where", "what"),
    [
        ("a.jsonl", '{"prompt": "a"}\n{"prompt"', "line 2", "no JSON"),
        ("a.jsonl", '["a"]', "line 1", "no object"),
        ("a.jsonl", '{"prompt": "a", "tempo": 3}', "line 1", "'tempo'"),
        ("a.jsonl", '{"prompt": "a", "bpm": 9000}', "line 1", "bpm: must be at most 400"),
        ("a.jsonl", '{"bpm": 90}', "line 1", "has no prompt"),
        ("a.jsonl", '{"prompt": null}', "line 1", "has no prompt"),
        ("a.json", '[{"prompt": ]', "a.json", "no JSON"),
        ("a.json", '["a"]', "song 1", "is not an object"),
        ("a.txt", "prompt: a\nbpm: fast", "song 1", "bpm: must be a whole number"),
        ("a.txt", "\n", "a.txt", "no prompts"),
        ("a.txt", "prompt: a\nkeyscale: D dorian", "song 1", 'keyscale: "D dorian" is no key in major or minor'),
    ],
)
def test_a_song_that_is_not_valid_is_named(tmp_path: Path, name: str, text: str, where: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as raised:
        plan_songs(settings_for(written(tmp_path, name, text)))
    assert where in (raised.value.where or "")


def test_a_song_needs_a_prompt_or_a_file() -> None:
    with pytest.raises(ValueError, match="needs a prompt"):
        GenerateSettings.model_validate({"model": {"checkpoint": "m"}, "output": "a.wav"})


@pytest.fixture
def document(tiny_checkpoint: Path, tmp_path: Path) -> dict[str, Any]:
    prompts = [{"prompt": f"song {place}", "seed": place} for place in range(3)]
    file = written(tmp_path, "songs.jsonl", "\n".join(map(json.dumps, prompts)))
    return {
        "model": {"checkpoint": str(tiny_checkpoint), "device": "cpu"},
        "output": str(tmp_path / "songs"),
        "prompts": str(file),
        "duration": 1,
        "steps": 1,
    }


def test_the_models_are_loaded_once_and_every_song_is_that_of_its_own_command(
    engine: Any, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = Checkpoint.load_transformer
    monkeypatch.setattr(Checkpoint, "load_transformer", lambda *a, **n: loaded.append(1) or load(*a, **n))
    _, state = engine.run("many", "generate", document)
    assert len(loaded) == 1
    assert (state.progress.done, state.progress.total, state.results["songs"]) == (3, 3, 3)
    files = [Path(sample.path) for sample in state.samples]
    assert [file.name for file in files] == ["01-song-0.wav", "02-song-1.wav", "03-song-2.wav"]
    alone = document | {"prompts": None, "prompt": "song 1", "seed": 1, "output": str(tmp_path / "alone.wav")}
    engine.run("alone", "generate", alone)
    assert files[1].read_bytes() == (tmp_path / "alone.wav").read_bytes()


def test_a_song_that_fails_is_told_and_the_others_are_made(
    engine: Any, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = generate.sample_latents

    def failing(pipeline: Any, settings: GenerateSettings, *rest: Any) -> Any:
        if settings.seed == 1:
            raise SidestepError("This one cannot be made.")
        return sample(pipeline, settings, *rest)

    monkeypatch.setattr(generate, "sample_latents", failing)
    _, state = engine.run("many", "generate", document)
    assert [Path(sample.path).name for sample in state.samples] == ["01-song-0.wav", "03-song-2.wav"]
    assert (state.results["songs"], state.results["failed"]) == (2, 1)
    assert (state.progress.done, state.progress.total, state.progress.failed) == (3, 3, 1)
    assert "song 1: This one cannot be made." in state.warnings[0].what
    assert all(read_audio(Path(sample.path)).shape[1] == SAMPLE_RATE for sample in state.samples)


def test_a_stop_keeps_what_is_done_and_resuming_makes_the_rest(
    engine: Any, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.create("many", "generate", document)
    sample = generate.sample_latents

    def stopping(pipeline: Any, settings: GenerateSettings, *rest: Any) -> Any:
        if settings.seed == 1:
            send_command(run, "stop")
        return sample(pipeline, settings, *rest)

    monkeypatch.setattr(generate, "sample_latents", stopping)
    code, state = engine.work(run)
    assert (code, state.status, len(state.samples)) == (0, "stopped", 1)
    before = Path(state.samples[0].path).stat().st_mtime_ns
    monkeypatch.setattr(generate, "sample_latents", sample)
    code, _ = engine.work(run)
    songs = [event.path for event in read_events(run.events_file) if isinstance(event, SampleWritten)]
    assert (code, len(songs), len(set(songs))) == (0, 3, 3)
    assert Path(songs[0]).stat().st_mtime_ns == before
