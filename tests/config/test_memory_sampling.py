"""What generated songs add to the estimate, held against the VAE and the DiT themselves."""

import weakref
from typing import Any

import pytest

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL, DitShape
from sidestep_tui.config.memory import sampling as memory_sampling
from sidestep_tui.config.memory.advice import cheapest_fit, largest_savings
from sidestep_tui.config.memory.estimate import RESERVE_BYTES, MemoryEstimate, estimate_memory
from sidestep_tui.config.memory.load import Load

from .support import train_settings


def estimate(shape: DitShape = SHAPE_2B, **values: object) -> MemoryEstimate:
    return estimate_memory(train_settings(**values), shape)


def test_songs_on_request_alone_do_not_count() -> None:
    assert estimate().sampling == 0
    assert estimate(samples__every_epochs=5, samples__songs=0).sampling == 0
    assert estimate(samples__every_epochs=5, samples__songs=0, samples__prompts="a waltz").sampling > 0


def test_short_samples_fit_into_what_a_step_takes() -> None:
    plain, sampling = estimate(), estimate(samples__every_epochs=5)
    assert sampling.total == plain.total
    assert dict(sampling.parts())["sampling"] == 0
    decoder = 2 * (memory_sampling.VAE_PARAMETERS + memory_sampling.VAE_DECODER_PARAMETERS)
    resident = sampling.model + sampling.adapter // 2 + sampling.optimizer + RESERVE_BYTES
    assert sampling.sampling > resident + decoder


def test_long_samples_can_be_the_peak_and_the_advice_says_so() -> None:
    settings = train_settings(data__crop_seconds=30.0, samples__every_epochs=5, samples__duration=600.0)
    memory = estimate_memory(settings, SHAPE_XL)
    assert memory.sampling > memory.step
    assert memory.total == memory.sampling == sum(size for _, size in memory.parts())
    change = cheapest_fit(settings, SHAPE_XL, round(memory.step * 1.06))
    assert change is not None
    assert change.values == {"samples.duration": 30.0}
    assert {"samples.duration": 30.0} in [dict(c.values) for c, _ in largest_savings(settings, SHAPE_XL, Load(), 20)]


def test_shorter_samples_are_not_advised_where_a_step_is_the_peak() -> None:
    settings = train_settings(samples__every_epochs=5, samples__duration=60.0)
    memory = estimate_memory(settings, SHAPE_XL)
    assert 0 < memory.sampling < memory.step
    savings = largest_savings(settings, SHAPE_XL, Load(), 20)
    assert all("samples.duration" not in change.values for change, _ in savings)


PRIOR = {"objective__prior_weight": 1.0, "objective__prior_prompts": "a | b | c"}


def test_a_prior_longer_than_the_crop_decides_the_activations() -> None:
    cropped = estimate(data__crop_seconds=10.0)
    preserved = estimate(data__crop_seconds=10.0, objective__prior_seconds=60.0, **PRIOR)
    # It comes when the gradients are there already, as a later micro-batch does.
    later = estimate(data__crop_seconds=60.0, training__gradient_accumulation=2)
    assert preserved.activations == later.activations > cropped.activations
    assert estimate(objective__prior_seconds=60.0, **PRIOR).activations == estimate().activations


def test_the_priors_songs_stay_on_the_card() -> None:
    added = estimate(objective__prior_seconds=60.0, **PRIOR).model - estimate().model
    latents_and_context, condition = 1500 * (64 + 128) * 4, 768 * 2048 * 2
    assert added == 3 * (latents_and_context + condition)


@pytest.mark.slow
def test_the_decoder_takes_what_the_published_vae_takes() -> None:
    import torch
    from diffusers import AutoencoderOobleck

    from sidestep_tui.acestep.vae import decoder_reach

    with torch.device("meta"):
        vae = AutoencoderOobleck(downsampling_ratios=[2, 4, 4, 6, 10], sampling_rate=48_000).bfloat16().eval()
    vae.requires_grad_(False)
    assert sum(p.numel() for p in vae.parameters()) == memory_sampling.VAE_PARAMETERS
    assert sum(p.numel() for p in vae.decoder.parameters()) == memory_sampling.VAE_DECODER_PARAMETERS
    assert 25 + 2 * decoder_reach(vae) == memory_sampling.SMALLEST_TILE_FRAMES
    for frames in (memory_sampling.SMALLEST_TILE_FRAMES, 500):
        latents = torch.zeros(1, 64, frames, dtype=torch.bfloat16, device="meta")
        counted = peak_of(lambda latents=latents: vae.decode(latents))
        derived = 2 * (memory_sampling.VAE_DECODER_PARAMETERS + frames * memory_sampling.VAE_FRAME_ELEMENTS)
        assert derived == pytest.approx(counted, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_a_pass_without_gradients_takes_what_is_derived(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from diffusers import AceStepTransformer1DModel

    from sidestep_tui.acestep import products
    from sidestep_tui.acestep.fast import use_fast_blocks

    monkeypatch.setattr(products, "ASK_ONEDNN", False)  # as on a card
    shape = DitShape(hidden=256, layers=2, heads=4, kv_heads=2, head_dim=64, mlp=768, condition=256, window=128)
    dtype, frames = getattr(torch, precision), 6000
    model = AceStepTransformer1DModel(
        hidden_size=shape.hidden, intermediate_size=shape.mlp, num_hidden_layers=shape.layers, head_dim=shape.head_dim,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, sliding_window=shape.window,
    ).to(dtype).eval().requires_grad_(False)  # fmt: skip
    use_fast_blocks(model)
    given = {
        "hidden_states": torch.zeros(1, frames, 64, dtype=dtype),
        "timestep": torch.full((1,), 0.5, dtype=dtype),
        "timestep_r": torch.full((1,), 0.5, dtype=dtype),
        "encoder_hidden_states": torch.zeros(1, 64, shape.condition, dtype=dtype),
        "context_latents": torch.zeros(1, frames, 128, dtype=dtype),
    }
    counted = peak_of(lambda: model(**given))
    derived = memory_sampling.forward_bytes(shape, frames // 2, dtype.itemsize)
    assert derived == pytest.approx(counted, rel=0.15)


def peak_of(work: Any) -> int:
    """The most bytes of tensors that lived at once, of those that the work made."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Counting(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.living: dict[int, int] = {}
            self.peak = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            for tensor in tree_leaves(result):
                if isinstance(tensor, torch.Tensor):
                    storage = tensor.untyped_storage()
                    # `_cdata` is its identity: of the meta device no storage has an address.
                    if storage._cdata not in self.living:
                        self.living[storage._cdata] = storage.nbytes()
                        weakref.finalize(storage, self.living.pop, storage._cdata, None)
            self.peak = max(self.peak, sum(self.living.values()))
            return result

    with torch.no_grad(), Counting() as counting:
        work()
    return counting.peak
