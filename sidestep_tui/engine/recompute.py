"""Activation checkpointing: which layers keep their activations and which compute them again (arXiv:1604.06174)."""

from typing import TYPE_CHECKING, Any, Literal

from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

Policy = Literal["none", "half", "all"]


def use_checkpointing(transformer: "AceStepTransformer1DModel", policy: Policy) -> None:
    """Sets the policy on the DiT: `all` recomputes every layer in the backward pass, `half` every second one.

    Without re-entrance, so that gradients reach the adapter although the layers' inputs ask for none.
    """
    transformer.gradient_checkpointing = policy != "none"
    recomputed = {layer for index, layer in enumerate(transformer.layers) if policy == "all" or index % 2 == 0}

    def run_layer(layer: Any, *arguments: Any) -> Any:
        if layer in recomputed:
            return checkpoint(layer, *arguments, use_reentrant=False)
        return layer(*arguments)

    transformer._gradient_checkpointing_func = run_layer
