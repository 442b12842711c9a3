from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_sysint.core.records import IntegrationRecord, Result, Run
from pytest_sysint.gate import exit_code, judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = Run(id="run-1", started_at=NOW)
NUMBERS = itertools.count()


def result(status: str, on: str = "db", severity: str = "high", **more: Any) -> Result:
    number = next(NUMBERS)
    return Result(
        **{
            "id": f"r{number}", "test_id": f"t{number}", "nodeid": f"a::b{number}", "name": "answers",
            "kind": "health", "integration_id": on, "type": "postgresql", "category": "database",
            "tenant_id": "oakwood", "severity": severity, "status": status, "started_at": NOW, "timestamp": NOW,
            "execution_time": 12.5, **more,
        }
    )  # fmt: skip


def integration(name: str, **more: Any) -> IntegrationRecord:
    return IntegrationRecord(**{"id": name, "name": name, "type": "redis", "category": "database", **more})


def test_all_passed() -> None:
    gate = judge(RUN, [result("passed"), result("passed", "cache")])
    assert gate.verdict == "passed"
    assert gate.reasons == ("2 checks on 2 integrations passed, none failed",)
    assert exit_code(gate) == 0


def test_one_failure_blocks() -> None:
    gate = judge(
        RUN, [result("passed"), result("failed", "cache", error_message="connection\n refused")], [integration("cache")]
    )
    assert gate.verdict == "blocked"
    assert gate.reasons == ("cache (redis): 1 check failed (high): connection refused",)
    assert exit_code(gate) == 1


def test_an_error_blocks_as_a_failure_does() -> None:
    assert judge(RUN, [result("passed"), result("error", severity="low")]).verdict == "blocked"


def test_sixty_blocked_checks_are_one_reason() -> None:
    blocked = [result("blocked", f"s{number % 7}", blocked_by="cache") for number in range(60)]
    gate = judge(RUN, [result("failed", "cache", error_message="refused"), *blocked], [integration("cache")])
    assert gate.reasons == (
        "cache (redis): 1 check failed (high): refused; "
        "60 checks of s0, s1, s2, s3, s4 and 2 more could not run because of it",
    )  # fmt: skip


def test_the_weightiest_comes_first() -> None:
    results = [
        *(result("failed", "many", "low") for _ in range(5)),
        *(result("failed", "some", each, error_message="down") for each in ("high", "critical")),
        result("failed", "one", "critical", error_message="gone"),
    ]
    gate = judge(RUN, results)
    assert [reason.split(":")[0] for reason in gate.reasons] == [
        "some (postgresql)",
        "one (postgresql)",
        "many (postgresql)",
    ]
    assert gate.reasons[0] == "some (postgresql): 2 checks failed (the worst critical): down"
    assert gate.reasons[2].endswith(": answers")


def test_below_the_threshold_is_said_and_does_not_block() -> None:
    gate = judge(RUN, [result("passed"), result("failed", severity="medium")], block_on="high")
    assert gate.verdict == "passed"
    assert gate.reasons == ("1 check failed below the severity that blocks (high)",)
    assert judge(RUN, [result("failed", severity="high")], block_on="high").verdict == "blocked"


def test_a_light_failure_that_kept_a_weighty_check_from_running_blocks() -> None:
    results = [result("failed", "cache", "low"), result("blocked", "api", "critical", blocked_by="cache")]
    assert judge(RUN, results, block_on="high").verdict == "blocked"
    lighter = [result("failed", "cache", "low"), result("blocked", "api", "medium", blocked_by="cache")]
    assert judge(RUN, lighter, block_on="high").verdict == "passed"


def test_no_results_are_inconclusive() -> None:
    gate = judge(RUN, [])
    assert gate.verdict == "inconclusive"
    assert gate.reasons == ("no check was run",)
    assert exit_code(gate) == 7


def test_only_skipped_and_blocked_is_inconclusive() -> None:
    gate = judge(RUN, [result("skipped"), result("blocked", blocked_by="gone"), result("skipped")])
    assert gate.verdict == "inconclusive"
    assert gate.reasons == ("nothing was judged: 3 checks, 1 blocked and 2 skipped", "2 checks skipped")


def test_what_was_not_available_is_said_and_does_not_block() -> None:
    gone = integration("mail", unavailable="no smtp server here; pip install 'pytest-sysint[smtp]'")
    gate = judge(RUN, [result("passed"), result("skipped", "mail")], [gone])
    assert gate.verdict == "passed"
    assert gate.reasons == (
        "1 check on 1 integration passed, none failed",
        "mail was not available: no smtp server here; pip install 'pytest-sysint[smtp]'",
        "1 check skipped",
    )


def test_an_interrupted_run_is_never_green() -> None:
    cut = RUN.model_copy(update={"interrupted": True})
    assert judge(cut, [result("passed")]).verdict == "inconclusive"
    assert judge(cut, [result("failed")]).verdict == "blocked"


@pytest.mark.parametrize(
    ("more", "place"),
    [({"on": ""}, "hand-written tests"), ({"on": "x", "type": ""}, "x"), ({"on": "x"}, "x (postgresql)")],
)
def test_the_place_of_a_failure_is_named(more: dict[str, Any], place: str) -> None:
    (reason,) = judge(RUN, [result("failed", **more)]).reasons
    assert reason.startswith(f"{place}: ")


def test_an_integration_without_any_check_is_said() -> None:
    gate = judge(RUN, [result("passed", "db")], [integration(name) for name in ("db", "a", "b")])
    assert gate.verdict == "passed"
    assert gate.reasons[-1] == "without any check: a, b"


def test_a_long_message_is_cut() -> None:
    (reason,) = judge(RUN, [result("failed", error_message="word " * 500)]).reasons
    assert len(reason) < 400
    assert reason.endswith(" ...")
