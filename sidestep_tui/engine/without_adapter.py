"""The DiT as it was before the adapter was put on, for as long as it is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn


@contextmanager
def without_adapter(transformer: nn.Module) -> Iterator[None]:
    """Inside the block the adapter does nothing; for computing without gradients. Afterwards all is as before."""
    layers = [module for module in transformer.modules() if isinstance(module, BaseTunerLayer)]
    asks = [(parameter, parameter.requires_grad) for parameter in transformer.parameters()]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)  # which also asks for gradients, wanted or not
        for parameter, before in asks:
            parameter.requires_grad_(before)
