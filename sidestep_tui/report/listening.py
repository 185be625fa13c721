"""The songs to listen to: players with pictures, side by side, and the blind comparison made of the same players."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.report.figures import duration, number
from sidestep_tui.report.html import Html, element, join, name_of, section
from sidestep_tui.report.samples import Group, Take
from sidestep_tui.report.sound import Sound, data_uri

_DECIBELS_PER_FACTOR_OF_TEN: Final = 20


@dataclass(frozen=True, slots=True)
class Heard:
    """A song of the page: the decoded sound, and the address of what plays, relative to the page or a data URI."""

    sound: Sound
    address: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A song of the data set that stands beside samples; `heard` is its beginning."""

    key: str
    path: Path
    heard: Heard


def samples_section(
    groups: Sequence[Group], heard: Mapping[Path, Heard], missing: int, neighbours: Mapping[Group, Neighbour]
) -> Html | None:
    """Every group with its players; None where nothing was generated.

    Args:
        groups: as `samples.find_groups` gives them.
        heard: the songs that could be read, by path.
        missing: how many could not.
        neighbours: the data set's song that stands beside a group.
    """
    if not groups:
        return None
    lost = f"{missing} of the songs are no longer on disk or cannot be decoded." if missing else None
    shown = (_group(group, heard, neighbours.get(group)) for group in groups)
    return section("samples", "Samples", element("p", lost, class_="note") if lost else None, *shown)


def comparison_section(groups: Sequence[Group], heard: Mapping[Path, Heard], run_identity: str) -> Html | None:
    """The place of the blind comparison, which the script fills; None where there is nothing to compare."""
    if not any(len({take.label for take in group.takes if take.path in heard}) > 1 for group in groups):
        return None
    return section(
        "comparison",
        "Blind comparison",
        element(
            "p",
            "Two songs of the same prompt and seed, without their names and equally loud. Say which one you prefer; "
            "the ranking stays hidden until you ask for it. Your choices stay in this browser.",
        ),
        element("noscript", element("p", "This part needs JavaScript; the rest of the page does not.", class_="note")),
        element("div", id="blind", data_run=_digest(run_identity), hidden=True),
    )


def _group(group: Group, heard: Mapping[Path, Heard], neighbour: Neighbour | None) -> Html:
    takes = [take for take in group.takes if take.path in heard]
    levels = [level for take in takes if (level := heard[take.path].sound.loudness) is not None]
    quietest = min(levels, default=0.0)
    conditions = join(
        element("span", element("code", path), " ", element("bdi", _short(value))) for path, value in group.conditions
    )
    key = _digest(repr((group.prompt, group.seed, group.conditions)))
    return element(
        "article",
        element("h3", name_of(group.prompt), class_="prompt"),
        element("p", element("span", f"seed {group.seed}"), conditions, class_="note spread"),
        element(
            "div",
            *(_player(key, take, heard[take.path], quietest) for take in takes),
            _neighbour(neighbour) if neighbour is not None else None,
            class_="takes",
        ),
    )


def _neighbour(song: Neighbour) -> Html:
    """A player that takes no part in the blind comparison: it has no group."""
    return _figure(song.key, "nearest song", song.heard, song.path, class_="take near")


def _player(group: str, take: Take, heard: Heard, quietest: float) -> Html:
    level = quietest if heard.sound.loudness is None else heard.sound.loudness
    gain = 10 ** ((quietest - level) / _DECIBELS_PER_FACTOR_OF_TEN)
    return _figure(
        take.label, "", heard, take.path,
        class_="take" + (" base" if take.is_base else ""), data_group=group, data_label=take.label,
        data_gain=f"{gain:.4f}",
    )  # fmt: skip


def _figure(title: str, remark: str, heard: Heard, path: Path, **attributes: str) -> Html:
    sound = heard.sound
    told = [remark] if remark else []
    told += [duration(sound.seconds), f"{number(sound.loudness, 3)} LUFS"]
    picture = data_uri("image/png", sound.spectrogram)
    return element(
        "figure",
        element("figcaption", element("strong", name_of(title)), element("span", ", ".join(told), class_="note")),
        element(
            "div",
            sound.wave,
            element("img", src=picture, alt=f"Spectrogram of {title}", class_="spectrogram"),
            class_="pictures",
        ),
        element("audio", src=heard.address, controls=True, preload="metadata", aria_label=title),
        element("p", element("code", str(path)), class_="path"),
        **attributes,
    )


def _digest(identity: str) -> str:
    """What the browser keeps choices under: the same for the same run or prompt, whenever the report is made."""
    return hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
