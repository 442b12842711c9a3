"""A consumer that passes on what it reads, well or badly: python relay.py kafka|rabbitmq URL IN OUT FAULT [EVERY].

FAULT is `none`, `drop`, `duplicate`, `alter` or `swap`; each EVERY-th message is treated so. A message that is no JSON
goes to OUT.dead. Says `ready` when it reads, and ends when its input is closed, with the number of those treated so.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Message = tuple[str, bytes]
KIND, URL, SOURCE, TARGET, FAULT = sys.argv[1:6]
EVERY = int(sys.argv[6]) if len(sys.argv) > 6 else 50


class Faults:
    """What becomes of each message."""

    def __init__(self) -> None:
        self.count = self.treated = 0
        self.held: dict[str, Message] = {}

    def passed_on(self, message: Message) -> Iterator[Message]:
        self.count += 1
        key, body = message
        is_bad = self.count % EVERY == 0
        self.treated += is_bad and FAULT in ("drop", "duplicate", "alter")
        if FAULT == "drop" and is_bad:
            return
        if FAULT == "swap" and is_bad and key not in self.held:
            self.held[key] = message
            return
        if FAULT == "alter" and is_bad:
            body = json.dumps({**json.loads(body), "name": "ALTERED"}).encode()
        yield key, body
        if FAULT == "duplicate" and is_bad:
            yield key, body
        if key in self.held:
            self.treated += 1
            yield self.held.pop(key)

    def rest(self) -> Iterator[Message]:
        yield from self.held.values()
        self.held = {}


def target_of(body: bytes) -> str:
    try:
        json.loads(body)
    except ValueError:
        return f"{TARGET}.dead"
    return TARGET


def _end_of(consumer: Any, place: Any) -> Any:
    """Where a partition ends; of a topic that was just made, the broker may still have to learn that it leads it."""
    from confluent_kafka import KafkaException

    deadline = time.monotonic() + 10
    while True:
        try:
            place.offset = consumer.get_watermark_offsets(place)[1]
        except KafkaException:  # NOT_LEADER_FOR_PARTITION, which librdkafka does not call retriable
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return place


def kafka(faults: Faults) -> None:
    from confluent_kafka import Consumer, Producer, TopicPartition

    servers = URL.removeprefix("kafka://")
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 2})
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "relay", "enable.auto.commit": False})
    partitions = consumer.list_topics(SOURCE, timeout=10).topics[SOURCE].partitions
    consumer.assign([_end_of(consumer, TopicPartition(SOURCE, number)) for number in partitions])
    print("ready", flush=True)
    while not over.is_set():
        found = consumer.consume(500, 0.1)
        for message in found:
            if message.error() is None:
                pair = ((message.key() or b"").decode(), message.value())
                for key, body in faults.passed_on(pair):
                    producer.produce(target_of(body), body, key or None)
            producer.poll(0)
        if not found:
            for key, body in faults.rest():
                producer.produce(target_of(body), body, key)
    producer.flush(5)
    consumer.close()


def rabbitmq(faults: Faults) -> None:
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(URL))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=500)

    def send(message: Message) -> None:
        channel.basic_publish("relayed", target_of(message[1]), message[1])

    print("ready", flush=True)
    for method, _, body in channel.consume(SOURCE, inactivity_timeout=0.1):
        if over.is_set():
            break
        if method is None:
            each(faults.rest(), send)
            continue
        each(faults.passed_on((SOURCE, body)), send)
        channel.basic_ack(method.delivery_tag)
    connection.close()


def each(messages: Iterator[Message], send: Callable[[Message], Any]) -> None:
    for message in messages:
        send(message)


over = threading.Event()


def wait_for_the_end() -> None:
    os.read(0, 1)
    over.set()


threading.Thread(target=wait_for_the_end, daemon=True).start()
faults = Faults()
{"kafka": kafka, "rabbitmq": rabbitmq}[KIND](faults)
print(faults.treated)
