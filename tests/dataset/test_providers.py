"""Each provider against a server on loopback that speaks its protocol, refusals included."""

import base64
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.dataset.audio import SAMPLE_RATE, read_audio, write_audio
from sidestep_tui.dataset.providers import listening
from sidestep_tui.dataset.providers.base import Answer, Provider, Usage
from sidestep_tui.dataset.providers.catalogue import PROVIDERS
from sidestep_tui.dataset.providers.lrclib import title_and_artist
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.song import INSTRUMENTAL, Song
from sidestep_tui.errors import SidestepError
from tests.dataset.conftest import song, tone
from tests.dataset.loopback import KEY, Loopback, endpoint_on, serving


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback


def test_no_more_of_a_song_is_sent_than_providers_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float | None] = []
    read = listening.read_audio

    def read_some(path: Path, rate: int, *, max_seconds: float | None = None) -> Any:
        asked.append(max_seconds)
        return read(path, rate, max_seconds=max_seconds and max_seconds / 600)

    monkeypatch.setattr(listening, "read_audio", read_some)
    write_audio(tmp_path / "long.wav", tone(3.0), 8_000)
    (found,) = scan_folder(tmp_path).songs
    (tmp_path / "sent.mp3").write_bytes(listening.as_mp3(found))
    assert asked == [600.0]
    assert scan_folder(tmp_path).songs[1].duration == pytest.approx(1.0, abs=0.1)


def test_a_song_is_sent_also_where_no_temporary_file_can_be_made(
    tmp_path: Path, heard: Song, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    (tmp_path / "sent.mp3").write_bytes(listening.as_mp3(heard))
    assert read_audio(tmp_path / "sent.mp3").shape[1] == pytest.approx(SAMPLE_RATE, rel=0.1)


def open_on(server: Loopback, name: str) -> Provider:
    return PROVIDERS[name].open(endpoint_on(server))


@pytest.fixture
def heard(tmp_path: Path) -> Song:
    """A song that can be decoded."""
    write_audio(tmp_path / "song.wav", tone(1.0), 8_000)
    return scan_folder(tmp_path).songs[0]


GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "thinking", "thought": True},
                    {"text": '{"caption": "slow piano", '},
                    {"text": '"lyrics": "la", "lyrics_confidence": 0.8}'},
                ]
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 5},
}
CHAT = {
    "choices": [
        {"message": {"role": "assistant", "content": 'Here:\n```json\n{"caption": "slow piano", "lyrics": "la"}\n```'}}
    ],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
}
WHISPER = {
    "language": "english",
    "duration": 12.5,
    "text": "Hello there again",
    "segments": [
        {"start": 1.0, "end": 3.0, "text": " Hello there", "avg_logprob": -0.2, "no_speech_prob": 0.1},
        {"start": 4.0, "end": 6.0, "text": " again", "avg_logprob": -0.4, "no_speech_prob": 0.1},
        {"start": 9.0, "end": 9.5, "text": " Thanks for watching", "avg_logprob": -0.1, "no_speech_prob": 0.95},
    ],
}
SCRIBE = {
    "language_code": "eng",
    "language_probability": 0.97,
    "text": "Hello there again",
    "words": [
        {"text": "(piano)", "start": 0.0, "end": 1.0, "type": "audio_event", "logprob": 0.0},
        {"text": "Hello", "start": 1.0, "end": 1.4, "type": "word", "logprob": -0.1},
        {"text": " ", "start": 1.4, "end": 1.4, "type": "spacing", "logprob": 0.0},
        {"text": "there", "start": 1.5, "end": 2.0, "type": "word", "logprob": -0.3},
        {"text": "again", "start": 4.0, "end": 4.5, "type": "word", "logprob": -0.2},
    ],
}
LRCLIB = {"trackName": "Song", "instrumental": False, "plainLyrics": "la", "syncedLyrics": "[00:01.00]la"}


def test_gemini_sends_the_song_and_reads_fields_and_tokens(server: Loopback, heard: Song) -> None:
    server.will_answer(GEMINI)
    answer = open_on(server, "gemini").label(heard, ["caption", "lyrics"])
    assert answer == Answer({"caption": "slow piano", "lyrics": "la"}, {"lyrics": 0.8}, Usage(1, 100, 25))
    (asked,) = server.asked
    assert asked.path == "/models/model-1:generateContent"
    assert asked.headers["x-goog-api-key"] == KEY
    words, audio = asked.json["contents"][0]["parts"]
    assert "caption:" in words["text"]
    assert "genre:" not in words["text"]
    assert audio["inline_data"]["mime_type"] == "audio/mp3"
    assert len(base64.b64decode(audio["inline_data"]["data"])) > 500
    assert asked.json["generationConfig"]["responseMimeType"] == "application/json"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "blocked: SAFETY"),
        ({"candidates": [{"finishReason": "RECITATION"}]}, "finished with RECITATION"),
        ({"candidates": []}, "no candidates"),
        ({"candidates": "what"}, "no candidates"),
    ],
)
def test_gemini_says_why_there_is_no_text(server: Loopback, heard: Song, document: Any, reason: str) -> None:
    server.will_answer(document)
    with pytest.raises(SidestepError, match=reason):
        open_on(server, "gemini").label(heard, ["caption"])


def test_chat_reads_json_out_of_prose(server: Loopback, heard: Song) -> None:
    server.will_answer(CHAT)
    answer = open_on(server, "openai").label(heard, ["caption", "lyrics"])
    assert answer == Answer({"caption": "slow piano", "lyrics": "la"}, {}, Usage(1, 100, 20))
    (asked,) = server.asked
    assert asked.path == "/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json["model"] == "model-1"
    text, audio = asked.json["messages"][0]["content"]
    assert text["type"] == "text"
    assert audio["input_audio"]["format"] == "mp3"


@pytest.mark.parametrize(
    ("message", "reason"),
    [({"content": "no"}, "JSON"), ({"content": None, "refusal": "I will not"}, "I will not"), ({}, "empty")],
)
def test_chat_without_json_is_an_error_of_this_song(
    server: Loopback, heard: Song, message: dict[str, Any], reason: str
) -> None:
    server.will_answer({"choices": [{"message": message}]})
    with pytest.raises(SidestepError, match=reason):
        open_on(server, "openai").label(heard, ["caption"])


def test_whisper_keeps_times_and_confidence_and_drops_what_nobody_sang(server: Loopback, heard: Song) -> None:
    server.will_answer(WHISPER)
    answer = open_on(server, "whisper").label(heard, ["lyrics", "language"])
    assert answer.values == {"lyrics": "[00:01.00]Hello there\n[00:04.00]again", "language": "en"}
    assert answer.confidence["lyrics"] == pytest.approx(math.exp(-0.3))
    assert answer.usage.audio_seconds == 12.5
    (asked,) = server.asked
    assert asked.path == "/audio/transcriptions"
    assert asked.form["model"] == b"model-1"
    assert asked.form["response_format"] == b"verbose_json"
    assert len(asked.form["file"]) > 500


def test_whisper_that_heard_nobody_invents_nothing(server: Loopback, heard: Song) -> None:
    server.will_answer({"text": "Thanks for watching", "segments": [WHISPER["segments"][2]]})  # type: ignore[index]
    assert open_on(server, "whisper").label(heard, ["lyrics", "language"]).values == {}


def test_whisper_server_without_segments_gives_plain_text(server: Loopback, heard: Song) -> None:
    server.will_answer({"text": " la la "})
    answer = open_on(server, "whisper").label(heard, ["lyrics"])
    assert answer == Answer({"lyrics": "la la"}, {}, Usage(1, audio_seconds=1.0))


def test_scribe_breaks_lines_at_pauses(server: Loopback, heard: Song) -> None:
    server.will_answer(SCRIBE)
    answer = open_on(server, "scribe").label(heard, ["lyrics", "language"])
    assert answer.values == {"lyrics": "[00:01.00]Hello there\n[00:04.00]again", "language": "en"}
    assert answer.confidence["lyrics"] == pytest.approx(math.exp(-0.2))
    assert answer.confidence["language"] == 0.97
    (asked,) = server.asked
    assert asked.path == "/v1/speech-to-text"
    assert asked.headers["xi-api-key"] == KEY
    assert asked.form["model_id"] == b"model-1"


def test_scribe_without_words_has_no_answer(server: Loopback, heard: Song) -> None:
    server.will_answer({"text": "", "words": []})
    assert open_on(server, "scribe").label(heard, ["lyrics"]).values == {}


def test_lrclib_is_asked_by_title_artist_and_length(server: Loopback) -> None:
    server.will_answer(LRCLIB)
    asked_about = song("Band - Song.mp3", extra={"artist": "The Band"})
    assert open_on(server, "lrclib").label(asked_about, ["lyrics"]).values == {"lyrics": "[00:01.00]la"}
    (asked,) = server.asked
    assert asked.path == "/api/get"
    assert asked.query == {"track_name": ["Song"], "artist_name": ["The Band"], "duration": ["120"]}


def test_lrclib_knows_instrumentals(server: Loopback) -> None:
    server.will_answer({**LRCLIB, "instrumental": True})
    assert open_on(server, "lrclib").label(song("A - B.mp3"), ["lyrics"]).values == {"lyrics": INSTRUMENTAL}


def test_lrclib_that_knows_no_such_song_has_no_answer(server: Loopback) -> None:
    server.will_answer({"code": 404, "name": "TrackNotFound"}, 404)
    assert open_on(server, "lrclib").label(song("A - B.mp3"), ["lyrics"]) == Answer(usage=Usage(1))


def test_lrclib_is_not_asked_without_a_title(server: Loopback) -> None:
    server.will_answer(LRCLIB)
    assert open_on(server, "lrclib").label(song("track01.mp3"), ["lyrics"]) == Answer()
    assert server.asked == []


def test_title_and_artist_of_tags_win_over_the_file_name() -> None:
    tagged = song("x/A - B.mp3", extra={"Title": "Tagged", "ARTIST": "Somebody"})
    assert title_and_artist(tagged) == ("Tagged", "Somebody")
    assert title_and_artist(song("x/A - B - C.mp3")) == ("B - C", "A")
