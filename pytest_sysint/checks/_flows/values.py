"""What the placeholders of one record stand for. Made from the run's id, the seed and the record's number alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

from pytest_sysint.checks._flows.templates import fill, placeholders
from pytest_sysint.core.errors import Mistake, did_you_mean, nearest

CORRELATION = "correlation"
BUILT_IN = frozenset({"index", "uuid", "run", "tenant", "now", "nhs_number"})
PER_RECORD = frozenset({"index", "uuid", "nhs_number"})
"""Those of which no two records of a run have the same."""
SYNTHETIC = "sysint-{run}-{index}"
"""A record's token where the flow says nothing else: it tells that the record is synthetic, and whose."""
_FAKER, _ROW = "faker.", "row."
_PREFIX = "999"
"""NHS numbers that begin so are kept for tests."""
_NHS_NUMBERS = 900_000
_MISSING_FAKER = "needs the Python module 'faker', which is not installed: pip install 'pytest-sysint[flows]'"


def nhs_number(number: int) -> str:
    """The n-th NHS number of the test range, with a valid check digit; they repeat after 900,000."""
    five, choice = divmod(number % _NHS_NUMBERS, 9)
    valid = [digits for last in range(10) if len(digits := _with_check_digit(f"{_PREFIX}{five:05}{last}")) == 10]
    return valid[choice]


def _with_check_digit(nine: str) -> str:
    """The nine digits with the tenth; of nine that have none, longer than ten."""
    total = sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True))
    return f"{nine}{(11 - total % 11) % 11}"


@cache
def _faker(locale: str) -> Any:
    from faker import Faker

    return Faker(locale)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of a flow's records come from, for one attempt."""

    run: str
    """Eight hexadecimal digits of this attempt's own."""
    tenant: str
    token: str = SYNTHETIC
    rows: Sequence[Any] = ()
    seed: int = 0
    locale: str = "en_GB"
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def record(self, index: int) -> Values:
        """The values of the record of that number, from 1."""
        return Values(self, index)


class Values:
    """The values of one record. `captured` holds what was learnt of it on its way."""

    __slots__ = ("_known", "_source", "index")

    def __init__(self, source: Source, index: int) -> None:
        self._source = source
        self.index = index
        self._known: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        """The value of a placeholder.

        Raises:
            KeyError: when it is not known, or not yet.

        """
        if name not in self._known:
            self._known[name] = self._made(name)
        return self._known[name]

    def keep(self, captured: Mapping[str, Any]) -> None:
        """Learn more of the record."""
        self._known.update(captured)

    def _made(self, name: str) -> Any:
        source = self._source
        if name == CORRELATION:
            return str(fill(source.token, self))
        if name.startswith(_FAKER):
            return self._fake(name.removeprefix(_FAKER))
        if name == "row" or name.startswith(_ROW):
            row = source.rows[(self.index - 1) % len(source.rows)]
            return row if name == "row" else row.get(name.removeprefix(_ROW))
        if name == "uuid":
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{source.run}-{source.tenant}-{self.index}"))
        if name == "nhs_number":
            return nhs_number(int(source.run, 16) + self.index)
        plain = {"index": self.index, "run": source.run, "tenant": source.tenant, "now": source.started}
        return plain[name]

    def _fake(self, provider: str) -> Any:
        faker = _faker(self._source.locale)
        # The same seed gives the same record, whatever was asked for before it.
        faker.seed_instance(f"{self._source.seed}-{self.index}-{provider}")
        value = getattr(faker, provider)()
        return value if isinstance(value, (str, int, float, bool)) else str(value)


def unknown(value: Any, *, columns: Iterable[str] | None, more: Iterable[str] = ()) -> list[Mistake]:
    """What is wrong with the placeholders in a value, each with the way to its text.

    `columns` are those of the data, None without data; `more` are names that are known beside the built-in ones.
    """
    known = {*BUILT_IN, *more, *(["row"] if columns is not None else [])}
    mistakes = []
    for path, name in placeholders(value):
        said = _why_not(name, known, columns)
        if said:
            mistakes.append(Mistake(path, said))
    return mistakes


def _why_not(name: str, known: set[str], columns: Iterable[str] | None) -> str:
    if name in known:
        return ""
    if name.startswith(_FAKER):
        return _why_not_faked(name.removeprefix(_FAKER))
    if name.startswith(_ROW):
        if columns is None:
            return f"`{{{name}}}` is a column of `data`, and the flow has none"
        have = set(columns)
        column = name.removeprefix(_ROW)
        return "" if column in have else f"the data has no column '{column}'{did_you_mean(column, have)}"
    return f"nothing is known as `{{{name}}}`{did_you_mean(name, known)}; write `{{{{{name}}}}}` for the text itself"


def _why_not_faked(provider: str) -> str:
    if find_spec("faker") is None:
        return f"`{{faker.{provider}}}` {_MISSING_FAKER}"
    faker = _faker("en_GB")
    offered = [
        name for name in dir(faker) if name.islower() and not name.startswith(("_", "seed", "add_", "get_", "set_"))
    ]
    if provider in offered:
        return ""
    guess = nearest(provider, offered)
    return f"Faker has no '{provider}'" + (f", did you mean 'faker.{guess}'?" if guess else "")
