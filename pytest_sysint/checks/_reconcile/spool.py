"""Rows of one side on disk, in buckets by their keys, so that two sides can be compared a bucket at a time."""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any

BUCKETS = 256
_IN_MEMORY = 20_000

Row = tuple["str | bytes | None", ...]
"""The values of the key, then the others."""
Key = Any
"""The value of a key of one column, or a tuple of them."""


class Spool:
    """Takes rows in any order.

    Args:
        file: where they are put; `tempfile.TemporaryFile`, whose file has no name, leaves nothing whatever happens.
        width: how many values a row's key has.

    """

    def __init__(self, file: IO[bytes], width: int) -> None:
        self._file = file
        self._width = width
        self._waiting: list[list[Row]] = [[] for _ in range(BUCKETS)]
        self._kept = 0
        self._parts: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]

    def add(self, rows: Sequence[Row]) -> None:
        """Put rows away."""
        waiting = self._waiting
        if self._width == 1:
            for row in rows:
                waiting[hash(row[0]) % BUCKETS].append(row)
        else:
            for row in rows:
                waiting[hash(row[: self._width]) % BUCKETS].append(row)
        self._kept += len(rows)
        if self._kept >= _IN_MEMORY:
            self._write()

    def _write(self) -> None:
        for bucket, rows in enumerate(self._waiting):
            if rows:
                self._parts[bucket].append((self._file.tell(), self._file.write(marshal.dumps(rows))))
        self._waiting = [[] for _ in range(BUCKETS)]
        self._kept = 0

    def bucket(self, number: int) -> tuple[dict[Key, Row], Counter[Key]]:
        """(the first row of each key, how many more there are of a key) of one bucket. After it nothing is added."""
        if self._kept:
            self._write()
        found: dict[Key, Row] = {}
        more: Counter[Key] = Counter()
        for rows in self._read(number):
            keyed = self._keyed(rows)
            if len(keyed) == len(rows) and keyed.keys().isdisjoint(found.keys()):
                found |= keyed
                continue
            for row in rows:
                key = row[0] if self._width == 1 else row[: self._width]
                if key in found:
                    more[key] += 1
                else:
                    found[key] = row
        return found, more

    def _keyed(self, rows: list[Row]) -> dict[Key, Row]:
        if self._width == 1:
            return {row[0]: row for row in rows}
        return {row[: self._width]: row for row in rows}

    def _read(self, number: int) -> Iterator[list[Row]]:
        for place, size in self._parts[number]:
            self._file.seek(place)
            yield marshal.loads(self._file.read(size))  # noqa: S302 - what this process wrote, into a file without a name
