"""The form `messages` on RabbitMQ: taps, queues that are browsed, streams; and nobody loses a message by it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from pytest_sysint.core.errors import Denied, Mistakes, Rejected, Unavailable
from pytest_sysint.core.registry import types
from tests.message_bench import Bench, as_bytes, failed, new_name, passed, publishing

RESIDENT = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


@pytest.fixture(scope="module")
def url(real_service: Any) -> str:
    return str(real_service("rabbitmq", "local_binary"))


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Iterator[Bench]:
    found = Bench("rabbitmq", url, tmp_path)
    found.file("resident.json", RESIDENT)
    yield found
    found.close()


@pytest.fixture(params=["classic", "quorum"])
def queue(request: Any, channel: Any) -> Iterator[str]:
    name = new_name("care")
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": request.param})
    yield name
    channel.queue_delete(name)


@pytest.fixture
def stream(channel: Any) -> Iterator[str]:
    name = new_name("care")
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "stream"})
    yield name
    channel.queue_delete(name)


def put(channel: Any, queue: str, *bodies: Any, **properties: Any) -> None:
    for body in bodies:
        channel.basic_publish("", queue, as_bytes(body), pika.BasicProperties(**properties))


def held(channel: Any, queue: str) -> int:
    return int(channel.queue_declare(queue, passive=True).method.message_count)


def test_a_queue_is_browsed_and_says_so(bench: Bench, channel: Any, queue: str) -> None:
    put(channel, queue, {"id": "R-1"}, {"id": "R-2"}, content_type="application/json")
    contract = {"messages": {queue: {"schema": "resident.json", "content_type": "application/json"}}}
    outcome = bench.judge(contract)
    assert failed(outcome) == {}
    assert passed(outcome) == {"messages", "payload", "content_type"}
    assert "2 of at most 100 observed by browse; they were taken and given back" in outcome.assertions[0].message
    put(channel, queue, {"id": 3}, message_id="m-3")
    said = failed(bench.judge(contract))
    assert "first message 3 of the sample (id m-3): does not match resident.json: $.id: 3 is not" in said["payload"]
    assert "content_type was" in said["content_type"]


def test_browsing_takes_nothing_and_keeps_the_order(bench: Bench, channel: Any, queue: str) -> None:
    put(channel, queue, *({"id": f"R-{n}"} for n in range(20)))
    before = held(channel, queue)
    outcome = bench.judge({"messages": {queue: {"schema": "resident.json", "sample": 7}}})
    assert outcome.metrics["messages"] == 7
    assert before == held(channel, queue) == 20
    got = [json.loads(channel.basic_get(queue, auto_ack=True)[2])["id"] for _ in range(20)]
    assert got == [f"R-{n}" for n in range(20)]


def test_an_empty_queue_is_not_green(bench: Bench, queue: str) -> None:
    with pytest.raises(Unavailable, match="no message to judge"):
        bench.judge({"messages": {queue: "resident.json"}})


def test_browsing_waits_for_what_comes(bench: Bench, channel: Any, queue: str) -> None:
    put(channel, queue, {"id": "R-1"})
    (check,) = bench.checks({"messages": {queue: {"schema": "resident.json", "sample": 2, "wait": "20s"}}}).values()
    found: list[Any] = []
    looking = threading.Thread(target=lambda: found.append(bench.run(check)))
    looking.start()
    put(channel, queue, {"id": "R-2"})
    looking.join()
    assert found[0].metrics["messages"] == 2


def test_a_queue_that_is_not_there_is_a_failure(bench: Bench) -> None:
    with pytest.raises(Rejected, match="NOT_FOUND"):
        bench.judge({"messages": {"care.nowhere": "resident.json"}})


KEY = "residents.admitted"


def test_an_exchange_is_tapped_beside_its_queues(bench: Bench, channel: Any, url: str, queue: str) -> None:
    exchange = new_name("care")
    channel.exchange_declare(exchange, "topic")
    channel.queue_bind(queue, exchange, "residents.*")
    contract = {"messages": {exchange: {"schema": "resident.json", "routing_key": "residents.#", "sample": 4}}}
    with publishing(url, exchange, KEY, {"id": "R-1"}):
        outcome = bench.judge(contract)
    assert failed(outcome) == {}
    assert "observed by tap; only what was published meanwhile is seen" in outcome.assertions[0].message
    assert held(channel, queue) >= 4, "the queue beside it was not served"
    with publishing(url, exchange, KEY, {"id": "R-1"}, {"id": 2}):
        outcome = bench.judge(contract)
    said = failed(outcome)
    assert outcome.reproduce.startswith("amqp-consume")
    assert "$.id: 2 is not of type 'string'" in said["payload"]
    channel.exchange_delete(exchange)


def test_a_silent_exchange_is_not_green(bench: Bench, channel: Any) -> None:
    exchange = new_name("care")
    channel.exchange_declare(exchange, "fanout")
    with pytest.raises(Unavailable, match=r"showed none within 100ms \(observed by tap\)"):
        bench.judge({"messages": {exchange: {"schema": "resident.json", "routing_key": "", "wait": "100ms"}}})
    channel.exchange_delete(exchange)


def test_a_stream_is_read_from_its_offsets(bench: Bench, channel: Any, stream: str) -> None:
    put(channel, stream, *({"id": f"R-{n}"} for n in range(30)))
    outcome = bench.judge({"messages": {stream: {"schema": "resident.json", "offset": "last", "sample": 5}}})
    assert failed(outcome) == {}
    assert "5 of at most 5 observed by own reader" in outcome.assertions[0].message
    put(channel, stream, {"id": 30})
    outcome = bench.judge({"messages": {stream: {"schema": "resident.json", "offset": 28}}})
    assert "1 of 3 messages broke it, first offset 30" in failed(outcome)["payload"]
    assert len(bench.live.sample(stream, count=100, timeout=10, how=offset("first")).payload) == 31


def offset(value: Any) -> Any:
    return types().get("rabbitmq").sampling().model_validate({"offset": value})


def test_an_empty_stream_is_not_green(bench: Bench, stream: str) -> None:
    with pytest.raises(Unavailable, match="no message to judge"):
        bench.judge({"messages": {stream: {"schema": "resident.json", "offset": "last"}}})


def test_a_stream_that_is_not_called_one_is_said(bench: Bench, channel: Any, stream: str) -> None:
    put(channel, stream, {"id": "R-1"})
    with pytest.raises(Rejected, match="is a stream") as error:
        bench.judge({"messages": {stream: "resident.json"}})
    assert "offset: last" in error.value.hint
    assert bench.live.queue(stream, 5).facts["name"] == stream, "the shared connection is still there"


def test_what_looking_does_decides_whether_an_environment_allows_it(bench: Bench) -> None:
    bench.file("resident.json", RESIDENT)
    rules = {"schema": "resident.json"}
    places = {"q": rules, "x": {**rules, "routing_key": "#"}, "s": {**rules, "offset": "last"}}
    checks = bench.checks({"messages": places})
    assert {slug: check.effect for slug, check in checks.items()} == {
        "messages-q": "write",
        "messages-x": "write",
        "messages-s": "read",
    }


def test_nothing_is_browsed_where_nothing_may_be_written(bench: Bench, channel: Any, url: str, queue: str) -> None:
    put(channel, queue, {"id": "R-1"})
    careful = type(bench.live)(bench.live.settings, read_only=True)
    with pytest.raises(Denied, match="allows reading only"):
        careful.sample(queue, count=1, timeout=5)
    careful.close()
    assert channel.basic_get(queue, auto_ack=True)[0].redelivered is False


def test_binary_payloads_survive(bench: Bench, channel: Any, queue: str) -> None:
    body = bytes(range(256))
    put(channel, queue, body)
    (message,) = bench.live.sample(queue, count=5, timeout=10).payload
    assert message["raw"] == body
    assert message["raw_key"] == queue.encode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"routing_key": "#", "offset": "first"}, "`routing_key` is of an exchange and `offset` of a stream"),
        ({"offset": "soon"}, "offset: expected first, last, next"),
        ({"routing_kye": "#"}, "routing_kye: unknown key, did you mean 'routing_key'"),
    ],
)
def test_what_is_declared_wrong_is_said(bench: Bench, raw: Any, said: str) -> None:
    with pytest.raises(Mistakes) as error:
        bench.checks({"messages": {"q": {"schema": "resident.json", **raw}}})
    assert said in str(error.value)
