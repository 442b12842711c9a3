"""From the records of a run to the one document that every report, and the terminal's summary, is rendered from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pytest_sysint.core.masking import masked
from pytest_sysint.core.records import SEVERITIES, Health, IntegrationRecord, Result, RunRecords, Status
from pytest_sysint.core.secrets import redact
from pytest_sysint.reports._models import (
    DependencyType,
    Document,
    EndpointStatus,
    IntegrationStatus,
    IntegrationTest,
    RootCause,
    State,
    SystemDependency,
    SystemIntegrationStatus,
    TestStatus,
)
from pytest_sysint.reports._statistics import cover, measure, response_time, summarise, was_run

_DEPENDENCY_TYPES: Mapping[str, DependencyType] = {
    "database": "database",
    "api": "api",
    "external_service": "external",
}
"""The reference module knows four types of dependency; queues, files and our own services are internal ones."""

_TEST_STATUSES: Mapping[Status, TestStatus] = {
    "passed": "passed",
    "failed": "failed",
    "error": "failed",
    "skipped": "pending",
    "blocked": "pending",
}


_last: list[tuple[RunRecords, Document]] = []
"""The records that a document was made from last, and it: the formats of one run are written one after the other."""


def build(records: RunRecords) -> Document:
    """The document of a run. Every text passes the redactor once more on its way in."""
    if not _last or _last[0][0] is not records:
        _last[:] = [(records, _build(records))]
    return _last[0][1]


def _build(records: RunRecords) -> Document:
    (run,), (gate,) = masked([records.run]), masked([records.gate])
    integrations, results, audit = masked(records.integrations), masked(records.results), masked(records.audit)
    causes = _root_causes(integrations, results)
    began = run.started_at
    statuses = _statuses(integrations, results, causes, began)
    by_id = {status.id: status for status in statuses}
    return Document(
        run=run,
        summary=summarise(results),
        gate=gate,
        status=_overall(statuses, max((status.last_checked for status in statuses), default=began)),
        endpoints=tuple(_endpoint(found, by_id[found.id]) for found in integrations if found.url),
        dependencies=tuple(_dependencies(integrations, by_id)),
        tests=tuple(_tests(results)),
        results=results,
        statistics=measure(results),
        audit=audit,
        root_causes=causes,
        notices=tuple(map(redact, records.notices)),
        coverage=cover(results),
    )


def failures(results: Iterable[Result]) -> list[Result]:
    """The failed and errored results, the weightiest first."""
    found = [result for result in results if result.status in ("failed", "error")]
    return sorted(found, key=lambda result: SEVERITIES.index(result.severity))


def _by_integration(results: Iterable[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        found[result.integration_id].append(result)
    return found


def _statuses(
    integrations: Sequence[IntegrationRecord], results: Sequence[Result], causes: Sequence[RootCause], began: datetime
) -> tuple[IntegrationStatus, ...]:
    groups = _by_integration(results)
    roots = {cause.integration_id for cause in causes}
    return tuple(_status(found, groups.get(found.id, []), found.id in roots, began) for found in integrations)


def _status(
    integration: IntegrationRecord, results: Sequence[Result], is_root: bool, began: datetime
) -> IntegrationStatus:
    judged = [result for result in results if was_run(result)]
    health = [result for result in judged if result.kind == "health"] or judged
    failed = failures(health)
    times = [response_time(result) for result in health]
    state: State = "unhealthy" if failed else "healthy" if health else "unknown"
    waiting = next((result.blocked_by for result in results if result.status == "blocked"), "")
    return IntegrationStatus(
        id=integration.id,
        name=integration.name,
        type=integration.category,
        status=state,
        last_checked=max((result.timestamp for result in judged), default=began),
        response_time=round(sum(times) / len(times), 3) if times else 0.0,
        error_message=failed[0].error_message if failed else integration.unavailable,
        url=integration.url,
        integration_type=integration.type,
        degraded=state == "healthy" and any(result.degraded for result in health),
        root_cause=is_root,
        blocked_by="" if waiting == integration.id else waiting,
        severity=integration.severity,
        owner=integration.owner,
        tenants=integration.tenants,
        provision=integration.provision,
        provision_detail=integration.provision_detail,
        unavailable=integration.unavailable,
        declared_at=integration.declared_at,
    )


def _overall(statuses: tuple[IntegrationStatus, ...], last_checked: datetime) -> SystemIntegrationStatus:
    active = sum(status.status == "healthy" for status in statuses)
    return SystemIntegrationStatus(
        overall_status=_overall_health(statuses),
        total_integrations=len(statuses),
        active_integrations=active,
        inactive_integrations=len(statuses) - active,
        integrations=statuses,
        last_checked=last_checked,
    )


def _overall_health(statuses: Sequence[IntegrationStatus]) -> Health:
    """Unhealthy by a weighty integration, degraded by a lesser one; healthy only when all are known to be."""
    unhealthy = [status for status in statuses if status.status == "unhealthy"]
    if any(status.severity in ("critical", "high") for status in unhealthy):
        return "unhealthy"
    if unhealthy or any(status.degraded for status in statuses):
        return "degraded"
    return "healthy" if statuses and all(status.status == "healthy" for status in statuses) else "unknown"


def _endpoint(integration: IntegrationRecord, status: IntegrationStatus) -> EndpointStatus:
    return EndpointStatus(
        id=integration.id,
        name=integration.name,
        service=integration.id,
        url=integration.url,
        status=status.status,
        response_time=status.response_time,
        last_checked=status.last_checked,
        error_message=status.error_message,
    )


def _dependencies(
    integrations: Sequence[IntegrationRecord], statuses: Mapping[str, IntegrationStatus]
) -> Iterable[SystemDependency]:
    required_by: dict[str, list[str]] = defaultdict(list)
    for integration in integrations:
        for other in integration.depends_on:
            required_by[other].append(integration.id)
    for integration in integrations:
        status = statuses[integration.id]
        yield SystemDependency(
            id=integration.id,
            name=integration.name,
            type=_DEPENDENCY_TYPES.get(integration.category, "internal"),
            status=status.status,
            url=integration.url,
            last_checked=status.last_checked,
            response_time=status.response_time,
            error_message=status.error_message,
            depends_on=integration.depends_on,
            required_by=tuple(required_by[integration.id]),
        )


def _tests(results: Sequence[Result]) -> Iterable[IntegrationTest]:
    last = {result.test_id: result for result in results}
    for result in last.values():
        yield IntegrationTest(
            id=result.test_id,
            name=result.name,
            suite=result.nodeid.rpartition("::")[0],
            description=result.description,
            status=_TEST_STATUSES[result.status],
            last_run=result.timestamp,
            execution_time=result.execution_time,
            assertions=result.assertions,
        )


def _root_causes(integrations: Sequence[IntegrationRecord], results: Sequence[Result]) -> tuple[RootCause, ...]:
    """What kept other checks from running, those that held up most first."""
    known = {integration.id: integration for integration in integrations}
    waiting: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.status == "blocked":
            waiting[result.blocked_by].append(result)
    groups = _by_integration(results)
    causes = [_root_cause(name, known.get(name), groups.get(name, []), held) for name, held in waiting.items()]
    return tuple(sorted(causes, key=lambda cause: -cause.blocked))


def _root_cause(
    name: str, integration: IntegrationRecord | None, own: Sequence[Result], held: Sequence[Result]
) -> RootCause:
    failed = failures(own)
    # The health checks say why the integration is down; its other failures are about something else.
    told = next((result for result in failed if result.kind == "health"), failed[0] if failed else None)
    unavailable = integration.unavailable if integration else ""
    return RootCause(
        integration_id=name,
        integration_type=integration.type if integration else "",
        rung=told.rung if told else "",
        error_message=told.error_message if told else unavailable,
        cause=told.cause if told else "",
        failed=len(failed),
        blocked=len(held),
        integrations=tuple(sorted({result.integration_id for result in held})),
    )
