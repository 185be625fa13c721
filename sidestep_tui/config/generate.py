"""The settings of `sidestep generate`: what is sung, with which adapters, how it is sampled, and from which source."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.config.model import ModelSettings

AudioFormat = Literal["wav", "flac", "ogg", "mp3", "opus"]
Task = Literal["text2music", "cover", "repaint"]


class WeightedAdapter(Section):
    """An adapter and how strongly it works; as text `PATH` or `PATH=SCALE`."""

    path: Path
    """An adapter folder or file."""

    scale: Annotated[float, Field(ge=-4, le=4)] = 1.0
    """1 is as trained; below 0 turns the effect round."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        path, equals, scale = value.rpartition("=")
        try:
            return {"path": path, "scale": float(scale)} if equals and path else {"path": value}
        except ValueError:  # an equals sign in the path itself
            return {"path": value}


class GenerateSettings(Section):
    """Make a song from a prompt, with or without an adapter."""

    model: ModelSettings
    output: Annotated[Path, Shown(short="output", personal=True)]
    """The audio file; its ending chooses the format (wav, flac, ogg, mp3, opus). With `prompts`, the songs' folder."""

    prompt: Annotated[str, Field(max_length=4000), Shown(short="prompt")] = ""
    """The caption: style, instruments, mood, voice."""

    prompts: Annotated[Path | None, Shown(short="prompts", personal=True)] = None
    """Many songs in one go: a file of prompts (JSON lines or text, docs/listening.md), or a data set for its captions;
    what it does not say of a song is as set here."""

    format: Annotated[AudioFormat, Shown("advanced")] = "wav"
    """Of the songs of `prompts`."""

    adapter: Annotated[Path | None, Shown(short="adapter", personal=True)] = None
    """An adapter folder or file."""

    adapter_scale: Annotated[float, Field(ge=-4, le=4), Shown("advanced")] = 1.0
    """Strength of the adapter; 1 is as trained, below 0 turns its effect round."""

    adapters: Annotated[tuple[WeightedAdapter, ...], Shown("advanced", personal=True)] = ()
    """More adapters that work at the same time, each written PATH or PATH=SCALE; their effects add up."""

    lyrics: Annotated[str, Field(max_length=20_000), Shown(short="lyrics")] = "[Instrumental]"
    """The lyrics, with structure tags such as [Verse]."""

    language: Annotated[str, Field(max_length=20), Shown()] = "unknown"
    """Language of the lyrics: en, ja, zh, …"""

    bpm: Annotated[int | None, Field(ge=20, le=400), Shown(unit="BPM")] = None
    """Tempo; empty leaves it to the model."""

    keyscale: Annotated[str | None, Field(max_length=30), Shown()] = None
    """Key, for instance `D major`."""

    timesignature: Annotated[str | None, Field(max_length=5), Shown()] = None
    """Beats in a bar: 2, 3, 4 or 6."""

    duration: Annotated[float, Field(ge=1, le=600), Shown(unit="seconds")] = 60.0
    """Length of the song."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown(short="seed")] = 42
    """The same seed gives the same song on the same device."""

    steps: Annotated[int | None, Field(ge=1, le=1000), Shown("advanced", unit="steps")] = None
    """Denoising steps; empty takes the variant's own (turbo 8, base and sft 50)."""

    shift: Annotated[float | None, Field(gt=0, le=20), Shown("advanced")] = None
    """Timestep shift; empty takes the variant's own (turbo 3, base and sft 1)."""

    guidance_scale: Annotated[float | None, Field(ge=0, le=50), Shown("advanced", variants=("base", "sft"))] = None
    """Strength of guidance; turbo ignores it."""

    task: Annotated[Task, Shown("advanced", short="task")] = "text2music"
    """text2music, cover (a source song played anew) or repaint (a part of a source song made anew)."""

    source: Annotated[
        Path | None, Shown("advanced", short="source", personal=True, when=When("task", ("cover", "repaint")))
    ] = None
    """The song that is covered or repainted. Its length is the new song's; `duration` is ignored."""

    cover_strength: Annotated[float, Field(ge=0, le=1), Shown("advanced", when=When("task", ("cover",)))] = 1.0
    """Share of the steps that follow the source; the last ones follow the prompt alone."""

    repaint_start: Annotated[
        float, Field(ge=0, le=600), Shown("advanced", unit="seconds", when=When("task", ("repaint",)))
    ] = 0.0
    """Where the new part begins; what lies outside of it stays as it is."""

    repaint_end: Annotated[
        float | None, Field(gt=0, le=600), Shown("advanced", unit="seconds", when=When("task", ("repaint",)))
    ] = None
    """Where the new part ends; empty is the end of the song."""

    @field_validator("prompts")
    @classmethod
    def _something_to_sing(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None and not info.data.get("prompt", "?").strip():
            raise ValueError("a song needs a prompt, or a file of prompts")
        return value

    @field_validator("source")
    @classmethod
    def _something_to_change(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        task = info.data.get("task", "text2music")
        if value is None and task != "text2music":
            raise ValueError(f"a {task} needs a source song")
        return value

    @field_validator("repaint_end")
    @classmethod
    def _after_its_start(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and value <= info.data.get("repaint_start", 0.0):
            raise ValueError("must be after repaint_start")
        return value

    def all_adapters(self) -> tuple[WeightedAdapter, ...]:
        """Every adapter that works on the song, `adapter` first."""
        first = () if self.adapter is None else (WeightedAdapter(path=self.adapter, scale=self.adapter_scale),)
        return (*first, *self.adapters)
