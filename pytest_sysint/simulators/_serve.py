"""Serving a simulator on loopback: for provisioning, and within the process of a test."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.simulators._app import Simulator, words

FAULTS_VARIABLE = "PYTEST_SYSINT_SIMULATOR_FAULTS"
"""Faults that every simulator that has them starts with, separated by commas."""

S = TypeVar("S", bound=Simulator)


@dataclass(frozen=True, slots=True)
class Handle(Generic[S]):
    """A simulator that is served by this process."""

    simulator: S
    origin: str
    """http://127.0.0.1:port"""
    url: str
    """What a declaration has as its `url`."""


def serve(simulator: Simulator, port: int = 0) -> tuple[int, Callable[[], None]]:
    """Serve on 127.0.0.1. Gives the port, and what stops it.

    Raises:
        Unavailable: when the port is taken.

    """
    import uvicorn

    try:
        listener = socket.create_server(("127.0.0.1", port), backlog=256)
    except OSError as error:
        raise Unavailable(f"the simulator cannot listen on port {port}: {error.strerror}") from None
    settings = uvicorn.Config(
        simulator,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join()
        listener.close()

    return int(listener.getsockname()[1]), stop


def start(simulator: Simulator, place: Place, path: str) -> Running:
    """Serve it where provisioning wants it."""
    port, stop = serve(simulator, place.port)
    return Running(f"http://127.0.0.1:{port}{path}", stop, f"simulator {simulator.name}")


@contextmanager
def served(simulator: S, path: str) -> Iterator[Handle[S]]:
    """Serve it for a `with` block, on a free port."""
    port, stop = serve(simulator)
    origin = f"http://127.0.0.1:{port}"
    try:
        yield Handle(simulator, origin, origin + path)
    finally:
        stop()


def faults_of(options: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """The faults to start with: those of `options: {faults: a,b}`, and of the environment's those that it has.

    Raises:
        UsageError: for an option that names an unknown fault.

    """
    everywhere = [word.strip() for word in os.environ.get(FAULTS_VARIABLE, "").split(",")]
    return [*words(options.get("faults", ""), known, "fault"), *(word for word in everywhere if word in known)]
