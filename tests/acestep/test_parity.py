"""Every module of the original ACE-Step 1.5 against ours: outputs, training loss and every gradient of the DiT."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AceStepTransformer1DModel

from sidestep_tui.acestep import Checkpoint, flow, keymap, open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.conditioning import TextStates, encode_states
from sidestep_tui.acestep.velocity import velocity

Expected = Callable[[str], dict[str, torch.Tensor]]
MODELS = ["turbo", "base", "xl-turbo"]


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def checkpoint(model: str, reference_checkpoint: Callable[[str], Path]) -> Checkpoint:
    return open_checkpoint(reference_checkpoint(f"acestep-v15-{model}"))


@pytest.fixture(params=["reference", "banded"])
def transformer(request: pytest.FixtureRequest, checkpoint: Checkpoint) -> AceStepTransformer1DModel:
    loaded = checkpoint.load_transformer("cpu", torch.float32)
    if request.param == "banded":
        use_banded_attention(loaded)
    return loaded


@pytest.mark.parametrize("case", ["even", "odd", "encl", "one"])
def test_dit(case: str, model: str, transformer: AceStepTransformer1DModel, expected: Expected) -> None:
    data = {key.removeprefix(f"dec.{case}."): value for key, value in expected(model).items()}
    ours = transformer(
        hidden_states=data["x"],
        timestep=data["t"],
        timestep_r=data["r"],
        encoder_hidden_states=data["e"],
        context_latents=data["ctx"],
        return_dict=False,
    )[0]
    torch.testing.assert_close(ours, data["y"], atol=1e-5, rtol=1e-5)


def test_condition_encoder_with_padding_and_two_references(
    model: str, checkpoint: Checkpoint, expected: Expected
) -> None:
    data = {key.removeprefix("enc."): value for key, value in expected(model).items()}
    encoder = checkpoint.load_condition_encoder("cpu", torch.float32)
    ours, mask = encoder(data["text"], data["text_mask"], data["lyric"], data["lyric_mask"], data["ref"], data["order"])
    assert torch.equal(mask, data["mask"])
    torch.testing.assert_close(ours[mask], data["out"][mask], atol=1e-5, rtol=1e-5)


def test_encode_states_is_the_original_with_the_silence_reference(
    model: str, checkpoint: Checkpoint, expected: Expected
) -> None:
    data = expected(model)
    # `enc.silref` is for the first text and the second lyrics; the original left their padding in place.
    text, lyrics = data["enc.text"][0], data["enc.lyric"][1]
    text_kept, lyrics_kept = data["enc.text_mask"][0].bool(), data["enc.lyric_mask"][1].bool()
    states = TextStates(text[text_kept], lyrics[lyrics_kept])
    ours = encode_states(
        checkpoint.load_condition_encoder("cpu", torch.float32),
        states,
        checkpoint.silence_latent(),
        checkpoint.config.timbre_fix_frame,
    )
    theirs = data["enc.silref"][0][: len(ours)]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_zero_reference_is_not_silence(model: str, expected: Expected) -> None:
    data = expected(model)
    assert (data["enc.silref"] - data["enc.zeroref"]).abs().max() > 1


def test_audio_tokens(model: str, checkpoint: Checkpoint, expected: Expected) -> None:
    data = expected(model)
    quantized, indices = checkpoint.load_audio_tokenizer("cpu", torch.float32).tokenize(
        data["tok.in"], checkpoint.silence_latent()[None]
    )
    assert torch.equal(indices, data["tok.idx"].long())
    torch.testing.assert_close(quantized, data["tok.q"])
    torch.testing.assert_close(
        checkpoint.load_audio_token_detokenizer("cpu", torch.float32)(quantized), data["tok.detok"]
    )


def test_training_step(
    model: str, checkpoint: Checkpoint, transformer: AceStepTransformer1DModel, expected: Expected
) -> None:
    data = expected(model)
    train = {key.removeprefix("train."): value for key, value in data.items() if key.startswith("train.")}
    encoder = checkpoint.load_condition_encoder("cpu", torch.float32)
    with torch.no_grad():
        condition, _ = encoder(
            train["text"], train["text_mask"], train["lyric"], train["lyric_mask"], train["ref"], train["order"]
        )
    dropped = train["cfg_rand"] < 0.5
    condition = torch.where(dropped[:, None, None], encoder.null_condition_emb, condition)
    t = flow.max_logit_normal(train["n1"], train["n2"], mu=-0.4, sigma=1.0)
    x_t = flow.interpolate(train["x0"], train["x1"], t)
    context = torch.cat([train["src"], torch.ones_like(train["src"])], dim=-1)

    transformer.requires_grad_(True)
    predicted = velocity(transformer, x_t, t, condition, context)
    loss = flow.flow_matching_losses(predicted, flow.velocity_target(train["x0"], train["x1"])).mean()
    loss.backward()

    torch.testing.assert_close(loss.detach(), train["loss"][0], atol=0, rtol=1e-6)
    compared = [_compare_gradient(keymap.to_original(name), p.grad, data) for name, p in transformer.named_parameters()]
    assert len(compared) == len({key.split(".", 1)[1] for key in data if key.startswith("grad")})


def _compare_gradient(name: str, ours: torch.Tensor | None, data: dict[str, torch.Tensor]) -> None:
    assert ours is not None, name
    if f"grad.{name}" in data:
        theirs = data[f"grad.{name}"]
        assert (ours - theirs).norm() <= 1e-5 * theirs.norm() + 1e-9, name
        return
    norm, sample = data[f"grad_norm.{name}"][0], data[f"grad_sample.{name}"]
    mine = ours.flatten()[:: max(1, ours.numel() // 256) | 1]
    torch.testing.assert_close(ours.norm(), norm, atol=1e-9, rtol=1e-5, msg=name)
    assert (mine - sample).norm() <= 2e-5 * sample.norm() + 1e-9, name


def test_xl_alone_reads_the_special_token(reference_checkpoint: Callable[[str], Path]) -> None:
    for name, corrected in [("acestep-v15-turbo", False), ("acestep-v15-base", False), ("acestep-v15-xl-turbo", True)]:
        timbre = open_checkpoint(reference_checkpoint(name)).load_condition_encoder("cpu", torch.float32).timbre_encoder
        reference = torch.randn(1, 20, 64)
        before, _ = timbre(reference, torch.zeros(1, dtype=torch.long))
        timbre.special_token.add_(1.0)
        after, _ = timbre(reference, torch.zeros(1, dtype=torch.long))
        assert torch.equal(before, after) is not corrected, name
