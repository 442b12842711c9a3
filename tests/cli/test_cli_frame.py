"""The console script: its commands, its help, how errors end."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pytest_sysint.cli
from pytest_sysint.cli import main
from pytest_sysint.cli._command import Command
from pytest_sysint.core.errors import UsageError


def command(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def run(_: object) -> int:
        raise error

    monkeypatch.setattr(pytest_sysint.cli, "_commands", lambda: [Command("try", "try it", lambda _: None, run)])


def test_alone_it_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    for name in ("init", "schema", "validate"):
        assert f"\n    {name} " in said


def test_every_command_is_a_module_of_the_folder() -> None:
    folder = Path(pytest_sysint.cli.__file__).parent
    names = {path.stem for path in folder.glob("*.py") if path.stem[0] != "_"}
    assert {each.name for each in pytest_sysint.cli._commands()} == names


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pytest-sysint {version('pytest-sysint')}\n"


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["valdate"])
    assert caught.value.code == 2
    assert "valdate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("no such thing", hint="try another"), 2, "sysint: no such thing\n  try another\n"),
        (UsageError("redis://u:canary@h"), 2, "sysint: redis://u:***@h\n"),
        (PermissionError(13, "Permission denied", "/x/y"), 2, "sysint: Permission denied: /x/y\n"),
        (OSError("odd"), 2, "sysint: odd\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_are_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    command(monkeypatch, error)
    assert main(["try"]) == code
    assert capsys.readouterr().err == said


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        ended = subprocess.run(
            [sys.executable, "-c", "from pytest_sysint.cli import main; raise SystemExit(main(['schema']))"],
            stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60,
        )  # fmt: skip
    assert ended.stderr == ""
    assert ended.returncode == 1


def test_the_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pytest_sysint.cli import main; main([]);"
        "heavy = {'pydantic', 'yaml', 'httpx', 'pytest', 'jsonschema', 'pytest_sysint.declaration'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
