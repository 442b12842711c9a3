"""What a SQLite database holds, from its pragmas: SQLAlchemy reads much of that out of the text of CREATE TABLE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_sysint.integrations._tables import by_columns, lower

Items = dict[str, dict[str, Any]]
Rows = list[dict[str, Any]]

_COLUMNS = """
SELECT m.name AS item, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
FROM sqlite_master m, pragma_table_xinfo(m.name) c
WHERE m.type = '{kind}' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND c.hidden <> 1
ORDER BY m.name, c.cid
"""
_INDEXES = """
SELECT m.name AS item, l.name, l."unique", l.origin, i.name AS "column"
FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) i
WHERE m.type = 'table' ORDER BY m.name, l.name, i.seqno
"""
_FOREIGN_KEYS = """
SELECT m.name AS item, f.id, f."table" AS other, f."from", f."to", f.on_update, f.on_delete
FROM sqlite_master m, pragma_foreign_key_list(m.name) f
WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq
"""


def describe_tables(ask: Callable[[str], Rows], checks: Mapping[str, Items]) -> Items:
    """The section `tables`; `checks` are the check constraints of each."""
    columns = _by_item(ask(_COLUMNS.format(kind="table")))
    indexes, foreign = _by_item(ask(_INDEXES)), _by_item(ask(_FOREIGN_KEYS))
    return {
        name: _table(rows, indexes.get(name, []), foreign.get(name, []), checks.get(name, {}))
        for name, rows in sorted(columns.items())
    }


def describe_views(ask: Callable[[str], Rows]) -> Items:
    """The section `views`."""
    views = _by_item(ask(_COLUMNS.format(kind="view")))
    return {name: {"columns": _columns(rows, [], set()), "comment": None} for name, rows in sorted(views.items())}


def _by_item(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row["item"]].append(row)
    return found


def _table(columns: Rows, index_rows: Rows, foreign: Rows, checks: Items) -> dict[str, Any]:
    key = [row["name"] for row in sorted(columns, key=lambda row: row["pk"]) if row["pk"]]
    grouped: dict[str, Rows] = defaultdict(list)
    for row in index_rows:
        grouped[row["name"]].append(row)
    unique = {", ".join(_names(rows)): {"name": None} for rows in grouped.values() if rows[0]["origin"] == "u"}
    own = {name: rows for name, rows in grouped.items() if rows[0]["origin"] == "c"}
    alone = {_names(rows)[0] for rows in grouped.values() if rows[0]["unique"] and len(rows) == 1}
    return {
        "columns": _columns(columns, key, alone),
        "primary_key": key or None,
        "unique": dict(sorted(unique.items())),
        "foreign_keys": _foreign_keys(foreign),
        "checks": checks,
        "indexes": {
            name: {"columns": _names(rows), "unique": bool(rows[0]["unique"])} for name, rows in sorted(own.items())
        },
        "comment": None,
    }


def _names(rows: Rows) -> list[str]:
    return [row["column"] or "(expression)" for row in rows]


def _columns(rows: Rows, key: list[str], alone: set[str]) -> Items:
    return {
        row["name"]: {
            "type": lower(str(row["type"])),
            "nullable": not row["notnull"] and not _is_rowid(row, key),
            "default": "generated always" if row["hidden"] else row["dflt_value"],
            "unique": row["name"] in alone or key == [row["name"]],
            "comment": None,
        }
        for row in rows
    }


def _is_rowid(row: Mapping[str, Any], key: list[str]) -> bool:
    """Any other primary key of SQLite may hold NULL."""
    return key == [row["name"]] and str(row["type"]).upper() == "INTEGER"


def _foreign_keys(rows: Iterable[Mapping[str, Any]]) -> Items:
    grouped: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["id"]].append(row)
    found = []
    for parts in grouped.values():
        pointed = [str(part["to"]) for part in parts if part["to"] is not None]
        told = {
            "references": f"{parts[0]['other']}({', '.join(pointed)})" if pointed else str(parts[0]["other"]),
            "on_delete": str(parts[0]["on_delete"]).lower(),
            "on_update": str(parts[0]["on_update"]).lower(),
            "name": None,
        }
        found.append((", ".join(str(part["from"]) for part in parts), told))
    return by_columns(found)
