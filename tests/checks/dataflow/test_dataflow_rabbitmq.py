"""Ten thousand records through a relay between a queue and an exchange of a real RabbitMQ: exact counts."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pika
import pytest

from pytest_sysint.core.records import Result

Relay = Callable[..., Callable[[], int]]
RECORDS = 10_000
FLOW = """\
  passed-on:
    records: RECORDS
    concurrency: LANES
    send: {to: tasks, publish: SOURCE, json: {name: Ann, born: "1931"}, correlate: $.id}
    observe: [{on: tasks, tap: relayed, routing_key: TARGET, within: 60s, map: {$.name: $.name, born: $.born}}]
    settle: 500ms
"""


@pytest.fixture
def tasks(flows: Any, real_service: Callable[[str], str]) -> Iterator[tuple[Any, str, str, str]]:
    """Flows around a RabbitMQ with a queue, and an exchange that somebody else reads: (flows, url, source, target)."""
    url = real_service("rabbitmq")
    name = f"flow-{uuid.uuid4().hex[:8]}"
    flows.around = {"tasks": f"type: rabbitmq, url: '{url}'"}
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.exchange_declare("relayed", "topic", auto_delete=False)
        for queue in (f"{name}-in", f"{name}-out", f"{name}-out.dead"):
            channel.queue_declare(queue)
        for queue in (f"{name}-out", f"{name}-out.dead"):
            channel.queue_bind(queue, "relayed", queue)
        yield flows, url, f"{name}-in", f"{name}-out"
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        for queue in (f"{name}-in", f"{name}-out", f"{name}-out.dead"):
            connection.channel().queue_delete(queue)


def travel(
    tasks: Any, relay: Relay, fault: str, more: str = "", records: int = RECORDS, lanes: int = 16
) -> tuple[Result, int]:
    """The result, and how many records the relay has really treated so."""
    flows, url, source, target = tasks
    end = relay("rabbitmq", url, source, target, fault)
    text = FLOW.replace("RECORDS", str(records)).replace("SOURCE", source).replace("TARGET", target)
    text = text.replace("LANES", str(lanes)) + more
    found: Result = flows.run(text if fault != "drop" else text.replace("within: 60s", "within: 15s"))
    return found, end()


def waiting(url: str, queue: str) -> int:
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        return int(connection.channel().queue_declare(queue, passive=True).method.message_count)


def test_ten_thousand_through_a_healthy_relay_take_nothing_from_its_reader(tasks: Any, relay: Relay) -> None:
    result, _ = travel(tasks, relay, "none")
    assert result.status == "passed", result.error_message
    assert result.metrics["sent"] == result.metrics["tasks.seen"] == RECORDS
    assert waiting(tasks[1], tasks[3]) == RECORDS


@pytest.mark.parametrize(("fault", "subject"), [("drop", "lost"), ("duplicate", "duplicated"), ("alter", "altered")])
def test_ten_thousand_through_a_relay_that_is_broken(tasks: Any, relay: Relay, fault: str, subject: str) -> None:
    result, count = travel(tasks, relay, fault)
    failed = tasks[0].failed(result)
    # What a short time is allowed for may be late on a busy machine too.
    assert {subject} <= set(failed) <= {subject, *(["late"] if fault == "drop" else [])}
    assert result.metrics[subject] == count == 200
    assert failed[subject].startswith(f"{subject} was 200, expected 0: sysint-")


def test_the_order_of_all_is_judged_where_it_is_asked_for(tasks: Any, relay: Relay) -> None:
    expect = "    expect: {reordered: 0}\n"
    result, count = travel(tasks, relay, "swap", expect)
    failed = tasks[0].failed(result)
    assert failed["reordered"].startswith(f"reordered was {count}, expected 0: sysint-")
    assert "which was sent later" in failed["reordered"]


def test_the_order_of_all_holds_at_a_healthy_relay(tasks: Any, relay: Relay) -> None:
    result, _ = travel(tasks, relay, "none", "    expect: {reordered: 0}\n", records=500)
    assert result.status == "passed", result.error_message
    assert "reordered" in {each.name for each in result.assertions}


def test_a_queue_that_must_be_consumed_is_said(tasks: Any, relay: Relay) -> None:
    flows, url, source, target = tasks
    relay("rabbitmq", url, source, target, "drop", "5")
    text = FLOW.replace("RECORDS", "20").replace("SOURCE", source).replace("LANES", "4").replace("60s", "300ms")
    result = flows.run(text.replace("tap: relayed, routing_key: TARGET", f"consume: {target}"))
    assert set(flows.failed(result)) >= {"lost"}
    assert f"the messages of queue {target} are taken" in result.cause
    assert waiting(url, target) == 0


def test_what_is_no_json_is_browsed_where_it_ends(tasks: Any, relay: Relay) -> None:
    dead = f"{tasks[3]}.dead"
    more = f"""\
    malformed:
      text: "no JSON: {{correlation}}"
      dead_letter: {{on: tasks, peek: {dead}, count: 50, match: anywhere}}
"""
    result, _ = travel(tasks, relay, "none", more, records=20)
    assert result.status == "passed", result.error_message
    assert result.metrics["malformed.dead_lettered"] == 1
    assert waiting(tasks[1], dead) == 1
