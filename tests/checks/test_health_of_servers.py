"""Health against real servers: found well, and found broken in the ways in which they break."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import CallError, Denied, Unreachable


@pytest.fixture
def start_redis(
    tmp_path: Path, free_port: int, require: Callable[[object, str], None]
) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`start_redis("--requirepass", "x")` starts a redis-server of this test's own, and waits until it listens."""
    require(shutil.which("redis-server"), "redis-server is not installed")
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = ["redis-server", "--port", str(free_port), "--save", "", "--dir", str(tmp_path), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        started.append(process)
        for _ in range(1000):
            with suppress(OSError), socket.create_connection(("127.0.0.1", free_port), 1):
                return process
            threading.Event().wait(0.01)
        raise AssertionError("redis-server does not listen")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def redis_url(free_port: int) -> str:
    return f"redis://127.0.0.1:{free_port}"


def reachable(bench: Any, **settings: Any) -> Any:
    declared = bench.declare("redis", settings)
    return bench.run(bench.checks(declared)["reachable"], declared)


def test_a_server_is_found_well_and_then_found_stopped(bench: Any, start_redis: Any, redis_url: str) -> None:
    process = start_redis()
    declared = bench.declare("redis", {"url": redis_url})
    check, talk = bench.checks(declared)["reachable"], bench.talk(declared)
    outcome = check.run(talk)
    assert [item.name for item in outcome.assertions] == ["dns", "tcp", "authentication", "ping", "read"]
    assert {item.status for item in outcome.assertions} == {"passed"}
    process.kill()
    process.wait()
    with pytest.raises(Unreachable) as caught:
        check.run(talk)
    assert caught.value.rung == "tcp"
    assert [item.name for item in caught.value.partial.assertions] == ["dns"]
    assert caught.value.partial.reproduce.startswith("redis-cli ")


def test_a_wrong_password_breaks_at_authentication(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis("--requirepass", "right-password")
    assert reachable(bench, url=redis_url, password="right-password").assertions[2].name == "authentication"
    with pytest.raises(Denied) as caught:
        reachable(bench, url=redis_url, password="wrong-password")
    assert caught.value.rung == "authentication"
    assert not caught.value.transient
    assert [item.name for item in caught.value.partial.assertions] == ["dns", "tcp"]
    assert "wrong-password" not in caught.value.partial.reproduce


def test_a_server_that_hangs_breaks_at_the_first_rung_that_asks_it_something(bench: Any, silent: int) -> None:
    declared = bench.declare("redis", {"url": f"redis://127.0.0.1:{silent}"})
    with pytest.raises(CallError) as caught:
        bench.run(bench.checks(declared)["reachable"], declared, timeout=0.3)
    assert caught.value.transient
    assert [item.name for item in caught.value.partial.assertions] == ["dns", "tcp"]


def test_an_operation_without_any_expectation_is_answered(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis()
    (answered,) = bench.health({"command": "GET nothing"}, {"url": redis_url}, "redis").assertions
    assert (answered.name, answered.status, answered.expected) == ("answered", "passed", "an answer")
    assert answered.message.startswith("answered in ")


def test_what_a_command_brings_back_is_judged(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis()
    settings = {"url": redis_url}
    bench.health({"command": "SET beds 42"}, settings, "redis")
    good = bench.health({"command": "GET beds", "expect": {"$": "> 40"}}, settings, "redis")
    bad = bench.health({"command": "GET beds", "expect": {"$": "> 50"}}, settings, "redis")
    assert [item.status for item in (*good.assertions, *bad.assertions)] == ["passed", "failed"]
    assert bad.assertions[0].message == '$ was "42", expected > 50'
    assert "GET beds" in bad.reproduce


def test_a_measure_is_judged_in_its_unit(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis()
    settings = {"url": redis_url}
    good = bench.health({"used_memory": "< 1GiB"}, settings, "redis")
    bad = bench.health({"used_memory": "< 1KiB"}, settings, "redis")
    assert [item.name for item in good.assertions] == ["used_memory"]
    assert good.assertions[0].status == "passed"
    assert bad.assertions[0].status == "failed"
    assert bad.assertions[0].message.endswith("iB, expected < 1KiB")
    assert isinstance(bad.assertions[0].actual, str)


def test_an_operation_that_is_refused_is_raised_at_its_rung(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis()
    bench.health({"command": "SET text abc"}, {"url": redis_url}, "redis")
    with pytest.raises(CallError) as caught:
        bench.health({"command": "INCR text"}, {"url": redis_url}, "redis")
    assert not caught.value.transient
    assert "INCR text" in caught.value.partial.reproduce


def test_a_value_that_is_written_later_is_awaited(bench: Any, start_redis: Any, redis_url: str) -> None:
    start_redis()
    raw = {"command": "GET report", "expect": {"$": "done"}, "poll": {"timeout": "30s", "interval": "10ms"}}
    declared = bench.declare("redis", {"url": redis_url}, health=raw)
    (check,) = [check for slug, check in bench.checks(declared).items() if slug != "reachable"]
    talk, writer = (
        bench.talk(declared),
        bench.declare("redis", {"url": redis_url}, health={"command": "SET report done"}),
    )
    write = list(bench.checks(writer).values())[1]
    talk.on_sleep = lambda seconds: len(talk.pauses) == 3 and write.run(bench.talk(writer))
    outcome = check.run(talk)
    assert outcome.metrics["polls"] == 4
    assert {item.status for item in outcome.assertions} == {"passed"}


VALUES = """SELECT 1.10::numeric AS price, gen_random_uuid() AS id, now() AS at, DATE '2026-01-31' AS day, true AS ok,
NULL AS gone, 'é' AS text, '{"a": [1, 2]}'::jsonb AS doc"""


def test_rows_of_a_database_are_judged_as_they_are_written(bench: Any, real_service: Callable[[str], str]) -> None:
    good: dict[str, Any] = {
        "count": 1,
        "$[0].price": 1.1,
        "$[0].id": {"type": "uuid"},
        "$[0].at": {"type": "datetime", "all_of": ["> 2020-01-01"]},
        "$[0].day": "2026-01-31",
        "$[0].ok": True,
        "$[0].gone": {"equals": None},
        "$[0].text": {"length": 1},
        "$[0].doc.a[*]": [1, 2],
    }
    bad: dict[str, Any] = {
        "count": 2,
        "$[0].price": 1.11,
        "$[0].id": {"type": "integer"},
        "$[0].at": "< 2020-01-01",
        "$[0].day": "2026-02-01",
        "$[0].ok": 1,
        "$[0].gone": {"exists": False},
        "$[0].text": {"length": 2},
        "$[0].doc.a[*]": [2, 1],
    }
    settings = {"url": real_service("postgresql")}
    held = bench.health({"query": VALUES, "expect": good}, settings, "postgresql").assertions
    assert [(item.name, item.status, item.message) for item in held if item.status == "failed"] == []
    failed = bench.health({"query": VALUES, "expect": bad}, settings, "postgresql").assertions
    assert [item.name for item in failed if item.status == "failed"] == list(bad)


def test_a_table_that_is_not_there_is_raised_with_a_command_to_see_it(
    bench: Any, real_service: Callable[[str], str]
) -> None:
    with pytest.raises(CallError) as caught:
        bench.health({"query": "SELECT * FROM no_such_table"}, {"url": real_service("postgresql")}, "postgresql")
    assert caught.value.code == "42P01"
    assert not caught.value.transient
    assert "psql" in caught.value.partial.reproduce
