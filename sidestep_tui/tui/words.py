"""The words of settings and events (jobs, conditions, kinds, phases, units), as people read them in their language.

A run's files hold these words in English whatever the language; they are translated where they are shown.
"""

import re
from typing import Final

from sidestep_tui.texts import _

_WORDS: Final = {
    # jobs
    "label": _("label"),
    "preprocess": _("preprocess"),
    "import": _("import"),
    "estimate": _("estimate"),
    "train": _("train"),
    "generate": _("generate"),
    "export": _("export"),
    "verify": _("verify"),
    "preflight": _("preflight"),
    # conditions of a run
    "waiting": _("waiting"),
    "running": _("running"),
    "stopped": _("stopped"),
    "interrupted": _("interrupted"),
    "failed": _("failed"),
    "completed": _("completed"),
    # orders of runs
    "name": _("name"),
    "condition": _("condition"),
    "loss": _("loss"),
    "disk": _("disk"),
    # what happens in a run, and its files
    "warning": _("warning"),
    "request": _("request"),
    "checkpoint": _("checkpoint"),
    "sample": _("sample"),
    "validation": _("validation"),
    "result": _("result"),
    "regular": _("regular"),
    "best": _("best"),
    "final": _("final"),
    # what a viewer asks an engine for
    "save": _("save"),
    "validate": _("validate"),
    "pause": _("pause"),
    "resume": _("resume"),
    "stop": _("stop"),
    "set": _("set"),
    # how runs did
    "done": _("done"),
    "best validation": _("best validation"),
    "s/step": _("s/step"),
    # where a setting's value comes from
    "default": _("default"),
    "preset": _("preset"),
    "file": _("file"),
    "edited": _("edited"),
    # what takes memory
    "model": _("model"),
    "adapter": _("adapter"),
    "optimizer": _("optimizer"),
    "activations": _("activations"),
    "sampling": _("sampling"),
    "reserve": _("reserve"),
    "measured": _("measured"),
    # what a change that saves memory costs
    "slower steps": _("slower steps"),
    "the same numbers": _("the same numbers"),
    "the same numbers within rounding": _("the same numbers within rounding"),
    "songs one after another": _("songs one after another"),
    "windows instead of whole songs": _("windows instead of whole songs"),
    "a smaller adapter": _("a smaller adapter"),
    "shorter samples": _("shorter samples"),
    "attention alone learns": _("attention alone learns"),
    "slower steps on rounded weights": _("slower steps on rounded weights"),
    # what progress counts
    "batches": _("batches"),
    "files": _("files"),
    "modules": _("modules"),
    "samples": _("samples"),
    "songs": _("songs"),
    "steps": _("steps"),
    # bands of timesteps
    "texture": _("texture"),
    "balance": _("balance"),
    "structure": _("structure"),
    # phases of an engine
    "checking": _("checking"),
    "decoding": _("decoding"),
    "encoding": _("encoding"),
    "encoding audio": _("encoding audio"),
    "encoding conditions": _("encoding conditions"),
    "encoding texts": _("encoding texts"),
    "encoding the source": _("encoding the source"),
    "finishing": _("finishing"),
    "generating": _("generating"),
    "generating the prior": _("generating the prior"),
    "importing": _("importing"),
    "labelling": _("labelling"),
    "loading the model": _("loading the model"),
    "measuring": _("measuring"),
    "measuring the longest songs": _("measuring the longest songs"),
    "measuring the run's own steps": _("measuring the run's own steps"),
    "merging": _("merging"),
    "opening the data set": _("opening the data set"),
    "opening the model": _("opening the model"),
    "paused": _("paused"),
    "reading the adapter": _("reading the adapter"),
    "reading the data set": _("reading the data set"),
    "training": _("training"),
    "uploading": _("uploading"),
    "writing": _("writing"),
    # what an engine says beside its phase
    "near the target loss: the learning rate is damped": _("near the target loss: the learning rate is damped"),
    "the order of the strongest modules is stable": _("the order of the strongest modules is stable"),
    "asked to stop": _("asked to stop"),
    "validation no longer improves": _("validation no longer improves"),
    # why there are no cards
    "no NVIDIA card is present": _("no NVIDIA card is present"),
    "no NVIDIA driver is installed": _("no NVIDIA driver is installed"),
    # what Textual's own keys do
    "Focus Next": _("Focus Next"),
    "Focus Previous": _("Focus Previous"),
    "Page Down": _("Page Down"),
    "Page Left": _("Page Left"),
    "Page Right": _("Page Right"),
    "Page Up": _("Page Up"),
    "Scroll Down": _("Scroll Down"),
    "Scroll End": _("Scroll End"),
    "Scroll Home": _("Scroll Home"),
    "Scroll Left": _("Scroll Left"),
    "Scroll Right": _("Scroll Right"),
    "Scroll Up": _("Scroll Up"),
}

_SENTENCES: Final = (
    (re.compile(r"(?P<count>\d+) (?P<unit>songs|modules|samples)"), _("{count} {unit}")),
    (re.compile(r"(?P<count>\d+) songs by (?P<who>.+)"), _("{count} songs by {who}")),
    (re.compile(r"(?P<steps>\d+) steps, shift (?P<shift>\S+)"), _("{steps} steps, shift {shift}")),
    (
        re.compile(
            r"song (?P<number>\d+) of (?P<count>\d+), (?P<steps>\d+) steps, shift (?P<shift>[^:]+): (?P<name>.*)"
        ),
        _("song {number} of {count}, {steps} steps, shift {shift}: {name}"),
    ),
    (re.compile(r"the loss stays below (?P<loss>\S+)"), _("the loss stays below {loss}")),
)
"""What engines say with a value in it, and how that is said to people."""


def word(text: str) -> str:
    """A word of a run or of a settings document, in the language of this process; unknown ones as they are."""
    return _WORDS.get(text, text)


def said(text: str) -> str:
    """What an engine says beside its phase, or of its end, in the language of this process; else as it is."""
    for pattern, template in _SENTENCES:
        if found := pattern.fullmatch(text):
            return template.format(**{name: word(value) for name, value in found.groupdict().items()})
    return word(text)
