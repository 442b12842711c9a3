"""What a database behind SQLAlchemy holds, by its inspector: a few questions for all tables together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.description import Section
from pytest_sysint.integrations._sql import plain
from pytest_sysint.integrations._sqlite_description import describe_tables, describe_views
from pytest_sysint.integrations._tables import (
    LEFT_OUT,
    MIGRATIONS,
    Table,
    View,
    by_columns,
    describe_migrations,
    drift_of_tables,
    lower,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector

SECTIONS = (
    Section("tables", Table, "Tables by name, of the default schema.", drift_of_tables, LEFT_OUT),
    Section("views", View, "Views by name, of the default schema.", drift_of_tables, LEFT_OUT),
    MIGRATIONS,
)

Items = dict[str, dict[str, Any]]


def describe(connection: Connection, section: str) -> Items:
    """One section."""
    from sqlalchemy import inspect

    inspector: Inspector = inspect(connection)
    if section == "migrations":
        return describe_migrations(set(inspector.get_table_names()), lambda sql: _rows(connection, sql))
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection, inspector, section)
    return _tables(inspector) if section == "tables" else _views(inspector)


def _of_sqlite(connection: Connection, inspector: Inspector, section: str) -> Items:
    if section == "views":
        return describe_views(lambda sql: _rows(connection, sql))
    checks = {name: _checks(found) for name, found in _by_name(inspector.get_multi_check_constraints).items()}
    return describe_tables(lambda sql: _rows(connection, sql), checks)


def _rows(connection: Connection, sql: str) -> list[dict[str, Any]]:
    return [{key: plain(value) for key, value in row.items()} for row in connection.exec_driver_sql(sql).mappings()]


def _tables(inspector: Inspector) -> Items:
    keys = _by_name(inspector.get_multi_pk_constraint)
    uniques = _by_name(inspector.get_multi_unique_constraints)
    foreign = _by_name(inspector.get_multi_foreign_keys)
    checks = _by_name(inspector.get_multi_check_constraints)
    indexes = _by_name(inspector.get_multi_indexes)
    comments = _by_name(inspector.get_multi_table_comment)
    found: Items = {}
    for name, columns in sorted(_by_name(inspector.get_multi_columns).items()):
        key = list((keys.get(name) or {}).get("constrained_columns") or [])
        own = [each for each in indexes.get(name) or () if not each.get("duplicates_constraint")]
        unique = by_columns(
            (", ".join(each["column_names"]), {"name": each["name"]}) for each in uniques.get(name) or ()
        )
        alone = {key[0]} if len(key) == 1 else set()
        alone |= {columns_ for columns_ in unique if ", " not in columns_}
        alone |= {str(each["column_names"][0]) for each in own if each["unique"] and len(each["column_names"]) == 1}
        found[name] = {
            "columns": _columns(columns, alone, inspector),
            "primary_key": key or None,
            "unique": unique,
            "foreign_keys": _foreign_keys(foreign.get(name) or ()),
            "checks": _checks(checks.get(name) or ()),
            "indexes": _indexes(own),
            "comment": (comments.get(name) or {}).get("text"),
        }
    return found


def _views(inspector: Inspector) -> Items:
    from sqlalchemy.engine.reflection import ObjectKind

    columns = _by_name(lambda: inspector.get_multi_columns(kind=ObjectKind.ANY_VIEW))
    comments = _by_name(lambda: inspector.get_multi_table_comment(kind=ObjectKind.ANY_VIEW))
    return {
        name: {"columns": _columns(found, set(), inspector), "comment": (comments.get(name) or {}).get("text")}
        for name, found in sorted(columns.items())
    }


def _by_name(ask: Callable[[], Mapping[Any, Any]]) -> dict[str, Any]:
    """What the inspector says of each table; nothing where the database has no such thing."""
    try:
        return {str(name): found for (_, name), found in ask().items()}
    except NotImplementedError:
        return {}


def _columns(columns: Iterable[Mapping[str, Any]], alone: set[str], inspector: Inspector) -> Items:
    return {
        str(column["name"]): {
            "type": _type(column["type"], inspector),
            "nullable": bool(column["nullable"]),
            "default": _default(column),
            "unique": column["name"] in alone,
            "comment": column.get("comment"),
        }
        for column in columns
    }


def _type(written: Any, inspector: Inspector) -> str:
    from sqlalchemy.exc import CompileError

    try:
        return str(lower(written.compile(dialect=inspector.dialect)))
    except CompileError:  # SQLite takes columns without a type
        return ""


def _default(column: Mapping[str, Any]) -> str | None:
    if column.get("computed"):
        return f"generated always as ({column['computed']['sqltext']})"
    if column.get("identity"):
        return "generated as identity"
    return None if column.get("default") is None else str(column["default"])


def _foreign_keys(keys: Iterable[Mapping[str, Any]]) -> Items:
    found = []
    for key in keys:
        options = key.get("options") or {}
        told = {
            "references": f"{key['referred_table']}({', '.join(key['referred_columns'])})",
            "on_delete": lower(options.get("ondelete") or "no action"),
            "on_update": lower(options.get("onupdate") or "no action"),
            "name": key["name"],
        }
        found.append((", ".join(key["constrained_columns"]), told))
    return by_columns(found)


def _checks(checks: Iterable[Mapping[str, Any]]) -> Items:
    named = {str(each["name"] or each["sqltext"]): {"expression": str(each["sqltext"])} for each in checks}
    return dict(sorted(named.items()))


def _indexes(indexes: Iterable[Mapping[str, Any]]) -> Items:
    named = {
        str(each["name"]): {
            "columns": list(each.get("expressions") or each["column_names"]),
            "unique": bool(each["unique"]),
        }
        for each in indexes
    }
    return dict(sorted(named.items()))
