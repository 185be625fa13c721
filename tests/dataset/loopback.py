"""A server on loopback that gives prepared answers and keeps what it was asked, for the provider tests."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from sidestep_tui.dataset.providers.http import Endpoint

KEY = "secret-key-0123456789"
HANG_UP = 0
"""A status with which the server closes the connection without a word."""


@dataclass
class Asked:
    """One request that the server got."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        """The parts of a multipart form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = message_from_bytes(head + self.body)
        parts = message.get_payload()
        assert isinstance(parts, list)
        return {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) for part in parts
        }  # type: ignore[misc]


@dataclass
class Loopback:
    """A server that gives prepared answers in turn, the last one for ever."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    """Cleared, the server takes requests and says nothing."""

    def will_answer(self, document: Any, status: int = 200, **headers: str) -> None:
        self.answers.append((status, document, headers))

    def next(self) -> tuple[int, Any, dict[str, str]]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving() -> Iterator[Loopback]:
    """A server that runs until the block ends."""
    loopback = Loopback()
    loopback.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            loopback.asked.append(Asked(self.command, parts.path, parse_qs(parts.query), headers, body))
            if not loopback.may_answer.wait(10):
                return
            status, document, extra = loopback.next()
            if status == HANG_UP:
                return
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815 - as the base class wants them

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    loopback.url = f"http://127.0.0.1:{running.server_port}"
    try:
        yield loopback
    finally:
        loopback.may_answer.set()
        running.shutdown()
        thread.join()
        running.server_close()


def endpoint_on(server: Loopback, **settings: Any) -> Endpoint:
    """The server with a key, asked as fast as it answers."""
    return Endpoint(server.url, SecretStr(KEY), "model-1", requests_per_minute=1e6, timeout=5, **settings)
