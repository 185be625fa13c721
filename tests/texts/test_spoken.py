"""Texts of the layers below are recognised where a screen shows them, and nothing else is."""

import re
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from sidestep_tui.config.fields import put
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.acestep_json import read_dataset_file, save_dataset
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.texts import FOLDER
from sidestep_tui.texts.language import LANGUAGES, SOURCE
from sidestep_tui.texts.spoken import Phrasebook, spoken
from tests.dataset.conftest import song
from tools.texts import read_catalogue

GERMAN = {
    "{song} is {state}.": "{song} ist {state}.",
    "{song} is left out: {reason}": "{song} fehlt: {reason}",
    "The file is a copy of {song}.": "Kopie von {song}.",
    "wholly broken": "völlig kaputt",
    "remove it": "entferne es",
    "must be {low} or more": "muss mindestens {low} sein",
    "write {{}}": "schreib {{}}",
    ("It clips in one place.", "It clips in {count} places."): ("Eine Stelle.", "{count} Stellen."),
    "{a}: {b}": "never: {a} {b}",
}


@pytest.fixture
def german(tmp_path: Path) -> Phrasebook:
    catalogue = Catalog(locale="de")
    for text, translation in GERMAN.items():
        catalogue.add(text, string=translation)
    file = tmp_path / "de.told.mo"
    with file.open("wb") as opened:
        write_mo(opened, catalogue)
    return Phrasebook(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("remove it", "entferne es"),
        ("a.wav is fine.", "a.wav ist fine."),
        ("a.wav is left out: wholly broken", "a.wav fehlt: völlig kaputt"),
        ("remove it is left out: remove it", "remove it fehlt: entferne es"),
        ("The file is a copy of wholly broken.", "Kopie von wholly broken."),
        ("Vol. 1 is left out: remove it", "Vol. 1 fehlt: entferne es"),
        ("Vol. 1 is fine. Vol. 2 is fine.", "Vol. 1 ist fine. Vol. 2 ist fine."),
        ("It clips in one place.", "Eine Stelle."),
        ("It clips in 7 places.", "7 Stellen."),
        ("write {}", "schreib {}"),
        ("a.rank: must be 1 or more", "a.rank: muss mindestens 1 sein"),
        ("a: must be 1 or more; b.c: must be 2 or more", "a: muss mindestens 1 sein; b.c: muss mindestens 2 sein"),
        ("must be 1 or more; or remove it", "muss mindestens 1 sein; or entferne es"),
        ("0.5, wholly broken", "0.5, völlig kaputt"),
        ("a is b. It clips in one place. Unknown.", "a ist b. Eine Stelle. Unknown."),
        ("Unknown\nremove it", "Unknown\nentferne es"),
    ],
)
def test_it_is_recognised(german: Phrasebook, text: str, said: str) -> None:
    assert german.translation(text) == said


@pytest.mark.parametrize("text", ["", "a name", "x: y", "x: y; z", "RuntimeError: 3 is not 4", "removed it"])
def test_what_nobody_tells_is_left_alone(german: Phrasebook, text: str) -> None:
    assert german.translation(text) is None


def test_long_foreign_words_do_not_hold_up_a_screen(german: Phrasebook) -> None:
    assert german.translation("a: b, c; d. " * 60) is None


def test_english_stays_english() -> None:
    assert spoken("remove it") == "remove it"


@pytest.fixture(params=[name for name in LANGUAGES if name != SOURCE])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def book(language: str) -> Phrasebook:
    return Phrasebook(FOLDER / f"{language}.told.mo")


def test_every_template_finds_its_own_translation(language: str, book: Phrasebook) -> None:
    """What one template makes is not taken for what another makes."""
    for message in read_catalogue(language, ".told"):
        if isinstance(message.id, str) and message.id:
            names = [name for _, name, _, _ in Formatter().parse(message.id) if name]
            values = {name: f"⟨{number}⟩" for number, name in enumerate(names)}
            assert book.translation(message.id.format(**values)) == message.string.format(**values)  # type: ignore[union-attr]


def test_a_song_that_is_called_like_a_text_keeps_its_name(language: str, book: Phrasebook) -> None:
    """Each text of the catalogue that could be a name: as that of a song, and as a caption that all songs have."""
    told = (message.id for message in read_catalogue(language, ".told") if isinstance(message.id, str))
    names = [text for text in told if " " in text and len(text) < 40 and not set("{}:;.\"'`/") & set(text)]
    assert len(names) > 100
    for name in names:
        songs = (song(name, caption=name), song("b.wav", caption=name))
        found = check_dataset(Dataset(root=song().audio_path.parent, songs=songs))
        said = [finding.message for finding in found if name in finding.message]
        assert said
        for message in (*said, f"The file is a copy of {name}.", f"{name} is left out: it holds no sound"):
            assert name in str(book.translation(message))


def test_what_is_wrong_with_files_is_said_without_an_english_word(book: Phrasebook, tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.full((2, 96_000), 0.1, dtype=np.float32))
    (tmp_path / "a.json").write_text('{"bpm": "#1", "repeat": -1, "timesignature": "#2", "keyscale": "#3"}')
    (tmp_path / "b.mp3").touch()
    folder = scan_folder(tmp_path)
    save_dataset(folder, tmp_path / "list.json")
    found = [*check_dataset(folder), *check_dataset(read_dataset_file(tmp_path / "list.json"))]
    messages = [one.message for one in found if one.code in ("unreadable", "unreadable-value")]
    assert len(messages) == 9
    values = re.compile("bpm|repeat|timesignature|keyscale|a.json")
    for message in (*messages, "The audio file holds no sound."):
        said = book.translation(message)
        assert said is not None, message
        assert not re.search("[A-Za-z]{2}", values.sub("", said)), said


def test_every_finding_of_a_song_is_known(book: Phrasebook) -> None:
    fields: dict[str, Any] = {
        "bpm": 500,
        "timesignature": "5",
        "language": "en",
        "lyrics": "<br>привет как дела\n" * 20,
    }
    found = check_dataset(Dataset(root=song().audio_path.parent, songs=(song(**fields), song("b.wav", caption="x"))))
    assert len(found) > 8
    for finding in found:
        assert book.translation(finding.message), finding.message
        assert finding.fix is None or book.translation(finding.fix), finding.fix


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.epochs", 0),
        ("training.epochs", "many"),
        ("optimizer.learning_rate", float("inf")),
        ("memory.checkpointing", "some"),
        ("adapter.family", "lura"),
        ("adapter.targets.projections", []),
        ("schedule.formula", "a +"),
        ("data.weights", [1, 2]),
        ("memory.stream_blocks", 65),
        ("model.device", "gpu"),
        ("samples", 3),
        ("training.epoch", 8),
    ],
)
def test_every_problem_of_a_setting_is_known(book: Phrasebook, path: str, value: object) -> None:
    needed = {"model": {"checkpoint": "model"}, "data": {"tensors": "tensors"}}
    for problem in problems_of(TrainSettings, put(needed, path, value)):
        assert book.translation(problem.message), problem.message
