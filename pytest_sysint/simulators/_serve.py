"""Serving a simulator on loopback: for provisioning, and within the process of a test."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pytest_sysint.core.errors import Unavailable, UsageError, did_you_mean
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.core.registry import Room
from pytest_sysint.simulators._app import Simulator

FAULTS_VARIABLE = "PYTEST_SYSINT_SIMULATOR_FAULTS"
"""Faults that every simulator that has them starts with, separated by commas."""

_SIMULATORS = Room("simulators", "SIMULATOR", "simulator")

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


def numbers_of(options: Mapping[str, str], defaults: Mapping[str, int]) -> dict[str, int]:
    """The options that are whole numbers, with what they are when nothing is said.

    Raises:
        UsageError: for one that is none.

    """
    for name in defaults:
        text = options.get(name, "0")
        if not (text.isascii() and text.isdigit()):
            raise UsageError(f"the option '{name}' of a simulator is a whole number, and not '{options[name]}'")
    return {name: int(options.get(name, default)) for name, default in defaults.items()}


def hold_to(options: Mapping[str, str], known: Iterable[str], name: str) -> None:
    """Refuse options that a simulator does not have.

    Raises:
        UsageError: for the first of them.

    """
    allowed = set(known)
    for word in options:
        if word not in allowed:
            raise UsageError(f"unknown option '{word}' of the simulator of {name}{did_you_mean(word, allowed)}")


def faults_of(options: Mapping[str, str], simulator: type[Simulator]) -> list[str]:
    """The faults to start with: those of `options: {faults: a,b}`, and of the environment's those that it has.

    Raises:
        UsageError: for an option that it does not know, or a word of the environment that no simulator knows.

    """
    own = simulator.known_faults()
    told = _words(options.get("faults", ""), own, "unknown fault")
    everywhere = os.environ.get(FAULTS_VARIABLE, "")
    if everywhere:
        every = {word for name in _SIMULATORS.names() for word in _SIMULATORS.get(name).known_faults()}
        told += [word for word in _words(everywhere, every, f"{FAULTS_VARIABLE}: unknown fault") if word in own]
    return told


def _words(text: str, known: Collection[str], what: str) -> list[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    for word in found:
        if word not in known:
            raise UsageError(f"{what} '{word}'{did_you_mean(word, known)}")
    return found
