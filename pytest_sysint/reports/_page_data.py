"""The results and audit events as compact data for the page's script: each text once, defaults left out.

Texts stand in one list and are referred to by their place in it. The script (`templates/data.js`) is the reader of
what is laid out here; the two change together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from pytest_sysint.core.records import SEVERITIES, AuditEvent, Result
from pytest_sysint.reports._cards import Conversation, Room, judgements
from pytest_sysint.reports._models import Document
from pytest_sysint.reports._statistics import response_time, was_run
from pytest_sysint.reports._text import clipped, plain

STATUSES = ("passed", "failed", "error", "skipped", "blocked")
_STATES = ("passed", "failed", "warn")


def page_data(document: Document, in_cards: Collection[int], room: Room) -> str:
    """The JSON text, safe within a `<script>` element. `in_cards`: results whose evidence the page has already."""
    packer = _Packer(document.run.started_at, room)
    results: list[Any] = [None] * len(document.results)
    # Whoever has something to tell is served first, while there is room.
    for number in sorted(range(len(results)), key=lambda place: _plain_pass(document.results[place])):
        results[number] = packer.result(document.results[number], with_evidence=number not in in_cards)
    data = {
        "statuses": STATUSES,
        "severities": SEVERITIES,
        "states": _STATES,
        "start": document.run.started_at.timestamp() * 1000,
        "cards": sorted(in_cards),
        "results": results,
        "audit": [packer.event(event) for event in document.audit],
        "assertions": packer.assertions.rows,
        "phases": packer.phases.rows,
        "texts": packer.texts.rows,
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _plain_pass(result: Result) -> bool:
    return result.status == "passed" and not (result.flaky or result.degraded)


class _Table:
    """Rows by their place, each kept once."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[Any, int] = {}

    def place(self, row: Any) -> int:
        found = self._places.get(row)
        if found is None:
            found = self._places[row] = len(self.rows)
            self.rows.append(row)
        return found


class _Packer:
    def __init__(self, start: datetime, room: Room) -> None:
        self.texts, self.assertions, self.phases = _Table(), _Table(), _Table()
        self._seen: dict[str, int] = {}
        self._start = start
        self._room = room

    def result(self, result: Result, *, with_evidence: bool) -> list[Any]:
        suite, _, item = result.nodeid.rpartition("::")
        flags = result.flaky | result.degraded << 1 | result.measured_alone << 2 | (result.origin == "handwritten") << 3
        row = [
            self._text(clipped(result.name, 300)),
            self._text(result.kind),
            self._text(result.integration_id),
            self._text(result.tenant_id),
            SEVERITIES.index(result.severity),
            STATUSES.index(result.status),
            flags,
            _ms(response_time(result)) if was_run(result) else -1,
            self._offset(result.timestamp),
            self._text(suite),
            self._text(item),
            self._timings(result),
            [self._assertion(*found) for found in self._judged(result)],
        ]
        more = self._more(result, with_evidence=with_evidence)
        return [*row, more] if more else row

    def event(self, event: AuditEvent) -> list[Any]:
        details = json.dumps(event.details, ensure_ascii=False, default=str)
        return [
            self._offset(event.timestamp),
            *map(self._text, (event.action, event.entity_type, event.entity_id, event.tenant_id, event.user_id)),
            self._text(clipped(details, 1000)),
            self._text(event.hash[:12]),
        ]

    def _text(self, text: str) -> int:
        found = self._seen.get(text)
        if found is None:
            found = self._seen[text] = self.texts.place(plain(text))
        return found

    def _offset(self, at: datetime) -> int:
        return round((at - self._start).total_seconds() * 1000)

    def _timings(self, result: Result) -> list[Any]:
        found = [timing for timing in result.timings if timing.phase != "total"]
        names = tuple(self._text(timing.phase) for timing in found)
        return [self.phases.place(names), *(_ms(timing.ms) for timing in found)] if found else []

    def _judged(self, result: Result) -> Iterable[tuple[str, str, str, str, str]]:
        return ((one.name, one.state, one.message, one.expected, one.actual) for one in judgements(result))

    def _assertion(self, name: str, state: str, message: str, expected: str, actual: str) -> int:
        texts = (self._text(message), self._text(expected), self._text(actual))
        return self.assertions.place((self._text(name), _STATES.index(state), *texts))

    def _more(self, result: Result, *, with_evidence: bool) -> dict[str, Any]:
        """What only few results have."""
        texts = {
            "error": result.error_message,
            "cause": result.cause,
            "reproduce": result.reproduce,
            "rung": result.rung,
            "blockedBy": result.blocked_by,
            "skipReason": result.skip_reason,
            "description": result.description,
        }
        more: dict[str, Any] = {name: self._text(clipped(text, 4096)) for name, text in texts.items() if text}
        if result.metrics:
            more["metrics"] = [[self._text(name), _finite(value)] for name, value in result.metrics.items()]
        if len(result.attempts) > 1:
            more["attempts"] = [
                [one.number, _ms(one.ms), STATUSES.index(one.status), self._text(one.message), self._text(one.rung)]
                for one in result.attempts
            ]
        return {**more, **self._evidence(result)} if with_evidence else more

    def _evidence(self, result: Result) -> dict[str, Any]:
        if not (result.exchanges or result.logs):
            return {}
        evidence = self._room.take(result)
        found = {
            "exchanges": [self._exchange(one) for one in evidence.exchanges],
            "logs": [self._text(line) for line in evidence.logs],
            "leftOut": evidence.left_out,
        }
        return {name: value for name, value in found.items() if value}

    def _exchange(self, exchange: Conversation) -> list[Any]:
        texts = (self._text(exchange.title), self._text(exchange.sent), self._text(exchange.received))
        return [*texts, _ms(exchange.ms) if exchange.ms is not None else -1]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no other


def _ms(value: float) -> float:
    """Hundredths of a millisecond are enough for a page, and whole numbers are shorter."""
    short = round(value, 2) if math.isfinite(value) else 0.0
    return int(short) if short == int(short) else short
