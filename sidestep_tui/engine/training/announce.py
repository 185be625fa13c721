"""What a training run says about itself before its first step: its size, and where open settings came from."""

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.precisions import precision_name
from sidestep_tui.config.train import TrainSettings, ValidationSettings, songs_drawn
from sidestep_tui.config.variants import ModelTraits, chosen_values
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.manifest import Manifest
from sidestep_tui.engine.ranks import Place
from sidestep_tui.engine.training.plan import StepPlan
from sidestep_tui.engine.training.setup import EncodedSongs, Setup
from sidestep_tui.runs.events import Planned
from sidestep_tui.told import told_many


def announce(context: JobContext, settings: TrainSettings, setup: Setup, plan: StepPlan) -> None:
    """Emits the plan, and a warning where over-fitting cannot be seen."""
    songs = setup.songs
    if not songs.split.validation and settings.validation.songs:
        context.warn_once(
            told_many(
                "{count} song is too little to hold one out: over-fitting will not be seen.",
                "{count} songs are too few to hold one out: over-fitting will not be seen.",
                len(songs.manifest.songs),
            ),
            fix="preprocess four songs or more",
        )
    _warn_of_split(context, settings, songs.manifest)
    _warn_of_crops(context, settings, songs)
    if settings.data.genre_ratio is not None and not any(song.has_both_kinds for song in songs.manifest.songs):
        context.warn_once(
            "No song was encoded with its genre beside its caption: data.genre_ratio changes nothing.",
            settings.data.tensors,
            "preprocess with --encode_genre",
        )
    context.emit(
        Planned(
            total_steps=plan.total_steps,
            steps_per_epoch=plan.steps_per_epoch,
            epochs=-(-plan.total_steps // plan.steps_per_epoch),
            songs=len(songs.split.training),
            validation_songs=len(songs.split.validation),
            trainable_parameters=sum(parameter.numel() for parameter in setup.model.parameters.values()),
            adapted_modules=setup.model.adapted_modules,
            reasons=_reasons(settings, setup.checkpoint, setup.place),
        )
    )


def _warn_of_split(context: JobContext, settings: TrainSettings, manifest: Manifest) -> None:
    """Says where not as many songs are held out as the settings ask for."""
    songs = manifest.songs
    marked = sum(song.held_out for song in songs)
    asked, drawn = settings.validation.songs, songs_drawn(settings.validation.songs, len(songs))
    if not marked and 0 < drawn < asked:
        context.warn_once(
            f"Of {len(songs)} songs {drawn} are held out instead of {asked}: the other half is needed for training.",
            settings.data.tensors,
            f"set validation.songs to {drawn} or less",
        )
    if marked and asked not in (marked, ValidationSettings.model_fields["songs"].default):
        context.warn_once(
            told_many(
                "The data set holds out {count} song itself: validation.songs={asked} is not used.",
                "The data set holds out {count} songs itself: validation.songs={asked} is not used.",
                marked,
                asked=asked,
            ),
            settings.data.tensors,
            "leave validation.songs alone, or set held_out in the data set and preprocess again",
        )


def _warn_of_crops(context: JobContext, settings: TrainSettings, songs: EncodedSongs) -> None:
    """A crop whose prompt is that of the whole song is told a wrong duration, and words that are not sung in it."""
    crop = songs.drawing.crop_frames
    whole = [
        song.key
        for song in songs.manifest.songs
        if crop is not None and song.frames > crop and all(entry.crop_frames != crop for entry in song.further)
    ]
    if whole:
        context.warn_once(
            told_many(
                "Crops of {count} song are told the whole song's duration and lyrics.",
                "Crops of {count} songs are told the whole song's duration and lyrics.",
                len(whole),
            ),
            ", ".join(whole[:5]),
            f"preprocess with --crop_seconds {settings.data.crop_seconds:g}",
        )


def _reasons(settings: TrainSettings, checkpoint: Checkpoint, place: Place) -> dict[str, str]:
    """Values that the settings leave open, and where they were taken from."""
    config = checkpoint.config
    traits = ModelTraits(checkpoint.variant.value, checkpoint.is_xl, config.timestep_mu, config.timestep_sigma)
    reasons = {path: str(chosen) for path, chosen in chosen_values(settings, traits).items()}
    if settings.model.precision == "auto":
        reasons["model.precision"] = f"{precision_name(place.dtype)}, what {place.device} computes in"
    return reasons
