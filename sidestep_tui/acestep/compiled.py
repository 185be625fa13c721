"""The DiT's blocks compiled by torch: one function for all layers, so that few graphs are made, of any length.

Compilation is a convenience that can fail in many ways (no compiler, an operation that it does not know, ever new
graphs, other numbers). Whatever happens is told once, and the blocks go on as they were, with the numbers that they
would have had.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, _dynamo
from torch._dynamo.exc import FailOnRecompileLimitHit
from torch._functorch import config as autograd_config

from sidestep_tui.acestep.attention import Rotary
from sidestep_tui.acestep.compiled_check import deviation, kind_of
from sidestep_tui.acestep.eagerly import is_eager
from sidestep_tui.acestep.fast import fast_block
from sidestep_tui.acestep.fast_ops import row_major
from sidestep_tui.acestep.full_memory import says_full
from sidestep_tui.errors import first_line
from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel
    from diffusers.models.transformers.ace_step_transformer import AceStepTransformerBlock

During = Callable[[str], AbstractContextManager[None]]

_TOLERANCES: Final = {torch.float32: 1e-3, torch.bfloat16: 0.05, torch.float16: 0.05}
"""Compiled blocks round less often: numbers of eight bits may differ by that much."""
FAILURES: Final = (RuntimeError, AssertionError, ImportError, OSError, FailOnRecompileLimitHit)
"""Of the compiler, and of what it makes: kernels for which a card is too small, or which it does not load."""
_C_COMPILER: Final = re.compile(r"Failed to find C compiler|CalledProcessError: .*\.c'")
_GRAPHS: Final = 24
"""Of one block: windowed or not, with and without gradients, batches of one and of several, equal lengths or not."""


def compile_blocks(
    transformer: "AceStepTransformer1DModel", during: During, warn: Callable[[str], None]
) -> "CompiledBlocks":
    """Lets every block run compiled, if it computes the same then (`compiled_check`).

    Call it after `use_fast_blocks` in the mode of training, and before `use_checkpointing` wraps the blocks.

    Recomputation around compiled blocks gives the right gradients; compiled around recomputed blocks it does not
    (docs/benchmarks.md).

    Args:
        transformer: with its adapter on.
        during: what is entered while a kind of block compiles for the first time, with the kind in words.
        warn: told why compilation was given up.

    Returns:
        What can give it up later (`CompiledBlocks.failed_with`).
    """
    # A recomputed block must run the graph that it ran before, and not another that would do as well and was used since
    # (pytorch/pytorch#166926).
    torch._C._dynamo.eval_frame._set_lru_cache(False)  # type: ignore[attr-defined]
    blocks = CompiledBlocks(during, warn)
    for layer in transformer.layers:
        layer.forward = partial(blocks, layer)
    try:
        off = deviation(transformer, blocks)
    except FAILURES as error:  # on the way back, which is not asked for through the blocks
        blocks.failed_with(error)
        return blocks
    if not off <= _TOLERANCES[transformer.proj_in_conv.weight.dtype]:  # a NaN neither
        blocks.give_up(told("compiled, they are off by {share}", share=f"{off:.1%}"))
    return blocks


class CompiledBlocks:
    """Runs blocks compiled until that has failed once, from then on as they were written."""

    def __init__(self, during: During, warn: Callable[[str], None]) -> None:
        # Dropout draws from torch's own generator, as in blocks that are not compiled.
        self._compiled = torch.compile(fast_block, options={"fallback_random": True})
        self._during = during
        self._warn = warn
        self._seen: set[tuple[str, bool]] = set()
        self._failed = False

    def __call__(
        self,
        block: "AceStepTransformerBlock",
        hidden_states: Tensor,
        position_embeddings: Rotary,
        temb: Tensor,
        attention_mask: Tensor | None,
        encoder_hidden_states: Tensor,
        encoder_attention_mask: Tensor | None,
    ) -> Tensor:
        """One block, with the arguments of diffusers' own forward."""
        hidden_states = row_major(hidden_states)  # the first block's come column by column: a graph of its own
        if encoder_hidden_states.shape[1] == 1:  # so would a single token have; two equal ones are attended to as one
            encoder_hidden_states = _twice(encoder_hidden_states)
            encoder_attention_mask = None
        arguments = (hidden_states, position_embeddings, temb, attention_mask)
        condition = (encoder_hidden_states, encoder_attention_mask)
        if not (self._failed or is_eager()):
            for states in (hidden_states, attention_mask, *condition):
                if states is not None:
                    _dynamo.maybe_mark_dynamic(states, 1)
            for table in position_embeddings:
                _dynamo.maybe_mark_dynamic(table, 0)
            try:
                with self._announced(block), _guarded():
                    result: Tensor = self._compiled(block, *arguments, *condition)
                return result
            except FAILURES as error:
                self.failed_with(error)
        return fast_block(block, *arguments, *condition)

    @property
    def at_work(self) -> bool:
        """Whether blocks run compiled still."""
        return not self._failed

    def failed_with(self, error: Exception) -> None:
        """Gives up for what the compiler, or what it has made, says.

        The way back is not asked for through the blocks: who hears of it there tells it here, and passes once more.

        Raises:
            torch.OutOfMemoryError: it says that the memory is full, or any other error that says so.
        """
        if says_full(error):
            raise error
        if self._failed:
            return
        if _C_COMPILER.search(str(error)) is None:
            self.give_up(f"{type(error).__name__}: {first_line(error)}")
        else:
            self.give_up(told("Triton finds no C compiler or no headers of Python: install gcc and python3-dev"))

    def give_up(self, reason: str) -> None:
        """From now on the blocks run as they were written."""
        self._failed = True
        self._warn(f"The blocks run without compilation: {reason}")

    def _announced(self, block: "AceStepTransformerBlock") -> AbstractContextManager[None]:
        """The first block of each kind compiles; later graphs of the same kind are rarer and come unannounced."""
        kind = kind_of(block)
        key = kind, torch.is_grad_enabled()
        if key in self._seen:
            return nullcontext()
        self._seen.add(key)
        return self._during(kind if key[1] else told("{kind}, without gradients", kind=kind))


def _twice(condition: Tensor) -> Tensor:
    """[B, 1, D] -> [B, 2, D], laid out as a linear layer leaves it: of rows, to which graphs hold a batch's views."""
    rows = torch.arange(2 * len(condition), device=condition.device) // 2
    return torch.unflatten(condition.flatten(0, 1).index_select(0, rows), 0, (-1, 2))


@contextmanager
def _guarded() -> Iterator[None]:
    """Too many graphs are a failure, and the backward pass is compiled at once, so that it fails here too."""
    with (
        _dynamo.config.patch(recompile_limit=_GRAPHS, fail_on_recompile_limit_hit=True),
        autograd_config.patch(force_non_lazy_backward_lowering=True),
    ):
        yield
