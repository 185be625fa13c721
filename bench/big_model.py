"""A model folder of the true size with random weights, in both layouts, for measuring how it is loaded."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from accelerate import init_empty_weights
from diffusers import AceStepTransformer1DModel
from diffusers.pipelines import ace_step

from bench.runs import build_model
from sidestep_tui.acestep import Layout, open_checkpoint
from sidestep_tui.acestep.convert import write_checkpoint
from sidestep_tui.acestep.keymap import join_original_key
from sidestep_tui.acestep.safetensors_write import SHARD_BYTES, PlannedTensor, write_model
from sidestep_tui.config.dit_shape import DitShape

CLASSES = {
    "transformer": AceStepTransformer1DModel,
    "condition_encoder": ace_step.AceStepConditionEncoder,
    "audio_tokenizer": ace_step.AceStepAudioTokenizer,
    "audio_token_detokenizer": ace_step.AceStepAudioTokenDetokenizer,
}
NAMES = {torch.bfloat16: "BF16", torch.float32: "F32"}
SEED_ELEMENTS = 2**22


def write_big_model(folder: Path, shape: DitShape, dtype: torch.dtype, shard_bytes: int = SHARD_BYTES) -> list[Path]:
    """Writes `original` and `diffusers` into `folder`, all four components of the shape; gives both model folders.

    The condition encoder has the depth of the published ones. Encoders beside the model are the tiny model's.
    """
    original = folder / "original" / "model"
    write_checkpoint(original, open_checkpoint(build_model(folder)), Layout.ORIGINAL)
    sizes = {
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "intermediate_size": shape.mlp,
        "sliding_window": shape.window,
        "layer_types": None,
        "text_hidden_dim": 1024,
        "num_lyric_encoder_hidden_layers": 8,
        "num_timbre_encoder_hidden_layers": 4,
        "fsq_dim": shape.condition,
    }
    if shape.condition != shape.hidden:
        sizes |= {"encoder_hidden_size": shape.condition, "encoder_intermediate_size": 3 * shape.condition}
        sizes |= {"encoder_num_attention_heads": 16, "encoder_num_key_value_heads": 8}
    config = json.loads((original / "config.json").read_text()) | sizes
    (original / "config.json").write_text(json.dumps(config))
    (original / "model.safetensors").unlink()
    write_model(original, "model", _tensors(original, dtype), lambda: None, shard_bytes)
    converted = folder / "diffusers"
    write_checkpoint(converted, open_checkpoint(original), Layout.DIFFUSERS, shard_bytes=shard_bytes)
    return [original, converted]


def _tensors(model: Path, dtype: torch.dtype) -> Iterator[PlannedTensor]:
    checkpoint = open_checkpoint(model)
    seed = (0.02 * torch.randn(SEED_ELEMENTS, generator=torch.Generator().manual_seed(0))).to(dtype)
    for component, module_class in CLASSES.items():
        with init_empty_weights():
            module = module_class(**checkpoint.arguments(component))
        for name, tensor in module.state_dict().items():
            if name != "silence_latent":
                key, size = join_original_key(component, name), tensor.numel() * dtype.itemsize
                yield PlannedTensor(key, NAMES[dtype], tuple(tensor.shape), size, partial(_bytes, seed, tensor.numel()))


def _bytes(seed: torch.Tensor, count: int) -> bytes:
    repeated = seed.repeat(-(-count // len(seed)))[:count]
    return repeated.view(torch.uint8).numpy().tobytes()
