"""Files as rows: the operation `rows` of all types that keep files, for CSV and JSON lines of any length."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import io
import json
import re
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pytest_sysint.core.capabilities import Batch
from pytest_sysint.core.errors import Garbled, Rejected
from pytest_sysint.core.integration import Observation, Operation, Stopwatch, exchange
from pytest_sysint.integrations._files import MISSING, Files, Reader, outside

BATCH = 2000
_WILD = re.compile(r"[*?\[]")
_ENDS: dict[str, Literal["csv", "jsonl"]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def _named(path: str) -> str:
    said = outside(path) if path and not path.endswith("/") else "the path of a file is needed, not of a folder"
    if said:
        raise PydanticCustomError("sysint", "{text}", {"text": said})
    return path


FilePath = Annotated[str, AfterValidator(_named)]
"""The declared path of one file."""


class Rows(Operation):
    """Read a file of rows, CSV or JSON lines, also where its name ends on `.gz`."""

    rows: FilePath = Field(
        description="The path to read. With `*` in it, all files that fit, by their names, as if they were one."
    )
    format: Literal["csv", "jsonl"] | None = Field(None, description="csv or jsonl; left out, the name's end says it.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="What stands between the values of a CSV row.")
    columns: tuple[str, ...] = Field((), description="The names of the columns, where a CSV file does not begin so.")
    encoding: str = Field("utf-8-sig", description="The encoding of the text.")
    empty: Literal["null", "text"] = Field("null", description="What an empty value of CSV is: null, or an empty text.")
    limit: int = Field(1000, ge=1, description="How many rows are given at most; `truncated` says whether it has more.")

    def title(self) -> str:
        return f"rows of {self.rows}"

    def default_expect(self) -> dict[str, Any]:
        return {"exists": True}

    def perform(self, integration: Any, timeout: float) -> Observation:
        """The payload is the rows as maps. Facts: exists, count, columns, truncated."""
        watch = Stopwatch()
        if not _files_of(integration, self.rows, timeout):
            return Observation(
                None, MISSING, watch.phases(), exchange(self.title(), "", "there is no such file", watch)
            )
        found: list[dict[str, Any]] = []
        columns: dict[str, None] = {}
        stream = self.stream(integration, timeout)
        for batch in stream:
            columns |= dict.fromkeys(batch.columns)
            found += [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
            if len(found) > self.limit:
                break
        stream.close()
        rows = found[: self.limit]
        facts = {"exists": True, "count": len(rows), "columns": [*columns], "truncated": len(found) > self.limit}
        said = exchange(self.title(), "", "\n".join(map(str, rows[:20])), watch)
        return Observation(rows, facts, watch.phases(), said)

    def stream(self, integration: Any, timeout: float) -> Generator[Batch, None, None]:
        """All rows; `limit` does not count here.

        Raises:
            CallError: Rejected when there is no such file, Garbled when it cannot be read as what it should be.

        """
        paths = _files_of(integration, self.rows, timeout)
        if not paths:
            hint = "is it written yet? `list` shows what is there"
            raise Rejected(f"{integration.where}: no file is called '{self.rows}'", code="ENOENT", hint=hint)
        for path in paths:
            with integration.opened(path, timeout) as opened:
                if opened is None:
                    raise Rejected(f"{integration.where}/{path} is not there any more", code="ENOENT")
                yield from self._read(path, opened[1])

    def _read(self, path: str, read: Reader) -> Iterator[Batch]:
        raw = io.BufferedReader(_Raw(read), 1 << 16)
        plain, packed = (path[:-3], True) if path.endswith(".gz") else (path, False)
        content = cast("io.BufferedReader", gzip.GzipFile(fileobj=raw)) if packed else raw
        form = self.format or next((form for end, form in _ENDS.items() if plain.endswith(end)), None)
        if form is None:
            raise Rejected(f"nothing says of what format '{path}' is", hint="add `format: csv` or `format: jsonl`")
        lines = io.TextIOWrapper(content, self.encoding, newline="" if form == "csv" else None)
        try:
            yield from self._csv(path, lines) if form == "csv" else _objects(path, lines)
        except (UnicodeDecodeError, LookupError) as error:
            raise Garbled(f"'{path}' is not text in {self.encoding}: {error}", rung="read") from None
        except (csv.Error, gzip.BadGzipFile, EOFError) as error:
            raise Garbled(f"'{path}' cannot be read as {form}: {error}", rung="read") from None

    def _csv(self, path: str, lines: io.TextIOWrapper) -> Iterator[Batch]:
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        columns = list(self.columns) or next(reader, [])
        if not columns:
            raise Garbled(f"'{path}' is empty: not even a line of column names is there", rung="read")
        while True:
            came = [*islice(reader, BATCH)]
            rows: Sequence[Sequence[Any]] = [row for row in came if row]
            odd = next((row for row in rows if len(row) != len(columns)), None)
            if odd is not None:
                said = f"a row before line {reader.line_num + 1} has {len(odd)} values for {len(columns)} columns"
                raise Garbled(f"'{path}': {said}", rung="read")
            if self.empty == "null":
                rows = [[value or None for value in row] for row in rows]
            yield Batch(columns, rows)
            if len(came) < BATCH:
                return


def _objects(path: str, lines: io.TextIOWrapper) -> Iterator[Batch]:
    """JSON lines. What one of them does not have is null in the rows of its batch."""
    numbered = enumerate(lines, 1)
    while True:
        came = [*islice(numbered, BATCH)]
        found = [_object(path, number, line) for number, line in came if line.strip()]
        columns = list(dict.fromkeys(name for each in found for name in each))
        yield Batch(columns, [[each.get(name) for name in columns] for each in found], sparse=True)
        if len(came) < BATCH:
            return


def _object(path: str, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Garbled(f"'{path}': line {number} is no JSON object", rung="read")
    return value


def _files_of(integration: Files[Any], path: str, timeout: float) -> list[str]:
    """The files that a path names; `*` does not go over slashes."""
    wild = _WILD.search(path)
    if wild is None:
        return [path] if integration.entry(path, timeout) is not None else []
    prefix = path[: wild.start()]
    parts = path.split("/")
    found = (entry.path for entry in integration.walk(prefix, timeout))
    return sorted(
        each
        for each in found
        if len(steps := each.split("/")) == len(parts) and all(map(fnmatch.fnmatchcase, steps, parts))
    )


class _Raw(io.RawIOBase):
    """A file that is read by a function."""

    def __init__(self, read: Reader) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._read(len(buffer))
        buffer[: len(got)] = got
        return len(got)
