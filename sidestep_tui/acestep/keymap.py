"""Names of the same tensors and modules in ACE-Step's own checkpoints and in diffusers.

Used when a checkpoint in the original layout is loaded into diffusers' classes, and when an adapter is written for,
or read from, a consumer that knows the original names. The pairs were verified tensor by tensor against the original.
"""

import re

COMPONENT_PREFIXES = {
    "transformer": "decoder.",
    "condition_encoder": "encoder.",
    "audio_tokenizer": "tokenizer.",
    "audio_token_detokenizer": "detokenizer.",
}
"""diffusers component -> what its tensors start with in the original file."""

_TOP_LEVEL = {"null_condition_emb": "condition_encoder"}

_ORIGINAL_TO_DIFFUSERS = {
    "q_proj": "to_q",
    "k_proj": "to_k",
    "v_proj": "to_v",
    "o_proj": "to_out.0",
    "q_norm": "norm_q",
    "k_norm": "norm_k",
    "proj_in.1": "proj_in_conv",
    "proj_out.1": "proj_out_conv",
}
_DIFFUSERS_TO_ORIGINAL = {new: old for old, new in _ORIGINAL_TO_DIFFUSERS.items()}


def _whole_segments(names: dict[str, str]) -> re.Pattern[str]:
    """Matches a name of the table only where it fills whole dot-separated segments."""
    return re.compile(r"(?<![^.])(?:" + "|".join(map(re.escape, names)) + r")(?![^.])")


_ORIGINAL_PATTERN = _whole_segments(_ORIGINAL_TO_DIFFUSERS)
_DIFFUSERS_PATTERN = _whole_segments(_DIFFUSERS_TO_ORIGINAL)


def to_diffusers(name: str) -> str:
    """`layers.3.self_attn.q_proj.weight` -> `layers.3.self_attn.to_q.weight`; also for module paths and adapter keys.

    Args:
        name: a dotted path inside one component (without `decoder.`).
    """
    return _ORIGINAL_PATTERN.sub(lambda match: _ORIGINAL_TO_DIFFUSERS[match.group()], name)


def to_original(name: str) -> str:
    """The inverse of `to_diffusers`: `layers.3.self_attn.to_out.0` -> `layers.3.self_attn.o_proj`."""
    return _DIFFUSERS_PATTERN.sub(lambda match: _DIFFUSERS_TO_ORIGINAL[match.group()], name)


def split_original_key(key: str) -> tuple[str, str] | None:
    """The component and the diffusers name of a tensor of an original checkpoint file, None when it belongs to none.

    `decoder.proj_in.1.bias` -> `("transformer", "proj_in_conv.bias")`.
    """
    if key in _TOP_LEVEL:
        return _TOP_LEVEL[key], key
    for component, prefix in COMPONENT_PREFIXES.items():
        if key.startswith(prefix):
            return component, to_diffusers(key.removeprefix(prefix))
    return None


def join_original_key(component: str, name: str) -> str:
    """The inverse of `split_original_key`: what an original checkpoint file calls a component's tensor."""
    return name if name in _TOP_LEVEL else COMPONENT_PREFIXES[component] + to_original(name)
