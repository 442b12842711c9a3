"""What is declared of tables, against a database that has it, and against ones that were changed in just one way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.contracts import _structure
from pytest_sysint.core.errors import CallError, Mistakes
from pytest_sysint.core.registry import kinds, types

RESIDENTS: dict[str, Any] = {
    "columns": {
        "id": "TEXT",
        "nhs_number": {"type": "varchar(10)", "nullable": False, "unique": True, "default": {"equals": None}},
        "born": {"type": {"in": ["date", "datetime"]}, "default": "~ (?i)current_date"},
        "born_at": {"absent": True},
    },
    "primary_key": "id",
    "unique": ["nhs_number", "home_id, room"],
    "foreign_keys": {"home_id": {"references": "homes(id)", "on_delete": "CASCADE"}},
    "checks": ["nhs_number_length"],
    "indexes": {"residents_born": "born"},
}


def test_what_is_promised_is_there(care: Any) -> None:
    judged = care.judged({"tables": {"residents": RESIDENTS}})
    assert {name: each.status for name, each in judged.items()} == dict.fromkeys(
        [
            "columns.id.type",
            "columns.nhs_number.type",
            "columns.nhs_number.nullable",
            "columns.nhs_number.unique",
            "columns.nhs_number.default",
            "columns.born.type",
            "columns.born.default",
            "columns.born_at",
            "primary_key",
            "unique.nhs_number",
            "unique.home_id, room",
            "foreign_keys.home_id.references",
            "foreign_keys.home_id.on_delete",
            "checks.nhs_number_length",
            "indexes.residents_born.columns",
        ],
        "passed",
    )


def rebuilt(**changes: str) -> str:
    """The table of residents anew, with some of its parts written otherwise."""
    parts = {
        "id": "id TEXT PRIMARY KEY",
        "nhs_number": "nhs_number VARCHAR(10) NOT NULL UNIQUE",
        "home_id": "home_id INTEGER NOT NULL REFERENCES homes(id) ON DELETE CASCADE",
        "room": "room INTEGER",
        "born": "born DATE DEFAULT CURRENT_DATE",
        "check": "CONSTRAINT nhs_number_length CHECK (length(nhs_number) = 10)",
        "unique": "UNIQUE (home_id, room)",
    }
    body = ", ".join(part for part in {**parts, **changes}.values() if part)
    return (
        f"DROP VIEW occupancy; DROP TABLE residents; CREATE TABLE residents ({body});"
        "CREATE INDEX residents_born ON residents (born)"
    )


@pytest.mark.parametrize(
    ("sql", "failed"),
    [
        (
            "ALTER TABLE residents RENAME COLUMN born TO date_of_birth",
            {"columns.born", "indexes.residents_born.columns"},
        ),
        (rebuilt(nhs_number="nhs_number INTEGER NOT NULL UNIQUE"), {"columns.nhs_number.type"}),
        (rebuilt(nhs_number="nhs_number VARCHAR(10) UNIQUE"), {"columns.nhs_number.nullable"}),
        (
            rebuilt(nhs_number="nhs_number VARCHAR(10) NOT NULL"),
            {"columns.nhs_number.unique", "unique.nhs_number"},
        ),
        (rebuilt(nhs_number="nhs_number VARCHAR(10) NOT NULL UNIQUE DEFAULT ''"), {"columns.nhs_number.default"}),
        (rebuilt(born="born DATE"), {"columns.born.default"}),
        ("ALTER TABLE residents ADD born_at TEXT", {"columns.born_at"}),
        (rebuilt(id="id TEXT"), {"primary_key"}),
        (rebuilt(unique=""), {"unique.home_id, room"}),
        (rebuilt(home_id="home_id INTEGER NOT NULL"), {"foreign_keys.home_id"}),
        (rebuilt(home_id="home_id INTEGER NOT NULL REFERENCES homes(id)"), {"foreign_keys.home_id.on_delete"}),
        (rebuilt(check=""), {"checks.nhs_number_length"}),
        ("DROP INDEX residents_born", {"indexes.residents_born"}),
        (
            "DROP INDEX residents_born; CREATE INDEX residents_born ON residents (room)",
            {"indexes.residents_born.columns"},
        ),
        ("DROP VIEW occupancy; ALTER TABLE residents RENAME TO resident", {"residents"}),
    ],
)
def test_each_change_breaks_just_what_it_changed(care: Any, sql: str, failed: set[str]) -> None:
    care.execute(sql)
    assert set(care.failed({"tables": {"residents": RESIDENTS}})) == failed


def test_messages_say_what_is_there_and_what_was_promised(care: Any) -> None:
    care.execute("ALTER TABLE residents RENAME COLUMN born TO born_on")
    failed = care.failed({"tables": {"residents": {"columns": {"born": "date", "room": "text"}}}})
    assert failed == {
        "columns.born": "there is no 'born' among the columns of residents, did you mean 'born_on'? "
        "(there is: born_on, home_id, id, nhs_number, room)",
        "columns.room.type": 'columns.room.type was "integer", expected "text"',
    }
    outcome = care.run({"tables": {"resident": {}}})
    (assertion,) = outcome.assertions
    assert assertion.message.startswith("there is no 'resident' among the tables, did you mean 'residents'?")
    assert (assertion.expected, assertion.actual) == ("there", "residents")
    assert "a change that this contract knows has not been deployed" in outcome.cause
    assert outcome.reproduce.startswith("sqlite3 -readonly")


def test_what_must_not_be_there(care: Any) -> None:
    contract = {"tables": {"residents_old": {"absent": True}}}
    assert care.failed(contract) == {}
    care.execute("CREATE TABLE residents_old (id TEXT)")
    assert care.failed(contract) == {"residents_old": "residents_old is there, expected absent"}


def test_nothing_else_than_what_is_declared(care: Any) -> None:
    contract = {"tables": {"homes": {"columns": ["id", "name"], "only": True}}}
    assert {name: each.status for name, each in care.judged(contract).items()} == {
        "columns.id": "passed",
        "columns.name": "passed",
        "columns.only": "passed",
    }
    care.execute("ALTER TABLE homes ADD phone TEXT; ALTER TABLE homes ADD fax TEXT")
    assert care.failed(contract) == {"columns.only": "columns of homes hold fax, phone beside what is declared"}


def test_a_warning_degrades_and_does_not_fail(care: Any) -> None:
    care.execute(rebuilt(room="room BIGINT"))
    judged = care.judged({"tables": {"residents": {"columns": {"room": {"type": {"warn": "integer"}}}}}})
    assert (judged["columns.room.type"].status, judged["columns.room.type"].severity) == ("failed", "warn")


def test_migrations_that_are_behind(care: Any) -> None:
    contract = {"migrations": {"alembic": "ae1027a6acf"}}
    assert care.failed(contract) == {}
    care.execute("UPDATE alembic_version SET version_num = '1975ea83b712'")
    assert care.failed(contract) == {"version": 'version was "1975ea83b712", expected "ae1027a6acf"'}
    care.execute("DROP TABLE alembic_version")
    assert list(care.failed(contract)) == ["alembic"]


def test_one_check_for_each_item_with_a_stable_slug_of_its_own(care: Any) -> None:
    tables = ["homes", "residents", "Homes", "homes 2"]
    checks = care.checks({"tables": tables, "views": {"occupancy": {"columns": {"n": ""}}}})
    assert [check.slug for check in checks] == [
        "tables-homes", "tables-residents", "tables-homes-2", "tables-homes-2-2", "views-occupancy"
    ]  # fmt: skip
    assert {(check.kind, check.severity, check.effect, check.budget) for check in checks} == {
        ("contract", "critical", "read", "calm")
    }
    assert checks[0].run(care.talk()).assertions[0].message == "homes is there, expected there"


def test_an_exchange_shows_what_is_there(care: Any) -> None:
    care.run({"tables": {"homes": {"columns": {"name": "text"}}}})
    (exchange,) = care.talked[0].exchanges
    assert exchange.title == "describe tables"
    assert "nullable: false" in exchange.received


def test_what_cannot_be_read_is_an_error_with_a_way_to_reproduce_it(care: Any) -> None:
    (check,) = care.checks({"tables": ["homes"]})
    (care.folder / "care.db").write_text("this is no database at all, and never was one" * 50)
    with pytest.raises(CallError) as raised:
        check.run(care.talk())
    assert raised.value.partial.reproduce


def test_checks_side_by_side_share_one_answer(care: Any) -> None:
    talk, asked = care.talk(), []
    describe = talk.integration.describe

    def counted(sections: Any, timeout: float) -> Any:
        asked.append(sections)
        return describe(sections, timeout)

    talk.integration.describe = counted
    checks = care.checks({"tables": ["homes", "residents", "alembic_version"], "views": ["occupancy"]})
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda check=check: outcomes.append(check.run(talk))) for check in checks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(asked) == [("tables",), ("views",)]
    assert {each.status for outcome in outcomes for each in outcome.assertions} == {"passed"}


def test_an_error_is_not_kept_for_later(care: Any) -> None:
    talk = care.talk()
    (check,) = care.checks({"tables": ["homes"]})
    describe = talk.integration.describe
    talk.integration.describe = lambda *_: (_ for _ in ()).throw(CallError("no"))
    with pytest.raises(CallError):
        check.run(talk)
    talk.integration.describe = describe
    assert check.run(talk).assertions[0].status == "passed"


def mistakes(contract: Any, type_name: str = "sql") -> dict[str, str]:
    with pytest.raises(Mistakes) as raised:
        kinds().get("contract").read(contract, types().get(type_name), Path())
    return {".".join(map(str, each.path)): each.message for each in raised.value.mistakes}


def test_mistakes_have_a_path_and_the_nearest_word() -> None:
    found = mistakes(
        {
            "tables": {
                "residents": {
                    "colums": {},
                    "columns": {"id": {"typ": "uuid"}, "born": None, "room": {"nullable": {"equal": 1}}},
                    "primary_key": None,
                    "unique": {},
                },
                "homes": {"absent": False},
                "staff": {"absent": True, "columns": {"id": "text"}},
                "visits": {"only": True, "comment": "Visits"},
                "notes": "text",
            },
            "views": [],
        }
    )
    assert found["tables.residents.colums"].startswith("unknown key, did you mean 'columns'?")
    assert found["tables.residents.columns.id.typ"].startswith("unknown key, did you mean 'type'?")
    assert "write {} to promise" in found["tables.residents.columns.born"]
    assert found["tables.residents.columns.room.nullable.equal"].startswith("unknown matcher 'equal'")
    assert found["tables.residents.primary_key"].startswith("an empty matcher judges nothing")
    assert found["tables.residents.unique"] == "expected a map of names, or a list of names, got nothing in it"
    assert found["tables.homes.absent"] == "expected true, got false; leave the key out otherwise"
    assert found["tables.staff.absent"].startswith("what must not be there has no properties")
    assert found["tables.visits.only"].startswith("declares nothing that it could be true of")
    assert found["tables.notes"] == "expected a map of what is promised, got the text 'text'"
    assert found["views"] == "expected a map of names, or a list of names, got nothing in it"
    assert len(found) == 11


def test_a_section_that_the_type_does_not_have() -> None:
    assert "did you mean 'tables'" in mistakes({"table": {"a": {}}})["table"]


def test_the_schema_takes_what_is_taken() -> None:
    schema = _structure.schema(types().get("sql"))
    validator = Draft202012Validator({"type": "object", "properties": schema, "additionalProperties": False})
    assert validator.is_valid({"tables": {"residents": RESIDENTS}, "views": ["occupancy"]})
    assert validator.is_valid({"tables": {"homes": {"absent": True}}, "migrations": {"alembic": "x"}})
    assert not validator.is_valid({"tables": {"residents": {"colums": ["id"]}}})
    assert not validator.is_valid({"tables": {"residents": {"columns": {"id": {"typ": "text"}}}}})
    assert not validator.is_valid({"tables": "residents"})
