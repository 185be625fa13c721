"""Compiled blocks against the same blocks uncompiled, and what happens where compilation fails."""

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from peft import LoraConfig, PeftConfig
from peft.tuners.lora.layer import Linear as LoraLinear
from torch._dynamo.exc import FailOnRecompileLimitHit

from sidestep_tui.acestep import compiled, products
from sidestep_tui.acestep.compiled import compile_blocks
from sidestep_tui.acestep.eagerly import eagerly
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.memory.recompute import use_checkpointing
from tests.acestep.support import FULL
from tests.acestep.test_attention import make_inputs
from tests.acestep.test_fast import FAMILIES, assert_same, make_pair, outcome

needs_a_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "cl"))), reason="no C++ compiler here"
)


class Told:
    """What the blocks said."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.warnings: list[str] = []

    @contextmanager
    def during(self, kind: str) -> Iterator[None]:
        self.kinds.append(kind)
        yield


def make(config: PeftConfig, policy: Checkpointing = "none") -> tuple[AceStepTransformer1DModel, Any, Told]:
    """The same adapter on fast blocks and on compiled ones: a block of either kind, and few modules to compile."""
    torch._dynamo.reset()
    config = copy.deepcopy(config)
    config.target_modules = ["to_q", "down_proj"]
    _, fast = make_pair(config, layers=2)
    mine, told = copy.deepcopy(fast), Told()
    # compile_blocks replaces the copied forwards, which still hold the blocks that they were made for
    compile_blocks(mine, told.during, told.warnings.append)
    for transformer in (fast, mine):
        use_checkpointing(transformer, policy)
    return fast, mine, told


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("policy", "onednn"), [("none", False), ("all", False), ("none", True)])
def test_same_velocity_and_gradients_at_every_length_with_few_graphs(
    policy: Checkpointing, onednn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever library this processor's products would go to."""
    monkeypatch.setattr(products, "ASK_ONEDNN", onednn)
    fast, mine, told = make(FAMILIES["lora"], policy)
    assert_same(fast, mine, make_inputs(1, 67))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for frames in (50, 91, 74):
        assert_same(fast, mine, make_inputs(1, frames))
    assert_same(fast, mine, make_inputs(1, 74, tokens=1))
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    assert sorted(told.kinds) == ["full attention", "windowed attention"]
    assert told.warnings == []


def test_nothing_is_compiled_in_an_eager_stretch() -> None:
    with eagerly():
        fast, mine, told = make(FAMILIES["lora"])
        assert_same(fast, mine, make_inputs(1, 67))
    assert told.kinds == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: 1.02 * x,
        lambda x: x + torch.nan,
        lambda x: x.detach() + 0 * x,
        lambda x: x + (0 * x).sqrt(),  # whose gradient is no number
    ],
    ids=["numbers", "no numbers", "gradients", "no gradients"],
)
def test_blocks_that_compile_to_something_else_run_as_they_were(
    wrong: Callable[[torch.Tensor], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong numbers, no numbers, or right ones with wrong gradients: the run must not learn from them."""

    def compiled_wrongly(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        return lambda block, hidden, *others: wrong(function(block, hidden, *others))

    monkeypatch.setattr(compiled.torch, "compile", compiled_wrongly)
    fast, mine, told = make(FAMILIES["lora"])
    assert_same(fast, mine, make_inputs(1, 30))
    (warning,) = told.warnings
    assert warning.startswith("The blocks run without compilation: compiled, they are off by")


def forgets_the_scale(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
    """A compiler that makes one of every LoRA's scale."""

    def call(block: Any, *arguments: Any) -> torch.Tensor:
        scales = [part.scaling for part in block.modules() if isinstance(part, LoraLinear)]
        before = [dict(scale) for scale in scales]
        for scale in scales:
            scale["default"] = 1.0
        try:
            result: torch.Tensor = function(block, *arguments)
            return result
        finally:
            for scale, value in zip(scales, before, strict=True):
                scale.update(value)

    return call


def test_the_adapter_is_what_it_was_after_it_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new adapter's zeros hide what is wrong, so it is tried with others; a wrong scale is seen."""
    monkeypatch.setattr(compiled.torch, "compile", forgets_the_scale)
    state = torch.get_rng_state()
    fast, mine, told = make(LoraConfig(r=4, lora_alpha=8, target_modules=["to_q"]))
    assert len(told.warnings) == 1
    for parameter, kept in zip(mine.parameters(), fast.parameters(), strict=True):
        assert torch.equal(parameter, kept)
    make(LoraConfig(r=4, lora_alpha=8, target_modules=["to_q"]))
    torch.set_rng_state(state)


def test_blocks_are_tried_that_carry_the_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first block alone is adapted, the last of its kind would say nothing about the adapter."""
    monkeypatch.setattr(compiled.torch, "compile", forgets_the_scale)
    told = Told()
    _, fast = make_pair(LoraConfig(r=4, lora_alpha=8, target_modules=["layers.0.self_attn.to_q"]), layers=3)
    compile_blocks(fast, told.during, told.warnings.append)
    (warning,) = told.warnings
    assert warning.startswith("The blocks run without compilation: compiled, they are off by")


@needs_a_compiler
@pytest.mark.slow
@pytest.mark.parametrize("family", ["dora", "lokr"])
def test_every_family_gives_the_same_or_says_that_it_is_not_compiled(family: str) -> None:
    fast, mine, _ = make(FAMILIES[family])
    assert_same(fast, mine, make_inputs(1, 67))


@pytest.mark.parametrize("failure", [
    FailOnRecompileLimitHit("recompile_limit reached\nmany words"),
    torch._dynamo.exc.InternalTorchDynamoError("recompile_limit reached\nmany words"),
    RuntimeError("recompile_limit reached\nmany words"),
    AssertionError("recompile_limit reached\nmany words"),
])  # fmt: skip
def test_a_failure_is_told_once_and_the_blocks_go_on(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def compiled_badly(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        def fail(*arguments: Any) -> None:
            calls.append(function)
            raise failure

        return fail

    monkeypatch.setattr(compiled.torch, "compile", compiled_badly)
    fast, mine, told = make(FAMILIES["lora"])
    wanted, found = outcome(fast, make_inputs(1, 30)), outcome(mine, make_inputs(1, 30))
    assert torch.equal(wanted[0], found[0])
    assert all(torch.equal(found[1][name], gradient) for name, gradient in wanted[1].items())
    assert len(calls) == 1
    assert told.warnings == [f"The blocks run without compilation: {type(failure).__name__}: recompile_limit reached"]


class _FailsOnTheWayBack(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("No valid triton configs. OutOfResources: shared memory\nmany words")


def test_a_failure_on_the_way_back_is_met_before_the_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is too large for a card fails when it is first launched, not when it is compiled."""

    def compiled_badly(function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        return lambda *arguments: _FailsOnTheWayBack.apply(function(*arguments))

    monkeypatch.setattr(compiled.torch, "compile", compiled_badly)
    fast, mine, told = make(FAMILIES["lora"])
    assert told.warnings == [
        "The blocks run without compilation: RuntimeError: No valid triton configs. OutOfResources: shared memory"
    ]
    assert_same(fast, mine, make_inputs(1, 30))


@pytest.mark.parametrize("said", [
    "RuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
    "CalledProcessError: Command '['/usr/bin/gcc', '/tmp/a/cuda_utils.c', '-O3']' returned non-zero exit status 1.",
])  # fmt: skip
def test_a_missing_c_compiler_is_told_with_what_to_install(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr(compiled.torch, "compile", lambda function, **options: fail)
    *_, told = make(FAMILIES["lora"])
    (warning,) = told.warnings
    assert "install gcc and python3-dev" in warning


@pytest.mark.parametrize("full", FULL[:2])
def test_what_is_no_failure_of_the_compiler_comes_through(
    full: Callable[[], Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise full()

    monkeypatch.setattr(compiled.torch, "compile", lambda function, **options: fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        make(FAMILIES["lora"])


def test_a_recomputed_block_runs_the_graph_that_it_ran_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several graphs that would do torch asks the latest first, unless told: another may have been used since."""
    latest_first: list[bool] = []
    # Torch has no other door to it, and no way to ask how it is set.
    monkeypatch.setattr(torch._C._dynamo.eval_frame, "_set_lru_cache", latest_first.append)
    monkeypatch.setattr(compiled.torch, "compile", lambda function, **_: function)  # what it makes is not asked here
    make(FAMILIES["lora"])
    assert latest_first == [False]
