from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.records import (
    EFFECTS,
    SEVERITIES,
    SHARED,
    Assertion,
    AuditEvent,
    Gate,
    IntegrationRecord,
    Result,
    Run,
    RunRecords,
)

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def result(**changes: object) -> Result:
    return Result.model_validate({
        "id": "r1", "test_id": "t1", "nodeid": "sysint.yaml::db::health::reachable", "name": "reachable",
        "kind": "health", "integration_id": "db", "type": "postgresql", "category": "database",
        "tenant_id": SHARED, "severity": "high",
        "status": "passed", "started_at": NOON, "timestamp": NOON, "execution_time": 12.5, **changes,
    })  # fmt: skip


def test_records_are_published_in_camel_case() -> None:
    dumped = result(assertions=(Assertion(name="status", status="passed", message="ok", actual=200),)).dump()
    assert {"testId", "integrationId", "tenantId", "executionTime", "measuredAlone", "blockedBy"} <= dumped.keys()
    assert not [key for key in dumped if "_" in key]
    assert dumped["assertions"][0] == {
        "name": "status", "status": "passed", "message": "ok", "expected": None, "actual": 200, "severity": "fail",
        "tenantId": SHARED,
    }  # fmt: skip
    assert dumped["startedAt"] == "2026-01-31T12:00:00Z"
    json.dumps(dumped, allow_nan=False)


def test_a_record_can_be_read_back_under_either_name() -> None:
    record = result(metrics={"polls": 3.0})
    assert Result.model_validate(record.dump()) == record
    assert Result.model_validate_json(json.dumps(record.dump())) == record
    assert Result.model_validate(record.model_dump()) == record


def test_a_reader_tolerates_fields_of_a_newer_version() -> None:
    dumped = {**result().dump(), "colourOfTheSky": "blue"}
    dumped["attempts"] = [{"number": 1, "startedAt": "2026-01-31T12:00:00Z", "ms": 1, "status": "passed", "new": 1}]
    found = Result.model_validate(dumped)
    assert found.attempts[0].number == 1
    assert "colourOfTheSky" not in found.dump()


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        result().status = "failed"  # type: ignore[misc]


@pytest.mark.parametrize("changes", [{"status": "fine"}, {"severity": "urgent"}, {"started_at": "yesterday"}])
def test_records_hold_only_known_words(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        result(**changes)


def test_numbers_that_json_has_no_word_for_become_null() -> None:
    assert json.loads(result(execution_time=float("inf")).model_dump_json(by_alias=True))["executionTime"] is None


def test_a_whole_run() -> None:
    records = RunRecords(
        run=Run(id="run", started_at=NOON),
        gate=Gate(verdict="inconclusive", reasons=("no checks",)),
        integrations=(IntegrationRecord(id="db", name="db", type="postgresql", category="database"),),
        results=(result(),),
        audit=(AuditEvent(entity_type="Tests", entity_id="t", action="CREATE", user_id="me", timestamp=NOON),),
    )
    assert RunRecords.model_validate_json(json.dumps(records.dump())) == records
    assert records.dump()["audit"][0]["resource"] == "SystemIntegration"
    assert records.dump()["integrations"][0]["dependsOn"] == []


def test_the_orders_of_words() -> None:
    assert SEVERITIES == ("critical", "high", "medium", "low")
    assert EFFECTS == ("read", "write", "destructive", "load")


# ---- what is declared


class Login(Declared):
    user: str
    password: Secret
    """The password."""
    tries: int = 3


def test_declared_values_are_strict_frozen_and_known() -> None:
    login = Login.model_validate({"user": "me", "password": "hunter22"})
    for wrong in ({"user": 3}, {"tries": "3"}, {"tries": True}, {"usr": "x"}):
        with pytest.raises(ValidationError):
            Login.model_validate({"user": "me", "password": "hunter22", **wrong})
    with pytest.raises(ValidationError):
        login.user = "you"  # type: ignore[misc]


def test_a_declared_secret_shows_itself_nowhere() -> None:
    login = Login.model_validate({"user": "me", "password": "hunter22"})
    assert "hunter22" not in repr(login) + str(login) + login.model_dump_json() + str(login.model_dump())
    assert login.password.get_secret_value() == "hunter22"
    with pytest.raises(ValidationError) as caught:
        Login.model_validate({"user": "me", "password": ["hunter22"]})
    assert "hunter22" not in str(caught.value)
    schema = Login.model_json_schema()["properties"]["password"]
    assert schema["type"] == "string"
    assert "default" not in schema
