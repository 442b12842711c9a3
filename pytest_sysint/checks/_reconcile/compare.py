"""The comparison: both sides are read once, then bucket by bucket held against each other."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from tempfile import TemporaryFile
from typing import Any

from pytest_sysint.checks._reconcile.plan import Field, Plan
from pytest_sysint.checks._reconcile.side import Pick, Reading, digested
from pytest_sysint.checks._reconcile.spool import BUCKETS, Key, Row, Spool
from pytest_sysint.checks._reconcile.values import READERS
from pytest_sysint.core.errors import TimedOut
from pytest_sysint.core.integration import Stopwatch
from pytest_sysint.core.units import show

EXAMPLES = 10
_TELL_EVERY = 2.0
Values = Mapping[str, tuple[Any, Any]]
"""Field -> (what the source has, what the target has)."""


@dataclass(slots=True)
class Found:
    """Rows of one verdict: how many, and some of them, those with the least keys."""

    count: int = 0
    examples: list[tuple[Any, Values]] = field(default_factory=list)
    """(key, values)"""

    def add(self, key: Key, values: Values | None = None, times: int = 1) -> None:
        """One more."""
        self.count += times
        self.examples.append((key, values or {}))
        if len(self.examples) > 100 * EXAMPLES:
            self.cut()

    def cut(self) -> None:
        """Keep the examples that are shown."""
        self.examples.sort(key=lambda example: _sortable(example[0]))
        del self.examples[EXAMPLES:]


def _sortable(key: Key) -> tuple[str, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple("" if part is None else str(part) for part in parts)


@dataclass(slots=True)
class Comparison:
    """What came of it."""

    source: int = 0
    target: int = 0
    missing: Found = field(default_factory=Found)
    """In the source, and not in the target."""
    unexpected: Found = field(default_factory=Found)
    """In the target, and not in the source."""
    different: Found = field(default_factory=Found)
    duplicated: Found = field(default_factory=Found)
    """Rows beyond the first of their key, at one side or the other."""
    fields: Counter[str] = field(default_factory=Counter)
    """Field -> how many rows differ in it."""
    sampled: int = 0
    """Rows of the sample that are on both sides."""
    only_source: tuple[str, ...] = ()
    only_target: tuple[str, ...] = ()
    """Columns that only one side has, where all are compared."""


class Comparer:
    """Compares two sides.

    Args:
        tell: is told how far it is.

    """

    def __init__(self, plan: Plan, tell: Callable[[str], None], watch: Stopwatch, timeout: float) -> None:
        self._plan = plan
        self._tell = tell
        self._watch = watch
        self._timeout = timeout
        self._told = time.monotonic()
        self._result = Comparison()
        self._width = len(plan.key)

    def compare(self, source: Any, target: Any) -> Comparison:
        """Compare what two live integrations have.

        Raises:
            CallError: what went wrong with either; TimedOut when all of it takes too long.

        """
        plan = self._plan
        with (
            closing(Reading(f"the source ({plan.source.on})", plan.source.operation, source, self._timeout)) as first,
            closing(Reading(f"the target ({plan.target.on})", plan.target.operation, target, self._timeout)) as second,
        ):
            self._watch.lap("open")
            self._plan = self._complete(first.columns, second.columns)
            if self._width:
                self._by_key(first, second)
            else:
                self._count(first, second)
        self._result.source, self._result.target = first.count, second.count
        for found in (self._result.missing, self._result.unexpected, self._result.different, self._result.duplicated):
            found.cut()
        return self._result

    def _complete(self, source: Sequence[str], target: Sequence[str]) -> Plan:
        """The plan with its fields, where all columns are compared."""
        plan = self._plan
        if not plan.everything:
            return plan
        ours = [name for name in source if name not in {*plan.ignore, *(one.source for one in plan.key)}]
        theirs = [name for name in target if name not in {*plan.ignore, *(one.target for one in plan.key)}]
        self._result.only_source = tuple(name for name in ours if name not in theirs)
        self._result.only_target = tuple(name for name in theirs if name not in ours)
        return replace(plan, fields=tuple(Field(name, name) for name in theirs if name in ours))

    def _count(self, *readings: Reading) -> None:
        for reading, phase in zip(readings, ("source", "target"), strict=True):
            for _ in self._timely(reading.rows(()), reading, phase):
                pass

    def _by_key(self, first: Reading, second: Reading) -> None:
        fields = (*self._plan.key, *self._plan.fields)
        ours = [Pick(one.source, READERS[one.read_as]) for one in fields]
        theirs = [Pick(one.target, READERS[one.read_as]) for one in fields]
        with TemporaryFile(prefix="sysint-") as one, TemporaryFile(prefix="sysint-") as other:
            source, target = Spool(one, self._width), Spool(other, self._width)
            samples = [
                self._fill(spool, self._timely(reading.rows(picks), reading, phase))
                for spool, reading, picks, phase in (
                    (source, first, ours, "source"),
                    (target, second, theirs, "target"),
                )
            ]
            for number in range(BUCKETS):
                self._bucket(source, target, number)
            self._watch.lap("compare")
        if self._plan.sample:
            self._compare_samples(*samples)

    def _timely(self, rows: Iterator[list[Row]], reading: Reading, phase: str) -> Iterator[list[Row]]:
        for batch in rows:
            yield batch
            now = time.monotonic()
            if now - self._told > _TELL_EVERY:
                self._told = now
                self._tell(f"{reading.count:,} rows of the {phase} read")
            if self._watch.elapsed() > self._timeout:
                read = f"{reading.count:,} rows of the {phase} were read by then"
                raise TimedOut(f"the sides were not read within {show(self._timeout, 'duration')}; {read}", rung="read")
        self._watch.lap(phase)

    def _fill(self, spool: Spool, batches: Iterator[list[Row]]) -> _Sample:
        plan, sample = self._plan, _Sample(self._plan.sample, self._width)
        for batch in batches:
            if plan.sample:
                sample.add(batch)
            if plan.checksum:
                spool.add(digested(batch, self._width))
            elif plan.sample:
                spool.add([row[: self._width] for row in batch])
            else:
                spool.add(batch)
        return sample

    def _bucket(self, source: Spool, target: Spool, number: int) -> None:
        ours, our_more = source.bucket(number)
        theirs, their_more = target.bucket(number)
        for more in (our_more, their_more):
            for key, times in more.items():
                self._result.duplicated.add(key, times=times)
        if ours == theirs:
            return
        for key in ours.keys() - theirs.keys():
            self._result.missing.add(key)
        for key in theirs.keys() - ours.keys():
            self._result.unexpected.add(key)
        for key, row in ours.items():
            other = theirs.get(key)
            if other is not None and other != row:
                self._differs(key, row, other)

    def _differs(self, key: Key, ours: Row, theirs: Row) -> None:
        if self._plan.checksum:
            self._result.different.add(key)
            return
        values = self._differing(ours, theirs)
        if values:
            self._result.different.add(key, values)
            self._result.fields.update(values.keys())

    def _differing(self, ours: Row, theirs: Row) -> dict[str, tuple[Any, Any]]:
        found = zip(self._plan.fields, ours[self._width :], theirs[self._width :], strict=True)
        return {one.target: (mine, other) for one, mine, other in found if not _same(one, mine, other)}

    def _compare_samples(self, ours: _Sample, theirs: _Sample) -> None:
        mine, others = ours.rows(), theirs.rows()
        for key, row in mine.items():
            other = others.get(key)
            if other is None:
                continue
            self._result.sampled += 1
            values = self._differing(row, other) if other != row else {}
            if not values:
                continue
            if self._plan.checksum:  # counted already; now it is known in what it differs
                self._result.different.examples.append((key, values))
            else:
                self._result.different.add(key, values)
            self._result.fields.update(values.keys())


def _same(one: Field, ours: Any, theirs: Any) -> bool:
    if ours == theirs:
        return True
    if one.tolerance is None or ours is None or theirs is None:
        return False
    try:
        return abs(float(ours) - float(theirs)) <= one.tolerance
    except ValueError:
        return False


class _Sample:
    """The rows whose keys have the least hashes: the same on both sides, whatever their order."""

    def __init__(self, size: int, width: int) -> None:
        self._size = size
        self._width = width
        self._most = 1 << 32
        self._kept: list[tuple[int, Row]] = []

    def add(self, rows: Sequence[Row]) -> None:
        width, most = self._width, self._most
        for row in rows:
            mark = zlib.crc32("\x1f".join(map(str, row[:width])).encode("utf-8", "surrogatepass"))
            if mark < most:
                self._kept.append((mark, row))
        if len(self._kept) > 4 * self._size:
            self._cut()

    def _cut(self) -> None:
        self._kept.sort(key=lambda each: each[0])
        del self._kept[self._size :]
        if len(self._kept) == self._size:
            self._most = self._kept[-1][0] + 1

    def rows(self) -> dict[Key, Row]:
        """Key -> row."""
        self._cut()
        return {(row[0] if self._width == 1 else row[: self._width]): row for _, row in self._kept}
