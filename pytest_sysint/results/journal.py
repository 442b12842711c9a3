"""The journal: one JSON line per record, on disk as soon as it happened, so that a killed run can be recovered.

    {"record":"run","data":{...}}            the first line
    {"record":"integration","data":{...}}
    {"record":"result","data":{...}}
    {"record":"audit","data":{...}}
    {"record":"end","data":{...}}            the last line of a run that came to its end

Writing never raises into a run. What could not be written is kept in memory, tried again with the next record, and
said at the end.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.masking import encode_masked
from pytest_sysint.core.model import Record
from pytest_sysint.core.records import AuditEvent, Gate, IntegrationRecord, Result, Run, RunRecords

DEFAULT_NAME = "sysint.journal.jsonl"
_TAIL = 65536


class End(Record):
    """The last line of a journal: how the run ended."""

    run: Run
    gate: Gate
    notices: tuple[str, ...] = ()


_NAMES: dict[type[Record], str] = {
    Run: "run",
    IntegrationRecord: "integration",
    Result: "result",
    AuditEvent: "audit",
    End: "end",
}


class Journal:
    """Writes the records of one run as they come. Safe to use from many threads; one run writes one journal."""

    def __init__(self, path: Path, run: Run) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._pending: deque[tuple[type[Record], bytes]] = deque()
        self._file: int | None = None
        self._size = 0
        self._closed = False
        self._reason = ""
        self.notice = _set_aside(path)
        """What is to be said about the journal that was found here: an earlier run that was cut short."""
        self.add(run)

    def add(self, record: Run | IntegrationRecord | Result | AuditEvent | End) -> None:
        """Write one record. Never raises; see `problem`."""
        name = _NAMES[type(record)]
        line = f'{{"record":"{name}","data":{encode_masked(record)}}}\n'.encode()
        with self._lock:
            self._pending.append((type(record), line))
            self._write_pending()

    def close(self, run: Run, gate: Gate, notices: tuple[str, ...] = ()) -> str:
        """Write the end and close the file. Returns `problem`."""
        self.add(End(run=run, gate=gate, notices=notices))
        with self._lock:
            self._closed = True
            if self._file is not None:
                try:
                    os.close(self._file)
                except OSError as error:  # network file systems may report a full disk only now
                    self._reason = self._reason or _because(error)
                self._file = None
        return self.problem

    @property
    def problem(self) -> str:
        """A sentence when something could not be written (so far); empty when all is on disk."""
        if not self._reason:
            return ""
        lost = sum(kind is Result for kind, _ in self._pending)
        kept = (
            f"{lost:,} result{'s are' if lost != 1 else ' is'} only in this report" if lost else "all results are in it"
        )
        return f"the journal {self.path} could not be written: {self._reason}; {kept}"

    def _write_pending(self) -> None:
        if self._closed:
            self._reason = "it was closed already"
            return
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            while self._pending:
                self._write_line(self._file, self._pending[0][1])
                self._pending.popleft()
        except OSError as error:
            self._reason = _because(error)
        else:
            self._reason = ""

    def _write_line(self, file: int, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError:
            with suppress(OSError):  # half a line would stand in the way of the next
                os.ftruncate(file, self._size)
                os.lseek(file, self._size, os.SEEK_SET)
            raise
        self._size += len(line)


def _because(error: OSError) -> str:
    in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
    return f"{error.filename} is not a folder" if in_the_way else error.strerror or str(error)


def _set_aside(path: Path) -> str:
    """Keep the journal of an earlier run that did not come to its end, instead of writing over it."""
    try:
        if not path.is_file() or _has_ended(path):
            return ""
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        aside = path.with_name(f"{path.stem}.{written:%Y%m%dT%H%M%S%f}{path.suffix}")
        path.rename(aside)
    except OSError as error:
        lost = f"its journal {path} could not be kept ({_because(error)}) and is written over"
        return f"an earlier run was cut short; {lost}"
    return f"an earlier run was cut short; what it had found is kept in {aside}"


def _has_ended(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        lines = file.read().splitlines()
    return size == 0 or lines[-1].startswith(b'{"record":"end"')


def read(path: Path) -> RunRecords:
    """The records of a journal, also of one whose run was killed: then marked as interrupted and without a verdict.

    Lines that cannot be read are left out and said in the notices. A result that stands there twice counts as last
    written.

    Raises:
        SysintError: when the file cannot be read, or is no journal.

    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise SysintError(f"the journal {path} cannot be read: {_because(error)}") from None
    reader = _Reader(path)
    for number, line in enumerate(lines, 1):
        reader.take(number, line)
    return reader.records()


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._run: Run | None = None
        self._end: End | None = None
        self._integrations: dict[str, IntegrationRecord] = {}
        self._results: dict[str, Result] = {}
        self._audit: list[AuditEvent] = []
        self._notices: list[str] = []

    def take(self, number: int, line: bytes) -> None:
        if not line.endswith(b"\n"):
            self._notices.append(f"the last line of the journal ({number}) was cut short and is left out")
            return
        takers: dict[str, Callable[[Any], None]] = {
            "run": self._take_run,
            "integration": self._take_integration,
            "result": self._take_result,
            "audit": self._take_audit,
            "end": self._take_end,
        }
        try:
            found = json.loads(line)
            takers[found["record"]](found["data"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = "is not of this version's format" if isinstance(error, ValidationError | KeyError) else "is damaged"
            self._notices.append(f"line {number} of the journal {why} and is left out")

    def _take_run(self, data: Any) -> None:
        self._run = Run.model_validate(data)

    def _take_integration(self, data: Any) -> None:
        record = IntegrationRecord.model_validate(data)
        self._integrations[record.id] = record

    def _take_result(self, data: Any) -> None:
        # A metric that was no finite number is written as null; it says nothing.
        metrics = {name: value for name, value in data.get("metrics", {}).items() if value is not None}
        result = Result.model_validate({**data, "metrics": metrics})
        self._results[result.id] = result

    def _take_audit(self, data: Any) -> None:
        self._audit.append(AuditEvent.model_validate(data))

    def _take_end(self, data: Any) -> None:
        self._end = End.model_validate(data)

    def records(self) -> RunRecords:
        if self._run is None:
            raise SysintError(
                f"{self._path} is not a journal: it does not begin with a run",
                hint="give the path of a .jsonl file that pytest --sysint wrote",
            )
        run, gate, said = (
            (self._end.run, self._end.gate, self._end.notices) if self._end else self._cut_short(self._run)
        )
        return RunRecords(
            run=run,
            gate=gate,
            integrations=tuple(self._integrations.values()),
            results=tuple(self._results.values()),
            audit=tuple(self._audit),
            notices=(*said, *self._notices),
        )

    def _cut_short(self, run: Run) -> tuple[Run, Gate, tuple[str, ...]]:
        last = max((result.timestamp for result in self._results.values()), default=run.started_at)
        count = len(self._results)
        reason = f"the run was cut short; {count:,} result{'s' if count != 1 else ''} recovered from its journal"
        gate = Gate(verdict="inconclusive", reasons=(reason,))
        return run.model_copy(update={"interrupted": True, "finished_at": last}), gate, (reason,)
