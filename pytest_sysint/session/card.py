"""What a person reads of a failed check: seen, expected, likely cause, what to do next."""

from __future__ import annotations

from pytest_sysint.core.records import SHARED, Assertion, Exchange, Result

_WIDTH = 100
_EXCHANGE_LINES = 12


def text(result: Result) -> str:
    """The whole card as plain text. Its first line is what pytest repeats in its short summary."""
    tenant = f", tenant {result.tenant_id}" if result.tenant_id != SHARED else ""
    where = f"{result.integration_id} ({result.type}){tenant}"
    headline = _one_line(result.error_message) or f"{result.kind}: {result.name}: {result.status}"
    lines = [headline, f"  check  {result.kind}: {result.name}", f"  on     {where}, severity {result.severity}"]
    if result.description and result.description != result.name:
        lines.append(f"  does   {_one_line(result.description)}")
    lines += _assertions(result.assertions)
    lines += _attempts(result)
    if result.cause:
        lines.append(f"  cause  {result.cause}")
    for exchange in result.exchanges[-1:]:
        lines += _exchange(exchange)
    if result.logs:
        lines += ["  logs", *(f"    {line}" for entry in result.logs for line in entry.rstrip().splitlines())]
    if result.reproduce:
        lines.append(f"  try    {result.reproduce}")
    return "\n".join(lines)


def _assertions(assertions: tuple[Assertion, ...]) -> list[str]:
    lines = []
    for item in assertions:
        mark = "ok  " if item.status == "passed" else "warn" if item.severity == "warn" else "FAIL"
        lines.append(f"  {mark}   {item.message}")
    return lines


def _attempts(result: Result) -> list[str]:
    if len(result.attempts) < 2:
        return []
    tries = ", ".join(f"{item.number}: {item.rung or item.status} after {item.ms:.0f}ms" for item in result.attempts)
    return [f"  tries  {tries}"]


def _exchange(exchange: Exchange) -> list[str]:
    lines = [f"  wire   {exchange.title}"]
    for arrow, content in ((">", exchange.sent), ("<", exchange.received)):
        shown = content.splitlines()
        lines += [f"    {arrow} {line[:_WIDTH]}" for line in shown[:_EXCHANGE_LINES]]
        if len(shown) > _EXCHANGE_LINES:
            lines.append(f"    {arrow} ... {len(shown) - _EXCHANGE_LINES} more lines (in the report)")
    return lines


def _one_line(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= _WIDTH else f"{flat[: _WIDTH - 3]}..."
