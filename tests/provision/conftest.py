"""Types for the tests of provisioning, where the registry of any process started from here finds them."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.provision import Provided, ServiceRequest, Services

NAMES = ("stand_in", "stand_in_bare", "stand_in_absent", "stand_in_unprivileged", "stand_in_container")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in types, as an installed distribution would offer them."""
    folder = tmp_path_factory.mktemp("site") / "stand-ins"
    shutil.copytree(Path(__file__).with_name("stand_ins"), folder)
    (folder / "bin").mkdir()
    program = folder / "bin" / "stand-in-python"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    described = folder / "stand_ins-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-ins\nVersion: 1\n")
    points = "\n".join(f"{name} = {name}" for name in NAMES)
    (described / "entry_points.txt").write_text(f"[pytest_sysint.integrations]\n{points}\n")
    return folder


@pytest.fixture
def stand_ins(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, on the search path of this test and of what it starts."""
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def services(stand_ins: Path, tmp_path: Path) -> Iterator[Services]:
    """The services of one run; their logs are kept in `tmp_path / "logs"`."""
    opened = Services(logs=tmp_path / "logs")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_services(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services for the tests of a module that look at nothing but what they asked for."""
    opened = Services(logs=tmp_path_factory.mktemp("logs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        opened.address()
    yield opened
    opened.close()


@pytest.fixture
def provide(request: pytest.FixtureRequest) -> Callable[..., Provided]:
    """`provide("id", words="die", ...)`: a stand-in service, told how to behave.

    It comes from the test's own `services` where the test has them, else from those of the module.
    """
    own = "services" in request.fixturenames
    services: Services = request.getfixturevalue("services" if own else "shared_services")

    def call(service: str = "service", words: str = "", **changes: Any) -> Provided:
        options = {"options": {"words": words, **changes.pop("recipe", {})}} if words or "recipe" in changes else {}
        asked = {"type": "stand_in", "timeout": 20.0, "options": options, **changes}
        name = service if own else f"{request.node.name}-{service}"
        return services.provide(ServiceRequest(id=name, **asked))

    return call


@pytest.fixture(scope="session")
def ask() -> Callable[[str], dict[str, Any]]:
    """`ask(url)`: what a stand-in server says about itself."""

    def call(url: str) -> dict[str, Any]:
        host, _, port = url.removeprefix("stand-in://").partition(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            found: dict[str, Any] = json.loads(connection.makefile("rb").readline())
        return found

    return call


@pytest.fixture(scope="session")
def wait_for_end() -> Callable[[int], None]:
    """`wait_for_end(pid)`: returns when the process is gone; fails when it stays."""

    def wait(pid: int, limit: float = 30.0) -> None:
        try:
            watched = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if not select.select([watched], [], [], limit)[0]:
                pytest.fail(f"process {pid} is still there: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
        finally:
            os.close(watched)

    return wait
