"""What a PostgreSQL database holds, and that a contract sees each change of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from pytest_sysint.contracts import _structure
from pytest_sysint.contracts._judge import judge_item
from pytest_sysint.core.description import Change
from pytest_sysint.core.errors import Denied
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._postgres_description import SECTIONS, canonical_type
from pytest_sysint.integrations.postgresql import PostgreSQL, Settings

SCHEMA = """
CREATE TABLE homes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
CREATE TABLE residents (
  id uuid PRIMARY KEY,
  nhs_number varchar(10) NOT NULL UNIQUE,
  home_id int NOT NULL REFERENCES homes ON DELETE CASCADE,
  room smallint,
  moved_in timestamptz(3) NOT NULL DEFAULT now(),
  diet text,
  initial text GENERATED ALWAYS AS (upper(diet)) STORED,
  allergies text[],
  CONSTRAINT nhs_number_has_ten_digits CHECK (length(nhs_number) = 10),
  UNIQUE (home_id, room)
);
CREATE INDEX residents_in_rooms ON residents (home_id, lower(diet)) INCLUDE (moved_in) WHERE room IS NOT NULL;
CREATE UNIQUE INDEX homes_by_name ON homes (lower(name));
COMMENT ON TABLE residents IS 'Who lives here';
COMMENT ON COLUMN residents.room IS 'The number on the door';
ALTER TABLE residents ENABLE ROW LEVEL SECURITY;
ALTER TABLE residents FORCE ROW LEVEL SECURITY;
CREATE POLICY own_home ON residents FOR SELECT TO {reader} USING (home_id = 1);
GRANT SELECT, INSERT ON residents TO {reader};
GRANT SELECT ON homes TO PUBLIC;
CREATE VIEW occupancy AS SELECT home_id, count(*) AS n FROM residents GROUP BY home_id;
GRANT SELECT ON occupancy TO {reader};
CREATE MATERIALIZED VIEW names AS SELECT name FROM homes;
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigint, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE billing.invoices_2026 PARTITION OF billing.invoices FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('ae1027a6acf');
"""

RESIDENTS: dict[str, Any] = {
    "columns": {
        "id": "uuid",
        "nhs_number": {"type": "varchar(10)", "nullable": False, "unique": True},
        "home_id": {"type": "int4", "unique": False},
        "room": {"type": "int2", "nullable": True, "comment": "The number on the door"},
        "moved_in": {"type": "timestamptz(3)", "default": "now()"},
        "allergies": "text[]",
    },
    "primary_key": ["id"],
    "unique": ["nhs_number", "home_id, room"],
    "foreign_keys": {"home_id": {"references": "homes(id)", "on_delete": "CASCADE"}},
    "checks": {"nhs_number_has_ten_digits": {"expression": {"contains": "= 10"}}},
    "indexes": {
        "residents_in_rooms": {
            "columns": ["home_id", "lower(diet)"],
            "unique": False,
            "method": "btree",
            "include": "moved_in",
            "where": "~ room IS NOT NULL",
            "valid": True,
        }
    },
    "row_security": {
        "enabled": True,
        "forced": True,
        "policies": {"own_home": {"command": "SELECT", "using": "(home_id = 1)", "permissive": True}},
        "only": True,
    },
    "comment": "Who lives here",
}


class Database:
    """A database of a test's own."""

    def __init__(self, url: str, reader: str) -> None:
        self.url = url
        self.reader = reader

    def execute(self, sql: str) -> None:
        with closing(psycopg.connect(self.url, autocommit=True)) as connection:
            connection.execute(sql.replace("{reader}", self.reader))

    def describe(self, section: str, **settings: Any) -> Any:
        integration = PostgreSQL(Settings.model_validate({"url": self.url, **settings}), read_only=True)
        try:
            return integration.describe((section,), 5)[section]
        finally:
            integration.close()

    def failed(self, section: str, name: str, promised: Any) -> set[str]:
        """The names of the assertions that fail for one declared item."""
        structure = _structure.read({section: {name: promised}}, PostgreSQL)
        found = judge_item(structure.promises[section][name], name, section, self.describe(section), "shared")
        return {each.name for each in found if each.status == "failed"}


@pytest.fixture
def database(real_service: Callable[[str], str]) -> Iterator[Database]:
    server = real_service("postgresql")
    name, reader = f"described_{uuid.uuid4().hex[:8]}", f"reader_{uuid.uuid4().hex[:8]}"
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"CREATE ROLE {reader}")
        base, _, options = server.partition("?")
        found = Database(f"{base.rpartition('/')[0]}/{name}{f'?{options}' if options else ''}", reader)
        try:
            found.execute(SCHEMA)
            yield found
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"DROP ROLE {reader}")


def test_two_keys_on_the_same_columns_are_told_apart(database: Database) -> None:
    """Nobody means to have them, and migrations make them."""
    database.execute("CREATE TABLE people (id int PRIMARY KEY)")
    database.execute(
        "ALTER TABLE residents ADD CONSTRAINT again FOREIGN KEY (home_id) REFERENCES homes,"
        " ADD CONSTRAINT other FOREIGN KEY (home_id) REFERENCES people, ADD CONSTRAINT ten UNIQUE (nhs_number)"
    )
    residents = database.describe("tables")["residents"]
    names = {columns: key["name"] for columns, key in residents["foreign_keys"].items()}
    assert sorted(names) == ["home_id", "home_id (2)", "home_id (3)"]
    assert sorted(names.values()) == ["again", "other", "residents_home_id_fkey"]
    assert {"nhs_number", "nhs_number (2)"} < set(residents["unique"])


def test_tables_are_described_whole(database: Database) -> None:
    tables = database.describe("tables")
    assert list(tables) == ["alembic_version", "billing.invoices", "homes", "residents"]
    residents = tables["residents"]
    assert list(residents["columns"]) == [
        "id",
        "nhs_number",
        "home_id",
        "room",
        "moved_in",
        "diet",
        "initial",
        "allergies",
    ]
    assert residents["columns"]["moved_in"] == {
        "type": "timestamp(3) with time zone",
        "nullable": False,
        "default": "now()",
        "unique": False,
        "comment": None,
    }
    assert residents["columns"]["initial"]["default"].startswith("generated always as (upper(")
    assert tables["homes"]["columns"]["id"]["default"] == "generated always as identity"
    assert residents["unique"] == {
        "home_id, room": {"name": "residents_home_id_room_key"},
        "nhs_number": {"name": "residents_nhs_number_key"},
    }
    assert residents["foreign_keys"] == {
        "home_id": {
            "references": "homes(id)",
            "on_delete": "cascade",
            "on_update": "no action",
            "name": "residents_home_id_fkey",
        }
    }
    assert residents["grants"] == {database.reader: ["INSERT", "SELECT"]}
    assert tables["homes"]["grants"] == {"PUBLIC": ["SELECT"]}
    assert tables["homes"]["indexes"]["homes_by_name"]["unique"] is True
    assert residents["row_security"] == {
        "enabled": True,
        "forced": True,
        "policies": {
            "own_home": {
                "command": "select",
                "permissive": True,
                "roles": [database.reader],
                "using": "(home_id = 1)",
                "check": None,
            }
        },
    }


def test_views_extensions_and_migrations_are_described(database: Database) -> None:
    views = database.describe("views")
    assert {name: view["materialized"] for name, view in views.items()} == {"names": True, "occupancy": False}
    assert views["occupancy"]["columns"]["n"]["type"] == "bigint"
    assert views["occupancy"]["grants"] == {database.reader: ["SELECT"]}
    assert database.describe("extensions")["plpgsql"]["schema"] == "pg_catalog"
    assert database.describe("migrations") == {"alembic": {"version": "ae1027a6acf"}}


def test_what_the_search_path_leads_to_has_a_bare_name(database: Database) -> None:
    assert "invoices" in database.describe("tables", search_path="billing")
    assert "public.residents" in database.describe("tables", search_path="billing")


def test_any_user_may_be_told_of_tables(database: Database) -> None:
    whole = {section: database.describe(section) for section in ("tables", "views", "extensions")}
    database.execute("ALTER ROLE {reader} LOGIN PASSWORD 'sure-word-77'")
    words = urlsplit(database.url)
    found = Database(
        words._replace(netloc=f"{database.reader}:sure-word-77@{words.netloc.rpartition('@')[2]}").geturl(), ""
    )
    assert {section: found.describe(section) for section in whole} == whole
    with pytest.raises(Denied):
        found.describe("migrations")


def test_an_empty_database_holds_nothing(database: Database) -> None:
    database.execute("DROP SCHEMA billing CASCADE; DROP SCHEMA public CASCADE")
    assert [database.describe(section) for section in ("tables", "views", "migrations")] == [{}, {}, {}]


def test_what_is_promised_is_there(database: Database) -> None:
    promised = {**RESIDENTS, "grants": {database.reader: ["select", "insert"]}}
    assert database.failed("tables", "residents", promised) == set()
    assert database.failed("tables", "homes", {"primary_key": "id", "grants": {"PUBLIC": "SELECT"}}) == set()
    assert database.failed("views", "occupancy", {"columns": {"n": "int8"}, "materialized": False}) == set()
    assert database.failed("extensions", "plpgsql", "~ ^1") == set()
    assert database.failed("migrations", "alembic", "ae1027a6acf") == set()


@pytest.mark.parametrize(
    ("sql", "failed"),
    [
        ("ALTER TABLE residents DROP allergies", {"columns.allergies"}),
        ("ALTER TABLE residents ALTER nhs_number TYPE text", {"columns.nhs_number.type"}),
        ("ALTER TABLE residents ALTER room TYPE int", {"columns.room.type"}),
        ("ALTER TABLE residents ALTER moved_in TYPE timestamp(3)", {"columns.moved_in.type"}),
        ("ALTER TABLE residents ALTER nhs_number DROP NOT NULL", {"columns.nhs_number.nullable"}),
        ("ALTER TABLE residents ALTER room SET NOT NULL", {"columns.room.nullable"}),
        ("ALTER TABLE residents ALTER moved_in DROP DEFAULT", {"columns.moved_in.default"}),
        ("COMMENT ON COLUMN residents.room IS NULL", {"columns.room.comment"}),
        (
            "ALTER TABLE residents DROP CONSTRAINT residents_nhs_number_key",
            {"columns.nhs_number.unique", "unique.nhs_number"},
        ),
        ("CREATE UNIQUE INDEX one_home ON residents (home_id)", {"columns.home_id.unique"}),
        ("ALTER TABLE residents DROP CONSTRAINT residents_pkey", {"primary_key"}),
        ("ALTER TABLE residents DROP CONSTRAINT residents_home_id_fkey", {"foreign_keys.home_id"}),
        ("ALTER TABLE residents DROP CONSTRAINT nhs_number_has_ten_digits", {"checks.nhs_number_has_ten_digits"}),
        ("DROP INDEX residents_in_rooms", {"indexes.residents_in_rooms"}),
        (
            "DROP INDEX residents_in_rooms; CREATE INDEX residents_in_rooms ON residents USING hash (room)",
            {f"indexes.residents_in_rooms.{part}" for part in ("columns", "method", "include", "where")},
        ),
        ("REVOKE INSERT ON residents FROM {reader}", {"grants"}),
        ("REVOKE ALL ON residents FROM {reader}", {"grants"}),
        ("ALTER TABLE residents DISABLE ROW LEVEL SECURITY", {"row_security.enabled"}),
        ("ALTER TABLE residents NO FORCE ROW LEVEL SECURITY", {"row_security.forced"}),
        (
            "DROP POLICY own_home ON residents",
            {"row_security.policies.own_home"},
        ),
        ("ALTER POLICY own_home ON residents USING (true)", {"row_security.policies.own_home.using"}),
        ("CREATE POLICY everybody ON residents USING (true)", {"row_security.policies.only"}),
        ("COMMENT ON TABLE residents IS 'Others'", {"comment"}),
        ("ALTER TABLE residents RENAME TO people", {"residents"}),
    ],
)
def test_each_change_breaks_just_what_it_changed(database: Database, sql: str, failed: set[str]) -> None:
    database.execute(sql)
    promised = {**RESIDENTS, "grants": {database.reader: ["SELECT", "INSERT"]}}
    found = {name.removesuffix(f".{database.reader}") for name in database.failed("tables", "residents", promised)}
    assert found == failed


@pytest.mark.parametrize(
    ("sql", "section", "name", "promised", "failed"),
    [
        ("DROP VIEW occupancy", "views", "occupancy", {}, {"occupancy"}),
        ("ALTER VIEW occupancy RENAME n TO residents", "views", "occupancy", {"columns": ["n"]}, {"columns.n"}),
        ("DROP EXTENSION plpgsql", "extensions", "plpgsql", {}, {"plpgsql"}),
        ("SELECT 1", "extensions", "plpgsql", "99.0", {"version"}),
        ("UPDATE alembic_version SET version_num = '1975'", "migrations", "alembic", "ae1027a6acf", {"version"}),
    ],
)
def test_the_other_sections_see_changes_too(
    database: Database, sql: str, section: str, name: str, promised: Any, failed: set[str]
) -> None:
    database.execute(sql)
    assert database.failed(section, name, promised) == failed


def test_migrations_of_flyway_and_django(database: Database) -> None:
    database.execute(
        "CREATE TABLE flyway_schema_history (installed_rank int, version text, success boolean);"
        "INSERT INTO flyway_schema_history VALUES (1, '1', true), (2, '1.10', true), (3, NULL, true), (4, '2', false);"
        "CREATE TABLE django_migrations (id int, app text, name text);"
        "INSERT INTO django_migrations VALUES (1, 'care', '0001_initial'), (2, 'auth', '0001_initial'),"
        " (3, 'care', '0002_room')"
    )
    found = database.describe("migrations")
    assert found["flyway"] == {"version": "1.10", "count": 2, "failed": 1}
    assert found["django"] == {
        "version": "care.0002_room",
        "count": 3,
        "apps": {"auth": "0001_initial", "care": "0002_room"},
    }
    assert database.failed("migrations", "flyway", {"version": "1.10", "failed": 0}) == {"failed"}
    assert database.failed("migrations", "django", {"apps": {"care": "0003_diet", "auth": "0001_initial"}}) == {
        "apps.care"
    }


def test_a_command_shows_it_by_hand(database: Database) -> None:
    integration = PostgreSQL(Settings(url="postgresql://ann:s3cret-word@db.example.org/care"))
    by_hand = {section.name: section.by_hand for section in SECTIONS}
    assert (
        by_hand["tables"](integration, "residents")
        == "psql postgresql://ann@db.example.org:5432/care -c '\\d+ residents'"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("INT", "integer"),
        ("varchar( 20 )", "character varying(20)"),
        ("varchar", "character varying"),
        ("timestamptz", "timestamp with time zone"),
        ("timestamp(3)", "timestamp(3) without time zone"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("TIMESTAMP ( 3 ) WITH TIME ZONE", "timestamp(3) with time zone"),
        ("time", "time without time zone"),
        ("decimal(10,2)", "numeric(10,2)"),
        ("bool[]", "boolean[]"),
        ("double precision", "double precision"),
        ("care_level", "care_level"),
        (["int", "text"], ["integer", "text"]),
        (5, 5),
    ],
)
def test_types_by_any_of_their_names(written: Any, meant: Any) -> None:
    assert canonical_type(written) == meant


def drift(section: str, path: tuple[str, ...], before: Any, after: Any) -> str | None:
    found = next(each for each in SECTIONS if each.name == section)
    return found.drift(Change(section, "residents", path, before, after))


@pytest.mark.parametrize(
    ("path", "before", "after", "grave"),
    [
        (("columns", "x"), None, {"nullable": False, "default": None}, "breaking"),
        (("columns", "x"), None, {"nullable": False, "default": "now()"}, "additive"),
        (("columns", "x"), None, {"nullable": True, "default": None}, "additive"),
        (("columns", "x", "type"), "character varying(10)", "character varying(20)", "additive"),
        (("columns", "x", "type"), "character varying(10)", "text", "additive"),
        (("columns", "x", "type"), "character varying(20)", "character varying(10)", None),
        (("columns", "x", "type"), "integer", "bigint", "additive"),
        (("columns", "x", "type"), "bigint", "integer", None),
        (("columns", "x", "type"), "uuid", "text", None),
        (("columns", "x", "default"), None, "now()", "additive"),
        (("columns", "x", "default"), "now()", None, None),
        (("columns", "x", "nullable"), True, False, None),
        (("unique", "x"), None, {"name": "y"}, "breaking"),
        (("unique", "x", "name"), "z", "y", "cosmetic"),
        (("checks", "x"), None, {}, "breaking"),
        (("foreign_keys", "x"), None, {}, "breaking"),
        (("indexes", "x"), None, {"unique": True}, "breaking"),
        (("indexes", "x"), None, {"unique": False}, None),
        (("indexes", "x", "columns"), ["a", "b"], ["b", "a"], "breaking"),
        (("primary_key",), None, ["id"], "breaking"),
        (("row_security", "policies", "x"), None, {}, "breaking"),
        (("grants", "x"), ["SELECT"], ["INSERT", "SELECT"], "additive"),
        (("grants", "x"), ["INSERT", "SELECT"], ["SELECT"], "breaking"),
        (("grants", "x"), None, ["SELECT"], "additive"),
        (("comment",), "a", "b", None),
        ((), {}, None, None),
    ],
)
def test_how_grave_a_change_of_a_table_is(path: tuple[str, ...], before: Any, after: Any, grave: str | None) -> None:
    assert drift("tables", path, before, after) == grave


def test_how_grave_other_changes_are() -> None:
    assert drift("extensions", ("version",), "1.0", "1.1") == "additive"
    assert drift("extensions", (), {"version": "1"}, None) is None
    assert drift("migrations", ("version",), "1", "2") == "additive"
    assert drift("migrations", (), {"version": "1"}, None) == "breaking"


def test_the_type_offers_its_sections() -> None:
    assert [section.name for section in types().get("postgresql").sections] == [
        "tables",
        "views",
        "extensions",
        "migrations",
    ]
