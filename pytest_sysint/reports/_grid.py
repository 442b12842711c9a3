"""The grid integration x kind: what a reader looks at second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_sysint.core.records import Health, Result
from pytest_sysint.reports._models import Counts, Document
from pytest_sysint.reports._statistics import count
from pytest_sysint.reports._text import plural

KINDS = ("health", "contract", "dataflow", "security", "resilience", "load", "handwritten")
"""The order of the columns; kinds of other packages follow."""
_WEIGHT = ("failed", "error", "blocked", "degraded", "flaky", "passed", "skipped")


@dataclass(frozen=True, slots=True)
class Cell:
    """The results of one integration and one kind."""

    kind: str
    counts: Counts

    @property
    def state(self) -> str:
        """The weightiest thing that came out; empty when there was nothing."""
        return next((state for state in _WEIGHT if getattr(self.counts, state)), "")

    @property
    def short(self) -> str:
        """How many of it, out of how many: `3/5`; a bare number when it is all of them."""
        found, total = getattr(self.counts, self.state), self.counts.total
        return f"{found}" if found == total else f"{found}/{total}"

    @property
    def text(self) -> str:
        """The same in words: `3 failed, 2 passed`."""
        shown = [f"{number} {state}" for state in _WEIGHT if (number := getattr(self.counts, state))]
        return ", ".join(shown) or "no checks"


@dataclass(frozen=True, slots=True)
class Row:
    """One integration: how it is, and a cell per kind."""

    id: str
    type: str
    provision: str
    """How it came to be there, in words; empty when that is not known."""
    health: Health
    note: str
    """What matters most about it, in a few words; may be empty."""
    root_cause: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """All rows, under the kinds that the run had."""

    kinds: tuple[str, ...]
    rows: tuple[Row, ...]


def grid(document: Document) -> Grid:
    """One row per integration, as declared; those that only results know (hand-written tests) follow."""
    cells: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in document.results:
        cells[result.integration_id, result.kind].append(result)
    present = {kind for _, kind in cells}
    kinds = (*(kind for kind in KINDS if kind in present), *sorted(present - set(KINDS)))
    statuses = {status.id: status for status in document.status.integrations}
    others = sorted({name for name, _ in cells} - statuses.keys())
    blocked = {cause.integration_id: cause.blocked for cause in document.root_causes}

    def row(name: str) -> Row:
        status = statuses.get(name)
        found = tuple(Cell(kind, count(cells.get((name, kind), []))) for kind in kinds)
        return Row(
            id=name,
            type=status.integration_type if status else "",
            provision=status.provision.replace("_", " ") if status else "",
            health=status.health if status else _health(found),
            note=_note(blocked.get(name, 0), status.blocked_by if status else "", status.unavailable if status else ""),
            root_cause=name in blocked,
            cells=found,
        )

    return Grid(kinds, tuple(map(row, (*statuses, *others))))


def _note(holds_up: int, blocked_by: str, unavailable: str) -> str:
    if holds_up:
        return f"root cause of {plural(holds_up, 'blocked check')}"
    if blocked_by:
        return f"blocked by {blocked_by}"
    return "not available" if unavailable else ""


def _health(cells: Sequence[Cell]) -> Health:
    states = {cell.state for cell in cells}
    if states & {"failed", "error"}:
        return "unhealthy"
    if "degraded" in states:
        return "degraded"
    return "healthy" if states & {"passed", "flaky"} else "unknown"
