"""A small care system whose faults can be switched on, and flows run through it by the real engine."""

from __future__ import annotations

import json
import queue
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.ledger import Ledger
from pytest_sysint.core.records import Result
from pytest_sysint.declaration import Declaration, load
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import Selection, checks_of, plan
from pytest_sysint.engine.runner import Runner

RELAY = Path(__file__).parent / "stand_ins/relay.py"
TABLE = "CREATE TABLE residents (external_id TEXT, given_name TEXT, born TEXT, seen INTEGER PRIMARY KEY)"


@dataclass
class Care:
    """Takes residents over HTTP; a worker writes each into a table and a file. `faults` are switched on by name."""

    folder: Path
    url: str = ""
    faults: set[str] = field(default_factory=set)
    every: int = 5
    """One in so many records is treated badly."""
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    on_receive: Callable[[int], None] = lambda number: None
    _work: queue.Queue[tuple[int, dict[str, Any]] | None] = field(default_factory=queue.Queue)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: set[str] = field(default_factory=set)

    @property
    def database(self) -> Path:
        return self.folder / "care.db"

    def rows(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute("SELECT external_id, given_name FROM residents").fetchall()

    def write(self, number: int, resident: dict[str, Any]) -> None:
        given = (resident.get("name") or {}).get("given")
        bad = number % self.every == 0
        if "alter" in self.faults and bad:
            given = str(given).upper()
        values = (resident.get("externalId"), given, resident.get("born"))
        copies = 2 if "duplicate" in self.faults and bad else 1
        with self._lock, closing(sqlite3.connect(self.database, timeout=10)) as db, db:
            db.executemany("INSERT INTO residents (external_id, given_name, born) VALUES (?, ?, ?)", [values] * copies)
        if not ("no files" in self.faults and bad):
            (self.folder / "files" / f"{resident.get('externalId')}.json").write_text(json.dumps(resident))

    def post(self, resident: Any) -> int:
        with self._lock:
            self.received.append(resident)
            number = len(self.received)
        self.on_receive(number)
        if "leak" in self.faults:
            self._work.put((number, resident))
        if "down" in self.faults or ("crash" in self.faults and number % self.every == 0):
            return 500
        if not str(resident.get("nhsNumber", "999")).startswith("999") and "accept all" not in self.faults:
            return 422
        token = resident.get("externalId")
        with self._lock:
            known, _ = token in self._known, self._known.add(token)
        if known and "hang up" in self.faults:
            return 0
        if known and "forget" not in self.faults:
            return 200
        if not ("drop" in self.faults and number % self.every == 0) and "leak" not in self.faults:
            self._work.put((number, resident))
        return 201

    def work(self) -> None:
        while (job := self._work.get()) is not None:
            if "late" in self.faults and job[0] == 3 * self.every:
                time.sleep(0.5)
            self.write(*job)

    def delete(self, token: str) -> int:
        if "keep" in self.faults:
            return 409
        with self._lock, closing(sqlite3.connect(self.database, timeout=10)) as db, db:
            gone = db.execute("DELETE FROM residents WHERE external_id = ?", [token]).rowcount
        (self.folder / "files" / f"{token}.json").unlink(missing_ok=True)
        self.removed.append(token)
        return 204 if gone else 404


@pytest.fixture
def care(tmp_path: Path) -> Iterator[Care]:
    made = Care(tmp_path)
    (tmp_path / "files").mkdir()
    with closing(sqlite3.connect(made.database)) as db, db:
        db.execute("PRAGMA journal_mode = wal")
        db.execute(TABLE)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: Any = None) -> None:
            data = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            found = [{"externalId": row[0], "given": row[1]} for row in made.rows() if row[0] in self.path]
            self.answer(200 if found or self.path == "/" else 404, found[0] if found else None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.headers.append(dict(self.headers.items()))
            try:
                resident = json.loads(body)
            except ValueError:
                self.answer(400)
                return
            status = made.post(resident)
            if not status:
                self.close_connection = True
                return
            self.answer(status, {"id": f"srv-{resident.get('externalId')}"} if status < 300 else {"error": "no"})

        def do_DELETE(self) -> None:
            self.answer(made.delete(self.path.rpartition("/")[2]))

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    threads = [
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True),
        threading.Thread(target=made.work, daemon=True),
    ]
    for thread in threads:
        thread.start()
    yield made
    server.shutdown()
    server.server_close()
    made._work.put(None)
    for thread in threads:
        thread.join()


@dataclass(frozen=True)
class Existing:
    """Where something is, for the engine."""

    url: str
    way: str = "existing"
    detail: str = ""


@dataclass
class Flows:
    """Declares flows and runs them by the real engine, one attempt each."""

    folder: Path
    around: dict[str, str] = field(default_factory=dict)
    """Integration id -> its keys, as YAML in one line."""
    ledger: Ledger = field(init=False)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder / "reports/ledger/test.jsonl", "test")

    def declare(self, text: str) -> Declaration:
        head = "sysint: 1\ndefaults: {retry: {attempts: 1}, timeout: 3s}\n"
        head += "environments: {local: {allow: [read, write, destructive]}}\nintegrations:\n"
        head += "".join(f"  {name}: {{{keys}}}\n" for name, keys in self.around.items())
        path = self.folder / "sysint.yaml"
        path.write_text(head + "flows:\n" + text)
        (declaration,) = load([path], env={})
        return declaration

    def run(self, text: str) -> Result:
        """The result of the one flow that is declared."""
        declaration = self.declare(text)
        found = [
            (f"{declared.id}::{check.slug}[{check.tenant}]", declared, check)
            for each in dict.fromkeys(item.id for item in declaration.integrations)
            for declared, check in checks_of(declaration, "dataflow", each, Selection())
        ]
        planned = plan(found, [declaration])
        connections = Connections(
            declaration.integrations,
            lambda item: Existing(item.settings.url),
            allow=dict.fromkeys(self.around, declaration.environment.allow),
        )
        runner = Runner(planned, connections, ledger=self.ledger)
        try:
            runner.start()
            (nodeid,) = planned
            return runner.result(nodeid, self.said.append)
        finally:
            runner.stop()
            connections.close()

    @staticmethod
    def failed(result: Result) -> dict[str, str]:
        """Subject -> message of what failed."""
        return {each.name: each.message for each in result.assertions if each.status == "failed"}


@pytest.fixture
def flows(tmp_path: Path) -> Iterator[Flows]:
    found = Flows(tmp_path)
    yield found
    found.ledger.close()


@pytest.fixture
def admission(flows: Flows, care: Care) -> Flows:
    """Flows around the care system: `api`, `db` and `files`."""
    flows.around = {
        "api": f"type: rest, url: '{care.url}'",
        "db": f"type: sql, url: 'sqlite:///{care.database}'",
        "files": f"type: local, url: 'file://{care.folder}/files'",
    }
    return flows


@pytest.fixture
def relay() -> Iterator[Callable[..., Callable[[], int]]]:
    """`end = relay("kafka", url, source, target, "drop")` starts a consumer that passes on what it reads, or not.

    `end()` stops it, and gives how many messages it has treated badly.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> Callable[[], int]:
        process = subprocess.Popen(
            [sys.executable, str(RELAY), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return lambda: int(process.communicate(timeout=20)[0])

    yield start
    for process in started:
        with process:
            if process.poll() is None:
                process.communicate(timeout=20)
