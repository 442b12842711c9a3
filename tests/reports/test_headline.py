from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_sysint.core.records import Gate, Result, RunRecords
from pytest_sysint.reports._document import build
from pytest_sysint.reports._headline import headline

RunOf = Callable[..., RunRecords]


@pytest.fixture
def made(sample: RunRecords) -> Callable[..., Result]:
    plain = next(result for result in sample.results if result.status == "passed")

    def make(number: int, on: str = "db", status: str = "passed", **more: Any) -> Result:
        return plain.model_copy(update={"id": f"r{number}", "integration_id": on, "status": status, **more})

    return make


def test_the_root_cause_comes_first(sample: RunRecords) -> None:
    assert headline(build(sample)) == "Blocked: 3 critical checks failed because cache (redis) refuses connections"


def test_all_is_well(green: RunRecords) -> None:
    assert headline(build(green)) == "Passed: 48 checks on 8 integrations"


def test_what_is_less_than_well_is_said(made: Callable[..., Result], run_of: RunOf) -> None:
    results = [
        made(1), made(2, flaky=True), made(3, degraded=True), made(4, status="skipped"),
        made(5, status="failed"), made(6, status="blocked", blocked_by="x"),
    ]  # fmt: skip
    records = run_of(results).model_copy(update={"gate": Gate(verdict="passed")})
    assert headline(build(records)) == (
        "Passed: 3 checks on 1 integration, 1 only after another try, 1 with a warning, "
        "1 failed below the severity that blocks, 1 skipped, 1 blocked"
    )


def test_nothing_was_judged(run_of: RunOf) -> None:
    assert headline(build(run_of([]))) == "Inconclusive: no check was run"
    silent = run_of([]).model_copy(update={"gate": Gate(verdict="blocked")})
    assert headline(build(silent)) == "Blocked: no reason was given"


def test_a_policy_may_block_without_a_failure(made: Callable[..., Result], run_of: RunOf) -> None:
    gate = Gate(verdict="blocked", reasons=("39 checks ran, the policy asks for 40",))
    records = run_of([made(1)]).model_copy(update={"gate": gate})
    assert headline(build(records)) == "Blocked: 39 checks ran, the policy asks for 40"


@pytest.mark.parametrize(
    ("rung", "message", "told"),
    [
        ("tcp", "127.0.0.1:1 refused the connection", "refuses connections"),
        ("tcp", "no route to host", "cannot be reached"),
        ("tcp", "timed out", "does not answer in time"),
        ("dns", "name unknown", "cannot be found by its name"),
        ("tls", "certificate expired", "has no working TLS"),
        ("authentication", "password wrong", "refuses the credentials"),
        ("ping", "garbage", "does not answer as it should"),
        ("", "", "is down"),
    ],
)
def test_the_cause_in_words(made: Callable[..., Result], run_of: RunOf, rung: str, message: str, told: str) -> None:
    results = [
        made(1, "cache", "failed", rung=rung, error_message=message, severity="high"),
        made(2, "api", "blocked", blocked_by="cache"),
    ]
    assert headline(build(run_of(results))) == f"Blocked: 1 check of high severity failed because cache {told}"


def test_failures_without_a_root_cause(made: Callable[..., Result], run_of: RunOf) -> None:
    one = [made(1, "db", "failed", severity="critical", error_message="42 rows\n expected")]
    assert headline(build(run_of(one))) == "Blocked: 1 critical check failed on db: 42 rows expected"
    five = [made(number, f"s{number}", "failed", severity="critical" if number < 2 else "low") for number in range(5)]
    assert headline(build(run_of(five))) == "Blocked: 5 checks (2 critical) failed on s0, s1, s2 and 2 more"
    by_hand = [made(1, "", "error", severity="low", error_message="boom")]
    assert headline(build(run_of(by_hand))) == "Blocked: 1 check of low severity failed: boom"
