"""Where presets lie: levels, saving, renaming, deleting, exporting, and folders in which not all is well."""

import json
from pathlib import Path

import pytest

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.presets.keeping import delete_preset, export_preset, rename_preset, save_preset
from sidestep_tui.config.presets.preset import Preset, parse_preset
from sidestep_tui.config.presets.shelf import find_preset, local_presets, read_shelf
from sidestep_tui.errors import SidestepError

RANK_8 = {"adapter": {"rank": 8}}
RANK_9 = {"adapter": {"rank": 9}}


@pytest.fixture(autouse=True)
def work(tmp_path: Path) -> Path:
    """The folder in which somebody works."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, document: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return file


def test_saved_preset_is_found_listed_renamed_and_deleted(work: Path) -> None:
    save_preset(Preset("mine", "a note", RANK_8))
    assert find_preset("mine", work).settings == RANK_8
    rename_preset("mine", "ours", work)
    names = [preset.name for preset in read_shelf(work).presets]
    assert "ours" in names
    assert "mine" not in names
    delete_preset("ours", work)
    with pytest.raises(SidestepError, match="no preset 'ours'"):
        find_preset("ours", work)


def test_a_name_that_is_almost_right_is_offered(work: Path) -> None:
    with pytest.raises(SidestepError) as caught:
        find_preset("recomended", work)
    assert str(caught.value.fix).startswith("did you mean recommended? choose one of: 2b-8gb, ")


def test_a_name_that_macos_took_apart_is_shown_whole(work: Path) -> None:
    write(user_presets(), "cafe\u0301", {"settings": RANK_8})
    assert "caf\u00e9" in [preset.name for preset in read_shelf(work).presets]


def test_nearer_levels_win_and_what_they_hide_is_known(work: Path) -> None:
    user = save_preset(Preset("style", "", RANK_8))
    assert find_preset("style", work).level == "user"
    local = save_preset(Preset("Style", "", RANK_9), local_presets(work))
    shelf = read_shelf(work)
    assert (find_preset("style", work).level, find_preset("style", work).path) == ("local", local)
    assert [p.level for p in shelf.presets if p.name.lower() == "style"] == ["local"]
    assert [p.level for p in shelf.hidden_by("STYLE")] == ["user", "shipped"]
    delete_preset("style", work)
    assert not local.exists()
    assert user.exists()


def test_the_nearest_level_comes_first_and_8_before_12(work: Path) -> None:
    save_preset(Preset("z", "", RANK_8))
    save_preset(Preset("zz", "", RANK_8), local_presets(work))
    assert [p.name for p in read_shelf(work).presets][:5] == ["zz", "z", "2b-8gb", "2b-12gb", "2b-16gb"]


def test_shipped_presets_can_neither_go_nor_be_renamed(work: Path) -> None:
    with pytest.raises(SidestepError, match="stay"):
        delete_preset("Style", work)
    with pytest.raises(SidestepError, match="keep their names"):
        rename_preset("style", "other", work)


def test_an_existing_preset_is_not_overwritten_by_chance(work: Path) -> None:
    first = save_preset(Preset("mine", "", RANK_8))
    with pytest.raises(SidestepError, match="called mine exists"):
        save_preset(Preset("MINE", "", RANK_9))
    assert save_preset(Preset("MINE", "", RANK_9), overwrite=True) == first
    assert find_preset("mine", work).settings == RANK_9
    assert len(list(user_presets().iterdir())) == 1


def test_renaming_stays_at_its_level_and_takes_no_other_name(work: Path) -> None:
    for name in ("a", "b"):
        save_preset(Preset(name, "", RANK_8), local_presets(work))
    save_preset(Preset("c", "", RANK_8))
    with pytest.raises(SidestepError, match="called b exists"):
        rename_preset("a", "B", work)
    assert rename_preset("a", "c", work).parent == local_presets(work)
    assert rename_preset("c", "C", work).name == "C.json"
    assert json.loads((local_presets(work) / "C.json").read_text(encoding="utf-8"))["name"] == "C"
    with pytest.raises(SidestepError, match="cannot be a preset's name"):
        rename_preset("C", "../c", work)


def test_nothing_outside_the_folders_is_deleted_or_renamed(work: Path) -> None:
    outside = write(work, "outside", {"settings": RANK_8})
    assert find_preset(str(outside), work).settings == RANK_8
    for name in (str(outside), "./outside.json", "../work/outside"):
        with pytest.raises(SidestepError, match=r"no preset .* of your own"):
            delete_preset(name, work)
        with pytest.raises(SidestepError, match=r"no preset .* of your own"):
            rename_preset(name, "taken", work)
    assert outside.exists()


def test_a_link_goes_without_what_it_points_at(work: Path) -> None:
    outside = write(work, "outside", {"settings": RANK_8})
    link = user_presets() / "linked.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    save_preset(Preset("linked", "", RANK_9), overwrite=True)
    assert json.loads(outside.read_text(encoding="utf-8")) == {"settings": RANK_8}
    link.unlink()
    link.symlink_to(outside)
    delete_preset("linked", work)
    assert (outside.exists(), link.exists()) == (True, False)


def test_export_and_import_give_the_same_preset(work: Path) -> None:
    preset = find_preset("voice", work)
    file = export_preset(preset, work)
    assert file == work / "voice.json"
    assert parse_preset(file.read_text(encoding="utf-8"), "x").as_document() == preset.as_document()
    with pytest.raises(SidestepError, match="exists already"):
        export_preset(preset, file)
    assert export_preset(preset, file, overwrite=True) == file


@pytest.mark.parametrize("target", ["file.json/inside.json", "x" * 300, "a\0b", "~nobody-here/a.json"])
def test_what_cannot_be_written_to_is_said(work: Path, target: str) -> None:
    (work / "file.json").write_text("", encoding="utf-8")
    with pytest.raises(SidestepError) as caught:
        export_preset(find_preset("voice", work), Path(target) if target[0] == "~" else work / target)
    assert caught.value.where
    assert caught.value.fix


def test_a_damaged_preset_is_named_and_the_others_stay(work: Path) -> None:
    save_preset(Preset("whole", "", RANK_8))
    write(user_presets(), "torn", '{"name": "torn", "sett')
    write(user_presets(), "style", {"settings": {"adapter": {"rang": 1}}})
    shelf = read_shelf(work)
    assert [entry.name for entry in shelf.damaged] == ["style", "torn"]
    assert "whole" in [preset.name for preset in shelf.presets]
    with pytest.raises(SidestepError, match="not JSON"):
        find_preset("torn", work)
    with pytest.raises(SidestepError, match="rang"):
        find_preset("style", work)  # and not the shipped one in its place, which would train something else
    assert [preset.level for preset in shelf.hidden_by("style")] == ["shipped"]
    delete_preset("style", work)
    assert find_preset("style", work).level == "shipped"


def test_a_damaged_file_further_away_keeps_nothing_from_the_nearer_one(work: Path) -> None:
    save_preset(Preset("mine", "", RANK_8), local_presets(work))
    write(user_presets(), "mine", "{")
    assert find_preset("mine", work).settings == RANK_8
    assert [entry.level for entry in read_shelf(work).damaged] == ["user"]


def test_the_file_gives_the_name(work: Path) -> None:
    write(user_presets(), "called so", {"name": "otherwise", "settings": RANK_8})
    assert find_preset("called so", work).name == "called so"
    with pytest.raises(SidestepError, match="no preset 'otherwise'"):
        find_preset("otherwise", work)


def test_files_that_are_no_presets_are_passed_over_or_named(work: Path) -> None:
    write(user_presets(), ".hidden", "{")
    write(user_presets(), "bad?name", {"settings": RANK_8})
    write(user_presets(), "twin", {"settings": RANK_8})
    write(user_presets(), "Twin", {"settings": RANK_9})
    (user_presets() / "folder.json").mkdir()
    shelf = read_shelf(work)
    assert [(entry.name, entry.error.fix) for entry in shelf.damaged][1:] == [("twin", "rename one of the files")]
    assert "cannot be a preset's name" in shelf.damaged[0].error.what
    with pytest.raises(SidestepError, match="but for capitals"):
        find_preset("TWIN", work)
    assert delete_preset("twin", work).name == "twin.json"
    assert find_preset("TWIN", work).settings == RANK_9


def test_a_folder_that_cannot_be_read_does_not_keep_the_others_away(work: Path) -> None:
    local_presets(work).write_text("a file", encoding="utf-8")
    shelf = read_shelf(work)
    assert [(entry.name, entry.path) for entry in shelf.damaged] == [("", local_presets(work))]
    assert "cannot be read: Not a directory" in shelf.damaged[0].error.what
    assert find_preset("voice", work).level == "shipped"
