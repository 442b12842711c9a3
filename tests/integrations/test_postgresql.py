"""The type `postgresql` against real servers, and against counterparts that are broken in one way each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, TooLarge, Unreachable
from pytest_sysint.core.provisioning import Place, free_port
from pytest_sysint.core.registry import types
from pytest_sysint.integrations import _postgres_recipes as recipes
from pytest_sysint.integrations._postgres_errors import explain_state
from pytest_sysint.integrations._postgres_measures import MEASURES
from pytest_sysint.integrations._sql import Query
from pytest_sysint.integrations._tls import Tls
from pytest_sysint.integrations.postgresql import REST, PostgreSQL, Settings

Make = Callable[..., PostgreSQL]


@pytest.fixture(scope="module")
def url(real_service) -> str:
    return str(real_service("postgresql"))


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """`make()` gives an integration for the real server, `make(port=...)` one for another, all closed at the end."""
    made: list[PostgreSQL] = []

    def make(url: str = "", *, port: int = 0, read_only: bool = False, **settings: object) -> PostgreSQL:
        where = url or (f"postgresql://ann:s3cret-word@127.0.0.1:{port}/x" if port else request.getfixturevalue("url"))
        made.append(PostgreSQL(Settings.model_validate({"url": where, **settings}), read_only=read_only))
        return made[-1]

    yield make
    for integration in made:
        integration.close()


@pytest.fixture
def table(make: Make) -> Iterator[str]:
    integration = make()
    run(integration, "DROP TABLE IF EXISTS residents")
    run(integration, "CREATE TABLE residents (id int PRIMARY KEY, name text)")
    run(integration, "INSERT INTO residents SELECT n, 'resident ' || n FROM generate_series(1, 100) AS n")
    yield "residents"
    run(integration, "DROP TABLE residents")


def run(integration: PostgreSQL, query: str, timeout: float = 5, **fields: object):
    return Query.model_validate({"query": query, **fields}).perform(integration, timeout)


def climb(integration: PostgreSQL, timeout: float = 5) -> dict[str, str]:
    return {rung.name: rung.climb(timeout) for rung in integration.rungs()}


def measure(integration: PostgreSQL, name: str) -> float | None:
    found = next(measure for measure in MEASURES if measure.key() == name)
    return found.model_validate({name: 0}).perform(integration, 5).payload


def test_it_is_registered():
    assert types().get("postgresql") is PostgreSQL
    assert PostgreSQL.category == "database"
    assert all("description" in field for field in Settings.model_json_schema()["properties"].values())


class TestLadder:
    def test_holds(self, make):
        seen = climb(make())
        assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
        assert seen["authentication"] == "user 'postgres'"
        assert seen["ping"].startswith("PostgreSQL 1")
        assert seen["read"] == "database 'postgres', primary"

    def test_tcp_breaks(self, make, dead_port):
        with pytest.raises(Unreachable, match="refused") as caught:
            climb(make(port=dead_port))
        assert caught.value.rung == "tcp"

    def test_dns_breaks(self, make):
        for act in (climb, lambda integration: run(integration, "SELECT 1")):
            with pytest.raises(Unreachable) as caught:
                act(make("postgresql://ann:s3cret-word@name.invalid/x"))
            assert caught.value.rung == "dns"

    @pytest.mark.parametrize(
        ("change", "sort", "code"),
        [
            ({"password": "wr0ng-word"}, Denied, "28P01"),
            ({"user": "nobody-here"}, Denied, "28P01"),
            ({"dbname": "no_such"}, Rejected, "3D000"),
        ],
    )
    def test_authentication_breaks(self, make, url, change, sort, code):
        words = {**psycopg.conninfo.conninfo_to_dict(url), **change}
        bad = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**words)
        with pytest.raises(sort) as caught:
            climb(make(bad))
        assert (caught.value.rung, caught.value.code) == ("authentication", code)
        assert words["password"] not in str(caught.value)
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("state", "said", "sort", "rung"),
        [
            ("57P03", "the database system is starting up", Unreachable, "ping"),
            ("53300", "sorry, too many clients already", Unreachable, "authentication"),
            ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "ann"', Denied, "authentication"),
            ("08P01", "unsupported startup parameter: options", Rejected, "authentication"),
            ("XX000", "something odd", Rejected, "authentication"),
        ],
    )
    def test_a_server_that_refuses(self, make, listen, state, said, sort, rung):
        fields = f"SFATAL\0VFATAL\0C{state}\0M{said}\0\0".encode()

        def refuse(connection: socket.socket) -> None:
            while data := connection.recv(1000):
                if data[4:8] == struct.pack("!i", 80877103):
                    connection.sendall(b"N")
                    continue
                connection.sendall(b"E" + struct.pack("!i", len(fields) + 4) + fields)
                return

        with pytest.raises(sort, match=said[:20]) as caught:
            climb(make(port=listen(refuse)))
        assert caught.value.rung == rung
        assert "s3cret-word" not in str(caught.value)

    def test_silence(self, make, listen):
        begin = time.monotonic()
        with pytest.raises(TimedOut, match="within 100ms") as caught:
            climb(make(port=listen(listen.hang)), 0.1)
        assert caught.value.rung == "authentication"
        assert time.monotonic() - begin < 2

    def test_a_drip(self, make, listen):
        def drip(connection: socket.socket) -> None:
            for byte in b"N" + b"R" + struct.pack("!i", 2000) + b"x" * 2000:
                connection.sendall(bytes([byte]))
                if listen.over.wait(0.02):
                    return

        with pytest.raises(TimedOut):
            climb(make(port=listen(drip)), 0.2)

    @pytest.mark.parametrize("answers", [(b"HTTP/1.1 400 Bad Request\r\n\r\n",), (b"N", b"HTTP/1.1 400\r\n\r\n")])
    def test_another_protocol(self, make, listen, answers):
        def speak(connection: socket.socket) -> None:
            for answer in answers:
                connection.recv(1000)
                connection.sendall(answer)
            listen.over.wait(30)

        with pytest.raises(Garbled, match="not PostgreSQL"):
            climb(make(port=listen(speak)))

    def test_a_server_that_hangs_up(self, make, listen):
        with pytest.raises(Unreachable):
            climb(make(port=listen(lambda connection: connection.recv(1000) and None)))

    def test_one_of_several_hosts_is_enough(self, make, url, dead_port):
        words = psycopg.conninfo.conninfo_to_dict(url)
        several = f"postgresql://postgres:{words['password']}@127.0.0.1:{dead_port},127.0.0.1:{words['port']}/postgres"
        assert list(climb(make(several))) == ["dns", "tcp", "authentication", "ping", "read"]
        with pytest.raises(Unreachable):
            climb(make(f"postgresql://127.0.0.1:{dead_port},127.0.0.1:{dead_port}/postgres"))

    def test_a_unix_socket_that_is_not_there(self, make, tmp_path):
        with pytest.raises(Unreachable, match="there is no socket at") as caught:
            climb(make(f"postgresql:///x?host={tmp_path}"))
        assert caught.value.rung == "tcp"
        with pytest.raises(Unreachable, match="No such file"):
            run(make(f"postgresql:///x?host={tmp_path}"), "SELECT 1")

    @pytest.mark.parametrize("url", ["postgresql://u:s3cret-word@h:port/x", "postgresql://u:s3c%ret@h/x", "=s3cret"])
    def test_bad_urls(self, make, url):
        with pytest.raises(CallError, match="cannot be read as one of PostgreSQL") as caught:
            climb(make(url))
        assert "s3c" not in str(caught.value)
        assert make(url).reproduce() == ""


class TestQueries:
    def test_plain_values(self, make):
        seen = run(
            make(),
            """SELECT 1 AS whole, 2.50::numeric AS exact, 3.0::numeric AS whole_exact, 1.5::float8 AS float,
                true AS yes, NULL AS nothing, 'x:y'::text AS text, '00000000-0000-0000-0000-000000000001'::uuid AS uuid,
                '2026-01-31 10:00:00'::timestamp AS moment, '2026-01-31'::date AS day, 'infinity'::timestamptz AS never,
                '10:00'::time AS time, '\\x0aff'::bytea AS bytes, ARRAY[1, 2] AS list, '{"a": [1]}'::jsonb AS json,
                'NaN'::numeric AS nan, numrange(1, 2) AS range, '10.0.0.1'::inet AS address""",
        )
        assert seen.payload == [
            {
                "whole": 1,
                "exact": 2.5,
                "whole_exact": 3,
                "float": 1.5,
                "yes": True,
                "nothing": None,
                "text": "x:y",
                "uuid": "00000000-0000-0000-0000-000000000001",
                "moment": "2026-01-31T10:00:00",
                "day": "2026-01-31",
                "never": "infinity",
                "time": "10:00:00",
                "bytes": "0aff",
                "list": [1, 2],
                "json": {"a": [1]},
                "nan": "NaN",
                "range": "[1,2)",
                "address": "10.0.0.1",
            }
        ]
        assert seen.facts["count"] == 1
        assert set(seen.phases) == {"connect", "total"}

    def test_params(self, make):
        params = {"text": "it's 100% :text", "n": 5, "none": None, "yes": True, "many": [1, 2], "map": {"a": 1}}
        seen = run(
            make(),
            "SELECT :text AS a, :n + 1 AS b, :none AS c, :yes AS d, 2 = ANY(:many) AS e, :map ->> 'a' AS f, "
            "':n' AS g, 5 % 3 AS h -- :comment",
            params=params,
        )
        assert list(seen.payload[0].values()) == ["it's 100% :text", 6, None, True, True, "1", ":n", 2]

    def test_rows(self, make, table):
        seen = run(make(), "SELECT id, name FROM residents WHERE id <= :most ORDER BY id", params={"most": 3})
        assert [row["id"] for row in seen.payload] == [1, 2, 3]
        assert seen.facts == {"count": 3, "columns": ["id", "name"], "affected": 0}
        assert seen.exchange is not None
        assert seen.exchange.received.startswith("3 rows")
        assert run(make(), "SELECT * FROM residents WHERE id < 0").facts["columns"] == ["id", "name"]

    def test_changes_are_kept(self, make, table):
        assert run(make(), "UPDATE residents SET name = 'x' WHERE id < 10").facts["affected"] == 9
        seen = run(make(), "INSERT INTO residents VALUES (1000, 'y') RETURNING id")
        assert (seen.payload, seen.facts["affected"]) == ([{"id": 1000}], 1)
        assert run(make(), "SELECT count(*) AS n FROM residents WHERE name IN ('x', 'y')").payload == [{"n": 10}]

    def test_several_statements(self, make):
        integration = make()
        seen = run(
            integration, "SET search_path = pg_catalog; SELECT current_setting('search_path') AS p; SET x.y = 1;"
        )
        assert seen.payload == [{"p": "pg_catalog"}]
        assert run(integration, "SELECT current_setting('search_path') AS p").payload != [{"p": "pg_catalog"}]

    def test_the_same_name_twice(self, make):
        assert run(make(), "SELECT 1 AS id, 2 AS id").payload == [{"id": 1, "id_2": 2}]

    def test_max_rows(self, make):
        integration = make()
        assert run(integration, "SELECT generate_series(1, 10) AS n", max_rows=10).facts["count"] == 10
        with pytest.raises(TooLarge, match="more than the 10 rows"):
            run(integration, "SELECT generate_series(1, 1000000000) AS n", max_rows=10)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_too_slow(self, make):
        integration = make()
        with pytest.raises(TimedOut, match="statement timeout") as caught:
            run(integration, "SELECT pg_sleep(60)", 0.2)
        assert (caught.value.rung, caught.value.code, caught.value.transient) == ("read", "57014", True)
        assert run(integration, "SELECT 1 AS n").phases["connect"] < 0.01  # the session goes on

    def test_a_server_that_freezes(self, make):
        """A process that is stopped answers no more, and its own time limit does not work either."""
        integration = make()
        pid = run(integration, "SELECT pg_backend_pid() AS pid").payload[0]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimedOut, match="gave no answer within 100ms"):
                run(integration, "SELECT 1", 0.1)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_a_session_that_is_ended_while_it_rests(self, make):
        integration, other = make(), make()
        pid = run(integration, "SELECT pg_backend_pid() AS pid").payload[0]["pid"]
        run(other, "SELECT pg_terminate_backend(:pid, 5000)", params={"pid": pid})
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_a_session_that_is_ended_while_it_works(self, make):
        integration, other = make(), make()
        pid = run(integration, "SELECT pg_backend_pid() AS pid").payload[0]["pid"]
        errors = []

        def work() -> None:
            try:
                run(integration, "SELECT pg_sleep(60)", 30)
            except CallError as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        busy = "SELECT count(*) AS n FROM pg_stat_activity WHERE pid = :pid AND state = 'active'"
        wait_until(lambda: run(other, busy, params={"pid": pid}).payload == [{"n": 1}])
        run(other, "SELECT pg_terminate_backend(:pid)", params={"pid": pid})
        thread.join(10)
        assert isinstance(errors[0], Unreachable)
        assert errors[0].code == "57P01"

    @pytest.mark.parametrize(
        ("query", "sort", "code"),
        [
            ("SELECT * FROM no_such_table", Rejected, "42P01"),
            ("SELEKT 1", Rejected, "42601"),
            ("SELECT 1/0", Rejected, "22012"),
            ("SELECT no_such_column FROM pg_class", Rejected, "42703"),
            ("COPY pg_class TO STDOUT", Rejected, ""),
            ("COPY pg_class FROM STDIN", Rejected, ""),
        ],
    )
    def test_errors(self, make, query, sort, code):
        integration = make()
        with pytest.raises(sort) as caught:
            run(integration, query)
        assert (caught.value.rung, caught.value.code, caught.value.transient) == ("read", code, False)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_params_that_do_not_fit(self, make):
        with pytest.raises(ValidationError, match="uses ':id', but `params` has no 'id', did you mean 'idd'"):
            Query(query="SELECT :id", params={"idd": 1})
        with pytest.raises(CallError, match="does not use ':more'"):
            make().query("SELECT 1", {"more": 1}, 5)

    def test_what_cannot_be_in_a_transaction(self, make):
        integration = make()
        run(integration, "VACUUM pg_class")
        run(integration, "BEGIN; SELECT 1")  # left open: the session is not used again
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_nothing_rests_after_close(self, make):
        integration = make()
        before = len(REST)
        run(integration, "SELECT 1")
        assert len(REST) == before + 1
        integration.close()
        assert len(REST) == before

    def test_many_threads(self, make):
        integration = make()
        threads = [threading.Thread(target=run, args=(integration, "SELECT pg_sleep(0.01)")) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert run(integration, "SELECT 1 AS n").payload == [{"n": 1}]

    def test_search_path_and_name(self, make):
        integration = make(search_path="pg_catalog, public", application_name="oakwood checks")
        seen = run(integration, "SELECT current_setting('search_path') AS a, current_setting('application_name') AS b")
        assert seen.payload == [{"a": "pg_catalog, public", "b": "oakwood checks"}]

    def test_password_beside_the_url(self, make, url):
        words = psycopg.conninfo.conninfo_to_dict(url)
        bare = f"postgresql://postgres@127.0.0.1:{words['port']}/postgres"
        assert list(climb(make(bare, password=SecretStr(str(words["password"])))))[-1] == "read"
        with pytest.raises(Denied, match="no password supplied"):
            climb(make(bare))


class TestReadOnly:
    def test_nothing_is_written(self, make, table):
        integration = make(read_only=True)
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 100}]
        for query in ("DELETE FROM residents", "SELECT nextval('s')", "CREATE TEMP TABLE x AS SELECT 1"):
            with pytest.raises(Rejected):
                run(integration, query)
        with pytest.raises(Rejected, match="cannot be carried out in a read-only transaction"):
            run(integration, "COMMIT; DELETE FROM residents")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            integration.client.execute("DELETE FROM residents")
        assert run(integration, "SELECT count(*) AS n FROM residents").payload == [{"n": 100}]

    def test_the_error_says_why(self, make, table):
        with pytest.raises(Rejected, match="read-only transaction") as caught:
            run(make(read_only=True), "DELETE FROM residents")
        assert caught.value.code == "25006"
        assert "the environment allows no more" in caught.value.hint


@pytest.mark.parametrize(
    ("state", "said", "sort", "rung"),
    [
        ("28000", "not you", Denied, "authentication"),
        ("08006", "gone", Unreachable, "read"),
        ("53300", "too many", Unreachable, "read"),
        ("55P03", "lock not available", TimedOut, "read"),
        ("57014", "canceling statement due to user request", Rejected, "read"),
    ],
)
def test_states(state, said, sort, rung):
    found = explain_state(state, said, "more about it")
    assert (type(found), found.rung, found.code, found.message) == (sort, rung, state, f"{said} (more about it)")


def test_privileges(make, table):
    run(make(), "SET LOCAL ROLE pg_monitor; SELECT 1")
    with pytest.raises(Denied, match="permission denied for table residents") as caught:
        run(make(), "SET LOCAL ROLE pg_monitor; SELECT * FROM residents")
    assert (caught.value.rung, caught.value.code) == ("read", "42501")


def test_native_client(make):
    integration = make()
    assert isinstance(integration.client, psycopg.Connection)
    assert integration.client.execute("SELECT 1").fetchone() == (1,)
    assert integration.client is integration.client


@pytest.mark.parametrize("params", [{}, {"name": "O'Neil", "id": 3, "ok": True, "no": None, "ids": [1, 2]}])
def test_reproduce(make, params):
    integration = make("postgresql://ann:s3cret-word@db.example:6432/care?sslmode=require")
    text = "SELECT 1" if not params else "SELECT * FROM r WHERE name = :name AND id = :id AND :ok AND :no AND :ids"
    shown = Query(query=text, params=params).reproduce(integration)
    assert shown.startswith("psql 'postgresql://ann@db.example:6432/care?sslmode=require' -c ")
    assert "s3cret" not in shown
    if params:
        assert "TRUE AND NULL AND ARRAY[1, 2]" in shown


def test_reproduce_over_a_socket(make):
    assert "postgresql://:5432/x?host=%2Frun%2Fpg" in make("postgresql:///x?host=/run/pg").reproduce()


class TestSeed:
    def test_file_and_folder(self, make, tmp_path):
        (tmp_path / "1.sql").write_text("DROP TABLE IF EXISTS seeded;\nCREATE TABLE seeded (id int, name text);\n")
        (tmp_path / "2.sql").write_text(
            "\\restrict abc\nINSERT INTO seeded VALUES (1, 'a;b');\n"
            "COPY seeded (id, name) FROM stdin;\n2\tx\n3\t\\N\n\\.\n\nSELECT 1;\n\\unrestrict abc\n"
        )
        integration = make()
        integration.seed(tmp_path, 10)
        seen = run(integration, "SELECT id, name FROM seeded ORDER BY id").payload
        assert [row["name"] for row in seen] == ["a;b", "x", None]
        integration.seed(tmp_path / "1.sql", 10)
        assert run(integration, "SELECT count(*) AS n FROM seeded").payload == [{"n": 0}]
        run(integration, "DROP TABLE seeded")

    def test_mistakes(self, make, tmp_path):
        (tmp_path / "bad.sql").write_text("SELECT 1;\nSELEKT 2;")
        with pytest.raises(Rejected, match=r"bad\.sql: syntax error"):
            make().seed(tmp_path / "bad.sql", 10)
        with pytest.raises(Rejected, match="there is no SQL in the seed"):
            make().seed(tmp_path / "none.sql", 10)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it never became true"


class TestMeasures:
    def test_all_have_a_value_or_none(self, make):
        integration = make()
        seen = {one.key(): measure(integration, one.key()) for one in MEASURES}
        assert seen["replication_lag"] is None
        assert seen["retained_wal"] is None
        assert seen["connections"] >= 1
        assert 0 < seen["connection_headroom"] < 1
        assert seen["database_size"] > 1_000_000
        assert 0 <= seen["cache_hit_ratio"] <= 1
        assert 0 < seen["transaction_ids"] < 0.01

    def test_reproduce(self, make):
        assert "-c 'SELECT pg_database_size" in MEASURES[3].model_validate({"database_size": 0}).reproduce(make())

    def test_connections(self, make, url):
        integration = make()
        before = measure(integration, "connections"), measure(integration, "connection_headroom")
        with psycopg.connect(url):
            assert measure(integration, "connections") == before[0] + 1
            assert measure(integration, "connection_headroom") < before[1]

    def test_longest_transaction_and_waiting_locks(self, make, url, table):
        integration = make()
        with psycopg.connect(url) as holder:
            holder.execute("LOCK TABLE residents")
            wait_until(lambda: measure(integration, "longest_transaction") > 0.01)
            assert measure(integration, "waiting_locks") == 0
            waiter = threading.Thread(target=run, args=(make(), "SELECT * FROM residents"))
            waiter.start()
            wait_until(lambda: measure(integration, "waiting_locks") == 1)
            holder.rollback()
            waiter.join(10)
        assert measure(integration, "waiting_locks") == 0

    def test_deadlocks(self, make, url, table):
        integration = make()
        before = measure(integration, "deadlocks")
        with psycopg.connect(url) as one, psycopg.connect(url) as two:
            for connection, row in ((one, 1), (two, 2)):
                connection.execute("SET deadlock_timeout = '10ms'")
                connection.execute("UPDATE residents SET name = 'x' WHERE id = %s", (row,))
            thread = threading.Thread(target=_ignoring, args=(one, "UPDATE residents SET name = 'y' WHERE id = 2"))
            thread.start()
            _ignoring(two, "UPDATE residents SET name = 'y' WHERE id = 1")
            two.rollback()
            thread.join(10)
            one.rollback()
        wait_until(lambda: measure(integration, "deadlocks") == before + 1)

    def test_dead_tuples(self, make, table):
        integration = make()
        integration.client.execute("DELETE FROM residents WHERE id <= 50")
        with contextlib.suppress(psycopg.errors.UndefinedFunction):  # before version 15 the numbers come by themselves
            integration.client.execute("SELECT pg_stat_force_next_flush()")
        wait_until(lambda: (measure(integration, "dead_tuples") or 0) > 0.1)

    def test_retained_wal(self, make):
        integration = make()
        run(integration, "SELECT pg_create_physical_replication_slot('held', true)")
        run(integration, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 100000))")
        assert measure(integration, "retained_wal") >= 100_000
        run(integration, "SELECT pg_drop_replication_slot('held')")


def _ignoring(connection: psycopg.Connection, sql: str) -> None:
    with contextlib.suppress(psycopg.errors.DeadlockDetected):
        connection.execute(sql)


@pytest.fixture
def replica(url, require) -> Iterator[str]:
    """The url of a replica of the real server."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    require(folders, "PostgreSQL's pg_basebackup is not installed: apt install postgresql")
    binary = str(folders[-1] / "postgres")
    folder = Path(tempfile.mkdtemp())  # not pytest's: to that one no other user gets, and the server refuses root
    place = Place("replica", folder, free_port())
    user = recipes._unprivileged(place)
    command = [
        str(folders[-1] / "pg_basebackup"),
        "-d",
        url,
        "-D",
        str(folder / "data"),
        "-R",
        "-X",
        "stream",
        "-c",
        "fast",
    ]
    copied = subprocess.run(command, capture_output=True, timeout=60, cwd="/", **user)
    assert copied.returncode == 0, copied.stderr
    log = place.log.open("ab")
    server = subprocess.Popen(recipes._argv(binary, place), stdout=log, stderr=log, cwd="/", **user)
    words = psycopg.conninfo.conninfo_to_dict(url)
    there = f"postgresql://postgres:{words['password']}@127.0.0.1:{place.port}/postgres"
    wait_until(lambda: _answers(there))
    yield there
    server.send_signal(signal.SIGINT)
    server.wait(10)
    log.close()
    shutil.rmtree(folder)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_replication_lag(make, replica, table):
    primary, standby = make(), make(replica)
    assert climb(standby)["read"] == "database 'postgres', replica"
    there = "SELECT to_regclass('residents') IS NOT NULL AS there"
    wait_until(lambda: run(standby, there).payload == [{"there": True}])
    wait_until(lambda: measure(standby, "replication_lag") == 0)
    assert measure(primary, "replication_lag") >= 0
    run(standby, "SELECT pg_wal_replay_pause()")
    run(primary, "UPDATE residents SET name = 'later'")
    wait_until(lambda: measure(standby, "replication_lag") > 0.05)
    run(standby, "SELECT pg_wal_replay_resume()")
    wait_until(lambda: measure(standby, "replication_lag") == 0)
    with pytest.raises(Rejected, match="read-only transaction"):
        run(standby, "DELETE FROM residents")
    run(standby, "ALTER SYSTEM SET primary_conninfo = ''")  # cut off, it knows nothing newer and has replayed all
    run(standby, "SELECT pg_reload_conf()")
    wait_until(lambda: measure(standby, "replication_lag") > 0)


@pytest.fixture(scope="module")
def server(real_service, certificates) -> Iterator[str]:
    """A server of its own, with a certificate for localhost and TLS switched on: the embedded one is built without."""
    url = real_service("postgresql", "local_binary")
    pem = Path(certificates.server("postgres")).read_text()
    with psycopg.connect(url, autocommit=True) as admin:
        (folder,) = admin.execute("SHOW data_directory").fetchone()
        for name in ("server.crt", "server.key"):
            lines = f"SELECT regexp_split_to_table('{pem}', E'\\n')"
            admin.execute(f"COPY ({lines}) TO PROGRAM 'umask 077; cat > {folder}/{name}'")
        admin.execute("ALTER SYSTEM SET ssl = on")
        admin.execute("SELECT pg_reload_conf()")
    words = psycopg.conninfo.conninfo_to_dict(url)
    there = f"postgresql://postgres:{words['password']}@localhost:{words['port']}/postgres"
    wait_until(lambda: _answers(f"{there}?sslmode=require"))
    return there


class TestTls:
    def test_verified(self, make, server, certificates):
        seen = climb(make(server, tls={"ca": certificates.authority, "minimum": "1.3"}))
        assert list(seen) == ["dns", "tcp", "tls", "authentication", "ping", "read"]
        assert seen["tls"].startswith("TLSv1.3, certificate expires in")
        sql = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        by_url = f"{server}?sslmode=verify-full&sslrootcert={certificates.authority}"
        assert run(make(by_url), sql).payload == [{"version": "TLSv1.3"}]
        assert "tls" in climb(make(by_url))

    def test_unknown_authority(self, make, server):
        integration = make(server, tls={})
        for act in (climb, lambda integration: run(integration, "SELECT 1")):
            with pytest.raises(TlsFailed) as caught:
                act(integration)
            assert caught.value.rung == "tls"

    def test_unverified(self, make, server):
        assert "tls" in climb(make(server, tls={"verify": False}))
        assert "tls" in climb(make(f"{server}?sslmode=require"))

    def test_another_name(self, make, server, certificates):
        address = server.replace("localhost", "127.0.0.1")
        ours = Tls(ca=certificates.authority, server_name="localhost")
        assert "tls" in climb(make(address, tls=ours))
        wrong = make(server, tls=Tls(ca=certificates.authority, server_name="other.example"))
        with pytest.raises(TlsFailed, match="another host name"):
            climb(wrong)
        with pytest.raises(TlsFailed):
            run(wrong, "SELECT 1")

    def test_direct(self, make, server):
        """A TLS handshake without asking first, for servers from version 17; this one does not know it."""
        with pytest.raises((TlsFailed, Unreachable)) as caught:
            climb(make(f"{server}?sslmode=require&sslnegotiation=direct"))
        assert caught.value.rung == "tls"

    def test_another_protocol(self, make, listen):
        port = listen(lambda connection: connection.recv(100) and connection.sendall(b"HTTP/1.1 400"))
        with pytest.raises(Garbled, match="the question for TLS was answered with b'H'") as caught:
            climb(make(port=port, tls={"verify": False}))
        assert caught.value.rung == "tls"

    def test_a_server_without(self, make, real_service):
        embedded = real_service("postgresql", "embedded")
        assert list(climb(make(embedded))) == ["dns", "tcp", "authentication", "ping", "read"]
        for act in (climb, lambda integration: run(integration, "SELECT 1")):
            with pytest.raises(TlsFailed) as caught:
                act(make(f"{embedded}?sslmode=require"))
            assert caught.value.rung == "tls"
