"""The served report: only on loopback, only for whoever knows the word, and nothing but its own files."""

import http.client
import threading

import pytest

from sidestep_tui.errors import UsageError
from sidestep_tui.report.serve import ReportServer
from sidestep_tui.report.write import Report
from sidestep_tui.runs.remote import tunnel_command


@pytest.fixture
def served(tmp_path):
    """A server of a page with one song, and a file beside them that is not part of the report."""
    page, song = tmp_path / "report.html", tmp_path / "report-songs" / "001-a.mp3"
    song.parent.mkdir()
    page.write_text("<!doctype html><p>é", encoding="utf-8")
    song.write_bytes(bytes(range(100)))
    (tmp_path / "config.json").write_text("secret")
    with ReportServer(0) as server:
        server.publish(Report(page, (song,), 1))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def get(served):
    """`get(path, Header=…)` asks for a path exactly as it is written and gives status, headers and body."""

    def ask(path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.putrequest(method, path, skip_host=False)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    return ask


def test_page_and_songs_are_given_to_whoever_knows_the_word(served, get):
    status, headers, body = get(f"/{served.token}/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body.decode() == "<!doctype html><p>é"
    assert headers["Cache-Control"] == "no-store"
    assert get(f"/{served.token}/report-songs/001-a.mp3")[2] == bytes(range(100))
    assert get(f"/{served.token}/", "HEAD")[::2] == (200, b"")


def test_without_the_word_there_is_nothing(served, get):
    assert len(served.token) >= 20
    for path in (
        "/",
        "//",
        "/report.html",
        f"/{served.token}",
        f"/{served.token[:-1]}/",
        "/%00/",
        "/wrong/",
        "/%C3%A9/",
    ):
        assert get(path)[0] == 404


def test_nothing_but_the_report_is_given(served, get):
    for path in (
        "config.json",
        "../config.json",
        "%2e%2e/config.json",
        "report-songs/../config.json",
        "report-songs/",
        "/etc/passwd",
    ):
        assert get(f"/{served.token}/{path}")[0] == 404
    assert get(f"/{served.token}/", "POST")[0] == 501


def test_songs_can_be_sought_in(served, get):
    song = f"/{served.token}/report-songs/001-a.mp3"
    status, headers, body = get(song, Range="bytes=10-19")
    assert (status, headers["Content-Range"], body) == (206, "bytes 10-19/100", bytes(range(10, 20)))
    assert get(song, Range="bytes=90-")[2] == bytes(range(90, 100))
    assert get(song, Range="bytes=90-999")[2] == bytes(range(90, 100))
    assert get(song, Range="bytes=-5")[2] == bytes(range(95, 100))
    assert get(song, Range="bytes=100-")[0] == 416
    assert get(song, Range="bytes=20-10")[0] == 416
    assert get(song, Range="bytes=0-1,4-5")[0] == 200


def test_a_file_that_was_removed_is_not_found(served, get):
    served.files[""].unlink()
    assert get(f"/{served.token}/")[0] == 404


def test_it_listens_on_loopback_and_each_time_with_another_word(served):
    assert served.server_address[0] == "127.0.0.1"
    assert served.url == f"http://127.0.0.1:{served.port}/{served.token}/"
    with ReportServer(0) as other:
        assert other.token != served.token


def test_a_port_that_is_taken_is_named_unless_nobody_asked_for_it(served, monkeypatch):
    with pytest.raises(UsageError, match=f"Port {served.port} cannot be used"):
        ReportServer(served.port)
    monkeypatch.setattr("sidestep_tui.report.serve.USUAL_PORT", served.port)
    with ReportServer() as other:
        assert other.port != served.port


def test_the_line_for_the_tunnel_names_the_machine_as_it_was_reached(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 50000 198.51.100.7 2222")
    assert tunnel_command(8765) == "ssh -N -L 8765:127.0.0.1:8765 -p 2222 ann@198.51.100.7"
    monkeypatch.setenv("SSH_CONNECTION", "203.0.113.9 50000 198.51.100.7 22")
    assert tunnel_command(8765) == "ssh -N -L 8765:127.0.0.1:8765 ann@198.51.100.7"
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.setattr("socket.gethostname", lambda: "gpu-box")
    assert tunnel_command(1) == "ssh -N -L 1:127.0.0.1:1 ann@gpu-box"


def test_a_browser_that_hangs_up_is_no_news(served, capsys):
    for error, words in ((BrokenPipeError(), ""), (ValueError("told"), "ValueError: told")):
        try:
            raise error
        except (BrokenPipeError, ValueError):
            served.handle_error(None, ("127.0.0.1", 1))
        said = capsys.readouterr().err
        assert words in said
        assert bool(said) is bool(words)
