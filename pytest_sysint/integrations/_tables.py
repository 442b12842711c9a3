"""What databases with tables can be held to: models of `tables`, `views`, `migrations`, and how grave a change is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pytest_sysint.core.description import Change, Drift, Leaf, Section, Spelled
from pytest_sysint.core.model import Declared

_SPACED = re.compile(r" ?([(,]) ?| (?=\))")


def listed(value: Any) -> Any:
    """One name where several may stand is a list of one."""
    return [value] if isinstance(value, str) else value


def lower(value: Any) -> Any:
    """Words whose case and spacing do not matter: `VARCHAR ( 10 )` is `varchar(10)`."""
    if isinstance(value, list):
        return [lower(each) for each in value]
    return _SPACED.sub(r"\1", " ".join(value.lower().split())) if isinstance(value, str) else value


def privileges(value: Any) -> Any:
    """Privileges, whose order and case do not matter."""
    return sorted({str(each).upper() for each in listed(value)})


def by_columns(found: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Keys by their columns, in order; a second one on the same columns is `home_id (2)`."""
    named: dict[str, dict[str, Any]] = {}
    for columns, key in sorted(found, key=lambda each: (each[0], str(each[1]))):
        name, number = columns, 2
        while name in named:
            name, number = f"{columns} ({number})", number + 1
        named[name] = key
    return named


class Column(Declared):
    """What can be promised of a column."""

    shorthand: ClassVar[str] = "type"

    type: Annotated[Any, Spelled(lower)] = Field(None, description="Its type, as the database writes it.")
    nullable: Leaf = Field(None, description="Whether it takes NULL.")
    default: Leaf = Field(None, description="The expression that fills it when nothing is given; null without one.")
    unique: Leaf = Field(None, description="Whether it alone is unique: by a key, a constraint or an index.")
    comment: Leaf = Field(None, description="Its comment; null without one.")


class Unique(Declared):
    """What can be promised of a set of columns that is unique."""

    name: Leaf = Field(None, description="The name of the constraint or index.")


class ForeignKey(Declared):
    """What can be promised of a foreign key."""

    shorthand: ClassVar[str] = "references"

    references: Leaf = Field(None, description="The table and columns that it points to: `homes(id)`.")
    on_delete: Annotated[Any, Spelled(lower)] = Field(None, description="no action, restrict, cascade, set null, ...")
    on_update: Annotated[Any, Spelled(lower)] = Field(None, description="no action, restrict, cascade, set null, ...")
    name: Leaf = Field(None, description="The name of the constraint.")


class CheckConstraint(Declared):
    """What can be promised of a check constraint."""

    shorthand: ClassVar[str] = "expression"

    expression: Leaf = Field(None, description="What it checks, as the database writes it.")


class Index(Declared):
    """What can be promised of an index."""

    shorthand: ClassVar[str] = "columns"

    columns: Annotated[Any, Spelled(listed)] = Field(None, description="Its columns and expressions, in their order.")
    unique: Leaf = Field(None, description="Whether it is unique.")


class Table(Declared):
    """What can be promised of a table."""

    columns: Mapping[str, Column] | None = Field(None, description="Its columns; a text is the type.")
    primary_key: Annotated[Any, Spelled(listed)] = Field(
        None, description="The columns of the primary key; null without one."
    )
    unique: Mapping[str, Unique] | None = Field(
        None, description="What else is unique, by its columns: `nhs_number`, `home, room`."
    )
    foreign_keys: Mapping[str, ForeignKey] | None = Field(
        None, description="Foreign keys by their columns; a text is what they point to."
    )
    checks: Mapping[str, CheckConstraint] | None = Field(None, description="Check constraints by name.")
    indexes: Mapping[str, Index] | None = Field(
        None, description="Indexes by name, those of keys and constraints left out."
    )
    comment: Leaf = Field(None, description="Its comment; null without one.")


class View(Declared):
    """What can be promised of a view."""

    columns: Mapping[str, Column] | None = Field(None, description="Its columns; a text is the type.")
    comment: Leaf = Field(None, description="Its comment; null without one.")


class Migrations(Declared):
    """What can be promised of the migrations that one tool has carried out."""

    shorthand: ClassVar[str] = "version"

    version: Leaf = Field(None, description="The last one that was carried out; of several heads all, joined by ', '.")
    count: Leaf = Field(None, description="How many were carried out.")
    failed: Leaf = Field(None, description="How many failed and were not repaired (Flyway).")
    apps: Mapping[str, Leaf] | None = Field(None, description="The last one of each app (Django).")


LEFT_OUT = frozenset({"columns.*.unique"})
"""It follows from the primary key, `unique` and the indexes."""

_WIDER = frozenset(
    {
        ("smallint", "integer"), ("smallint", "bigint"), ("integer", "bigint"), ("real", "double precision"),
        ("character varying", "text"), ("varchar", "text"), ("character varying", "varchar"),
    }
)  # fmt: skip
_SIZED = frozenset({"character varying", "varchar", "character", "char", "nvarchar", "varbinary", "bit varying"})
_SIZE = re.compile(r"(?P<type>[^(]+)\((?P<size>\d+)\)")


def drift_of_tables(change: Change) -> Drift | None:
    """Where the general rule is wrong for tables and views: mostly, what must be written is breaking for writers."""
    path, before, after = change.path, change.before, change.after
    came = before is None
    if path[-1:] == ("name",):
        return "cosmetic"
    if path[:1] == ("columns",):
        return _drift_of_column(path, before, after)
    if path[:1] == ("indexes",):
        is_refused = came and len(path) == 2 and bool(after.get("unique"))
        return "breaking" if is_refused or (not came and path[-1] == "columns") else None
    if len(path) == 2 and path[0] in ("unique", "checks", "foreign_keys") and came:
        return "breaking"  # what could be written before may be refused now
    return "breaking" if path == ("primary_key",) and came else None


def _drift_of_column(path: tuple[str, ...], before: Any, after: Any) -> Drift | None:
    if len(path) == 2 and before is None:
        return "breaking" if after.get("nullable") is False and after.get("default") is None else "additive"
    if path[2:] == ("type",) and is_wider(before, after):
        return "additive"
    return "additive" if path[2:] == ("default",) and before is None else None


def is_wider(before: Any, after: Any) -> bool:
    """Whether a column of the one type holds every value of the other as it was."""
    (old, old_size), (new, new_size) = _taken_apart(str(before)), _taken_apart(str(after))
    if old == new:
        return old in _SIZED and old_size is not None and (new_size is None or new_size >= old_size)
    return (old, new) in _WIDER and new_size is None


def _taken_apart(written: str) -> tuple[str, int | None]:
    found = _SIZE.fullmatch(written)
    return (found["type"], int(found["size"])) if found else (written, None)


def drift_of_migrations(change: Change) -> Drift | None:
    """That more was carried out is no break in itself: what it did to the tables is told there."""
    return "breaking" if not change.path and change.after is None else "additive"


Ask = Callable[[str], list[dict[str, Any]]]
"""SQL -> its rows."""

_MIGRATION_TABLES = {
    "alembic": "alembic_version",
    "django": "django_migrations",
    "flyway": "flyway_schema_history",
}


def describe_migrations(tables: Collection[str], ask: Ask) -> dict[str, dict[str, Any]]:
    """The section `migrations`, from the tables that the tools keep. `tables` are those that there are."""
    readers = {"alembic": _alembic, "django": _django, "flyway": _flyway}
    there = [tool for tool, table in _MIGRATION_TABLES.items() if table in tables]
    return {tool: readers[tool](ask) for tool in there}


def _alembic(ask: Ask) -> dict[str, Any]:
    heads = sorted(str(row["version_num"]) for row in ask("SELECT version_num FROM alembic_version"))
    return {"version": ", ".join(heads) or None}


def _django(ask: Ask) -> dict[str, Any]:
    rows = ask("SELECT app, name FROM django_migrations ORDER BY id")
    apps = {str(row["app"]): row["name"] for row in rows}
    version = f"{rows[-1]['app']}.{rows[-1]['name']}" if rows else None
    return {"version": version, "count": len(rows), "apps": dict(sorted(apps.items()))}


def _flyway(ask: Ask) -> dict[str, Any]:
    rows = ask("SELECT version, success FROM flyway_schema_history ORDER BY installed_rank")
    versioned = [row for row in rows if row["version"] is not None]
    done = [row for row in versioned if row["success"]]
    return {
        "version": str(done[-1]["version"]) if done else None,
        "count": len(done),
        "failed": len(rows) - sum(bool(row["success"]) for row in rows),
    }


MIGRATIONS = Section(
    "migrations",
    Migrations,
    "What the tools that migrate the database say of it, by tool: alembic, django, flyway.",
    drift_of_migrations,
    frozenset({"count"}),
)
