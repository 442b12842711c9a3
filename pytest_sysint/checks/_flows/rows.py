"""The records of a data file: CSV, JSON, JSON lines or YAML."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.documents import find_document
from pytest_sysint.declaration.resolving import bare
from pytest_sysint.declaration.yaml_nodes import YamlProblem, parse

MOST = 100_000
"""How many records a flow has at most."""


def _csv(file: TextIO) -> Iterator[Any]:
    for row in csv.DictReader(file):
        yield {name: value for name, value in row.items() if name is not None}


def _json(file: TextIO) -> Iterator[Any]:
    return _listed(json.load(file))


def _lines(file: TextIO) -> Iterator[Any]:
    return (json.loads(line) for line in file if line.strip())


def _yaml(file: TextIO) -> Iterator[Any]:
    return _listed(bare(parse(file.read().encode())))


def _listed(value: Any) -> Iterator[Any]:
    return iter(value if isinstance(value, list) else [value])


READERS: Mapping[str, Callable[[TextIO], Iterator[Any]]] = {
    ".csv": _csv,
    ".json": _json,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".yaml": _yaml,
    ".yml": _yaml,
}
"""The end of a file's name -> how it is read."""


def read_rows(name: str, folder: Path) -> tuple[Any, ...]:
    """The rows of a data file.

    Raises:
        Mistakes: when it is not there, cannot be read, or has no rows.

    """
    path = find_document(name, folder)
    if path.suffix not in READERS:
        raise Mistakes(Mistake((), f"data is read from {', '.join(READERS)}, and this is '{path.name}'"))
    rows = _read(path, path.stat().st_mtime_ns)
    if not rows:
        raise Mistakes(Mistake((), f"the file '{name}' has no rows"))
    return rows


def columns_of(rows: tuple[Any, ...]) -> list[str]:
    """The columns of all rows, in the order in which they are met."""
    return list(dict.fromkeys(str(key) for row in rows if isinstance(row, Mapping) for key in row))


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int) -> tuple[Any, ...]:
    try:
        with path.open(encoding="utf-8", newline="" if path.suffix == ".csv" else None) as file:
            rows = tuple(islice(READERS[path.suffix](file), MOST + 1))
    except (ValueError, csv.Error, YamlProblem) as error:
        raise Mistakes(Mistake((), f"the file '{path.name}' cannot be read as {path.suffix[1:]}: {error}")) from None
    except OSError as error:
        raise Mistakes(Mistake((), f"the file '{path.name}' cannot be read: {error.strerror}")) from None
    if len(rows) > MOST:
        raise Mistakes(Mistake((), f"the file '{path.name}' has more than {MOST:,} rows"))
    return rows


def read_document(name: str, folder: Path) -> Any:
    """The one value in a JSON or YAML file: a template of what is sent.

    Raises:
        Mistakes: when it is not there or cannot be read.

    """
    path = find_document(name, folder)
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else bare(parse(text.encode()))
    except (ValueError, YamlProblem) as error:
        raise Mistakes(Mistake((), f"the file '{name}' cannot be read as {path.suffix[1:]}: {error}")) from None
    except OSError as error:
        raise Mistakes(Mistake((), f"the file '{name}' cannot be read: {error.strerror}")) from None
