"""Installed but not asked for, the plugin costs nothing: nothing is imported, nothing is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPORT_AT_EXIT = """
import atexit, sys

def show():
    ours = sorted(name for name in sys.modules if name.startswith("pytest_sysint"))
    heavy = sorted({"pydantic", "yaml", "jinja2", "httpx", "sqlite3", "tenacity", "jsonpath"} & set(sys.modules))
    print("OURS", *ours)
    print("HEAVY", *heavy)

atexit.register(show)
"""


def run(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:allure_pytest"]
    command += ["-p", "no:schemathesis", *arguments]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # nor coverage's imports
    done = subprocess.run(command, cwd=folder, env=plain, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_foreign_session_imports_only_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(REPORT_AT_EXIT)
    (tmp_path / "test_foreign.py").write_text("def test_one(): pass\n")
    before = set(tmp_path.iterdir())
    output = run(tmp_path, "-p", "no:xdist", "-p", "no:html", "-p", "no:metadata", "-p", "no:anyio")
    assert "1 passed" in output
    assert "OURS pytest_sysint pytest_sysint.plugin\n" in output
    assert "HEAVY\n" in output, output
    assert {path.name for path in set(tmp_path.iterdir()) - before} <= {"__pycache__"}


def test_fixtures_of_a_foreign_session_skip_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(
        "def test_any(integration): pass\n"
        "def test_type(postgresql_integration): pass\n"
        "def test_category(message_queue_integration): pass\n"
    )
    output = run(tmp_path, "-rs")
    assert "3 skipped" in output
    assert "run pytest with --sysint" in output


def test_a_fixture_of_the_project_wins(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(
        "import pytest\n@pytest.fixture\ndef integration(): return 7\n"
        "def test_own(integration): assert integration == 7\n"
    )
    assert "1 passed" in run(tmp_path)


def test_a_hook_is_known_without_being_asked_for(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("def pytest_sysint_result(config, result): ...\n")
    (tmp_path / "test_foreign.py").write_text("def test_one(): pass\n")
    assert "1 passed" in run(tmp_path)
