"""PEFT's layers put on the DiT, in float32 whatever the precision of the frozen weights.

PEFT makes an adapter in the precision of the layer below it, and fills it before anybody can widen it. In bfloat16 that
would round a saved adapter when it is loaded, and let DoRA's magnitudes, which are lengths of the frozen weight's rows
(arXiv:2402.09353, eq. 5), begin up to 0.4% beside them: an adapter that changes the model before it has learned.
"""

import torch
from peft import PeftConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import cast_adapter_dtype
from torch import nn


def inject(transformer: nn.Module, config: PeftConfig, name: str) -> None:
    """Puts an adapter that does nothing yet on the DiT.

    Raises:
        ValueError: the model has none of its target modules.
    """
    inject_adapter_in_model(config, transformer, adapter_name=name)
    cast_adapter_dtype(transformer, name)
    for module in transformer.modules():
        if isinstance(module, LoraLayer) and name in module.lora_magnitude_vector:
            lengths = torch.linalg.norm(module.get_base_layer().weight.float(), dim=1)
            module.lora_magnitude_vector[name].weight.data = lengths
