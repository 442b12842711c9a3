"""Two sides held against each other: each verdict on sides that are the same, and on sides that differ in just that."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.checks._reconcile.values import number
from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.core.secrets import learn
from pytest_sysint.engine.undoing import undo

COLUMNS = ["external_id", "name", "born", "weight", "active"]
ROWS = [[f"R-{n:04}", f"name {n}", "1931-05-06", f"{n / 4}", "t" if n % 2 else "f"] for n in range(1, 201)]
FLOW = """\
  import:
    data_type: resident
    reconcile:
      source: {on: files, rows: "residents.csv"}
      target: {on: db, query: SELECT * FROM residents}
      key: external_id
      compare: {given_name: name, birth_date: born, weight: {as: number}, active: {as: boolean}}
"""


@pytest.fixture
def sides(flows: Any, tmp_path: Path) -> Any:
    """`files` with residents.csv, `db` with a table of the same rows in its own format and order; `change(sql)`."""
    (tmp_path / "files").mkdir()
    database = tmp_path / "care.db"
    flows.around = {
        "db": f"type: sql, url: 'sqlite:///{database}'",
        "files": f"type: local, url: 'file://{tmp_path}/files'",
    }

    def change(*statements: str) -> None:
        with closing(sqlite3.connect(database)) as db, db:
            for statement in statements:
                db.execute(statement)

    def write(rows: Any = ROWS, name: str = "residents.csv") -> None:
        with (tmp_path / "files" / name).open("w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])

    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "CREATE TABLE residents (weight REAL, given_name TEXT, birth_date TEXT, active INT, external_id TEXT)"
        )
        values = [(float(row[3]), row[1], row[2], row[4] == "t", row[0]) for row in reversed(ROWS)]
        db.executemany("INSERT INTO residents VALUES (?, ?, ?, ?, ?)", values)
    write()
    flows.change, flows.write, flows.files = change, write, tmp_path / "files"
    return flows


def test_the_same_rows_in_another_order_and_format_are_the_same(sides: Any) -> None:
    result = sides.run(FLOW)
    assert result.status == "passed", result.error_message
    assert {each.name for each in result.assertions} == {"missing", "unexpected", "different", "duplicated"}
    assert (result.metrics["source"], result.metrics["target"], result.metrics["matching"]) == (200, 200, 1)
    assert (result.data_type, result.source_system, result.target_system) == ("resident", "files", "db")
    assert [each.received for each in result.exchanges] == ["200 rows", "200 rows"]
    assert result.processing_time > 0


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ("DELETE FROM residents WHERE external_id IN ('R-0007', 'R-0003')", {"missing": "R-0003, R-0007"}),
        ("INSERT INTO residents VALUES (1, 'x', 'y', 1, 'R-9999')", {"unexpected": "R-9999"}),
        ("INSERT INTO residents SELECT * FROM residents WHERE external_id = 'R-0007'", {"duplicated": "R-0007"}),
        (
            "UPDATE residents SET given_name = 'Ada', weight = weight + 1 WHERE external_id = 'R-0100'",
            {"different": "R-0100 (given_name: 'name 100' -> 'Ada'; weight: '25' -> '26')"},
        ),
        ("UPDATE residents SET birth_date = NULL WHERE external_id = 'R-0001'", {"different": "-> null)"}),
        ("DELETE FROM residents", {"missing": "R-0001, R-0002,"}),
        ("UPDATE residents SET external_id = lower(external_id)", {"missing": "R-0001", "unexpected": "r-0001"}),
    ],
    ids=["missing", "unexpected", "duplicated", "different", "null", "empty", "keys"],
)
def test_each_difference_is_told_with_its_keys_and_fields(sides: Any, change: str, failed: dict[str, str]) -> None:
    sides.change(change)
    result = sides.run(FLOW)
    said = sides.failed(result)
    assert result.status == "failed"
    assert said.keys() == failed.keys()
    assert all(part in said[name] for name, part in failed.items()), said
    assert f"sqlite3 -readonly {sides.folder}" in result.reproduce


def test_many_differences_are_counted_and_some_are_shown(sides: Any) -> None:
    sides.change("UPDATE residents SET active = NOT active WHERE external_id > 'R-0050'")
    result = sides.run(FLOW)
    assert result.metrics["different"] == result.metrics["fields.active"] == 150
    assert sides.failed(result)["different"].endswith("R-0060 (active: 'false' -> 'true') and 140 more")
    assert result.cause.startswith("all differences are in 'active' (150 rows)")


def test_two_empty_sides_prove_nothing(sides: Any) -> None:
    sides.change("DELETE FROM residents")
    sides.write([])
    result = sides.run(FLOW)
    assert result.status == "error"
    assert "both sides are empty: nothing was compared" in result.error_message
    assert sides.run(FLOW + "    expect: {source: 0}\n").status == "passed"


def test_what_is_expected_replaces_what_must_hold_anyway(sides: Any) -> None:
    sides.change("DELETE FROM residents WHERE external_id = 'R-0007'")
    assert sides.run(FLOW + "    expect: {missing: '<= 1', matching: '> 99%'}\n").status == "passed"
    result = sides.run(FLOW + "    expect: {matching: {warn: '> 99.9%'}, fields.weight: 0, source: '> 0'}\n")
    assert sides.failed(result).keys() == {"missing", "matching"}


def test_values_that_must_not_be_seen_are_not(sides: Any) -> None:
    sides.change("UPDATE residents SET given_name = 'Ada', active = 7 WHERE external_id = 'R-0007'")
    said = sides.failed(sides.run(FLOW + "      hide: [given_name]\n"))["different"]
    assert said.endswith("R-0007 (given_name differs; active: 'true' -> '7')")
    assert sides.failed(sides.run(FLOW + "      hide: all\n"))["different"].endswith("active differs)")


def test_secrets_are_masked(sides: Any) -> None:
    learn("s3cret-name")
    sides.change("UPDATE residents SET given_name = 's3cret-name' WHERE external_id = 'R-0007'")
    result = sides.run(FLOW)
    assert "'name 7' -> '***'" in sides.failed(result)["different"]
    assert "s3cret-name" not in result.model_dump_json()


def test_numbers_may_differ_a_little(sides: Any) -> None:
    sides.change("UPDATE residents SET weight = weight + 0.004 WHERE external_id < 'R-0010'")
    tolerant = FLOW.replace("weight: {as: number}", "weight: {as: number, tolerance: 0.005}")
    assert sides.run(tolerant).status == "passed"
    assert sides.run(FLOW).metrics["different"] == 9
    sides.change("UPDATE residents SET weight = weight + 0.004 WHERE external_id = 'R-0001'")
    result = sides.run(tolerant)
    assert sides.failed(result)["different"].endswith("R-0001 (weight: '0.25' -> '0.258')")


def test_a_checksum_tells_the_rows_and_a_sample_the_fields(sides: Any) -> None:
    change = "UPDATE residents SET given_name = 'Ada' WHERE external_id IN ('R-0007', 'R-0070')"
    whole, some = FLOW + "      checksum: true\n", FLOW + "      sample: 50\n"
    assert sides.run(whole).status == sides.run(some).status == "passed"
    sides.change(change)
    result = sides.run(whole)
    assert sides.failed(result)["different"].endswith("R-0007, R-0070")
    both = sides.run(whole + "      sample: 500\n")
    assert both.metrics["different"] == 2
    assert "R-0007 (given_name: 'name 7' -> 'Ada')" in sides.failed(both)["different"]
    sides.change("UPDATE residents SET given_name = 'Ada'")
    sampled = sides.run(some)
    assert sampled.metrics["sampled"] == sampled.metrics["different"] == 50
    sides.change("DELETE FROM residents WHERE external_id = 'R-0001'")
    assert sides.failed(sides.run(some))["missing"].endswith("R-0001")


COUNT = """\
  count:
    reconcile:
      source: {on: files, rows: residents.csv}
      target: {on: db, query: SELECT external_id FROM residents}
"""


def test_without_a_key_rows_are_counted(sides: Any) -> None:
    assert sides.run(COUNT).status == "passed"
    sides.change("DELETE FROM residents WHERE external_id < 'R-0003'")
    assert sides.failed(sides.run(COUNT)) == {"difference": "difference was 2, expected 0"}
    keyed = sides.run(COUNT + "      key: external_id\n")
    assert sides.failed(keyed)["missing"].endswith("R-0001, R-0002")


def test_all_columns_that_both_have(sides: Any) -> None:
    sides.change("ALTER TABLE residents RENAME COLUMN given_name TO name", "ALTER TABLE residents DROP COLUMN weight")
    sides.change("UPDATE residents SET name = 'Ada' WHERE external_id = 'R-0007'")
    every = COUNT.replace("SELECT external_id", "SELECT *") + "      key: [external_id]\n      compare: all\n"
    result = sides.run(every + "      ignore: [active]\n")
    said = sides.failed(result)
    assert said["different"].endswith("R-0007 (name: 'name 7' -> 'Ada')")
    assert said["columns"].endswith(
        "only one side has them: the source alone has born, weight; the target alone has birth_date"
    )
    assert sides.failed(sides.run(every))["different"].startswith("different was 200")


def test_a_key_of_several_columns_and_documents(sides: Any) -> None:
    """JSON lines, packed: values within values, and what a document does not have is null."""
    lines = [{"id": {"no": row[0]}, "home": "oak", "name": {"given": row[1]}} for row in ROWS]
    del lines[8]["name"]
    with gzip.open(sides.files / "residents.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))
    sides.change("ALTER TABLE residents ADD COLUMN home TEXT DEFAULT 'oak'")
    flow = """\
  documents:
    reconcile:
      source: {on: files, rows: residents.jsonl.gz}
      target: {on: db, query: "SELECT * FROM residents"}
      key: {external_id: id.no, home: home}
      compare: {given_name: name.given}
"""
    said = sides.failed(sides.run(flow))
    assert said == {"different": "different was 1, expected 0: R-0009/oak (given_name: null -> 'name 9')"}
    sides.change("UPDATE residents SET home = 'elm' WHERE external_id = 'R-0002'")
    said = sides.failed(sides.run(flow))
    assert said["missing"].endswith(": R-0002/oak")
    assert said["unexpected"].endswith(": R-0002/elm")


def test_a_listing_against_a_table(sides: Any) -> None:
    """Every file that the database knows is there, in the size that it knows."""
    sides.change("CREATE TABLE attachments (path TEXT, size INT)", "INSERT INTO attachments VALUES ('notes/1.pdf', 3)")
    (sides.files / "notes").mkdir()
    (sides.files / "notes/1.pdf").write_text("pdf")
    flow = """\
  attachments:
    reconcile:
      source: {on: db, query: "SELECT path, size FROM attachments"}
      target: {on: files, list: notes/}
      key: path
      compare: [size]
"""
    assert sides.run(flow).status == "passed"
    (sides.files / "notes/1.pdf").write_text("p")
    assert sides.failed(sides.run(flow))["different"].endswith("notes/1.pdf (size: '3' -> '1')")
    (sides.files / "notes/1.pdf").rename(sides.files / "notes/2.pdf")
    assert sides.failed(sides.run(flow)).keys() == {"missing", "unexpected"}


def test_several_files_as_one(sides: Any) -> None:
    sides.write(ROWS[:120], "2026-01-01.csv")
    sides.write(ROWS[120:], "2026-01-02.csv")
    flow = FLOW.replace("residents.csv", "2026-*.csv")
    assert sides.run(flow).status == "passed"
    (sides.files / "2026-01-02.csv").unlink()
    assert sides.run(flow).metrics["unexpected"] == 80


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda sides: (sides.files / "residents.csv").unlink(), "no file is called 'residents.csv'"),
        (
            lambda sides: sides.change("ALTER TABLE residents RENAME COLUMN given_name TO givenname"),
            "the target (db) has no column 'given_name', did you mean 'givenname'?",
        ),
        (lambda sides: sides.write([*ROWS, ["R-1", "short"]]), "has 2 values for 5 columns"),
        (lambda sides: (sides.files / "residents.csv").write_bytes(b"a,b\n\xff,1\n"), "is not text in utf-8-sig"),
        (lambda sides: sides.change("DROP TABLE residents"), "no such table"),
    ],
    ids=["file", "column", "ragged", "garbled", "table"],
)
def test_a_side_that_cannot_be_read_is_told(sides: Any, break_it: Any, said: str) -> None:
    break_it(sides)
    result = sides.run(FLOW)
    assert result.status == "failed"
    assert said in result.error_message


def test_it_is_compared_again_until_it_holds(sides: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sysint.engine.runner._PATIENCE", 0.01)
    sides.change("CREATE TABLE later AS SELECT * FROM residents", "DELETE FROM residents WHERE external_id > 'R-0100'")
    sides.said = Repairing(sides)
    result = sides.run(FLOW + "    poll: {timeout: 20s, interval: 10ms}\n")
    assert result.status == "passed", result.error_message
    assert result.metrics["polls"] >= 2
    sides.change("DELETE FROM residents")
    result = sides.run(FLOW + "    poll: {timeout: 50ms, interval: 10ms}\n")
    assert sides.failed(result).keys() == {"missing"}
    assert result.cause.startswith("it did not hold within ")


class Repairing(list):
    """Progress that is listened to: what was missing comes as soon as somebody complains."""

    def __init__(self, sides: Any) -> None:
        self.sides = sides

    def append(self, text: str) -> None:
        if "not yet the same" not in text:
            return
        self.sides.change("INSERT INTO residents SELECT * FROM later WHERE external_id > 'R-0100'")
        self.sides.change("DELETE FROM later")


BEFORE = """\
  import:
    before:
      - {on: files, put: "in-{run}.csv", text: "external_id,name\\nADM-{run},Ann\\n"}
      - {on: api, request: POST /residents, json: {externalId: "ADM-{run}", name: {given: Ann}}}
    reconcile:
      source: {on: files, rows: "in-{run}.csv"}
      target: {on: db, query: "SELECT * FROM residents WHERE external_id = :id", params: {id: "ADM-{run}"}}
      key: external_id
      compare: {given_name: name}
    poll: {timeout: 10s, interval: 20ms}
    cleanup:
      - {on: files, delete: "in-{run}.csv"}
      - {on: api, request: "DELETE /residents/ADM-{run}"}
"""


def test_what_happens_first_is_undone_at_the_end(admission: Any, care: Any) -> None:
    result = admission.run(BEFORE)
    assert result.status == "passed", result.error_message
    assert result.effect == "write"
    assert care.rows() == []
    assert not list((care.folder / "files").iterdir())
    assert not admission.ledger.left()
    care.faults.add("drop")
    care.every = 1
    result = admission.run(BEFORE.replace("timeout: 10s", "timeout: 100ms"))
    assert admission.failed(result).keys() == {"missing"}
    assert not list((care.folder / "files").iterdir())


def test_when_the_first_step_fails_nothing_is_compared(admission: Any, care: Any) -> None:
    care.faults.add("down")
    result = admission.run(BEFORE)
    assert {each.name: each.status for each in result.assertions} == {"before": "failed"}
    assert "POST /residents: status was 500" in result.error_message
    assert not list((care.folder / "files").iterdir())


def test_what_cannot_be_removed_is_told_and_stays_in_the_ledger(admission: Any, care: Any) -> None:
    care.faults.add("keep")
    result = admission.run(BEFORE)
    assert (result.status, result.degraded) == ("passed", True)
    assert "status was 409" in admission.failed(result)["leftovers"]
    (entry,) = admission.ledger.left()
    assert entry.items[0]["run"] in care.rows()[0][0]


def test_what_a_client_library_raises_keeps_nothing_from_being_removed(
    admission: Any, care: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no handle")

    monkeypatch.setattr("pytest_sysint.integrations._file_operations.Delete.perform", broken)
    result = admission.run(BEFORE)
    assert (result.status, result.degraded) == ("passed", True)
    assert "RuntimeError: no handle" in admission.failed(result)["leftovers"]
    assert care.removed  # by the step behind it
    (undone,) = undo(admission.ledger.left())
    assert undone.left == {0: "RuntimeError: no handle"}
    monkeypatch.undo()
    (undone,) = undo(admission.ledger.left())
    assert (undone.gone, undone.left) == ([0], {})
    assert not list((care.folder / "files").iterdir())


@pytest.mark.parametrize("more", ["", "      sample: 5\n"])
def test_what_a_checksum_hides_cannot_be_expected(sides: Any, more: str) -> None:
    every = COUNT.replace("SELECT external_id", "SELECT *") + "      key: external_id\n      compare: all\n"
    text = every + f"      checksum: true\n{more}    expect: {{fields.given_name: 0}}\n"
    with pytest.raises(DeclarationError) as caught:
        sides.declare(text)
    assert "is nothing that this reconciliation tells" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("12345678901234567890123456789012345678.10", "12345678901234567890123456789012345678.1"),
        ("15e-1", "1.5"), ("-0", "0"), ("1e999999", "1E+999999"), ("sNaN", "sNaN"), ("ten", "ten"), (None, None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_they_are(value: Any, read: Any) -> None:
    assert number(value) == read


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("on: files", "on: filez", "reconcile.source.on: there is no integration 'filez', did you mean 'files'?"),
        ("rows: ", "stat: ", "one after another; of this type `list` and `rows` can"),
        ("SELECT *", "DELETE", "reconcile.target: 'DELETE FROM residents' does more than to read"),
        ("      key: external_id\n", "", "reconcile.compare: values are compared of rows with the same key"),
        ("key:", "keys:", "reconcile.keys: unknown key, did you mean 'key'?"),
        ("data_type:", "datatype:", "import.datatype: unknown key, did you mean 'data_type'?"),
        ("{as: number}", "{as: numbr}", "reconcile.compare."),
        ("{as: number}", "{as: number, tolerance: 0}", "compare."),
        ("      compare:", "      sample: 5\n      comparing:", "unknown key, did you mean 'compare'?"),
        ('residents.csv"}', 'residents.csv", expect: {count: 1}}', "expect: stands at the flow itself"),
        ("residents.csv", "residents-{rn}.csv", "nothing is known as `{rn}`, did you mean 'run'?"),
        ("    data_type: resident\n", "    expect: {lost: 0}\n", "expect.lost: is nothing that this"),
        ("    data_type: resident\n", "    expect: {}\n", "import.expect: expected a map, subject -> matcher"),
        ("    data_type: resident\n", "    before: []\n", "import.before: an empty list does nothing"),
        ("    data_type: resident\n", "    cleanup: {delete: x}\n", "import.cleanup: 'on' is missing"),
        ("    data_type: resident\n", "    before: {on: files, list: '', timeout: 1s}\n", "before.timeout: stands at"),
        ("    data_type: resident\n", "    tenants: [oak]\n", "import.tenants[0]"),
        ("    data_type: resident\n", "    send: {to: db}\n", "a flow has `send` or `reconcile`, and this has both"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(sides: Any, old: str, new: str, said: str) -> None:
    assert old in FLOW
    with pytest.raises(DeclarationError) as caught:
        sides.declare(FLOW.replace(old, new, 1))
    assert said in str(caught.value)


def test_keys_that_have_no_meaning_are_told(sides: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        sides.declare(
            COUNT + "      key: {external_id: {as: number, tolerance: 1}}\n      ignore: [x]\n      checksum: true\n"
        )
    said = str(caught.value)
    assert "ignore: goes with `compare: all`" in said
    assert "checksum: has no meaning without `compare`" in said
    assert "key.external_id.tolerance: a key is the same or it is not" in said
