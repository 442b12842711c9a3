from __future__ import annotations

import pytest

from pytest_sysint.core.errors import (
    CallError,
    DeclarationError,
    Denied,
    Garbled,
    MissingDriver,
    Mistake,
    Mistakes,
    Problem,
    Rejected,
    SysintError,
    TimedOut,
    TlsFailed,
    TooLarge,
    Unavailable,
    Unreachable,
    UsageError,
    did_you_mean,
    nearest,
)


def test_the_nearest_word() -> None:
    words = ["postgresql", "redis", "rest"]
    assert nearest("postgres", words) == "postgresql"
    assert nearest("REDIS", words) == "redis"
    assert nearest("kafka", words) is None
    assert nearest("", []) is None


def test_did_you_mean() -> None:
    assert (
        did_you_mean("postgres", ["redis", "postgresql"]) == ", did you mean 'postgresql'? (allowed: postgresql, redis)"
    )
    assert did_you_mean("zzz", ["redis"]) == " (allowed: redis)"
    assert did_you_mean("zzz", []) == ""
    many = did_you_mean("zzz", [f"word{n:02}" for n in range(30)])
    assert many.endswith("word23, ...)")


def test_the_hint_stands_below_the_message() -> None:
    error = UsageError("no such kind", hint="try --sysint-kind health")
    assert str(error) == "no such kind\n  try --sysint-kind health"
    assert (error.message, error.hint) == ("no such kind", "try --sysint-kind health")
    assert str(UsageError("alone")) == "alone"


def test_problems_carry_their_position_and_sort_by_it() -> None:
    first = Problem("a.yaml", 3, 5, "integrations.db", "unknown key")
    second = Problem("a.yaml", 12, 1, "", "no url")
    whole_file = Problem("a.yaml", 0, 0, "", "is empty")
    assert str(first) == "a.yaml:3:5: integrations.db: unknown key"
    assert str(second) == "a.yaml:12:1: no url"
    assert str(whole_file) == "a.yaml: is empty"
    assert sorted([second, first, whole_file]) == [whole_file, first, second]
    assert str(DeclarationError([first])).splitlines() == ["1 problem in the declaration:", f"  {first}"]
    assert str(DeclarationError([first, second])).startswith("2 problems in the declaration:")


def test_mistakes_are_seen_from_the_value_that_holds_them() -> None:
    mistakes = Mistakes(Mistake(("expect", 0), "one"), Mistake((), "two"))
    outer = mistakes.under("health", 3)
    assert [mistake.path for mistake in outer.mistakes] == [("health", 3, "expect", 0), ("health", 3)]
    assert str(outer) == "health.3.expect.0: one; health.3: two"


def test_a_missing_driver_names_the_extra() -> None:
    error = MissingDriver("kafka", "confluent_kafka")
    assert "type 'kafka' needs the Python module 'confluent_kafka'" in str(error)
    assert error.hint == "pip install 'pytest-sysint[kafka]'"


@pytest.mark.parametrize(
    ("kind", "rung", "transient"),
    [
        (CallError, "ping", False),
        (Unreachable, "tcp", True),
        (TimedOut, "ping", True),
        (TlsFailed, "tls", False),
        (Denied, "authentication", False),
        (Garbled, "ping", False),
        (TooLarge, "read", False),
        (Rejected, "read", False),
    ],
)
def test_only_connection_errors_and_timeouts_are_worth_another_try(
    kind: type[CallError], rung: str, transient: bool
) -> None:
    error = kind("went wrong")
    assert (error.rung, error.transient, error.code, error.partial) == (rung, transient, "", None)
    assert isinstance(error, SysintError)
    special = kind("went wrong", rung="write", code="42P01", hint="look")
    assert (special.rung, special.code, special.hint) == ("write", "42P01", "look")
    assert kind.rung == rung, "one error's rung is not that of its class"


def test_unavailable_is_no_call_error() -> None:
    assert not issubclass(Unavailable, CallError)
