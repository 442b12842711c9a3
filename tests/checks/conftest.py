"""A context as the engine gives it, real servers on loopback, and integrations declared against them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.check import Check, Outcome, RetryPolicy
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration.model import DeclaredIntegration, Position
from pytest_sysint.declaration.provisioning import ProvisionSettings
from tests.talk import Talk


@pytest.fixture
def talk() -> type[Talk]:
    return Talk


@dataclass
class Bench:
    """Declares integrations, gives the checks of a kind, and runs them against the real thing."""

    opened: list[Integration[Any]] = field(default_factory=list)

    def declare(self, type_name: str, settings: Mapping[str, Any], tenant: str = "shared", **kinds_raw: Any) -> Any:
        cls = types().get(type_name)
        read = {kind: kinds().get(kind).read(raw, cls, Path()) for kind, raw in kinds_raw.items()}
        return DeclaredIntegration(
            id="it", tenant=tenant, type=type_name, cls=cls, category=cls.category, name="It", description="",
            severity="critical", owner="", tags=("core",), depends_on=(), timeout=3.0, retry=RetryPolicy(),
            budget="calm", settings=cls.settings_model.model_validate(dict(settings)), provision=ProvisionSettings(),
            kinds=read, references=frozenset(), position=Position("sysint.yaml", 1, 1), folder=Path(),
        )  # fmt: skip

    def checks(self, declared: DeclaredIntegration, kind: str = "health") -> dict[str, Check]:
        return {check.slug: check for check in kinds().get(kind).checks(declared)}

    def talk(self, declared: DeclaredIntegration, **keys: Any) -> Talk:
        integration = declared.cls(declared.settings)
        self.opened.append(integration)
        return Talk(integration, **keys)

    def run(self, check: Check, declared: DeclaredIntegration, **keys: Any) -> Outcome:
        return check.run(self.talk(declared, **keys))

    def health(self, raw: Any, settings: Mapping[str, Any], type_name: str = "rest") -> Outcome:
        """The outcome of the one declared health check."""
        declared = self.declare(type_name, settings, health=raw)
        (check,) = [check for slug, check in self.checks(declared).items() if slug != "reachable"]
        return self.run(check, declared)


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    for integration in found.opened:
        integration.close()


@dataclass
class Service:
    """An HTTP server that answers what it is told: path -> (status, JSON), or what is next of a list of those."""

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, Any]:
        self.seen.append(path)
        found = self.answers.get(path, (404, {"error": "no such path"}))
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = found.answer(self.path)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Service(f"http://127.0.0.1:{server.server_address[1]}", {"/": (200, {"ok": True})})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def garbage() -> Iterator[int]:
    """The port of a server that answers everything with noise."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with suppress(OSError), connection:
                    connection.recv(4096)
                    connection.sendall(b"\x00\x01\x02 this is no protocol\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)
