"""A server on loopback that the verifier takes for the provider, and the verifier's process beside it.

Everything happens on the thread of the check: it answers the verifier's requests one after the other until that ends.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

from pytest_sysint.core.errors import CallError, SysintError

_PROGRAM = Path(__file__).with_name("verifier.py")
_START = 30.0
"""Seconds that the verifier may take beside the conversations."""
_STEP = 0.5
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the verifier."""

    place: str
    """`provider`, `message` or `state`."""
    method: str
    target: str
    """Path and query, as the pact has them."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What it is answered."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be verified."""

    provider: str
    pact: Mapping[str, Any]
    states: bool
    """Whether provider states are asked for."""
    teardown: bool
    timeout: float
    """Seconds that one request may take."""
    limit: float
    """Seconds that all of them may take together."""


Answer = Callable[[Asked], Reply]


def verify(task: Task, answer: Answer) -> dict[str, Any]:
    """Verify one interaction; `answer` is asked on this thread. Returns the verifier's results.

    Raises:
        CallError: when the verifier does not come to an end. What `answer` raises is raised here.

    """
    with TemporaryDirectory(prefix="sysint-pact-") as name, _Relay(answer) as relay:
        folder = Path(name)
        (folder / "pact.json").write_text(json.dumps(task.pact))
        given = {
            "provider": task.provider,
            "port": relay.port,
            "token": relay.token,
            "states": task.states,
            "teardown": task.teardown,
            "timeout": int((task.timeout + _START) * 1000),
        }
        (folder / "task.json").write_text(json.dumps(given))
        _serve(relay, folder, task.limit + _START)
        try:
            found: dict[str, Any] = json.loads((folder / "results.json").read_text())
        except (OSError, ValueError):
            said = (folder / "errors.txt").read_text(errors="replace").strip().splitlines()
            raise SysintError(f"the Pact verifier broke: {said[-1] if said else 'it left no results'}") from None
        return found


def _serve(relay: _Relay, folder: Path, limit: float) -> None:
    ends = time.monotonic() + limit
    with (folder / "errors.txt").open("wb") as errors, _started(folder, errors) as child:
        try:
            _until_end(relay, child, ends)
        except TimeoutError:
            raise CallError(f"the Pact verifier did not end within {limit:.0f}s") from None
        finally:
            child.kill()  # leaving it waits for its end


def _started(folder: Path, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=_environment(),
        start_new_session=True,
    )


def _until_end(relay: _Relay, child: subprocess.Popen[bytes], ends: float) -> None:
    assert child.stdout is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(relay.server.fileno(), selectors.EVENT_READ)
        waiting.register(child.stdout.fileno(), selectors.EVENT_READ)
        while not _ended(waiting, relay, child.stdout):
            if time.monotonic() > ends:
                raise TimeoutError
    child.wait(max(ends - time.monotonic(), _STEP))


def _ended(waiting: selectors.BaseSelector, relay: _Relay, output: IO[bytes]) -> bool:
    """Answer what is asked now; whether the verifier has closed its output, as it does when it ends."""
    ended = False
    for key, _ in waiting.select(_STEP):
        if key.fd == output.fileno():
            ended = not os.read(output.fileno(), 65536)
        else:
            relay.answer_one()
    return ended


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.lower() not in _PROXIES}
    # Nothing is sent to any place that the declaration does not name: not to a proxy, and no usage metrics.
    return {**own, "PACT_DO_NOT_TRACK": "true", "NO_PROXY": "*"}


class _Server(HTTPServer):
    relay: _Relay
    timeout = 0.0

    def handle_error(self, *_: object) -> None:
        """A verifier that goes away tells so by its end."""


class _Handler(BaseHTTPRequestHandler):
    """One request. Connections are closed behind each, so that none is waited for."""

    server: _Server
    timeout = 10.0

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if self.raw_requestline and self.parse_request():
            self.close_connection = True
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            names = dict.fromkeys(self.headers.keys())
            headers = {name: ", ".join(self.headers.get_all(name, ())) for name in names}
            reply = self.server.relay.reply(self.command, self.path, headers, body)
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(reply.body)))
        self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def log_message(self, *_: object) -> None:
        """Nothing goes to the terminal."""


@dataclass(slots=True)
class _Relay:
    answer: Answer
    token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    """The first part of every path: nobody else on this machine may use our credentials."""
    server: _Server = field(init=False)
    error: BaseException | None = None

    def __enter__(self) -> Self:
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.relay = self
        return self

    def __exit__(self, *_: object) -> None:
        self.server.server_close()

    @property
    def port(self) -> int:
        return self.server.server_port

    def answer_one(self) -> None:
        """Answer the request that waits. Raises what `answer` raised."""
        self.server.handle_request()
        if self.error is not None:
            raise self.error

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """What a request is answered; an error is kept for the check."""
        token, _, rest = target.lstrip("/").partition("/")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return Reply(404)
        for place in ("provider", "message", "state"):
            if rest == place or rest.startswith((f"{place}/", f"{place}?")):
                asked = Asked(place, method, rest[len(place) :] or "/", headers, body)
                try:
                    return self.answer(asked)
                except BaseException as error:  # noqa: BLE001 - it is raised again on the check's side of the server
                    self.error = error
                    return Reply(502)
        return Reply(404)
