"""The application in a browser: only here, only for whoever knows the word, and not through another site's page."""

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sidestep_tui.cli.main import main
from sidestep_tui.errors import UsageError
from sidestep_tui.tui.web import AppServer

PATHS = ("/", "/static/js/textual.js", "/static/", "/download/1", "/nothing", "/?token=wrong", "/?token=%C3%A9")
pytestmark = pytest.mark.filterwarnings(  # textual-serve ends without waiting for the application's process
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AppServer]:
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))
    served = AppServer(0)
    runner = web.AppRunner(await served.make_app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, served.socket).start()
    yield served
    await runner.cleanup()


@pytest.fixture
async def client(server: AppServer) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # which means: of a host without a name
    async with aiohttp.ClientSession(server.public_url, cookie_jar=jar) as session:
        yield session


async def status(client: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with client.get(path, headers=headers) as answer:
        return answer.status


async def handshake(client: aiohttp.ClientSession, **headers: str) -> int:
    """What the websocket answers where it refuses."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.ws_connect("/ws", headers=headers)
    return refusal.value.status


async def test_without_the_word_nothing_is_answered(server: AppServer, client: aiohttp.ClientSession) -> None:
    assert len(server.token) >= 20
    assert [await status(client, path) for path in PATHS] == [403] * len(PATHS)
    assert await handshake(client) == 403
    assert await handshake(client, Cookie=f"sidestep-{server.port}=wrong") == 403


async def test_the_word_is_given_once_and_leaves_the_address(server: AppServer, client: aiohttp.ClientSession) -> None:
    async with client.get(server.url) as answer:
        assert (answer.status, str(answer.url)) == (200, f"{server.public_url}/")
        assert server.token not in await answer.text()
        assert "google" not in answer.headers["Content-Security-Policy"]
        cookie = answer.history[0].headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
    assert await status(client, "/static/js/textual.js") == 200


async def test_neither_other_names_nor_other_pages_get_through(
    server: AppServer, client: aiohttp.ClientSession
) -> None:
    await client.get(server.url)
    assert await status(client, "/", Host="evil.example") == 421
    assert await status(client, "/", Host=f"evil.example:{server.port}") == 421
    assert await handshake(client, Host=f"evil.example:{server.port}") == 421
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port + 1}"):
        assert await status(client, "/", Origin=origin) == 403
        assert await handshake(client, Origin=origin) == 403
    assert await status(client, "/", Origin=server.public_url) == 200


@pytest.mark.slow
async def test_the_websocket_draws_home_and_takes_keys(server: AppServer, client: aiohttp.ClientSession) -> None:
    await client.get(server.url)
    async with asyncio.timeout(60), client.ws_connect("/ws", origin=server.public_url) as socket:
        seen = b""
        while b"No runs yet" not in seen:
            message = await socket.receive()
            seen += message.data if message.type is aiohttp.WSMsgType.BINARY else b""
            assert not socket.closed, seen
        await socket.send_json(["stdin", "q"])
        while not socket.closed:
            await socket.receive()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    first = AppServer(0, command="true")
    with first.socket, pytest.raises(UsageError, match=f"Port {first.port} cannot be used"):
        AppServer(first.port)


def test_without_textual_serve_the_fix_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sidestep_tui.cli.serve.find_spec", lambda _name: None)
    assert main(["serve"]) == 1
    assert "sidestep-tui[serve]" in capsys.readouterr().err
    assert main(["serve", "--port", "70000"]) == 2


@asynccontextmanager
async def browser(folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Callable[..., Any]]:
    """`await ask(method, …)` gives the result of a command of the DevTools protocol in a page of headless Chromium."""
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1200,760")
    process = subprocess.Popen([str(BROWSER), *flags, f"--user-data-dir={folder}"], stderr=subprocess.DEVNULL)
    port_file = folder / "DevToolsActivePort"
    try:
        while not (port_file.exists() and port_file.read_text().strip()):
            await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            page = next(one for one in await answer.json() if one["type"] == "page")
        async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            numbers = iter(range(1, 10_000))

            async def ask(method: str, **parameters: Any) -> dict[str, Any]:
                number = next(numbers)
                await socket.send_json({"id": number, "method": method, "params": parameters})
                while (answer := json.loads((await socket.receive()).data)).get("id") != number:
                    continue
                result: dict[str, Any] = answer["result"]
                return result

            yield ask
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
async def test_a_browser_shows_the_application_until_it_is_left(server: AppServer, tmp_path: Path) -> None:
    async with (
        asyncio.timeout(60),
        aiohttp.ClientSession() as session,
        browser(tmp_path / "profile", session) as ask,
    ):

        async def until(script: str) -> None:
            while not (await ask("Runtime.evaluate", expression=script))["result"].get("value"):
                await asyncio.sleep(0.05)

        await ask("Page.navigate", url=server.url)
        await until(f"location.href === '{server.public_url}/' && document.body.classList.contains('-first-byte')")
        while len(picture := (await ask("Page.captureScreenshot"))["data"]) < 30_000:
            await asyncio.sleep(0.1)  # a page of words is a large picture, an empty one is some 5 KB
        (tmp_path / "served.png").write_bytes(base64.b64decode(picture))
        await ask("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
        for kind in ("keyDown", "keyUp"):
            await ask(
                "Input.dispatchKeyEvent",
                type=kind,
                text="q" * (kind == "keyDown"),
                key="q",
                code="KeyQ",
                windowsVirtualKeyCode=81,
            )
        await until("document.body.classList.contains('-closed')")
