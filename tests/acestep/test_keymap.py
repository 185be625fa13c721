"""Names in both directions."""

from collections.abc import Callable
from pathlib import Path

import pytest
from diffusers import AceStepTransformer1DModel

from sidestep_tui.acestep import keymap
from sidestep_tui.acestep.safetensors_index import index_folder

PAIRS = [
    ("layers.3.self_attn.q_proj", "layers.3.self_attn.to_q"),
    ("layers.11.cross_attn.o_proj.weight", "layers.11.cross_attn.to_out.0.weight"),
    ("layers.0.self_attn.k_norm.weight", "layers.0.self_attn.norm_k.weight"),
    ("layers.0.cross_attn.v_proj.lora_A.weight", "layers.0.cross_attn.to_v.lora_A.weight"),
    ("layers.0.mlp.gate_proj", "layers.0.mlp.gate_proj"),
    ("q_proj", "to_q"),
    ("proj_in.1.bias", "proj_in_conv.bias"),
    ("proj_out.1", "proj_out_conv"),
    ("quantizer.project_in.weight", "quantizer.project_in.weight"),
    ("proj_out.weight", "proj_out.weight"),
    ("linear_q_proj.weight", "linear_q_proj.weight"),
    ("proj_in.10.weight", "proj_in.10.weight"),
]


@pytest.mark.parametrize(("original", "diffusers"), PAIRS)
def test_both_directions(original: str, diffusers: str) -> None:
    assert keymap.to_diffusers(original) == diffusers
    assert keymap.to_original(diffusers) == original


def test_every_tensor_of_an_original_file_has_its_place(reference_checkpoint: Callable[[str], Path]) -> None:
    keys = index_folder(reference_checkpoint("acestep-v15-turbo"))
    owners = {key: keymap.split_original_key(key) for key in keys}
    assert None not in owners.values()
    for key, (component, name) in owners.items():
        prefix = "" if key == "null_condition_emb" else keymap.COMPONENT_PREFIXES[component]
        assert prefix + keymap.to_original(name) == key


def test_strange_keys_have_none() -> None:
    assert keymap.split_original_key("language_model.weight") is None
    assert keymap.split_original_key("decoders.0.weight") is None


def test_module_names_of_the_dit_survive_the_round_trip() -> None:
    transformer = AceStepTransformer1DModel(hidden_size=16, intermediate_size=16, num_hidden_layers=1, head_dim=4)
    for name, _ in transformer.named_modules():
        assert keymap.to_diffusers(keymap.to_original(name)) == name
