"""The settings of labelling as a run: who says what is missing, and of which songs."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.errors import UsageError

LabelSource = Literal["sound", "gemini", "openai", "whisper", "scribe", "lrclib", "acestep", "local"]
ModelRole = Literal["lm", "captioner", "transcriber"]
MODEL_FIELDS: Final[Mapping[ModelRole, tuple[str, ...]]] = {
    "lm": ("caption", "genre"),
    "captioner": ("caption",),
    "transcriber": ("lyrics", "language"),
}
"""What each model of this machine fills."""
_SERVERS = ("gemini", "openai", "whisper", "scribe", "lrclib")
_LM = When("by", ("acestep",))
_LOCAL = When("by", ("local",))
_HERE = When("by", ("acestep", "local"))
_REMOTE = When("by", _SERVERS)


class LabelSettings(Section):
    """Fill in what is missing in a data set; the answers are proposals that a review or `dataset label` takes over."""

    dataset: Annotated[Path, Shown(personal=True)]
    """A folder of songs, or a saved data set (JSON)."""

    by: Annotated[LabelSource, Shown()] = "sound"
    """Who says it: the `sound` itself (tempo, key, metre, language; offline), a provider, ACE-Step's own language model
    (`acestep`), or `local` models."""

    analyser: Annotated[Literal["builtin", "essentia"], Shown("advanced", when=When("by", ("sound",)))] = "builtin"
    """Who hears the key: `builtin`, or `essentia` where it is installed, which is right more often and slower."""

    fields: Annotated[tuple[str, ...], Shown()] = ()
    """What to fill, such as caption and lyrics; empty fills all that can be told this way."""

    songs: Annotated[tuple[str, ...], Shown("advanced", personal=True)] = ()
    """The songs, by their path in the data set; empty takes all."""

    base_url: Annotated[str | None, Shown("advanced", when=_REMOTE, personal=True)] = None
    """Another server that speaks the provider's protocol, such as a local one."""

    model_name: Annotated[str | None, Shown("advanced", when=_REMOTE)] = None
    """Another model of the provider."""

    per_minute: Annotated[float | None, Field(gt=0, le=6000), Shown("advanced", when=_REMOTE)] = None
    """Requests to the provider per minute at most; empty takes the provider's usual pace."""

    lm: Annotated[Path | None, Shown(when=_LM, personal=True)] = None
    """The folder of ACE-Step's language model, which writes captions and genres: checkpoints/acestep-5Hz-lm-1.7B."""

    codec: Annotated[Path | None, Shown("advanced", when=_LM, personal=True)] = None
    """The ACE-Step model that turns songs into the codes that the language model reads; empty takes one beside it."""

    captioner: Annotated[Path | None, Shown(when=_LOCAL, personal=True)] = None
    """The folder of a Qwen2.5-Omni model that writes captions, such as ACE-Step/acestep-captioner."""

    transcriber: Annotated[Path | None, Shown(when=_LOCAL, personal=True)] = None
    """The folder of a Qwen2.5-Omni model that writes lyrics, such as ACE-Step/acestep-transcriber."""

    device: Annotated[
        str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"), Shown("advanced", when=_HERE, personal=True)
    ] = "auto"
    """`auto` takes the CUDA card with most memory, else the CPU."""

    longest_answer: Annotated[int, Field(ge=16, le=8192), Shown("advanced", when=_HERE, unit="tokens")] = 1500
    """Where a local model is stopped that does not come to an end."""

    def models(self) -> dict[ModelRole, Path]:
        """The models of this machine that are named for this source."""
        named: dict[ModelRole, Path | None] = {"lm": self.lm} if self.by == "acestep" else {}
        if self.by == "local":
            named = {"captioner": self.captioner, "transcriber": self.transcriber}
        return {role: folder for role, folder in named.items() if folder is not None}

    def check_models(self, fields: Collection[str]) -> None:
        """A dialog asks for the models after the source, so that no validator can ask for both.

        Args:
            fields: what is wanted, under the names of a data set; empty wants all.

        Raises:
            UsageError: models of this machine are to say it, and none is named, or none of them can.
        """
        models = self.models()
        if self.by == "acestep" and not models:
            raise UsageError(
                "No language model is named.",
                where="lm",
                fix="give the folder of one, such as checkpoints/acestep-5Hz-lm-1.7B",
            )
        if self.by == "local" and not models:
            raise UsageError(
                "No local model is named.", where="captioner, transcriber", fix="give the folder of one of them or both"
            )
        filled = [name for role in models for name in MODEL_FIELDS[role]]
        if models and fields and set(fields).isdisjoint(filled):
            raise UsageError(
                "The model fills none of these fields.",
                where=", ".join(fields),
                fix=f"use some of {', '.join(filled)}",
            )
