"""Libraries that only some settings need: whether they are installed, found without importing them."""

from importlib.util import find_spec


def has_bitsandbytes() -> bool:
    """Whether the optimizer's state can be kept in 8 bits (`adamw8bit`) and the weights in 4 (`nf4`)."""
    return find_spec("bitsandbytes") is not None
