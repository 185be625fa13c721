"""How each field of a song is edited: a list to pick from, one line, or a box of several lines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sidestep_tui.dataset.fields import Field
from sidestep_tui.dataset.fixes import tempo_choices
from sidestep_tui.dataset.song import Song
from sidestep_tui.dataset.text import printable
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.dataset.dialogs import TextScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen, Choice, PickScreen

_LONG: Final = ("caption", "lyrics")
_NOT_SAID: Final = "none"
_PICKED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "is_instrumental": (("yes", _("nobody sings")), ("no", _("it is sung")), (_NOT_SAID, _("nobody has said"))),
    "held_out": (("yes", _("never trained on: every run measures on it")), ("no", _("it trains"))),
    "prompt_override": (
        ("caption", _("whatever the genre ratio says")),
        ("genre", _("whatever the genre ratio says")),
        (_NOT_SAID, _("the genre ratio decides")),
    ),
    "timesignature": (("4", "4/4"), ("3", "3/4"), ("2", "2/4"), ("6", "6/8"), (_NOT_SAID, _("nobody knows"))),
}
_NOTES: Final[Mapping[str, str]] = {
    "bpm": _("beats per minute; empty where nobody knows"),
    "keyscale": _("F# minor, Bb, 8A; empty where nobody knows"),
    "language": _("a code or a name: ja, Japanese; empty where nobody knows"),
    "custom_tag": _("the song's own trigger tag; empty takes the data set's"),
    "genre": _("the prompt instead of the caption, where the genre ratio falls on the song"),
    "repeat": _("how often the song is heard in one epoch"),
    "trim_start": _("where the song begins, 12.5 or 0:12.5; empty: the data set decides"),
    "trim_end": _("where in the file the song ends, 3:12.5; empty: the data set decides"),
    "gain_db": _("how much louder it becomes, +3.5 or -2; empty: the data set decides"),
}


async def ask(screen: SidestepScreen[Any], song: Song, field: Field) -> Mapping[str, Any] | None:
    """Asks for a new value of a field; None where it stays as it is."""
    held = shown_value(song, field.name)
    title = _("{name} of {song}").format(name=field.name, song=printable(song.key))
    if field.name in _LONG:
        text = await screen.app.push_screen_wait(TextScreen(title, str(held)))
        return None if text is None or text == held else {field.name: text or None}
    if field.name in _PICKED:
        choices = [Choice(key, key, note) for key, note in _PICKED[field.name]]
        picked = await screen.app.push_screen_wait(PickScreen(title, choices, current=held or _NOT_SAID))
        return None if picked is None else {field.name: None if picked == _NOT_SAID else picked}
    line = AskScreen(title, held, check=checker(field), note=_note(song, field.name))
    text = await screen.app.push_screen_wait(line)
    return None if text is None or text == held else {field.name: text or None}


def checker(field: Field) -> Callable[[str], str | None]:
    """Says why the field cannot have a value."""

    def check(text: str) -> str | None:
        try:
            field.read(text)
        except ValueError as error:
            return spoken(str(error))
        return None

    return check


def shown_value(song: Song, name: str) -> str:
    """A field's value as a person writes it; empty where nothing is said."""
    match getattr(song, name):
        case None:
            return ""
        case "unknown" if name == "language":
            return ""
        case bool() as said:
            return "yes" if said else "no"
        case float() as figure:
            return f"{figure:g}"
        case value:
            return str(value)


def _note(song: Song, name: str) -> str:
    others = " or ".join(str(tempo) for tempo in tempo_choices(song)) if name == "bpm" else ""
    return _NOTES.get(name, "") + (_("; it may be {others}").format(others=others) if others else "")
