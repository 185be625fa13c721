"""The terminal application in a browser: textual-serve on the loopback address, behind a random word.

textual-serve asks nobody who they are, and whoever reaches its port has a shell's worth of this machine. So every
request, the page, its static files, downloads and the websocket alike, passes one guard: it must name this very address
(a page of another site whose name was pointed here does not: DNS rebinding), come from no other site's page, and
carry the word, at first in the address and from then on in a cookie.
"""

import hmac
import logging
import secrets
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from sidestep_tui.errors import UsageError

LOOPBACK: Final = "127.0.0.1"
USUAL_PORT: Final = 8766

_SECONDS_TO_LEAVE: Final = 2.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self' ws://{authority}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Nothing from elsewhere: the page's template asks another site for a font, which a rented machine may not reach."""


class AppServer(Server):
    """Serves the application, one process of it for every page that is opened, until it is told to end.

    Args:
        port: None takes the usual one, or a free one where that is taken; 0 takes a free one.
        command: what is served; the terminal application by default.

    Raises:
        UsageError: the port that was asked for is taken.
    """

    def __init__(self, port: int | None = None, command: str | None = None) -> None:
        self.token = secrets.token_urlsafe(18)
        self.socket = _bound(port)
        super().__init__(
            command or _command(), host=LOOPBACK, port=int(self.socket.getsockname()[1]), title="Side-Step"
        )
        self._authority = f"{LOOPBACK}:{self.port}"
        self._cookie = f"sidestep-{self.port}"  # browsers share cookies among the ports of a host

    @property
    def url(self) -> str:
        """The page's address, with the word that only whoever was told it knows."""
        return f"{self.public_url}/?token={self.token}"

    def run(self) -> None:
        """Serves until SIGINT or SIGTERM."""
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of applications that end a moment after it
        web.run_app(self.make_app(), sock=self.socket, print=None, access_log=None, shutdown_timeout=_SECONDS_TO_LEAVE)

    async def make_app(self) -> web.Application:
        """textual-serve's application with the guard before everything that it answers."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = await self._make_app()
        app.middlewares.append(guard)
        app.on_response_prepare.append(self._add_headers)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Says nothing: the command has told the address."""

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host != self._authority:
            raise web.HTTPMisdirectedRequest(text=f"Open this as http://{self._authority}/ with its token.")
        if request.headers.get("Origin") not in (None, self.public_url):
            raise web.HTTPForbidden(text="Another site's page asked for this.")
        if request.path == "/" and self._is_token(request.query.get("token", "")):
            onward = web.HTTPSeeOther("/")  # the word leaves the address line, and the history with it
            onward.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict")
            raise onward
        if not self._is_token(request.cookies.get(self._cookie, "")):
            raise web.HTTPForbidden(
                text="The token is missing or wrong: open the address that `sidestep serve` printed."
            )
        return await handler(request)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    async def _add_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = _POLICY.format(authority=self._authority)


def _bound(port: int | None) -> socket.socket:
    """A socket on the loopback address, where no other machine reaches it."""
    try:
        return socket.create_server((LOOPBACK, USUAL_PORT if port is None else port))
    except OSError as error:
        if port is not None:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.", where=LOOPBACK, fix="choose another --port"
            ) from error
        return socket.create_server((LOOPBACK, 0))


def _command() -> str:
    """The shell's line that starts this same package's application, from wherever it was imported."""
    parent = str(Path(__file__).resolve().parents[2])
    start = f"import sys; sys.path.insert(0, {parent!r}); from sidestep_tui.tui.app import run_tui; sys.exit(run_tui())"
    words = [sys.executable, "-c", start]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
