"""Snapshots: no difference where there is none, each difference classed, and nothing compared is no success."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.contracts._drift import differences, recorded
from pytest_sysint.contracts._recorded import read_snapshot, write_snapshot
from pytest_sysint.contracts.snapshot import FORM
from pytest_sysint.core.description import Section
from pytest_sysint.core.errors import CallError, Mistakes
from pytest_sysint.core.model import Declared
from pytest_sysint.core.registry import types

SNAPSHOT = {"snapshot": "contracts/care.yaml"}


def take(care: Any, *sections: str) -> Path:
    """Write what is there, as `sysint contract update` does."""
    cls = types().get("sql")
    known = {section.name: section for section in cls.sections}
    integration = cls(cls.settings_model(**care.settings))
    try:
        found = integration.describe(sections or tuple(known), 5)
    finally:
        integration.close()
    file = care.folder / "contracts/care.yaml"
    write_snapshot(file, "it", "sql", {name: recorded(known[name], found[name]) for name in found})
    return file


def test_no_difference_is_said_with_what_was_compared(care: Any) -> None:
    take(care)
    outcome = care.run(SNAPSHOT)
    (assertion,) = outcome.assertions
    assert (assertion.name, assertion.status) == ("snapshot", "passed")
    assert assertion.message == "as in contracts/care.yaml (tables: 3, views: 1, migrations: 1)"
    assert outcome.metrics == {"breaking_differences": 0, "additive_differences": 0, "cosmetic_differences": 0}


def graded(care: Any, contract: Any = SNAPSHOT) -> dict[str, str]:
    """Name -> severity of each failed assertion."""
    return {name: each.severity for name, each in care.judged(contract).items() if each.status == "failed"}


REBUILT = """
DROP VIEW occupancy; DROP TABLE residents;
CREATE TABLE residents (
  id TEXT PRIMARY KEY, nhs_number {nhs_number}, home_id INTEGER NOT NULL REFERENCES homes(id) ON DELETE CASCADE,
  room INTEGER, born DATE DEFAULT CURRENT_DATE, CONSTRAINT nhs_number_length CHECK (length(nhs_number) = 10){more}
);
CREATE INDEX residents_born ON residents (born);
CREATE VIEW occupancy AS SELECT home_id, count(*) AS n FROM residents GROUP BY home_id;
"""


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DROP VIEW occupancy", {"views.occupancy": "fail"}),
        ("CREATE TABLE audit (id TEXT)", {"tables.audit": "warn"}),
        ("ALTER TABLE residents ADD diet TEXT", {"tables.residents.columns.diet": "warn"}),
        ("ALTER TABLE residents ADD diet TEXT NOT NULL DEFAULT ''", {"tables.residents.columns.diet": "warn"}),
        (
            "DROP TABLE homes;"
            "CREATE TABLE homes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, phone INT NOT NULL)",
            {"tables.homes.columns.phone": "fail"},
        ),
        (
            "ALTER TABLE residents RENAME COLUMN born TO birth",
            {
                "tables.residents.columns.born": "fail",
                "tables.residents.columns.birth": "warn",
                "tables.residents.indexes.residents_born.columns": "fail",
            },
        ),
        (
            REBUILT.format(nhs_number="VARCHAR(20) NOT NULL UNIQUE", more=", UNIQUE (home_id, room)"),
            {"tables.residents.columns.nhs_number.type": "warn"},
        ),
        (
            REBUILT.format(nhs_number="VARCHAR(8) NOT NULL UNIQUE", more=", UNIQUE (home_id, room)"),
            {"tables.residents.columns.nhs_number.type": "fail"},
        ),
        (
            REBUILT.format(nhs_number="VARCHAR(10) UNIQUE", more=", UNIQUE (home_id, room)"),
            {"tables.residents.columns.nhs_number.nullable": "fail"},
        ),
        (
            REBUILT.format(nhs_number="VARCHAR(10) NOT NULL UNIQUE", more=""),
            {"tables.residents.unique.home_id, room": "fail"},
        ),
        (
            REBUILT.format(nhs_number="VARCHAR(10) NOT NULL UNIQUE", more=", UNIQUE (home_id, room), UNIQUE (born)"),
            {"tables.residents.unique.born": "fail"},
        ),
        ("DROP INDEX residents_born", {"tables.residents.indexes.residents_born": "fail"}),
        ("UPDATE alembic_version SET version_num = 'b'", {"migrations.alembic.version": "warn"}),
        ("DROP TABLE alembic_version", {"migrations.alembic": "fail", "tables.alembic_version": "fail"}),
        (
            "DROP TABLE homes; CREATE TABLE homes (name TEXT NOT NULL UNIQUE, id INTEGER PRIMARY KEY)",
            {},  # another order of columns is cosmetic
        ),
    ],
)
def test_each_difference_is_found_and_classed(care: Any, sql: str, expected: dict[str, str]) -> None:
    take(care)
    care.execute(sql)
    assert graded(care) == expected


def test_a_difference_is_readable(care: Any) -> None:
    take(care)
    care.execute(REBUILT.format(nhs_number="TEXT NOT NULL UNIQUE", more=", UNIQUE (home_id, room)"))
    care.execute("CREATE TABLE audit (id TEXT); DROP VIEW occupancy")
    outcome = care.run(SNAPSHOT)
    messages = {each.name: each.message for each in outcome.assertions}
    name = "tables.residents.columns.nhs_number.type"
    assert messages[name] == f"{name} changed: varchar(10) -> text (additive)"
    assert messages["tables.audit"].startswith('tables.audit came: {"columns": {"id": {"type": "text"')
    assert messages["views.occupancy"].startswith("views.occupancy went: it was ")
    shown = care.talked[-1].exchanges[-1].received.splitlines()
    assert [line.split(" ")[:2] for line in shown] == [["+", "additive"], ["~", "additive"], ["-", "breaking"]]
    assert "`sysint contract update --integration it` records it" in outcome.cause
    assert outcome.reproduce
    assert outcome.metrics["breaking_differences"] == 1


def test_what_follows_from_a_difference_can_be_said(care: Any) -> None:
    take(care)
    care.execute("CREATE TABLE audit (id TEXT); DROP VIEW occupancy")
    said = {"snapshot": {"path": "contracts/care.yaml", "breaking": "warn", "additive": "fail"}}
    assert graded(care, said) == {"tables.audit": "fail", "views.occupancy": "warn"}
    ignored = {"snapshot": {"path": "contracts/care.yaml", "breaking": "ignore", "additive": "ignore"}}
    (assertion,) = care.run(ignored).assertions
    assert assertion.status == "passed"
    assert assertion.message.endswith("differences that are ignored: 1 breaking, 1 additive")
    assert "(ignored)" in care.talked[-1].exchanges[-1].received


def test_some_sections_only(care: Any) -> None:
    take(care)
    care.execute("CREATE TABLE audit (id TEXT); DROP VIEW occupancy")
    assert graded(care, {"snapshot": {"path": "contracts/care.yaml", "sections": ["tables"]}}) == {
        "tables.audit": "warn"
    }
    take(care, "tables")
    assert graded(care, {"snapshot": {"path": "contracts/care.yaml", "sections": ["tables", "views"]}}) == {
        "sections.views": "fail"
    }
    (assertion,) = care.run(SNAPSHOT).assertions
    assert assertion.message.endswith("not in the snapshot: migrations, views")


def test_a_missing_snapshot_is_a_failure_that_says_how_to_write_it(care: Any) -> None:
    outcome = care.run(SNAPSHOT)
    (assertion,) = outcome.assertions
    assert assertion.status == "failed"
    assert assertion.message == (
        "there is no snapshot contracts/care.yaml: nothing was compared; "
        "`sysint contract update --integration it` writes it"
    )
    assert outcome.reproduce == "sysint contract update --integration it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: ]", "is no YAML, line 1"),
        ("just a text", "has no sections"),
        ("sysint_snapshot: 2\nsections: {tables: {}}", "is of version 2"),
        ("sysint_snapshot: 1\nsections: {tables: {homes: 5}}", "the section 'tables' of the snapshot"),
        ("sysint_snapshot: 1\nsections: {}", "holds nothing"),
        ("sysint_snapshot: 1\nsections: {tables: {}}", "holds nothing"),
        ("sysint_snapshot: 1\nsections: {table: {homes: {}}}", "did you mean 'tables'?"),
    ],
)
def test_a_snapshot_that_was_spoilt_is_a_failure(care: Any, text: str, said: str) -> None:
    file = care.folder / "contracts/care.yaml"
    file.parent.mkdir()
    file.write_text(text)
    (message,) = care.failed(SNAPSHOT).values()
    assert said in message


def test_a_database_that_cannot_be_read_is_an_error(care: Any) -> None:
    take(care)
    (care.folder / "care.db").write_text("no database " * 500)
    with pytest.raises(CallError) as raised:
        care.run(SNAPSHOT)
    assert raised.value.partial.reproduce


def test_texts_that_look_like_other_things_come_back_as_they_were(tmp_path: Path) -> None:
    odd = {"1": {"version": "1e3", "no": "on", "day": "2026-01-01", "n": None, "list": ["~", "0x1", "12:30:45"]}}
    write_snapshot(tmp_path / "x.yaml", "it", "sql", {"tables": odd})
    assert read_snapshot(tmp_path / "x.yaml") == {"tables": odd}


def test_what_was_written_by_hand_without_quotes_is_compared(care: Any) -> None:
    file = take(care)
    text = file.read_text()
    assert "default: CURRENT_DATE" in text
    file.write_text(text.replace("default: CURRENT_DATE", "default: 2026-01-31"))
    outcome = care.run(SNAPSHOT)
    (changed,) = [each.message for each in outcome.assertions]
    assert changed == "tables.residents.columns.born.default changed: 2026-01-31 -> CURRENT_DATE (breaking)"


def test_a_snapshot_is_written_in_a_stable_order(care: Any) -> None:
    first = take(care).read_text()
    assert take(care).read_text() == first
    assert "      nhs_number: {type: varchar(10), nullable: false, default: null, comment: null}\n" in first


def test_what_is_left_out_is_left_out_at_every_depth() -> None:
    section = Section("keys", Declared, "", left_out=frozenset({"count", "columns.*.unique", "*.at"}))
    item = {"count": 5, "type": "x", "columns": {"a": {"unique": True, "type": "t"}}, "last": {"at": 1, "by": 2}}
    assert recorded(section, {"n": item}) == {
        "n": {"type": "x", "columns": {"a": {"type": "t"}}, "last": {"by": 2}},
    }


def test_the_general_rule() -> None:
    section = Section("things", Declared, "")
    before = {"a": {"comment": "x", "n": 1, "list": [1, 2], "gone": 1}, "old": {}}
    after = {"a": {"list": [2, 1], "n": 2, "comment": "y", "new": 1}, "young": {}}
    found = {each.where: each.grade for each in differences(section, before, after)}
    assert found == {
        "things.a.comment": "cosmetic",
        "things.a.n": "breaking",
        "things.a.list": "cosmetic",
        "things.a.gone": "breaking",
        "things.a.new": "additive",
        "things.a": "cosmetic",
        "things.old": "breaking",
        "things.young": "additive",
    }
    assert "is in another order: " in next(
        each.what for each in differences(section, before, after) if each.where == "things.a"
    )
    assert differences(section, before, before) == []


def mistakes(raw: Any) -> dict[str, str]:
    with pytest.raises(Mistakes) as raised:
        FORM.read(raw, types().get("sql"), Path(), {})
    return {".".join(map(str, each.path)): each.message for each in raised.value.mistakes}


def test_mistakes(tmp_path: Path) -> None:
    assert mistakes(5) == {"": "expected the path of a file, or a map with a `path`, got the number 5"}
    assert "did you mean 'path'" in mistakes({"pth": "x"})["pth"]
    assert "did you mean 'fail'" in mistakes({"path": "x", "breaking": "fial"})["breaking"]
    assert "did you mean 'tables'" in mistakes({"path": "x", "sections": ["views", "table"]})["sections.1"]
    assert "is a folder" in mistakes(str(tmp_path))[""]
    assert mistakes("")


def test_only_types_that_tell_what_they_hold_have_snapshots() -> None:
    assert FORM.suits(types().get("postgresql"))
    assert not FORM.suits(types().get("rest"))
    assert FORM.needs() == "a type that tells what it holds"


def test_the_schema_takes_what_is_taken() -> None:
    validator = Draft202012Validator(FORM.schema(types().get("sql")))
    assert validator.is_valid("contracts/care.yaml")
    assert validator.is_valid({"path": "x.yaml", "sections": ["tables"], "cosmetic": "warn"})
    assert not validator.is_valid({"path": "x.yaml", "sections": ["table"]})
    assert not validator.is_valid({"sections": ["tables"]})
