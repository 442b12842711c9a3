"""Folders, ports and processes, and the guard that clears up when nobody else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import _guard
from pytest_sysint.provision._host import Child, Host

Wait = Callable[[int], None]
DEAF = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


@pytest.fixture
def host() -> Iterator[Host]:
    opened = Host("a-token-of-this-test", patience=0.05)
    yield opened
    opened.close()


def _start(host: Host, program: str) -> Child:
    return host.spawn([sys.executable, "-c", program], host.place("x", {}), environment={}, conversation=True)


def test_one_that_ignores_every_signal_is_ended(host: Host, wait_for_end: Wait) -> None:
    child = _start(host, DEAF)
    assert child.stdout.readline() == b"deaf\n"
    child.stop()
    wait_for_end(child.pid)
    assert child.ended() == "was ended by SIGKILL"


def test_what_is_left_ends_at_close(wait_for_end: Wait) -> None:
    host = Host("a-token-of-this-test", patience=0.05)
    child = _start(host, DEAF)
    assert child.stdout.readline() == b"deaf\n"
    host.close()
    wait_for_end(child.pid)
    assert not host.folder.exists()
    with pytest.raises(Unavailable, match="x was not started: the run is being stopped"):
        host.folder.mkdir()
        try:
            _start(host, "pass")
        finally:
            subprocess.run(["rm", "-r", str(host.folder)], check=True)


def test_each_place_has_a_folder_and_a_port_of_its_own(host: Host) -> None:
    places = [host.place("a/b c", {}) for _ in range(20)]
    assert len({place.port for place in places}) == 20
    assert len({place.folder for place in places}) == 20
    assert all(15_000 <= place.port < 32_000 for place in places)
    assert places[0].folder.name.startswith("a_b_c-")


def test_a_user_that_does_not_exist_is_said(host: Host) -> None:
    with pytest.raises(Unavailable, match="there is no user 'no-such-user'"):
        host.give(host.place("x", {}), "no-such-user")


def _ignores(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("SigIgn:")).split()[1], 16)


def _guard_is_told(token: str, lines: str) -> None:
    command = [sys.executable, _guard.__file__, token]
    subprocess.run(command, input=lines, text=True, check=True, timeout=60)


def test_the_guard_ends_groups_and_marked_processes_and_does_what_it_was_told(tmp_path: Path) -> None:
    token, folder, told = "another-token", tmp_path / "folder", tmp_path / "told"
    folder.mkdir()
    marked = subprocess.Popen(["sleep", "600"], env={**os.environ, _guard.MARK: token}, start_new_session=True)
    grouped = subprocess.Popen(["sleep", "600"], start_new_session=True)
    spared = subprocess.Popen(["sleep", "600"], start_new_session=True)
    touch = f'["touch", "{told}"]'
    lines = f"group {grouped.pid}\ngroup {spared.pid}\ngone {spared.pid}\nfolder {folder}\nafter {touch}\n"
    _guard_is_told(token, lines)
    assert marked.wait() == grouped.wait() == -signal.SIGKILL
    assert spared.poll() is None
    assert told.exists()
    assert not folder.exists()
    spared.kill()
    spared.wait()


def test_the_guard_leaves_alone_what_the_supervisor_has_done(tmp_path: Path) -> None:
    told = tmp_path / "told"
    _guard_is_told("token", f'after ["touch", "{told}"]\ndone\n')
    assert not told.exists()


def test_the_guard_outlives_signals(tmp_path: Path) -> None:
    told = tmp_path / "told"
    command = [sys.executable, _guard.__file__, "token"]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    ignored = 1 << signal.SIGHUP - 1 | 1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1
    while _ignores(guard.pid) & ignored != ignored:
        assert guard.poll() is None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guard.send_signal(number)
    guard.communicate(f'after ["touch", "{told}"]\n')
    assert guard.returncode == 0
    assert told.exists()
