"""The process that owns everything that was started.

It is started by the first who needs a service, in a session of its own, and lives until its standard input ends, it
gets SIGTERM, or its parent is gone. Clients ask it over a Unix socket, one JSON line there and one back:

    {"do": "provide", "request": {...}, "secrets": [...]}  -> {"url", "way", "detail"}
    {"do": "log", "id": "cache", "lines": 20}              -> {"text"}
    {"do": "died", "id": "cache"}                          -> {"text"}

An answer with `unavailable` and `hint` says why it cannot be, one with `failed` why it did not come up.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socketserver
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import CallError, StartFailed, SysintError, Unavailable
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.provisioning import Running
from pytest_sysint.core.registry import types
from pytest_sysint.core.secrets import learn, learn_url, redact, telling
from pytest_sysint.provision._choose import choose
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._output import file_name, read, tail
from pytest_sysint.provision._request import ServiceRequest

_PARENT_CHECK = 1.0
"""Seconds between two looks whether the parent is still there, for when a fork of it holds our standard input."""


@dataclass(frozen=True, slots=True)
class Service:
    """What was started for one request."""

    running: Running
    way: str


class Supervisor:
    """Starts each service once, however many ask for it, and ends them all."""

    def __init__(self, host: Host, logs: Path) -> None:
        self._host = host
        self._logs = logs
        self._services: dict[str, Future[Service]] = {}
        self._lock = threading.Lock()

    def provide(self, request: ServiceRequest) -> Service:
        """The service, started by the first who asks; the others wait for it.

        Raises:
            Unavailable: the same for everybody who asks.

        """
        with self._lock:
            known = self._services.get(request.id)
            mine: Future[Service] = Future()
            self._services.setdefault(request.id, mine)
        if known is not None:
            return known.result()
        try:
            mine.set_result(self._start(request))
        except BaseException as error:
            mine.set_exception(error)
            self._keep_log(request.id)
            raise
        return mine.result()

    def _start(self, request: ServiceRequest) -> Service:
        cls: type[Integration[Any]] = types().get(request.type)
        way = choose(request, cls)
        try:
            running = way.start(request, cls, self._host)
            if request.seed and way.name != "existing":
                _seed(request, cls, running)
        except Unavailable as error:
            raise StartFailed(error.message, hint=error.hint) from error
        return Service(running, way.name)

    def log(self, service: str) -> str:
        """What it has written so far, unredacted."""
        running = self._running(service)
        return running.log() if running and running.log else read(self._host.log_of(service))

    def died(self, service: str) -> str:
        """How a service ended that had been running; empty while it runs."""
        running = self._running(service)
        return running.ended() if running and running.ended else ""

    def _running(self, service: str) -> Running | None:
        found = self._services.get(service)
        return found.result().running if found and found.done() and not found.exception() else None

    def _keep_log(self, service: str) -> None:
        text = self.log(service)
        if not text.strip():
            return
        with suppress(OSError):  # a reports folder that cannot be written to is said by the session
            self._logs.mkdir(parents=True, exist_ok=True)
            (self._logs / f"{file_name(service)}.log").write_text(redact(text), "utf-8")

    def _end(self, service: str) -> None:
        running = self._running(service)
        if running is None:
            return
        if running.log:
            self._keep_log(service)
        running.stop()
        if not running.log:
            self._keep_log(service)

    def close(self) -> None:
        """End everything, the youngest first to be asked, and clear up."""
        with self._lock:
            known = dict(self._services)
        ends = [threading.Thread(target=self._end, args=(service,)) for service in reversed(known)]
        for end in ends:
            end.start()
        for end in ends:
            end.join()
        self._host.close(complete=all(start.done() for start in known.values()))


def _seed(request: ServiceRequest, cls: type[Integration[Any]], running: Running) -> None:
    live = cls(cls.settings_model(url=running.url))
    try:
        live.seed(Path(request.seed), request.timeout)
    except (CallError, OSError, ValueError, NotImplementedError) as error:
        running.stop()
        raise Unavailable(f"{request.id}: seed {request.seed} could not be loaded: {redact(str(error))}") from None
    finally:
        live.close()


def _learn(message: Mapping[str, Any]) -> None:
    """What must be masked in our logs and messages: what the client knows, and what tells by its name."""
    for secret in message["secrets"]:
        learn(secret)
    for name, value in _texts("", message["request"]):
        learn(value if telling(name) else None)
        learn_url(value)


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text within a JSON value, with the name that it goes by."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(str(key), item)


class Desk:
    """Answers the messages of the clients."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def answer(self, message: Mapping[str, Any]) -> dict[str, str]:
        """The answer to one message, as plain words."""
        try:
            work: Callable[[Mapping[str, Any]], dict[str, str]] = getattr(self, f"do_{message['do']}")
            return work(message)
        except SysintError as error:
            word = "failed" if isinstance(error, StartFailed) else "unavailable"
            return {word: redact(error.message), "hint": redact(error.hint)}

    def do_provide(self, message: Mapping[str, Any]) -> dict[str, str]:
        _learn(message)
        request = ServiceRequest(**message["request"])
        service = self._supervisor.provide(request)
        return {"url": service.running.url, "way": service.way, "detail": service.running.detail}

    def do_log(self, message: Mapping[str, Any]) -> dict[str, str]:
        return {"text": tail(self._supervisor.log(message["id"]), message["lines"])}

    def do_died(self, message: Mapping[str, Any]) -> dict[str, str]:
        return {"text": self._supervisor.died(message["id"])}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, desk: Desk) -> None:
        self.desk = desk
        super().__init__(address, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        line = self.rfile.readline()
        if not line:
            return
        try:
            answer = self.server.desk.answer(json.loads(line))
        except Exception as error:
            answer = {"unavailable": redact(f"unexpected {type(error).__name__}: {error}"), "hint": ""}
            self._send(answer)
            raise
        self._send(answer)

    def _send(self, answer: dict[str, str]) -> None:
        try:
            self.wfile.write(json.dumps(answer).encode() + b"\n")
        except OSError:
            return  # the client did not wait


def _until_told(parent: int, wake: int) -> None:
    """Wait until standard input ends, somebody writes to `wake`, or the parent is gone."""
    while True:
        ready, _, _ = select.select([0, wake], [], [], _PARENT_CHECK)
        if wake in ready or os.getppid() != parent or (0 in ready and not os.read(0, 4096)):
            return


def _leave_terminal(log: Path) -> None:
    """Write to a file from now on: the terminal is the session's, and whoever reads it must not wait for us."""
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def main() -> None:
    """Serve until told to stop. The first line of standard input says where logs are kept and who the parent is."""
    start = json.loads(sys.stdin.readline())
    wake, waker = os.pipe()

    def stop(*_: object) -> None:
        os.write(waker, b".")

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    host = Host(uuid.uuid4().hex)
    supervisor = Supervisor(host, Path(start["logs"]))
    address = str(host.folder / "socket")
    server = _Server(address, Desk(supervisor))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(address + "\n")
    sys.stdout.flush()
    _leave_terminal(host.folder / "supervisor.log")
    _until_told(start["parent"], wake)
    supervisor.close()
