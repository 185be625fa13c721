"""Opening and loading: both layouts, variants, precision, memory, and what tells one model from another."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from sidestep_tui.acestep import Checkpoint, Layout, Variant, open_checkpoint
from sidestep_tui.errors import SidestepError

from .support import edit_config, rewrite

Reference = Callable[[str], Path]
LOADERS = (
    "load_transformer",
    "load_condition_encoder",
    "load_audio_tokenizer",
    "load_audio_token_detokenizer",
    "load_vae",
    "load_text_encoder",
)


@pytest.mark.parametrize(
    ("name", "variant", "is_xl"),
    [
        ("acestep-v15-turbo", Variant.TURBO, False),
        ("acestep-v15-base", Variant.BASE, False),
        ("acestep-v15-xl-turbo", Variant.TURBO, True),
    ],
)
def test_original_layout(name: str, variant: Variant, is_xl: bool, reference_checkpoint: Reference) -> None:
    checkpoint = open_checkpoint(reference_checkpoint(name))
    assert checkpoint.layout is Layout.ORIGINAL
    assert (checkpoint.variant, checkpoint.is_xl) == (variant, is_xl)
    config = checkpoint.config
    assert (config.sliding_window, config.timbre_fix_frame, config.timestep_mu) == (8, 750, -0.4)
    assert config.layer_types == ("sliding_attention", "full_attention") * 2
    assert config.is_turbo is (variant is Variant.TURBO)


def test_diffusers_layout(tiny_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    assert checkpoint.layout is Layout.DIFFUSERS
    assert checkpoint.variant is Variant.TURBO
    assert (checkpoint.config.timbre_fix_frame, checkpoint.config.timestep_mu) == (750, -0.4)


def test_a_config_without_layer_types_means_those_that_are_built(turbo: Path) -> None:
    edit_config(turbo, remove=("layer_types",))
    checkpoint = open_checkpoint(turbo)
    assert list(checkpoint.config.layer_types) == checkpoint.load_transformer("cpu", torch.float32).layer_types
    assert checkpoint.config.layer_types[:2] == ("sliding_attention", "full_attention")


@pytest.mark.parametrize("layout", ["original", "diffusers"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("loader", LOADERS)
def test_modules_are_frozen_whole_and_in_the_asked_precision(
    loader: str, dtype: torch.dtype, layout: str, reference_checkpoint: Reference, tiny_checkpoint: Path
) -> None:
    path = tiny_checkpoint if layout == "diffusers" else reference_checkpoint("acestep-v15-xl-turbo")
    module: nn.Module = getattr(open_checkpoint(path), loader)("cpu", dtype)
    assert not module.training
    assert {parameter.dtype for parameter in module.parameters()} == {dtype}
    assert not any(parameter.requires_grad for parameter in module.parameters())
    tensors = [*module.parameters(), *module.buffers()]
    tensors += [value for part in module.modules() for value in vars(part).values() if isinstance(value, torch.Tensor)]
    assert {tensor.device.type for tensor in tensors} == {"cpu"}


def test_weights_do_not_hang_on_the_file(turbo: Path) -> None:
    transformer = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    before = transformer.norm_out.weight.clone()
    (turbo / "model.safetensors").write_bytes(b"\0" * (turbo / "model.safetensors").stat().st_size)
    assert torch.equal(transformer.norm_out.weight, before)


def test_both_layouts_give_the_same_modules(turbo: Path, tmp_path: Path) -> None:
    original = open_checkpoint(turbo)
    for part in ("transformer", "condition_encoder"):
        getattr(original, f"load_{part}")("cpu", torch.float32).save_pretrained(tmp_path / "converted" / part)
    index = {"_class_name": "AceStepPipeline", "transformer": [], "condition_encoder": []}
    (tmp_path / "converted" / "model_index.json").write_text(json.dumps(index))
    converted = open_checkpoint(tmp_path / "converted")
    assert torch.equal(original.silence_latent(), converted.silence_latent())
    assert original.config == converted.config
    for part in ("transformer", "condition_encoder"):
        theirs = getattr(original, f"load_{part}")("cpu", torch.float32).state_dict()
        ours = getattr(converted, f"load_{part}")("cpu", torch.float32).state_dict()
        assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())


def test_silence_latent_is_frames_by_channels(reference_checkpoint: Reference, reference_folder: Path) -> None:
    checkpoint = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    silence = checkpoint.silence_latent()
    assert (silence.shape, silence.dtype) == ((15000, 64), torch.float32)
    assert torch.equal(silence[:1500], load_file(reference_folder / "silence.safetensors")["frames"])
    assert torch.equal(checkpoint.load_condition_encoder("cpu", torch.float32).silence_latent[0], silence)


def test_opening_needs_no_torch(reference_checkpoint: Reference) -> None:
    probe = (
        "import sys; from pathlib import Path; from sidestep_tui.acestep import open_checkpoint; "
        "c = open_checkpoint(Path(sys.argv[1])); c.fingerprint(); c.parameter_count; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", probe, str(reference_checkpoint("acestep-v15-turbo"))], check=True)


class TestFingerprint:
    def test_survives_moving_and_renaming(self, turbo: Path, reference_checkpoint: Reference) -> None:
        before = open_checkpoint(turbo).fingerprint()
        assert before == open_checkpoint(reference_checkpoint("acestep-v15-turbo")).fingerprint()
        turbo.rename(turbo.with_name("my-model"))
        assert open_checkpoint(turbo.with_name("my-model")).fingerprint() == before

    def test_tells_weights_and_configs_apart(self, turbo: Path, tiny_checkpoint: Path) -> None:
        seen = {open_checkpoint(turbo).fingerprint(), open_checkpoint(tiny_checkpoint).fingerprint()}
        rewrite(turbo / "model.safetensors", lambda tensors: tensors["decoder.norm_out.weight"].add_(1))
        seen.add(open_checkpoint(turbo).fingerprint())
        edit_config(turbo, timestep_mu=0.0)
        seen.add(open_checkpoint(turbo).fingerprint())
        assert len(seen) == 4

    def test_ignores_bookkeeping(self, turbo: Path) -> None:
        before = open_checkpoint(turbo).fingerprint()
        edit_config(turbo, transformers_version="9.9", remove=("auto_map",))
        assert open_checkpoint(turbo).fingerprint() == before


class TestVariant:
    def test_fine_tune_without_keys_asks_for_its_base(self, turbo: Path) -> None:
        edit_config(turbo, remove=("is_turbo", "model_version"))
        with pytest.raises(SidestepError) as caught:
            open_checkpoint(turbo)
        assert "--base turbo" in str(caught.value)
        checkpoint = open_checkpoint(turbo, base=Variant.SFT)
        assert checkpoint.variant is Variant.SFT
        assert checkpoint.config.is_turbo is False
        assert checkpoint.load_transformer("cpu", torch.float32).config.is_turbo is False

    @pytest.mark.parametrize("variant", [Variant.BASE, Variant.SFT])
    def test_published_xl_folders_name_base_and_sft(self, variant: Variant, turbo: Path) -> None:
        xl = turbo.with_name("acestep-v15-xl-turbo")
        edit_config(xl, is_turbo=False)
        renamed = xl.rename(xl.with_name(f"acestep-v15-xl-{variant}"))
        assert open_checkpoint(renamed).variant is variant

    def test_xl_is_seen_in_the_sizes_not_in_the_name(self, turbo: Path) -> None:
        assert not open_checkpoint(turbo.rename(turbo.with_name("acestep-v15-xl-sft")), base=Variant.TURBO).is_xl


def test_a_full_card_is_not_told_as_a_damaged_text_encoder(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("transformers.Qwen3Model.from_pretrained", full)
    with pytest.raises(torch.OutOfMemoryError):
        open_checkpoint(tiny_checkpoint).load_text_encoder("cpu", torch.float32)


def test_python_files_in_the_folder_are_never_run(turbo: Path) -> None:
    for name in ("configuration_acestep_v15", "modeling_acestep_v15_turbo"):
        (turbo / f"{name}.py").write_text("raise SystemExit('ran')")
    checkpoint: Checkpoint = open_checkpoint(turbo)
    for loader in LOADERS:
        getattr(checkpoint, loader)("cpu", torch.float32)
