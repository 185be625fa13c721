"""What the sound of a song says about it as training material, after trimming and normalisation have had their say."""

from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.song import DatasetMetadata, Finding, Severity, Song
from sidestep_tui.dataset.treatment import treatment_of

QUIET = -30.0
"""LUFS below which a song is quieter than any that the model was made with."""
_LONG_SILENCE = 2.0
_NARROW = 15_000.0


def check_sound(song: Song, metadata: DatasetMetadata, measures: Measures) -> list[Finding]:
    """Findings about the sound of a song as the model will hear it.

    Args:
        song: of a data set.
        metadata: of the same data set.
        measures: of the song's file.
    """

    def finding(severity: Severity, code: str, message: str, fix: str) -> Finding:
        return Finding(severity, code, message, song.key, fix)

    if measures.loudness is None:
        return [finding(Severity.ERROR, "silent", "It is silent.", "remove it")]
    treatment = treatment_of(song, metadata, measures)
    found: list[Finding] = []
    if measures.loudness + treatment.gain_db < QUIET:
        message = f"It is quiet ({measures.loudness + treatment.gain_db:.1f} LUFS)."
        found.append(finding(Severity.WARNING, "quiet", message, "set gain_db, or normalization for the data set"))
    if measures.clipped_runs:
        message = f"It clips in {measures.clipped_runs} places."
        found.append(finding(Severity.INFO, "clipped", message, "use a master with headroom if there is one"))
    before = max(0.0, measures.silence_start - treatment.start)
    cut = 0.0 if treatment.end is None else song.duration - treatment.end
    after = max(0.0, measures.silence_end - cut)
    if max(before, after) > _LONG_SILENCE:
        message = f"It begins with {before:.1f} s and ends with {after:.1f} s of silence."
        found.append(finding(Severity.WARNING, "silent-ends", message, "set trim_silence for the data set, or trim it"))
    if measures.false_stereo and song.audio.channels > 1:
        message = "Both sides are the same."
        found.append(finding(Severity.INFO, "false-stereo", message, "use a stereo version if there is one"))
    if measures.bandwidth < _NARROW:
        message = f"Nothing is left of it above {measures.bandwidth / 1000:.1f} kHz."
        found.append(finding(Severity.WARNING, "narrow-bandwidth", message, "use a better source if there is one"))
    return found
