"""Blocks that visit the device: the same gradients to the bit, in whatever order they are asked for."""

import copy
from typing import Any

import pytest
import torch
from peft import inject_adapter_in_model

from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.recompute import use_checkpointing
from sidestep_tui.engine.streaming import BlockStream, stream_frozen_blocks
from tests.acestep.test_attention import make_inputs, make_transformer
from tests.acestep.test_fast import FAMILIES, outcome
from tests.engine.conftest import Engine


def make_pair(family: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[Any, Any, BlockStream]:
    """The same adapted DiT, resident and streamed."""
    torch.manual_seed(1)
    resident = make_transformer(banded=False).to(dtype).requires_grad_(False)
    inject_adapter_in_model(copy.deepcopy(FAMILIES[family]), resident)
    streamed = copy.deepcopy(resident)
    for transformer in (resident, streamed):
        use_fast_blocks(transformer)
    stream = stream_frozen_blocks(streamed, torch.device(device))
    for transformer in (resident.to(device), streamed):
        use_checkpointing(transformer, "all")
    return resident, streamed, stream


def assert_equal(resident: Any, streamed: Any) -> None:
    for _ in range(2):  # the second pass begins with what the first has left under way
        inputs = make_inputs(2, 67)
        (found, gradients), (wanted, wanted_gradients) = (outcome(t, inputs) for t in (streamed, resident))
        assert torch.equal(found, wanted)
        assert gradients.keys() == wanted_gradients.keys() != set()
        for name, gradient in wanted_gradients.items():
            assert torch.equal(gradients[name], gradient), name


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_resident_blocks_to_the_bit(family: str) -> None:
    assert_equal(*make_pair(family)[:2])


def test_the_next_block_is_under_way_upwards_and_then_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    _, streamed, stream = make_pair("lora")
    count = len(streamed.layers)
    brought: list[int] = []
    bring = BlockStream._bring

    def seen(self: BlockStream, index: int) -> Any:
        brought.append(index)
        return bring(self, index)

    monkeypatch.setattr(BlockStream, "_bring", seen)
    outcome(streamed, make_inputs(1, 20))
    upwards, downwards = list(range(count)), list(range(count - 2, -1, -1))
    assert brought == [*upwards, count - 1, *downwards, 0]
    assert list(stream._ahead) == [0]
    brought.clear()
    outcome(streamed, make_inputs(1, 20))
    assert brought[0] == 1  # the first block was there already


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
    streamed, _ = engine.run("streamed", "train", put(train_document, "memory.stream_blocks", True))
    for file in ("adapter_model.safetensors", "velocity_record.json"):
        assert (streamed.final / file).read_bytes() == (plain.final / file).read_bytes()


@pytest.mark.parametrize(
    ("path", "value"), [("memory.checkpointing", "half"), ("memory.weights", "int8"), ("training.sharding", "fsdp")]
)
def test_what_does_not_go_with_streaming_is_refused(train_document: dict[str, Any], path: str, value: str) -> None:
    with pytest.raises(ValueError, match="stream_blocks"):
        TrainSettings.model_validate(put(put(train_document, "memory.stream_blocks", True), path, value))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_card_only_the_adapter_and_a_few_blocks_are_resident() -> None:
    resident, streamed, _ = make_pair("lora", "cuda")
    places = {parameter.device.type for parameter in streamed.layers.parameters() if not parameter.requires_grad}
    assert places == {"cpu"}
    assert_equal(resident, streamed)
    assert all(p.is_pinned() for p in streamed.layers.parameters() if not p.requires_grad)
