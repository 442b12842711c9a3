"""What a database behind SQLAlchemy holds: SQLite by its pragmas, the others by SQLAlchemy's inspector."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.contracts import _structure
from pytest_sysint.contracts._judge import judge_item
from pytest_sysint.core.errors import CallError
from pytest_sysint.integrations.sql import Settings, Sql

Database = Callable[[str], Sql]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Sql]:
    (tmp_path / "care.db").touch()
    found = Sql(Settings(url=f"sqlite:///{tmp_path}/care.db"))
    yield found
    found.close()


@pytest.fixture
def inspected(real_service: Callable[[str], str]) -> Iterator[Sql]:
    """PostgreSQL behind SQLAlchemy, in a schema of the test's own."""
    schema = f"s{uuid.uuid4().hex[:8]}"
    url = real_service("postgresql").replace("postgresql://", "postgresql+psycopg://")
    admin = Sql(Settings(url=url))
    admin.query(f"CREATE SCHEMA {schema}", {}, 5)
    found = Sql(Settings(url=url, options={"options": f"-c search_path={schema}"}))
    yield found
    found.close()
    admin.query(f"DROP SCHEMA {schema} CASCADE", {}, 5)
    admin.close()


def described(database: Sql, section: str) -> Any:
    return database.describe((section,), 5)[section]


def failed(database: Sql, section: str, name: str, promised: Any) -> set[str]:
    promise = _structure.read({section: {name: promised}}, Sql).promises[section][name]
    found = judge_item(promise, name, section, described(database, section), "shared")
    return {each.name for each in found if each.status == "failed"}


ODD = """
CREATE TABLE "order lines" (
  a int, "b c" VARCHAR ( 10 ) NOT NULL DEFAULT 'x', untyped, sum int GENERATED ALWAYS AS (a + 1),
  PRIMARY KEY ("b c", a), UNIQUE (a), FOREIGN KEY (a) REFERENCES others
);
CREATE TABLE others (id INTEGER PRIMARY KEY, lead INT REFERENCES others(id) ON UPDATE SET NULL);
CREATE UNIQUE INDEX by_expression ON others (lower(lead));
CREATE INDEX by_two ON "order lines" ("b c", a);
CREATE VIEW seen AS SELECT a, "b c" FROM "order lines";
"""


def test_two_keys_on_the_same_column_are_told_apart(sqlite: Sql) -> None:
    sqlite.query("CREATE TABLE lines (a INTEGER REFERENCES x(id) REFERENCES y(id))", {}, 5)
    keys = described(sqlite, "tables")["lines"]["foreign_keys"]
    assert {columns: key["references"] for columns, key in keys.items()} == {"a": "x(id)", "a (2)": "y(id)"}


def test_sqlite_is_described_whole(sqlite: Sql) -> None:
    sqlite.query(ODD, {}, 5)
    tables = described(sqlite, "tables")
    lines = tables["order lines"]
    assert list(tables) == ["order lines", "others"]
    assert lines["columns"]["b c"] == {
        "type": "varchar(10)",
        "nullable": False,
        "default": "'x'",
        "unique": False,
        "comment": None,
    }
    assert lines["columns"]["untyped"]["type"] == ""
    assert lines["columns"]["sum"]["default"] == "generated always"
    assert lines["columns"]["a"]["unique"] is True
    assert lines["primary_key"] == ["b c", "a"]
    assert lines["unique"] == {"a": {"name": None}}
    assert lines["foreign_keys"]["a"]["references"] == "others"
    assert lines["indexes"] == {"by_two": {"columns": ["b c", "a"], "unique": False}}
    others = tables["others"]
    assert others["columns"]["id"] == {
        "type": "integer",
        "nullable": False,
        "default": None,
        "unique": True,
        "comment": None,
    }
    assert others["foreign_keys"]["lead"]["on_update"] == "set null"
    assert others["indexes"]["by_expression"] == {"columns": ["(expression)"], "unique": True}
    assert list(described(sqlite, "views")["seen"]["columns"]) == ["a", "b c"]


SCHEMA = """
CREATE TABLE homes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE residents (
  id uuid PRIMARY KEY, nhs_number varchar(10) NOT NULL UNIQUE, room int,
  home_id int NOT NULL REFERENCES homes ON DELETE CASCADE, since date DEFAULT now(),
  diet text, initial text GENERATED ALWAYS AS (upper(diet)) STORED,
  CONSTRAINT digits CHECK (length(nhs_number) = 10), UNIQUE (home_id, room)
);
CREATE INDEX residents_by_room ON residents (room);
CREATE UNIQUE INDEX residents_by_diet ON residents (diet);
COMMENT ON TABLE residents IS 'Who lives here';
COMMENT ON COLUMN residents.room IS 'On the door';
CREATE VIEW occupancy AS SELECT home_id, count(*) AS n FROM residents GROUP BY home_id;
CREATE TABLE alembic_version (version_num varchar(32));
INSERT INTO alembic_version VALUES ('one'), ('another')
"""

RESIDENTS: dict[str, Any] = {
    "columns": {
        "id": {"type": "uuid", "unique": True},
        "nhs_number": {"type": "VARCHAR(10)", "nullable": False, "unique": True},
        "room": {"type": "integer", "nullable": True, "unique": False, "comment": "On the door"},
        "diet": {"unique": True},
        "since": {"type": "date", "default": "now()"},
        "initial": {"default": "~ generated always as"},
    },
    "primary_key": "id",
    "unique": ["nhs_number", "home_id, room"],
    "foreign_keys": {"home_id": {"references": "homes(id)", "on_delete": "cascade"}},
    "checks": {"digits": "~ = 10"},
    "indexes": {"residents_by_room": "room", "residents_by_diet": {"unique": True}},
    "comment": "Who lives here",
}


def test_the_inspector_describes_whole(inspected: Sql) -> None:
    inspected.query(SCHEMA, {}, 5)
    assert failed(inspected, "tables", "residents", RESIDENTS) == set()
    assert described(inspected, "tables")["homes"]["columns"]["id"]["default"] == "generated as identity"
    assert failed(inspected, "views", "occupancy", {"columns": {"n": "bigint"}}) == set()
    assert described(inspected, "migrations") == {"alembic": {"version": "another, one"}}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE residents DROP since", {"columns.since"}),
        ("ALTER TABLE residents ALTER room TYPE bigint", {"columns.room.type"}),
        ("ALTER TABLE residents ALTER nhs_number DROP NOT NULL", {"columns.nhs_number.nullable"}),
        ("ALTER TABLE residents ALTER since DROP DEFAULT", {"columns.since.default"}),
        ("COMMENT ON TABLE residents IS NULL", {"comment"}),
        (
            "ALTER TABLE residents DROP CONSTRAINT residents_nhs_number_key",
            {"columns.nhs_number.unique", "unique.nhs_number"},
        ),
        ("ALTER TABLE residents DROP CONSTRAINT residents_home_id_fkey", {"foreign_keys.home_id"}),
        ("ALTER TABLE residents DROP CONSTRAINT residents_pkey", {"primary_key", "columns.id.unique"}),
        ("ALTER TABLE residents DROP CONSTRAINT digits", {"checks.digits"}),
        ("DROP INDEX residents_by_room", {"indexes.residents_by_room"}),
        ("DROP INDEX residents_by_diet", {"indexes.residents_by_diet", "columns.diet.unique"}),
        ("DROP TABLE residents CASCADE", {"residents"}),
    ],
)
def test_each_change_breaks_just_what_it_changed(inspected: Sql, sql: str, expected: set[str]) -> None:
    inspected.query(SCHEMA, {}, 5)
    inspected.query(sql, {}, 5)
    assert failed(inspected, "tables", "residents", RESIDENTS) == expected


def test_an_empty_database_holds_nothing(sqlite: Sql, inspected: Sql) -> None:
    for database in (sqlite, inspected):
        assert database.describe(("tables", "views", "migrations"), 5) == {"tables": {}, "views": {}, "migrations": {}}


def test_what_cannot_be_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallError):
        Sql(Settings(url=f"sqlite:///{tmp_path}/nowhere.db")).describe(("tables",), 5)
