"""A Hugging Face Hub on loopback: the endpoints that downloads speak, with connections that can be cut."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit

_LARGE = ".safetensors"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Repositories with their files, and what was asked of the server.

    `cut_after` ends the next answers after so many bytes, one for each entry. `hold_after` lets every answer wait for
    `released` after so many bytes.
    """

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    hold_after: int | None = None
    released: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def ranges(self) -> list[str]:
        """The Range headers of all requests that had one."""
        return [headers["range"] for _, _, headers in self.asked if "range" in headers]


def _lfs(data: bytes) -> dict[str, Any]:
    """What the Hub knows about a large file."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 130}


def _model_info(repository: str, files: dict[str, bytes]) -> dict[str, Any]:
    siblings = [
        {"rfilename": name, "size": len(data), "blobId": "0", "lfs": _lfs(data) if name.endswith(_LARGE) else None}
        for name, data in files.items()
    ]
    return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}


def _write(hub: Hub, out: BufferedIOBase, data: bytes) -> bool:
    """The body of an answer, cut or held as the Hub is told; True where the connection shall end."""
    if hub.cut_after and len(data) > hub.cut_after[0]:
        out.write(data[: hub.cut_after.pop(0)])
        out.flush()
        return True
    if hub.hold_after is not None and len(data) > hub.hold_after and not hub.released.is_set():
        out.write(data[: hub.hold_after])
        out.flush()
        hub.released.wait(60)
        data = data[hub.hold_after :]
    with suppress(ConnectionError):  # the client was ended meanwhile
        out.write(data)
    return False


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A Hub that runs until the block ends."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            headers = {name.lower(): value for name, value in self.headers.items()}
            hub.asked.append((self.command, path, headers))
            for repository, files in hub.repositories.items():
                if path.rstrip("/") == f"/api/models/{repository}":
                    return self._send(200, json.dumps(_model_info(repository, files)).encode(), {})
                name = path.removeprefix(f"/{repository}/resolve/{COMMIT}/")
                if name != path and name in files:
                    return self._file(files[name], headers)
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

        do_GET = do_HEAD = _answer  # noqa: N815 - as the base class wants them

        def _file(self, data: bytes, headers: dict[str, str]) -> None:
            etag = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            start = int(headers["range"].removeprefix("bytes=").rstrip("-")) if "range" in headers else 0
            if start:
                etag["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(206 if start else 200, data[start:], etag)

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.close_connection = _write(hub, self.wfile, data) or self.close_connection

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{running.server_port}"
    try:
        yield hub
    finally:
        hub.released.set()
        running.shutdown()
        thread.join()
        running.server_close()
