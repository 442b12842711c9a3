"""A real HTTP server that answers as it is told, and declarations against it: what the tests of exchanges share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_sysint.core.check import Check, Outcome
from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.records import Assertion, Exchange
from pytest_sysint.core.registry import kinds
from pytest_sysint.declaration import load
from tests.talk import Talk

_UNUSED = ("cacheprovider", "faker", "hypothesispytest", "schemathesis")
WHOLE_RUN = ("--sysint", *(f"-pno:{plugin}" for plugin in _UNUSED))
"""How a whole run is started quickly: without the plugins that others brought and that it has no use for."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


@dataclass
class Server:
    """Answers by `app`; every request is kept in `seen`."""

    url: str = ""
    app: Callable[[Asked], Answer] = lambda asked: (404, {"error": "nothing here"})
    seen: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.seen]


@contextmanager
def serving() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, query, headers, json.loads(data) if data else None)
            made.seen.append(asked)
            status, body, *more = made.app(asked)
            given = {"content-type": "application/json", **(more[0] if more else {})}
            plain = body if isinstance(body, bytes) else json.dumps(body).encode()
            text = b"" if body is None else body.encode() if isinstance(body, str) else plain
            self.send_response(status)
            for name, value in {**given, "content-length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None: ...

    class Http(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A server that breaks off is part of these tests."""

    http = Http(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@dataclass
class Ran:
    check: Check
    outcome: Outcome
    exchanges: list[Exchange]

    @property
    def failed(self) -> list[Assertion]:
        return [each for each in self.outcome.assertions if each.status == "failed"]

    @property
    def said(self) -> str:
        return "\n".join(each.message for each in self.failed)

    @property
    def held(self) -> bool:
        assert self.outcome.assertions
        return not [each for each in self.failed if each.severity == "fail"]


@dataclass
class Desk:
    """Reads declarations with the real loader, and runs the checks of their contract."""

    folder: Path
    opened: list[Integration[Any]] = field(default_factory=list)

    def write(self, name: str, content: Any) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def declare(self, contract: Any, url: str, **keys: Any) -> Any:
        path = self.folder / "sysint.yaml"
        whole = {"type": "rest", "url": url, "contract": contract, **keys}
        path.write_text(json.dumps({"sysint": 1, "integrations": {"api": whole}}))
        (declaration,) = load([path])
        return declaration.integrations[0]

    def checks(self, declared: Any) -> list[Check]:
        return list(kinds().get("contract").checks(declared))

    def run(self, check: Check, declared: Any) -> Ran:
        integration = declared.cls(declared.settings)
        self.opened.append(integration)
        talk = Talk(integration)
        return Ran(check, check.run(talk), talk.exchanges)

    def exchange(self, exchange: Any, url: str, **keys: Any) -> Ran:
        """Declare one exchange, and run it."""
        declared = self.declare({"exchanges": [exchange]}, url, **keys)
        (check,) = self.checks(declared)
        return self.run(check, declared)

    def refused(self, contract: Any) -> str:
        """What the loader says of a contract that it does not take."""
        with pytest.raises(DeclarationError) as caught:
            self.declare(contract, "http://127.0.0.1:1")
        return str(caught.value)


@contextmanager
def declaring(folder: Path) -> Iterator[Desk]:
    made = Desk(folder)
    try:
        yield made
    finally:
        for integration in made.opened:
            integration.close()
