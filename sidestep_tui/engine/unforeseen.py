"""A run's last word on an error that nobody foresaw: the library's own, and where a card is behind it what helps."""

import sys
from typing import Final

from sidestep_tui.errors import first_line
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunFailed

_OF_A_CARD: Final = ("CUDA error", "cuDNN error", "CUDNN_STATUS", "CUBLAS_STATUS")


def unforeseen(run: RunDirectory, error: Exception) -> RunFailed:
    """What ended a run: of a full memory, as when a model is loaded on a small card, and of a card's own errors too."""
    if _is_full(error):
        return RunFailed(
            what=f"The device's memory does not suffice: {first_line(error).split('. ')[0].rstrip('.')}.",
            where="model.device",
            fix="free memory on the device, choose a smaller model, or the processor: --device cpu",
        )
    said, log = str(error), str(run.engine_log)
    if type(error).__name__ == "AcceleratorError" or any(words in said for words in _OF_A_CARD):
        return RunFailed(what=f"The card gave up: {first_line(error).rstrip('.')}.", where=log, fix=_fix(run, said))
    return RunFailed(what=f"{type(error).__name__}: {error}", where=log, fix="the log has the details")


def _is_full(error: Exception) -> bool:
    if "torch" not in sys.modules:  # it failed to load, and is not asked again
        return False
    from sidestep_tui.acestep.full_memory import says_full

    return says_full(error)


def _fix(run: RunDirectory, said: str) -> str:
    if "no kernel image" in said:
        return "`sidestep doctor` says for which cards this torch was built; `--device cpu` works everywhere"
    if "busy or unavailable" in said:
        return "another program has the card for itself (`nvidia-smi` names it): wait until it is done"
    return f"`sidestep resume {run.typed}` goes on from what is saved; if it comes again, update torch and the driver"
