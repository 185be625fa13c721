"""Shows a report in a browser on another machine: loopback only, behind a random word, its own files and no others."""

import hmac
import re
import secrets
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from sidestep_tui.errors import UsageError
from sidestep_tui.report.sound import MEDIA_TYPES
from sidestep_tui.report.write import Report

LOOPBACK: Final = "127.0.0.1"
USUAL_PORT: Final = 8765
"""The same every time, because a browser keeps the choices of the blind comparison by address and port."""

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class ReportServer(ThreadingHTTPServer):
    """Serves one report until it is shut down, once it has been published.

    Args:
        port: None takes the usual one, or a free one where that is taken; 0 takes a free one.

    Raises:
        UsageError: the port that was asked for is taken.
    """

    daemon_threads = True

    def __init__(self, port: int | None = None) -> None:
        self.token = secrets.token_urlsafe(18)
        self.files: Mapping[str, Path] = {}
        try:
            super().__init__((LOOPBACK, USUAL_PORT if port is None else port), _Handler)
        except OSError as error:
            if port is not None:
                raise UsageError(
                    f"Port {port} cannot be used: {error.strerror}.", where=LOOPBACK, fix="choose another --port"
                ) from error
            super().__init__((LOOPBACK, 0), _Handler)

    def publish(self, report: Report) -> None:
        """Gives out a report and nothing else from now on."""
        self.files = {"": report.page, **{f"{song.parent.name}/{song.name}": song for song in report.songs}}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a browser that hung up in the middle of a song, as they do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The page's address, with the word that only whoever was told it knows."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    def find(self, target: str) -> Path | None:
        """The file of a request's path; None where the word is wrong or there is no such file in the report."""
        _, _, rest = urlsplit(target).path.partition("/")
        token, slash, name = rest.partition("/")
        if not slash or not hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()):
            return None
        return self.files.get(unquote(name))


class _Handler(BaseHTTPRequestHandler):
    """GET and HEAD of the report's files, whole or one range of bytes: without ranges browsers cannot seek in songs."""

    server: ReportServer
    server_version = "sidestep"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answers with the file."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answers with the headers alone."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server calls it
        """Says nothing: the terminal shows the address, and requests are of no interest."""

    def _answer(self, *, with_body: bool) -> None:
        path = self.server.find(self.path)
        try:
            data = path.read_bytes() if path is not None else None
        except OSError:  # removed since
            data = None
        if path is None or data is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        asked = _asked_range(self.headers.get("Range", ""), len(data))
        if asked is not None and not asked:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        self._send_headers(path, asked, len(data))
        if with_body:
            self.wfile.write(data if asked is None else data[asked.start : asked.stop])

    def _send_headers(self, path: Path, asked: range | None, held: int) -> None:
        self.send_response(HTTPStatus.OK if asked is None else HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", MEDIA_TYPES.get(path.suffix, "text/html; charset=utf-8"))
        self.send_header("Content-Length", str(held if asked is None else len(asked)))
        self.send_header("Accept-Ranges", "bytes")
        if asked is not None:
            self.send_header("Content-Range", f"bytes {asked.start}-{asked.stop - 1}/{held}")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()


def _asked_range(header: str, held: int) -> range | None:
    """The bytes that a Range header asks for: None for all of them, an empty range for what there is not.

    One range is understood (RFC 9110, section 14.1.2); a server may answer anything else with the whole.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, held - int(last)), held)
    stop = min(held, int(last) + 1) if last else held
    return range(int(first), max(int(first), stop))
