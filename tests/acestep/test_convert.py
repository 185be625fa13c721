"""Models written anew: both layouts, both ways, to the same bytes, in shards, and in another precision."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep import Checkpoint, Layout, open_checkpoint
from sidestep_tui.acestep.convert import write_checkpoint
from sidestep_tui.acestep.flow import inference_schedule
from sidestep_tui.acestep.safetensors_index import index_folder
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.errors import SidestepError

Reference = Callable[[str], Path]
MODELS = ("acestep-v15-turbo", "acestep-v15-base", "acestep-v15-xl-turbo")


def stored(folder: Path) -> dict[str, tuple[str, tuple[int, ...], str]]:
    """Name, type, shape and a hash of the bytes of every tensor in a folder."""
    found = {}
    for name, entry in index_folder(folder).items():
        with entry.file.open("rb") as stream:
            stream.seek(entry.start)
            data = stream.read(entry.end - entry.start)
        found[name] = (entry.dtype, entry.shape, hashlib.sha256(data).hexdigest())
    return found


def answer(checkpoint: Checkpoint) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    width = checkpoint.config.encoder_hidden_size
    x, condition, context = (torch.randn(1, n, d, generator=generator) for n, d in ((10, 64), (7, width), (10, 128)))
    with torch.no_grad():
        return velocity(checkpoint.load_transformer("cpu", torch.float32), x, torch.tensor([0.6]), condition, context)


@pytest.mark.parametrize("name", MODELS)
def test_there_and_back_gives_the_same_bytes(reference_checkpoint: Reference, tmp_path: Path, name: str) -> None:
    source = open_checkpoint(reference_checkpoint(name))
    there, back = tmp_path / "there", tmp_path / "checkpoints" / name
    write_checkpoint(there, source, Layout.DIFFUSERS)
    middle = open_checkpoint(there)
    assert (middle.layout, middle.variant, middle.is_xl) == (Layout.DIFFUSERS, source.variant, source.is_xl)
    assert torch.equal(answer(middle), answer(source))
    write_checkpoint(back, middle, Layout.ORIGINAL)
    again = open_checkpoint(back)
    assert stored(back) == stored(source.path)
    assert again.fingerprint() == source.fingerprint()
    assert json.loads((back / "config.json").read_text()) == json.loads((source.path / "config.json").read_text())
    assert torch.equal(again.silence_latent(), source.silence_latent())
    assert stored(back.parent / "Qwen3-Embedding-0.6B") == stored(source.path.parent / "Qwen3-Embedding-0.6B")


def test_diffusers_itself_opens_a_converted_model(reference_checkpoint: Reference, tmp_path: Path) -> None:
    from diffusers import AceStepPipeline

    source = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    write_checkpoint(tmp_path / "pipeline", source, Layout.DIFFUSERS)
    pipeline = AceStepPipeline.from_pretrained(tmp_path / "pipeline")
    ours = source.load_transformer("cpu", torch.float32).state_dict()
    theirs = pipeline.transformer.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())
    assert torch.equal(pipeline.condition_encoder.silence_latent[0], source.silence_latent())
    assert pipeline.is_turbo
    pipeline.scheduler.set_timesteps(sigmas=inference_schedule(8, 3.0).tolist())
    torch.testing.assert_close(pipeline.scheduler.timesteps, inference_schedule(8, 3.0))
    text = "# Languages\nen\n\n# Lyric\n[Verse]<|endoftext|>"
    assert pipeline.tokenizer(text).input_ids == source.load_tokenizer()(text).input_ids


def test_a_pipeline_that_was_never_original_becomes_one(tiny_checkpoint: Path, tmp_path: Path) -> None:
    source = open_checkpoint(tiny_checkpoint)
    write_checkpoint(tmp_path / "checkpoints" / "tiny", source, Layout.ORIGINAL)
    converted = open_checkpoint(tmp_path / "checkpoints" / "tiny")
    assert (converted.variant, converted.config) == (source.variant, source.config)
    assert torch.equal(answer(converted), answer(source))
    for part in ("condition_encoder", "audio_tokenizer", "audio_token_detokenizer", "vae", "text_encoder"):
        ours, theirs = (
            getattr(model, f"load_{part}")("cpu", torch.float32).state_dict() for model in (converted, source)
        )
        assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items()), part


def test_large_models_come_in_shards_with_an_index(reference_checkpoint: Reference, tmp_path: Path) -> None:
    source = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    output = tmp_path / "checkpoints" / "model"
    limit = 500_000
    write_checkpoint(output, source, Layout.ORIGINAL, shard_bytes=limit)
    index = json.loads((output / "model.safetensors.index.json").read_text())
    files = sorted(output.glob("model-*-of-*.safetensors"))
    assert len(files) > 2
    assert sorted(set(index["weight_map"].values())) == [file.name for file in files]
    assert all(file.stat().st_size < limit + 20_000 for file in files)
    assert index["metadata"]["total_size"] == sum(entry.parameters * 4 for entry in index_folder(output).values())
    assert stored(output) == stored(source.path)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_another_precision(reference_checkpoint: Reference, tmp_path: Path, dtype: torch.dtype) -> None:
    source = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    output = tmp_path / "checkpoints" / "half"
    write_checkpoint(output, source, Layout.ORIGINAL, lambda _name: lambda weight: 1.1 * weight, dtype)
    ours, theirs = load_file(output / "model.safetensors"), load_file(source.path / "model.safetensors")
    for name, tensor in theirs.items():
        wanted = 1.1 * tensor if name.startswith("decoder.") else tensor
        assert torch.equal(ours[name], wanted.to(dtype)), f"{name} is not rounded once, after its change"
    assert json.loads((output / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    assert open_checkpoint(output).silence_latent().dtype == torch.float32


def test_a_pipeline_in_another_precision_keeps_its_silence_and_none_of_its_old_weights(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    output, told = tmp_path / "half", list[tuple[int, int]]()
    source = open_checkpoint(tiny_checkpoint)
    write_checkpoint(
        output, source, Layout.DIFFUSERS, dtype=torch.bfloat16, on_tensor=lambda *n: told.append(n), shard_bytes=100_000
    )
    assert not (output / "transformer" / "diffusion_pytorch_model.safetensors").exists(), (
        "there are shards in its place"
    )
    assert told == [(number, len(told)) for number in range(1, len(told) + 1)]
    entries = open_checkpoint(output).entries("condition_encoder")
    assert [name for name, entry in entries.items() if entry.dtype != "BF16"] == ["silence_latent"]


def test_side_files_come_along_and_no_code_is_run(reference_checkpoint: Reference, tmp_path: Path) -> None:
    """ACE-Step's application looks for its modelling code beside the weights; for us it is text."""
    model = tmp_path / "checkpoints" / "model"
    shutil.copytree(reference_checkpoint("acestep-v15-turbo").parent, model.parent)
    (model.parent / "acestep-v15-turbo").rename(model)
    (model / "modeling_acestep_v15_turbo.py").write_text("raise SystemExit('run')")
    output = tmp_path / "elsewhere" / "copy"
    write_checkpoint(output, open_checkpoint(model), Layout.ORIGINAL)
    assert (output / "modeling_acestep_v15_turbo.py").read_text() == "raise SystemExit('run')"
    assert {path.name for path in output.parent.iterdir()} == {"copy", "vae", "Qwen3-Embedding-0.6B"}


def test_nothing_is_left_of_a_conversion_that_fails(reference_checkpoint: Reference, tmp_path: Path) -> None:
    source = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))

    def fail(_done: int, _total: int) -> None:
        raise SidestepError("stopped here")

    with pytest.raises(SidestepError, match="stopped here"):
        write_checkpoint(tmp_path / "checkpoints" / "model", source, Layout.ORIGINAL, on_tensor=fail)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_no_more_than_one_tensor_is_in_memory(reference_checkpoint: Reference, tmp_path: Path) -> None:
    import tracemalloc

    source = open_checkpoint(reference_checkpoint("acestep-v15-xl-turbo"))
    weights = sum(file.stat().st_size for file in source.path.glob("*.safetensors"))
    largest = max(entry.end - entry.start for entry in index_folder(source.path).values())
    first, second = tmp_path / "models" / "first", tmp_path / "models" / "second"  # with one VAE beside both
    write_checkpoint(first, source, Layout.ORIGINAL)  # what is imported on the way is not counted
    tracemalloc.start()
    write_checkpoint(second, source, Layout.ORIGINAL)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < largest + 1_500_000 < weights
