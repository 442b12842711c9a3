"""Whole runs with flows: what is in the records, and what is left behind after Ctrl-C, a kill, or a fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

DECLARED = """\
sysint: 1
tenants: [oak, elm]
defaults: {{retry: {{attempts: 1}}, timeout: 5s}}
environments: {{local: {{allow: [read, write]}}}}
integrations:
  api: {{type: rest, url: "{url}", tenants: TENANTS, auth: {{bearer: "${{env:CANARY_TOKEN}}"}}}}
flows:
  admission:
    data_type: resident
    records: RECORDS
    send: {{to: api, request: POST /residents, json: {{name: Ann}}, correlate: $.id}}
    observe: [{{on: api, request: "GET /residents/{{correlation}}", within: 30s, map: {{$.name: $.name}}}}]
    settle: 100ms
    cleanup: {{on: api, request: "DELETE /residents/{{correlation}}"}}
"""


@dataclass
class Store:
    """Residents behind HTTP. `enough` is set when so many have come."""

    url: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    enough_at: int = 0
    enough: threading.Event = field(default_factory=threading.Event)
    hides: bool = False
    keeps: bool = False


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    made = Store()
    monkeypatch.setenv("CANARY_TOKEN", "canary-tok-38121")

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
            token = self.path.rpartition("/")[2]
            found = None if made.hides else made.kept.get(token)
            self.answer(200 if found or not token else 404, found)

        def do_POST(self) -> None:
            resident = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.kept[resident["id"]] = resident
            if len(made.kept) == made.enough_at:
                made.enough.set()
            self.answer(201, resident)

        def do_DELETE(self) -> None:
            token = self.path.rpartition("/")[2]
            if made.keeps:
                self.answer(409)
                return
            made.removed.add(token)
            self.answer(204 if made.kept.pop(token, None) else 404)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

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


def declare(project: Any, store: Store, records: int = 5, tenants: str = "all", more: str = "seed: 1") -> None:
    text = DECLARED.format(url=store.url).replace("RECORDS", f"{records}\n    {more}").replace("TENANTS", tenants)
    if tenants == "[]":
        text = text.replace(", tenants: []", "")
    project.declare(text)


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--sysint", "-p", "no:cacheprovider", "--sysint-kind", "dataflow"]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def cleanup(project: Any, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `sysint cleanup`."""
    command = [str(Path(sys.executable).parent / "sysint"), "cleanup", *arguments]
    done = subprocess.run(command, cwd=project.path, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def ledgers(project: Any) -> list[Path]:
    return sorted((project.path / "reports").glob("ledger/*.jsonl"))


def test_a_flow_in_a_run_is_in_the_results_and_in_the_audit_trail_of_its_tenant(project: Any, store: Store) -> None:
    declare(project, store)
    done = project.run()
    assert done.ret == 0, done.outlines
    assert project.statuses() == {
        "api::health::reachable[oak]": "passed",
        "api::health::reachable[elm]": "passed",
        "api::dataflow::admission[oak]": "passed",
        "api::dataflow::admission[elm]": "passed",
    }
    (result,) = [each for each in project.report["results"] if each["nodeid"].endswith("admission[oak]")]
    assert (result["dataType"], result["sourceSystem"], result["targetSystem"]) == ("resident", "api", "api")
    assert 0 < result["processingTime"] <= result["executionTime"]
    assert result["metrics"]["sent"] == 5
    events = [each for each in project.report["audit"] if each["entityType"] == "DataFlowTest"]
    assert {each["tenantId"] for each in events} == {"oak", "elm"}
    details = events[0]["details"]
    assert (details["sourceSystem"], details["targetSystem"], details["dataType"]) == ("api", "api", "resident")
    assert details["processingTime"] == next(
        each["processingTime"] for each in project.report["results"] if each["testId"] == events[0]["entityId"]
    )
    assert store.kept == {}
    assert len(store.removed) == 10
    assert not ledgers(project)
    assert "canary" not in project.written


def test_xdist_runs_flows_too(project: Any, store: Store) -> None:
    declare(project, store)
    assert project.run("-n2").ret == 0
    assert store.kept == {}
    assert not ledgers(project)


def test_what_cannot_be_removed_is_told_and_stays_in_the_ledger(project: Any, store: Store) -> None:
    store.keeps = True
    declare(project, store, tenants="[]")
    done = project.run()
    done.stdout.fnmatch_lines(["*note: 5 records of api::dataflow::admission were left behind; `sysint cleanup`*"])
    assert project.statuses()["api::dataflow::admission"] == "passed"
    assert "canary" not in project.written
    code, out = cleanup(project)
    assert code == 1
    assert "api::dataflow::admission[shared]: 0 of 5 records removed" in out
    done = project.run("--sysint-kind", "health")
    done.stdout.fnmatch_lines(["*note: an earlier run (*) left 5 records behind; `sysint cleanup` removes them*"])
    store.keeps = False
    assert cleanup(project, "--list", "reports") == (1, "api::dataflow::admission[shared]: 5 records\n")
    assert cleanup(project, "reports") == (0, "api::dataflow::admission[shared]: 5 of 5 records removed\n")
    assert store.kept == {}
    assert not ledgers(project)
    assert cleanup(project) == (0, "nothing is left behind\n")


def test_ctrl_c_removes_what_was_sent(project: Any, store: Store) -> None:
    declare(project, store, records=20_000, tenants="[]", more="rate: 200/s")
    store.enough_at = 60
    process = start(project.path)
    assert store.enough.wait(120)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 2, out
    assert store.kept == {}, out
    assert 60 <= len(store.removed) < 20_000
    assert not ledgers(project), out


def test_after_a_kill_the_command_removes_what_was_sent(project: Any, store: Store) -> None:
    declare(project, store, records=20_000, tenants="[]", more="rate: 200/s")
    store.enough_at = 60
    process = start(project.path)
    assert store.enough.wait(120)
    assert "its run still goes on; it is left alone" in cleanup(project)[1]
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=120)
    sent = len(store.kept)
    assert sent >= 60
    assert ledgers(project)
    assert "canary" not in ledgers(project)[0].read_text()
    code, out = cleanup(project)
    assert (code, store.kept) == (0, {}), out
    assert not ledgers(project)


def test_nothing_is_removed_from_another_system_than_it_was_written_to(project: Any, store: Store) -> None:
    store.keeps = True
    declare(project, store, tenants="[]")
    project.run()
    store.keeps = False
    path = project.path / "sysint.yaml"
    path.write_text(path.read_text().replace(store.url, store.url.replace("127.0.0.1", "localhost")))
    code, out = cleanup(project)
    assert code == 1
    assert "is at http://localhost:" in out
    assert len(store.kept) == 5
    assert not store.removed


def test_a_last_line_that_was_cut_off_keeps_nothing_from_being_removed(project: Any, store: Store) -> None:
    store.keeps = True
    declare(project, store, tenants="[]")
    project.run()
    store.keeps = False
    (ledger,) = ledgers(project)
    with ledger.open("a") as file:
        file.write('{"entry": "x", "items": [{"corr')
    code, out = cleanup(project)
    assert (code, store.kept) == (0, {}), out
    assert "1 line cut off" in out


def test_an_environment_that_only_reads_refuses_the_flow_before_anything_is_sent(project: Any, store: Store) -> None:
    declare(project, store, tenants="[]")
    path = project.path / "sysint.yaml"
    path.write_text(path.read_text().replace("allow: [read, write]", "allow: [read]"))
    project.run()
    assert project.statuses()["api::dataflow::admission"] == "skipped"
    assert store.kept == {}


def test_a_flow_is_blocked_by_what_it_observes(project: Any, store: Store, closed_port: int) -> None:
    declare(project, store, tenants="[]")
    path = project.path / "sysint.yaml"
    text = path.read_text().replace("observe: [{on: api,", "observe: [{on: other,")
    path.write_text(text.replace("flows:", f"  other: {{type: rest, url: 'http://127.0.0.1:{closed_port}'}}\nflows:"))
    project.run()
    (result,) = [each for each in project.report["results"] if each["kind"] == "dataflow"]
    assert (result["status"], result["blockedBy"]) == ("blocked", "other")
    assert store.kept == {}
