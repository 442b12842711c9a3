"""The type `sql`, and what the SQL databases share: SQLite in files and in memory, PostgreSQL behind SQLAlchemy."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy
from pydantic import SecretStr, ValidationError

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TooLarge, Unreachable
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._sql import Query, check_params, literal, plain, read, split, unique
from pytest_sysint.integrations.sql import Settings, Sql, _for_driver

Make = Callable[..., Sql]


@pytest.fixture
def make() -> Iterator[Make]:
    """`make(url)` gives an integration, closed at the end."""
    made: list[Sql] = []

    def make(url: str, *, read_only: bool = False, **settings: object) -> Sql:
        made.append(Sql(Settings.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield make
    for integration in made:
        integration.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "care.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE residents (id INTEGER PRIMARY KEY, name TEXT); ")
    connection.executemany("INSERT INTO residents VALUES (?, ?)", [(n, f"resident {n}") for n in range(1, 101)])
    connection.commit()
    connection.close()
    return path


def run(integration: Sql, query: str, timeout: float = 5, **fields: object):
    return Query.model_validate({"query": query, **fields}).perform(integration, timeout)


def climb(integration: Sql, timeout: float = 5) -> dict[str, str]:
    return {rung.name: rung.climb(timeout) for rung in integration.rungs()}


SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_it_is_registered():
    assert types().get("sql") is Sql
    assert Sql.category == "database"
    assert all("description" in field for field in Settings.model_json_schema()["properties"].values())


class TestReading:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("SELECT :a, :b_2", "SELECT <a>, <b_2>"),
            ("SELECT :a::int, x::text", "SELECT <a>::int, x::text"),
            ("SELECT ':a', \":a\", 'it''s :a', E'\\':a', `:a`", None),
            ("SELECT $$ :a $$, $t$ :a; $t$, '{}'::jsonb", None),
            ("SELECT 1 -- :a\n, /* :a */ list[1:n], list[lo:hi]", None),
            ("SELECT a := 1, '10:30', 5 :: int", None),
            ("WHERE a=:a AND b>=:b", "WHERE a=<a> AND b>=<b>"),
        ],
    )
    def test_params(self, text, written):
        assert read(text).write(lambda name: f"<{name}>") == (written or text)

    @pytest.mark.parametrize(
        ("text", "effect"),
        [
            ("SELECT 'DELETE FROM x'", "read"),
            ("  select 1 -- DROP", "read"),
            ("(SELECT 1) UNION (SELECT 2)", "read"),
            ("VALUES (1)", "read"),
            ("TABLE residents", "read"),
            ("SHOW server_version", "read"),
            ("WITH x AS (SELECT 1) SELECT * FROM x", "read"),
            ("WITH x AS (DELETE FROM r RETURNING *) SELECT * FROM x", "destructive"),
            ("WITH x AS (UPDATE r SET a = 1 RETURNING *) SELECT * FROM x", "write"),
            ("EXPLAIN DELETE FROM r", "read"),
            ("EXPLAIN (ANALYZE, BUFFERS) DELETE FROM r", "destructive"),
            ("EXPLAIN ANALYZE SELECT 1", "read"),
            ("SELECT * INTO copy FROM r", "write"),
            ("SELECT * FROM r FOR UPDATE", "write"),
            ("PRAGMA user_version", "read"),
            ("PRAGMA user_version = 3", "write"),
            ("SET ROLE x; SELECT 1", "read"),
            ("SET GLOBAL x = 1", "write"),
            ("BEGIN; SELECT 1; COMMIT", "read"),
            ("INSERT INTO r VALUES (1)", "write"),
            ("UPDATE r SET a = 1", "write"),
            ("CREATE TABLE r ()", "write"),
            ("CALL procedure()", "write"),
            ("DELETE FROM r", "destructive"),
            ("TRUNCATE r", "destructive"),
            ("SELECT 1; DROP TABLE r", "destructive"),
            ("SELECT 1; INSERT INTO r VALUES (';DROP')", "write"),
        ],
    )
    def test_effects(self, text, effect):
        assert Query(query=text).effect() == effect

    def test_split(self):
        assert split("SELECT ';'; -- a;\nSELECT 2;;\n-- end") == ["SELECT ';'", " -- a;\nSELECT 2"]

    @pytest.mark.parametrize("text", ["", "  ", "-- nothing", ";"])
    def test_nothing(self, text):
        with pytest.raises(ValidationError, match="expected an SQL statement"):
            Query(query=text)

    def test_what_does_not_fit(self):
        script = read("SELECT :resident")
        assert check_params(script, {"resident": 1}) == ""
        assert "no 'resident', did you mean 'residents'" in check_params(script, {"residents": 1})
        assert check_params(read("SELECT 1"), {"a": 1}) == "`params` has 'a', but the query does not use ':a'"

    @pytest.mark.parametrize(
        ("style", "written", "values"),
        [
            ("qmark", "SELECT ?, ?, ?, '%' % 2", (1, 2, 1)),
            ("format", "SELECT %s, %s, %s, '%%' %% 2", (1, 2, 1)),
            ("pyformat", "SELECT %(a)s, %(b)s, %(a)s, '%%' %% 2", {"a": 1, "b": 2}),
            ("named", "SELECT :a, :b, :a, '%' % 2", {"a": 1, "b": 2}),
            ("numeric", "SELECT :1, :2, :3, '%' % 2", (1, 2, 1)),
            ("numeric_dollar", "SELECT $1, $2, $3, '%' % 2", (1, 2, 1)),
        ],
    )
    def test_placeholders_of_drivers(self, style, written, values):
        assert _for_driver("SELECT :a, :b, :a, '%' % 2", {"a": 1, "b": 2}, style) == (written, values)
        assert _for_driver("SELECT '%'", {}, style) == ("SELECT '%'", None)


def test_plain_values():
    moment = dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)
    values = {
        "exact": Decimal("2.50"),
        "whole": Decimal("3.0"),
        "nan": Decimal("NaN"),
        "moment": moment,
        "day": moment.date(),
        "span": dt.timedelta(minutes=1),
        "bytes": b"\x0a\xff",
        "list": (1, Decimal(2)),
        "map": {1: uuid.UUID(int=1)},
    }
    assert plain(values) == {
        "exact": 2.5,
        "whole": 3,
        "nan": "NaN",
        "moment": "2026-01-31T10:00:00+00:00",
        "day": "2026-01-31",
        "span": 60.0,
        "bytes": "0aff",
        "list": [1, 2],
        "map": {"1": "00000000-0000-0000-0000-000000000001"},
    }


def test_names_are_not_lost():
    assert unique(["id", "id", "x", "id"]) == ["id", "id_2", "x", "id_3"]


def test_literals():
    assert [literal(value) for value in ("it's", None, True, 2, [1], {"a": 1})] == [
        "'it''s'", "NULL", "TRUE", "2", "ARRAY[1]", "'{\"a\": 1}'",
    ]  # fmt: skip


class TestSqlite:
    def test_ladder_holds(self, make, file):
        seen = climb(make(f"sqlite:///{file}"))
        assert list(seen) == ["ping", "read"]
        assert seen["ping"].startswith("SQLite 3")
        assert seen["read"] == "1 tables"

    def test_a_file_that_is_not_there_is_not_made(self, make, tmp_path):
        integration = make(f"sqlite:///{tmp_path}/none.db")
        with pytest.raises(Rejected, match=r"there is no file .*none\.db") as caught:
            climb(integration)
        assert caught.value.rung == "ping"
        with pytest.raises(Unreachable, match="unable to open"):
            run(integration, "SELECT 1")
        assert not (tmp_path / "none.db").exists()

    def test_a_file_of_another_sort(self, make, tmp_path):
        (tmp_path / "text.db").write_text("this is not a database at all, but it is long enough to be read" * 20)
        with pytest.raises(Garbled, match="not a database"):
            climb(make(f"sqlite:///{tmp_path}/text.db"))

    def test_rows(self, make, file):
        seen = run(make(f"sqlite:///{file}"), "SELECT * FROM residents WHERE id < :most", params={"most": 3})
        assert seen.payload == [{"id": 1, "name": "resident 1"}, {"id": 2, "name": "resident 2"}]
        assert seen.facts == {"count": 2, "columns": ["id", "name"], "affected": 0}

    def test_changes_are_kept(self, make, file):
        integration = make(f"sqlite:///{file}")
        assert run(integration, "DELETE FROM residents WHERE id > 10").facts["affected"] == 90
        assert run(make(f"sqlite:///{file}"), "SELECT count(*) AS n FROM residents").payload == [{"n": 10}]
        run(
            integration,
            "INSERT INTO residents VALUES (500, 'a'); INSERT INTO residents VALUES (501, :n)",
            params={"n": 1},
        )
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 12}]

    def test_a_failed_script_changes_nothing(self, make, file):
        integration = make(f"sqlite:///{file}")
        with pytest.raises(Rejected):
            run(integration, "DELETE FROM residents; SELECT no_such_column FROM residents")
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 100}]

    def test_read_only(self, make, file):
        integration = make(f"sqlite:///{file}", read_only=True)
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 100}]
        with pytest.raises(Rejected, match="the query would change the database"):
            run(integration, "DELETE FROM residents")
        with integration.client.connect() as connection, pytest.raises(sqlalchemy.exc.OperationalError):
            connection.exec_driver_sql("DELETE FROM residents")

    def test_in_memory_nobody_comes_between_the_rows_of_a_stream(self, make):
        live = make("sqlite://")
        stream = live.stream("SELECT 1 AS n", {}, 5)
        next(stream)
        with pytest.raises(TimedOut):
            live.query("SELECT 2 AS n", {}, 0.05)
        stream.close()
        assert live.query("SELECT 2 AS n", {}, 5).payload == [{"n": 2}]

    def test_in_memory(self, make):
        for url in ("sqlite://", "sqlite:///:memory:"):
            integration = make(url)
            run(integration, "CREATE TABLE x AS SELECT 1 AS n")
            threads = [threading.Thread(target=run, args=(integration, "UPDATE x SET n = n + 1")) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(5)
            assert run(integration, "SELECT n FROM x").payload == [{"n": 9}]
            assert list(climb(integration)) == ["ping", "read"]

    def test_uri(self, make, file):
        assert run(make(f"sqlite:///file:{file}?mode=ro&uri=true"), "SELECT 1 AS n").payload == [{"n": 1}]

    def test_max_rows(self, make, file):
        with pytest.raises(TooLarge, match="more than the 99 rows"):
            run(make(f"sqlite:///{file}"), "SELECT * FROM residents", max_rows=99)
        assert run(make(f"sqlite:///{file}"), "SELECT * FROM residents", max_rows=100).facts["count"] == 100

    def test_too_slow(self, make, file):
        integration = make(f"sqlite:///{file}")
        begin = time.monotonic()
        with pytest.raises(TimedOut, match="within 100ms") as caught:
            run(integration, SLOW, 0.1)
        assert caught.value.rung == "read"
        assert time.monotonic() - begin < 5
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_locked(self, make, file):
        integration = make(f"sqlite:///{file}")
        holder = sqlite3.connect(file)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TimedOut):
            run(integration, "SELECT * FROM residents", 0.1)
        holder.rollback()
        holder.close()
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 100}]

    @pytest.mark.parametrize("query", ["SELECT * FROM none", "SELEKT 1", "INSERT INTO residents VALUES (1, 'again')"])
    def test_errors(self, make, file, query):
        with pytest.raises(Rejected) as caught:
            run(make(f"sqlite:///{file}"), query)
        assert caught.value.rung == "read"
        assert caught.value.code.startswith("SQLITE_")

    def test_closed_while_a_query_runs_on(self, make, file):
        integration = make(f"sqlite:///{file}")
        begun, go_on = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as thread:
            asked = thread.submit(integration._call, lambda _: begun.set() or go_on.wait(5), 5)
            assert begun.wait(5)
            pool = integration.client.pool
            integration.close()
            go_on.set()
            asked.result(5)
        assert (pool.checkedin(), pool.checkedout()) == (0, 0)

    def test_seed(self, make, file, tmp_path):
        (tmp_path / "seed.sql").write_text(
            "CREATE TABLE log (n); CREATE TRIGGER t AFTER DELETE ON residents BEGIN INSERT INTO log VALUES (1); END;\n"
            "DELETE FROM residents WHERE id = 1;"
        )
        integration = make(f"sqlite:///{file}")
        integration.seed(tmp_path / "seed.sql", 5)
        assert run(integration, "SELECT count(*) AS n FROM log").payload == [{"n": 1}]
        (tmp_path / "seed.sql").write_text("SELEKT")
        with pytest.raises(Rejected, match=r"seed\.sql: .*syntax error"):
            integration.seed(tmp_path, 5)

    def test_native_client(self, make, file):
        integration = make(f"sqlite:///{file}")
        assert isinstance(integration.client, sqlalchemy.Engine)
        with integration.client.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT count(*) FROM residents")) == 100

    def test_reproduce(self, make):
        shown = Query(query="SELECT :n", params={"n": "it's"}).reproduce(make("sqlite:////data/my care.db"))
        assert shown.startswith("sqlite3 -readonly '/data/my care.db' 'SELECT ")
        assert make("sqlite://").reproduce() == "sqlite3 -readonly :memory: 'SELECT 1'"

    def test_recipe(self, make, real_service):
        integration = make(real_service("sql"))
        run(integration, "CREATE TABLE x (n int)")
        assert climb(integration)["read"] == "1 tables"


class TestUrls:
    @pytest.mark.parametrize("url", ["nonsense", "postgresql://u:s3cret-word@h:port/x", ""])
    def test_bad(self, make, url):
        with pytest.raises(CallError, match="cannot be read as one of SQLAlchemy") as caught:
            climb(make(url))
        assert "s3cret" not in str(caught.value)
        assert make(url).reproduce() == ""

    @pytest.mark.parametrize("url", ["nosuchdb://h/x", "mysql+mysqldb://h/x"])
    def test_a_driver_that_is_missing(self, make, url):
        with pytest.raises(CallError, match="which is not installed"):
            run(make(url), "SELECT 1")

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            (
                "postgresql+psycopg://ann:s3cret-word@db.example/care",
                "psql postgresql://ann@db.example/care -c 'SELECT 1'",
            ),
            ("mysql://ann:s3cret-word@db.example/care", "mysql -h db.example -P 3306 -u ann -p care -e 'SELECT 1'"),
            ("oracle://ann:s3cret-word@db.example/care", ""),
        ],
    )
    def test_reproduce(self, make, url, shown):
        assert make(url).reproduce() == shown


class TestPostgres:
    @pytest.fixture
    def url(self, real_service) -> str:
        return str(real_service("postgresql")).replace("postgresql://", "postgresql+psycopg://")

    def test_ladder_holds(self, make, url):
        seen = climb(make(url))
        assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
        assert seen["ping"].startswith("postgresql 1")

    def test_rows(self, make, url):
        integration = make(url)
        seen = run(integration, "SELECT :a || '%' AS a, 7 % 4 AS b, 1.5::numeric AS c", params={"a": "x"})
        assert seen.payload == [{"a": "x%", "b": 3, "c": 1.5}]
        assert run(integration, "SHOW server_version").facts["count"] == 1

    def test_a_large_result_is_not_read(self, make, url):
        integration = make(url)
        with pytest.raises(TooLarge):
            run(integration, "SELECT generate_series(1, 50000000)", max_rows=5)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_too_slow(self, make, url):
        integration = make(url)
        with pytest.raises(TimedOut, match="within 100ms"):
            run(integration, "SELECT pg_sleep(60)", 0.1)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_authentication_breaks(self, make, url):
        for bad in (make(url, password=SecretStr("wr0ng-word")), make(url.replace("postgres:", "postgres:wr0ng-word"))):
            with pytest.raises(Denied) as caught:
                climb(bad)
            assert caught.value.rung == "authentication"
            assert "wr0ng-word" not in str(caught.value)

    def test_errors(self, make, url):
        with pytest.raises(Rejected) as caught:
            run(make(url), "SELECT * FROM no_such_table")
        assert caught.value.code == "42P01"

    def test_a_session_that_is_ended(self, make, url):
        integration, other = make(url), make(url)
        pid = run(integration, "SELECT pg_backend_pid() AS pid").payload[0]["pid"]
        run(other, "SELECT pg_terminate_backend(:pid, 5000)", params={"pid": pid})
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]
        with pytest.raises(Unreachable):
            run(integration, "SELECT pg_terminate_backend(pg_backend_pid())")

    def test_seed(self, make, url, tmp_path):
        (tmp_path / "seed.sql").write_text("CREATE TEMP TABLE x (n int); INSERT INTO x VALUES (1);")
        make(url).seed(tmp_path / "seed.sql", 5)

    @pytest.mark.parametrize("sort", ["refuses", "hangs"])
    def test_a_server_that(self, make, listen, dead_port, sort):
        port = dead_port if sort == "refuses" else listen(listen.hang)
        integration = make(f"postgresql+psycopg://ann:s3cret-word@127.0.0.1:{port}/x")
        with pytest.raises(Unreachable if sort == "refuses" else TimedOut) as caught:
            climb(integration, 0.2)
        assert caught.value.rung == ("tcp" if sort == "refuses" else "authentication")
        with pytest.raises(CallError) as direct:
            run(integration, "SELECT 1", 0.2)
        assert "s3cret-word" not in f"{caught.value} {direct.value}"
