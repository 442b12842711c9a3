"""What was found of a file, held against what is promised of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_sysint.contracts._files.columns import ColumnPromise
from pytest_sysint.contracts._files.looking import Look
from pytest_sysint.contracts._files.rows import Sheet
from pytest_sysint.contracts._files.settings import FileKeys
from pytest_sysint.core.errors import nearest
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.expectations import Expectation

_SHOWN = 12


class FileVerdict:
    """Judges one file."""

    def __init__(
        self, keys: FileKeys, columns: tuple[ColumnPromise, ...], matchers: Mapping[str, Expectation], tenant: str
    ) -> None:
        self._keys = keys
        self._columns = columns
        self._matchers = matchers
        self._tenant = tenant

    def of_listing(self, row: Mapping[str, Any]) -> Iterator[Assertion]:
        """What the listing tells: age and size."""
        for key in ("age", "size"):
            if key in self._matchers:
                unknown = {"lacking": f"the {key} of {row['path']} is not known: the server does not tell it"}
                seen = Observation(row[key]) if row[key] is not None else Observation(facts=unknown)
                yield from self._matchers[key].judge(seen, self._tenant)

    def of_content(self, look: Look, path: str) -> Iterator[Assertion]:
        """What the content tells."""
        if not look.exists:
            yield self._say("content", False, f"{path} was listed, and is gone", "a file", "gone")
            return
        whole = look.flaw is None
        yield from self._readable(look, path)
        if self._keys.reads_rows:
            yield from self._shape(look, path, whole=whole)
            for watch in look.watches:
                if self._is_there(look, watch.promise.name):
                    yield from watch.assertions(self._tenant, whole=whole)
            yield from self._rows(look, path)
        if self._keys.checksum is not None:
            yield self._checksum(look, path)

    def _readable(self, look: Look, path: str) -> Iterator[Assertion]:
        keys, flaw = self._keys, look.flaw
        if flaw is not None:
            yield self._say(flaw.promise, False, f"{path}: {flaw.message}", self._expected(flaw.promise), flaw.message)
            return
        if keys.encoding:
            yield self._say("encoding", True, f"{path} is {keys.encoding}", keys.encoding, keys.encoding)
        if keys.reads_rows:
            yield self._say("format", True, f"{path} is {keys.kind}", keys.kind, keys.kind)

    def _expected(self, promise: str) -> Any:
        keys = self._keys
        return {"encoding": keys.encoding or "UTF-8", "format": keys.kind, "compression": "gzip"}.get(
            promise, "readable"
        )

    def _is_there(self, look: Look, name: str) -> bool:
        return look.sheet.names is None or name.startswith("$") or name in look.sheet.names

    def _shape(self, look: Look, path: str, *, whole: bool) -> Iterator[Assertion]:
        """Rows that do not fit the columns, columns that are not there, too many, or out of order."""
        ragged, names = look.sheet.ragged, look.sheet.names
        if ragged.count or whole:
            message = f"{path}: {ragged.count:,} rows are out of shape: {ragged}" if ragged.count else "every row fits"
            yield self._say("shape", not ragged.count, message, "every row fits the columns", ragged.count)
        if names is not None:
            yield from self._missing(look.sheet, names, path)
        if self._columns and (whole or look.extra) and self._keys.extra_columns != "ignore":
            yield self._extra(look.sheet.shown(look.extra), path)
        if self._keys.ordered and names is not None:
            yield self._order(names, path)

    def _missing(self, sheet: Sheet, names: list[str], path: str) -> Iterator[Assertion]:
        there = f"{'is its first line a header? ' if sheet.headless else ''}there is: {_listed(sheet.shown(names))}"
        for column in self._columns:
            if column.keys.required and column.name not in names and not column.name.startswith("$"):
                guess = nearest(column.name, names)
                ask = f", did you mean '{guess}'?" if guess else ""
                message = f"{path} has no column '{column.name}'{ask} ({there})"
                yield self._say(f"columns.{column.name}", False, message, "there in every row", "not there")

    def _extra(self, extra: list[str], path: str) -> Assertion:
        said = f"has columns that are not declared: {_listed(extra)}" if extra else "has the declared columns only"
        found = self._say("extra_columns", not extra, f"{path} {said}", "the declared columns only", extra)
        return found.model_copy(update={"severity": self._keys.extra_columns}) if extra else found

    def _order(self, names: list[str], path: str) -> Assertion:
        declared = [column.name for column in self._columns]
        there = [name for name in names if name in declared]
        expected = [name for name in declared if name in names]
        message = f"{path} has its columns in the order {_listed(there)}, expected {_listed(expected)}"
        return self._say("ordered", there == expected, message, expected, there)

    def _rows(self, look: Look, path: str) -> Iterator[Assertion]:
        unknown = f"how many rows {path} has is not known: {look.flaw.message}" if look.flaw is not None else ""
        seen = Observation(facts={"lacking": unknown}) if unknown else Observation(look.sheet.rows)
        if "rows" in self._matchers:
            yield from self._matchers["rows"].judge(seen, self._tenant)
        if self._keys.trailer is not None:
            yield self._trailer(look, path, unknown)

    def _trailer(self, look: Look, path: str, unknown: str) -> Assertion:
        sheet, trailer = look.sheet, self._keys.trailer
        assert trailer is not None
        beside = {"header": sheet.header_lines, "trailer": 1}
        counted = sheet.rows + sum(beside[name] for name in trailer.includes)
        if unknown:
            return self._say("trailer", False, unknown, "the number of rows", None)
        if sheet.trailer_says is None:
            message = f"{path} has no trailer that says how many rows there are; there stands {sheet.trailer_seen}"
            return self._say("trailer", False, message, counted, None)
        held = sheet.trailer_says == counted
        message = f"the trailer of {path} says {sheet.trailer_says:,}, and there are {counted:,}"
        return self._say("trailer", held, message, counted, sheet.trailer_says)

    def _checksum(self, look: Look, path: str) -> Assertion:
        held = bool(look.digest) and look.digest == look.kept_digest
        said = look.checksum_flaw or f"it is {look.digest}, and {look.kept_digest} is kept"
        message = f"the checksum of {path} is the one that is kept" if held else f"the checksum of {path}: {said}"
        return self._say("checksum", held, message, look.kept_digest or "a checksum", look.digest)

    def _say(self, name: str, held: bool, message: str, expected: Any, actual: Any) -> Assertion:
        return Assertion(
            name=name,
            status="passed" if held else "failed",
            message=message,
            expected=expected,
            actual=actual,
            tenant_id=self._tenant,
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f", ... ({len(names)} in all)" if len(names) > _SHOWN else "")
