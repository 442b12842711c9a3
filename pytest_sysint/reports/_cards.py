"""What is shown of single results: failure cards, and what was blocked under its root cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_sysint.core.records import SEVERITIES, Exchange, Result
from pytest_sysint.reports._models import Document, RootCause
from pytest_sysint.reports._text import clipped, duration, plural, value

MOST_CARDS = 100
"""Failures that are written out as cards; the others open from the table of results."""
_OPEN_CARDS = 5
_MOST_EXCHANGES = 8
_MOST_LOG_LINES = 200
_LONGEST = 4096


class Room:
    """How many characters of exchanges and logs a page may still hold. The JSON report has them all."""

    def __init__(self, characters: int) -> None:
        self._left = characters

    def take(self, result: Result) -> Evidence:
        """The exchanges and logs of a result as far as there is room."""
        exchanges, logs = result.exchanges[:_MOST_EXCHANGES], result.logs[-_MOST_LOG_LINES:]
        texts = [*logs, *(text for found in exchanges for text in (found.sent, found.received))]
        size = sum(min(len(text), _LONGEST) for text in texts)
        if size > self._left:
            return Evidence(left_out=len(result.exchanges) + len(result.logs))
        self._left -= size
        return Evidence(
            exchanges=tuple(map(_readable, exchanges)),
            logs=tuple(clipped(line, 1000) for line in logs),
            left_out=len(result.exchanges) - len(exchanges) + len(result.logs) - len(logs),
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    """An exchange, its texts readable and cut to size."""

    title: str
    sent: str
    received: str
    ms: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Exchanges and logs of one result."""

    exchanges: tuple[Conversation, ...] = ()
    logs: tuple[str, ...] = ()
    left_out: int = 0
    """How many exchanges and log lines only the JSON report has."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the probe ladder, or one phase."""

    name: str
    time: str
    broke: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """One assertion, its values as texts."""

    name: str
    state: str
    """passed, failed or warn."""
    message: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Card:
    """One failure with all that is known about it."""

    index: int
    result: Result
    steps: tuple[Step, ...]
    judgements: tuple[Judgement, ...]
    evidence: Evidence
    open: bool


@dataclass(frozen=True, slots=True)
class BlockedGroup:
    """The checks that could not run because of one integration."""

    cause: RootCause
    places: tuple[str, ...]
    """Whose checks, and how many of which kind: `care-api: 6 health, 4 contract`."""
    names: tuple[str, ...]
    """The first of them, by name."""
    left_out: int


def cards(document: Document, room: Room) -> tuple[Card, ...]:
    """The failures, the weightiest first, those of a root cause before others of the same weight."""
    roots = {cause.integration_id for cause in document.root_causes}
    failed = [(number, found) for number, found in enumerate(document.results) if found.status in ("failed", "error")]
    failed.sort(key=lambda pair: (SEVERITIES.index(pair[1].severity), pair[1].integration_id not in roots))
    return tuple(_cards(failed[:MOST_CARDS], room))


def _cards(failed: Iterable[tuple[int, Result]], room: Room) -> Iterator[Card]:
    seen: set[tuple[str, str]] = set()
    for number, result in failed:
        same = (result.integration_id, result.error_message)
        # What reads the same as a card above stays closed: the reader has understood it.
        is_open = same not in seen and len(seen) < _OPEN_CARDS
        seen.add(same)
        yield Card(number, result, steps(result), judgements(result), room.take(result), is_open)


def steps(result: Result) -> tuple[Step, ...]:
    """The ladder as far as it was climbed; the rung that broke is there also when it has no time."""
    found = [
        Step(timing.phase, duration(timing.ms), timing.phase == result.rung)
        for timing in result.timings
        if timing.phase != "total"
    ]
    if result.rung and not any(step.broke for step in found):
        found.append(Step(result.rung, "", broke=True))
    return tuple(found)


def judgements(result: Result) -> tuple[Judgement, ...]:
    """The assertions, the failed ones first."""
    found = [
        Judgement(
            name=clipped(one.name, 200),
            state="passed" if one.status == "passed" else "warn" if one.severity == "warn" else "failed",
            message=clipped(one.message, 1000),
            expected="" if one.expected is None and one.actual is None else clipped(value(one.expected, one.name), 600),
            actual="" if one.expected is None and one.actual is None else clipped(value(one.actual, one.name), 600),
        )
        for one in result.assertions
    ]
    return tuple(sorted(found, key=lambda one: ("failed", "warn", "passed").index(one.state)))


def blocked_groups(document: Document) -> Iterator[BlockedGroup]:
    """One group per root cause, those that held up most first."""
    for cause in document.root_causes:
        held = [
            found
            for found in document.results
            if found.status == "blocked" and found.blocked_by == cause.integration_id
        ]
        counts: dict[str, Counter[str]] = {}
        for found in held:
            counts.setdefault(found.integration_id, Counter())[found.kind] += 1
        places = (f"{place}: {_shown(kinds)}" for place, kinds in counts.items())
        names = list(dict.fromkeys(f"{found.integration_id} · {found.kind} · {found.name}" for found in held))
        yield BlockedGroup(cause, tuple(places), tuple(names[:30]), max(0, len(names) - 30))


def _shown(kinds: Counter[str]) -> str:
    return ", ".join(plural(number, f"{kind} check") for kind, number in kinds.items())


def _readable(exchange: Exchange) -> Conversation:
    sent, received = clipped(exchange.sent, _LONGEST), clipped(exchange.received, _LONGEST)
    return Conversation(clipped(exchange.title, 500), sent, received, exchange.ms)
