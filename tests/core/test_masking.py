from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pytest_sysint.core import secrets
from pytest_sysint.core.masking import encode, encode_masked, masked
from pytest_sysint.core.records import Assertion, Result

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_redactor(monkeypatch: pytest.MonkeyPatch) -> secrets.Redactor:
    """Secrets learnt here are forgotten afterwards."""
    own = secrets.Redactor()
    monkeypatch.setattr("pytest_sysint.core.masking.redact", own.redact)
    return own


def result(**more: Any) -> Result:
    return Result(
        **{
            "id": "r1", "test_id": "t1", "nodeid": "a::b", "name": "answers", "kind": "health", "integration_id": "db",
            "type": "postgresql", "category": "database", "tenant_id": "oakwood", "severity": "high",
            "status": "passed", "started_at": NOW, "timestamp": NOW, "execution_time": 1234.5, **more,
        }
    )  # fmt: skip


class Odd:
    def __str__(self) -> str:
        return "an odd value"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), None),
        (float("inf"), None),
        (Odd(), "an odd value"),
        (b"plain", "plain"),
        (b"\xff\xfe", "base64://4="),
        ("half a pair \ud800", "half a pair ?"),
        (Decimal("1.10"), "1.10"),
        ({"at": NOW, "n": float("nan"), "b": b"\xff"}, {"at": "2026-03-01T12:00:00Z", "n": None, "b": "base64:/w=="}),
        ([Odd(), {1}], ["an odd value", [1]]),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_any_value_becomes_json(value: Any, written: Any) -> None:
    record = Assertion(name="x", status="failed", message="m", actual=value)
    assert json.loads(encode(record))["actual"] == written


def test_a_value_that_contains_itself_is_cut(own_redactor: secrets.Redactor) -> None:
    own_redactor.learn("hunter2!")
    circle: list[Any] = ["hunter2!"]
    circle.append({"again": circle})
    dirty = Assertion(name="x", status="failed", message="m", actual=circle)
    for text in (encode_masked(dirty), encode(masked([dirty])[0])):
        assert "too deep" in text
        assert "hunter2!" not in text


def test_what_holds_no_secret_is_left_alone(own_redactor: secrets.Redactor) -> None:
    own_redactor.learn("hunter2!")
    clean = result(error_message='quotes " and \\ and\nlines')
    assert encode_masked(clean) == encode(clean)
    assert masked([clean])[0] == clean
    plain = result()
    assert masked([plain])[0] is plain


@pytest.mark.parametrize("secret", ["hunter2!", 'q"uo\\te', "tür-ß", "two\nlines"])
def test_a_secret_is_masked_in_every_text(own_redactor: secrets.Redactor, secret: str) -> None:
    own_redactor.learn(secret)
    dirty = result(
        error_message=f"password {secret} refused",
        metrics={f"calls of {secret}": 1.0},
        logs=(f"line {secret}",),
        assertions=(Assertion(name="x", status="failed", message="m", expected={secret: [secret]}, actual=Odd()),),
    )
    for text in (encode_masked(dirty), encode(masked([dirty])[0])):
        found = json.loads(text)
        assert secret not in str(found)
        assert found["errorMessage"] == "password *** refused"
        assert found["metrics"] == {"calls of ***": 1.0}
        assert found["assertions"][0]["expected"] == {"***": ["***"]}
        assert found["assertions"][0]["actual"] == "an odd value"


@pytest.mark.parametrize("secret", ["passed", "critical", "1234", "2026", "execution", "errorMessage"])
def test_a_secret_that_is_an_ordinary_word_or_number_breaks_nothing(
    own_redactor: secrets.Redactor, secret: str
) -> None:
    own_redactor.learn(secret)
    dirty = result(
        error_message=f"it is {secret}",
        assertions=(Assertion(name="pin", status="passed", message="m", actual=1234),),
    )
    found = Result.model_validate_json(encode_masked(dirty))
    assert (found.status, found.severity, found.execution_time, found.timestamp) == ("passed", "high", 1234.5, NOW)
    assert found.error_message == "it is ***"
    assert found.assertions[0].actual == ("***" if secret == "1234" else 1234)
