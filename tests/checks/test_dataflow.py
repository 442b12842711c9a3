"""Flows as they are declared: what is read, and what is wrong with them, with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.declaration import Declaration, load
from pytest_sysint.engine.plan import Selection, checks_of

AROUND = """\
sysint: 1
tenants: [oak, elm]
integrations:
  api: {type: rest, url: "http://127.0.0.1:1", tenants: all}
  db: {type: sql, url: "sqlite:///x.db"}
  oaks: {type: sql, url: "sqlite:///y.db", tenants: [oak]}
  bus: {type: kafka, url: "kafka://127.0.0.1:1"}
flows:
"""
PLAIN = """\
  admission:
    send: {to: api, request: POST /residents, json: {name: Ann}, correlate: $.id}
    observe:
      - {on: db, query: "SELECT * FROM residents WHERE id = :correlation"}
"""


def declared(folder: Path, flows: str) -> Declaration:
    path = folder / "sysint.yaml"
    path.write_text(AROUND + flows)
    (declaration,) = load([path], env={})
    return declaration


def test_a_flow_is_a_check_of_its_source_for_each_tenant(tmp_path: Path) -> None:
    declaration = declared(tmp_path, PLAIN)
    found = [check for _, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert [(check.slug, check.tenant) for check in found] == [("admission", "oak"), ("admission", "elm")]
    assert found[0].uses == ("db",)
    assert found[0].effect == "write"
    assert found[0].effects == {"db": "read"}
    assert found[0].line == 9
    assert not list(checks_of(declaration, "dataflow", "db", Selection()))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to: api", "to: apj", "10:12: flows.admission.send.to: there is no integration 'apj', did you mean 'api'?"),
        ("on: db", "on: dbs", "observe[0].on: there is no integration 'dbs', did you mean 'db'?"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        declared(tmp_path, PLAIN.replace(old, new))
    assert said in str(caught.value)
