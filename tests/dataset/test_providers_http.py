"""How servers are asked: pace, retries, refusals, and secrets that stay secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.providers import catalogue, keys
from sidestep_tui.dataset.providers.base import RefusedError
from sidestep_tui.dataset.providers.catalogue import open_provider
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.errors import SidestepError, UsageError
from tests.dataset.conftest import tone
from tests.dataset.loopback import HANG_UP, KEY, Loopback, endpoint_on, serving


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as loopback:
        yield loopback


def asking(server: Loopback, **settings: Any) -> tuple[Server, list[float]]:
    """A server in use, and the waits that it would have made."""
    waited: list[float] = []
    endpoint = endpoint_on(server, **settings)
    return Server(endpoint, {"Authorization": f"Bearer {KEY}"}, sleep=waited.append), waited


def test_busy_server_is_asked_again_after_the_time_it_names(server: Loopback) -> None:
    server.will_answer({}, 429, Retry_After="7")
    server.will_answer({}, 503)
    server.will_answer({"good": 1})
    asked, waited = asking(server)
    assert asked.post("/x", json={}) == {"good": 1}
    assert [wait for wait in waited if wait >= 1] == [7.0, 2.0]


def test_busy_server_is_given_up_after_some_attempts(server: Loopback) -> None:
    server.will_answer({"error": "overloaded"}, 500)
    asked, _ = asking(server, attempts=3)
    with pytest.raises(SidestepError, match=r"answered 500 3 times: .*overloaded"):
        asked.post("/x", json={})
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 413, 422])
def test_request_that_is_wrong_is_not_sent_again(server: Loopback, status: int) -> None:
    server.will_answer({"error": "bad"}, status)
    asked, _ = asking(server)
    with pytest.raises(SidestepError, match=str(status)) as caught:
        asked.post("/x", json={})
    assert not isinstance(caught.value, RefusedError)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_refusal_of_every_song_is_told_apart_and_not_repeated(server: Loopback, status: int) -> None:
    server.will_answer({"error": "no"}, status)
    asked, _ = asking(server)
    with pytest.raises(RefusedError):
        asked.post("/x", json={})
    assert len(server.asked) == 1


def test_timeout_is_tried_again_and_then_named(server: Loopback) -> None:
    server.will_answer({})
    server.may_answer.clear()
    waited: list[float] = []
    endpoint = Endpoint(server.url, requests_per_minute=1e6, timeout=0.1, attempts=2)
    with pytest.raises(SidestepError, match="did not answer in time"):
        Server(endpoint, sleep=waited.append).post("/x", json={})
    assert len(server.asked) == 2
    assert [wait for wait in waited if wait >= 1] == [1.0]


def test_server_that_is_not_there_is_tried_again_and_then_named() -> None:
    endpoint = Endpoint("http://127.0.0.1:9", requests_per_minute=1e6, timeout=1, attempts=2)
    waited: list[float] = []
    with pytest.raises(SidestepError, match="was not reached"):
        Server(endpoint, sleep=waited.append).post("/x", json={})
    assert [wait for wait in waited if wait >= 1] == [1.0]


def test_connection_that_breaks_is_tried_again_and_then_named(server: Loopback) -> None:
    server.will_answer(None, status=HANG_UP)
    server.will_answer({"well": 1})
    asked, waited = asking(server)
    assert asked.post("/x", json={}) == {"well": 1}
    assert waited
    server.will_answer(None, status=HANG_UP)
    server.answers.pop(0)
    with pytest.raises(SidestepError, match="broke off the connection"):
        asked.post("/x", json={})


def test_answer_that_is_not_packed_as_it_says_is_an_error(server: Loopback) -> None:
    server.will_answer(b"not gzip", Content_Encoding="gzip")
    asked, _ = asking(server)
    with pytest.raises(SidestepError, match="cannot be understood"):
        asked.post("/x", json={})
    assert len(server.asked) == 1


@pytest.mark.parametrize("data", [b"<html>", b"[1]", b""])
def test_answer_that_is_no_json_object_is_an_error(server: Loopback, data: bytes) -> None:
    server.will_answer(data)
    asked, _ = asking(server)
    with pytest.raises(SidestepError, match="no JSON"):
        asked.post("/x", json={})


def test_key_is_in_no_message_even_if_the_server_repeats_it(server: Loopback) -> None:
    server.will_answer({"error": f"the key {KEY} is wrong"}, 401)
    asked, _ = asking(server)
    with pytest.raises(RefusedError) as caught:
        asked.post("/x", json={})
    assert "***" in str(caught.value)
    assert KEY not in str(caught.value)
    assert KEY not in repr(asked)


def test_requests_start_at_equal_distances(server: Loopback) -> None:
    server.will_answer({})
    waited: list[float] = []
    endpoint = Endpoint(server.url, requests_per_minute=30, timeout=5)
    asked = Server(endpoint, sleep=waited.append, clock=lambda: 100.0)
    for _ in range(3):
        asked.get("/x", {})
    assert waited == [2.0, 4.0]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path))
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    return tmp_path


def test_key_comes_from_the_environment_before_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = keys.keys_file()
    file.write_text('{"GEMINI_API_KEY": "from-file"}')
    file.chmod(0o600)
    found = keys.find_key("GEMINI_API_KEY")
    assert found is not None
    assert found.get_secret_value() == "from-file"
    monkeypatch.setenv("GEMINI_API_KEY", "from-environment")
    found = keys.find_key("GEMINI_API_KEY")
    assert found is not None
    assert found.get_secret_value() == "from-environment"
    assert "from-environment" not in repr(found)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_file_of_keys_that_others_can_read_is_not_used(home: Path, mode: int) -> None:
    keys.keys_file().write_text("{}")
    keys.keys_file().chmod(mode)
    with pytest.raises(SidestepError, match="Others can read"):
        keys.find_key("GEMINI_API_KEY")


@pytest.mark.parametrize("text", ["{", "[]", '{"A": 1}'])
def test_broken_file_of_keys_is_named(home: Path, text: str) -> None:
    keys.keys_file().write_text(text)
    keys.keys_file().chmod(0o600)
    with pytest.raises(SidestepError, match="file of provider keys"):
        keys.find_key("GEMINI_API_KEY")


def test_provider_without_its_key_says_where_to_put_it(home: Path) -> None:
    with pytest.raises(UsageError, match="needs a key") as caught:
        open_provider("gemini")
    assert "GEMINI_API_KEY" in str(caught.value.fix)


def test_local_server_needs_no_key(
    home: Path, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write_audio(tmp_path / "songs" / "a.wav", tone(1.0), 8_000)
    (song,) = scan_folder(tmp_path / "songs").songs
    server.will_answer({"choices": [{"message": {"content": '{"caption": "slow piano"}'}}]})
    provider = open_provider("openai", base_url=f"{server.url}/v1/", model="local")
    assert provider.label(song, ["caption"]).values == {"caption": "slow piano"}
    assert server.asked[0].path == "/v1/chat/completions"
    assert "authorization" not in server.asked[0].headers


def test_unknown_provider_is_named() -> None:
    with pytest.raises(UsageError, match="no such provider"):
        open_provider("nobody")


def test_every_provider_is_listed_under_its_own_name() -> None:
    opened = {name: entry.open(Endpoint("http://127.0.0.1:9")) for name, entry in catalogue.PROVIDERS.items()}
    assert {name: provider.name for name, provider in opened.items()} == {name: name for name in opened}
