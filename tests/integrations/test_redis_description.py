"""Which keys a Redis holds, on a real server; and that a contract sees each change of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from pytest_sysint.contracts import _structure
from pytest_sysint.core.check import RetryPolicy
from pytest_sysint.core.description import Change
from pytest_sysint.core.errors import Denied, Rejected, TimedOut
from pytest_sysint.core.records import Exchange
from pytest_sysint.declaration.model import DeclaredIntegration, Position
from pytest_sysint.declaration.provisioning import ProvisionSettings
from pytest_sysint.integrations._redis import description
from pytest_sysint.integrations._redis.description import SECTIONS, look_by, patterns_of
from pytest_sysint.integrations.redis import Redis, Settings


class Store:
    """A database of this file's own, empty at the start of each test."""

    def __init__(self, url: str) -> None:
        self.url = f"{url.rpartition('/')[0]}/9"
        self.client = redis.Redis.from_url(self.url)
        self.client.flushdb()
        self.integration = Redis(Settings(url=self.url), read_only=True)

    def sessions(self, count: int = 30, seconds: int = 1800) -> None:
        for number in range(count):
            self.client.set(f"session:{number:06x}", "x", ex=seconds)

    def failed(self, promised: Any) -> dict[str, str]:
        """Name -> message of the assertions that fail for the one declared pattern."""
        declared = DeclaredIntegration(
            id="it", tenant="shared", type="redis", cls=Redis, category="database", name="", description="",
            severity="high", owner="", tags=(), depends_on=(), timeout=3, retry=RetryPolicy(), budget="",
            settings=self.integration.settings, provision=ProvisionSettings(), kinds={}, references=frozenset(),
            position=Position("sysint.yaml", 1, 1), folder=None,
        )  # fmt: skip
        (check,) = _structure.checks(_structure.read({"keys": promised}, Redis), declared)
        self.talked = Talk(self.integration)
        return {each.name: each.message for each in check.run(self.talked).assertions if each.status == "failed"}


class Talk:
    """As much of a `core.check.Context` as these checks need."""

    timeout = 5.0

    def __init__(self, integration: Redis) -> None:
        self.integration = integration
        self.exchanges: list[Exchange] = []

    def perform(self, operation: Any, on: str = "") -> Any:
        observation = operation.perform(self.integration, self.timeout)
        self.exchanges.append(observation.exchange)
        return observation


@pytest.fixture
def store(real_service: Callable[[str], str]) -> Iterator[Store]:
    found = Store(real_service("redis"))
    yield found
    found.client.flushdb()
    found.client.close()
    found.integration.close()


def test_keys_are_described_by_guessed_patterns(store: Store) -> None:
    store.sessions()
    store.client.hset("resident:1:name", mapping={"given": "Ada"})
    store.client.hset("resident:2:name", mapping={"given": "Bob"})
    store.client.rpush("queue", "a", "b")
    found = store.integration.describe(("keys",), 5)["keys"]
    assert list(found) == ["queue", "resident:*:name", "session:*"]
    assert found["queue"]["type"] == "list"
    assert found["resident:*:name"] | {"encoding": ""} == {
        "type": "hash",
        "expires": False,
        "lasting": 2,
        "min_ttl": None,
        "max_ttl": None,
        "count": 2,
        "encoding": "",
        "complete": True,
    }
    sessions = found["session:*"]
    assert (sessions["expires"], sessions["lasting"], sessions["count"]) == (True, 0, 30)
    assert 0 < sessions["min_ttl"] <= sessions["max_ttl"] <= 1800


def test_an_empty_store_holds_nothing(store: Store) -> None:
    assert store.integration.describe(("keys",), 5) == {"keys": {}}


SESSIONS: dict[str, Any] = {
    "session:*": {
        "type": "string",
        "expires": True,
        "lasting": 0,
        "max_ttl": "<= 30m",
        "min_ttl": "> 0s",
        "count": ">= 1",
        "encoding": "embstr",
        "complete": True,
    }
}


def test_what_is_promised_is_there(store: Store) -> None:
    store.sessions()
    assert store.failed(SESSIONS) == {}
    assert "count: 30" in store.talked.exchanges[0].received
    assert store.failed({"session:*": "string"}) == {}
    assert store.failed({"token:*": {"absent": True}}) == {}


def test_one_key_without_an_expiry_is_found(store: Store) -> None:
    store.sessions()
    store.client.persist("session:000004")
    assert store.failed(SESSIONS) == {
        "expires": 'expires was "some", expected true',
        "lasting": "lasting was 1, expected 0",
    }


def test_keys_that_never_expire_are_found(store: Store) -> None:
    store.client.set("session:1", "x")
    assert set(store.failed(SESSIONS)) == {"expires", "lasting", "max_ttl", "min_ttl"}


def test_keys_that_live_too_long_are_found(store: Store) -> None:
    store.sessions(seconds=7200)
    failed = store.failed(SESSIONS)
    assert set(failed) == {"max_ttl"}
    assert failed["max_ttl"].endswith("expected <= 30m")


def test_a_key_of_another_type_is_found(store: Store) -> None:
    store.sessions()
    store.client.hset("session:zz", mapping={"a": 1})
    store.client.expire("session:zz", 60)
    assert set(store.failed(SESSIONS)) == {"type", "encoding"}


def test_keys_that_are_gone_or_there_although_they_must_not_be(store: Store) -> None:
    assert store.failed(SESSIONS) == {"session:*": "there is no 'session:*' among the keys"}
    store.sessions(1)
    assert store.failed({"session:*": {"absent": True}}) == {"session:*": "session:* is there, expected absent"}


def test_keys_that_are_no_text_are_looked_at_too(store: Store) -> None:
    store.client.set(b"blob:\xff\xfe", b"x", ex=60)
    assert store.failed({"blob:*": {"expires": True, "count": 1}}) == {}
    assert store.integration.describe(("keys",), 5)["keys"]["blob:��"]["count"] == 1


def test_only_a_bounded_part_is_looked_through(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description, "_STEP", 10)
    monkeypatch.setattr(description, "_MOST_SCANNED", 20)
    monkeypatch.setattr(description, "_MOST_LOOKED_AT", 5)
    store.sessions(300)
    assert set(store.failed({"session:*": {"type": "string", "count": ">= 1", "complete": True}})) == {
        "count",
        "complete",
    }
    with pytest.raises(Rejected, match="none of the first 20 keys"):
        store.failed({"token:*": {"absent": True}})


def test_keys_that_vanish_meanwhile_are_not_there() -> None:
    def ask(commands: Any, *, lenient: bool = False) -> list[Any]:
        replies = {"SCAN": [b"0", [b"session:1"]], "TYPE": b"none", "PTTL": -2, "OBJECT": None}
        return [replies[command[0]] for command in commands]

    assert look_by(ask, "session:*") is None
    assert description.describe(ask) == {}


def test_a_user_without_the_right_is_told_so(store: Store) -> None:
    store.client.acl_setuser(
        "looker", enabled=True, passwords=["+sure-word"], keys=["*"], commands=["+ping", "+select"]
    )
    integration = Redis(Settings(url=store.url.replace("redis://", "redis://looker:sure-word@")))
    try:
        with pytest.raises(Denied, match="scan"):
            integration.describe(("keys",), 5)
    finally:
        integration.close()
        store.client.acl_deluser("looker")


def test_the_encoding_needs_a_right_of_its_own(store: Store) -> None:
    store.sessions(3)
    rights = ["+ping", "+select", "+scan", "+type", "+pttl"]
    store.client.acl_setuser("looker", enabled=True, passwords=["+sure-word"], keys=["*"], commands=rights)
    integration = Redis(Settings(url=store.url.replace("redis://", "redis://looker:sure-word@")))
    try:
        found = integration.describe(("keys",), 5)["keys"]["session:*"]
    finally:
        integration.close()
        store.client.acl_deluser("looker")
    assert (found["type"], found["expires"], found["encoding"]) == ("string", True, "")


def test_the_embedded_stand_in_is_described_too(real_service: Any) -> None:
    url = real_service("redis", "embedded")
    client = redis.Redis.from_url(url)
    for number in range(5):
        client.set(f"embedded:{number}", "x", ex=60)
    client.close()
    integration = Redis(Settings(url=url))
    try:
        found = integration.describe(("keys",), 5)["keys"]["embedded:*"]
    finally:
        integration.close()
    assert (found["type"], found["expires"], found["count"]) == ("string", True, 5)


def test_a_connection_that_was_closed_while_it_rested_is_replaced(store: Store) -> None:
    store.sessions(1)
    assert store.failed({"session:*": {}}) == {}
    mine = store.client.client_id()
    for client in store.client.client_list():
        if int(client["id"]) != mine and client["db"] == "9":
            store.client.client_kill_filter(_id=client["id"])
    assert store.failed({"session:*": {}}) == {}


def test_a_server_that_does_not_answer_in_time(store: Store) -> None:
    store.sessions(1)
    store.client.execute_command("CLIENT", "PAUSE", "300", "ALL")
    with pytest.raises(TimedOut):
        store.integration.describe(("keys",), 0.05)
    store.client.ping()


@pytest.mark.parametrize(
    ("keys", "patterns"),
    [
        ([b"a:1", b"a:2"], ["a:*"]),
        ([b"a:b", b"a:c"], ["a:b", "a:c"]),
        ([b"a", b"a:b"], ["a", "a:b"]),
        ([b"user:ada:name", b"user:7:name"], ["user:*:name", "user:ada:name"]),
        ([f"user:{'abcdefghijklmnopqrstuvwxyz'[n]}:name".encode() for n in range(26)], ["user:*:name"]),
        ([b"cache/2026-01-01|x"], ["cache/*|x"]),
        ([b"odd[*]key"], ["odd\\[\\*\\]key"]),
        ([b"a::1"], ["a::*"]),
        ([b""], [""]),
        ([b'args:{"a":' * 2000 + b"1"], ['args:{"a":' * 8 + "*"]),
        ([b"/" * 5000], ["/" * 16 + "*"]),
    ],
)
def test_patterns_are_guessed(keys: list[bytes], patterns: list[str]) -> None:
    found = patterns_of(keys)
    assert sorted(found) == patterns
    assert sorted(key for each in found.values() for key in each) == sorted(keys)


def test_how_grave_a_change_is() -> None:
    (keys,) = SECTIONS
    assert keys.drift(Change("keys", "session:*", (), {"type": "string"}, None)) == "additive"
    assert keys.drift(Change("keys", "session:*", ("type",), "string", "hash")) is None


def test_a_command_shows_them_by_hand() -> None:
    (keys,) = SECTIONS
    shown = keys.by_hand(Redis(Settings(url="redis://cache.example.org")), "session:*")
    assert shown == "redis-cli -h cache.example.org -p 6379 --scan --pattern 'session:*'"
