"""The rows of a file, format by format, and what its last line says of them."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any

from pytest_sysint.contracts._files.outline import outline
from pytest_sysint.contracts._files.settings import FileKeys, Trailer
from pytest_sysint.contracts._files.stream import Flaw, Source, decoded, lines, unpacked
from pytest_sysint.core.integration import Observation
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.values import is_integral, number
from pytest_sysint.expectations.verdicts import MISSING, Many

_BATCH = 4096
_EXAMPLES = 3
_NO_COUNT = 10**9
"""So large a number counts no rows: it is some value of the last one, such as somebody's NHS number."""


@dataclass(slots=True)
class Faults:
    """How often something was wrong, and the first times that it was."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, where: str, value: Any = MISSING) -> None:
        """Count one."""
        self.count += 1
        if len(self.shown) < _EXAMPLES:
            self.shown.append(where if value is MISSING else f"{where}: {outline(value)}")

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.shown) else ""
        return f"{'; '.join(self.shown)}{more}"


@dataclass(slots=True)
class Sheet:
    """What became known while the rows went by."""

    names: list[str] | None = None
    """The columns, where the file names them for all rows."""
    headless: bool = False
    """Whether the line that should name the columns names none of those declared: it may be a row, about people."""
    rows: int = 0
    ragged: Faults = field(default_factory=Faults)
    """Rows that have more or fewer values than there are columns, or are no maps."""
    trailer_says: int | None = None
    trailer_seen: str = "nothing"
    """How what stands where the trailer should looks."""
    header_lines: int = 0

    def shown(self, names: list[str]) -> list[str]:
        """Names of columns as they may be told."""
        return [outline(name) for name in names] if self.headless else names


Row = tuple[str, dict[str, Any]]
"""Where it stands, in words; and its values."""


def rows_of(keys: FileKeys, source: Source, sheet: Sheet, names: list[str]) -> Iterator[Row]:
    """The rows of a file; fills the sheet on the way. `names` are the columns that are declared.

    Raises:
        Flaw: where it cannot be read further.

    """
    chunks = source.chunks()
    content = unpacked(chunks, keys.limit) if keys.gzipped else chunks
    if keys.kind == "parquet":
        return _parquet(content, sheet)
    texts = decoded(content, keys.encoding)
    if keys.kind == "json":
        return _document(texts, keys, sheet)
    return (_separated if keys.kind == "csv" else _objects)(lines(texts), keys, sheet, names)


def only_text(keys: FileKeys, source: Source) -> None:
    """Read a file whose rows nobody wants to know of: whether it is what its encoding says."""
    chunks = source.chunks()
    content = unpacked(chunks, keys.limit) if keys.gzipped else chunks
    for _ in decoded(content, keys.encoding) if keys.encoding else content:
        pass


def _separated(texts: Iterator[str], keys: FileKeys, sheet: Sheet, names: list[str]) -> Iterator[Row]:
    def counted_by(line: str) -> Any:
        values = next(csv.reader([line], delimiter=keys.separator, quotechar=keys.quote), [])
        at = keys.trailer.field if keys.trailer is not None else None
        return values[at - 1] if isinstance(at, int) and at <= len(values) else None

    reader = csv.reader(
        _without_trailer(texts, keys.trailer, counted_by, sheet),
        delimiter=keys.separator,
        quotechar=keys.quote,
        strict=True,
    )
    records = _records(reader)
    sheet.names = names if not keys.header else _header(next(records, (0, None))[1], sheet)
    sheet.headless = keys.header and not set(names) & set(sheet.names)
    width = len(sheet.names)
    for line, values in records:
        sheet.rows += 1
        if len(values) != width:
            sheet.ragged.add(f"line {line:,} has {len(values)} values, of {width} columns")
        yield f"line {line:,}", dict(zip(sheet.names, values, strict=False))


def _header(values: list[str] | None, sheet: Sheet) -> list[str]:
    if values is None:
        raise Flaw("format", "it is empty: there is no header that names the columns")
    twice = next((index for index, name in enumerate(values) if name in values[:index]), None)
    if twice is not None:
        first = values.index(values[twice])
        raise Flaw("format", f"the header names column {twice + 1} as column {first + 1}: one name stands there twice")
    sheet.header_lines = 1
    return values


def _records(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV reader that hold anything, with the line on which each ends."""
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Flaw("format", f"it is no CSV of that sort: line {reader.line_num:,}: {error}") from None
        if values:
            yield reader.line_num, values


def _objects(texts: Iterator[str], keys: FileKeys, sheet: Sheet, _names: list[str]) -> Iterator[Row]:
    def counted_by(line: str) -> Any:
        try:
            return _at(str(keys.trailer.field if keys.trailer is not None else ""), json.loads(line))
        except ValueError:
            return None

    for line, text in enumerate(_without_trailer(texts, keys.trailer, counted_by, sheet), start=1):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Flaw("format", f"line {line:,} is no JSON: {error}") from None
        yield from _map(value, f"line {line:,}", sheet)


def _map(value: Any, where: str, sheet: Sheet) -> Iterator[Row]:
    sheet.rows += 1
    if isinstance(value, dict):
        yield where, value
    else:
        sheet.ragged.add(f"{where} is no map", value)


def _document(texts: Iterable[str], keys: FileKeys, sheet: Sheet) -> Iterator[Row]:
    try:
        document = json.loads("".join(texts))
    except (ValueError, RecursionError) as error:
        raise Flaw("format", f"it is no JSON: {error}") from None
    if keys.trailer is not None:
        _counted(_at(str(keys.trailer.field), document), sheet)
    found = _at(keys.records, document) if keys.records else document
    rows = list(found) if isinstance(found, Many) else found
    if not isinstance(rows, list):
        seen = "nothing" if found is MISSING else outline(found)
        raise Flaw("format", f"expected a list of rows at {keys.records or '$'}, and there is {seen}")
    for index, value in enumerate(rows):
        yield from _map(value, f"row {index + 1:,}", sheet)


def _at(path: str, value: Any) -> Any:
    """What stands at a path or key; MISSING for nothing."""
    if path.startswith("$"):
        return subject(path).select(Observation(value)).value
    return value.get(path, MISSING) if isinstance(value, dict) else MISSING


def _parquet(chunks: Iterable[bytes], sheet: Sheet) -> Iterator[Row]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise Flaw(
            "format", "Parquet cannot be read here: pyarrow is not installed; pip install 'pytest-sysint[parquet]'"
        ) from None
    with TemporaryFile() as kept:  # what is where in it stands at its end
        for chunk in chunks:
            kept.write(chunk)
        try:
            file = parquet.ParquetFile(kept)
            sheet.names = list(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in _microseconds(batch).to_pylist():
                    sheet.rows += 1
                    yield f"row {sheet.rows:,}", values
        except (pa.ArrowException, OSError) as error:
            raise Flaw("format", f"it is no Parquet file: {str(error).splitlines()[0]}") from None
        except (ValueError, OverflowError):  # their texts hold the value
            said = f"after row {sheet.rows:,} stands a value that cannot be read, such as a year beyond 9999"
            raise Flaw("format", said) from None


def _microseconds(batch: Any) -> Any:
    """Times of nanoseconds without what Python's own times cannot hold."""
    import pyarrow as pa

    schema = batch.schema
    for index, column in enumerate(schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            schema = schema.set(index, column.with_type(pa.timestamp("us", column.type.tz)))
    return batch if schema is batch.schema else pa.Table.from_batches([batch]).cast(schema, safe=False)


def _without_trailer(
    texts: Iterator[str], trailer: Trailer | None, counted_by: Callable[[str], Any], sheet: Sheet
) -> Iterator[str]:
    """The lines before the trailer. The last line is one of them when it is no trailer."""
    if trailer is None:
        yield from texts
        return
    held: list[str] = []
    for text in texts:
        if text.strip():
            yield from held
            held.clear()
        held.append(text)
    line = held[0].rstrip("\r\n") if held else ""
    if not _counted(_by_pattern(trailer.pattern, line) if trailer.pattern else counted_by(line), sheet):
        yield from held
    if line:
        sheet.trailer_seen = outline(line)


def _by_pattern(pattern: str, line: str) -> Any:
    found = re.search(pattern, line)
    return found[1] if found else None


def _counted(said: Any, sheet: Sheet) -> bool:
    """Keep what the trailer says, when it is a number."""
    found = None if said is MISSING else number(said)
    sheet.trailer_seen = "nothing" if said is MISSING or said is None else outline(said)
    counts = found is not None and is_integral(found) and 0 <= found < _NO_COUNT
    sheet.trailer_says = int(found) if found is not None and counts else None
    return counts
