"""Which songs and which sensitivity belong to a report."""

import json
import re

import pytest

from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.errors import SidestepError
from sidestep_tui.report.likeness import data_set_of, songs_to_describe
from sidestep_tui.report.samples import find_groups
from sidestep_tui.report.sensitivity import Measured, read_sensitivity, sensitivity_section
from sidestep_tui.report.settings import settings_section
from sidestep_tui.report.write import write_report
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.sensitivity_file import write_sensitivity

from .conftest import chord

BEGAN = 1_760_000_000.0
PATHS = ("model.checkpoint", "data.tensors", "samples.prompts")
MODULES = (
    ev.ModuleSensitivity("layers.1.self_attn.q_proj", 8.0, 0.5),
    ev.ModuleSensitivity("layers.0.mlp.down_proj", 2.0, 0.1),
    ev.ModuleSensitivity("layers.0.cross_attn.k_proj", 1.0, 0.2),
)


def test_only_what_must_be_given_is_called_required():
    document = {"model": {"checkpoint": "m"}, "data": {"tensors": "t"}, "samples": {"prompts": "slow piano"}}
    rows = str(settings_section(TrainSettings.model_validate(document))).split("All ")[0].split("<tr>")
    ends = {path: re.sub("<[^>]+>", " ", row).split()[-1] for row in rows for path in PATHS if path in row}
    assert ends == {"model.checkpoint": "required", "data.tensors": "required", "samples.prompts": "none"}


def test_only_songs_that_differ_in_nothing_but_the_adapter_are_compared(training_run, generated, tmp_path):
    run = training_run()
    generated("final", 1, adapter=run.path / "final")
    generated("faster", 1, adapter=run.path / "final", bpm=140)
    generated("base", 1)
    generated("other model", 1, model={"checkpoint": tmp_path / "other"})
    generated("other adapter", 1, adapter=tmp_path / "elsewhere" / "final")
    generated("muted", 1, adapter=run.path / "final", adapter_scale=0, bpm=140)
    groups = {group.conditions: [take.label for take in group.takes] for group in find_groups(summarise(run))}
    assert groups == {
        (("duration", "1"),): ["base model", "final (step 40)"],
        (("bpm", "140"), ("duration", "1")): ["base model", "final (step 40)"],
    }


def test_songs_that_a_file_of_prompts_tells_otherwise_are_not_compared(training_run, generated, tmp_path):
    """A run that made many songs says of each what it was told; one song made alone belongs beside its like."""
    run = training_run()
    generated("slow", 1, adapter=run.path / "final", bpm=70)
    file = {"prompts": tmp_path / "songs.jsonl", "adapter": run.path / "best"}
    generated("of a file, slow", 1, said={"bpm": 70}, **file)
    generated("of a file, fast", 1, said={"bpm": 140}, **file)
    groups = {dict(group.conditions)["bpm"]: len(group.takes) for group in find_groups(summarise(run))}
    assert groups == {"70": 2, "140": 1}


def test_songs_of_one_caption_in_a_run_are_groups_of_their_own(training_run):
    run = training_run()
    with EventWriter(run.events_file) as events:
        for step in (0, 20):
            for song in ("1-waltz", "2-lullaby"):
                path = f"samples/step-{step:08d}/{song}.flac"
                events.write(ev.SampleWritten(path=path, prompt="strings", seed=42, step=step))
                write_audio(run.path / path, chord(3))
    groups = [[take.path.stem for take in group.takes] for group in find_groups(summarise(run))]
    assert groups == [["1-waltz", "1-waltz"], ["2-lullaby", "2-lullaby"]]
    page = write_report(run, run.path / "report.html", now=BEGAN).page.read_text(encoding="utf-8")
    keys = re.findall(r'data-group="(\w+)"', page)
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [2, 2]  # the page compares within each


def test_a_file_that_was_written_twice_is_the_later_song_only(training_run, generated, tmp_path):
    run = training_run()
    final = {"adapter": run.path / "final", "output": tmp_path / "song.wav"}
    generated("first", 1, at=1000, **final)
    generated("second", 1, at=2000, bpm=90, **final)
    (group,) = find_groups(summarise(run))
    assert dict(group.conditions)["bpm"] == "90"
    generated("third", 1, at=3000, **final | {"adapter": tmp_path / "elsewhere"})
    assert find_groups(summarise(run)) == ()


def test_the_best_adapter_is_the_one_that_was_best_when_the_song_was_made(training_run, generated):
    run = training_run()
    with run.events_file.open("ab") as file:
        for step in (10, 30):
            saved = {
                "type": "CheckpointSaved",
                "step": step,
                "path": "best",
                "kind": "best",
                "time": BEGAN + 1000 * step,
            }
            file.write(json.dumps(saved).encode() + b"\n")
    for name, at in (("before", 5_000), ("early", 20_000), ("late", 40_000)):
        generated(name, 1, at=at, adapter=run.path / "best")
    (group,) = find_groups(summarise(run))
    assert [take.label for take in group.takes] == ["best (step 10)", "best (step 30)", "best"]


def test_samples_of_a_training_run_are_its_own(training_run):
    run = training_run(steps=10)
    with run.events_file.open("ab") as file:
        for step in (10, 0):
            sample = {"type": "SampleWritten", "path": f"samples/{step}.wav", "prompt": "p", "seed": 1, "step": step}
            file.write(json.dumps(sample).encode() + b"\n")
    (group,) = find_groups(summarise(run))
    assert [(take.label, take.path) for take in group.takes] == [
        ("base model", run.samples / "0.wav"),
        ("step 10", run.samples / "10.wav"),
    ]


def test_a_generate_run_shows_its_song_beside_the_base_models(generated, tmp_path):
    generated("mine", 1, adapter=tmp_path / "far" / "tune" / "final")
    generated("base", 2)
    (group,) = find_groups(summarise(RunDirectory(tmp_path / "generate" / "mine")))
    assert [take.label for take in group.takes] == ["base model", "tune/final"]


def test_several_adapters_are_named_together_with_ours_first(training_run, generated, tmp_path):
    run = training_run()
    ours = {"path": run.path / "final", "scale": 0.5}
    generated("both", 1, adapter=tmp_path / "voice" / "final", adapter_scale=-1, adapters=[ours])
    (group,) = find_groups(summarise(run))
    assert [take.label for take in group.takes] == ["final (step 40) × 0.5 + voice/final × -1"]


def test_the_songs_are_found_through_the_run_that_preprocessed_them(training_run, data_set):
    found = data_set_of(training_run().settings())
    assert (found.name, found.source) == ("Evening songs", data_set)
    (data_set / "song 2.flac").rename(data_set / "not preprocessed.flac")
    assert [song.key for song in songs_to_describe(found)] == ["song 0.flac", "song 1.flac"]
    data_set.rename(data_set.with_name("moved"))
    assert songs_to_describe(found) == []


def test_songs_can_be_named_and_may_be_gone(training_run, tmp_path):
    found = data_set_of(training_run().settings(), tmp_path / "gone")
    assert (found.name, found.source) == ("tensors", tmp_path / "gone")
    with pytest.raises(SidestepError, match="does not exist"):
        songs_to_describe(found)
    assert data_set_of(None) is None
    assert songs_to_describe(None) == []


def test_the_map_has_a_cell_for_every_module(tmp_path):
    drawn = sensitivity_section(Measured(MODULES, {}, "measured"))
    assert 'class="heat8" title="layers.1.self_attn.q_proj: 8 ± 0.5"' in drawn
    assert 'class="heat0" title="layers.0.cross_attn.k_proj: 1 ± 0.2"' in drawn
    assert drawn.index("self q") < drawn.index("cross k") < drawn.index("mlp down")
    assert drawn.count("not measured") == 3
    assert sensitivity_section(Measured((), {}, "")) is None


def test_the_map_of_an_estimate_run_and_of_the_run_that_used_its_file(training_run, tmp_path):
    settings = {"model": {"checkpoint": tmp_path / "m"}, "tensors": tmp_path / "t", "output": tmp_path / "s.json"}
    estimate = create_run(tmp_path / "estimate", "estimate", EstimateSettings.model_validate(settings))
    with estimate.events_file.open("wb") as file:
        update = {"type": "SensitivityUpdated", "batches_done": 4, "batches_total": 6}
        modules = [{"module": m.module, "sensitivity": m.sensitivity, "stderr": m.stderr} for m in MODULES]
        file.write(json.dumps({**update, "modules": modules}).encode() + b"\n")
    ranking = [{**m, "spectrum": [0.5]} for m in modules]
    proposal = [{"module": "x", "rank": 7, "alpha": 14}]
    found = {"model": "m", "data": "d", "batches": 4, "ranking": ranking, "proposal": proposal}
    write_sensitivity(tmp_path / "s.json", found)
    user = training_run(adapter={"targets_from": tmp_path / "s.json"})
    for run, source in ((estimate, "measured on 4 of 6 batches"), (user, str(tmp_path / "s.json"))):
        report = write_report(run, run.path / "report.html", now=0)
        assert source in report.page.read_text()
        assert 'class="heat8"' in report.page.read_text()


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"ranking": [{"module": 3}], "proposal": []}', '{"ranking": 3, "proposal": []}']
)
def test_a_file_that_is_no_ranking_is_left_out(tmp_path, content):
    path = tmp_path / "s.json"
    path.write_text(content)
    assert read_sensitivity(path) is None
    assert read_sensitivity(tmp_path / "gone.json") is None
