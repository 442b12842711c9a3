"""The sections `queues`, `amqp_exchanges`, `bindings` of `rabbitmq`: with the management API, and by AMQP alone."""

from __future__ import annotations

import threading
import uuid
from urllib.parse import urlsplit

import httpx
import pytest

from pytest_sysint.core.errors import Denied, Rejected, Unreachable

ARGUMENTS = {
    "x-dead-letter-exchange": "care.dead",
    "x-dead-letter-routing-key": "letters",
    "x-message-ttl": 60_000,
    "x-max-length": 1000,
    "x-max-length-bytes": 1_048_576,
    "x-overflow": "reject-publish",
    "x-single-active-consumer": True,
}
QUEUE = {
    "type": "classic",
    "durable": True,
    "auto_delete": False,
    "exclusive": False,
    "dead_letter_exchange": "care.dead",
    "dead_letter_key": "letters",
    "message_ttl": "<= 1m",
    "expires": {"equals": None},
    "max_length": ">= 1000",
    "max_size": "1MiB",
    "overflow": "reject-publish",
    "single_active_consumer": True,
    "policy": {"equals": None},
    "arguments": {"x-max-length": 1000, "x-queue-mode": {"exists": False}},
    "consumers": 0,
}


class Broker:
    """A vhost of its own on a broker with the management API."""

    def __init__(self, url, management_url):
        self.parts = urlsplit(url)
        self.management_url = management_url
        self.vhost = f"care-{uuid.uuid4().hex[:8]}"
        self.admin = httpx.Client(
            auth=(self.parts.username, self.parts.password), base_url=f"{management_url}/api/", trust_env=False
        )
        self.put(f"vhosts/{self.vhost}")
        self.put(f"permissions/{self.vhost}/{self.parts.username}", configure=".*", write=".*", read=".*")
        self.url = f"amqp://{self.parts.netloc}/{self.vhost}"

    def put(self, path, **body):
        self.admin.put(path, json=body).raise_for_status()

    def queue(self, name="letters", **changed):
        arguments = {**ARGUMENTS, **changed.pop("arguments", {})}
        arguments = {key: value for key, value in arguments.items() if value is not None}
        self.put(f"queues/{self.vhost}/{name}", **{"durable": True, "arguments": arguments, **changed})

    def exchange(self, name="care.events", **changed):
        self.put(f"exchanges/{self.vhost}/{name}", **{"type": "topic", "durable": True, **changed})

    def bind(self, queue, key, exchange="care.events"):
        path = f"bindings/{self.vhost}/e/{exchange}/q/{queue}"
        self.admin.post(path, json={"routing_key": key}).raise_for_status()


@pytest.fixture
def broker(real_service, management_url):
    found = Broker(real_service("rabbitmq", "local_binary"), management_url)
    yield found
    found.admin.delete(f"vhosts/{found.vhost}")
    found.admin.close()


@pytest.fixture
def managed(desk, broker):
    return desk("rabbitmq", url=broker.url, management_url=broker.management_url)


@pytest.fixture
def plain(desk, broker):
    return desk("rabbitmq", url=broker.url)


def judged(place, contract):
    (check,) = place.checks(contract)
    return {each.name: each for each in check.run(place.talk()).assertions}


def failed(place, contract):
    return {name: each.message for name, each in judged(place, contract).items() if each.status == "failed"}


def test_a_queue_that_is_as_promised(broker, managed):
    broker.queue()
    found = judged(managed, {"queues": {"letters": QUEUE}})
    assert {name: each.message for name, each in found.items() if each.status == "failed"} == {}
    assert len(found) == len(QUEUE) + 1


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({"durable": False}, {"durable"}),
        ({"auto_delete": True}, {"auto_delete"}),
        ({"arguments": {"x-dead-letter-exchange": "care.lost"}}, {"dead_letter_exchange"}),
        (
            {"arguments": {"x-dead-letter-exchange": None, "x-dead-letter-routing-key": None}},
            {"dead_letter_exchange", "dead_letter_key"},
        ),
        ({"arguments": {"x-message-ttl": 120_000}}, {"message_ttl"}),
        ({"arguments": {"x-message-ttl": None}}, {"message_ttl"}),
        ({"arguments": {"x-expires": 600_000}}, {"expires"}),
        ({"arguments": {"x-max-length": 10}}, {"max_length", "arguments.x-max-length"}),
        ({"arguments": {"x-max-length-bytes": 1000}}, {"max_size"}),
        ({"arguments": {"x-overflow": "drop-head"}}, {"overflow"}),
        ({"arguments": {"x-single-active-consumer": None}}, {"single_active_consumer"}),
        ({"arguments": {"x-queue-mode": "lazy"}}, {"arguments.x-queue-mode"}),
        ({"arguments": {"x-queue-type": "quorum"}}, {"type"}),
    ],
    ids=str,
)
def test_each_setting_of_a_queue_that_is_another(broker, managed, changed, broken):
    broker.queue(**changed)
    assert set(failed(managed, {"queues": {"letters": QUEUE}})) == broken


def test_what_a_policy_sets_counts_too(broker, managed):
    broker.queue(arguments=dict.fromkeys(ARGUMENTS))
    broker.queue("both", arguments={"x-max-length": 1000})
    promised = {"dead_letter_exchange": "care.dead", "max_length": 500, "policy": "limits"}
    assert set(failed(managed, {"queues": {"letters": promised}})) == set(promised), "there is no policy"

    definition = {"dead-letter-exchange": "care.dead", "max-length": 500}
    broker.put(f"policies/{broker.vhost}/limits", pattern=".", definition=definition, **{"apply-to": "queues"})
    first = failed(managed, {"queues": {"letters": promised}})
    for _ in range(600):
        if broker.admin.get(f"queues/{broker.vhost}/both").json().get("policy"):
            break
        assert all("is not known: the broker has not told yet" in message for message in first.values())
        threading.Event().wait(0.05)
    assert failed(managed, {"queues": {"letters": promised}}) == {}
    assert failed(managed, {"queues": {"both": {"max_length": 500}}}) == {}, "of two limits the smaller is in effect"
    assert set(failed(managed, {"queues": {"both": {"max_length": 1000}}})) == {"max_length"}


def test_what_is_not_there(broker, managed, plain):
    broker.queue()
    broker.exchange()
    for place in (managed, plain):
        for section in ("queues", "amqp_exchanges"):
            assert "there is no 'missing'" in failed(place, {section: {"missing": {}}})["missing"]
            assert failed(place, {section: {"missing": {"absent": True}}}) == {}
        assert failed(place, {"queues": {"letters": {}}}) == {}
        assert failed(place, {"queues": {"letters": {"absent": True}}})
        assert failed(place, {"amqp_exchanges": {"care.events": {}}}) == {}
    assert "missing" in str(failed(managed, {"bindings": {"care.events -> missing": {}}}))


def test_exchanges(broker, managed):
    good = {
        "type": "topic",
        "durable": True,
        "internal": False,
        "auto_delete": False,
        "alternate_exchange": "care.rest",
    }
    broker.exchange(arguments={"alternate-exchange": "care.rest"})
    assert failed(managed, {"amqp_exchanges": {"care.events": good}}) == {}
    for name, changed, broken in (
        ("one", {"type": "direct"}, {"type", "alternate_exchange"}),
        ("two", {"durable": False}, {"durable", "alternate_exchange"}),
        ("three", {"internal": True, "auto_delete": True}, {"internal", "auto_delete", "alternate_exchange"}),
    ):
        broker.exchange(name, **changed)
        assert set(failed(managed, {"amqp_exchanges": {name: good}})) == broken


def test_an_alternate_exchange_by_a_policy(broker, managed):
    broker.exchange()
    broker.exchange("other")
    definition = {"alternate-exchange": "care.rest"}
    broker.put(f"policies/{broker.vhost}/rest", pattern="^care", definition=definition, **{"apply-to": "exchanges"})
    good = {"alternate_exchange": "care.rest", "policy": "rest"}
    assert failed(managed, {"amqp_exchanges": {"care.events": good}}) == {}
    assert set(failed(managed, {"amqp_exchanges": {"other": good}})) == set(good)


def test_who_may_not_use_the_management_api(broker, desk):
    broker.put("users/carol", password="correct-horse-rabbit", tags="")
    broker.put(f"permissions/{broker.vhost}/carol", configure=".*", write=".*", read=".*")
    url = f"amqp://carol:correct-horse-rabbit@{broker.parts.netloc.rpartition('@')[2]}/{broker.vhost}"
    (check,) = desk("rabbitmq", url=url, management_url=broker.management_url).checks({"queues": {"letters": {}}})
    with pytest.raises(Denied) as caught:
        check.run(desk("rabbitmq", url=url, management_url=broker.management_url).talk())
    assert "tag `monitoring` or `management`" in caught.value.hint


def test_a_queue_that_another_connection_has_for_itself(broker, managed, desk):
    other = desk("rabbitmq", url=broker.url).talk().integration.client
    channel = other.channel()
    channel.queue_declare("own", exclusive=True)
    found = judged(managed, {"queues": {"own": {"exclusive": True, "consumers": 0}}})
    assert found["exclusive"].status == "passed"
    assert found["consumers"].status == "failed"
    assert "is not known" in found["consumers"].message


def test_bindings(broker, managed):
    broker.queue()
    broker.exchange()
    for key in ("resident.*", "letter.#"):
        broker.bind("letters", key)
    promised = {"bindings": {"care.events -> letters": {"keys": ["resident.*", "letter.#"], "to": "queue"}}}
    assert failed(managed, promised) == {}
    assert failed(managed, {"bindings": {"care.events->letters": {"keys": {"contains": "resident.*"}}}}) == {}
    assert set(failed(managed, {"bindings": {"care.events -> letters": "resident.*"}})) == {"keys"}
    broker.bind("letters", "staff.*")
    assert set(failed(managed, promised)) == {"keys"}


def test_what_amqp_does_not_tell_is_not_known_and_no_pass(broker, plain):
    broker.queue()
    broker.exchange()
    broker.bind("letters", "resident.*")
    found = judged(plain, {"queues": {"letters": {**QUEUE, "messages": 0}}})
    passed = {name for name, each in found.items() if each.status == "passed"}
    assert passed == {"consumers", "messages"}
    others = [each.message for name, each in found.items() if name not in passed]
    assert all("is not known: AMQP does not tell it; enable the plugin" in message for message in others)
    assert "is not known" in failed(plain, {"amqp_exchanges": {"care.events": "topic"}})["type"]
    for promised in ({}, {"keys": "resident.*"}, {"absent": True}):
        (message,) = failed(plain, {"bindings": {"care.events -> letters": promised}}).values()
        assert "is not known" in message


def test_what_there_is_is_told_by_the_management_api_alone(broker, managed, plain):
    broker.queue()
    broker.exchange()
    broker.bind("letters", "resident.*")
    live = managed.talk().integration
    told = live.describe(["queues", "amqp_exchanges", "bindings"], 5)
    assert {name: list(items) for name, items in told.items()} == {
        "queues": ["letters"],
        "amqp_exchanges": ["care.events"],
        "bindings": ["care.events -> letters"],
    }
    with pytest.raises(Rejected, match="only the management API does"):
        plain.talk().integration.describe(["queues"], 5)


def test_by_hand(broker, managed, plain):
    broker.queue()
    (check,) = managed.checks({"queues": {"letters": "quorum"}})
    assert "rabbitmqadmin" in check.run(managed.talk()).reproduce
    assert broker.parts.password not in check.run(managed.talk()).reproduce
    (check,) = plain.checks({"queues": {"missing": {}}})
    assert check.run(plain.talk()).assertions


def test_a_management_api_that_is_gone(broker, desk):
    place = desk("rabbitmq", url=broker.url, management_url="http://127.0.0.1:1")
    (check,) = place.checks({"queues": {"letters": {}}})
    with pytest.raises(Unreachable):
        check.run(place.talk())
