"""`sysint doctor`: what is possible here, and how to get the rest."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_sysint import integrations

STAND_INS = Path(__file__).parents[1] / "provision" / "stand_ins"
MAIN = "from pytest_sysint.cli import main; raise SystemExit(main())"
POINTS = """[pytest_sysint.integrations]
stand_in_absent = stand_in_absent
stand_in_bare = stand_in_bare
stand_in_unprivileged = stand_in_unprivileged
stand_in_broken = stand_in_broken
"""


def doctor(*arguments: str, path: Path | None = None) -> str:
    command = [sys.executable, "-c", MAIN, "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(path or ""), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    asked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stderr) == (0, "")
    return asked.stdout


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for source in STAND_INS.glob("*.py"):
        (tmp_path / source.name).write_text(source.read_text())
    (tmp_path / "stand_in_broken.py").write_text("import absent_library\n")
    described = tmp_path / "stand_ins-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-ins\nVersion: 1\n")
    (described / "entry_points.txt").write_text(POINTS)
    return tmp_path


def test_every_type_is_there_and_no_line_is_too_wide() -> None:
    said = doctor()
    lines = said.splitlines()
    assert [line for line in lines if len(line) > 100] == []
    built_in = {found.name for found in pkgutil.iter_modules(integrations.__path__) if found.name[0] != "_"}
    assert {line.split()[0] for line in lines if line} >= built_in
    assert lines[0].startswith("pytest-sysint ")
    assert " ".join(lines[1:3]) == (
        "no containers: start Docker (it does not answer at unix:///nowhere/docker.sock: No such file or directory)"
    )


def test_what_is_missing_is_said_once_with_how_to_get_it(site: Path) -> None:
    said = doctor("stand_in_absent", "stand_in_bare", "stand_in_broken", path=site)
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith(("type", "stand_in"))}
    assert rows == {
        "type": ["driver", "embedded", "local_binary"],
        "stand_in_absent": ["-", "no", "no"],
        "stand_in_bare": ["-", "-", "-"],
        "stand_in_broken": ["missing", "-", "-"],
    }
    assert "  driver of stand_in_broken\n      the type cannot be loaded: No module named 'absent_library'\n" in said
    assert "  embedded of stand_in_absent\n      install the Python module absent_package\n" in said
    assert "      install absent-server (not on PATH nor in /opt/absent/*/bin)\n" in said


def test_nothing_missing(site: Path) -> None:
    assert doctor("stand_in_bare", path=site).endswith("Nothing is missing.\n")


def test_an_unknown_type_is_said() -> None:
    command = [sys.executable, "-c", MAIN, "doctor", "reddis"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert asked.returncode == 2
    assert "unknown type 'reddis', did you mean 'redis'?" in asked.stderr
