"""Watching an exchange beside everybody else, and a queue by taking what is in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pika
import pytest

from pytest_sysint.core.capabilities import Watchable
from pytest_sysint.core.errors import CallError, Denied, Rejected
from pytest_sysint.integrations._rabbitmq.operations import Consume, Tap
from pytest_sysint.integrations.rabbitmq import TYPE


@pytest.fixture
def broker(real_service: Callable[[str], str]) -> Iterator[tuple[Any, str, Any]]:
    """(integration, name of a queue that is bound to the exchange amq.topic, a channel of somebody else)."""
    url, name = real_service("rabbitmq"), f"watch-{uuid.uuid4().hex[:8]}"
    live = TYPE(TYPE.settings_model(url=url))
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.queue_declare(name)
        channel.queue_bind(name, "amq.topic", name)
        yield live, name, channel
        channel.queue_delete(name)
    live.close()


def read(watch: Any, count: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(200):
        found += watch.read(0.1)
        if len(found) >= count:
            break
    return found


def waiting(channel: Any, name: str) -> int:
    return int(channel.queue_declare(name, passive=True).method.message_count)


def test_an_exchange_is_watched_and_its_queues_lose_nothing(broker: Any) -> None:
    live, name, channel = broker
    operation = Tap(tap="amq.topic", routing_key=name)
    assert isinstance(operation, Watchable)
    watch = operation.watch(live, 10)
    assert watch.disturbs == ""
    for number in range(3000):  # more than are sent ahead of the first acknowledgement
        channel.basic_publish("amq.topic", name, str(number).encode())
    assert [message["payload"] for message in read(watch, 3000)] == list(range(3000))
    assert waiting(channel, name) == 3000
    watch.close()
    with pytest.raises(CallError):
        watch.read(1)


def test_a_queue_is_watched_by_taking_what_is_in_it(broker: Any) -> None:
    live, name, channel = broker
    channel.basic_publish("", name, b"before")
    watch = Consume(consume=name).watch(live, 10)
    channel.basic_publish("", name, b"after")
    assert [message["payload"] for message in read(watch, 2)] == ["before", "after"]
    assert watch.disturbs == f"the messages of queue {name} are taken: who else reads it does not get them"
    watch.close()
    assert waiting(channel, name) == 0


def test_a_reading_that_is_ended_is_told(broker: Any) -> None:
    live, name, channel = broker
    watch = Consume(consume=name).watch(live, 10)
    channel.basic_publish("", name, b"last")
    assert [message["payload"] for message in read(watch, 1)] == ["last"]
    channel.queue_delete(name)
    with pytest.raises(Rejected, match="ended the reading of the queue"):
        read(watch, 1)
    watch.close()


def test_what_is_not_there_cannot_be_watched(broker: Any) -> None:
    live, name, _ = broker
    with pytest.raises(Rejected):
        live.watch_queue(f"{name}-not", 10)
    with pytest.raises(Rejected):
        live.watch_exchange(f"{name}-not", "#", 10)


def test_where_nothing_may_be_written_nothing_is_watched(broker: Any) -> None:
    live, name, _ = broker
    reading = TYPE(live.settings, read_only=True)
    with pytest.raises(Denied):
        reading.watch_queue(name, 10)
    with pytest.raises(Denied):
        reading.watch_exchange("amq.topic", "#", 10)
