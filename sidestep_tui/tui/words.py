"""The words of settings and events (jobs, conditions, kinds, units), as people read them in their language.

A run's files hold these words in English whatever the language; they are translated where they are shown.
Whole texts are recognised by `texts.spoken`; these are the words that a table or a heading shows alone.
"""

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
    # whether a run fits
    "yes": _("yes"),
    "barely": _("barely"),
    "paused": _("paused"),
    "stopping": _("stopping"),
    # how runs did
    "done": _("done"),
    "recent loss": _("recent loss"),
    "best validation": _("best validation"),
    "rate set live": _("rate set live"),
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
    # what progress counts
    "batches": _("batches"),
    "files": _("files"),
    "frames": _("frames"),
    "modules": _("modules"),
    "policies": _("policies"),
    "samples": _("samples"),
    "songs": _("songs"),
    "steps": _("steps"),
    "tensors": _("tensors"),
    "ways": _("ways"),
    # bands of timesteps
    "texture": _("texture"),
    "balance": _("balance"),
    "structure": _("structure"),
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

_ONE: Final = {
    "batches": _("batch"),
    "blocks": _("block"),
    "epochs": _("epoch"),
    "files": _("file"),
    "frames": _("frame"),
    "micro-batches": _("micro-batch"),
    "modules": _("module"),
    "policies": _("policy"),
    "processes": _("process"),
    "samples": _("sample"),
    "seconds": _("second"),
    "songs": _("song"),
    "steps": _("step"),
    "tensors": _("tensor"),
    "ways": _("way"),
    "tokens": _("token"),
    "validations": _("validation"),
}
"""What one of a unit is called."""


def word(text: str) -> str:
    """A word of a run or of a settings document, in the language of this process; unknown ones as they are."""
    return _WORDS.get(text, text)


def unit(name: str, number: str | int) -> str:
    """What is counted, in the form that a number asks for: `1 song`, `2 songs`."""
    return _ONE[name] if str(number) == "1" and name in _ONE else _(name)
