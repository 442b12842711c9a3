from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_sysint.core import registry, secrets
from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.records import Assertion, RunRecords
from pytest_sysint.reports.json import schema, schema_text

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / "sysint-report.schema.json"


def written(records: RunRecords, path: Path) -> Any:
    registry.formats().get("json").write(records, path)
    return json.loads(path.read_bytes())


@pytest.fixture(scope="session")
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())


def test_it_is_a_registered_format() -> None:
    found = registry.formats().get("json")
    assert (found.name, found.default_path) == ("json", "sysint.json")
    assert found.description


def test_the_published_schema_is_the_writer_s() -> None:
    assert json.loads(PUBLISHED.read_text()) == schema(), (
        f"write {PUBLISHED.name} anew: "
        "python -c 'from pytest_sysint.reports.json import schema_text as text; print(text(), end=str())'"
    )
    assert schema_text().endswith("}\n")


def test_a_run_satisfies_the_schema(
    sample: RunRecords, tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    document = written(sample, tmp_path / "sysint.json")
    validator.validate(document)
    assert list(document) == [
        "schemaVersion", "run", "summary", "gate", "status", "endpoints", "dependencies", "tests", "results",
        "statistics", "anomalies", "audit", "rootCauses", "notices", "coverage",
    ]  # fmt: skip


def test_an_empty_run_satisfies_the_schema(
    run_of: Callable[..., RunRecords], tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    document = written(run_of([]), tmp_path / "sysint.json")
    validator.validate(document)
    assert document["gate"]["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("gate", "verdict"), "green"),
        (("results", 0, "status"), "ok"),
        (("status", "integrations", 0, "type"), "postgresql"),
        (("audit", 0, "entityType"), "Anything"),
        (("summary", "passed"), "many"),
        (("endpoints", 0, "status"), "degraded"),
    ],
)
def test_the_schema_refuses_what_is_wrong(
    sample: RunRecords,
    tmp_path: Path,
    validator: jsonschema.Draft202012Validator,
    path: tuple[str | int, ...],
    wrong: str,
) -> None:
    document = written(sample, tmp_path / "sysint.json")
    *way, last = path
    place = document
    for step in way:
        place = place[step]
    place[last] = wrong
    assert not validator.is_valid(document)


def test_every_field_is_always_there(sample: RunRecords, tmp_path: Path) -> None:
    document = written(sample, tmp_path / "sysint.json")
    del document["results"][0]["blockedBy"]
    with pytest.raises(jsonschema.ValidationError, match="blockedBy"):
        jsonschema.validate(document, schema())


REFERENCE = {
    "status": "overallStatus totalIntegrations activeIntegrations inactiveIntegrations integrations lastChecked",
    "status.integrations": "id name type status lastChecked responseTime errorMessage",
    "endpoints": "id name service url status responseTime lastChecked errorMessage",
    "dependencies": "id name type status url lastChecked responseTime errorMessage",
    "tests": "id name suite description status lastRun executionTime assertions",
    "tests.assertions": "name status message expected actual",
    "results": "id testId status executionTime assertions errorMessage timestamp "
    "nodeid kind integrationId tenantId severity attempts timings metrics blockedBy",
    "audit": "resource entityType entityId action details userId timestamp tenantId previousHash hash",
    "run": "id startedAt finishedAt environment tenants user commit declarationDigest versions arguments",
    "summary": "total passed failed error skipped blocked flaky byKind byTenant",
    "gate": "verdict reasons waived",
}


@pytest.mark.parametrize("place", REFERENCE)
def test_the_shapes_are_those_of_the_reference_module(sample: RunRecords, tmp_path: Path, place: str) -> None:
    found = written(sample, tmp_path / "sysint.json")
    for step in place.split("."):
        found = found[step][0] if isinstance(found[step], list) else found[step]
    assert set(REFERENCE[place].split()) <= set(found)


def test_values_of_any_kind_are_valid_json(
    sample: RunRecords, run_of: Callable[..., RunRecords], tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    odd = Assertion(name="x", status="passed", message="half \ud800", expected=float("inf"), actual={"of": object})
    result = sample.results[0].model_copy(update={"assertions": (odd,), "metrics": {"bad": float("nan"), "good": 1.5}})
    document = written(run_of([result]), tmp_path / "sysint.json")
    validator.validate(document)
    (found,) = document["results"]
    assert found["metrics"] == {"bad": None, "good": 1.5}
    assert found["assertions"][0]["actual"] == {"of": "<class 'object'>"}


@pytest.mark.parametrize("secret", ["passed", "integration", "2026", "database", 'qu"ote\\'])
def test_a_secret_that_is_an_ordinary_word_leaves_the_report_valid(
    sample: RunRecords,
    tmp_path: Path,
    validator: jsonschema.Draft202012Validator,
    monkeypatch: pytest.MonkeyPatch,
    secret: str,
) -> None:
    own = secrets.Redactor()
    own.learn(secret)
    monkeypatch.setattr("pytest_sysint.core.masking.redact", own.redact)
    told = sample.results[0].model_copy(update={"error_message": f"the word {secret}!"})
    records = sample.model_copy(update={"results": (told, *sample.results[1:])})
    document = written(records, tmp_path / "sysint.json")
    assert document["results"][0]["errorMessage"] == "the word ***!"
    if secret != "database":  # a category that is a secret is masked, and then no category
        validator.validate(document)


def test_folders_are_made_and_what_was_there_is_replaced(sample: RunRecords, tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "sysint.json"
    written(sample, path)
    path.write_text("old")
    written(sample, path)
    assert [found.name for found in path.parent.iterdir()] == ["sysint.json"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_link_is_followed(sample: RunRecords, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    written(sample, tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").is_file()


def test_a_device_is_written_to_and_not_replaced(sample: RunRecords) -> None:
    registry.formats().get("json").write(sample, Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
    with pytest.raises(SysintError, match="the report /dev/full could not be written: No space left on device"):
        registry.formats().get("json").write(sample, Path("/dev/full"))


def test_a_place_that_cannot_be_written_is_a_clear_error(sample: RunRecords, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SysintError, match="file is not a folder") as caught:
        registry.formats().get("json").write(sample, tmp_path / "file" / "sysint.json")
    assert "--sysint-report" in caught.value.hint
    with pytest.raises(SysintError, match="could not be written: Is a directory"):
        registry.formats().get("json").write(sample, tmp_path)
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place]).returncode:
        pytest.skip("this user may not mount a file system of 64 KiB")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_leaves_the_old_report_and_no_half_of_the_new(sample: RunRecords, tiny_disk: Path) -> None:
    path = tiny_disk / "sysint.json"
    path.write_text("old")
    with pytest.raises(SysintError, match="No space left on device"):
        registry.formats().get("json").write(sample, path)
    assert path.read_text() == "old"
    assert [found.name for found in tiny_disk.iterdir()] == ["sysint.json"]
