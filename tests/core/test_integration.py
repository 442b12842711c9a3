from __future__ import annotations

import socket
from typing import Any

import pytest
from pydantic import Field

from pytest_sysint.core.capabilities import Consumes, Publishes, Queryable, Requestable, Sends, Stores
from pytest_sysint.core.check import CHECK_KEYS, Outcome, Poll, RetryPolicy
from pytest_sysint.core.integration import (
    EXCHANGE_LIMIT,
    Integration,
    Measure,
    Observation,
    Operation,
    Rung,
    Settings,
    Stopwatch,
    clip,
    exchange,
    with_facts,
)
from pytest_sysint.core.provisioning import free_port


class Query(Operation):
    query: str = Field(description="What to ask.")
    limit: int = Field(10, description="How many rows.")


class Lag(Measure):
    dimension = "duration"
    replication_lag: Any = Field(description="The matcher.")

    def measure(self, integration: Any, timeout: float) -> float | None:
        return None if integration is None else 0.25


class Store(Integration[Settings]):
    category = "database"
    settings_model = Settings
    operations = (Query, Lag)

    @property
    def client(self) -> str:
        return "client"

    def rungs(self) -> list[Rung]:
        return [Rung("ping", lambda timeout: "there")]

    def query(self, text: str, params: Any, timeout: float) -> Observation:
        return Observation([{"n": 1}])


def test_an_operation_is_named_by_its_first_field() -> None:
    query = Query.model_validate({"query": "SELECT 1"})
    assert Query.key() == "query"
    assert (query.title(), query.effect(), query.default_expect()) == ("SELECT 1", "read", {})
    assert query.reproduce(None) == ""
    with pytest.raises(NotImplementedError, match=r"Query\.perform"):
        query.perform(None, 1.0)


def test_a_measure_is_an_operation_that_reads_one_number() -> None:
    lag = Lag.model_validate({"replication_lag": "< 10s"})
    assert (lag.key(), lag.title()) == ("replication_lag", "replication lag")
    seen = lag.perform("live", 1.0)
    assert (seen.payload, seen.facts) == (0.25, {"replication_lag": 0.25})
    assert seen.phases["total"] >= 0
    assert lag.perform(None, 1.0).facts == {"replication_lag": None}
    with pytest.raises(NotImplementedError, match=r"Measure\.measure"):
        Measure().measure(None, 1.0)


def test_what_an_integration_has_by_itself() -> None:
    store = Store(Settings(url="x://y"), read_only=True, concurrency=4)
    assert (store.read_only, store.concurrency, store.settings.url) == (True, 4, "x://y")
    assert store.reproduce() == ""
    store.close()
    with pytest.raises(NotImplementedError, match="type Store takes no seed"):
        store.seed("file.sql", 1.0)
    assert [rung.climb(1.0) for rung in store.rungs()] == ["there"]


def test_capabilities_are_what_a_type_can_do() -> None:
    store = Store(Settings())
    assert isinstance(store, Queryable)
    for other in (Requestable, Publishes, Consumes, Stores, Sends):
        assert not isinstance(store, other)


def test_the_stopwatch_adds_up() -> None:
    watch = Stopwatch()
    watch.lap("connect")
    watch.lap("read")
    watch.lap("connect")
    phases = watch.phases()
    assert list(phases) == ["connect", "read", "total"]
    assert phases["connect"] + phases["read"] <= phases["total"] <= watch.elapsed()
    assert watch.started_at.tzinfo is not None


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert clip("short") == "short"
    assert clip("x" * 12, 10) == f"{'x' * 10}\n... (2 more characters)"
    assert clip("x" * (EXCHANGE_LIMIT + 12_345)).endswith("... (12,345 more characters)")


def test_an_exchange_is_cut_to_size() -> None:
    watch = Stopwatch()
    found = exchange("t" * 1000, "s" * 10_000, "r" * 10_000, watch)
    assert (found.at, found.title[:501]) == (watch.started_at, "t" * 500 + "\n")
    assert len(found.sent) < 5000
    assert len(found.received) < 5000
    assert found.ms is not None
    assert found.ms >= 0


def test_facts_are_added() -> None:
    seen = Observation(1, {"a": 1, "b": 1}, {"total": 1.0})
    assert with_facts(seen, b=2, c=3) == Observation(1, {"a": 1, "b": 2, "c": 3}, {"total": 1.0})


def test_the_keys_of_a_check() -> None:
    assert {"name", "expect", "poll", "timeout"} <= CHECK_KEYS
    poll = Poll.model_validate({"timeout": "5s", "interval": "100ms"})
    assert (poll.timeout, poll.interval) == (5.0, 0.1)
    assert RetryPolicy().attempts == 3
    assert Outcome(()).metrics == {}


def test_a_free_port_is_free() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 0
