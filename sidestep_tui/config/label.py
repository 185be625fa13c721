"""The settings of labelling as a run: who says what is missing, and of which songs."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.errors import UsageError

LabelSource = Literal["sound", "gemini", "openai", "whisper", "scribe", "lrclib", "local"]
_SERVERS = ("gemini", "openai", "whisper", "scribe", "lrclib")
_LOCAL = When("by", ("local",))
_REMOTE = When("by", _SERVERS)


class LabelSettings(Section):
    """Fill in what is missing in a data set; the answers are proposals that a review or `dataset label` takes over."""

    dataset: Annotated[Path, Shown(personal=True)]
    """A folder of songs, or a saved data set (JSON)."""

    by: Annotated[LabelSource, Shown()] = "sound"
    """Who says it: the `sound` itself (tempo, key, metre, language; offline), a provider, or `local` models."""

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

    captioner: Annotated[Path | None, Shown(when=_LOCAL, personal=True)] = None
    """The folder of a Qwen2.5-Omni model that writes captions, such as ACE-Step/acestep-captioner."""

    transcriber: Annotated[Path | None, Shown(when=_LOCAL, personal=True)] = None
    """The folder of a Qwen2.5-Omni model that writes lyrics, such as ACE-Step/acestep-transcriber."""

    device: Annotated[
        str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"), Shown("advanced", when=_LOCAL, personal=True)
    ] = "auto"
    """`auto` takes the CUDA card with most memory, else the CPU."""

    longest_answer: Annotated[int, Field(ge=16, le=8192), Shown("advanced", when=_LOCAL, unit="tokens")] = 1500
    """Where a local model is stopped that does not come to an end."""

    def check_models(self) -> None:
        """A dialog asks for the models after the source, so that no validator can ask for both.

        Raises:
            UsageError: local models are to say it, and none is named.
        """
        if self.by == "local" and self.captioner is None and self.transcriber is None:
            raise UsageError(
                "No local model is named.", where="captioner, transcriber", fix="give the folder of one of them or both"
            )
