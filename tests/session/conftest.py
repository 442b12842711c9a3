"""Whole runs of pytest in a project of their own, with real servers on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Project:
    """A folder with declarations and tests, and the reports of its last run."""

    pytester: pytest.Pytester
    monkeypatch: pytest.MonkeyPatch

    @property
    def path(self) -> Path:
        return self.pytester.path

    def declare(self, text: str, name: str = "sysint.yaml") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *arguments: str) -> pytest.RunResult:
        quick = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:schemathesis", "-p", "no:faker")
        return self.pytester.runpytest_subprocess("--sysint", *quick, *arguments, timeout=90)

    @property
    def report(self) -> Any:
        return json.loads((self.path / "reports/sysint.json").read_text())

    def statuses(self) -> dict[str, str]:
        return {item["nodeid"].partition("::")[2]: item["status"] for item in self.report["results"]}

    @property
    def written(self) -> str:
        """Every byte that the last run left in its reports folder."""
        return "\n".join(file.read_text() for file in sorted((self.path / "reports").rglob("*")) if file.is_file())


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(pytester, monkeypatch)


@dataclass
class Api:
    """An HTTP server on loopback that answers as it is told, and counts."""

    url: str
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    before: Callable[[], None] = lambda: None


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.seen.append((self.command, self.path, dict(self.headers.items())))
            made.before()
            status, body = made.answers.get(self.path, (200, '{"status": "ok"}'))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """A client that went away is part of these tests."""

    server = Server(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def closed_port() -> int:
    """A port on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
