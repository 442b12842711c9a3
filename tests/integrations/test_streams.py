"""Rows that are read batch by batch: queries of PostgreSQL and behind SQLAlchemy, CSV and JSON lines, listings."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_sysint.core.capabilities import Streams
from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._file_operations import List
from pytest_sysint.integrations._file_rows import BATCH, Rows
from pytest_sysint.integrations._sql import Query
from pytest_sysint.integrations.local import Local
from pytest_sysint.integrations.local import Settings as LocalSettings


@pytest.fixture
def live() -> Iterator[Callable[..., Any]]:
    """`live("sql", url)` gives an integration, closed at the end."""
    made: list[Any] = []

    def make(word: str, url: str, **options: Any) -> Any:
        cls = types().get(word)
        made.append(cls(cls.settings_model(url=url), **options))
        return made[-1]

    yield make
    for integration in made:
        integration.close()


@pytest.fixture(params=["postgresql", "sql"])
def database(request: pytest.FixtureRequest, live: Any, tmp_path: Path) -> Iterator[Any]:
    """A database with a table `many` of 5,001 rows."""
    if request.param == "postgresql":
        found = live("postgresql", str(request.getfixturevalue("real_service")("postgresql")))
        found.query("DROP TABLE IF EXISTS many; CREATE TABLE many (n int, word text, day date)", {}, 5)
        found.query("INSERT INTO many SELECT n, 'word ' || n, '2026-01-31' FROM generate_series(1, 5001) AS n", {}, 5)
        yield found
        found.query("DROP TABLE many", {}, 5)
        return
    with closing(sqlite3.connect(tmp_path / "x.db")) as db, db:
        db.execute("CREATE TABLE many (n INT, word TEXT, day TEXT)")
        db.executemany("INSERT INTO many VALUES (?, ?, '2026-01-31')", [(n, f"word {n}") for n in range(1, 5002)])
    yield live("sql", f"sqlite:///{tmp_path}/x.db")


def stream(integration: Any, query: str, timeout: float = 10, **fields: Any) -> Any:
    return Query.model_validate({"query": query, **fields}).stream(integration, timeout)


def test_all_rows_come_in_batches(database: Any) -> None:
    batches = list(
        stream(database, "SELECT n, word, n AS word, day FROM many WHERE n > :least ORDER BY n", params={"least": 1})
    )
    assert [len(batch.rows) for batch in batches] == [2000, 2000, 1000]
    assert list(batches[0].columns) == ["n", "word", "word_2", "day"]
    assert tuple(batches[0].rows[0]) == (2, "word 2", 2, "2026-01-31")
    assert sum(row[0] for batch in batches for row in batch.rows) == sum(range(2, 5002))


def test_without_rows_the_columns_are_known(database: Any) -> None:
    (batch,) = stream(database, "SELECT n, word FROM many WHERE n < 0")
    assert (list(batch.columns), list(batch.rows)) == (["n", "word"], [])


@pytest.mark.parametrize("query", ["DELETE FROM many", "INSERT INTO many VALUES (1)", "BEGIN; SELECT 1", "SET x = 1"])
def test_what_does_more_than_to_read_is_refused(database: Any, query: str) -> None:
    with pytest.raises(Rejected, match="more than to read"):
        next(stream(database, query))


def test_what_the_server_refuses_is_told(database: Any) -> None:
    with pytest.raises(Rejected, match="nothing"):
        next(stream(database, "SELECT * FROM nothing"))
    with pytest.raises(CallError, match="uses ':who', but"):
        next(database.stream("SELECT :who", {}, 5))


def test_the_time_is_for_all_of_it(database: Any) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    found = stream(database, endless, timeout=0.5)
    with pytest.raises(TimedOut):
        for _ in found:
            pass


def test_who_stops_early_leaves_nothing_behind(live: Any, real_service: Any) -> None:
    database = live("postgresql", str(real_service("postgresql")) + "?application_name=sysint-early")
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sysint-early' AND state <> 'active'"
    found = stream(database, "SET LOCAL work_mem = '1MB'; SELECT generate_series(1, 100000) AS n")
    assert next(found).rows[0] == (1,)
    assert database.value(count, 5) == 1
    found.close()
    # The server notices it a moment later; each question gives it one.
    assert any(database.value(count, 5) == 0 for _ in range(200))


def test_nothing_is_written_while_rows_are_read(live: Any, real_service: Any) -> None:
    """A function may do anything; the transaction is read-only."""
    database = live("postgresql", str(real_service("postgresql")))
    database.query("DROP SEQUENCE IF EXISTS sysint_numbers; CREATE SEQUENCE sysint_numbers", {}, 5)
    with pytest.raises((Rejected, Denied), match="read-only"):
        list(stream(database, "SELECT nextval('sysint_numbers')"))
    database.query("DROP SEQUENCE sysint_numbers", {}, 5)


# ---- files ----


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


@pytest.fixture
def files(folder: Path) -> Local:
    return Local(LocalSettings(url=str(folder)))


def rows(**fields: Any) -> Rows:
    return Rows.model_validate(fields)


def everything(operation: Any, files: Any) -> list[list[Any]]:
    return [list(row) for batch in operation.stream(files, 5) for row in batch.rows]


def test_operations_that_stream_say_so() -> None:
    assert isinstance(rows(rows="x.csv"), Streams)
    assert isinstance(List(list=""), Streams)
    assert isinstance(Query(query="SELECT 1"), Streams)


def test_rows_of_a_csv_file(files: Local, folder: Path) -> None:
    (folder / "a.csv").write_text('\ufeffid,name,room\r\n1,"Ann, ""A""",\r\n\r\n2,"two\nlines",B\r\n')
    seen = rows(rows="a.csv").perform(files, 5)
    assert seen.payload == [
        {"id": "1", "name": 'Ann, "A"', "room": None},
        {"id": "2", "name": "two\nlines", "room": "B"},
    ]
    assert seen.facts == {"exists": True, "count": 2, "columns": ["id", "name", "room"], "truncated": False}
    cut = rows(rows="a.csv", limit=1, empty="text").perform(files, 5)
    assert (cut.payload[0]["room"], cut.facts["truncated"]) == ("", True)
    absent = rows(rows="b.csv").perform(files, 5)
    assert (absent.facts["exists"], absent.payload) == (False, None)


def test_a_csv_file_in_another_layout(files: Local, folder: Path) -> None:
    (folder / "a.txt").write_bytes("1;Zoë\n".encode("latin-1"))
    given = {"rows": "a.txt", "format": "csv", "delimiter": ";", "encoding": "latin-1", "columns": ("id", "name")}
    assert rows(**given).perform(files, 5).payload == [{"id": "1", "name": "Zoë"}]


def test_json_lines_packed(files: Local, folder: Path) -> None:
    with gzip.open(folder / "a.jsonl.gz", "wt") as file:
        file.write('{"id": 1, "name": {"given": "Ann"}}\n\n{"id": 2, "more": [1]}\n')
    (batch,) = rows(rows="a.jsonl.gz").stream(files, 5)
    assert batch.sparse
    assert batch.columns == ["id", "name", "more"]
    assert batch.rows == [[1, {"given": "Ann"}, None], [2, None, [1]]]


def test_many_rows_come_in_batches_and_many_files_as_one(files: Local, folder: Path) -> None:
    for number in (1, 2):
        lines = "".join(f"{number}-{n}\n" for n in range(BATCH + 1))
        (folder / f"in-{number}.csv").write_text(f"id\n{lines}")
    (folder / "below").mkdir()
    (folder / "below/in-3.csv").write_text("id\n3\n")
    operation = rows(rows="in-*.csv")
    assert [len(batch.rows) for batch in operation.stream(files, 5)] == [BATCH, 1, BATCH, 1]
    assert everything(operation, files)[BATCH + 1] == ["2-0"]
    assert everything(rows(rows="*/in-?.csv"), files) == [["3"]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty: not even a line of column names"),
        ("a.csv", b"a,b\n1\n", "has 1 values for 2 columns"),
        ("a.csv", b"a\n\xff\n", "is not text in utf-8-sig"),
        ("a.csv", b'a\n"1\n', "cannot be read as csv"),
        ("a.csv.gz", b"a\n1\n", "cannot be read as csv"),
        ("a.jsonl", b'{"a": 1}\n[1]\n', "line 2 is no JSON object"),
        ("a.jsonl", b"{\n", "line 1 is no JSON object"),
        ("a.dat", b"1", "nothing says of what format"),
    ],
)
def test_a_file_that_is_broken_is_told(files: Local, folder: Path, name: str, content: bytes, said: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises((Garbled, Rejected)) as caught:
        everything(rows(rows=name), files)
    assert said in caught.value.message


def test_a_file_that_is_not_there_gives_no_empty_rows(files: Local) -> None:
    for name in ("a.csv", "a-*.csv"):
        with pytest.raises(Rejected, match="no file is called"):
            everything(rows(rows=name), files)


@pytest.mark.parametrize("path", ["", "in/", "/etc/x.csv", "../x.csv"])
def test_a_path_that_cannot_be_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        rows(rows=path)


def test_a_listing_has_no_limit_when_it_is_streamed(files: Local, folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.txt").write_text("x" * number)
    found = everything(List(list="", limit=1), files)
    assert sorted(row[:2] for row in found) == [["0.txt", 0], ["1.txt", 1], ["2.txt", 2]]


@pytest.mark.parametrize("word", ["s3", "sftp"])
def test_rows_of_files_elsewhere(live: Any, real_service: Any, word: str) -> None:
    far = live(word, str(real_service(word, "embedded")))
    content = "id\n" + "".join(f"{n}\n" for n in range(100_000))
    far.put("big/in.csv", content.encode(), 10)
    assert everything(rows(rows="big/*.csv"), far)[-1] == ["99999"]
    assert [row[0] for row in everything(List(list="big/"), far)] == ["big/in.csv"]
