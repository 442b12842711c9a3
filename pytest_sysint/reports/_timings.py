"""Where the time went: the slowest checks, and each integration's share per phase."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_sysint.core.records import Result
from pytest_sysint.reports._models import Document, Performance
from pytest_sysint.reports._statistics import response_time, was_run

_SLOWEST = 10
_MOST_INTEGRATIONS = 40
_COLOURS = 8
"""How many phases have a colour of their own in the style sheet; the last is for all others."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One phase within a bar, in thousandths of the longest bar."""

    phase: str
    colour: int
    ms: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The time of one check, or the mean of one integration, by phase."""

    index: int
    """Of the result; -1 for an integration."""
    label: str
    integration: str
    tenant: str
    ms: float
    segments: tuple[Segment, ...]
    performance: Performance | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """What the section draws."""

    phases: tuple[tuple[str, int], ...]
    """(phase, colour) for the legend."""
    slowest: tuple[Bar, ...]
    integrations: tuple[Bar, ...]
    """The slowest by p95 first."""
    left_out: int


def timings(document: Document) -> Timings | None:
    """The section, or None where nothing was run."""
    ran = [(number, result) for number, result in enumerate(document.results) if was_run(result)]
    if not ran:
        return None
    slowest = sorted(ran, key=lambda pair: -response_time(pair[1]))[:_SLOWEST]
    groups: dict[str, list[Result]] = defaultdict(list)
    for _, result in ran:
        groups[result.integration_id].append(result)
    by_p95 = sorted(document.statistics.by_integration.items(), key=lambda item: -item[1].p95)
    shown = by_p95[:_MOST_INTEGRATIONS]
    means = {name: _mean(groups[name]) for name, _ in shown}
    painter = _Painter([*(_phases(result) for _, result in slowest), *means.values()])
    longest, most = response_time(slowest[0][1]), max(found.average_response_time for _, found in shown)
    bars = tuple(
        Bar(
            index=number,
            label=result.name,
            integration=result.integration_id,
            tenant=result.tenant_id,
            ms=response_time(result),
            segments=painter.segments(_phases(result), longest),
        )
        for number, result in slowest
    )
    integrations = tuple(
        Bar(-1, name, name, "", found.average_response_time, painter.segments(means[name], most), found)
        for name, found in shown
    )
    return Timings(painter.legend(), bars, integrations, len(by_p95) - len(shown))


def _phases(result: Result) -> dict[str, float]:
    """Milliseconds per phase; what no phase accounts for is `other`."""
    found: dict[str, float] = defaultdict(float)
    for timing in result.timings:
        if timing.phase != "total" and math.isfinite(timing.ms):
            found[timing.phase] += timing.ms
    rest = response_time(result) - sum(found.values())
    if rest > 0.005:
        found["other"] += rest
    return dict(found)


def _mean(results: Sequence[Result]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for result in results:
        for phase, ms in _phases(result).items():
            total[phase] += ms
    return {phase: ms / len(results) for phase, ms in total.items()}


_ORDER = (
    "dns",
    "resolve",
    "tcp",
    "connect",
    "tls",
    "host_key",
    "authentication",
    "ping",
    "first_byte",
    "read",
    "write",
)
"""The order in which things happen; unknown phases follow."""


class _Painter:
    def __init__(self, bars: Sequence[Mapping[str, float]]) -> None:
        total: dict[str, float] = defaultdict(float)
        for bar in bars:
            for phase, ms in bar.items():
                total[phase] += ms
        total.pop("other", None)
        # Those that took most have a colour of their own; the others share one.
        telling = sorted(total, key=lambda phase: -total[phase])[: _COLOURS - 1]
        self._names = sorted(telling, key=lambda phase: _ORDER.index(phase) if phase in _ORDER else len(_ORDER))

    def legend(self) -> tuple[tuple[str, int], ...]:
        return *((name, colour) for colour, name in enumerate(self._names)), ("other", _COLOURS - 1)

    def segments(self, phases: Mapping[str, float], longest: float) -> tuple[Segment, ...]:
        scale, x, found = 1000 / longest if longest > 0 else 0.0, 0.0, []
        for phase, ms in phases.items():
            width = ms * scale
            colour = self._names.index(phase) if phase in self._names else _COLOURS - 1
            found.append(Segment(phase, colour, ms, round(x, 2), round(width, 2)))
            x += width
        return tuple(found)
