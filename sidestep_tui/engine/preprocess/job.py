"""The job `preprocess`: songs and their texts become the tensors that every other job reads.

Three passes with one model in memory at a time: audio through the VAE, prompts through the text encoder, text states
through the condition encoder. What a pass gives is on disk before the next begins, so that an interrupted run goes on
where it was, and a song enters the manifest only when all of it is written.
"""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.session import EDITS_LEFT_OUT, SAVED_BESIDE, load_dataset
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.data.lock import writing_to
from sidestep_tui.engine.data.manifest import DamagedManifestError, Manifest, read_manifest
from sidestep_tui.engine.devices import choose_device, choose_dtype, free_memory
from sidestep_tui.engine.opening import open_model
from sidestep_tui.engine.preprocess.audio import encode_songs
from sidestep_tui.engine.preprocess.bench import Bench, has_shared, is_whole
from sidestep_tui.engine.preprocess.plan import PlannedSong, Planner, measure_first
from sidestep_tui.engine.preprocess.scratch import Scratch
from sidestep_tui.engine.preprocess.text import encode_prompts, write_songs
from sidestep_tui.engine.team import Team, form_team
from sidestep_tui.errors import SidestepError

_WAS_SAVED: Final = "saved"


def run(context: JobContext, settings: PreprocessSettings) -> Results:
    """Encodes what is new or changed.

    Raises:
        SidestepError: the model, the data set or the output cannot be used, or no song could be encoded.
        StopRequestedError: on request, between two songs.
    """
    context.phase("opening the model")
    checkpoint = open_model(settings.model)
    context.phase("reading the data set", subject=str(settings.dataset))
    dataset = load_dataset(settings.dataset)
    with writing_to(settings.output) if context.events is not None else nullcontext():  # the first rank for all
        return _fill(context, settings, checkpoint, dataset)


def _fill(context: JobContext, settings: PreprocessSettings, checkpoint: Checkpoint, dataset: Dataset) -> Results:
    """Encodes into a folder that no other run writes to."""
    device, measures = choose_device(settings), MeasureCache()
    dtype = choose_dtype(settings.model, device)
    manifest = _earlier_manifest(context, settings.output, checkpoint)
    _refuse_to_forget(settings, manifest, dataset)
    team = form_team(context)
    if team.speaks:
        _warn_of_edits(context, dataset)
        measure_first(context, dataset, measures)
    planner = Planner(dataset, settings, checkpoint, dtype, measures)
    bench = Bench(
        context=context,
        checkpoint=checkpoint,
        device=device,
        dtype=dtype,
        folder=settings.output,
        tile_seconds=settings.tile_seconds,
        manifest=replace(manifest, dataset=_about(planner.dataset)),
        scratch=Scratch(settings.output),
    )
    todo = _plan(bench, planner) if team.speaks else []
    audio_seconds, wall_seconds = _encode(bench, team, team.share(todo))
    audio_seconds, wall_seconds = _merge(bench, team, audio_seconds, wall_seconds)
    if not team.speaks:
        return {}
    if not bench.finished:
        raise _nothing_encoded(bench, settings.dataset)
    bench.commit()
    bench.scratch.clear()
    return {
        "songs": len(bench.finished),
        "encoded": sum(song.key in bench.finished for song in todo),
        "failed": len(bench.failed),
        "audio_seconds": round(sum(entry.duration for entry in bench.finished.values()), 2),
        "realtime_factor": round(audio_seconds / wall_seconds, 2) if audio_seconds else None,
        "output": str(settings.output),
    }


def _nothing_encoded(bench: Bench, dataset: Path) -> SidestepError:
    key, reason = next(iter(bench.failed.items()), ("", ""))
    return SidestepError(
        f"None of the {len(bench.failed)} songs could be encoded. The first is {key}: {reason}",
        where=dataset,
        fix="`sidestep dataset check` names what is wrong with each",
    )


def _warn_of_edits(context: JobContext, dataset: Dataset) -> None:
    """Whoever has labelled and saved a folder, and then encodes the folder, would train without the labels."""
    for finding in dataset.findings:
        if finding.code in EDITS_LEFT_OUT:
            context.warn_once(finding.message, dataset.root, finding.fix or "")


def _refuse_to_forget(settings: PreprocessSettings, manifest: Manifest, dataset: Dataset) -> None:
    """Tensors of a saved data set do not become those of its folder, without the labels, because of a mistyped path."""
    beside = any(finding.code == SAVED_BESIDE for finding in dataset.findings)
    if beside and manifest.dataset.get(_WAS_SAVED):
        raise SidestepError(
            f"These tensors were made from {DATASET_FILE}; the folder alone lacks what was edited in it.",
            where=settings.dataset,
            fix=f"give {settings.dataset / DATASET_FILE}, or choose another output folder",
        )


def _plan(bench: Bench, planner: Planner) -> list[PlannedSong]:
    """The songs to encode; those that are up to date are noted as finished, those that cannot be read as failed."""
    dataset = planner.dataset
    for failure in dataset.failures:
        bench.leave_out(failure.key, failure.reason, failure.fix or "", failure.key)
    todo: list[PlannedSong] = []
    for done, song in enumerate(dataset.songs, start=1):
        bench.context.stop_if_requested()
        try:
            planned = planner.plan(song)
        except OSError as error:
            reason = error.strerror or str(error)
            bench.leave_out(song.key, reason, "check that the file can be read", song.audio_path)
            continue
        entry = bench.known.get(song.key)
        if entry and entry.source == planned.source and is_whole(bench.folder, entry):
            bench.finished[song.key] = replace(entry, repeat=planned.repeat, held_out=planned.held_out)
        else:
            todo.append(planned)
        bench.context.progress(done, len(dataset.songs), "files", song.key, len(bench.failed))
    if planner.cut:
        bench.context.warn_once(
            f"{len(planner.cut)} of the songs go on after {planner.longest:g} s and are cut there; their lyrics are "
            "not.",
            ", ".join(planner.cut[:5]),
            "split them into songs, each with its own lyrics, or raise longest_seconds",
        )
    return todo


def _merge(bench: Bench, team: Team, audio_seconds: float, wall_seconds: float) -> tuple[float, float]:
    """What all ranks have finished and what failed, on every rank; audio and wall seconds of all together."""
    for finished, failed in team.gather((bench.finished, bench.failed)):
        bench.finished |= finished
        bench.failed |= failed
    figures = team.gather((audio_seconds, wall_seconds))
    return sum(audio for audio, _ in figures), max(wall for _, wall in figures)


def _encode(bench: Bench, team: Team, todo: list[PlannedSong]) -> tuple[float, float]:
    """All three passes, from each to the next together; seconds of audio that the VAE saw, and how long that took."""
    if not any(team.gather(bool(todo))) and has_shared(bench.folder):
        return 0.0, 0.0
    new = [song for song in todo if not bench.find_latents(song)]
    started = time.monotonic()
    encode_songs(bench, new)
    wall_seconds = time.monotonic() - started
    free_memory()
    team.meet()
    encoded = [song for song in todo if song.key not in bench.failed]
    prompts = encode_prompts(bench, encoded)
    free_memory()
    team.meet()
    if encoded or bench.finished:
        write_songs(bench, encoded, prompts)
        free_memory()
    team.meet()
    return sum(bench.durations.get(song.key, 0.0) for song in new), wall_seconds


def _earlier_manifest(context: JobContext, folder: Path, checkpoint: Checkpoint) -> Manifest:
    """What the folder holds already, or an empty manifest, also where a damaged one tells nothing any more.

    Raises:
        SidestepError: it was made with another model, or by something else.
    """
    fingerprint = checkpoint.fingerprint()
    nothing = Manifest(fingerprint, str(checkpoint.variant), checkpoint.config.encoder_hidden_size)
    if not (folder / "manifest.json").exists():
        return nothing
    try:
        manifest = read_manifest(folder)
    except DamagedManifestError as error:
        context.warn(f"All songs are encoded again: {error.what}", error.where or "")
        return nothing
    if manifest.model != fingerprint:
        raise SidestepError(
            f"The folder holds songs that were encoded with another model ({manifest.variant}).",
            where=folder,
            fix="choose another output folder, or use the model that these songs were encoded with",
        )
    return manifest


def _about(dataset: Dataset) -> dict[str, str | int | bool]:
    metadata = dataset.metadata
    return {
        "name": metadata.name,
        _WAS_SAVED: dataset.saved is not None,
        "custom_tag": metadata.custom_tag,
        "tag_position": metadata.tag_position,
        "genre_ratio": metadata.genre_ratio,
        "all_instrumental": metadata.all_instrumental,
    }
