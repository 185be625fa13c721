"""Generation: diffusers' own pipeline, the same bytes for a seed, every format, and an adapter that is heard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep import Variant, open_checkpoint
from sidestep_tui.acestep.vae import decode_latents
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.variants import Sampling
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.prompts import SongFields, lyric_prompt, text_prompt
from sidestep_tui.engine.adapters.adapter import adapter_weights, inject_new, save_adapter
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.generate.pipeline import build_pipeline, choose_sampling
from sidestep_tui.engine.generate.song import prompt_arguments
from sidestep_tui.runs.control import send_command

SECONDS = 1.0


@pytest.fixture
def document(tiny_checkpoint: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "model": {"checkpoint": str(tiny_checkpoint), "device": "cpu"},
        "output": str(tmp_path / "song.wav"),
        "prompt": "slow strings",
        "lyrics": "[Verse]\nsnow on the river",
        "language": "en",
        "bpm": 90,
        "duration": SECONDS,
        "steps": 2,
    }


@pytest.fixture
def adapter(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A LoRA with large random weights on every module of the tiny model."""
    checkpoint = open_checkpoint(tiny_checkpoint)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    settings = LoraSettings(rank=4, alpha=8)
    config = inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=1)
    generator = torch.Generator().manual_seed(1)
    weights = {
        key: 0.2 * torch.randn(value.shape, generator=generator) for key, value in adapter_weights(transformer).items()
    }
    save_adapter(tmp_path / "adapter", config, weights, "tiny")
    return tmp_path / "adapter"


def make(engine: Any, document: dict[str, Any], name: str, **changes: Any) -> bytes:
    output = Path(document["output"]).with_name(f"{name}.wav")
    engine.run(name, "generate", document | {"output": str(output)} | changes)
    return output.read_bytes()


@pytest.mark.parametrize(
    ("lyrics", "language", "bpm", "key", "signature", "seconds"),
    [
        ("[Verse]\nsnow", "en", 90, "F# minor", "3", 61.9),
        ("", "", None, None, None, 1.0),
        ("雪", "zh", 120, "C major", "4", 600),
    ],
)
def test_prompts_are_the_pipelines_own(
    tiny_checkpoint: Path,
    lyrics: str,
    language: str,
    bpm: int | None,
    key: str | None,
    signature: str | None,
    seconds: float,
) -> None:
    from diffusers import AceStepPipeline

    settings = GenerateSettings(
        model={"checkpoint": tiny_checkpoint},
        output="song.wav",
        prompt="a caption",
        lyrics=lyrics,
        language=language,
        bpm=bpm,
        keyscale=key,
        timesignature=signature,
        duration=seconds,
    )
    pipeline = AceStepPipeline.__new__(AceStepPipeline)
    # What diffusers says to the text encoder; nothing in public gives it as words.
    theirs = pipeline._format_prompt(**prompt_arguments(settings))
    ours = SongFields("a caption", seconds, lyrics, language, bpm, key, signature)
    assert theirs == (text_prompt(ours), lyric_prompt(ours))


def test_the_song_is_that_of_the_pipeline(engine: Any, document: dict[str, Any], tiny_checkpoint: Path) -> None:
    make(engine, document, "ours")
    written = read_audio(Path(document["output"]).with_name("ours.wav"))
    pipeline = build_pipeline(open_checkpoint(tiny_checkpoint), torch.float32)
    noise = torch.randn((1, 25, 64), generator=torch.Generator().manual_seed(42))
    theirs = pipeline(
        prompt="slow strings",
        lyrics="[Verse]\nsnow on the river",
        vocal_language="en",
        bpm=90,
        audio_duration=SECONDS,
        num_inference_steps=2,
        shift=3.0,
        guidance_scale=1.0,
        latents=noise,
    ).audios[0]
    torch.testing.assert_close(torch.from_numpy(written), theirs, rtol=0, atol=1e-4)


def test_what_was_decoded_is_kept_in_the_run(engine: Any, document: dict[str, Any]) -> None:
    run, state = engine.run("run", "generate", document)
    (sample,) = state.samples
    latents = load_file(run.path / sample.latents)["latents"]
    assert latents.shape == (25, 64)
    waveform = decode_latents(
        open_checkpoint(Path(document["model"]["checkpoint"])).load_vae("cpu", torch.float32), latents
    )
    written = torch.from_numpy(read_audio(Path(document["output"])))
    torch.testing.assert_close(written / written.abs().max(), waveform / waveform.abs().max(), rtol=0, atol=1e-2)


def test_a_seed_means_the_same_bytes(engine: Any, document: dict[str, Any]) -> None:
    first, again, other = (make(engine, document, name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again != other


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "opus"])
def test_every_format_is_written_and_is_the_same_bytes_again(
    engine: Any, document: dict[str, Any], suffix: str, tmp_path: Path
) -> None:
    output, again = tmp_path / f"a [song].{suffix}", tmp_path / f"again.{suffix}"
    _, state = engine.run("run", "generate", document | {"output": str(output), "steps": 1})
    assert [sample.path for sample in state.samples] == [str(output)]
    assert read_audio(output).shape[1] / 48_000 == pytest.approx(SECONDS, abs=0.1)
    engine.run("again", "generate", document | {"output": str(again), "steps": 1})
    assert output.read_bytes() == again.read_bytes()


def test_an_adapter_is_heard_at_its_scale(engine: Any, document: dict[str, Any], adapter: Path) -> None:
    without = make(engine, document, "without")
    scaled = {
        scale: make(engine, document, f"scale {scale}", adapter=str(adapter), adapter_scale=scale)
        for scale in (0.0, 1.0, -1.0)
    }
    assert scaled[0.0] == without
    assert len({without, scaled[1.0], scaled[-1.0]}) == 3


def test_base_models_are_guided_and_the_song_has_its_length(
    engine: Any, document: dict[str, Any], reference_checkpoint: Callable[[str], Path]
) -> None:
    document["model"]["checkpoint"] = str(reference_checkpoint("acestep-v15-base"))
    guided = make(engine, document, "guided", duration=1.3)
    unguided = make(engine, document, "unguided", duration=1.3, guidance_scale=1.0)
    assert guided != unguided
    info = soundfile.info(str(Path(document["output"]).with_name("guided.wav")))
    assert (info.frames, info.samplerate, info.channels) == (33 * 1920, 48_000, 2)


def test_each_variant_has_its_own_sampling(document: dict[str, Any]) -> None:
    settings = GenerateSettings.model_validate({key: value for key, value in document.items() if key != "steps"})
    assert choose_sampling(settings, Variant.TURBO) == Sampling(8, 3.0, 1.0)
    assert choose_sampling(settings, Variant.BASE) == choose_sampling(settings, Variant.SFT) == Sampling(50, 1.0, None)
    chosen = settings.model_copy(update={"steps": 20, "shift": 2.0, "guidance_scale": 4.0})
    assert choose_sampling(chosen, Variant.TURBO) == Sampling(20, 2.0, 1.0)
    assert choose_sampling(chosen, Variant.SFT) == Sampling(20, 2.0, 4.0)


def test_a_stop_ends_it_between_two_steps(
    engine: Any, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.create("run", "generate", document | {"steps": 50})
    from diffusers import AceStepTransformer1DModel

    forward = AceStepTransformer1DModel.forward

    def ask_to_stop(*arguments: Any, **named: Any) -> Any:
        send_command(run, "stop")
        return forward(*arguments, **named)

    monkeypatch.setattr(AceStepTransformer1DModel, "forward", ask_to_stop)
    code, state = engine.work(run)
    assert (code, state.status, state.progress.done) == (0, "stopped", 1)
    assert not Path(document["output"]).exists()


def test_an_unknown_format_is_said_before_anything_is_loaded(engine: Any, document: dict[str, Any]) -> None:
    code, state = engine.work(engine.create("run", "generate", document | {"output": "song.xyz"}))
    assert code == 2
    assert ".mp3" in state.failure.fix
