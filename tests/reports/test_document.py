from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pytest_sysint.core import secrets
from pytest_sysint.core.records import IntegrationRecord, Result, RunRecords, Timing
from pytest_sysint.reports._document import build
from pytest_sysint.reports._grid import grid
from pytest_sysint.reports._statistics import percentile, response_time

RunOf = Callable[..., RunRecords]


@pytest.fixture
def made(sample: RunRecords) -> Callable[..., Result]:
    """Makes results that differ from a plain passed one in what is given."""
    plain = next(result for result in sample.results if result.status == "passed")

    def make(number: int, on: str = "db", status: str = "passed", **more: Any) -> Result:
        changes = {"id": f"r{number}", "test_id": f"t{number}", "integration_id": on, "status": status, **more}
        return plain.model_copy(update=changes)

    return make


def integration(name: str, category: str = "database", **more: Any) -> IntegrationRecord:
    return IntegrationRecord(id=name, name=name, type="redis", category=category, url=f"redis://{name}", **more)


def test_the_counts_are_those_of_the_results(sample: RunRecords) -> None:
    summary = build(sample).summary
    assert summary.total == len(sample.results) == 76
    assert (summary.passed, summary.failed, summary.error, summary.skipped, summary.blocked) == (50, 5, 1, 2, 18)
    assert (summary.flaky, summary.degraded) == (1, 1)
    for parts in (summary.by_kind, summary.by_tenant, summary.by_integration):
        assert sum(part.total for part in parts.values()) == summary.total
    assert summary.by_tenant["elmhurst"].blocked == 9
    assert summary.by_kind["contract"].failed == 1


def test_each_integration_is_as_its_health_checks_say(sample: RunRecords) -> None:
    statuses = {status.id: status for status in build(sample).status.integrations}
    assert {name: status.health for name, status in statuses.items()} == {
        "residents-db": "healthy",  # its security check failed, its health did not
        "cache": "unhealthy",
        "reporting-db": "healthy",
        "care-events": "healthy",
        "care-tasks": "unhealthy",
        "documents": "healthy",
        "imports": "healthy",
        "care-api": "unknown",
        "notification-service": "unknown",
        "audit-service": "healthy",
        "mail": "degraded",
        "nhs-pds": "unknown",
    }
    assert statuses["mail"].status == "healthy"  # the reference module knows no other word
    assert statuses["cache"].error_message == "127.0.0.1:6390 refused the connection"
    assert statuses["cache"].response_time == 0.43
    assert statuses["cache"].root_cause
    assert statuses["care-api"].blocked_by == "cache"
    assert statuses["nhs-pds"].error_message.startswith("no url is set")
    assert (statuses["nhs-pds"].response_time, statuses["nhs-pds"].last_checked) == (0.0, sample.run.started_at)


def test_other_checks_speak_for_an_integration_without_health_checks(
    made: Callable[..., Result], run_of: RunOf
) -> None:
    records = run_of([made(1, kind="contract", status="failed")], (integration("db"),))
    assert build(records).status.integrations[0].status == "unhealthy"


@pytest.mark.parametrize(
    ("results", "severity", "overall"),
    [
        ([("a", "passed"), ("b", "passed")], "high", "healthy"),
        ([("a", "passed"), ("b", "failed")], "critical", "unhealthy"),
        ([("a", "passed"), ("b", "error")], "low", "degraded"),
        ([("a", "passed"), ("b", "skipped")], "high", "unknown"),
        ([], "high", "unknown"),
    ],
)
def test_the_overall_status(
    made: Callable[..., Result], run_of: RunOf, results: list[tuple[str, str]], severity: str, overall: str
) -> None:
    found = [made(number, on, status) for number, (on, status) in enumerate(results)]
    records = run_of(found, (integration("a"), integration("b", severity=severity)))
    status = build(records).status
    assert status.overall_status == overall
    assert status.total_integrations == 2
    assert status.active_integrations + status.inactive_integrations == 2


def test_a_warning_degrades_the_whole(made: Callable[..., Result], run_of: RunOf) -> None:
    records = run_of([made(1, "a", degraded=True)], (integration("a"),))
    assert build(records).status.overall_status == "degraded"


def test_dependencies_know_both_directions(sample: RunRecords) -> None:
    found = {dependency.id: dependency for dependency in build(sample).dependencies}
    assert found["cache"].required_by == ("care-api",)
    assert found["care-events"].required_by == ("care-api", "notification-service", "audit-service")
    assert found["care-api"].depends_on == ("residents-db", "cache", "care-events", "documents")
    assert {name: found[name].type for name in ("cache", "care-events", "care-api", "mail")} == {
        "cache": "database",
        "care-events": "internal",
        "care-api": "internal",
        "mail": "external",
    }


def test_endpoints_are_the_places_that_have_a_url(sample: RunRecords) -> None:
    endpoints = {endpoint.id: endpoint for endpoint in build(sample).endpoints}
    assert len(endpoints) == 11
    assert "nhs-pds" not in endpoints
    assert (endpoints["cache"].url, endpoints["cache"].status) == ("redis://127.0.0.1:6390/0", "unhealthy")


def test_a_root_cause_names_what_it_holds_up(sample: RunRecords) -> None:
    (cause,) = build(sample).root_causes
    assert (cause.integration_id, cause.integration_type, cause.rung) == ("cache", "redis", "tcp")
    assert (cause.failed, cause.blocked) == (3, 18)
    assert cause.integrations == ("care-api", "notification-service")
    assert cause.error_message == "127.0.0.1:6390 refused the connection"


def test_a_root_cause_that_is_not_part_of_the_run_is_still_named(made: Callable[..., Result], run_of: RunOf) -> None:
    (cause,) = build(run_of([made(1, "a", "blocked", blocked_by="elsewhere")], (integration("a"),))).root_causes
    assert (cause.integration_id, cause.failed, cause.blocked) == ("elsewhere", 0, 1)


def test_an_unavailable_root_says_why(made: Callable[..., Result], run_of: RunOf) -> None:
    gone = integration("gone", unavailable="no server here")
    (cause,) = build(run_of([made(1, "a", "blocked", blocked_by="gone")], (integration("a"), gone))).root_causes
    assert cause.error_message == "no server here"


def test_tests_are_the_last_result_of_each(made: Callable[..., Result], run_of: RunOf) -> None:
    results = [made(1, status="failed"), made(1, id="again"), made(2, status="blocked"), made(3, status="error")]
    tests = {test.id: test for test in build(run_of(results)).tests}
    assert {name: test.status for name, test in tests.items()} == {"t1": "passed", "t2": "pending", "t3": "failed"}
    assert tests["t1"].suite == "suites/writecarenotes/sysint.yaml::residents-db::health"


def test_statistics_are_those_of_the_checks_that_ran(made: Callable[..., Result], run_of: RunOf) -> None:
    start = made(0).started_at
    results = [
        made(
            number,
            status="failed" if number == 4 else "passed",
            timings=(Timing(phase="total", ms=number * 10.0),),
            started_at=start,
            timestamp=start + timedelta(seconds=number),
        )
        for number in range(1, 5)
    ]
    statistics = build(run_of([*results, made(9, status="skipped")])).statistics
    overall = statistics.overall
    assert overall is not None
    assert (overall.count, overall.average_response_time, overall.p50, overall.maximum) == (4, 25.0, 20.0, 40.0)
    assert (overall.success_rate, overall.error_rate, overall.throughput) == (0.75, 0.25, 1.0)
    assert statistics.by_integration["db"] == statistics.by_kind["health"] == overall


def test_statistics_of_nothing(run_of: RunOf) -> None:
    assert build(run_of([])).statistics.overall is None


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (51, 3), (75, 3), (100, 4)])
def test_percentiles_are_measured_values(percent: float, value: float) -> None:
    assert percentile([1, 2, 3, 4], percent) == value


def test_the_response_time_is_finite(made: Callable[..., Result]) -> None:
    assert response_time(made(1, timings=(), execution_time=float("nan"))) == 0.0
    assert response_time(made(1, timings=(), execution_time=7.5)) == 7.5


def test_the_grid_shows_the_weightiest(sample: RunRecords) -> None:
    found = grid(build(sample))
    assert found.kinds == ("health", "contract", "dataflow", "security", "load")
    rows = {row.id: row for row in found.rows}
    cells = {(row.id, cell.kind): cell for row in found.rows for cell in row.cells}
    assert (cells["residents-db", "security"].state, cells["residents-db", "security"].short) == ("failed", "1")
    assert (cells["care-tasks", "health"].state, cells["care-tasks", "health"].short) == ("error", "1/5")
    assert (cells["mail", "health"].state, cells["mail", "health"].text) == ("degraded", "1 degraded, 5 passed")
    assert cells["care-events", "health"].state == "flaky"
    assert (cells["cache", "load"].state, cells["cache", "load"].text) == ("", "no checks")
    assert rows["cache"].note == "root cause of 18 blocked checks"
    assert rows["care-api"].note == "blocked by cache"
    assert rows["nhs-pds"].note == "not available"


def test_the_grid_has_a_row_for_what_only_results_know(made: Callable[..., Result], run_of: RunOf) -> None:
    results = [made(1, "a"), made(2, ""), made(3, "flow", "failed"), made(4, "slow", degraded=True, kind="own")]
    found = grid(build(run_of(results, (integration("a"),))))
    assert found.kinds == ("health", "own")
    assert [(row.id, row.health) for row in found.rows] == [
        ("a", "healthy"), ("", "healthy"), ("flow", "unhealthy"), ("slow", "degraded"),
    ]  # fmt: skip


def test_every_text_passes_the_redactor(
    sample: RunRecords, made: Callable[..., Result], run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = secrets.Redactor()
    monkeypatch.setattr("pytest_sysint.core.masking.redact", own.redact)
    monkeypatch.setattr("pytest_sysint.reports._document.redact", own.redact)
    own.learn("document-canary")
    records = run_of(
        [made(1, "a", "failed", error_message="no document-canary"), made(2, "b", "blocked", blocked_by="a")],
        (integration("a", provision_detail="with document-canary"), integration("b")),
        notices=("said document-canary",),
    )
    text = build(records).model_dump_json()
    assert "document-canary" not in text
    assert text.count("***") > 5
