"""Songs generated while training: what a run lets you hear of itself."""

from typing import Annotated

from pydantic import Field

from sidestep_tui.config.base import Section, Shown


class SampleSettings(Section):
    """Songs generated at fixed prompts and seeds, so that what changes between them is the adapter."""

    every_epochs: Annotated[int | None, Field(ge=1), Shown(unit="epochs", resumable=True)] = None
    """Generate before the first step, after every so many epochs and at the end. Empty generates only on request
    (`sidestep runs command RUN sample`). On a card, the decoder is loaded for it and freed again."""

    songs: Annotated[int, Field(ge=0, le=100), Shown("advanced", unit="songs", resumable=True)] = 1
    """So many songs of the data set are generated from their own caption, lyrics, tempo and key."""

    prompts: Annotated[str, Field(max_length=20_000), Shown(resumable=True)] = ""
    """Further captions to generate from, separated by `|`."""

    lyrics: Annotated[str, Field(max_length=20_000), Shown("advanced", resumable=True)] = "[Instrumental]"
    """The lyrics of `prompts`, with structure tags such as [Verse]."""

    language: Annotated[str, Field(max_length=20), Shown("advanced", resumable=True)] = "unknown"
    """Language of these lyrics: en, ja, zh, …"""

    duration: Annotated[float, Field(ge=1, le=600), Shown("advanced", unit="seconds", resumable=True)] = 30.0
    """Length of each song."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("advanced", resumable=True)] = 42
    """Of the noise that every song begins with."""

    steps: Annotated[int | None, Field(ge=1, le=1000), Shown("advanced", unit="steps", resumable=True)] = None
    """Denoising steps; empty takes the variant's own (turbo 8, base and sft 50)."""

    shift: Annotated[float | None, Field(gt=0, le=20), Shown("advanced", resumable=True)] = None
    """Timestep shift; empty takes the variant's own (turbo 3, base and sft 1)."""

    guidance_scale: Annotated[
        float | None, Field(ge=0, le=50), Shown("advanced", variants=("base", "sft"), resumable=True)
    ] = None
    """Strength of guidance; turbo ignores it."""
