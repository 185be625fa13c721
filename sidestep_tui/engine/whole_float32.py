"""A stretch in which float32 on a card means float32.

Cards since Ampere multiply float32 with ten bits of mantissa (TF32) where they are let. Torch lets cuDNN do so in
convolutions, and NVIDIA's own images let cuBLAS too (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE). That is good enough to train
and to listen, and a thousand times too coarse for what is compared with another machine's numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def whole_float32() -> Iterator[None]:
    """Inside, no product or convolution of float32 is rounded to TF32."""
    convolutions, products = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = convolutions, products
