"""The words of settings and events (jobs, conditions, kinds, phases, units), as people read them in their language.

A run's files hold these words in English whatever the language; they are translated where they are shown.
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
    "merging": _("merging"),
    "opening the data set": _("opening the data set"),
    "opening the model": _("opening the model"),
    "paused": _("paused"),
    "reading the adapter": _("reading the adapter"),
    "reading the data set": _("reading the data set"),
    "training": _("training"),
    "uploading": _("uploading"),
    "writing": _("writing"),
}


def word(text: str) -> str:
    """A word of a run or of a settings document, in the language of this process; unknown ones as they are."""
    return _WORDS.get(text, text)
