"""One side: an operation that gives rows, and what of each row is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_sysint.checks._reconcile.spool import Row
from pytest_sysint.checks._reconcile.values import Value, column, text
from pytest_sysint.core.capabilities import Batch, Streams
from pytest_sysint.core.errors import Rejected, did_you_mean

_BETWEEN = "\x1f"
_NULL = "\x00"


@dataclass(frozen=True, slots=True)
class Pick:
    """What is taken of each row: a column, or a path of names into a value that is a map."""

    name: str
    read: Callable[[Any], Value] = text

    def of(self, batch: Batch) -> Sequence[Value] | None:
        """The values of a batch; None when it has no such column."""
        columns = batch.columns
        steps: list[str] = []
        first = self.name
        if first not in columns:
            first, *steps = self.name.split(".")
            if first not in columns:
                return None
        at = columns.index(first)
        values = [row[at] for row in batch.rows]
        return column([_follow(value, steps) for value in values] if steps else values, self.read)


def _follow(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


class Reading:
    """One reading of a side, from its first row to its last.

    Args:
        name: how the side is called in messages.

    """

    def __init__(self, name: str, operation: Streams, integration: Any, timeout: float) -> None:
        self.count = 0
        """Rows so far."""
        self._name = name
        self._batches = operation.stream(integration, timeout)
        self._first: Batch | None = next(self._batches, Batch((), ()))
        self.columns: Sequence[str] = self._first.columns
        """The columns of the first rows."""

    def close(self) -> None:
        """Give back what is held."""
        self._batches.close()

    def rows(self, picks: Sequence[Pick]) -> Iterator[list[Row]]:
        """What is picked of each row, in batches.

        Raises:
            CallError: also when a column that is picked is not there.

        """
        never = {pick.name for pick in picks}
        for batch in self._all():
            self.count += len(batch.rows)
            found = [pick.of(batch) for pick in picks]
            absent = {pick.name for pick, values in zip(picks, found, strict=True) if values is None}
            if absent and not batch.sparse:
                raise self._lacks(min(absent), batch.columns)
            never &= absent
            nothing = [None] * len(batch.rows)
            yield list(zip(*(nothing if values is None else values for values in found), strict=True))
        if never and self.count:
            raise self._lacks(min(never), self.columns)

    def _lacks(self, column_name: str, columns: Sequence[str]) -> Rejected:
        return Rejected(
            f"{self._name} has no column '{column_name}'{did_you_mean(column_name, columns)}",
            hint="was it renamed or dropped there, or is it called otherwise in `key` or `compare`?",
        )

    def _all(self) -> Iterator[Batch]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
            yield from self._batches


def digested(rows: list[Row], width: int) -> list[Row]:
    """The same with a checksum of 16 bytes in place of the values behind the key."""
    digest = hashlib.blake2b
    return [
        (
            *row[:width],
            digest(
                _BETWEEN.join([_NULL if value is None else str(value) for value in row[width:]]).encode(
                    "utf-8", "surrogatepass"
                ),
                digest_size=16,
            ).digest(),
        )
        for row in rows
    ]
