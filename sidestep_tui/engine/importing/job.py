"""Takes over the samples that other ACE-Step trainers preprocessed."""

import hashlib
from collections.abc import Collection
from pathlib import Path

import torch

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.acestep.timbre import holds_token, timbre_of_zeros
from sidestep_tui.config.jobs import ImportSettings
from sidestep_tui.dataset.song import DatasetMetadata
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.data.lock import writing_to
from sidestep_tui.engine.data.manifest import Manifest, SongEntry, song_file, write_manifest
from sidestep_tui.engine.data.tensors import SharedTensors, SongTensors, write_shared, write_song
from sidestep_tui.engine.devices import choose_device
from sidestep_tui.engine.importing.prompts import data_set_of, prompts_of
from sidestep_tui.engine.importing.samples import Foreign, find_samples, read_foreign
from sidestep_tui.engine.opening import open_model
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told, told_many


def run(context: JobContext, settings: ImportSettings) -> Results:
    """Converts every sample that can be used; names the others.

    Raises:
        SidestepError: there is no sample, or none can be used.
    """
    checkpoint = open_model(settings.model)
    files, missing = find_samples(settings.source)
    if missing:
        context.warn(
            f"The list of samples names {len(missing)} that are not there.",
            ", ".join(missing[:5]),
            "put them beside their manifest.json and import again, or go on without them",
        )
    context.phase("importing", told_many("{count} sample", "{count} samples", len(files)))
    with writing_to(settings.output):
        return _import(context, settings, checkpoint, files)


def _import(context: JobContext, settings: ImportSettings, checkpoint: Checkpoint, files: list[Path]) -> Results:
    zeros = _write_shared(checkpoint, settings, choose_device(settings))
    data_set = data_set_of(settings.source)
    entries: list[SongEntry] = []
    failed: dict[str, str] = {}
    said: set[str] = set()
    for number, file in enumerate(files, start=1):
        context.stop_if_requested()
        try:
            sample = read_foreign(file, checkpoint.config.encoder_hidden_size)
        except SidestepError as error:
            failed[file.name] = error.what
            context.warn(error.what, file, error.fix or "")
        else:
            for warning in (*sample.warnings, *_timbre_warnings(sample, zeros)):
                if warning not in said:
                    said.add(warning)
                    context.warn(warning, file, "preprocess the songs with Side-Step to condition as inference does")
            key = _key(file, sample, {entry.key for entry in entries})
            entries.append(_write(settings.output, file, key, sample, data_set))
        context.progress(number, len(files), "samples", file.name, len(failed))
    if not entries:
        reason = next(iter(failed.values()))
        raise SidestepError(
            f"None of the {len(files)} samples can be used: {reason}",
            where=settings.source,
            fix="preprocess the songs with `sidestep preprocess`",
        )
    size = checkpoint.config.encoder_hidden_size
    manifest = Manifest(checkpoint.fingerprint(), checkpoint.variant.value, size, {}, tuple(entries), failed)
    write_manifest(settings.output, manifest)
    return {"songs": len(entries), "failed": len(failed), "tensors": str(settings.output)}


def _key(file: Path, sample: Foreign, taken: Collection[str]) -> str:
    """The song's identity: the two names that it has, and those of folders where they do not tell it from another."""
    key = f"{file.stem}/{sample.metadata.get('filename') or file.name}"
    for folder in file.absolute().parents:
        if key not in taken:
            break
        key = f"{folder.name}/{key}"
    return key


def _write(output: Path, file: Path, key: str, sample: Foreign, data_set: DatasetMetadata) -> SongEntry:
    tensors = SongTensors(
        latent_mean=sample.latents, latent_std=torch.zeros_like(sample.latents), condition=sample.condition
    )
    target = song_file(key)
    write_song(output, target, tensors)
    seconds = len(sample.latents) / LATENT_RATE
    prompt, lyrics = prompts_of(sample.metadata, data_set, seconds)
    return SongEntry(
        key=key,
        file=target,
        frames=len(sample.latents),
        condition_tokens=len(sample.condition),
        source=hashlib.sha256(file.read_bytes()).hexdigest()[:32],
        duration=seconds,
        prompt=prompt,
        lyrics=lyrics,
        repeat=sample.repeat,
    )


def _timbre_warnings(sample: Foreign, zeros: torch.Tensor) -> tuple[str, ...]:
    if not holds_token(sample.condition, zeros):
        return ()
    return (told("The timbre reference was zeros; inference takes the beginning of silence."),)


def _write_shared(checkpoint: Checkpoint, settings: ImportSettings, device: torch.device) -> torch.Tensor:
    """Writes what all songs share; gives the timbre tokens [2, D] of a reference of zeros."""
    encoder = checkpoint.load_condition_encoder(device, torch.float32)
    shared = SharedTensors(
        silence_latent=checkpoint.silence_latent(), null_condition=encoder.null_condition_emb.reshape(1, -1)
    )
    write_shared(settings.output, shared)
    return timbre_of_zeros(encoder, checkpoint.config.timbre_fix_frame)
