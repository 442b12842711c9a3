"""Which files a pattern finds."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic import Field

from pytest_sysint.core.errors import TimedOut
from pytest_sysint.core.integration import Observation, Operation, Stopwatch, exchange
from pytest_sysint.core.units import show

LOOKED_AT = 100_000
"""How many files below the pattern's fixed beginning are looked at; more is said, and is no pass."""
_WILD = re.compile(r"\*\*/|\*\*|\*|\?")
_MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_SHOWN = 20
_NEVER = datetime.min.replace(tzinfo=UTC)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of paths as a regular expression."""
    parts, at = [], 0
    for wild in _WILD.finditer(pattern):
        parts += [re.escape(pattern[at : wild.start()]), _MEANS[wild[0]]]
        at = wild.end()
    return re.compile("".join([*parts, re.escape(pattern[at:])]), re.DOTALL)


def beginning(pattern: str) -> str:
    """What all paths begin with that a pattern finds."""
    wild = _WILD.search(pattern)
    return pattern[: wild.start()] if wild else pattern


class Find(Operation):
    """The files that a pattern finds, newest first: `{path, size, age}` each."""

    find: str = Field(description="The pattern.")

    def title(self) -> str:
        return f"find {self.find}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch, pattern = Stopwatch(), compiled(self.find)
        deadline, found, seen = time.monotonic() + timeout, [], 0
        for entry in integration.walk(beginning(self.find), timeout):
            seen += 1
            if pattern.fullmatch(entry.path):
                found.append(entry)
            if seen > LOOKED_AT:
                break
            if time.monotonic() > deadline:
                within = show(timeout, "duration")
                raise TimedOut(f"the files of {self.find} were not listed within {within}; {seen:,} came", rung="read")
        # Many stores tell whole seconds only: of what was written at once, the last by name is the newest.
        found.sort(key=lambda each: (each.modified is not None, each.modified or _NEVER, each.path), reverse=True)
        rows = [{"path": each.path, "size": each.size, "age": age(each.modified)} for each in found]
        facts = {"count": len(rows), "looked_at": min(seen, LOOKED_AT), "truncated": seen > LOOKED_AT}
        shown = "\n".join(f"{row['size']:>12}  {row['path']}" for row in rows[:_SHOWN])
        said = exchange(self.title(), "", shown or f"none of {seen:,} files", watch)
        return Observation(rows, facts, watch.phases(), said)


def age(modified: datetime | None) -> float | None:
    """Seconds since then; None where the other side does not tell."""
    return None if modified is None else max(0.0, (datetime.now(UTC) - modified).total_seconds())
