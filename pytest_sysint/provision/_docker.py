"""Docker: whether it answers, and what is left in it of a run."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

from pytest_sysint.provision._way import importable

LABEL = "org.testcontainers.session-id"
_PATIENCE = 3
"""Seconds for Docker's first answer."""


@cache
def problem() -> str:
    """Empty when containers can be started; else what to do about it. Docker is asked once a process."""
    if not importable("testcontainers"):
        return "pip install 'pytest-sysint[containers]'"
    try:
        client = _client(_PATIENCE)
        client.ping()
        client.close()
    except (import_module("docker.errors").DockerException, OSError) as error:
        return f"start Docker (it does not answer at {_address()}: {_root(error)})"
    return ""


def version() -> str:
    """Docker's version. Only when there is no `problem`."""
    client = _client(_PATIENCE)
    try:
        return str(client.version()["Version"])
    finally:
        client.close()


def session() -> str:
    """The word by which the containers of this process are labelled."""
    from testcontainers.core.labels import SESSION_ID

    return str(SESSION_ID)


def remove(label: str) -> None:
    """Remove all containers of a session, with their volumes."""
    client = _client(60)
    try:
        for container in client.containers.list(all=True, filters={"label": f"{LABEL}={label}"}):
            try:
                container.remove(force=True, v=True)
            except import_module("docker.errors").APIError:
                continue  # gone already, or on its way
    finally:
        client.close()


def _address() -> str:
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or "unix:///var/run/docker.sock"


def _client(timeout: float) -> Any:
    from testcontainers.core.docker_client import DockerClient

    return DockerClient(timeout=timeout).client


def _root(error: BaseException) -> str:
    """The innermost reason in a chain of errors, in a line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).splitlines()[0][:120]


def main() -> None:
    remove(sys.argv[1])
