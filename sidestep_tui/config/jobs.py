"""The jobs that the engine runs, each with the settings document it takes."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown, When
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.label import LabelSettings
from sidestep_tui.config.model import BaseVariant, ModelSettings
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.config.train import TrainSettings

JobName = Literal["label", "preprocess", "import", "estimate", "preflight", "train", "generate", "export", "verify"]
ExportFormat = Literal["peft", "diffusers", "comfyui", "lycoris", "merged"]
ModelLayout = Literal["original", "diffusers"]
ExportPrecision = Literal["float32", "float16", "bfloat16"]


class PreprocessSettings(Section):
    """Encode songs and their texts once, exactly as inference would condition on them."""

    model: ModelSettings
    dataset: Annotated[Path, Shown(personal=True, resumable=True)]
    """A folder of songs, or a saved data set (JSON)."""

    output: Annotated[Path, Shown(short="output", personal=True)]
    """Where the tensors go. Songs that are there already and unchanged are not encoded again."""

    tile_seconds: Annotated[float, Field(ge=2, le=600), Shown("advanced", unit="seconds", resumable=True)] = 30.0
    """Length of the pieces in which a song is encoded; smaller needs less memory and gives the same latents."""

    longest_seconds: Annotated[float, Field(ge=1, le=3600), Shown("advanced", unit="seconds")] = 600.0
    """Songs are cut here. The model knows songs of up to ten minutes."""

    processes: Annotated[int, Field(ge=1, le=64), Shown("advanced", short="gpus", unit="processes", resumable=True)] = 1
    """Processes that share the songs, one for each card. The tensors are the same."""

    genre_ratio: Annotated[float | None, Field(ge=0, le=1), Shown("advanced")] = None
    """Share of songs whose prompt uses the genre instead of the caption; empty takes the data set's own."""

    folder_repeats: Annotated[bool, Shown("advanced")] = False
    """Read folder names such as `3_ballads` as numbers of repeats: an epoch sees these songs three times as often."""

    crop_seconds: Annotated[float | None, Field(ge=1, le=600), Shown("advanced", unit="seconds")] = None
    """Also encode prompts for crops of this length: the crop's duration, and of lyrics with times (LRC) the lines that
    are sung in it. Training with the same `data.crop_seconds` uses them; empty encodes whole songs only."""

    crop_grid_seconds: Annotated[float, Field(ge=0.04, le=600), Shown("advanced", unit="seconds")] = 15.0
    """How far apart the crops lie whose lyrics are encoded; smaller gives more starts and takes more disk."""

    caption_variants: Annotated[int, Field(ge=1, le=64), Shown("advanced")] = 1
    """How many wordings of a song's caption are encoded at most; training takes one in every epoch. The paragraphs of a
    caption are wordings of their own, and a list of tags is shuffled and thinned; 1 takes the caption as it stands."""

    tag_shuffle: Annotated[bool, Shown("advanced")] = True
    """Put the tags of further wordings into another order. Prose is left as it is."""

    tag_dropout: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Share of the tags that further wordings leave out. The trigger tag always stays."""

    encode_genre: Annotated[bool, Shown("advanced")] = False
    """Encode a song's genre beside its caption, so that `data.genre_ratio` can choose anew in every epoch."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("advanced", short="seed")] = 42
    """The order and choice of tags are functions of it."""


class ImportSettings(Section):
    """Take over tensors that another ACE-Step trainer preprocessed."""

    model: ModelSettings
    source: Annotated[Path, Shown(personal=True)]
    """A folder of .pt samples, with or without its manifest.json."""

    output: Annotated[Path, Shown(short="output", personal=True)]
    """Where the converted tensors go."""


class EstimateSettings(Section):
    """Measure which modules of the DiT this data set moves."""

    model: ModelSettings
    tensors: Annotated[Path, Shown(personal=True)]
    """A folder written by `sidestep preprocess`."""

    output: Annotated[Path | None, Shown(short="output", personal=True)] = None
    """The JSON file for the ranking; empty puts `sensitivity.json` beside the tensors."""

    batches: Annotated[int, Field(ge=1, le=10_000), Shown(unit="batches")] = 24
    """Songs drawn at most; more narrows the standard error."""

    stable_top: Annotated[int, Field(ge=0, le=1000), Shown("advanced", unit="modules")] = 16
    """Stop early when the order of so many strongest modules has not changed for a while; 0 measures all batches."""

    granularity: Annotated[Literal["module", "layer"], Shown("advanced")] = "module"
    """Rank single modules, or whole layers (sums of their modules). Ranks are proposed for modules either way."""

    crop_seconds: Annotated[float | None, Field(ge=1, le=600), Shown("advanced", unit="seconds")] = 60.0
    """Length of the windows that are measured; empty takes whole songs."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("advanced", short="seed")] = 42
    """Noise, timesteps and crops are functions of it."""

    rank: Annotated[int, Field(ge=1, le=1024), Shown(short="rank")] = 64
    """The proposal spends as many parameters as a LoRA of this rank on every module."""

    rank_floor: Annotated[int, Field(ge=0, le=1024), Shown("advanced")] = 1
    """No module is proposed less; 0 may leave modules out."""

    kind_share: Annotated[float, Field(ge=0, le=1), Shown("advanced")] = 0.25
    """Each kind of module (q, k, v, o of both attentions, gate, up, down) keeps at least this part of an even share."""

    rank_ceiling: Annotated[int, Field(ge=1, le=1024), Shown("advanced")] = 256
    """No module is proposed more."""

    alpha_per_rank: Annotated[float, Field(gt=0, le=64), Shown("advanced")] = 2.0
    """The proposed alpha of a module is its rank times this."""


class ExportSettings(Section):
    """Write a trained adapter in the form that a consumer loads."""

    adapter: Annotated[Path, Shown(personal=True)]
    """A checkpoint or `final` folder of a run, or with `from_difference` a fine-tuned model."""

    output: Annotated[Path | None, Shown(short="output", personal=True)] = None
    """The new folder; empty names one after the run, the family and the form, in the run's `exports`."""

    format: Annotated[ExportFormat, Shown(short="format")] = "peft"
    """peft (ACE-Step's Gradio and API), diffusers, comfyui or lycoris (one file each), or merged (a whole model)."""

    checkpoint: Annotated[Path | None, Shown("advanced", personal=True, when=When("format", ("merged",)))] = None
    """The model that the adapter was trained on, for a merged export."""

    base: Annotated[BaseVariant | None, Shown("advanced", when=When("format", ("merged",)))] = None
    """What the model was made from, where its config does not say and the layout is to change."""

    layout: Annotated[ModelLayout | None, Shown("advanced", when=When("format", ("merged",)))] = None
    """Of a merged model: original (ACE-Step) or diffusers; empty keeps the layout that the model has."""

    precision: Annotated[ExportPrecision | None, Shown("advanced")] = None
    """Of the exported weights; half the bits make half the file. Empty: float32, and a merged model keeps its own."""

    rank: Annotated[int | None, Field(ge=1, le=1024), Shown("advanced", short="rank")] = None
    """Reduce a LoRA to this rank, keeping its strongest directions; empty keeps all (64 of a difference)."""

    from_difference: Annotated[Path | None, Shown("advanced", personal=True)] = None
    """The model that a fine-tuned model was made from: their difference becomes a LoRA, and that is exported."""

    licence: Annotated[str | None, Field(max_length=100), Shown("advanced")] = None
    """The licence that the model card names, as the Hub spells it: mit, cc-by-4.0, openrail, …"""

    push: Annotated[str | None, Field(pattern=r"^[\w.-]+/[\w.-]+$"), Shown("advanced", short="push")] = None
    """A repository on the Hugging Face Hub, OWNER/NAME, that the exported folder is uploaded to."""

    public: Annotated[bool, Shown("advanced")] = False
    """Whether a repository that `push` makes can be seen by everyone."""


class VerifySettings(Section):
    """Load an adapter as its consumer does and measure what it changes."""

    model: ModelSettings
    adapter: Annotated[Path, Shown(personal=True)]
    """An adapter in any form that `sidestep export` writes: its folder or its file."""

    against: Annotated[Path | None, Shown(personal=True)] = None
    """The trained adapter that it must equal, for instance the run's `final` folder."""

    output: Annotated[Path | None, Shown("advanced", short="output", personal=True)] = None
    """Where the report with every module goes (JSON); empty puts it into the run's folder."""


JOBS: Final[dict[JobName, type[Section]]] = {
    "label": LabelSettings,
    "preprocess": PreprocessSettings,
    "import": ImportSettings,
    "estimate": EstimateSettings,
    "preflight": PreflightSettings,
    "train": TrainSettings,
    "generate": GenerateSettings,
    "export": ExportSettings,
    "verify": VerifySettings,
}
