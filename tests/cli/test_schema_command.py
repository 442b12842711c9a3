"""`sysint schema`: the JSON Schema, printed or written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.cli import main


def test_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == "pytest-sysint declaration"


def test_it_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sysint.schema.json"
    assert main(["schema", "--output", str(path)]) == 0
    assert json.loads(path.read_text())["$schema"].endswith("2020-12/schema")
    assert f"$schema={path}" in capsys.readouterr().out


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "-o", str(tmp_path / "no" / "file")]) == 2
    assert "No such file or directory" in capsys.readouterr().err
