"""Banded attention against diffusers' dense masks: outputs and gradients, odd lengths, batches, checkpointing."""

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from diffusers.models.transformers import ace_step_transformer

from sidestep_tui.acestep.attention import banded_attention, use_banded_attention
from sidestep_tui.acestep.velocity import velocity

WINDOW = 8


def make_transformer(banded: bool, checkpointing: bool = False, layers: int = 4) -> AceStepTransformer1DModel:
    torch.manual_seed(0)
    transformer = AceStepTransformer1DModel(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=WINDOW,
    )
    if banded:
        use_banded_attention(transformer)
    if checkpointing:
        transformer.enable_gradient_checkpointing()
    return transformer


def make_inputs(batch: int, frames: int, tokens: int = 5) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(frames)
    return {
        "x_t": torch.randn(batch, frames, 64, generator=draw),
        "t": torch.rand(batch, generator=draw),
        "condition": torch.randn(batch, tokens, 32, generator=draw),
        "context": torch.randn(batch, frames, 128, generator=draw),
    }


def gradients(transformer: AceStepTransformer1DModel, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    transformer.zero_grad()
    velocity(transformer, **inputs).square().mean().backward()
    return {name: p.grad.clone() for name, p in transformer.named_parameters() if p.grad is not None}


# In tokens (2 frames each): 1, within the window, its edge, one more, whole blocks, one token into the next block.
@pytest.mark.parametrize("frames", [1, 2, 9, 16, 17, 18, 19, 20, 32, 33, 49, 160, 163])
def test_same_output_and_gradients_as_dense_masks(frames: int) -> None:
    dense, banded = make_transformer(banded=False), make_transformer(banded=True)
    inputs = make_inputs(2, frames)
    torch.testing.assert_close(velocity(banded, **inputs), velocity(dense, **inputs), atol=1e-5, rtol=1e-5)
    theirs, ours = gradients(dense, **inputs), gradients(banded, **inputs)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-5, rtol=1e-4, msg=name)


def test_band_reaches_exactly_the_window() -> None:
    length = 40
    query, key = torch.zeros(1, length, 2, 8), torch.zeros(1, length, 1, 8)
    position = torch.arange(length, dtype=torch.float32).reshape(1, length, 1, 1).expand(1, length, 1, 8)
    mixed = banded_attention(query, key, position, WINDOW)[0, :, 0, 0]
    # Equal scores: every token gives the mean position of what it sees.
    seen = [range(max(0, i - WINDOW), min(length, i + WINDOW + 1)) for i in range(length)]
    torch.testing.assert_close(mixed, torch.tensor([sum(span) / len(span) for span in seen]))


def test_no_dense_mask_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_arguments: object) -> torch.Tensor:
        raise AssertionError("a dense mask was built")

    # The function of diffusers that builds it; a mask leaves no trace in the numbers.
    monkeypatch.setattr(ace_step_transformer, "_create_4d_mask", refuse)
    inputs = make_inputs(1, 64)
    velocity(make_transformer(banded=True), **inputs)
    with pytest.raises(AssertionError, match="dense mask"):
        velocity(make_transformer(banded=False), **inputs)


@pytest.mark.parametrize("frames", [20, 67])
def test_equal_gradients_with_checkpointing_and_a_frozen_base(frames: int) -> None:
    inputs = make_inputs(2, frames)
    results = []
    for checkpointing in (False, True):
        transformer = make_transformer(banded=True, checkpointing=checkpointing).requires_grad_(False)
        transformer.layers[1].self_attn.to_q.weight.requires_grad_(True)
        transformer.layers[2].mlp.up_proj.weight.requires_grad_(True)
        results.append(gradients(transformer, **inputs))
    plain, checkpointed = results
    assert plain.keys() == checkpointed.keys()
    assert len(plain) == 2
    for name, gradient in plain.items():
        assert gradient.abs().max() > 0
        torch.testing.assert_close(checkpointed[name], gradient, msg=name)


@pytest.mark.parametrize(("banded", "checkpointing"), [(True, False), (True, True), (False, False)])
def test_each_sample_of_an_unequal_batch_is_as_if_alone(banded: bool, checkpointing: bool) -> None:
    transformer = make_transformer(banded=banded, checkpointing=checkpointing)
    lengths, condition_lengths = [50, 33, 1], [3, 5, 4]
    inputs = make_inputs(3, 50)
    batch = velocity(
        transformer, **inputs, lengths=torch.tensor(lengths), condition_lengths=torch.tensor(condition_lengths)
    )
    alone = []
    for index, (frames, tokens) in enumerate(zip(lengths, condition_lengths, strict=True)):
        alone.append(
            velocity(
                transformer,
                inputs["x_t"][index : index + 1, :frames],
                inputs["t"][index : index + 1],
                inputs["condition"][index : index + 1, :tokens],
                inputs["context"][index : index + 1, :frames],
            )[0]
        )
        torch.testing.assert_close(batch[index, :frames], alone[index], atol=1e-5, rtol=1e-5)

    parameters = list(transformer.parameters())
    together = torch.autograd.grad(
        sum(batch[index, :frames].square().mean() for index, frames in enumerate(lengths)), parameters
    )
    separate = torch.autograd.grad(sum(sample.square().mean() for sample in alone), parameters)
    for ours, theirs in zip(together, separate, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("banded", [True, False])
def test_songs_of_one_length_with_unequal_conditions_are_as_if_alone(banded: bool) -> None:
    transformer, inputs = make_transformer(banded=banded), make_inputs(2, 42)
    together = velocity(transformer, **inputs, condition_lengths=torch.tensor([3, 5]))
    inputs["condition"] = inputs["condition"][:, :3]
    torch.testing.assert_close(together[0], velocity(transformer, **inputs)[0], atol=1e-5, rtol=1e-5)


def test_positions_far_into_a_song_are_exact_in_a_padded_batch_of_low_precision() -> None:
    """bfloat16 has no number between 256 and 258: rounded positions would give neighbours the same rotation."""
    transformer, inputs = make_transformer(banded=True).bfloat16(), make_inputs(1, 1_200)
    masked, alone = (velocity(transformer, **inputs, lengths=n).float() for n in (torch.tensor([1_200]), None))
    assert (masked - alone).norm() < 5e-3 * alone.norm()


@pytest.mark.parametrize("banded", [True, False])
def test_full_lengths_change_nothing(banded: bool) -> None:
    transformer, inputs = make_transformer(banded=banded), make_inputs(2, 41)
    masked = velocity(transformer, **inputs, lengths=torch.tensor([41, 41]), condition_lengths=torch.tensor([5, 5]))
    torch.testing.assert_close(masked, velocity(transformer, **inputs), atol=1e-5, rtol=1e-5)


def test_inputs_enter_in_the_models_dtype() -> None:
    transformer = make_transformer(banded=True).to(torch.bfloat16)
    seen: list[torch.dtype] = []
    transformer.time_embed.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].dtype))
    predicted = velocity(transformer, **make_inputs(1, 24))
    assert seen == [torch.bfloat16]
    assert predicted.dtype == torch.bfloat16
