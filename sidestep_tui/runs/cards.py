"""The NVIDIA cards of this machine: what the driver has, and which of them CUDA shows a process.

Side-Step numbers cards as `nvidia-smi` does, by their place on the bus. CUDA by itself begins with the one that it
takes for the fastest, so that number 0 would be one card to whoever looks at the memory and another to the engine:
engines ask CUDA for the order of the bus (`number_by_bus`), and take the card with most memory where nobody names one.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import pynvml

_ALIKE: Final = 0.98
"""Cards of one kind differ by what their firmware keeps."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Card:
    """What a card is called on every machine (`GPU-8f2c…`), and its memory in bytes, 0 where it has none of its own."""

    uuid: str
    memory: int


def number_by_bus() -> None:
    """Lets CUDA number this process's cards by their place on the bus, unless somebody has asked for another order.

    Call it before anything asks CUDA.
    """
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")


@cache  # a failure is not kept: the driver may come later
def ask_driver() -> tuple[Card, ...]:
    """The cards that the NVIDIA driver has, in its order.

    Raises:
        NVMLError: there is no driver, or it does not answer.
    """
    pynvml.nvmlInit()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return tuple(Card(str(pynvml.nvmlDeviceGetUUID(handle)), _memory(part_told(handle))) for handle in handles)
    finally:
        pynvml.nvmlShutdown()


def driver_cards() -> tuple[Card, ...]:
    """The same cards; none where no driver answers. Asked at every drawing."""
    try:
        return ask_driver()
    except pynvml.NVMLError:
        return ()


def visible_cards() -> tuple[str, ...]:
    """The cards that CUDA shows this process, in its order: the driver's numbers, and names of parts of cards (MIG)."""
    known = driver_cards()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None or not known:
        return tuple(str(number) for number in range(len(known)))
    cards: list[str] = []
    for name in map(str.strip, named.split(",")):
        if not name or (name.removeprefix("-").isdecimal() and not 0 <= int(name) < len(known)):
            break  # CUDA shows nothing from the first one on that is not there
        cards.append(str(int(name)) if name.isdecimal() else _number_of(name, known))
    return tuple(cards)


def usual_card(memories: Sequence[int]) -> int:
    """The place of the card that a run takes where nobody names one: the first of those with most memory.

    Args:
        memories: of the cards that CUDA shows, in bytes; at least one.
    """
    return next(place for place, memory in enumerate(memories) if memory >= _ALIKE * max(memories))


def usual_visible_card() -> str | None:
    """That card, as `visible_cards` calls it; None where there is none."""
    visible, known = visible_cards(), driver_cards()
    memories = [known[int(name)].memory if name.isdecimal() else 0 for name in visible]
    return visible[usual_card(memories)] if visible else None


def part_told(handle: object) -> object:
    """The card itself, or the first of its parts (MIG) that tells its memory where we may not ask the whole card.

    Who rents such a part has no right to the whole, and CUDA shows a process the first part that it may use. A card
    where no part tells either stays itself.

    Raises:
        NVMLError: the driver does not answer.
    """
    try:
        pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError_NotSupported:
        return handle
    except pynvml.NVMLError_NoPermission:
        for number in range(answer(lambda: pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
            with suppress(pynvml.NVMLError):  # there is no such part, or it is somebody else's
                part: object = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
                pynvml.nvmlDeviceGetMemoryInfo(part)
                return part
    return handle


def answer(ask: Callable[[], _Answer]) -> _Answer | None:
    """The answer of a card, or None where this kind of card does not know, or we may not ask it.

    Raises:
        NVMLError: the driver does not answer.
    """
    try:
        return ask()
    except (
        pynvml.NVMLError_NotSupported,
        pynvml.NVMLError_NoPermission,
        pynvml.NVMLError_InvalidArgument,  # what only whole cards have, asked of a part
    ):
        return None


def _memory(handle: object) -> int:
    return answer(lambda: int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)) or 0


def _number_of(name: str, known: Sequence[Card]) -> str:
    """The number of a card by its name, of which a beginning is enough to CUDA; parts of cards keep their names."""
    found = [number for number, card in enumerate(known) if card.uuid.startswith(name)]
    return str(found[0]) if len(found) == 1 else name
