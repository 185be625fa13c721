"""A training run through the engine's door: what it writes, how it stops, how it continues, how it fails."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep import Checkpoint
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import CheckpointSaved, EpochCompleted, StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def _losses(run: RunDirectory) -> dict[int, tuple[float | None, ...]]:
    return {e.step: e.losses for e in read_events(run.events_file) if isinstance(e, StepCompleted)}


def test_a_run_does_all_of_its_work(engine: Engine, train_document: dict[str, Any]) -> None:
    run, state = engine.run("whole", "train", train_document)
    assert state.status == "completed"
    assert state.plan is not None
    assert (state.plan.total_steps, state.plan.songs, state.plan.validation_songs) == (8, 4, 1)
    assert list(state.curves.step) == list(range(1, 9))
    assert len(state.epochs) == 2
    assert [v.step for v in state.validations] == [0, 4, 8]
    assert len(state.validations[0].bands) == 3
    assert [c.step for c in state.checkpoints if c.kind == "regular"] == [4, 8]
    final = _weights(run.final)
    assert final.keys() == _weights(run.checkpoints / "step-00000008").keys()
    assert all(torch.equal(value, _weights(run.checkpoints / "step-00000008")[key]) for key, value in final.items())
    assert all(key.startswith("base_model.model.layers.") and "_proj.lora_" in key for key in final)
    assert any(value.abs().sum() > 0 for key, value in final.items() if "lora_B" in key)
    assert {value.dtype for value in final.values()} == {torch.float32}


def test_a_run_without_a_step_has_failed(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.engine.training.job.loaded_steps", lambda *_: iter(()))
    run = engine.create("nothing", "train", train_document)
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert "Not one step" in state.failure.what
    assert not run.final.exists()


def test_training_loads_the_dit_and_nothing_else_of_the_model(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("it is not needed")

    for part in ("vae", "text_encoder", "condition_encoder", "audio_tokenizer", "audio_token_detokenizer", "tokenizer"):
        monkeypatch.setattr(Checkpoint, f"load_{part}", refuse)
    engine.run("the dit", "train", put(train_document, "training.max_steps", 1))


def test_resuming_continues_to_the_same_bits(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "checkpoints.every_steps", 1), "checkpoints.keep_last", 20)
    document = put(document, "adapter.dropout", 0.1)
    document = put(document, "training.ema_decay", 0.9)
    document = put(document, "training.epochs", 3)
    whole, _ = engine.run("whole", "train", document)
    for last in (3, 4, 6):
        run = engine.create(f"resumed-{last}", "train", put(document, "checkpoints.every_steps", None))
        shutil.copytree(whole.checkpoints / f"step-{last:08d}", run.checkpoints / f"step-{last:08d}")
        code, state = engine.work(run)
        assert code == 0, state.failure
        assert state.curves.step[0] == last + 1
        for folder in ("final", "final-ema"):
            ours, theirs = _weights(run.path / folder), _weights(whole.path / folder)
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
        expected = _losses(whole)
        assert _losses(run) == {step: expected[step] for step in range(last + 1, 13)}


def test_logging_validation_and_saving_do_not_change_a_run(engine: Engine, train_document: dict[str, Any]) -> None:
    plain, _ = engine.run("plain", "train", put(train_document, "validation.every_epochs", 9))
    busy, _ = engine.run("busy", "train", put(train_document, "checkpoints.every_steps", 1))
    assert _losses(plain) == _losses(busy)


def test_accumulation_flushes_at_the_end_of_an_epoch_by_what_it_holds(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(train_document, "training.gradient_accumulation", 3)
    _, state = engine.run("flushed", "train", document)
    assert state.plan is not None
    assert state.plan.steps_per_epoch == 2  # 3 + 1 songs
    assert state.step == 4
    assert len(state.epochs) == 2


def test_stop_saves_and_can_be_resumed(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("stopped", "train", train_document)
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    code, state = engine.work(run)
    assert (code, state.status, state.step) == (0, "stopped", 1)
    assert [c.step for c in state.checkpoints] == [1]
    code, state = engine.work(run)
    assert (code, state.status, state.step) == (0, "completed", 8)
    whole, _ = engine.run("whole", "train", train_document)
    assert all(torch.equal(value, _weights(run.final)[key]) for key, value in _weights(whole.final).items())


def test_an_epoch_that_was_cut_in_two_has_loss_and_time_of_the_whole(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    run = engine.create("in two", "train", train_document)
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    _, state = engine.work(run)
    losses = list(state.curves.loss)
    assert [epoch.loss for epoch in state.epochs] == pytest.approx([sum(losses[:4]) / 4, sum(losses[4:]) / 4])
    seconds = list(state.curves.seconds)
    assert [epoch.seconds for epoch in state.epochs] == pytest.approx([sum(seconds[:4]), sum(seconds[4:])])


def test_a_resumed_run_warns_again_of_what_happened_again_alone(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("warned", "train", put(train_document, "data.genre_ratio", 0.5))
    unknown = {"command": "set", "arguments": {"training.seed": "1"}}
    for _ in range(2):
        (run.commands / "1-set.json").write_text(json.dumps(unknown))
        (run.commands / "2-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
        _, state = engine.work(run)
        assert state.status == "stopped"
    told = [warning.what.split()[0] for warning in state.warnings]
    assert told == ["No", "training.seed", "training.seed"]


def test_a_truncated_checkpoint_is_passed_over(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(train_document, "checkpoints.every_steps", 1)
    run, _ = engine.run("truncated", "train", document)
    newest = run.checkpoints / "step-00000008" / "trainer.pt"
    newest.write_bytes(newest.read_bytes()[:100])
    code, state = engine.work(run)
    assert code == 0
    assert any("damaged" in warning.what for warning in state.warnings)
    assert state.status == "completed"
    assert list(state.curves.step) == list(range(1, 9))
    kept = sorted(folder.name for folder in run.checkpoints.iterdir())
    assert kept == ["damaged-step-00000008", "step-00000006", "step-00000007", "step-00000008"]
    code, again = engine.work(run)
    assert (code, len(again.warnings)) == (0, len(state.warnings))  # a whole one took the damaged one's place
    newest.write_bytes(newest.read_bytes()[:100])
    assert engine.work(run)[0] == 0
    assert sorted(folder.name for folder in run.checkpoints.iterdir()) == kept


def test_tensors_of_another_model_are_refused(
    engine: Engine, train_document: dict[str, Any], reference_checkpoint: Any
) -> None:
    document = put(train_document, "model.checkpoint", str(reference_checkpoint("acestep-v15-base")))
    code, state = engine.work(engine.create("foreign", "train", document))
    assert code == 1
    assert state.failure is not None
    assert "another model" in state.failure.what


def test_unequal_lengths_in_a_batch_give_the_mean_of_singles(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(train_document, "validation.songs", 0)
    alone, _ = engine.run(
        "alone", "train", put(put(document, "training.gradient_accumulation", 5), "training.epochs", 1)
    )
    together, _ = engine.run("together", "train", put(put(document, "training.batch_size", 5), "training.epochs", 1))
    singles = {e.step: e for e in read_events(alone.events_file) if isinstance(e, StepCompleted)}[1]
    batch = {e.step: e for e in read_events(together.events_file) if isinstance(e, StepCompleted)}[1]
    assert sorted(x or 0 for x in batch.losses) == pytest.approx(sorted(x or 0 for x in singles.losses), rel=1e-5)
    assert batch.gradient_norm == pytest.approx(singles.gradient_norm, rel=1e-4)


def test_old_checkpoints_go_and_the_best_stays(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "checkpoints.every_steps", 1), "checkpoints.keep_last", 2)
    run, _ = engine.run("few", "train", document)
    assert sorted(folder.name for folder in run.checkpoints.iterdir()) == ["step-00000007", "step-00000008"]
    saved = [e for e in read_events(run.events_file) if isinstance(e, CheckpointSaved) and e.kind == "best"]
    assert bool(saved) == run.best.exists()
    assert [e.step for e in read_events(run.events_file) if isinstance(e, EpochCompleted)] == [4, 8]


def test_a_run_that_no_longer_improves_ends_early_and_measures_its_last_weights_once(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(put(train_document, "optimizer.learning_rate", 1.0), "training.epochs", 30)
    _, state = engine.run("early", "train", put(document, "validation.patience", 2))
    assert state.plan is not None
    assert state.step < state.plan.total_steps
    assert (state.phase, state.phase_detail) == ("finishing", "validation no longer improves")
    measured = [validation.step for validation in state.validations]
    assert measured == list(range(0, state.step + 1, 4))
    assert state.results["validation_loss"] == state.validations[-1].loss


def test_a_loss_that_stays_the_same_is_no_improvement(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "optimizer.learning_rate", 1e-30), "training.epochs", 9)
    _, state = engine.run("still", "train", put(document, "validation.patience", 2))
    assert len({validation.loss for validation in state.validations}) == 1
    assert state.step == 12
    assert state.results["best_step"] == 4


@pytest.mark.parametrize("kind", ["int8", "fp8"])
def test_an_adapter_learns_on_quantised_weights_and_is_saved_as_always(
    engine: Engine, train_document: dict[str, Any], kind: str
) -> None:
    plain, _ = engine.run("plain", "train", train_document)
    run, _ = engine.run("quantised", "train", put(train_document, "memory.weights", kind))
    ours, theirs = _weights(run.final), _weights(plain.final)
    assert {name: (w.shape, w.dtype) for name, w in ours.items()} == {n: (w.shape, w.dtype) for n, w in theirs.items()}
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    assert not (run.final / "velocity_record.json").exists()
    for step, losses in _losses(run).items():
        assert losses == pytest.approx(_losses(plain)[step], rel=0.02)


def test_quantised_weights_are_not_cut_over_cards(train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "memory.weights", "int8"), "training.sharding", "fsdp")
    with pytest.raises(ValueError, match="cannot be cut"):
        TrainSettings.model_validate(document)
