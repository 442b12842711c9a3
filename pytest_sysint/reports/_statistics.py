"""Counting and measuring results: by status, by part, percentiles."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pytest_sysint.core.records import Result
from pytest_sysint.reports._models import Counts, Coverage, Performance, Statistics, Summary

P = TypeVar("P")
_RUN = ("passed", "failed", "error")
"""The statuses of checks that were run."""


def response_time(result: Result) -> float:
    """Milliseconds that the other side took: the measured total, or the whole check where nothing was measured."""
    found = next((timing.ms for timing in result.timings if timing.phase == "total"), result.execution_time)
    return found if math.isfinite(found) else 0.0


def was_run(result: Result) -> bool:
    """Whether there is a judgement: neither skipped nor blocked."""
    return result.status in _RUN


def summarise(results: Sequence[Result]) -> Summary:
    """The counts of all results and of each kind, tenant and integration."""
    by_kind, by_tenant, by_integration = (_by(part, count, results) for part in _PARTS)
    whole = count(results).model_dump()
    return Summary(**whole, by_kind=by_kind, by_tenant=by_tenant, by_integration=by_integration)


def measure(results: Sequence[Result]) -> Statistics:
    """Times and rates over all results and over each integration, kind and tenant."""
    ran = [result for result in results if was_run(result)]
    by_kind, by_tenant, by_integration = (_by(part, performance, ran) for part in _PARTS)
    overall = performance(ran) if ran else None
    return Statistics(overall=overall, by_kind=by_kind, by_tenant=by_tenant, by_integration=by_integration)


_PARTS: tuple[Callable[[Result], str], ...] = (
    lambda result: result.kind,
    lambda result: result.tenant_id,
    lambda result: result.integration_id,
)


def _by(
    part: Callable[[Result], str], make: Callable[[Sequence[Result]], P], results: Iterable[Result]
) -> dict[str, P]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        groups[part(result)].append(result)
    return {name: make(group) for name, group in groups.items()}


def cover(results: Iterable[Result]) -> tuple[Coverage, ...]:
    """What was met with of each document that contracts are tested by."""
    met: Counter[tuple[str, str, str, str, int]] = Counter()
    for result in results:
        for each in result.covered:
            met[result.integration_id, result.tenant_id, each.document, each.what, each.total] += each.met
    return tuple(
        Coverage(integration_id=id_, tenant_id=tenant, document=document, what=what, met=count, total=total)
        for (id_, tenant, document, what, total), count in met.items()
    )


def count(results: Sequence[Result]) -> Counts:
    """The results by status."""
    statuses: Counter[str] = Counter(result.status for result in results)
    flaky = sum(result.flaky for result in results)
    degraded = sum(result.degraded for result in results)
    return Counts(total=len(results), flaky=flaky, degraded=degraded, **statuses)


def performance(ran: Sequence[Result]) -> Performance:
    """Times and rates over results of checks that were run; at least one."""
    times = sorted(map(response_time, ran))
    statuses = Counter(result.status for result in ran)
    span = (max(result.timestamp for result in ran) - min(result.started_at for result in ran)).total_seconds()
    return Performance(
        count=len(ran),
        average_response_time=_short(sum(times) / len(times)),
        p50=_short(percentile(times, 50)),
        p95=_short(percentile(times, 95)),
        p99=_short(percentile(times, 99)),
        maximum=_short(times[-1]),
        success_rate=round(statuses["passed"] / len(ran), 6),
        error_rate=round((statuses["failed"] + statuses["error"]) / len(ran), 6),
        throughput=_short(len(ran) / span) if span > 0 else 0.0,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest of the ordered values that at least `percent` of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _short(value: float) -> float:
    return round(value, 3)
