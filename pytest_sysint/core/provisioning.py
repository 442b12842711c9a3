"""Recipes: how a type's service is started, one dataclass per way. The rooms in `provision/` carry them out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Place:
    """Where a started service may live: a temporary folder of its own and a free port on loopback."""

    id: str
    folder: Path
    port: int
    options: Mapping[str, str] = field(default_factory=dict)
    """What the declaration's `provision:` block gives beside the common keys."""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "output.log"


@dataclass(frozen=True, slots=True)
class Running:
    """A started service: its url, and how it is stopped (once, without raising)."""

    url: str
    stop: Callable[[], None]
    detail: str = ""
    """A few words for people: `redis-server 7.0.15`, `image postgres:18`."""
    ended: Callable[[], str] | None = None
    """How it ended (`exited with code 1`); empty while it runs. None when nobody can tell."""
    log: Callable[[], str] | None = None
    """Its output so far, when that does not go to the place's log."""


@dataclass(frozen=True, slots=True)
class LocalBinary:
    """A server program of the machine, run as a child process."""

    binaries: tuple[str, ...]
    """Names to look for, best first."""
    argv: Callable[[str, Place], Sequence[str]]
    """(path of the binary, place) -> the command that serves in the foreground."""
    url: Callable[[Place], str]
    prepare: Callable[[str, Place], None] | None = None
    """Whatever must be done before the first start (initdb, a configuration file). It is carried out as the user who
    runs the server afterwards, and the folder is already his: it need not look at who it is."""
    environment: Callable[[str, Place], Mapping[str, str]] | None = None
    folders: tuple[str, ...] = ()
    """Globs of folders to look in beside PATH, such as `/usr/lib/postgresql/*/bin`."""
    unprivileged: bool = False
    """The server refuses to run as root: it is started as the folder's owner `nobody` then."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A server that comes as a Python package."""

    module: str
    """What must be importable."""
    start: Callable[[Place], Running]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A stand-in for a service that nobody can run here."""

    module: str
    """A module with `start(place) -> Running`; imported in the simulator's own process only."""
    needs: tuple[str, ...] = ()
    """What must be importable for it."""


@dataclass(frozen=True, slots=True)
class Container:
    """A server in a container, by testcontainers."""

    image: str
    start: Callable[[str, Place], Running]
    """(image, place) -> the running container."""


def run_container(container: Any, url: Callable[[Any], str], detail: str) -> Running:
    """Start a container of testcontainers and wait until it is ready; `url(container)` says where it is then.

    Where Docker is on this machine its ports are on loopback alone. `detail` is a few words: `image postgres:18`.

    Raises:
        Unavailable: when it cannot be started or does not get ready, with its last lines.

    """
    if _is_local(container):
        container.ports = {port: ("127.0.0.1", *([host] if host else [])) for port, host in container.ports.items()}
    try:
        container.start()
        where = url(container)
    except Exception as error:
        hint = _output(container, 12)
        container.stop()
        raise Unavailable(f"{detail} could not be run: {error}", hint=hint) from error
    return Running(where, container.stop, detail, lambda: _container_end(container), lambda: _output(container))


def _is_local(container: Any) -> bool:
    """Whether its ports are reached through this machine's loopback: not so from within another container."""
    docker = container.get_docker_client()
    mode = docker.get_connection_mode().value
    return mode == "docker_host" and docker.host() in {"localhost", "127.0.0.1", "::1"}


def _output(container: Any, lines: int | str = "all") -> str:
    """What it wrote; empty when it never came to life, or Docker will not say."""
    with suppress(Exception):
        return str(container.get_wrapped_container().logs(tail=lines).decode("utf-8", "replace"))
    return ""


def _container_end(container: Any) -> str:
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    state = wrapped.attrs["State"]
    return "" if state["Running"] else f"exited with code {state['ExitCode']}"


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
