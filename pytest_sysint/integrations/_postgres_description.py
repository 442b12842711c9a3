"""What a PostgreSQL database holds: tables, views, extensions, migrations."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pytest_sysint.core.description import Change, Drift, Leaf, Section, Spelled
from pytest_sysint.core.model import Declared
from pytest_sysint.integrations import _tables
from pytest_sysint.integrations._postgres_catalog import EXTENSIONS, TABLES, VIEWS, VISIBLE_TABLES
from pytest_sysint.integrations._tables import (
    LEFT_OUT,
    MIGRATIONS,
    by_columns,
    describe_migrations,
    listed,
    lower,
    privileges,
)

Items = dict[str, dict[str, Any]]

_ALIASES = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "serial": "integer",
    "bigserial": "bigint", "smallserial": "smallint", "bool": "boolean", "varchar": "character varying",
    "char": "character", "decimal": "numeric", "float8": "double precision", "float": "double precision",
    "float4": "real", "varbit": "bit varying",
}  # fmt: skip
_TYPE = re.compile(
    r"(?P<word>[a-z][a-z0-9_ ]*?)\s*(?P<size>\([0-9, ]+\))?(?P<zone> with(?:out)? time zone)?(?P<array>(?:\[\])*)"
)
_TIMES = {"timestamptz": "timestamp", "timetz": "time"}
_PARTS_OF_INDEX = ("columns", "unique", "method", "include", "where", "valid")
_ACTIONS = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}


def canonical_type(value: Any) -> Any:
    """A type as `format_type` writes it: `int` is `integer`, `varchar(20)` is `character varying(20)`."""
    if isinstance(value, list):
        return [canonical_type(each) for each in value]
    found = _TYPE.fullmatch(lower(value)) if isinstance(value, str) else None
    if found is None:
        return value
    word, size, zone, array = found["word"], (found["size"] or "").replace(" ", ""), found["zone"] or "", found["array"]
    if word in _TIMES:
        word, zone = _TIMES[word], " with time zone"
    elif word in _TIMES.values():
        zone = zone or " without time zone"
    return f"{_ALIASES.get(word, word)}{size}{zone}{array}"


class Column(_tables.Column):
    """What can be promised of a column."""

    type: Annotated[Any, Spelled(canonical_type)] = Field(None, description="Its type, by any of its names.")


class Index(_tables.Index):
    """What can be promised of an index."""

    method: Annotated[Any, Spelled(lower)] = Field(None, description="btree, hash, gin, gist, brin, ...")
    include: Annotated[Any, Spelled(listed)] = Field(None, description="Columns that are carried along (INCLUDE).")
    where: Leaf = Field(None, description="The condition of a partial index; null without one.")
    valid: Leaf = Field(None, description="Whether it is used; false after CREATE INDEX CONCURRENTLY failed.")


class Policy(Declared):
    """What can be promised of a policy of row-level security."""

    command: Annotated[Any, Spelled(lower)] = Field(None, description="select, insert, update, delete, all.")
    permissive: Leaf = Field(None, description="False for a restrictive policy.")
    roles: Annotated[Any, Spelled(listed)] = Field(None, description="Whom it is for, in order; PUBLIC is everybody.")
    using: Leaf = Field(None, description="Which rows are seen, as PostgreSQL writes it.")
    check: Leaf = Field(None, description="Which rows may be written, as PostgreSQL writes it.")


class RowSecurity(Declared):
    """What can be promised of a table's row-level security."""

    shorthand: ClassVar[str] = "enabled"

    enabled: Leaf = Field(None, description="Whether it is on.")
    forced: Leaf = Field(None, description="Whether it holds for the owner too.")
    policies: Mapping[str, Policy] | None = Field(None, description="Policies by name.")


Grants = Mapping[str, Annotated[Any, Spelled(privileges)]]


class Table(_tables.Table):
    """What can be promised of a table."""

    columns: Mapping[str, Column] | None = Field(None, description="Its columns; a text is the type.")
    indexes: Mapping[str, Index] | None = Field(None, description="Indexes by name, those of keys left out.")
    grants: Grants | None = Field(None, description="Who but the owner may do what: role -> privileges.")
    row_security: RowSecurity | None = Field(None, description="Row-level security; true or false for `enabled`.")


class View(_tables.View):
    """What can be promised of a view."""

    columns: Mapping[str, Column] | None = Field(None, description="Its columns; a text is the type.")
    grants: Grants | None = Field(None, description="Who but the owner may do what: role -> privileges.")
    materialized: Leaf = Field(None, description="Whether it is a materialized view.")


class Extension(Declared):
    """What can be promised of an extension."""

    shorthand: ClassVar[str] = "version"

    version: Leaf = Field(None, description="The version that is installed in this database.")
    schema_: Leaf = Field(None, alias="schema", description="The schema that holds its objects.")


def drift_of_table(change: Change) -> Drift | None:
    """Where the general rule is wrong."""
    if change.path[:1] == ("row_security",):
        return "breaking"  # somebody sees more or fewer rows than before
    if change.path[:1] == ("grants",) and len(change.path) == 2:
        return "breaking" if set(change.before or ()) - set(change.after or ()) else "additive"
    return _tables.drift_of_tables(change)


def drift_of_extension(change: Change) -> Drift | None:
    """Another version of an extension is worth a look, not a break."""
    return "additive" if change.path == ("version",) else None


def _shown(command: str) -> Callable[[Any, str], str]:
    def by_hand(integration: Any, name: str) -> str:
        psql = str(integration.reproduce_query("SELECT 1", {}))
        return f"{psql.removesuffix(shlex.quote('SELECT 1'))}{shlex.quote(f'{command} {name}')}" if psql else ""

    return by_hand


SECTIONS = (
    Section(
        "tables",
        Table,
        "Tables by name; with their schema where the search path does not lead there.",
        drift_of_table,
        LEFT_OUT,
        by_hand=_shown("\\d+"),
    ),
    Section(
        "views",
        View,
        "Views, materialized ones too, by name; with their schema where the search path does not lead there.",
        drift_of_table,
        LEFT_OUT,
        by_hand=_shown("\\d+"),
    ),
    Section("extensions", Extension, "Extensions by name.", drift_of_extension, by_hand=_shown("\\dx")),
    MIGRATIONS,
)

Ask = Callable[[str], list[dict[str, Any]]]
"""SQL -> its rows."""


def describe(section: str, ask: Ask) -> Items:
    """One section, by one question (`migrations`: one more for each tool that was used)."""
    if section == "migrations":
        return describe_migrations({row["name"] for row in ask(VISIBLE_TABLES)}, ask)
    if section == "extensions":
        return _by_item(ask(EXTENSIONS), lambda row: {"version": row["version"], "schema": row["schema"]})
    return _by_item(ask(TABLES), _table) if section == "tables" else _by_item(ask(VIEWS), _view)


def _by_item(rows: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], dict[str, Any]]) -> Items:
    return dict(sorted((row["item"], read(row)) for row in rows))


def _table(row: dict[str, Any]) -> dict[str, Any]:
    constraints = row["constraints"] or []
    keys = [each for each in constraints if each["type"] == "p"]
    unique = [each for each in constraints if each["type"] == "u"]
    indexes = row["indexes"] or []
    whole = [each for each in indexes if each["unique"] and each["valid"] and each["where"] is None]
    alone = {each["columns"][0] for each in (*keys, *unique, *whole) if len(each["columns"]) == 1}
    return {
        "columns": _columns(row, alone),
        "primary_key": keys[0]["columns"] if keys else None,
        "unique": by_columns((", ".join(each["columns"]), {"name": each["name"]}) for each in unique),
        "foreign_keys": by_columns(_foreign_key(each) for each in constraints if each["type"] == "f"),
        "checks": {each["name"]: {"expression": each["expression"]} for each in constraints if each["type"] == "c"},
        "indexes": {each["name"]: {part: each[part] for part in _PARTS_OF_INDEX} for each in indexes},
        "grants": dict(sorted((row["grants"] or {}).items())),
        "row_security": {
            "enabled": row["secured"],
            "forced": row["forced"],
            "policies": dict(sorted((row["policies"] or {}).items())),
        },
        "comment": row["comment"],
    }


def _view(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "columns": _columns(row, set()),
        "grants": dict(sorted((row["grants"] or {}).items())),
        "materialized": row["materialized"],
        "comment": row["comment"],
    }


def _columns(row: dict[str, Any], alone: set[str]) -> Items:
    return {
        each["name"]: {
            "type": each["type"],
            "nullable": each["nullable"],
            "default": each["default"],
            "unique": each["name"] in alone,
            "comment": each["comment"],
        }
        for each in row["columns"] or []
    }


def _foreign_key(key: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return ", ".join(key["columns"]), {
        "references": f"{key['other']}({', '.join(key['other_columns'])})",
        "on_delete": _ACTIONS[key["on_delete"]],
        "on_update": _ACTIONS[key["on_update"]],
        "name": key["name"],
    }
