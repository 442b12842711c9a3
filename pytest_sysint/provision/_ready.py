"""When a started service is there: asked again and again until it answers, has ended, or the time is over."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.units import show

Ready = Callable[[float], str]
"""Asks once, within so many seconds. Empty when the service is there; else why it is not yet."""

_ONCE = 5.0
"""Seconds for asking once."""


def until(ready: Ready, ended: Callable[[], str], timeout: float) -> str:
    """Ask until it is there. Empty then; else why it never was: how it ended, or what it said last."""
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        why = ready(max(0.1, min(_ONCE, deadline - time.monotonic())))
        end = ended()
        if end:
            return f"{end} before it was ready"
        if not why:
            return ""
        if time.monotonic() + pause > deadline:
            return f"was not ready within {show(timeout, 'duration')}: {why}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def ladder(cls: type[Integration[Any]], url: str) -> Ready:
    """There when every rung of the type's own probe ladder holds."""

    def ready(timeout: float) -> str:
        live = cls(cls.settings_model(url=url))
        try:
            for rung in live.rungs():
                rung.climb(timeout)
        except CallError as error:
            return f"{error.rung}: {error.message}"
        finally:
            live.close()
        return ""

    return ready


def tcp(port: int) -> Ready:
    """There when the port on loopback takes a connection."""

    def ready(timeout: float) -> str:
        try:
            socket.create_connection(("127.0.0.1", port), timeout).close()
        except OSError as error:
            return f"port {port}: {error.strerror or error}"
        return ""

    return ready


def answers(url: str, path: str) -> Ready:
    """There when an HTTP GET of the path is answered with a status below 500."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def ready(timeout: float) -> str:
        connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"GET {path}: {error or type(error).__name__}"
        finally:
            connection.close()
        return f"GET {path}: status {status}" if status >= 500 else ""

    return ready
