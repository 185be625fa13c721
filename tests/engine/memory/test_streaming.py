"""Blocks that visit the device: the same gradients to the bit, in whatever order they are asked for."""

import copy
import ctypes
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import inject_adapter_in_model
from torch.utils._python_dispatch import TorchDispatchMode

from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.engine.memory.streaming import BlockStream, _HostBlock, _pin, spread, stream_frozen_blocks
from tests.acestep.test_attention import make_inputs, make_transformer
from tests.acestep.test_fast import FAMILIES, outcome
from tests.engine.conftest import Engine


def make_pair(
    family: str, device: str = "cpu", dtype: torch.dtype = torch.float32, count: int = 64
) -> tuple[Any, Any, BlockStream]:
    """The same adapted DiT of four blocks, resident and streamed."""
    torch.manual_seed(1)
    resident = make_transformer(banded=False).to(dtype).requires_grad_(False)
    inject_adapter_in_model(copy.deepcopy(FAMILIES[family]), resident)
    streamed = copy.deepcopy(resident)
    for transformer in (resident, streamed):
        use_fast_blocks(transformer)
    stream = stream_frozen_blocks(streamed, torch.device(device), count, pytest.fail)
    for transformer in (resident.to(device), streamed):
        use_checkpointing(transformer, "all")
    return resident, streamed, stream


def assert_equal(resident: Any, streamed: Any) -> None:
    for _ in range(2):  # the second pass begins with what the first has left
        inputs = make_inputs(2, 67)
        (found, gradients), (wanted, wanted_gradients) = (outcome(t, inputs) for t in (streamed, resident))
        assert torch.equal(found, wanted)
        assert gradients.keys() == wanted_gradients.keys() != set()
        for name, gradient in wanted_gradients.items():
            assert torch.equal(gradients[name], gradient), name


class Brought(TorchDispatchMode):
    """The blocks whose memory is copied to the device, as it goes on, and the memory there.

    A block begins with its first frozen weight. What was copied to is kept: what is given back could be found again.
    """

    def __init__(self, streamed: Any) -> None:
        super().__init__()
        self.blocks: list[int] = []
        self.places: dict[int, torch.UntypedStorage] = {}
        self._begins = {
            next(p for p in layer.parameters() if not p.requires_grad).data_ptr(): index
            for index, layer in enumerate(streamed.layers)
        }

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if function is torch.ops.aten.copy_.default and arguments[1].dtype == torch.uint8:
            self.blocks.append(self._begins[arguments[1].data_ptr()])
            place = arguments[0].untyped_storage()
            self.places[place.data_ptr()] = place
        return function(*arguments, **(named or {}))


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_resident_blocks_to_the_bit(family: str) -> None:
    assert_equal(*make_pair(family)[:2])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_some_of_the_blocks_may_be_streamed(count: int) -> None:
    resident, streamed, _ = make_pair("lora", count=count)
    assert_equal(resident, streamed)


@pytest.mark.parametrize(
    ("count", "layers", "chosen"),
    [(1, 4, [3]), (2, 4, [1, 3]), (3, 4, [0, 1, 3]), (9, 4, [0, 1, 2, 3]), (5, 24, [3, 8, 13, 18, 23])],
)
def test_they_are_spread_over_the_layers(count: int, layers: int, chosen: list[int]) -> None:
    assert spread(count, layers) == chosen


def test_the_next_block_is_brought_upwards_and_then_downwards_and_none_that_is_there() -> None:
    _, streamed, _ = make_pair("lora")
    with Brought(streamed) as first:
        outcome(streamed, make_inputs(1, 20))
    assert first.blocks == [0, 1, 2, 3, 1, 0]  # the last two of the way up are the first two of the way down
    with Brought(streamed) as second:
        outcome(streamed, make_inputs(1, 20))
    assert second.blocks == [2, 3, 1, 0]


def test_a_pass_without_gradients_begins_anew_at_the_first_block() -> None:
    resident, streamed, _ = make_pair("lora")
    with torch.no_grad(), Brought(streamed) as brought:
        for _ in range(2):
            assert torch.equal(velocity(streamed, **make_inputs(1, 20)), velocity(resident, **make_inputs(1, 20)))
    assert brought.blocks == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_a_block_that_nobody_expected_is_brought_as_well() -> None:
    _, streamed, stream = make_pair("lora")
    wanted = {name: weight.clone() for name, weight in streamed.layers.named_parameters() if not weight.requires_grad}
    for index in (2, 0, 3, 1, 1, 2):
        with stream.visiting(index):
            there = dict(streamed.layers[index].named_parameters())
            assert all(torch.equal(there[n], wanted[f"{index}.{n}"]) for n in there if f"{index}.{n}" in wanted)


def test_the_device_holds_two_blocks() -> None:
    _, streamed, _ = make_pair("lora")
    frozen = sum(p.numel() * p.element_size() for p in streamed.layers[0].parameters() if not p.requires_grad)
    with Brought(streamed) as brought:
        outcome(streamed, make_inputs(1, 20))
    assert len(brought.places) == 2
    assert all(frozen <= place.nbytes() < 1.5 * frozen + 256 * 32 for place in brought.places.values())


def test_nothing_of_a_block_stays_where_it_visited() -> None:
    _, streamed, _ = make_pair("lora")
    before = dict(streamed.named_parameters())
    outcome(streamed, make_inputs(1, 20))
    after = dict(streamed.named_parameters())
    assert all(after[name] is parameter for name, parameter in before.items())


def test_a_weight_that_was_widened_on_the_host_is_brought_anew() -> None:
    resident, streamed, _ = make_pair("lora", dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        outcome(streamed, make_inputs(1, 20))
    for transformer in (resident, streamed):
        for parameter in transformer.parameters():
            parameter.data = parameter.data.float()
    assert_equal(resident, streamed)


def test_a_run_with_streamed_blocks_is_the_same_run(engine: Engine, train_document: dict[str, Any]) -> None:
    plain, _ = engine.run("plain", "train", train_document)
    streamed, _ = engine.run("streamed", "train", put(train_document, "memory.stream_blocks", 64))
    for file in ("adapter_model.safetensors", "velocity_record.json"):
        assert (streamed.final / file).read_bytes() == (plain.final / file).read_bytes()


# Pinning alone is asked for here: what `stream_frozen_blocks` does after it needs a card.
def test_memory_that_cannot_be_pinned_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "cudart", lambda: SimpleNamespace(cudaHostRegister=lambda *_: 801))
    left = iter([RuntimeError("CUDA error: operation not supported")])

    def kernel(*_: object, **__: object) -> torch.Tensor:
        raise next(left)

    blocks = [_HostBlock(layer) for layer in make_transformer(banded=False).requires_grad_(False).layers]
    monkeypatch.setattr(torch, "zeros", kernel)
    assert _pin(blocks, torch.device("cuda")) == 801  # and one kernel has found the error, so that no other does
    assert next(left, None) is None


def test_memory_is_pinned_where_it_lies_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: dict[int, int] = {}
    runtime = SimpleNamespace(
        cudaHostRegister=lambda place, size, flags: pinned.update({place: size}) or 0,
        cudaHostUnregister=lambda place: pinned.pop(place),
    )
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "cudart", lambda: runtime)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _device: waited.append(len(pinned)))
    blocks = [_HostBlock(layer) for layer in make_transformer(banded=False).requires_grad_(False).layers]
    assert _pin(blocks, torch.device("cuda")) == 0
    assert pinned == {block.memory.data_ptr(): len(block.memory) for block in blocks}
    assert all(place % 4096 == 0 for place in pinned)
    blocks.clear()
    assert pinned == {}
    assert waited == [4, 3, 2, 1]  # before each was given back


@pytest.mark.parametrize(
    ("path", "value"), [("memory.checkpointing", "half"), ("memory.weights", "int8"), ("training.sharding", "fsdp")]
)
def test_what_does_not_go_with_streaming_is_refused(train_document: dict[str, Any], path: str, value: str) -> None:
    with pytest.raises(ValueError, match="stream_blocks"):
        TrainSettings.model_validate(put(put(train_document, "memory.stream_blocks", 1), path, value))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_card_only_the_adapter_and_a_few_blocks_are_resident() -> None:
    resident, streamed, _ = make_pair("lora", "cuda")
    places = {parameter.device.type for parameter in streamed.layers.parameters() if not parameter.requires_grad}
    assert places == {"cpu"}
    assert_equal(resident, streamed)
    assert all(_is_pinned(p) for p in streamed.layers.parameters() if not p.requires_grad)


def _is_pinned(tensor: torch.Tensor) -> bool:
    """Of where it lies: torch itself asks where its storage begins, which is before the first whole page."""
    there = (ctypes.c_char * tensor.nbytes).from_address(tensor.data_ptr())
    return torch.frombuffer(there, dtype=torch.uint8).is_pinned()
