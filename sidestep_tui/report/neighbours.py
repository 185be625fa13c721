"""The data set's song that each group of samples is nearest to, to be heard beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sidestep_tui.errors import SidestepError
from sidestep_tui.report.descriptors import SongSet
from sidestep_tui.report.likeness import DescribedSong
from sidestep_tui.report.listening import Heard, Neighbour
from sidestep_tui.report.samples import Group
from sidestep_tui.report.sound import read_sound

_EXCERPT_SECONDS: Final = 30.0
"""Enough to know a song again, and small enough to be inside the page."""
_MOST_GROUPS: Final = 12
"""Each excerpt is some half a megabyte of the page."""


def find_neighbours(
    groups: Sequence[Group], heard: Mapping[Path, Heard], songs: Sequence[DescribedSong]
) -> dict[Group, Neighbour]:
    """For the first twelve groups with a song to hear, the song nearest to the last of each, by its beginning.

    Args:
        groups: as `samples.find_groups` gives them; the last song of a group is that of the latest step.
        heard: the songs that could be read, by path.
        songs: of the data set.
    """
    if not songs:
        return {}
    against = SongSet([(song.key, song.descriptors) for song in songs])
    paths = {song.key: song.path for song in songs}
    excerpts: dict[str, Heard | None] = {}
    found: dict[Group, Neighbour] = {}
    for group in groups:
        takes = [take for take in group.takes if take.path in heard]
        if not takes or len(found) == _MOST_GROUPS:
            continue
        near = against.likeness(heard[takes[-1].path].sound.descriptors)
        if near.nearest not in excerpts:
            excerpts[near.nearest] = _excerpt(paths[near.nearest])
        excerpt = excerpts[near.nearest]
        if excerpt is not None:
            found[group] = Neighbour(near.nearest, paths[near.nearest], excerpt)
    return found


def _excerpt(path: Path) -> Heard | None:
    try:
        sound = read_sound(path, _EXCERPT_SECONDS)
    except SidestepError:  # gone since it was described
        return None
    return Heard(sound, sound.data_uri())
