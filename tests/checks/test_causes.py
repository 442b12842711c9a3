from __future__ import annotations

from typing import Any

import pytest

from pytest_sysint.checks._causes import cause_of, cause_of_error
from pytest_sysint.core.errors import (
    CallError,
    Denied,
    Garbled,
    Rejected,
    TimedOut,
    TlsFailed,
    TooLarge,
    Unreachable,
)
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.registry import types


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Unreachable("x", hint="start redis-server"), "start redis-server"),
        (Unreachable("x", rung="dns"), "the host name is not known here"),
        (TimedOut("x", rung="dns"), "the host name is not known here"),
        (Unreachable("x"), "nothing listens there"),
        (Unreachable("x", rung="read"), "the connection was lost"),
        (TimedOut("x", rung="tcp"), "packets are lost on the way"),
        (TimedOut("x"), "connected, but not answered in time"),
        (TlsFailed("x"), "the certificate is expired"),
        (Denied("x"), "wrong or expired"),
        (Garbled("x"), "something else answers there"),
        (TooLarge("x"), "asks for too much"),
        (Rejected("x"), ""),
        (CallError("x"), ""),
    ],
)
def test_errors(error: CallError, said: str) -> None:
    found = cause_of_error(error)
    assert said in found
    assert bool(found) is bool(said)


def assertion(name: str, status: Any = "failed", severity: Any = "fail") -> Assertion:
    return Assertion(name=name, status=status, severity=severity, message="x")


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "missing, wrong or expired"),
        (403, "no right"),
        (404, "nothing at that path"),
        (429, "too many requests"),
        (502, "the service behind it is down"),
        (500, "the service itself failed"),
        (200, ""),
        ("OK", ""),
        (None, ""),
    ],
)
def test_statuses_of_http(status: Any, said: str) -> None:
    rest: Any = types().get("rest").settings_model.model_validate({"url": "http://127.0.0.1:1"})
    found = cause_of([assertion("$.a")], status, types().get("rest")(rest))
    assert said in found
    assert bool(found) is bool(said)


def test_nothing_is_guessed_of_other_protocols_and_of_what_held() -> None:
    other: Any = object()
    assert cause_of([assertion("status")], 550, other) == ""
    assert "slower" in cause_of([assertion("latency")], None, other)
    assert cause_of([assertion("latency"), assertion("count")], None, other) == ""
    assert cause_of([assertion("latency", severity="warn")], None, other) == ""
    assert cause_of([assertion("latency", status="passed")], None, other) == ""
