"""The session's side of provisioning: one supervisor a run, asked from any thread and any worker."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import StartFailed, Unavailable
from pytest_sysint.core.secrets import REDACTOR, learn_url, redact
from pytest_sysint.provision._python import python
from pytest_sysint.provision._request import Provided, ServiceRequest

_CLOSING = 30.0
"""Seconds that the supervisor has for ending everything."""


class Services:
    """Provides services, and ends them at `close`.

    `logs` is the folder where the output of each service is kept (`<id>.log`, redacted). With an `address` it joins the
    supervisor of another process (an xdist worker joins the controller's) and ends nothing.
    """

    def __init__(self, *, logs: Path, address: str = "") -> None:
        self._logs = logs
        self._address = address
        self._joined = bool(address)
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def address(self) -> str:
        """Where the supervisor is reached, for another process to join. It is started if need be."""
        with self._lock:
            if self._closed:
                raise Unavailable("the provisioned services have been stopped")
            if not self._address:
                self._address = self._start()
            return self._address

    def _start(self) -> str:
        self._process = subprocess.Popen(
            python("pytest_sysint.provision._supervisor"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is ours; we tell it when to stop
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        start = {"logs": str(self._logs.absolute()), "parent": os.getpid()}
        with suppress(BrokenPipeError):  # it has ended already: there will be no address
            self._process.stdin.write(json.dumps(start).encode() + b"\n")
            self._process.stdin.flush()
        address = self._process.stdout.readline().decode().strip()
        self._process.stdout.close()
        if not address:
            raise Unavailable(f"the supervisor of services did not start (exit code {self._process.wait()})")
        return address

    def provide(self, request: ServiceRequest) -> Provided:
        """The service, started if need be; the same one for everybody who asks for that id. Blocks until it answers.

        Raises:
            Unavailable: when it cannot be, with what would make it run or the last lines of its log.

        """
        answer = self._ask({"do": "provide", "request": asdict(request), "secrets": REDACTOR.known()})
        learn_url(answer["url"])
        return Provided(answer["url"], answer["way"], answer["detail"])

    def log_tail(self, service: str, lines: int = 20) -> str:
        """The last lines that a service wrote, redacted; empty for one that was not started."""
        return redact(self._ask({"do": "log", "id": service, "lines": lines})["text"]) if self._address else ""

    def died(self, service: str) -> str:
        """How a service ended that had been provided (`exited with code 1`); empty while it runs."""
        return self._ask({"do": "died", "id": service})["text"] if self._address else ""

    def _ask(self, message: dict[str, Any]) -> dict[str, str]:
        address = self.address()
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(address)
                connection.sendall(json.dumps(message).encode() + b"\n")
                line = connection.makefile("rb").readline()
            except OSError as error:
                raise Unavailable(f"the supervisor of services is gone: {error}") from None
        if not line:
            raise Unavailable("the supervisor of services is gone")
        answer: dict[str, str] = json.loads(line)
        for word, kind in (("unavailable", Unavailable), ("failed", StartFailed)):
            if word in answer:
                raise kind(redact(answer[word]), hint=redact(answer["hint"]))
        return answer

    def close(self) -> None:
        """End everything that was started here, and wait for that. May be called more than once."""
        with self._lock:
            process, self._process = self._process, None
            self._closed = True
        if process is None:
            return
        assert process.stdin is not None
        process.terminate()  # the end of its input would do, but for a fork of this process that holds the pipe too
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_CLOSING)
        except subprocess.TimeoutExpired:
            process.kill()  # its guard ends the rest
            process.wait()
