"""What the sound of a song says about it as training material, after trimming and normalisation have had their say."""

import math

from sidestep_tui.dataset.measure import OFF_SCALE_PEAK, Measures
from sidestep_tui.dataset.song import DatasetMetadata, Finding, Severity, Song
from sidestep_tui.dataset.song_findings import SHORTEST
from sidestep_tui.dataset.treatment import Treatment, treatment_of
from sidestep_tui.told import told, told_many

QUIET = -30.0
"""LUFS below which a song is quieter than any that the model was made with."""
_LONG_SILENCE = 2.0
_NARROW = 15_000.0
_LOST = 0.01
"""Share of a recording, and at least a second: headers and decoders differ by some milliseconds on whole files."""


def check_sound(song: Song, metadata: DatasetMetadata, measures: Measures) -> list[Finding]:
    """Findings about the sound of a song as the model will hear it.

    Args:
        song: of a data set.
        metadata: of the same data set.
        measures: of the song's file.
    """

    def finding(severity: Severity, code: str, message: str, fix: str) -> Finding:
        return Finding(severity, code, message, song.key, fix)

    if song.duration < SHORTEST:
        return []  # that it is too short is all there is to say; under 0.4 s it has no loudness
    if measures.loudness is None:
        return [finding(Severity.ERROR, "silent", told("It is silent."), told("remove it"))]
    treatment = treatment_of(song, metadata, measures)
    over = 20 * math.log10(measures.peak) + treatment.gain_db
    if over > 20 * math.log10(OFF_SCALE_PEAK):
        message = told("It goes {over:.0f} dB over full scale: it is damaged, or has another scale.", over=over)
        fix = told("copy it again, or set normalization for the data set")
        return [finding(Severity.ERROR, "off-scale", message, fix)]
    found = _breaks_off(song, measures)
    if measures.loudness + treatment.gain_db < QUIET:
        message = told("It is quiet ({loudness:.1f} LUFS).", loudness=measures.loudness + treatment.gain_db)
        fix = told("set gain_db, or normalization for the data set")
        found.append(finding(Severity.WARNING, "quiet", message, fix))
    if measures.clipped_runs:
        message = told_many("It clips in one place.", "It clips in {count} places.", measures.clipped_runs)
        fix = told("use a master with headroom if there is one")
        found.append(finding(Severity.INFO, "clipped", message, fix))
    found += _silent_ends(song, measures, treatment)
    if measures.false_stereo and song.audio.channels > 1:
        message, fix = told("Both sides are the same."), told("use a stereo version if there is one")
        found.append(finding(Severity.INFO, "false-stereo", message, fix))
    if measures.bandwidth < _NARROW:
        message = told("Nothing is left of it above {khz:.1f} kHz.", khz=measures.bandwidth / 1000)
        fix = told("use a better source if there is one")
        found.append(finding(Severity.WARNING, "narrow-bandwidth", message, fix))
    return found


def _silent_ends(song: Song, measures: Measures, treatment: Treatment) -> list[Finding]:
    """Silence at either end that trimming leaves there."""
    before = max(0.0, measures.silence_start - treatment.start)
    cut = 0.0 if treatment.end is None else song.duration - treatment.end
    after = max(0.0, measures.silence_end - cut)
    if max(before, after) <= _LONG_SILENCE:
        return []
    message = told("It begins with {before:.1f} s and ends with {after:.1f} s of silence.", before=before, after=after)
    fix = told("set trim_silence for the data set, or trim it")
    return [Finding(Severity.WARNING, "silent-ends", message, song.key, fix)]


def _breaks_off(song: Song, measures: Measures) -> list[Finding]:
    """A download or copy that was interrupted plays, and its header still promises the whole song."""
    decoded = measures.seconds
    if decoded is None or song.duration - decoded <= max(1.0, _LOST * song.duration):
        return []
    message = told(
        "The file breaks off: {decoded:.0f} s of {whole:.0f} s can be decoded.", decoded=decoded, whole=song.duration
    )
    return [Finding(Severity.WARNING, "cut-short", message, song.key, told("copy it again, whole"))]
