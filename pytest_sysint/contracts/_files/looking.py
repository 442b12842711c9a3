"""Looking into one file: all that is promised of its content, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from pytest_sysint.contracts._files.columns import ColumnPromise, ColumnWatch
from pytest_sysint.contracts._files.rows import Sheet, only_text, rows_of
from pytest_sysint.contracts._files.settings import Checksum, FileKeys
from pytest_sysint.contracts._files.stream import Flaw, Source
from pytest_sysint.core.integration import Observation, Operation, Stopwatch, exchange
from pytest_sysint.core.units import show

_CHECKSUM_ROOM = 2**20
"""A list of the checksums of some ten thousand files."""
_EXTRA_KEPT = 50


@dataclass(slots=True)
class Look:
    """What one file was found to be."""

    exists: bool = True
    sheet: Sheet = field(default_factory=Sheet)
    watches: list[ColumnWatch] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    """Columns that nobody declared."""
    flaw: Flaw | None = None
    """What ended the reading before the end."""
    size: int = 0
    """Bytes read."""
    digest: str = ""
    kept_digest: str = ""
    """What the second file says."""
    checksum_flaw: str = ""


class Inspect(Operation):
    """Reads a file; what it was found to be is the payload."""

    inspect: str = Field(description="Its path.")
    by: Callable[[Any, str, float], Look] = Field(description="How it is looked at.")

    def title(self) -> str:
        return f"read {self.inspect}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch = Stopwatch()
        found = self.by(integration, self.inspect, timeout)
        return Observation(found, {}, watch.phases(), exchange(self.title(), "", _told(found), watch))


def _told(look: Look) -> str:
    if not look.exists:
        return "there is no such file"
    parts = [f"{show(look.size, 'size')}, {look.sheet.rows:,} rows"]
    if look.sheet.names is not None:
        parts.append(f"columns: {', '.join(look.sheet.shown(look.sheet.names))}")
    if look.flaw is not None:
        parts.append(look.flaw.message)
    return "\n".join(parts)


def look_into(
    keys: FileKeys, columns: tuple[ColumnPromise, ...], filled: Mapping[str, str]
) -> Callable[[Any, str, float], Look]:
    """A way to look at a file of these promises. `filled` are the placeholders that do not depend on the file."""

    def by(integration: Any, path: str, timeout: float) -> Look:
        look = Look()
        with integration.opened(path, timeout) as opened:
            if opened is None:
                return Look(exists=False)
            algorithm = keys.checksum.algorithm if keys.checksum else ""
            source = Source(opened[1], path, timeout, keys.limit, algorithm)
            _read(keys, columns, source, look)
        if keys.checksum is not None and look.digest:
            _second_file(keys.checksum, integration, path, filled, look, timeout)
        return look

    return by


def _read(keys: FileKeys, columns: tuple[ColumnPromise, ...], source: Source, look: Look) -> None:
    try:
        if keys.reads_rows:
            _read_rows(keys, columns, source, look)
        else:
            only_text(keys, source)
    except Flaw as flaw:
        look.flaw = flaw
    try:
        look.digest = source.digest() if keys.checksum is not None else ""
    except Flaw as flaw:
        look.checksum_flaw = flaw.message
    look.size = source.size


def _read_rows(keys: FileKeys, columns: tuple[ColumnPromise, ...], source: Source, look: Look) -> None:
    look.watches = [ColumnWatch(each, keys.kind == "csv") for each in columns]
    declared = {_first(each.name) for each in columns}
    for where, row in rows_of(keys, source, look.sheet, [each.name for each in columns]):
        for watch in look.watches:
            watch.take(where, row)
        if look.sheet.names is None and not declared.issuperset(row) and len(look.extra) < _EXTRA_KEPT:
            look.extra += [name for name in row if name not in declared and name not in look.extra]
    if look.sheet.names is not None:
        look.extra = [name for name in look.sheet.names if name not in declared]


def _first(name: str) -> str:
    """The key of a row that a column's name begins with: `name` of `$.name.family`."""
    return name.removeprefix("$").lstrip(".").partition(".")[0].partition("[")[0] if name.startswith("$") else name


def place_of_checksum(checksum: Checksum, path: str, filled: Mapping[str, str]) -> str:
    """Where the checksum of a file is kept."""
    folder, _, name = path.rpartition("/")
    words = {**filled, "path": path, "folder": folder, "name": name, "stem": name.partition(".")[0]}
    found = checksum.file
    for word, text in words.items():
        found = found.replace(f"{{{word}}}", text)
    return found.lstrip("/")


def _second_file(
    checksum: Checksum, integration: Any, path: str, filled: Mapping[str, str], look: Look, timeout: float
) -> None:
    place = place_of_checksum(checksum, path, filled)
    with integration.opened(place, timeout) as opened:
        content = opened[1](_CHECKSUM_ROOM) if opened is not None else None
    if content is None:
        look.checksum_flaw = f"there is no file '{place}', which holds the checksum"
        return
    look.kept_digest = _kept(content.decode("utf-8", "replace"), path.rpartition("/")[2], len(look.digest))
    if not look.kept_digest:
        look.checksum_flaw = f"'{place}' holds no checksum of {checksum.algorithm} for this file"


def _kept(text: str, name: str, length: int) -> str:
    """The digest in a file as `sha256sum` writes it: a line for each file, or the digest alone."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    digests = [words for words in lines if len(words[0]) == length and _is_hex(words[0])]
    named = [words[0] for words in digests if len(words) > 1 and words[-1].lstrip("*").rpartition("/")[2] == name]
    alone = [words[0] for words in digests if len(words) == 1]
    return next(iter([*named, *alone]), "").lower()


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdefABCDEF" for letter in text)
