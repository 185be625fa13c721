"""Gradient sensitivity: equal to the naive computation, streamed, and turned into ranks within the budget."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.optimisation import TrainingSettings
from sidestep_tui.config.train import ValidationSettings
from sidestep_tui.engine.allocation import ModuleShape, RankBounds, allocate_ranks
from sidestep_tui.engine.estimate.job import Estimate
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Ranking
from sidestep_tui.engine.estimate.sensitivity import ModuleStatistics, band_weights
from sidestep_tui.engine.estimate.weight_gradient import Inputs, SharedInputs, WeightGradient
from sidestep_tui.engine.recompute import Policy, use_checkpointing
from sidestep_tui.engine.songs import split_songs
from sidestep_tui.engine.targets import all_targets
from sidestep_tui.engine.tensors import read_manifest, write_manifest
from sidestep_tui.runs.events import SensitivityUpdated
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


@pytest.mark.parametrize("policy", ["none", "all"])
def test_probed_gradients_equal_those_of_autograd(reference_checkpoint: Callable[[str], Path], policy: Policy) -> None:
    checkpoint = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(transformer)
    names = [to_diffusers(name) for name in all_targets(checkpoint.config)]
    weights = {name: transformer.get_submodule(name).weight for name in names}
    g = torch.Generator().manual_seed(1)
    x, condition = torch.randn(1, 40, 64, generator=g), torch.randn(1, 12, 64, generator=g)
    context, t = torch.randn(1, 40, 128, generator=g), torch.tensor([0.4])

    def loss() -> torch.Tensor:
        return velocity(transformer, x, t, condition, context).square().mean()

    for weight in weights.values():
        weight.requires_grad_()
    naive = dict(zip(names, torch.autograd.grad(loss(), list(weights.values())), strict=True))
    for weight in weights.values():
        weight.requires_grad_(False)

    use_checkpointing(transformer, policy)
    seen: dict[str, torch.Tensor] = {}
    x.requires_grad_()
    condition.requires_grad_()
    squares: dict[str, float] = {}
    shared = SharedInputs()

    def observe(name: str, outputs: torch.Tensor, inputs: torch.Tensor) -> None:
        seen[name] = outputs.T @ inputs
        squares[name] = WeightGradient(outputs, shared.of(inputs)).square().item()

    with probed(transformer, names, observe):
        loss().backward()
    assert seen.keys() == naive.keys()
    for name in names:
        assert ((seen[name] - naive[name]).norm() / naive[name].norm()).item() < 1e-5
        assert squares[name] == pytest.approx(naive[name].double().square().sum().item(), rel=1e-5)
        assert "forward" not in vars(transformer.get_submodule(name))
    assert all(parameter.grad is None for parameter in transformer.parameters())


def test_band_weights_are_the_share_of_the_models_own_draws() -> None:
    weights = band_weights(-0.4, 1.0)
    a, b = torch.randn(2, 200_000, generator=torch.Generator().manual_seed(0))
    t = torch.sigmoid(torch.maximum(a, b) - 0.4)
    shares = torch.histc(t, bins=3, min=0, max=1) / len(t)
    assert sum(weights) == pytest.approx(1)
    assert list(weights) == pytest.approx(shares.tolist(), abs=5e-3)


def _factors(gradient: torch.Tensor) -> WeightGradient:
    """A gradient [out, in] as the probe would show it."""
    return WeightGradient(torch.eye(len(gradient)), Inputs(gradient))


def test_the_spectrum_finds_planted_directions() -> None:
    g = torch.Generator().manual_seed(0)
    left, right = (
        torch.linalg.qr(torch.randn(60, 3, generator=g))[0],
        torch.linalg.qr(torch.randn(40, 3, generator=g))[0],
    )
    planted = left @ torch.diag(torch.tensor([5.0, 3.0, 1.0])) @ right.T
    statistics = ModuleStatistics()
    for band in (0, 1, 2):
        measured = statistics.measure(_factors(planted))
        statistics.add(measured.square.item(), measured, band)
    energies = [25 / 35, 9 / 35, 1 / 35]
    assert statistics.spectrum()[:3] == pytest.approx(energies, rel=1e-4)
    assert sum(statistics.spectrum()[3:]) == pytest.approx(0, abs=1e-5)
    mean, stderr = statistics.mean((0.2, 0.3, 0.5))
    assert mean == pytest.approx(35, rel=1e-5)
    assert stderr > 0


def test_the_signal_is_what_all_draws_agree_on() -> None:
    g = torch.Generator().manual_seed(4)
    agreed = torch.randn(80, 50, generator=g)
    agreed /= agreed.norm()
    with_signal, noise_alone = ModuleStatistics(), ModuleStatistics()
    for draw in range(600):
        noise = torch.randn(80, 50, generator=g) / 80**0.5
        for statistics, gradient in ((with_signal, agreed + noise), (noise_alone, noise)):
            seen = statistics.measure(_factors(gradient))
            statistics.add(seen.square.item(), seen, draw % 3)
    weights = (0.2, 0.3, 0.5)
    assert noise_alone.mean(weights)[0] > 40  # the squared norm sees the noise alone
    assert with_signal.signal(weights) == pytest.approx(1.0, abs=0.2)
    assert noise_alone.signal(weights) < 0.05


def test_the_standard_error_is_that_of_stratified_means() -> None:
    statistics = ModuleStatistics(squares=([1.0, 3.0], [10.0, 14.0], []))
    mean, stderr = statistics.mean((0.25, 0.25, 0.5))  # the unseen band's weight goes to the others
    assert mean == pytest.approx(0.5 * 2 + 0.5 * 12)
    assert stderr == pytest.approx(math.sqrt(0.25 * 2 / 2 + 0.25 * 8 / 2))


def test_ranks_go_where_they_pay_within_the_budget() -> None:
    strong = ModuleShape("mlp.up_proj", 100, 100, 10.0, tuple([0.1] * 10))
    weak = ModuleShape("mlp.up_proj", 100, 100, 1.0, tuple([0.1] * 10))
    narrow = ModuleShape("mlp.up_proj", 100, 100, 10.0, (1.0, 0.0, 0.0))
    modules = {"strong": strong, "weak": weak, "narrow": narrow}
    ranks = allocate_ranks(modules, budget=200 * 14, bounds=RankBounds(1, 8))
    assert sum(rank * 200 for rank in ranks.values()) <= 200 * 14
    assert ranks == {"strong": 8, "weak": 5, "narrow": 1}
    uniform_gain = sum(m.gain(r) for m in modules.values() for r in range(4))
    assert sum(m.gain(r) for name, m in modules.items() for r in range(ranks[name])) > uniform_gain


def test_every_kind_of_module_keeps_its_share() -> None:
    flat = tuple([0.1] * 10)
    modules = {f"layers.{layer}.loud": ModuleShape("loud", 60, 40, 1000.0, flat) for layer in range(4)}
    modules |= {f"layers.{layer}.quiet": ModuleShape("quiet", 60, 40, 1.0 + layer, flat) for layer in range(4)}
    budget = 8 * 100 * 4  # four ranks everywhere

    def ranks_of(kind: str, share: float) -> list[int]:
        ranks = allocate_ranks(modules, budget, RankBounds(0, 10, share))
        assert sum(100 * rank for rank in ranks.values()) == budget
        return [ranks[name] for name, module in modules.items() if module.kind == kind]

    assert sum(ranks_of("quiet", 0.0)) == 0  # the budget does not fill the loud ones
    # Half of an even share is 8 ranks; within the kind they go to its strongest module, up to the ceiling.
    assert ranks_of("quiet", 0.5) == [0, 0, 0, 8]
    assert ranks_of("quiet", 1.0) == [0, 0, 6, 10]
    assert sum(ranks_of("loud", 1.0)) == 16


def _document(turbo: Path, songs: Path, output: Path, **changes: Any) -> dict[str, Any]:
    return {
        "model": {"checkpoint": str(turbo), "device": "cpu"}, "tensors": str(songs), "output": str(output),
        "batches": 9, "rank": 8, "stable_top": 0, **changes,
    }  # fmt: skip


def test_an_estimate_streams_its_ranking_and_proposes_ranks(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, train_document: dict[str, Any]
) -> None:
    output = tmp_path / "ranking.json"
    run, state = engine.run("estimate", "estimate", _document(turbo, songs, output))
    updates = [event for event in read_events(run.events_file) if isinstance(event, SensitivityUpdated)]
    assert [update.batches_done for update in updates] == list(range(1, 10))
    document = json.loads(output.read_text())
    ranking = document["ranking"]
    assert len(ranking) == 44
    assert [entry["sensitivity"] for entry in ranking] == sorted((e["sensitivity"] for e in ranking), reverse=True)
    assert all(entry["sensitivity"] > 0 and entry["stderr"] > 0 for entry in ranking)
    assert {"texture", "balance", "structure", "spectrum"} <= ranking[0].keys()
    assert document["data"] == read_manifest(songs).fingerprint
    assert state.sensitivity is not None
    assert state.sensitivity.modules[0].module == ranking[0]["module"]

    train_document["adapter"] = {"targets_from": str(output)}
    trained, _ = engine.run("targeted", "train", {**train_document, "training": {"max_steps": 1}})
    weights = load_file(trained.final / "adapter_model.safetensors")
    ranks = {entry["module"]: entry["rank"] for entry in document["proposal"]}
    for module, rank in ranks.items():
        assert weights[f"base_model.model.{module}.lora_A.weight"].shape[0] == rank


def test_a_song_with_a_loss_that_is_no_number_is_left_out(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    entry = read_manifest(songs).songs[1]
    tensors = load_file(songs / entry.file)
    save_file({**tensors, "condition": torch.full_like(tensors["condition"], 3e38)}, songs / entry.file)
    _, state = engine.run("estimate", "estimate", _document(turbo, songs, tmp_path / "r.json"))
    assert state.results["songs_left_out"] == 1
    assert [warning.where for warning in state.warnings] == [entry.key]


def test_a_song_whose_tensors_cannot_be_used_is_left_out(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    first, second = read_manifest(songs).songs[:2]
    tensors = load_file(songs / first.file)
    tensors["latent_mean"][3, 5] = math.nan
    save_file(tensors, songs / first.file)
    (songs / second.file).unlink()
    _, state = engine.run("estimate", "estimate", _document(turbo, songs, tmp_path / "r.json"))
    assert state.results["songs_left_out"] == 2
    assert [warning.where for warning in state.warnings] == [first.key, second.key]
    assert "Not a number" in state.warnings[0].what


def test_a_gradient_that_is_no_number_counts_for_nothing() -> None:
    ranking, g = Ranking((0.2, 0.3, 0.5)), torch.Generator().manual_seed(0)
    outputs, inputs = torch.randn(30, 20, generator=g), torch.randn(30, 10, generator=g)
    for name in ("layers.0.good", "layers.0.bad"):
        ranking.observe(name, outputs, inputs * (math.nan if name.endswith("bad") else 1))
    assert not ranking.take(0)
    assert ranking.places() == []
    for name in ("layers.0.good", "layers.0.bad"):
        ranking.observe(name, outputs, inputs)
    assert ranking.take(0)
    exact = (outputs.T @ inputs).double().square().sum().item()
    assert [place.sensitivity for place in ranking.places()] == pytest.approx([exact, exact], rel=1e-5)
    assert all(math.isfinite(share) for entry in ranking.entries(by_layer=False) for share in entry["spectrum"])


def test_the_squared_norm_is_exact_whichever_way_is_cheaper() -> None:
    g = torch.Generator().manual_seed(3)
    for tokens in (1, 50, 700):  # blocks of tokens; more tokens than the matrix is worth
        shared = Inputs(torch.randn(tokens, 96, generator=g))
        for width in (8, 130):
            gradient = WeightGradient(torch.randn(tokens, width, generator=g), shared)
            exact = (gradient.outputs.double().T @ shared.matrix.double()).square().sum().item()
            assert gradient.square().item() == pytest.approx(exact, rel=1e-6)


def test_songs_that_are_held_out_are_not_measured(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the data set marks; else those that a training run of the same seed and default settings draws."""
    measured: list[str] = []
    take = Estimate._take
    monkeypatch.setattr(Estimate, "_take", lambda self, draw: measured.append(draw.song.key) or take(self, draw))
    manifest = read_manifest(songs)
    engine.run("drawn", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=10))
    split = split_songs(manifest, songs, ValidationSettings().songs, TrainingSettings().seed)
    assert set(measured) == {item.song.key for item in split.training}
    assert len(split.validation) == 1
    marked = {song.key for song in manifest.songs[:2]}
    entries = tuple(replace(song, held_out=song.key in marked) for song in manifest.songs)
    write_manifest(songs, replace(manifest, songs=entries))
    measured.clear()
    engine.run("marked", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=10))
    assert set(measured) == {song.key for song in manifest.songs} - marked


def test_one_song_is_enough(engine: Engine, turbo: Path, songs: Path, tmp_path: Path) -> None:
    manifest = read_manifest(songs)
    write_manifest(songs, replace(manifest, songs=manifest.songs[:1]))
    _, state = engine.run("one", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=4))
    assert state.results["batches"] == 4


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("empty", "no songs"),
        ("missing", "no preprocessed songs"),
        ("other model", "another model"),
        ("nan", "No song gave a finite gradient"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, fault: str, told: str
) -> None:
    manifest = read_manifest(songs)
    if fault == "empty":
        write_manifest(songs, replace(manifest, songs=()))
    elif fault == "missing":
        (songs / "manifest.json").unlink()
    elif fault == "other model":
        write_manifest(songs, replace(manifest, model="0" * 16))
    else:
        for entry in manifest.songs:
            tensors = load_file(songs / entry.file)
            save_file({**tensors, "latent_mean": torch.full_like(tensors["latent_mean"], math.nan)}, songs / entry.file)
    code, state = engine.work(engine.create("refused", "estimate", _document(turbo, songs, tmp_path / "r.json")))
    assert code == 1
    assert state.failure is not None
    assert told in state.failure.what
    assert not (tmp_path / "r.json").exists()
    assert len(state.warnings) == (len(manifest.songs) - 1 if fault == "nan" else 0)  # one is held out


def test_a_stopped_estimate_keeps_what_it_knows_and_goes_on_to_the_same_ranking(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    engine.run("whole", "estimate", _document(turbo, songs, tmp_path / "whole.json"))
    run = engine.create("stopped", "estimate", _document(turbo, songs, tmp_path / "stopped.json"))

    class AfterFour:
        def __init__(self, context: Any) -> None:
            self.context, self.seen = context, 0

        def __call__(self, event: Any) -> None:
            self.seen += isinstance(event, SensitivityUpdated)
            if self.seen == 4:
                self.context.stop_reason = "the test asked"

    from sidestep_tui.engine.context import JobContext, StopRequestedError
    from sidestep_tui.engine.estimate import job as estimate
    from sidestep_tui.runs.log import EventWriter

    with EventWriter(run.events_file) as events:
        context = JobContext(run, events)
        context.observers.append(AfterFour(context))
        with pytest.raises(StopRequestedError):
            estimate.run(context, run.settings())
    partial = json.loads((tmp_path / "stopped.json").read_text())
    assert partial["batches"] == 4
    code, state = engine.work(run)
    assert code == 0, state.failure
    resumed, whole = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("stopped", "whole"))
    assert resumed == whole


def test_an_estimate_ends_early_once_the_order_is_stable(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    document = _document(turbo, songs, tmp_path / "r.json", batches=200, stable_top=1)
    _, state = engine.run("early", "estimate", document)
    assert int(state.results["batches"] or 0) < 100
    assert "stable" in state.phase_detail


def test_layers_are_ranked_by_the_sums_of_their_modules(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    engine.run("modules", "estimate", _document(turbo, songs, tmp_path / "m.json", batches=3))
    engine.run("layers", "estimate", _document(turbo, songs, tmp_path / "l.json", batches=3, granularity="layer"))
    modules, layers = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("m", "l"))
    sums: dict[str, float] = {}
    for entry in modules["ranking"]:
        layer = ".".join(entry["module"].split(".")[:2])
        sums[layer] = sums.get(layer, 0.0) + entry["sensitivity"]
    assert {entry["module"]: entry["sensitivity"] for entry in layers["ranking"]} == pytest.approx(sums)
    assert layers["proposal"] == modules["proposal"]


def test_a_full_card_gets_shorter_windows(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sidestep_tui.engine.estimate import job as estimate

    original = estimate.sample_losses

    def too_long(transformer: Any, batch: Any) -> torch.Tensor:
        if batch.x0.shape[1] > 50:
            raise torch.OutOfMemoryError("full")
        return original(transformer, batch)

    monkeypatch.setattr(estimate, "sample_losses", too_long)
    monkeypatch.setattr(estimate, "_SMALLEST_CROP_SECONDS", 1.0)
    _, state = engine.run("short", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=3))
    assert any("windows" in warning.what for warning in state.warnings)
    assert state.results["batches"] == 3


def test_a_ranking_of_other_songs_is_told(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, train_document: dict[str, Any]
) -> None:
    output = songs / "sensitivity.json"
    engine.run("estimate", "estimate", {**_document(turbo, songs, output, batches=2), "output": None})
    document = json.loads(output.read_text())
    output.write_text(json.dumps({**document, "data": "of other songs"}))
    train_document |= {"adapter": {"targets_from": str(songs)}, "training": {"max_steps": 1}}
    _, state = engine.run("trained", "train", train_document)
    assert any("other songs" in warning.what for warning in state.warnings)
