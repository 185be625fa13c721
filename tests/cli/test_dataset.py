"""`sidestep dataset`: songs, findings, and the exact prompts."""

import numpy as np
import pytest
import soundfile


def test_scan_lists_songs_and_names_what_is_left_out(sidestep, songs):
    document = sidestep("dataset", "scan", songs, "--json").json()
    assert [(song["key"], song["bpm"], song["keyscale"]) for song in document["songs"]] == [
        ("a.wav", 120, "D major"),
        ("b.wav", None, ""),
    ]
    assert [failure["song"] for failure in document["failures"]] == ["noise.mp3"]
    text = sidestep("dataset", "scan", songs).out
    assert "warm [piano]" in text
    assert "2 songs (2 pcm_16), 2 s, 1 left out" in text


def test_check_finds_troubles_and_fails_on_errors(sidestep, songs):
    result = sidestep("dataset", "check", songs, "--json")
    codes = {(finding["song"], finding["code"]) for finding in result.json()["findings"]}
    assert {("noise.mp3", "unreadable"), ("b.wav", "missing-caption")} <= codes
    assert result.code == 1
    (songs / "noise.mp3").unlink()
    assert sidestep("dataset", "check", songs).code == 0


def test_check_shows_the_exact_prompts(sidestep, songs):
    prompts = sidestep("dataset", "check", songs, "--prompts", "--json").json()["prompts"]
    assert prompts[0]["text"] == (
        "# Instruction\nFill the audio semantic mask based on the given conditions:\n\n# Caption\nwarm [piano]\n\n"
        "# Metas\n- bpm: 120\n- timesignature: N/A\n- keyscale: D major\n- duration: 1 seconds\n<|endoftext|>\n"
    )
    assert prompts[0]["lyrics"] == "# Languages\nfr\n\n# Lyric\n[Verse]\nla<|endoftext|>"
    assert prompts[1]["lyrics"].endswith("# Lyric\n[Instrumental]<|endoftext|>")
    assert "- keyscale: D major\n" in sidestep("dataset", "check", songs, "--prompts").out


def test_check_shows_the_prompts_of_crops(sidestep, songs):
    tone = np.random.default_rng(0).normal(0, 0.1, (6 * 48_000, 2))
    soundfile.write(songs / "c.wav", tone, 48_000)
    (songs / "c.lrc").write_text("[Verse]\n[00:00]snow\n[00:03]river\n")
    arguments = ("dataset", "check", songs, "--prompts", "--crop_seconds", "3", "--crop_grid_seconds", "3")
    prompts = [prompt for prompt in sidestep(*arguments, "--json").json()["prompts"] if prompt["song"] == "c.wav"]
    assert [prompt.get("crop") for prompt in prompts] == [None, "0.00-1.48 s", "1.52-3.00 s"]
    assert [prompt["lyrics"].split("# Lyric\n")[1] for prompt in prompts] == [
        "[Verse]\nsnow\nriver<|endoftext|>", "[Verse]\nsnow<|endoftext|>", "[Verse]\nriver<|endoftext|>",
    ]  # fmt: skip
    assert [prompt["text"].count("- duration: 3 seconds") for prompt in prompts] == [0, 1, 1]
    assert "c.wav, crops that begin at 1.52-3.00 s" in sidestep(*arguments).out
    assert sidestep(*arguments[:-3], "0").code == 2
    assert "'x' is no length of 1 s or more" in sidestep(*arguments[:-3], "x").err
    assert "crops that begin" in sidestep("dataset", "check", songs, "--crop_seconds", "3").out


def test_check_counts_tokens_with_the_models_tokenizer(sidestep, songs, tiny_checkpoint):
    (songs / "b.lyrics.txt").write_text("la " * 5000)
    prompts = sidestep("dataset", "check", songs, "--model", tiny_checkpoint, "--json").json()["prompts"]
    assert 0 < prompts[0]["text_tokens"] <= 256
    assert [prompt["lyrics_cut"] for prompt in prompts] == [False, True]
    assert "THE END IS CUT OFF" in sidestep("dataset", "check", songs, "--model", tiny_checkpoint).out


def test_a_saved_data_set_beside_the_songs_is_named_before_any_work(sidestep, songs):
    """Its folder is scanned without it, so what was labelled or edited now could not be saved over it."""
    assert sidestep("dataset", "edit", songs, "--set", "bpm=90").code == 0
    saved = (songs / "dataset.json").read_bytes()
    for verb in (("edit", "--set", "bpm=91"), ("fix", "--finding", "missing-bpm"), ("label", "--save")):
        result = sidestep("dataset", verb[0], songs, *verb[1:])
        assert (result.code, result.out) == (1, "")
        assert "open that file, not its folder" in result.err
        assert str(songs / "dataset.json") in result.err
    assert (songs / "dataset.json").read_bytes() == saved
    assert sidestep("dataset", "edit", songs / "dataset.json", "--set", "bpm=91").code == 0


def test_convert_writes_a_data_set_that_opens_again(sidestep, songs, tmp_path):
    file = tmp_path / "converted.json"
    assert sidestep("dataset", "convert", songs, file, "--json").json() == {"saved": str(file), "songs": 2}
    assert sidestep("dataset", "convert", songs, file).code == 1
    assert sidestep("dataset", "convert", songs, file, "--overwrite").code == 0
    assert len(sidestep("dataset", "scan", file, "--json").json()["songs"]) == 2


def test_convert_makes_the_folder_that_its_name_says(sidestep, songs, tmp_path):
    """A file of the folder's name, without an ending, was in its place."""
    assert sidestep("dataset", "convert", songs, f"{tmp_path / 'new'}/").code == 0
    assert (tmp_path / "new" / "dataset.json").is_file()


def test_missing_and_empty_folders_are_told(sidestep, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        result = sidestep("dataset", "scan", folder)
        assert (result.code, "fix:" in result.err) == (1, True)


def test_check_shows_what_was_measured(sidestep, songs):
    (songs / "noise.mp3").unlink()
    document = sidestep("dataset", "check", songs, "--json").json()
    first = document["measures"][0]
    assert [first[name] for name in ("song", "sample_rate", "false_stereo", "codec")] == [
        "a.wav",
        48000,
        True,
        "pcm_16",
    ]
    assert first["peak_db"] == pytest.approx(20 * np.log10(0.3), abs=0.1)
    assert ("a.wav", "narrow-bandwidth") in {(one["song"], one["code"]) for one in document["findings"]}
    text = sidestep("dataset", "check", songs).out
    assert "LUFS" in text
    assert "-10.5" in text


def test_check_names_what_cannot_be_decoded_and_does_not_call_a_moment_silent(sidestep, songs):
    tone = np.full((48_000, 2), 0.5, dtype=np.float32)
    soundfile.write(songs / "short.wav", tone[:4_800], 48_000)
    tone[100] = np.nan
    soundfile.write(songs / "broken.wav", tone, 48_000, subtype="FLOAT")
    findings = sidestep("dataset", "check", songs, "--json").json()["findings"]
    assert {(one["song"], one["code"]) for one in findings if one["severity"] == "error"} == {
        ("broken.wav", "unreadable-audio"),
        ("noise.mp3", "unreadable"),
        ("short.wav", "too-short"),
    }
    text = sidestep("dataset", "check", songs).out
    assert "broken.wav: It cannot be heard: The audio file holds samples that are not numbers" in text
    assert "[missing-caption]" in text  # as `dataset fix --finding` wants it
    assert "silent" not in text


def test_check_says_the_same_of_many_songs_once(sidestep, songs):
    """Each song misses a caption, lyrics, tempo and key at first: what only one of them has must not drown in that."""
    for number in range(30):
        soundfile.write(songs / f"c{number:02d}.wav", np.full((48_000, 2), 0.01 * (number + 1)), 48_000)
    text = sidestep("dataset", "check", songs, "--no-sound").out
    assert text.count("It has no caption; the model would learn it for the empty prompt.") == 1
    assert "31 songs: It has no caption" in text
    assert "c00.wav, c01.wav" in text
    assert "c18.wav and 11 more" in text.replace("\n", " ")
    assert len(text.splitlines()) < 40
    document = sidestep("dataset", "check", songs, "--no-sound", "--json").json()
    assert sum(one["code"] == "missing-caption" for one in document["findings"]) == 31


def test_check_tells_some_of_a_kind_and_counts_the_rest_where_each_song_has_its_own_words(sidestep, songs):
    for number in range(30):
        soundfile.write(songs / f"c{number:02d}.wav", np.full((48_000, 2), 0.01 * (number + 1)), 48_000)
        (songs / f"c{number:02d}.txt").write_text(f"warm piano with the number {number}", encoding="utf-8")
    text = sidestep("dataset", "check", songs, "--no-sound").out
    assert text.count("looks like a caption") == 20
    assert "and 10 more, which --json tells  [caption-as-lyrics]" in text
    document = sidestep("dataset", "check", songs, "--no-sound", "--json").json()
    assert sum(one["code"] == "caption-as-lyrics" for one in document["findings"]) == 30


def test_check_names_a_file_that_was_not_copied_whole(sidestep, songs):
    """It plays, its header still tells the whole length, and its lyrics would be learned with half of the song."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((480_000, 2))
    soundfile.write(songs / "whole.flac", noise, 48_000)
    data = (songs / "whole.flac").read_bytes()
    (songs / "part.flac").write_bytes(data[: len(data) // 2])
    findings = sidestep("dataset", "check", songs, "--json").json()["findings"]
    (found,) = [one for one in findings if one["code"] == "cut-short"]
    assert (found["song"], found["severity"]) == ("part.flac", "warning")
    assert found["message"] == "The file breaks off: 5 s of 10 s can be decoded."


def test_check_decodes_nothing_when_told_so(sidestep, songs):
    assert sidestep("dataset", "check", songs, "--no-sound", "--json").json()["measures"] == []
