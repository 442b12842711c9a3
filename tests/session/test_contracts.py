"""Contracts of what a type holds in whole runs of pytest: green while it is kept, red where it is broken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from pytest_sysint.cli import main

DECLARED = """
sysint: 1
tenants: [oakwood, elmhurst]
integrations:
  care-db:
    type: sql
    tenants: all
    url: sqlite:///{folder}/care.db
    contract:
      tables:
        residents:
          columns: {id: text, nhs_number: {type: text, nullable: false, unique: true}}
          primary_key: id
        residents_old: {absent: true}
      snapshot: contracts/care-db.yaml
"""
CHECKS = ("tables-residents", "tables-residents-old", "snapshot")


def execute(project: Any, sql: str) -> None:
    with closing(sqlite3.connect(project.path / "care.db")) as connection:
        connection.executescript(sql)


def test_contracts_are_kept_and_then_broken(project: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(project.path)
    project.declare(DECLARED.replace("{folder}", str(project.path)))
    execute(project, "CREATE TABLE residents (id TEXT PRIMARY KEY, nhs_number TEXT NOT NULL UNIQUE, room INTEGER)")
    assert main(["contract", "update"]) == 0

    assert project.run().ret == 0
    contracts = {name: status for name, status in project.statuses().items() if "::contract::" in name}
    assert contracts == {
        f"care-db::contract::{slug}[{tenant}]": "passed" for slug in CHECKS for tenant in ("oakwood", "elmhurst")
    }

    execute(project, "ALTER TABLE residents RENAME COLUMN nhs_number TO nhs_no; CREATE TABLE residents_old (id TEXT)")
    run = project.run("-k", "oakwood")
    assert run.ret == 1
    statuses = project.statuses()
    assert [statuses[f"care-db::contract::{slug}[oakwood]"] for slug in CHECKS] == ["failed"] * 3
    (result,) = [each for each in project.report["results"] if "::tables-residents[" in each["nodeid"]]
    messages = [each["message"] for each in result["assertions"] if each["status"] == "failed"]
    assert messages == [
        "there is no 'nhs_number' among the columns of residents, did you mean 'nhs_no'? (there is: id, nhs_no, room)"
    ]
    assert result["reproduce"].startswith("sqlite3 ")
    (drift,) = [each for each in project.report["results"] if "::snapshot[" in each["nodeid"]]
    assert drift["metrics"] == {"breaking_differences": 4, "additive_differences": 1, "cosmetic_differences": 0}


def test_mistakes_are_told_with_their_place(project: Any) -> None:
    declared = DECLARED.replace("{folder}", str(project.path)).replace("nullable: false", "nulable: false")
    project.declare(declared.replace("primary_key: id", "primary_kee: id"))
    run = project.run()
    said = "\n".join([*run.outlines, *run.errlines])
    assert run.ret == 2
    assert "sysint.yaml:12:56: integrations.care-db.contract.tables.residents.columns.nhs_number.nulable" in said
    assert "unknown key, did you mean 'primary_key'?" in said
