"""Types for the tests of provisioning, where the registry of any process started from here finds them."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.provision import Provided, ServiceRequest, Services

NAMES = ("stand_in", "stand_in_bare", "stand_in_absent", "stand_in_unprivileged", "stand_in_container")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the search path with the stand-in types, as an installed distribution would offer them."""
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
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture
def services(stand_ins: Path, tmp_path: Path) -> Iterator[Services]:
    """The services of one run; their logs are kept in `tmp_path / "logs"`."""
    opened = Services(logs=tmp_path / "logs")
    yield opened
    opened.close()


@pytest.fixture
def provide(services: Services) -> Callable[..., Provided]:
    """`provide("id", words="die", ...)`: a stand-in service, told how to behave."""

    def call(service: str = "service", words: str = "", **changes: Any) -> Provided:
        options = {"options": {"words": words, **changes.pop("recipe", {})}} if words or "recipe" in changes else {}
        asked = {"type": "stand_in", "timeout": 20.0, "options": options, **changes}
        return services.provide(ServiceRequest(id=service, **asked))

    return call


@pytest.fixture(scope="session")
def ask(stand_ins: Path) -> Callable[[str], dict[str, Any]]:
    """`ask(url)`: what a stand-in server says about itself."""
    import stand_in

    return stand_in.ask


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
