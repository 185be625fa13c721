"""The published models' numbers, on the meta device: no weights are needed to check them."""

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from diffusers.pipelines.ace_step import (
    AceStepAudioTokenDetokenizer,
    AceStepAudioTokenizer,
    AceStepConditionEncoder,
)
from peft import LoraConfig, inject_adapter_in_model

from sidestep_tui.acestep.model_config import component_arguments

TWO_B = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
}
XL_ENCODER = {"hidden_size": 2048, "intermediate_size": 6144, "num_attention_heads": 16, "num_key_value_heads": 8}
XL = TWO_B | {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "encoder_hidden_size": 2048,
}
PUBLISHED = {
    "text_hidden_dim": 1024,
    "timbre_hidden_dim": 64,
    "num_lyric_encoder_hidden_layers": 8,
    "num_timbre_encoder_hidden_layers": 4,
    "num_attention_pooler_hidden_layers": 2,
    "fsq_dim": 2048,
}
CLASSES = {
    "transformer": AceStepTransformer1DModel,
    "condition_encoder": AceStepConditionEncoder,
    "audio_tokenizer": AceStepAudioTokenizer,
    "audio_token_detokenizer": AceStepAudioTokenDetokenizer,
}


@pytest.mark.parametrize(("sizes", "parameters"), [(TWO_B, 1_575_458_880), (XL, 4_168_897_088)])
def test_parameter_counts(sizes: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        transformer = AceStepTransformer1DModel(**sizes)
    assert sum(p.numel() for p in transformer.parameters()) == parameters


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [(TWO_B, 2_393_872_518), (XL | {f"encoder_{key}": size for key, size in XL_ENCODER.items()}, 4_987_310_726)],
    ids=["2b", "xl"],
)
def test_all_parts_together_are_the_published_file(sizes: dict[str, int], parameters: int) -> None:
    with torch.device("meta"):
        parts = [cls(**component_arguments(PUBLISHED | sizes, name)) for name, cls in CLASSES.items()]
    assert sum(p.numel() for part in parts for p in part.parameters()) == parameters


def test_lora_rank_64_on_both_attentions_of_the_2b() -> None:
    with torch.device("meta"):
        transformer = AceStepTransformer1DModel(**TWO_B)
        inject_adapter_in_model(LoraConfig(r=64, target_modules=["to_q", "to_k", "to_v", "to_out.0"]), transformer)
    trainable = [p for p in transformer.parameters() if p.requires_grad]
    assert (len(trainable), sum(p.numel() for p in trainable)) == (384, 44_040_192)
