"""One way to ask a server: rate-limited, retried where that can help, and silent about secrets.

Retried are 429, 5xx, timeouts and broken connections, after the time the server names (Retry-After) or a growing one.
Other refusals would only be refused again.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from pydantic import SecretStr

from sidestep_tui.dataset.providers.base import RefusedError
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError

_REFUSALS = {401: "the key is wrong or missing", 402: "there is no credit left", 403: "the key may not do this"}
_LONGEST_WAIT = 60.0
_FIRST_WAIT = 1.0
_LONGEST_REASON = 200
_USER_AGENT = "sidestep-tui"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and how to treat it."""

    base_url: str
    key: SecretStr | None = None
    model: str = ""
    requests_per_minute: float = 60.0
    timeout: float = 120.0
    """Seconds to wait for one answer."""
    attempts: int = 4
    """How often one request is sent at most."""


@dataclass
class Server:
    """An endpoint in use; several threads may ask at once.

    Args:
        endpoint: the server.
        headers: with every request, the secret ones too.
        sleep: waits; replaced by tests.
        clock: seconds that only grow; replaced by tests.
    """

    endpoint: Endpoint
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._client = httpx2.Client(
            headers={"User-Agent": _USER_AGENT, **self.headers},
            timeout=httpx2.Timeout(self.endpoint.timeout, connect=15),
        )
        self._lock = threading.Lock()
        self._next = self.clock()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Sends `json=`, or `data=` with `files=`, and gives the JSON object that comes back; errors as `get`."""
        answer = self._ask("POST", path, **body)
        if answer is None:
            raise RefusedError(
                "The provider has no such model or address.",
                where=f"{self.endpoint.base_url}{path}",
                fix="check the base URL and the model",
            )
        return answer

    def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any] | None:
        """The JSON object of a look-up; None for "not found".

        Raises:
            RefusedError: a wrong key, no credit.
            SidestepError: the server failed, was not reached, or answered something else than JSON.
        """
        return self._ask("GET", path, params=params)

    def _ask(self, method: str, path: str, **body: Any) -> dict[str, Any] | None:
        for attempt in range(1, self.endpoint.attempts + 1):
            self._wait_for_turn()
            try:
                response = self._client.request(method, f"{self.endpoint.base_url}{path}", **body)
            except httpx2.TransportError as error:
                if attempt == self.endpoint.attempts:
                    raise self._failed(_broken(error)) from None
                self.sleep(_backoff(attempt))
                continue
            except (httpx2.DecodingError, httpx2.InvalidURL) as error:
                raise self._failed(f"cannot be understood ({printable(str(error))})") from None
            if response.status_code == 429 or response.status_code >= 500:
                if attempt == self.endpoint.attempts:
                    reason = self._reason(response)
                    raise self._failed(f"answered {response.status_code} {attempt} times: {reason}")
                self.sleep(_named_wait(response) or _backoff(attempt))
                continue
            return self._read(response)
        raise AssertionError("an endpoint has at least one attempt")

    def _read(self, response: httpx2.Response) -> dict[str, Any] | None:
        if response.status_code == 404:
            return None
        if response.status_code in _REFUSALS:
            why, reason = _REFUSALS[response.status_code], self._reason(response)
            raise RefusedError(
                f"The provider refuses: {why} ({response.status_code}: {reason}).",
                where=self.endpoint.base_url,
                fix="set the right key, or choose another provider",
            )
        if not response.is_success:
            reason = self._reason(response)
            raise self._failed(f"did not accept the request ({response.status_code}: {reason})")
        try:
            document = response.json()
        except ValueError:
            raise self._failed("answered something that is no JSON") from None
        if not isinstance(document, dict):
            raise self._failed("answered something that is no JSON object")
        return document

    def _wait_for_turn(self) -> None:
        """Requests start at equal distances, whichever thread sends them."""
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + 60 / self.endpoint.requests_per_minute
        if start > now:
            self.sleep(start - now)

    def _failed(self, what: str) -> SidestepError:
        return SidestepError(f"The provider {what}.", where=self.endpoint.base_url, fix="try again later")

    def _reason(self, response: httpx2.Response) -> str:
        """The server's own words in one line, without any secret that it repeats."""
        text = " ".join(response.text.split())
        for secret in self.headers.values():
            for part in secret.split():
                text = text.replace(part, "***") if len(part) > len("Bearer") else text
        return printable(text[:_LONGEST_REASON]) or "no reason given"


def _broken(error: httpx2.TransportError) -> str:
    """What became of a request that has no answer."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError | httpx2.UnsupportedProtocol):
        return f"was not reached ({type(error).__name__})"
    if isinstance(error, httpx2.TimeoutException):
        return f"did not answer in time ({type(error).__name__})"
    return f"broke off the connection ({type(error).__name__})"


def _named_wait(response: httpx2.Response) -> float | None:
    """The seconds of Retry-After; the rarer date form counts as not given."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(response.headers.get("retry-after", ""))))
    except ValueError:
        return None


def _backoff(attempt: int) -> float:
    return float(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (attempt - 1)))
