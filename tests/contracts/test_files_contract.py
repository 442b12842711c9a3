"""The form `files`: each promise kept, and broken by a file that is wrong in just that way, on each sort of store."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_sysint.contracts._files import columns, places, stream
from pytest_sysint.contracts._files.places import compiled
from pytest_sysint.core.errors import Mistakes, TimedOut
from pytest_sysint.core.registry import kinds, types

ROWS = [
    {"external_id": "R-1", "birth_date": "1931-05-02", "nhs_number": "9000000009", "beds": "1"},
    {"external_id": "R-2", "birth_date": "1940-11-30", "nhs_number": "9000000017", "beds": "2"},
    {"external_id": "R-3", "birth_date": "", "nhs_number": "9000000025", "beds": "1"},
]
COLUMNS = {
    "external_id": "text",
    "birth_date": "date",
    "nhs_number": {"matches": "^[0-9]{10}$", "unique": True, "nullable": False},
    "beds": {"type": "integer", "value": "<= 4"},
}


def csv(rows=ROWS, delimiter=",", names=None):
    names = names or list(rows[0])
    lines = [names, *([row.get(name, "") for name in names] for row in rows)]
    return "".join(delimiter.join(line) + "\n" for line in lines).encode()


def changed(index, **values):
    return [{**row, **values} if at == index else row for at, row in enumerate(ROWS)]


def sha(content, algorithm="sha256"):
    return hashlib.new(algorithm, content).hexdigest()


def store_url(name, tmp_path, real_service):
    if name == "local":
        return tmp_path.as_uri()
    folder, server = uuid.uuid4().hex, real_service(name, "embedded")
    if name == "s3":
        return f"{server}/{folder}"
    cls = types().get(name)
    root = cls(cls.settings_model.model_validate({"url": server}))
    root.client.run(lambda sftp: sftp.mkdir(f"/{folder}"))
    root.close()
    return server.replace("/?", f"/{folder}?")


@pytest.fixture
def shelf(request, tmp_path, real_service, desk):
    """A store with nothing in it: `shelf.put(path, content)`, and contracts declared against it."""
    (tmp_path / "files").mkdir()
    name = getattr(request, "param", "local")
    return desk(name, url=store_url(name, tmp_path / "files", real_service))


each_store = pytest.mark.parametrize("shelf", ["local", "s3", "sftp"], indirect=True)


def one(**promised):
    return {"files": [{"path": "exports/residents-*.csv", **promised}]}


def put(shelf, content, path="exports/residents-1.csv"):
    shelf.talk().integration.put(path, content, 10)


@each_store
def test_a_file_that_keeps_all_its_promises(shelf):
    content = csv() + b"T,3\n"
    put(shelf, content)
    put(shelf, f"{sha(content)}  residents-1.csv\n".encode(), "exports/residents-1.csv.sha256")
    judged = shelf.judged(
        one(
            age="< 1h", size="> 10B", encoding="utf-8", columns=COLUMNS, rows={"between": [1, 5]}, ordered=True,
            trailer={"pattern": "^T,([0-9]+)$"}, checksum={},
        )
    )  # fmt: skip
    assert {each.status for each in judged.values()} == {"passed"}
    assert set(judged) == {
        "count", "age", "size", "encoding", "format", "shape", "extra_columns", "ordered", "rows", "trailer",
        "checksum", "columns.external_id", "columns.external_id.type", "columns.birth_date", "columns.birth_date.type",
        "columns.nhs_number", "columns.nhs_number.nullable", "columns.nhs_number.matches", "columns.nhs_number.unique",
        "columns.beds", "columns.beds.type", "columns.beds.value",
    }  # fmt: skip


BROKEN = {
    "another encoding": (csv(changed(1, external_id="R-é")).decode().encode("latin-1"), {"encoding"}, "at byte"),
    "a byte order mark": (b"\xef\xbb\xbf" + csv(), {"encoding"}, "byte order mark"),
    "another separator": (csv(delimiter=";"), {"columns.external_id"}, "no column 'external_id'"),
    "an open quote": (csv() + b'R-4,"1950-01-01,9000000033,1\n', {"format"}, "no CSV of that sort"),
    "a missing column": (csv(names=["external_id", "birth_date", "beds"]), {"columns.nhs_number"}, "no column"),
    "a renamed column": (
        csv().replace(b"birth_date", b"birthdate"),
        {"columns.birth_date"},
        "did you mean 'birthdate'",
    ),
    "a column twice": (csv().replace(b"beds", b"external_id", 1), {"format"}, "twice"),
    "a short row": (csv() + b"R-4,1950-01-01\n", {"shape"}, "line 5 has 2 values, of 4 columns"),
    "a long row": (csv() + b"R-4,1950-01-01,9000000033,1,more\n", {"shape"}, "line 5 has 5 values"),
    "a wrong date": (csv(changed(0, birth_date="02/05/1931")), {"columns.birth_date.type"}, "99/99/9999"),
    "no such day": (csv(changed(0, birth_date="1931-02-30")), {"columns.birth_date.type"}, "9999-99-99"),
    "a wrong number": (csv(changed(0, beds="1.5")), {"columns.beds.type"}, "no integer, 1 time: line 2"),
    "a value too high": (csv(changed(2, beds="5")), {"columns.beds.value"}, 'line 4: text like "9"'),
    "a value of another pattern": (csv(changed(1, nhs_number="12")), {"columns.nhs_number.matches"}, "line 3"),
    "an empty value": (
        csv(changed(1, nhs_number="")),
        {"columns.nhs_number.nullable"},
        "null or empty, 1 time: line 3",
    ),
    "a value twice": (csv(changed(1, nhs_number="9000000009")), {"columns.nhs_number.unique"}, "came before"),
    "too many rows": (csv(ROWS * 2, names=[*ROWS[0]]), {"columns.nhs_number.unique", "rows"}, "rows was 6"),
    "no rows": (csv(names=[*ROWS[0]]).splitlines(keepends=True)[0], {"rows"}, "rows was 0"),
    "nothing at all": (b"", {"size", "format", "rows"}, "it is empty"),
    "columns out of order": (
        csv(names=["birth_date", "external_id", "nhs_number", "beds"]),
        {"ordered"},
        "in the order",
    ),
    "another column": (csv(changed(0, extra="x"), names=[*ROWS[0], "extra"]), {"extra_columns"}, "declared: extra"),
}


FOLLOWS = {"columns.beds", "rows", "columns.birth_date", "extra_columns", "columns.nhs_number"}
"""What fails too, because what is broken first hides it."""


@each_store
@pytest.mark.parametrize("content, broken, said", BROKEN.values(), ids=BROKEN)
def test_each_way_to_break_a_promise(shelf, content, broken, said):
    put(shelf, content)
    failed = shelf.failed(
        one(
            size="> 0B", encoding="utf-8", columns=COLUMNS, rows={"between": [1, 5]}, ordered=True, extra_columns="fail"
        )
    )
    assert broken <= set(failed)
    assert set(failed) - broken <= FOLLOWS
    assert any(said in message for message in failed.values()), failed


def test_what_is_not_known_after_a_flaw_is_no_pass(shelf):
    put(shelf, csv() + b'R-4,"open\n')
    judged = shelf.judged(one(columns=COLUMNS, rows=">= 1", trailer={"field": 2}, checksum={}))
    assert {name for name, each in judged.items() if each.status == "passed"} <= {"count", "ordered"}
    assert "is not known" in judged["rows"].message
    assert "is not known" in judged["trailer"].message


@each_store
def test_how_many_there_are(shelf):
    for name in ("residents-1.csv", "residents-2.csv", "homes-1.csv"):
        put(shelf, csv(), f"exports/{name}")
    assert shelf.failed(one(count=2)) == {}
    failed = shelf.failed({"files": [{"path": "exports/staff-*.csv"}]})
    assert "count was 0, expected >= 1" in failed["count"]
    assert "none begins like it" in failed["count"]
    assert "of 3 files that begin like it" in shelf.failed({"files": [{"path": "exports/*.json"}]})["count"]
    assert "count was 2" in shelf.failed(one(count="<= 1"))["count"]
    assert shelf.failed({"files": [{"path": "exports/*.err", "count": 0}]}) == {}, "that there are none can be promised"


def test_a_listing_that_is_too_long_is_no_count(shelf, monkeypatch):
    monkeypatch.setattr(places, "LOOKED_AT", 2)
    for number in range(4):
        put(shelf, csv(), f"exports/residents-{number}.csv")
    assert "narrow it" in shelf.failed(one(count=">= 1"))["count"]


def test_patterns():
    found = [
        path for path in ("a/b.csv", "a/c/b.csv", "a/c/d/b.csv", "a/x.csv.gz") if compiled("a/**/*.csv").fullmatch(path)
    ]
    assert found == ["a/b.csv", "a/c/b.csv", "a/c/d/b.csv"]
    assert not compiled("a/*.csv").fullmatch("a/c/b.csv")
    assert compiled("r-?.c+v").fullmatch("r-1.c+v")
    assert not compiled("r-?.csv").fullmatch("r-12.csv")


def test_age_and_size_of_what_was_written_long_ago(shelf, tmp_path):
    put(shelf, csv())
    yesterday = time.time() - 30 * 3600
    os.utime(tmp_path / "files/exports/residents-1.csv", (yesterday, yesterday))
    failed = shelf.failed(one(age="< 26h", size="> 1kB"))
    assert set(failed) == {"age", "size"}
    assert "1.25d" in failed["age"] or "30h" in failed["age"]


@pytest.mark.parametrize("shelf", ["sftp", "s3"], indirect=True)
def test_age_and_size_elsewhere(shelf):
    put(shelf, csv())
    failed = shelf.failed(one(age="> 1h", size="> 1kB"))
    assert set(failed) == {"age", "size"}


def test_which_of_them_are_looked_at(shelf, tmp_path):
    for number in range(4):
        put(shelf, csv(changed(0, beds=str(9 - number))), f"exports/residents-{number}.csv")
        written = time.time() - 3600 * number
        os.utime(tmp_path / f"files/exports/residents-{number}.csv", (written, written))
    columns = {"beds": {"value": "<= 7"}}
    assert set(shelf.failed(one(columns=columns, extra_columns="ignore"))) == {"columns.beds.value"}
    two = shelf.failed(one(columns=columns, extra_columns="ignore", newest=3))
    assert set(two) == {f"exports/residents-{number}.csv: columns.beds.value" for number in (0, 1)}
    assert len(shelf.judged(one(columns=columns, newest="all"))) > len(shelf.judged(one(columns=columns, newest=2)))


def test_of_what_was_written_at_once_the_last_name_is_the_newest(shelf, tmp_path):
    for number in (1, 3, 2):
        put(shelf, csv(), f"exports/residents-{number}.csv")
        os.utime(tmp_path / f"files/exports/residents-{number}.csv", (1e9, 1e9))
    listing = places.Find(find="exports/*.csv").perform(shelf.talk().integration, 5)
    assert [row["path"][-5] for row in listing.payload] == ["3", "2", "1"]


def test_the_tenant_stands_in_the_path(shelf):
    put(shelf, csv(), "exports/oakwood/residents-1.csv")
    promised = {"files": [{"path": "exports/{tenant}/residents-*.csv", "name": "export"}]}
    (oakwood,) = shelf.checks(promised, "oakwood")
    (elmhurst,) = shelf.checks(promised, "elmhurst")
    assert oakwood.run(shelf.talk()).assertions[0].status == "passed"
    outcome = elmhurst.run(shelf.talk())
    assert "exports/elmhurst/residents-*.csv" in outcome.assertions[0].message
    assert outcome.assertions[0].tenant_id == "elmhurst"
    assert outcome.reproduce


def test_extra_columns_warn_unless_told_otherwise(shelf):
    put(shelf, csv())
    columns = {"external_id": "text"}
    found = shelf.judged(one(columns=columns))["extra_columns"]
    assert (found.status, found.severity) == ("failed", "warn")
    assert shelf.judged(one(columns=columns, extra_columns="fail"))["extra_columns"].severity == "fail"
    assert "extra_columns" not in shelf.judged(one(columns=columns, extra_columns="ignore"))


def test_a_column_may_be_left_out_where_it_is_not_required(shelf):
    put(shelf, csv())
    assert shelf.failed(one(columns={"left": {"type": "date", "required": False}}, extra_columns="ignore")) == {}


def test_a_column_without_any_value_is_a_warning(shelf):
    put(shelf, csv([{**row, "birth_date": ""} for row in ROWS]))
    found = shelf.judged(one(columns=COLUMNS))["columns.birth_date.values"]
    assert (found.status, found.severity) == ("failed", "warn")
    assert "nothing could be judged" in found.message


def test_warn_and_fail_of_a_value(shelf):
    put(shelf, csv())
    found = shelf.run(one(columns={"beds": {"type": "integer", "value": {"warn": "<= 1", "fail": "<= 2"}}}))
    levels = {each.severity: each.status for each in found.assertions if each.name == "columns.beds.value"}
    assert levels == {"warn": "failed", "fail": "passed"}


TYPES = {
    "text": (["x"], []),
    "integer": (["0", "-12", "+3"], ["1.0", "x", "1e3", " 1"]),
    "number": (["0.5", "-1e3", ".5", "12"], ["1,5", "NaN", "x"]),
    "boolean": (["true", "False", "yes", "0"], ["maybe", "2"]),
    "date": (["2026-02-28"], ["2026-02-30", "20260228", "2026-02-28T10:00:00"]),
    "datetime": (["2026-02-28T10:00:00", "2026-02-28 10:00:00+01:00"], ["2026-02-28", "10:00"]),
    "time": (["10:00", "23:59:59"], ["25:00", "x"]),
    "uuid": (["6f1c2d1e-0c1b-4c3e-9a51-0d7c6a1f2b3c"], ["6f1c2d1e0c1b4c3e9a510d7c6a1f2b3c", "x"]),
}


@pytest.mark.parametrize("kind", TYPES)
def test_types_of_written_values(shelf, kind):
    good, bad = TYPES[kind]
    put(shelf, b"a\n" + "".join(f'"{text}"\n' for text in good).encode())
    assert shelf.failed(one(columns={"a": kind})) == {}
    for text in bad:
        put(shelf, f'a\n"{text}"\n'.encode())
        assert set(shelf.failed(one(columns={"a": kind}))) == {"columns.a.type"}, text


def test_dates_written_otherwise(shelf):
    put(shelf, b"a,b,c\n28/02/2026,28/02/2026 10:00,10h30\n")
    columns = {
        "a": {"type": "date", "format": "%d/%m/%Y"},
        "b": {"type": "datetime", "format": "%d/%m/%Y %H:%M"},
        "c": {"type": "time", "format": "%Hh%M"},
    }
    assert shelf.failed(one(columns=columns)) == {}
    put(shelf, b"a,b,c\n2026-02-28,28/02/2026,10:30\n")
    assert set(shelf.failed(one(columns=columns))) == {"columns.a.type", "columns.b.type", "columns.c.type"}


JSON_TYPES = {
    "text": ("x", 1), "integer": (1, "1"), "number": (1.5, "1.5"), "boolean": (True, 1),
    "date": ("2026-01-31", 20260131), "uuid": ("6f1c2d1e-0c1b-4c3e-9a51-0d7c6a1f2b3c", 5),
    "list": ([1], {}), "map": ({"a": 1}, [1]),
    "datetime": ("2026-01-31T10:00:00Z", 5),
}  # fmt: skip


@pytest.mark.parametrize("kind", JSON_TYPES)
def test_types_of_json_values(shelf, kind):
    good, bad = JSON_TYPES[kind]
    for value, failed in ((good, set()), (bad, {"columns.a.type"})):
        put(shelf, json.dumps({"a": value}).encode(), "r.jsonl")
        assert set(shelf.failed({"files": [{"path": "r.jsonl", "columns": {"a": kind}}]})) == failed


def test_a_file_without_a_header(shelf):
    put(shelf, csv().split(b"\n", 1)[1])
    assert shelf.failed(one(columns=COLUMNS, header=False)) == {}
    put(shelf, csv(names=["beds", "external_id", "birth_date", "nhs_number"]).split(b"\n", 1)[1])
    assert "columns.birth_date.type" in shelf.failed(one(columns=COLUMNS, header=False))


def test_other_separators_quotes_and_line_ends(shelf):
    put(shelf, b"a|b\r\n'x|1'|2\r\n'over\r\ntwo lines'|3\r\n\r\n")
    found = shelf.run(one(columns={"a": "text", "b": "integer"}, delimiter="|", quote="'", rows=2))
    assert {each.status for each in found.assertions} == {"passed"}
    put(shelf, b"a\tb\n1\t2\n", "x.tsv")
    assert shelf.failed({"files": [{"path": "x.tsv", "columns": {"a": "integer", "b": "integer"}}]}) == {}


TRAILERS = {
    "right": (b"T,3\n", {}, None),
    "right, of all lines": (b"T,5\n\n", {"includes": ["header", "trailer"]}, None),
    "one less": (b"T,2\n", {}, "says 2, and there are 3"),
    "counted otherwise": (b"T,5\n", {}, "says 5, and there are 3"),
    "none": (b"", {}, "has no trailer that says"),
    "no number": (b"T,many\n", {}, "has no trailer that says"),
}


@each_store
@pytest.mark.parametrize("end, more, said", TRAILERS.values(), ids=TRAILERS)
@pytest.mark.parametrize("how", [{"field": 2}, {"pattern": "^T,([0-9]+)$"}], ids=["field", "pattern"])
def test_trailers(shelf, end, more, said, how):
    put(shelf, csv(names=["external_id", "birth_date"]) + end)
    failed = shelf.failed(one(columns={"external_id": "text"}, extra_columns="ignore", trailer={**how, **more}))
    if said is None:
        assert failed == {}
    else:
        assert said in failed["trailer"]
        assert set(failed) <= {"trailer", "shape"}


def test_trailers_of_json(shelf):
    lines = b'{"id": 1}\n{"id": 2}\n'
    for end, field, failed in (
        (b'{"count": 2}\n', "count", set()),
        (b'{"meta": {"n": 3}}', "$.meta.n", {"trailer"}),
        (b"", "count", {"trailer"}),
    ):
        put(shelf, lines + end, "r.jsonl")
        promised = {"path": "r.jsonl", "columns": {"id": "integer"}, "trailer": {"field": field}}
        assert set(shelf.failed({"files": [promised]})) == failed
    for total, failed in ((2, set()), (3, {"trailer"}), (None, {"trailer"})):
        put(shelf, json.dumps({"total": total, "items": [{"id": 1}, {"id": 2}]}).encode(), "r.json")
        promised = {"path": "r.json", "records": "$.items", "rows": 2, "trailer": {"field": "$.total"}}
        assert set(shelf.failed({"files": [promised]})) == failed


@each_store
def test_checksums(shelf):
    content = csv()
    put(shelf, content)
    assert "there is no file 'exports/residents-1.csv.sha256'" in shelf.failed(one(checksum={}))["checksum"]
    for kept, said in (
        (sha(content), None),
        (sha(content).upper() + "\n", None),
        (f"{'0' * 64}  other.csv\n{sha(content)} *residents-1.csv\n", None),
        (sha(content + b" "), "and"),
        (f"{sha(content)}  other.csv\n", "holds no checksum"),
        ("not a digest", "holds no checksum"),
    ):
        put(shelf, kept.encode(), "exports/residents-1.csv.sha256")
        failed = shelf.failed(one(checksum={}))
        assert (said is None and failed == {}) or said in failed["checksum"], kept
    put(shelf, sha(content, "md5").encode(), "sums/exports/residents-1.md5")
    promised = {"file": "sums/{folder}/{stem}.md5", "algorithm": "md5"}
    assert shelf.failed(one(checksum=promised)) == {}
    put(shelf, content + b"R-9,,1,1\n")
    assert "checksum" in shelf.failed(one(checksum=promised))


def test_json_lines_and_documents(shelf):
    rows = [{"id": 1, "name": {"family": "Okafor"}, "tags": ["a"]}, {"id": 2, "name": {"family": "Lee"}, "tags": []}]
    columns = {"id": "integer", "$.name.family": {"type": "text", "nullable": False}, "tags": "list"}
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    put(shelf, lines, "r.ndjson")
    put(shelf, json.dumps(rows).encode(), "r.json")
    put(shelf, json.dumps({"a": {"b": rows}}).encode(), "deep.json")
    for promised in ({"path": "r.ndjson"}, {"path": "r.json"}, {"path": "deep.json", "records": "$.a.b"}):
        assert shelf.failed({"files": [{**promised, "columns": columns, "rows": 2}]}) == {}
    put(shelf, lines + b'{"id": "3", "name": {"family": null}, "more": 1}\n[1]\n', "r.ndjson")
    failed = shelf.failed({"files": [{"path": "r.ndjson", "columns": columns}]})
    assert set(failed) == {
        "columns.id.type",
        "columns.$.name.family.nullable",
        "columns.tags",
        "extra_columns",
        "shape",
    }
    assert "not declared: more" in failed["extra_columns"]


@pytest.mark.parametrize(
    ("content", "promised", "said"),
    [
        (b'{"a": 1}\n{broken\n', {"path": "r.jsonl"}, "line 2 is no JSON"),
        (b"{broken", {"path": "r.json"}, "it is no JSON"),
        (b'{"a": 1}', {"path": "r.json"}, "expected a list of rows at $"),
        (b'{"a": 1}', {"path": "r.json", "records": "$.b"}, "and there is nothing"),
        (b"PAR1 but no more", {"path": "r.parquet"}, "no Parquet file"),
        (b"no gzip", {"path": "r.csv.gz"}, "not packed by gzip"),
        (gzip.compress(csv())[:-12], {"path": "r.csv.gz"}, "ends before"),
        (b"", {"path": "r.csv.gz"}, "ends before"),
        (b"\x00\xff\xfe", {"path": "r.csv"}, "not UTF-8"),
        (b"a" * (64 * 2**20 + 1), {"path": "r.json"}, "64MiB"),
    ],
)
def test_content_that_is_none_of_its_format(shelf, content, promised, said):
    put(shelf, content, promised["path"])
    failed = shelf.failed({"files": [{**promised, "columns": {"a": "integer"}}]})
    assert any(said in message for message in failed.values()), failed
    assert "rows" in failed


def test_a_zipped_file_of_no_bytes_is_no_text(shelf):
    put(shelf, b"", "r.txt.gz")
    assert "ends before" in shelf.failed({"files": [{"path": "r.txt.gz", "encoding": "utf-8"}]})["compression"]


def test_no_value_is_told(shelf):
    """Not where it is wrong, not where a trailer, a header or a list should stand, and not in the exchange."""
    person, secret = "Zoe;Quartermaine", re.compile("Zoe|Quartermaine|9000000009|1931")
    row = f"{person},9000000009,1931-05-02\n".encode()
    columns = {
        "name": {"matches": "^$", "type": "uuid"}, "nhs_number": {"unique": True, "value": "< 5"}, "born": "integer"
    }  # fmt: skip
    trailer = {"field": 2}
    for content, promised in (
        (b"name,nhs_number,born\n" + row + row, {"columns": columns, "trailer": {"pattern": "^T,([0-9]+)$"}}),
        (b"name,nhs_number,born\n" + row + row, {"columns": columns, "trailer": trailer}),
        (row + row, {"columns": columns, "trailer": {"pattern": "^T,([0-9]+)$"}, "ordered": True}),
        (b"Zoe," + row, {"rows": 7, "trailer": {"field": 3}}),
        (b"Zoe,Zoe\n", {"columns": columns}),
    ):
        put(shelf, content)
        outcome = shelf.run(one(**promised))
        assert not all(each.status == "passed" for each in outcome.assertions)
        assert not secret.search(str(outcome.assertions)), outcome.assertions
        assert not secret.search(str([each.received for each in shelf.talked[-1].exchanges]))
    put(shelf, json.dumps([[person], {"name": [person], "born": 1931}, person]).encode(), "r.json")
    found = shelf.failed({"files": [{"path": "r.json", "columns": {"name": "text", "born": {"value": "< 5"}}}]})
    assert not secret.search(str(found))
    assert "row 2: a list of 1" in found["columns.name.type"]
    assert "row 2: a number like 9999" in found["columns.born.value"]
    put(shelf, json.dumps(person).encode(), "r.json")
    assert 'text like "Aaa;A' in shelf.failed({"files": [{"path": "r.json", "rows": 1}]})["format"]


def test_a_file_whose_first_line_is_no_header(shelf):
    put(shelf, csv().split(b"\n", 1)[1])
    failed = shelf.failed(one(columns=COLUMNS))
    assert 'is its first line a header? there is: text like "A-9"' in failed["columns.external_id"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"1e9999"', "2.5"])
def test_a_trailer_that_says_no_number_of_rows(shelf, value):
    put(shelf, f'{{"total": {value}, "items": []}}'.encode(), "r.json")
    promised = {"path": "r.json", "records": "$.items", "rows": 0, "trailer": {"field": "$.total"}}
    assert "has no trailer that says" in shelf.failed({"files": [promised]})["trailer"]


def test_a_list_of_checksums_of_a_large_folder(shelf):
    put(shelf, csv())
    lines = [f"{'0' * 64}  residents-of-another-home-{number}.csv\n" for number in range(2000)]
    put(shelf, "".join([*lines, f"{sha(csv())}  residents-1.csv\n"]).encode(), "exports/SHA256SUMS")
    assert shelf.failed(one(checksum={"file": "{folder}/SHA256SUMS"})) == {}


def test_packed_files(shelf):
    content = csv()
    put(shelf, gzip.compress(content[:40]) + gzip.compress(content[40:]), "exports/residents-1.csv.gz")
    promised = {"path": "exports/*.csv.gz", "columns": COLUMNS}
    assert shelf.failed({"files": [promised]}) == {}
    assert "encoding" in shelf.failed({"files": [{**promised, "compression": "none"}]})
    put(shelf, gzip.compress(b"a" * 5_000_000), "exports/residents-1.csv.gz")
    assert "are read at most" in shelf.failed({"files": [{**promised, "max_size": "1MiB"}]})["content"]


def test_more_than_may_be_read_is_said(shelf):
    put(shelf, csv() * 5000)
    put(shelf, b"0" * 64, "exports/residents-1.csv.sha256")
    failed = shelf.failed(one(columns=COLUMNS, max_size="64KiB", checksum={}))
    assert "64KiB, which are read at most: raise `max_size`" in failed["content"]
    assert "is not known" in failed["rows"]
    assert "read at most" in failed["checksum"]


def test_uniqueness_of_too_many_values_is_not_known(shelf, monkeypatch):
    monkeypatch.setattr(columns, "COMPARED", 2)
    put(shelf, csv())
    assert (
        "is not known: 2 values are compared at most" in shelf.failed(one(columns=COLUMNS))["columns.nhs_number.unique"]
    )


def test_a_large_file_goes_by_without_being_kept(shelf, tmp_path):
    rows = 20_000
    with (tmp_path / "files/large.csv").open("w") as file:
        file.write("id,name\n")
        file.writelines(f"{number},somebody of that name\n" for number in range(rows))
    import tracemalloc

    (check,) = shelf.checks(
        {"files": [{"path": "large.csv", "columns": {"id": "integer", "name": "text"}, "rows": rows}]}
    )
    talk = shelf.talk()
    talk.timeout = 60
    check.run(talk)  # what is imported meanwhile is no part of the file
    tracemalloc.start()
    try:
        outcome = check.run(talk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert {each.status for each in outcome.assertions} == {"passed"}
    assert outcome.metrics["rows"] == rows
    assert peak < 3 * 2**20, f"{peak:,} bytes: kept, these rows would take some 7 MiB"


def test_reading_that_takes_too_long(shelf, monkeypatch):
    put(shelf, csv())
    (check,) = shelf.checks(one(columns=COLUMNS, age="< 1h", timeout="10s"))
    assert check.timeout == 10
    talk = shelf.talk()
    clock = iter(range(0, 100000, 7))
    monkeypatch.setattr(stream, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    talk.timeout = 5
    with pytest.raises(TimedOut, match="was not read within 5s") as caught:
        check.run(talk)
    assert [each.name for each in caught.value.partial.assertions] == ["count", "age"]


def test_a_file_that_is_gone_when_it_is_read(shelf, monkeypatch):
    put(shelf, csv())
    (check,) = shelf.checks(one(columns=COLUMNS))
    talk = shelf.talk()
    walk = talk.integration.walk

    def vanishing(prefix, timeout):
        found = list(walk(prefix, timeout))
        for entry in found:
            talk.integration.remove(entry.path, timeout)
        return iter(found)

    monkeypatch.setattr(talk.integration, "walk", vanishing)
    failed = {each.name: each.message for each in check.run(talk).assertions if each.status == "failed"}
    assert "was listed, and is gone" in failed["content"]


def parquet(**values):
    import pyarrow as pa
    from pyarrow import parquet as pq

    kept = io.BytesIO()
    pq.write_table(pa.table(values), kept)
    return kept.getvalue()


@each_store
def test_parquet(shelf):
    import datetime as dt
    from decimal import Decimal

    born, seen = [dt.date(1931, 5, 2), None], [dt.datetime(2026, 1, 1)] * 2
    content = parquet(id=[1, 2], born=born, price=[Decimal("1.50"), Decimal("2.50")], seen=seen)
    columns = {
        "id": {"type": "integer", "unique": True}, "born": "date", "price": {"type": "number", "value": "> 1"},
        "seen": "datetime",
    }  # fmt: skip
    promised = {"files": [{"path": "r.parquet", "columns": columns, "rows": 2, "ordered": True}]}
    put(shelf, content, "r.parquet")
    assert shelf.failed(promised) == {}
    put(shelf, parquet(id=["1", "1"], price=[0.5, 2.5], more=[1, 2], seen=seen), "r.parquet")
    failed = shelf.failed(promised)
    assert set(failed) == {"columns.id.type", "columns.born", "columns.price.value", "extra_columns"}


def test_parquet_with_times_that_python_has_none_of(shelf):
    import pyarrow as pa

    columns = {"id": "integer", "seen": {"type": "datetime", "value": "> 1970-01-01"}}
    promised = {"files": [{"path": "r.parquet", "columns": columns}]}
    put(shelf, parquet(id=[1, 2], seen=pa.array([1, 1_700_000_000_000_000_001], pa.timestamp("ns"))), "r.parquet")
    assert set(shelf.failed(promised)) == {"columns.seen.value"}
    put(shelf, parquet(id=[1], seen=pa.array([10**15], pa.timestamp("s"))), "r.parquet")
    assert "a value that cannot be read" in shelf.failed(promised)["format"]


def test_parquet_without_its_library(shelf, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    put(shelf, b"PAR1", "r.parquet")
    failed = shelf.failed({"files": [{"path": "r.parquet", "rows": ">= 1"}]})
    assert "pip install 'pytest-sysint[parquet]'" in failed["format"]


def test_only_what_is_promised_is_read(shelf, monkeypatch):
    put(shelf, b"\xff no text", "exports/residents-1.csv")
    talk = shelf.talk()
    (check,) = shelf.checks(one(age="< 1h", size="> 1B"))
    monkeypatch.setattr(talk.integration, "opened", None)
    assert {each.status for each in check.run(talk).assertions} == {"passed"}
    assert set(shelf.failed({"files": [{"path": "exports/*.csv", "encoding": "utf-8"}]})) == {"encoding"}
    assert shelf.failed({"files": [{"path": "exports/*.csv", "encoding": "latin-1"}]}) == {}


def test_the_check_and_its_names(shelf):
    promised = {"files": [
        {"path": "a/*.csv", "name": "Nightly export", "severity": "low", "tags": ["nightly"], "description": "why"},
        {"path": "b/{tenant}/*.csv"},
    ]}  # fmt: skip
    first, second = shelf.checks(promised, "oakwood")
    assert (first.name, first.slug, first.severity) == ("Nightly export", "files-nightly-export", "low")
    assert first.tags[-1] == "nightly"
    assert second.title == "files b/oakwood/*.csv"
    assert {first.effect, second.effect} == {"read"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "expected a list of files"),
        (["x"], "expected a map with the `path`"),
        ([{}], "'path' is missing"),
        ([{"path": "/a.csv"}], "relative to the folder"),
        ([{"path": "../a.csv"}], "relative to the folder"),
        ([{"path": "a/"}], "not of a folder"),
        ([{"path": "{tennant}/a.csv"}], "stands for nothing here"),
        ([{"path": "a", "columns": {"a": "text"}}], "declare `format`"),
        ([{"path": "a.csv", "columns": {}}], "nothing in it"),
        ([{"path": "a.csv", "columns": []}], "expected a map"),
        ([{"path": "a.csv", "columns": {"a": 3}}], "expected a type"),
        ([{"path": "a.csv", "columns": {"a": "txt"}}], "did you mean 'text'"),
        ([{"path": "a.csv", "columns": {"a": {"uniqe": True}}}], "did you mean 'unique'"),
        ([{"path": "a.csv", "columns": {"a": {"matches": "("}}}], "not a regular expression"),
        ([{"path": "a.csv", "columns": {"a": {"format": "%d"}}}], "belongs to the types date"),
        ([{"path": "a.json", "columns": {"$.a[": "text"}}], "JSONPath"),
        ([{"path": "a.csv", "age": 26}], "no unit"),
        ([{"path": "a.csv", "rows": None, "count": ">> 1"}], "count"),
        ([{"path": "a.csv", "newest": 0}], "write true for the newest"),
        ([{"path": "a.csv", "encoding": "utf-9"}], "no encoding that is known"),
        ([{"path": "a.json", "delimiter": ";"}], "'delimiter' is for csv"),
        ([{"path": "a.csv", "header": False}], "the columns must be declared"),
        ([{"path": "a.parquet", "encoding": "utf-8"}], "no text"),
        ([{"path": "a.parquet", "trailer": {"field": 1}}], "'trailer' is for"),
        ([{"path": "a.json", "records": "items"}], "not a path into the document"),
        ([{"path": "a.csv", "trailer": {}}], "exactly one of pattern and field"),
        ([{"path": "a.csv", "trailer": {"pattern": "^T$"}}], "exactly one group"),
        ([{"path": "a.csv", "trailer": {"pattern": "("}}], "not a regular expression"),
        ([{"path": "a.csv", "trailer": {"field": 0}}], "counted from 1"),
        ([{"path": "a.csv", "trailer": {"field": "n"}}], "is a number"),
        ([{"path": "a.jsonl", "trailer": {"field": 2}}], "is a key"),
        ([{"path": "a.json", "trailer": {"field": "n"}}], "has no last line"),
        ([{"path": "a.json", "trailer": {"field": "$.n", "includes": ["header"]}}], "no header or trailer lines"),
        ([{"path": "a.csv", "checksum": {"file": "{nam}.md5"}}], "stands for nothing here"),
        ([{"path": "a.csv"}, {"path": "a.csv"}], "another one is called"),
    ],
)
def test_mistakes(raw, said):
    with pytest.raises(Mistakes, match=re.escape(said)):
        kinds().get("contract").read({"files": raw}, types().get("local"), Path())


def test_mistakes_have_their_places():
    with pytest.raises(Mistakes) as caught:
        raw = {"files": [{"path": "a.csv", "columns": {"a": {"value": ">> 1"}, "b": {"length": "x"}}, "size": "5"}]}
        kinds().get("contract").read(raw, types().get("local"), Path())
    assert [mistake.path for mistake in caught.value.mistakes] == [
        ("files", 0, "columns", "a", "value"),
        ("files", 0, "columns", "b", "length"),
        ("files", 0, "size"),
    ]


def test_types_that_keep_no_files_have_no_such_contract():
    with pytest.raises(Mistakes, match="a place that keeps files or objects, which this type is not"):
        kinds().get("contract").read({"files": [{"path": "a"}]}, types().get("rest"), Path())


def test_its_schema_takes_what_it_takes():
    import jsonschema

    schema = kinds().get("contract").schema(types().get("s3"))
    jsonschema.Draft202012Validator.check_schema(schema)
    valid = jsonschema.Draft202012Validator(schema)
    assert valid.is_valid(one(columns=COLUMNS, age="< 26h", trailer={"field": 2}, newest="all", count={"warn": ">= 2"}))
    assert not valid.is_valid(one(columns={"a": {"uniqe": True}}))
    assert not valid.is_valid(one(colums={"a": "text"}))
