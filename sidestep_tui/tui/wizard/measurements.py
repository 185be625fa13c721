"""What was measured on this machine with the wizard's settings: by a preflight or an earlier training run."""

import platform
from collections.abc import Mapping, Sequence

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.cards import usual_card
from sidestep_tui.runs.history import RunSummary, list_runs
from sidestep_tui.runs.machine import CardSnapshot
from sidestep_tui.runs.measured import CPU, fingerprint, recall
from sidestep_tui.tui.wizard.views import Figures


def card_of(device: str, cards: Sequence[CardSnapshot]) -> CardSnapshot | None:
    """The card that a run on this device would use; None where it would use none that is here."""
    if not cards or not (device == "auto" or device.startswith("cuda")):
        return None
    number = device.partition(":")[2]
    index = int(number) if number else usual_card([card.memory_total for card in cards])
    return cards[index] if index < len(cards) else None


def figures_for(
    settings: TrainSettings, cards: Sequence[CardSnapshot], runs: Mapping[str, Figures] | None = None
) -> Figures | None:
    """What was measured with such settings; None where nothing was.

    Args:
        settings: of the run.
        cards: of this machine.
        runs: as `figures_of_runs` gives them; a preflight counts before them.
    """
    name = _name(settings.model.device, cards)
    if name is None:
        return None
    known = recall(settings, name)
    if known is None:
        return (runs or {}).get(fingerprint(settings, name) or "")
    return Figures(
        seconds=known.seconds,
        peak=known.peak_bytes,
        too_little=known.free_bytes if known.peak_bytes is None else None,
    )


def figures_of_runs(cards: Sequence[CardSnapshot]) -> dict[str, Figures]:
    """What training runs of this machine took, by their fingerprints; of runs with the same settings the newest."""
    figures: dict[str, Figures] = {}
    for summary in list_runs():
        seconds = summary.state.recent_seconds_per_step()
        key = _fingerprint(summary, cards) if summary.job == "train" and seconds else None
        if key is not None:
            memory = summary.state.memory
            peak = memory.peak_bytes if memory is not None else None
            figures.setdefault(key, Figures(seconds=seconds, peak=peak, run=summary.run.name))
    return figures


def _fingerprint(summary: RunSummary, cards: Sequence[CardSnapshot]) -> str | None:
    name = _name(summary.state.device, cards)
    if name is None or summary.state.host != platform.node():
        return None
    try:
        settings = summary.run.settings()
    except SidestepError:  # of another version
        return None
    return fingerprint(settings, name) if isinstance(settings, TrainSettings) else None


def _name(device: str, cards: Sequence[CardSnapshot]) -> str | None:
    """The name under which measurements of a device are kept; None where it is not here."""
    card = card_of(device, cards)
    if card is not None:
        return card.name
    return CPU if device == "cpu" or (device == "auto" and not cards) else None
