"""The DiT in another mode for as long as a block of code lasts: evaluated, without its adapter, or in whole float32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in eval mode and without gradients inside the block, as it was before afterwards."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)


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


@contextmanager
def whole_float32() -> Iterator[None]:
    """Inside the block no product or convolution of float32 is rounded to TF32.

    Cards since Ampere multiply float32 with ten bits of mantissa where they are let. Torch lets cuDNN do so in
    convolutions, and NVIDIA's own images let cuBLAS too (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE). That is good enough to
    train and to listen, and a thousand times too coarse for what is compared with another machine's numbers.
    """
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
