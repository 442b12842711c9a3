"""What the SQL databases share: reading a statement, its parameters and its effect; rows as plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from pytest_sysint.core.capabilities import Batch
from pytest_sysint.core.errors import CallError, Rejected, TooLarge, did_you_mean
from pytest_sysint.core.integration import Observation, Operation, Stopwatch, clip, exchange
from pytest_sysint.core.records import Effect

_TOKENS = re.compile(
    r"""
    (?P<quoted>
        --[^\n]* | /\*.*?\*/
      | \b[eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
      | (?<!\w)\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$
    )
  | (?P<cast>::)
  | (?<![\w:]):(?P<name>[A-Za-z_]\w*)
  | (?P<end>;)
  | (?P<word>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_READS = frozenset({"SELECT", "SHOW", "EXPLAIN", "VALUES", "TABLE", "WITH", "DESCRIBE", "DESC", "PRAGMA"})
_SESSION = frozenset(
    {"SET", "RESET", "USE", "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "DISCARD"}
)
_TRANSACTION = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"})
_DESTROYS = frozenset({"DROP", "TRUNCATE", "DELETE"})
_CHANGES = frozenset({"INSERT", "UPDATE", "MERGE", "DELETE", "TRUNCATE", "DROP"})
GIVES_ROWS = frozenset({"SELECT", "WITH", "VALUES", "TABLE"})
"""How statements begin whose rows can be read one after another."""
BATCH = 2000
"""How many rows are read at once of a query whose rows are streamed."""
_ORDER: tuple[Effect, ...] = ("read", "write", "destructive")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script: its words in upper case, without those in quotes and comments."""

    words: tuple[str, ...]
    assigns: bool = False
    """Whether an equals sign stands in it."""

    @property
    def first(self) -> str:
        return self.words[0]

    def effect(self) -> Effect:
        """What it does, as far as its words tell: a function that is called may do anything."""
        words = self.words
        if self.first == "EXPLAIN":
            executed = "ANALYZE" in words or "ANALYSE" in words
            rest = next((at for at, word in enumerate(words) if word in _CHANGES | (_READS - {"EXPLAIN"})), None)
            return Statement(words[rest:]).effect() if executed and rest is not None else "read"
        if self.first in _DESTROYS:
            return "destructive"
        if self.first in _SESSION:
            return "write" if {"GLOBAL", "PERSIST"} & set(words[1:3]) else "read"
        if self.first == "PRAGMA":
            return "write" if self.assigns else "read"
        return self._effect_within() if self.first in _READS else "write"

    def _effect_within(self) -> Effect:
        changes = _CHANGES.intersection(self.words) if self.first == "WITH" else set()
        if changes & _DESTROYS:
            return "destructive"
        locks = {("FOR", "UPDATE"), ("FOR", "SHARE"), ("FOR", "NO"), ("FOR", "KEY")}
        makes = "INTO" in self.words or not locks.isdisjoint(zip(self.words, self.words[1:], strict=False))
        return "write" if changes or makes else "read"


@dataclass(frozen=True, slots=True)
class Script:
    """The text of one or several statements, taken apart."""

    pieces: tuple[tuple[str, str], ...]
    """(text, "") and ("", parameter name), in their order."""
    statements: tuple[Statement, ...]

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it uses."""
        return frozenset(name for _, name in self.pieces if name)

    @property
    def effect(self) -> Effect:
        """The gravest of what its statements do."""
        return max((statement.effect() for statement in self.statements), key=_ORDER.index, default="read")

    @property
    def steers(self) -> bool:
        """Whether it begins or ends transactions of its own."""
        return any(statement.first in _TRANSACTION for statement in self.statements)

    @property
    def marks(self) -> bool:
        """Whether it may leave something behind in the session: a setting, a temporary table, a listener."""
        kept = {"SET", "RESET", "DISCARD", "CREATE", "LISTEN", "PREPARE", "LOAD", "USE", "LOCK"}
        return any(statement.first in kept for statement in self.statements)

    def write(self, placeholder: Callable[[str], str], text: Callable[[str], str] = str) -> str:
        """The script with a driver's placeholders; `text` escapes what stands between them."""
        return "".join(placeholder(name) if name else text(piece) for piece, name in self.pieces)


@lru_cache(maxsize=2048)
def read(text: str) -> Script:
    """Take a script apart. Parameters are `:name`; `::casts`, literals, quoted names and comments are left alone."""
    pieces: list[tuple[str, str]] = []
    statements: list[Statement] = []
    words: list[str] = []
    start = begin = 0
    for token in _TOKENS.finditer(text):
        if token["name"]:
            pieces += [(text[start : token.start()], ""), ("", token["name"])]
            start = token.end()
        elif token["word"]:
            words.append(token["word"].upper())
        elif token["end"]:
            statements += _statement(words, text[begin : token.start()])
            words, begin = [], token.end()
    statements += _statement(words, text[begin:])
    pieces.append((text[start:], ""))
    return Script(tuple(piece for piece in pieces if piece != ("", "")), tuple(statements))


def split(text: str) -> list[str]:
    """The statements of a script one by one, for drivers that take no more than one at a time."""
    ends = [token.start() for token in _TOKENS.finditer(text) if token["end"]]
    parts = [text[begin + 1 : end] for begin, end in zip([-1, *ends], [*ends, len(text)], strict=True)]
    return [part for part in parts if read(part).statements]


def _statement(words: Sequence[str], text: str) -> list[Statement]:
    return [Statement(tuple(words), "=" in text)] if words else []


def check_params(script: Script, params: Mapping[str, Any]) -> str:
    """What is wrong between a script and its parameters; empty when they fit."""
    for name in sorted(script.names - params.keys()):
        return f"the query uses ':{name}', but `params` has no '{name}'{did_you_mean(name, params)}"
    for name in sorted(params.keys() - script.names):
        return f"`params` has '{name}', but the query does not use ':{name}'{did_you_mean(name, script.names)}"
    return ""


class Query(Operation):
    """One SQL statement, or several at once; the rows of the last one that gives any are the payload."""

    query: str
    """The SQL. Parameters are written `:name`."""
    params: dict[str, Any] = Field(default_factory=dict)
    """A value for each parameter of the query."""
    max_rows: int = Field(default=10_000, ge=1)
    """More rows than this are an error, and are not read."""

    @field_validator("query")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not read(text).statements:
            raise ValueError("expected an SQL statement, such as 'SELECT count(*) AS n FROM residents'")
        return text

    @model_validator(mode="after")
    def _params_fit(self) -> Query:
        wrong = check_params(read(self.query), self.params)
        if wrong:
            raise ValueError(wrong)
        return self

    def effect(self) -> Effect:
        return read(self.query).effect

    def title(self) -> str:
        return clip(" ".join(self.query.split()), 200)

    def perform(self, integration: Any, timeout: float) -> Observation:
        found: Observation = integration.query(self.query, self.params, timeout, max_rows=self.max_rows)
        return found

    def stream(self, integration: Any, timeout: float) -> Generator[Batch, None, None]:
        """All rows of the last statement, in batches; `max_rows` does not count here."""
        batches: Generator[Batch, None, None] = integration.stream(self.query, self.params, timeout)
        return batches

    def reproduce(self, integration: Any) -> str:
        return str(integration.reproduce_query(self.query, self.params))


def refuse_params(script: Script, params: Mapping[str, Any]) -> None:
    """Stop a query whose parameters do not fit.

    Raises:
        CallError: with what is wrong.

    """
    wrong = check_params(script, params)
    if wrong:
        raise CallError(wrong, rung="read")


def streamable(text: str, params: Mapping[str, Any]) -> tuple[str, str]:
    """(what is carried out first, the statement whose rows are read).

    Raises:
        CallError: when the parameters do not fit, or it does more than to read.

    """
    script = read(text)
    refuse_params(script, params)
    last = script.statements[-1]
    if script.effect != "read" or script.steers or last.first not in GIVES_ROWS:
        hint = "only a SELECT, WITH, VALUES or TABLE is read row by row; SET and the like may stand before it"
        raise Rejected("the query does more than to read rows, or gives none", hint=hint)
    *before, query = split(text)
    return ";\n".join(before), query


def too_many(limit: int) -> TooLarge:
    """The error for a query with more rows than allowed."""
    return TooLarge(
        f"the query gives more than the {limit:,} rows that are allowed",
        hint="count or filter in SQL, or raise `max_rows`",
    )


def observe(
    text: str, params: Mapping[str, Any], columns: Sequence[str], rows: Iterable[Sequence[Any]], affected: int,
    watch: Stopwatch,
) -> Observation:  # fmt: skip
    """Rows as an observation: a list of maps as payload; facts `count`, `columns`, and `affected` for a change."""
    names = unique(columns)
    payload = [{name: plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
    facts = {"count": len(payload), "columns": names, "affected": affected}
    sent = text.strip() + "".join(f"\n:{name} = {value!r}" for name, value in params.items())
    received = f"{len(payload)} rows" if columns else f"{affected} rows affected"
    shown = "\n".join([received, *(str(row) for row in payload[:20])])
    phases = watch.phases()
    return Observation(payload, facts, phases, exchange(" ".join(text.split()), sent, shown, watch))


def seed_files(path: Any) -> list[Path]:
    """The SQL files of a seed: the file itself, or those of a folder by name.

    Raises:
        Rejected: when there are none.

    """
    place = Path(path)
    files = sorted(place.glob("*.sql")) if place.is_dir() else [place]
    if not files or not all(file.is_file() for file in files):
        raise Rejected(
            f"there is no SQL in the seed '{path}'", rung="write", hint="give a .sql file, or a folder of them"
        )
    return files


def literal(value: Any) -> str:
    """A value as it would be written in SQL by hand."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    text = json.dumps(value) if isinstance(value, Mapping) else str(value)
    return "'" + text.replace("'", "''") + "'"


def unique(columns: Sequence[str]) -> list[str]:
    """Column names of which none is lost: a second `id` becomes `id_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def plain(value: Any) -> Any:
    """A database value as a plain JSON one: numbers stay numbers, times become ISO 8601, bytes hexadecimal text."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return str(value)


def number(value: Decimal) -> int | float | str:
    """An exact decimal as a JSON number: an int where it is whole, and text where it is no number."""
    if not value.is_finite():
        return str(value)
    return int(value) if value == value.to_integral_value() else float(value)
