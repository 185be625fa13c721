"""The tiny model: small, reproducible, whole, and readable by AceStepPipeline."""

from pathlib import Path

import pytest
import torch
from diffusers import AceStepPipeline

from sidestep_tui.acestep import Variant, open_checkpoint
from sidestep_tui.acestep.model_config import HOP
from sidestep_tui.acestep.tiny import build_tiny_checkpoint
from sidestep_tui.acestep.vae import encode_audio
from sidestep_tui.errors import SidestepError


def test_size_and_reproducibility(tiny_checkpoint: Path, tmp_path: Path) -> None:
    files = [file for file in tiny_checkpoint.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 15e6
    state = torch.random.get_rng_state()
    build_tiny_checkpoint(tmp_path / "again")
    assert torch.equal(torch.random.get_rng_state(), state)
    for file in files:
        assert (tmp_path / "again" / file.relative_to(tiny_checkpoint)).read_bytes() == file.read_bytes(), file


def test_seed_and_variant_make_other_models(tiny_checkpoint: Path, tmp_path: Path) -> None:
    build_tiny_checkpoint(tmp_path / "base", seed=1, variant=Variant.BASE)
    base = open_checkpoint(tmp_path / "base")
    assert base.variant is Variant.BASE
    assert base.fingerprint() != open_checkpoint(tiny_checkpoint).fingerprint()


def test_never_overwrites(tiny_checkpoint: Path) -> None:
    with pytest.raises(SidestepError, match="exists already"):
        build_tiny_checkpoint(tiny_checkpoint)


def test_latents_have_unit_scale_and_silence_is_the_vaes_own(tiny_checkpoint: Path) -> None:
    checkpoint = open_checkpoint(tiny_checkpoint)
    vae = checkpoint.load_vae("cpu", torch.float32)
    assert vae.hop_length == HOP
    mean, std = encode_audio(vae, 0.1 * torch.randn(2, 20 * HOP))
    assert 0.3 < mean.std() < 3
    torch.testing.assert_close(std, torch.full_like(std, 0.05), atol=2e-3, rtol=0)
    silence = checkpoint.silence_latent()
    assert silence.shape == (15_000, 64)
    encoded, _ = encode_audio(vae, torch.zeros(2, 70 * HOP))
    torch.testing.assert_close(silence[:25], encoded[:25], atol=1e-4, rtol=1e-4)


def test_tokenizer_reads_any_script(tiny_checkpoint: Path) -> None:
    tokenizer = open_checkpoint(tiny_checkpoint).load_tokenizer()
    for text in ["plain", "žluťoučký kůň", "雪が降る", "العربية", "🎵\x00\n"]:
        assert tokenizer.decode(tokenizer(text).input_ids[:-1]) == text


def test_the_pipeline_generates(tiny_checkpoint: Path) -> None:
    pipeline = AceStepPipeline.from_pretrained(tiny_checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    audio = pipeline(prompt="folk", lyrics="la", audio_duration=1.0, num_inference_steps=2).audios
    assert audio.shape == (1, 2, 48_000)
    assert torch.isfinite(audio).all()
