"""`sysint contract`: snapshots are written, written anew with what changed, and two environments are compared."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pytest_sysint.cli import main

DECLARED = """
sysint: 1
tenants: [oakwood, elmhurst]
environments:
  local: {}
  staging: {urls: {care-db: "sqlite:///{folder}/staging.db"}}
  production: {urls: {care-db: "sqlite:///{folder}/production.db"}}
integrations:
  care-db:
    type: sql
    tenants: all
    url: sqlite:///{folder}/local.db
    contract: {snapshot: contracts/care-db.yaml}
  api:
    type: rest
    url: ${env:AN_URL_THAT_IS_NOT_SET}
"""
TABLES = "CREATE TABLE homes (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE staff (id TEXT)"


def execute(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(sql)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sysint.yaml").write_text(DECLARED.replace("{folder}", str(tmp_path)))
    for name in ("local", "staging", "production"):
        execute(tmp_path / f"{name}.db", TABLES)
    return tmp_path


def sysint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["contract", *words])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_snapshot_is_written_and_then_is_as_it_was(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, said = sysint(capsys, "update")
    assert (code, said) == (0, "care-db: contracts/care-db.yaml: written (tables: 2, views: 0, migrations: 0)\n")
    written = (folder / "contracts/care-db.yaml").read_text()
    assert "# What care-db (sql) holds" in written
    assert sysint(capsys, "update") == (
        0,
        "care-db: contracts/care-db.yaml: as it was (tables: 2, views: 0, migrations: 0)\n",
    )
    assert (folder / "contracts/care-db.yaml").read_text() == written


def test_what_changed_is_said(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    sysint(capsys, "update")
    execute(folder / "local.db", "DROP TABLE staff; ALTER TABLE homes ADD phone TEXT")
    code, said = sysint(capsys, "update", "--integration", "care-db", "--tenant", "elmhurst")
    assert code == 0
    assert said.splitlines() == [
        "care-db: contracts/care-db.yaml: written anew (tables: 1, views: 0, migrations: 0)",
        '  + additive  tables.homes.columns.phone came: {"type": "text", "nullable": true, "default": null, '
        '"comment": null}',
        '  - breaking  tables.staff went: it was {"columns": {"id": {"type": "text", "nullable": true, '
        '"default": null, "comment": null}}, "primary_key": null, "unique": {}, "foreign_keys": {}, "checks": {}, "...',
    ]
    assert sysint(capsys, "update")[1].count("as it was") == 1


def test_an_order_that_changed_is_written_too(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    sysint(capsys, "update")
    execute(folder / "local.db", "DROP TABLE homes; CREATE TABLE homes (name TEXT, id INTEGER PRIMARY KEY)")
    assert "is in another order: " in sysint(capsys, "update")[1]
    assert "as it was" in sysint(capsys, "update")[1]


def test_another_environment_is_recorded(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    execute(folder / "staging.db", "CREATE TABLE visits (id TEXT)")
    assert "tables: 3" in sysint(capsys, "update", "--env", "staging")[1]


def test_a_spoilt_snapshot_is_written_anew(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "contracts").mkdir()
    (folder / "contracts/care-db.yaml").write_text("spoilt: ]")
    assert ": written (tables: 2" in sysint(capsys, "update")[1]


def test_what_cannot_be_read_is_told_and_the_rest_is_written(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    more = "  other-db:\n    type: sql\n    url: sqlite:////no/such/file.db\n    contract: {snapshot: other.yaml}\n"
    declared = (folder / "sysint.yaml").read_text()
    (folder / "sysint.yaml").write_text(declared.replace("  api:\n", f"{more}  api:\n"))
    code, said = sysint(capsys, "update")
    assert code == 1
    assert "care-db: contracts/care-db.yaml: written (" in said
    assert "\nother-db: " in said
    assert not (folder / "other.yaml").exists()


def test_a_variable_that_is_not_set_is_told_of_the_integration_that_needs_it(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    declared = (folder / "sysint.yaml").read_text()
    (folder / "sysint.yaml").write_text(
        declared.replace("    type: sql\n", "    type: sql\n    password: ${env:NOT_SET}\n")
    )
    code, said = sysint(capsys, "update")
    assert code == 1
    assert "NOT_SET" in said


def test_environments_that_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = sysint(capsys, "diff", "--env", "staging", "--env", "production")
    assert (code, said) == (0, "care-db: staging -> production: no difference\n")


def test_environments_that_differ(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    execute(folder / "production.db", "CREATE TABLE visits (id TEXT)")
    code, said = sysint(capsys, "diff", "--env", "staging", "--env", "production")
    assert code == 0
    assert said.startswith("care-db: staging -> production: 1 additive\n  + additive  tables.visits came: ")
    code, said = sysint(capsys, "diff", "--env", "production", "--env", "staging", "--integration", "care-db")
    assert code == 1
    assert said.startswith("care-db: production -> staging: 1 breaking\n  - breaking  tables.visits went: ")


def test_one_of_them_cannot_be_read(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "production.db").unlink()
    code, said = sysint(capsys, "diff", "--env", "staging", "--env", "production")
    assert code == 1
    assert said.startswith("care-db: ")


def test_the_same_place_twice_is_no_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = sysint(capsys, "diff", "--env", "staging", "--env", "staging")
    assert code == 1
    assert "nothing was compared" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["diff", "--env", "staging"], "two environments are compared"),
        (["update", "--integration", "care-bd"], "there is no integration 'care-bd', did you mean 'care-db'?"),
        (["update", "--integration", "api"], "no integration declares a snapshot"),
        (["diff", "--env", "staging", "--env", "production", "--integration", "api"], "tells what it holds"),
        (["update", "--env", "stagin"], "stagin"),
        (["update", "nowhere"], "there is no file or folder nowhere"),
    ],
)
def test_what_cannot_be_done(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    code, text = sysint(capsys, *words)
    assert code == 2
    assert said in text


def test_a_service_that_is_provisioned_is_stopped_again(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "seed.sql").write_text("CREATE TABLE seeded (id TEXT)")
    (folder / "sysint.yaml").write_text(
        "sysint: 1\nintegrations:\n  care-db:\n    type: sql\n    provision: {way: embedded, seed: seed.sql}\n"
        "    contract: {snapshot: care-db.yaml}\n"
    )
    assert sysint(capsys, "update") == (
        0,
        "care-db (embedded): care-db.yaml: written (tables: 1, views: 0, migrations: 0)\n",
    )


def test_what_holds_nothing_is_not_recorded(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    sysint(capsys, "update")
    written = (folder / "contracts/care-db.yaml").read_text()
    execute(folder / "local.db", "DROP TABLE homes; DROP TABLE staff")
    code, said = sysint(capsys, "update")
    assert code == 1
    assert "it holds nothing" in said
    assert (folder / "contracts/care-db.yaml").read_text() == written


def test_nothing_may_be_started(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "sysint.yaml").write_text(
        "sysint: 1\nintegrations:\n  care-db:\n    type: sql\n    provision: existing\n"
        "    contract: {snapshot: care-db.yaml}\n"
    )
    code, said = sysint(capsys, "update")
    assert code == 1
    assert "nothing may be started" in said
