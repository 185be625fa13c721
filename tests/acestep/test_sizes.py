"""The published models' numbers, on the meta device: no weights are needed to check them."""

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from peft import LoraConfig, inject_adapter_in_model

TWO_B = {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 24, "num_attention_heads": 16}
XL = {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "encoder_hidden_size": 2048,
}


@pytest.mark.parametrize(("sizes", "parameters"), [(TWO_B, 1_575_458_880), (XL, 4_168_897_088)])
def test_parameter_counts(sizes: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        transformer = AceStepTransformer1DModel(**sizes, num_key_value_heads=8, head_dim=128)
    assert sum(p.numel() for p in transformer.parameters()) == parameters


def test_lora_rank_64_on_both_attentions_of_the_2b() -> None:
    with torch.device("meta"):
        transformer = AceStepTransformer1DModel(**TWO_B, num_key_value_heads=8, head_dim=128)
        inject_adapter_in_model(LoraConfig(r=64, target_modules=["to_q", "to_k", "to_v", "to_out.0"]), transformer)
    trainable = [p for p in transformer.parameters() if p.requires_grad]
    assert (len(trainable), sum(p.numel() for p in trainable)) == (384, 44_040_192)
