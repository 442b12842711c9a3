"""What a way starts things with: folders, ports and processes, each known to the guard from its first moment."""

from __future__ import annotations

import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Place
from pytest_sysint.provision import _guard
from pytest_sysint.provision._output import file_name

_PORTS = range(15_000, 32_000)
"""Below the range from which systems give ports to outgoing connections, so that those do not take ours."""


class Child:
    """A started process and its group."""

    def __init__(self, process: subprocess.Popen[bytes], guard: Guard, patience: float) -> None:
        self._process = process
        self._guard = guard
        self._patience = patience
        self._stopping = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def stdin(self) -> IO[bytes]:
        """Where a child with a conversation is written to."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """Where a child with a conversation answers."""
        assert self._process.stdout is not None
        return self._process.stdout

    def ended(self) -> str:
        """How it ended: `exited with code 1`; empty while it runs."""
        code = self._process.poll()
        if code is None:
            return ""
        return f"exited with code {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"

    def wait(self, timeout: float) -> str:
        """Wait until it ends, for so many seconds at most. As `ended`."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return ""
        return self.ended()

    def stop(self) -> None:
        """End it and its group: asked first, then urged (PostgreSQL waits for clients until then), then made to."""
        with self._stopping:
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()
                self.wait(self._patience)
            for number in (signal.SIGTERM, signal.SIGINT):
                if not self.ended():
                    self._process.send_signal(number)
                    self.wait(self._patience)
            self._kill_group()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._guard.tell(f"gone {self.pid}")

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


class Guard:
    """The supervisor's end of the pipe to the guard process."""

    def __init__(self, token: str) -> None:
        command = [sys.executable, "-I", "-S", _guard.__file__, token]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._lock = threading.Lock()

    def tell(self, line: str) -> None:
        """Hand it a line; nothing happens when it is gone."""
        assert self._process.stdin is not None
        with self._lock:
            try:
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()
            except (OSError, ValueError):
                return

    def dismiss(self) -> None:
        """Let it clear up what is left, and wait for it."""
        assert self._process.stdin is not None
        with self._lock, suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


class Host:
    """One run's folder, ports and processes. `patience` is the seconds a process has to heed each polite signal."""

    def __init__(self, token: str, patience: float = 3.0) -> None:
        self.token = token
        self._patience = patience
        self.folder = Path(tempfile.mkdtemp(prefix="sysint-"))
        if os.geteuid() == 0:
            self.folder.chmod(0o711)  # a service that runs as another user must get to its own folder
        self.guard = Guard(token)
        self.guard.tell(f"folder {self.folder}")
        self._lock = threading.Lock()
        self._given: set[int] = set()
        self._children: list[Child] = []
        self._logs: dict[str, Path] = {}
        self._undo: dict[str, Callable[[], None]] = {}
        self._closed = False

    def place(self, service: str, options: Mapping[str, str]) -> Place:
        """A new folder and a free port for one start of a service."""
        folder = Path(tempfile.mkdtemp(prefix=f"{file_name(service)}-", dir=self.folder))
        place = Place(service, folder, self.port(), dict(options))
        self._logs[service] = place.log
        return place

    def log_of(self, service: str) -> Path:
        """The log of the latest start of a service."""
        return self._logs.get(service, self.folder / "no such log")

    def give(self, place: Place, user: str) -> None:
        """Make a user the owner of a place.

        Raises:
            Unavailable: when there is no such user.

        """
        entry = _entry(user)
        os.chown(place.folder, entry.pw_uid, entry.pw_gid)

    def port(self) -> int:
        """A loopback port that nobody listens on and that this run has not given away before."""
        with self._lock:
            for port in random.sample(_PORTS, 200):
                if port not in self._given and _bindable(port):
                    self._given.add(port)
                    return port
        raise Unavailable("no free port was found on 127.0.0.1", hint="end servers that nobody needs any more")

    def spawn(
        self,
        argv: Sequence[str],
        place: Place,
        *,
        environment: Mapping[str, str],
        cwd: Path | None = None,
        user: str | None = None,
        conversation: bool = False,
    ) -> Child:
        """Start a program in a session of its own, its output to the place's log.

        `user` is who it runs as (by name). With `conversation` its standard input and output are pipes, and only
        its error output goes to the log.

        Raises:
            Unavailable: when the program cannot be started.

        """
        pipe = subprocess.PIPE if conversation else None
        with place.log.open("ab") as log, self._lock:
            if self._closed:
                raise Unavailable(f"{place.id} was not started: the run is being stopped")
            try:
                process = subprocess.Popen(
                    list(argv),
                    stdin=pipe or subprocess.DEVNULL,
                    stdout=pipe or log,
                    stderr=log,
                    cwd=cwd or place.folder,
                    env={**os.environ, **_home(place, user), **environment, _guard.MARK: self.token},
                    start_new_session=True,
                    **_identity(user),
                )
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                hint = "install it, or give its path" if isinstance(error, FileNotFoundError) else ""
                raise Unavailable(f"{place.id}: '{argv[0]}' cannot be started: {why}", hint=hint) from None
            child = Child(process, self.guard, self._patience)
            self._children.append(child)
            self.guard.tell(f"group {child.pid}")
            return child

    def at_end(self, name: str, undo: Callable[[], None], command: Sequence[str]) -> None:
        """What clears up at the end that is not a process, once a name; and a command that does it for the guard."""
        with self._lock:
            if name in self._undo:
                return
            self._undo[name] = undo
        self.guard.tell(f"after {json.dumps(list(command))}")

    def close(self, *, complete: bool = True) -> None:
        """End everything that is left, remove the folder. Nothing can be started from now on.

        When not all starts have come to an end (`complete`), the guard clears up once more after this process: a
        container may just be coming to life.
        """
        with self._lock:
            self._closed = True
            children = list(self._children)
        stops = [threading.Thread(target=child.stop) for child in children if not child.ended()]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        for undo in self._undo.values():
            undo()
        shutil.rmtree(self.folder, ignore_errors=True)
        if complete:
            self.guard.tell("done")
            self.guard.dismiss()


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _home(place: Place, user: str | None) -> dict[str, str]:
    return {"HOME": str(place.folder), "USER": user, "LOGNAME": user} if user else {}


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        hint = "run the tests as an ordinary user"
        raise Unavailable(f"there is no user '{user}' to run a server that refuses root", hint=hint) from None


def _identity(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    entry = _entry(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
