"""What is promised of the values of a column, and how they keep it as they go by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from typing import Any
from uuid import UUID

from pytest_sysint.contracts._files.rows import Faults
from pytest_sysint.contracts._files.settings import ColumnKeys
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation, compile_value
from pytest_sysint.expectations.reading import WORDS
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.verdicts import MISSING

COMPARED = 2_000_000
"""How many values are kept to see whether one comes twice; more is said, and is no pass."""
_AS_WRITTEN = frozenset({"matches", "length", "contains"})
"""Matchers of the text itself; the others judge what it says."""
_INTEGER = re.compile(r"[+-]?\d{1,400}")
_DECIMAL = re.compile(r"[+-]?(\d{1,400}(\.\d{1,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ColumnPromise:
    """What is declared of one column. `values`: the matcher's word, and what it expects of each value."""

    name: str
    keys: ColumnKeys
    values: tuple[tuple[str, Expectation], ...] = ()


def read_columns(raw: Mapping[str, Any]) -> tuple[ColumnPromise, ...]:
    """Read the key `columns`.

    Raises:
        Mistakes: everything that is wrong with it, with paths from the map.

    """
    mistakes = Gathered()
    if not raw:
        mistakes.keep(Mistake((), "expected a map of columns, got nothing in it"))
    read = [mistakes.attempt(_read_under, str(name), value) for name, value in raw.items()]
    if mistakes.failed:
        raise Mistakes(*mistakes.found)
    return tuple(each for each in read if each is not None)


def _read_under(name: str, raw: Any) -> ColumnPromise:
    try:
        return _read(name, raw)
    except Mistakes as error:
        raise error.under(name) from None


def _read(name: str, raw: Any) -> ColumnPromise:
    if isinstance(raw, str):
        raw = {"type": raw}
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected a type, or a map of what is promised, got {came(raw)}"))
    mistakes, fields = Gathered(), fields_by_key(ColumnKeys)
    known = {*fields, *WORDS}
    mistakes.keep(*(Mistake((key,), f"unknown key{suggest(str(key), known)}") for key in raw if key not in known))
    keys = mistakes.attempt(read_model, ColumnKeys, {key: raw[key] for key in raw if key in fields})
    judged = {key: {key: raw[key]} for key in raw if key in WORDS and key not in fields}
    if "value" in raw:
        judged["value"] = raw["value"]
    if name.startswith("$"):
        mistakes.attempt(_path, name)
    values = [(word, mistakes.attempt(_matcher, name, word, matcher)) for word, matcher in judged.items()]
    if mistakes.failed or keys is None:
        raise Mistakes(*mistakes.found)
    return ColumnPromise(name, keys, tuple((word, found) for word, found in values if found is not None))


def _path(name: str) -> None:
    try:
        subject(name)
    except ValueError as error:
        raise Mistakes(Mistake((), str(error))) from None


def _matcher(name: str, word: str, raw: Any) -> Expectation:
    try:
        return compile_value(f"columns.{name}.{word}", raw)
    except Mistakes as error:
        raise error.under(word) if word == "value" else error from None


def values_of(promise: ColumnPromise) -> Callable[[Mapping[str, Any]], Any]:
    """Finds the value of the column in a row; MISSING where there is none."""
    if not promise.name.startswith("$"):
        return partial(_named, promise.name)
    path = subject(promise.name)
    return lambda row: path.select(Observation(row)).value


def _named(name: str, row: Mapping[str, Any]) -> Any:
    return row.get(name, MISSING)


@dataclass(slots=True)
class ColumnWatch:
    """Sees the values of one column go by. `written`: they are texts of a CSV file, empty ones null."""

    promise: ColumnPromise
    written: bool
    judged: int = 0
    missing: Faults = field(default_factory=Faults)
    null: Faults = field(default_factory=Faults)
    mistyped: Faults = field(default_factory=Faults)
    twice: Faults = field(default_factory=Faults)
    refused: dict[tuple[int, int], Faults] = field(default_factory=dict)
    _find: Callable[[Mapping[str, Any]], Any] = field(init=False)
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._find = values_of(self.promise)

    def take(self, where: str, row: Mapping[str, Any]) -> None:
        """One row."""
        value = self._find(row)
        if value is MISSING:
            self.missing.add(where)
        elif value is None or (self.written and value == ""):
            self.null.add(where)
        else:
            self._judge(where, value)

    def _judge(self, where: str, value: Any) -> None:
        keys, read = self.promise.keys, value
        self.judged += 1
        if keys.type is not None:
            try:
                read = READ[keys.type](value, keys.format, self.written)
            except (ValueError, TypeError):
                self.mistyped.add(where, value)
                return
        for index, (word, expectation) in enumerate(self.promise.values):
            meant = value if word in _AS_WRITTEN else read
            for number, clause in enumerate(expectation.clauses):
                if not clause.matcher.judge(meant).holds:
                    self.refused.setdefault((index, number), Faults()).add(where, value)
        if keys.unique and len(self._seen) < COMPARED:
            self._compare(where, value)

    def _compare(self, where: str, value: Any) -> None:
        """By eight bytes of each value: a million of them fit into some 80 MiB."""
        mark = int.from_bytes(blake2b(repr(value).encode(), digest_size=8).digest(), "big")
        if mark in self._seen:
            self.twice.add(where, value)
        self._seen.add(mark)

    def assertions(self, tenant: str, *, whole: bool) -> Iterator[Assertion]:
        """What was promised and kept, or not. Unless the file was read as a `whole`, only what was not."""
        for found in self._all(tenant):
            if whole or found.status == "failed":
                yield found

    def _all(self, tenant: str) -> Iterator[Assertion]:
        keys, name, said = self.promise.keys, f"columns.{self.promise.name}", partial(_said, tenant)
        yield said(name, self.missing if keys.required else Faults(), "there in every row", "is not there")
        if not keys.nullable:
            yield said(f"{name}.nullable", self.null, "never null", "is null or empty")
        if not self.judged:
            yield from self._nothing(name, tenant)
            return
        if keys.type is not None:
            form = f" written as {keys.format}" if keys.format else ""
            yield said(f"{name}.type", self.mistyped, f"{keys.type}{form}", f"is no {keys.type}{form}")
        for index, (word, expectation) in enumerate(self.promise.values):
            for number, clause in enumerate(expectation.clauses):
                faults = self.refused.get((index, number), Faults())
                found = said(f"{name}.{word}", faults, clause.matcher.text, f"is not {clause.matcher.text}")
                yield found.model_copy(update={"severity": clause.severity})
        if keys.unique:
            yield self._unique(name, tenant)

    def _nothing(self, name: str, tenant: str) -> Iterator[Assertion]:
        """Where there are no values, none was judged: that is a warning, and no pass."""
        keys = self.promise.keys
        if (keys.type is None and not self.promise.values and not keys.unique) or not self.null.count:
            return
        message = f"nothing could be judged of {name}: each of its {self.null.count:,} values is null or empty"
        yield Assertion(
            name=f"{name}.values", status="failed", message=message, expected="a value", severity="warn",
            tenant_id=tenant,
        )  # fmt: skip

    def _unique(self, name: str, tenant: str) -> Assertion:
        if len(self._seen) >= COMPARED and not self.twice.count:
            message = f"whether {name} is unique is not known: {COMPARED:,} values are compared at most"
            return Assertion(
                name=f"{name}.unique", status="failed", message=message, expected="unique", tenant_id=tenant
            )
        return _said(tenant, f"{name}.unique", self.twice, "unique", "came before")


def _said(tenant: str, name: str, faults: Faults, expected: str, wrong: str) -> Assertion:
    held = not faults.count
    times = f"{faults.count:,} time{'s' if faults.count > 1 else ''}"
    return Assertion(
        name=name,
        status="passed" if held else "failed",
        message=f"{name} is {expected}" if held else f"{name} {wrong}, {times}: {faults}",
        expected=expected,
        actual=expected if held else faults.count,
        tenant_id=tenant,
    )


Reader = Callable[[Any, str, bool], Any]


def _text(value: Any, _format: str = "", _written: bool = True) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any, _format: str, written: bool) -> int:
    if written and _INTEGER.fullmatch(value):
        return int(value)
    if written or isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def _number(value: Any, _format: str, written: bool) -> Any:
    if written and _DECIMAL.fullmatch(value):
        return Decimal(value)
    if written or isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError
    return value


def _boolean(value: Any, _format: str, written: bool) -> bool:
    if written and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    if written or not isinstance(value, bool):
        raise ValueError
    return value


def _date(value: Any, form: str, _written: bool) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if form:
        return datetime.strptime(value, form).date()
    if not _DAY.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


def _datetime(value: Any, form: str, _written: bool) -> datetime:
    if isinstance(value, datetime):
        return value
    if form:
        return datetime.strptime(value, form)
    if len(value) <= len("2026-01-01"):
        raise ValueError
    return datetime.fromisoformat(value)


def _time(value: Any, form: str, _written: bool) -> time:
    if isinstance(value, time):
        return value
    return datetime.strptime(value, form).time() if form else time.fromisoformat(value)


def _uuid(value: Any, _format: str, _written: bool) -> str:
    UUID(_text(value))
    if len(value) != len("01234567-89ab-cdef-0123-456789abcdef"):
        raise ValueError
    return str(value)


def _instance(kind: type) -> Reader:
    def read(value: Any, _format: str, _written: bool) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return read


READ: Mapping[str, Reader] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "uuid": _uuid,
    "list": _instance(list),
    "map": _instance(dict),
}
"""How a value is read as its type; ValueError and TypeError say that it is none."""
