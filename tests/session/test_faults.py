"""What goes wrong around a run: it is stopped, killed, hung up on, or cannot write."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HANGS = """sysint: 1
integrations:
  files: {{type: local, url: .}}
  slow:
    type: rest
    url: http://127.0.0.1:{port}
    timeout: 60s
    retry: {{attempts: 1}}
"""


@contextmanager
def silent() -> Iterator[tuple[int, threading.Event]]:
    """A port that accepts connections and never says a word, and an event for the first connection."""
    connected = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                connected.set()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], connected
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--sysint", "-p", "no:cacheprovider", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def test_ctrl_c_stops_at_once_and_still_reports(project: Any) -> None:
    with silent() as (port, connected):
        project.declare(HANGS.format(port=port))
        process = start(project.path)
        assert connected.wait(30)
        time.sleep(0.3)  # let pytest's main thread reach the item that waits
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert project.report["run"]["interrupted"] is True
    assert project.statuses() == {"files::health::reachable": "passed"}


def test_what_was_recorded_before_kill_9_is_recovered_by_the_next_run(project: Any) -> None:
    with silent() as (port, connected):
        project.declare(HANGS.format(port=port))
        process = start(project.path)
        assert connected.wait(30)
        journal = project.path / "reports/sysint.journal.jsonl"
        wait_for(lambda: journal.exists() and "files::health::reachable" in journal.read_text())
        process.kill()
        process.communicate()
    result = project.run("--sysint-integration", "files")
    assert result.ret == 0
    assert "cut short" in result.stdout.str() or "earlier run" in result.stdout.str()
    kept = [file.read_text() for file in (project.path / "reports").glob("*.jsonl*")]
    assert sum("files::health::reachable" in text for text in kept) >= 2


def test_nothing_that_was_started_outlives_kill_9(project: Any) -> None:
    project.declare(
        """sysint: 1
integrations:
  started:
    type: rest
    provision:
      command: "{python} -m http.server {port} --bind 127.0.0.1"
      ready: /
    health:
      - {name: waits, request: GET /nothing-here, expect: {status: 200}, poll: {timeout: 60s}}
"""
    )
    process = start(project.path, "-s")
    children = wait_for(lambda: [pid for pid in _descendants(process.pid) if "http.server" in _command(pid)])
    process.kill()
    process.communicate()
    wait_for(lambda: not [pid for pid in children if "http.server" in _command(pid)])


def test_a_service_that_dies_at_start_shows_its_last_lines(project: Any) -> None:
    project.declare(
        """sysint: 1
integrations:
  broken:
    type: rest
    provision:
      command: "{python} -c 'import sys; print(\\"no such table: residents\\"); sys.exit(3)' {port}"
      ready: /
  behind: {type: local, url: ., depends_on: [broken]}
"""
    )
    result = project.run()
    assert result.ret == 1
    output = result.stdout.str()
    assert "no such table: residents" in output
    assert "exited with code 3" in output
    (failed, blocked) = project.report["results"]
    assert (failed["status"], failed["rung"]) == ("error", "start")
    assert (blocked["status"], blocked["blockedBy"]) == ("blocked", "broken")


def test_results_reach_the_report_once_when_a_worker_is_killed(project: Any) -> None:
    project.declare(
        "sysint: 1\nintegrations:\n" + "".join(f"  files{number}: {{type: local, url: .}}\n" for number in range(6))
    )
    project.pytester.makepyfile(
        """
        import os, signal

        def test_dies(files=None):
            if os.environ.get("PYTEST_XDIST_WORKER") in ("gw0", "gw1"):
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    result = project.run("-n", "2", "--max-worker-restart", "2")
    nodeids = [item["nodeid"] for item in project.report["results"]]
    assert len(nodeids) == len(set(nodeids))
    assert len(nodeids) >= 5
    assert result.ret == 1


def test_nobody_waits_for_the_health_check_that_a_worker_died_of(project: Any) -> None:
    project.declare(
        """sysint: 1
integrations:
  base: {type: local, url: .}
  top: {type: local, url: ., depends_on: [base]}
"""
    )
    project.pytester.makeconftest(
        """
        import os, threading
        import pytest
        from pytest_sysint.engine.board import Board

        if os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
            Board.post = lambda *_: threading.Event().wait()

            @pytest.hookimpl(tryfirst=True)
            def pytest_runtest_protocol():
                os._exit(9)
        """
    )
    result = project.run("-n", "2", "--max-worker-restart", "1")
    assert result.ret == 1
    assert set(project.statuses().values()) == {"passed"}
    assert "crashed while running" in result.stdout.str()


def test_a_full_disk_does_not_lose_the_run(project: Any, api: Any) -> None:
    (project.path / "reports").mkdir()
    (project.path / "reports/sysint.journal.jsonl").symlink_to("/dev/full")
    project.declare(f"sysint: 1\nintegrations:\n  api: {{type: rest, url: '{api.url}'}}\n")
    result = project.run()
    assert result.ret == 0
    assert "No space left on device" in result.stdout.str()
    assert project.report["summary"]["passed"] == 1


def test_a_secret_is_never_written_when_everything_fails(project: Any, closed_port: int) -> None:
    secrets = {"SYSINT_TEST_TOKEN": "tok-9f8e7d6c5b", "SYSINT_TEST_PASSWORD": "pa$$/w@rd&42"}
    for name, value in secrets.items():
        project.monkeypatch.setenv(name, value)
    project.declare(
        f"""sysint: 1
integrations:
  api:
    type: rest
    url: http://127.0.0.1:{closed_port}
    auth: {{bearer: "${{env:SYSINT_TEST_TOKEN}}"}}
    retry: {{attempts: 1}}
    health:
      - {{name: with token, request: "GET /x?token=${{env:SYSINT_TEST_TOKEN}}"}}
      - {{request: "GET /unnamed/${{env:SYSINT_TEST_TOKEN}}"}}
  db:
    type: postgresql
    url: "postgresql://user:tok-9f8e7d6c5b@127.0.0.1:{closed_port}/db"
    retry: {{attempts: 1}}
"""
    )
    result = project.run()
    assert result.ret == 1
    everything = result.stdout.str() + result.stderr.str() + project.written
    for value in secrets.values():
        assert value not in everything
        assert json.dumps(value)[1:-1] not in everything


def wait_for(found: Any, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return value


def _descendants(root: int) -> list[int]:
    parents = {int(pid): _parent(int(pid)) for pid in os.listdir("/proc") if pid.isdigit()}
    found, layer = [], {root}
    while layer:
        layer = {pid for pid, parent in parents.items() if parent in layer}
        found += layer
    return found


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


DIES = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            print("out of memory, giving up", flush=True)
            os._exit(9)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_service_that_dies_in_the_middle_is_named_with_its_last_lines(project: Any) -> None:
    (project.path / "dies.py").write_text(DIES)
    project.declare(
        """sysint: 1
integrations:
  mortal:
    type: rest
    retry: {attempts: 2, initial: 1ms}
    provision: {command: "{python} dies.py {port}", ready: /}
    health:
      - {name: dies, request: GET /die}
"""
    )
    result = project.run("--sysint-concurrency", "1")
    assert result.ret == 1
    output = result.stdout.str()
    assert "exited with code 9" in output
    assert "out of memory, giving up" in output


def test_a_long_wait_is_not_silent(project: Any) -> None:
    project.declare(
        """sysint: 1
integrations:
  late:
    type: local
    url: ./late
    health:
      - {name: comes late, stat: file, poll: {timeout: 60s}}
"""
    )
    (project.path / "late").mkdir()
    project.pytester.makeconftest("import pytest_sysint.engine.runner as runner\nrunner._PATIENCE = 0.2\n")
    process = start(project.path)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "not yet after" in line:
            (project.path / "late" / "file").write_text("here")
    assert process.wait(timeout=60) == 0, said
    process.stdout.close()
    assert "waiting for sysint.yaml::late::health::comes-late: running for" in said
