"""What the terminal says at the end: a table per integration and kind, what is down and blocks what, the verdict."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from pytest_sysint.core.records import SHARED, Result, RunRecords
from pytest_sysint.reports._statistics import cover

_MARKS = {"passed": "", "failed": "F", "error": "E", "skipped": "s", "blocked": "B"}
_NAME_WIDTH = 32


class Summary:
    """Writes the end of a run to pytest's terminal."""

    def __init__(self, records: RunRecords, written: list[tuple[str, Path]]) -> None:
        self._records = records
        self._written = written

    def write(self, terminal: pytest.TerminalReporter) -> None:
        terminal.write_sep("=", "integrations")
        self._table(terminal)
        self._troubles(terminal)
        self._coverage(terminal)
        for notice in self._records.notices:
            terminal.write_line(f"note: {notice}", yellow=True)
        self._verdict(terminal)
        for name, path in self._written:
            terminal.write_line(f"{name:<5} report: {os.path.relpath(path)}")

    def _table(self, terminal: pytest.TerminalReporter) -> None:
        kinds = list(dict.fromkeys(result.kind for result in self._records.results))
        by_cell: dict[tuple[str, str], list[Result]] = {}
        for result in self._records.results:
            by_cell.setdefault((result.integration_id, result.kind), []).append(result)
        known = {item.id: item for item in self._records.integrations}
        ids = dict.fromkeys(result.integration_id for result in self._records.results)
        width = min(_NAME_WIDTH, max([len(each) for each in ids] or [0]))
        header = f"{'':<{width}}  {'type':<12}" + "".join(f"{kind:>14}" for kind in kinds)
        terminal.write_line(f"{header}  provided")
        for each in ids:
            cells = [by_cell.get((each, kind), []) for kind in kinds]
            first = next(cell[0] for cell in cells if cell)
            how = known[each].provision if each in known else ""
            line = f"{each[:width]:<{width}}  {first.type[:12]:<12}" + "".join(f"{_cell(cell):>14}" for cell in cells)
            terminal.write_line(f"{line}  {how or '-'}", **_colour([r for cell in cells for r in cell]))

    def _troubles(self, terminal: pytest.TerminalReporter) -> None:
        blocked = Counter(result.blocked_by for result in self._records.results if result.status == "blocked")
        for root, count in blocked.items():
            failed = [r for r in self._records.results if r.integration_id == root and r.rung]
            why = min(failed, key=lambda r: r.started_at).error_message if failed else ""
            others = sorted({r.integration_id for r in self._records.results if r.blocked_by == root})
            terminal.write_line(
                f"'{root}' is down and blocks {count} check{'s' if count != 1 else ''} of {', '.join(others)}: {why}",
                red=True,
            )
        for item in self._records.integrations:
            if item.unavailable:
                terminal.write_line(f"not available: {item.id}: {' '.join(item.unavailable.split())}", yellow=True)

    def _coverage(self, terminal: pytest.TerminalReporter) -> None:
        """What of each document was met with: a line for each integration and tenant."""
        lines: dict[tuple[str, str, str], list[str]] = {}
        for each in cover(self._records.results):
            key = (each.integration_id, each.tenant_id, each.document)
            lines.setdefault(key, []).append(f"{each.met} of {each.total} {each.what}")
        for (id_, tenant, document), parts in lines.items():
            whose = "" if tenant == SHARED else f"[{tenant}]"
            terminal.write_line(f"covered: {id_}{whose}: {', '.join(parts)} of {document}")

    def _verdict(self, terminal: pytest.TerminalReporter) -> None:
        counts: Counter[str] = Counter(result.status for result in self._records.results)
        flaky = sum(result.flaky for result in self._records.results)
        degraded = sum(result.degraded for result in self._records.results)
        parts = [f"{counts[status]} {status}" for status in _MARKS if counts[status]]
        parts += [f"{flaky} flaky"] if flaky else []
        parts += [f"{degraded} degraded"] if degraded else []
        gate = self._records.gate
        colour = {"passed": {"green": True}, "blocked": {"red": True}, "inconclusive": {"yellow": True}}[gate.verdict]
        terminal.write_line(
            f"verdict: {gate.verdict} ({', '.join(parts) or 'nothing was judged'})", bold=True, **colour
        )
        if gate.verdict != "passed":
            for reason in gate.reasons:
                terminal.write_line(f"  - {reason}")


def _cell(results: list[Result]) -> str:
    """`8`, `7 1F`, `2B`: how many passed, and how many of each other status."""
    counts: Counter[str] = Counter(result.status for result in results)
    parts = [f"{counts['passed']}"] if counts["passed"] else []
    parts += [f"{counts[status]}{mark}" for status, mark in _MARKS.items() if mark and counts[status]]
    return " ".join(parts) or "."


def _colour(results: list[Result]) -> dict[str, bool]:
    statuses = {result.status for result in results}
    if statuses & {"failed", "error"}:
        return {"red": True}
    return {"yellow": True} if statuses - {"passed"} else {"green": True}
