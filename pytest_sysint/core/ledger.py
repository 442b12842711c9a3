"""What must still be undone: a file that is written before each write, so that no crash leaves anything behind unknown.

One JSON object a line, appended and on the disk before the write that it is about. An entry holds no operation and no
secret: the check that made it (found again in the declaration), and the few values by which a record is known.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pytest_sysint.core.errors import SysintError, UsageError
from pytest_sysint.core.secrets import redact_value

Item = Mapping[str, Any]
"""The values by which one record is known: `{"correlation": "sysint-0a1b2c3d-1"}`."""
LEDGERS = "ledger"
"""The folder within that of the reports."""
SUFFIX = ".jsonl"


class Gone(SysintError):
    """Where something was written is not there any longer, with all that it held: there is nothing to undo."""


class Page(Protocol):
    """The part of a ledger that belongs to one check."""

    def promise(self, items: Sequence[Item]) -> str:
        """Write down that these are about to be written; gives the name of the entry, when it is on the disk."""

    def learn(self, entry: str, number: int, more: Item) -> None:
        """More is known of the n-th item of an entry than when it was promised."""

    def undone(self, entry: str, numbers: Sequence[int]) -> None:
        """These items of an entry are gone again."""

    def held(self) -> AbstractContextManager[None]:
        """From before the first promise until all is undone: the end of the run waits for it."""


@dataclass(slots=True)
class Entry:
    """Several records of one check that were written, or were about to be."""

    id: str
    check: Mapping[str, str]
    """integration, kind, slug, tenant: which check it is."""
    about: Mapping[str, Any]
    """Where it came from: run, declaration, environment, and the places that the check writes to."""
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Those that are not undone yet, by their number."""


class Ledger:
    """One file. Safe to use from many threads of one process; it is gone when nothing is left to be undone."""

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        self.run = run
        self._file: Any = None
        self._count = 0
        self._open: dict[str, Entry] = {}
        self._busy = 0
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)

    def promise(self, check: Mapping[str, str], about: Mapping[str, Any], items: Sequence[Item]) -> str:
        """A new entry; see `Page.promise`.

        Raises:
            OSError: when it cannot be written: then nothing may be written anywhere else.

        """
        with self._lock:
            self._count += 1
            entry = Entry(f"{self.run}-{self._count}", check, {"run": self.run, **about})
            entry.items = {number: dict(item) for number, item in enumerate(items)}
            self._append(
                {
                    "entry": entry.id,
                    "check": dict(check),
                    "about": dict(entry.about),
                    "items": list(entry.items.values()),
                },
                sync=True,
            )
            self._open[entry.id] = entry
            return entry.id

    def learn(self, entry: str, number: int, more: Item) -> None:
        """See `Page.learn`."""
        with self._lock:
            if entry in self._open and number in self._open[entry].items:
                self._open[entry].items[number].update(more)
                self._append({"entry": entry, "learnt": {str(number): dict(more)}}, sync=True)

    def undone(self, entry: str, numbers: Sequence[int]) -> None:
        """See `Page.undone`."""
        with self._lock:
            found = self._open.get(entry)
            if found is None or not numbers:
                return
            for number in numbers:
                found.items.pop(number, None)
            self._append({"entry": entry, "undone": list(numbers)}, sync=False)
            if not found.items:
                del self._open[entry]

    def left(self) -> list[Entry]:
        """What is not undone yet."""
        with self._lock:
            return list(self._open.values())

    @contextmanager
    def held(self) -> Iterator[None]:
        """See `Page.held`; `wait` waits for it."""
        with self._lock:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def wait(self, patience: float) -> None:
        """Until nobody has anything to undo any longer, or nothing was undone for `patience` seconds."""
        with self._idle:
            while self._busy:
                before = self._remaining()
                self._idle.wait_for(lambda: not self._busy, patience)
                if self._busy and self._remaining() >= before:
                    return

    def _remaining(self) -> int:
        return sum(len(entry.items) for entry in self._open.values())

    def close(self) -> None:
        """Close the file; remove it when nothing is left in it."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
                if not self._open:
                    self.path.unlink(missing_ok=True)
                    with suppress(OSError):
                        self.path.parent.rmdir()

    def _append(self, line: Mapping[str, Any], *, sync: bool) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        self._file.write(json.dumps(redact_value(line), default=str) + "\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())


def find_ledgers(paths: Iterable[Path]) -> list[Path]:
    """The ledger files among and below these paths."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_file():
            found[path] = None
        elif path.is_dir():
            found.update(dict.fromkeys(sorted(path.glob(f"{LEDGERS}/*{SUFFIX}"))))
    return list(found)


def is_in_use(path: Path) -> bool:
    """Whether the run that writes a ledger still goes on: its process holds a lock on the file."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def read_ledger(path: Path) -> tuple[list[Entry], int]:
    """What is left to be undone in a file, and how many lines of it cannot be read (the last may be cut off).

    Raises:
        UsageError: when the file cannot be read.

    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(f"the ledger {path} cannot be read: {error.strerror}") from None
    entries: dict[str, Entry] = {}
    broken = 0
    for line in filter(str.strip, lines):
        try:
            _take(json.loads(line), entries)
        except (ValueError, KeyError, TypeError, AttributeError):
            broken += 1
    return [entry for entry in entries.values() if entry.items], broken


def _take(said: Mapping[str, Any], entries: dict[str, Entry]) -> None:
    name = said["entry"]
    if "items" in said:
        entries[name] = Entry(
            name, said["check"], said["about"], {n: dict(item) for n, item in enumerate(said["items"])}
        )
        return
    entry = entries[name]
    for number, more in said.get("learnt", {}).items():
        if int(number) in entry.items:
            entry.items[int(number)].update(more)
    for number in said.get("undone", ()):
        entry.items.pop(int(number), None)


def mark_undone(path: Path, done: Mapping[str, Sequence[int]]) -> None:
    """Add to a file of an earlier run that these items are gone; remove it when nothing is left in it."""
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")  # the last line may have been cut off
        for entry, numbers in done.items():
            file.write(json.dumps({"entry": entry, "undone": list(numbers)}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    entries, _ = read_ledger(path)
    if not entries:
        path.unlink()
