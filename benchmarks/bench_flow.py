"""A flow of 10,000 records beside a bare producer and consumer of the same client, at Kafka and at RabbitMQ.

Two ratios each. The whole: so many records sent one by one with confirmation, and read, by the flow and by the bare
client with as many threads. The observer: so many messages that wait, read and judged by the observer, and read and
parsed by the bare consumer.
"""

from __future__ import annotations

import contextlib
import json
import resource
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import machine

from pytest_sysint.checks._flows.book import Book
from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.ledger import Ledger
from pytest_sysint.core.registry import types
from pytest_sysint.declaration import load
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import Selection, checks_of, plan
from pytest_sysint.engine.runner import Runner
from pytest_sysint.provision import ServiceRequest, Services

RECORDS, LANES, ROUNDS = 10_000, 8, 3
FLOW = """\
sysint: 1
defaults: {{retry: {{attempts: 1}}}}
environments: {{local: {{allow: [read, write]}}}}
integrations:
  bus: {{type: {kind}, url: "{url}"}}
flows:
  through:
    records: {records}
    concurrency: {lanes}
    send: {{to: bus, publish: {place}, {key}json: {{name: Ann, born: "1931"}}, correlate: $.id}}
    observe: [{{on: bus, {observe}, within: 60s, map: {{$.name: $.name, born: $.born}}}}]
    settle: 1ms
"""


@dataclass(frozen=True)
class There:
    url: str
    way: str = "existing"
    detail: str = ""


def body(number: int) -> bytes:
    return json.dumps({"name": "Ann", "born": "1931", "id": f"bench-{number}"}).encode()


class Kafka:
    kind = "kafka"
    key = ""

    def __init__(self, url: str) -> None:
        from confluent_kafka import Consumer, Producer

        self.url = url
        self.servers = {"bootstrap.servers": url.removeprefix("kafka://")}
        self.place = f"bench-{uuid.uuid4().hex[:8]}"
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([self.place], file)
            file.flush()
            with contextlib.closing(types().get("kafka")(types().get("kafka").settings_model(url=url))) as live:
                live.seed(file.name, 30)
        self.observe = f"consume: {self.place}"
        self._producer, self._consumer = Producer({**self.servers, "linger.ms": 0}), Consumer

    @contextlib.contextmanager
    def sender(self) -> Iterator[Callable[[bytes], None]]:
        def send(value: bytes) -> None:
            done = threading.Event()
            self._producer.produce(self.place, value, on_delivery=lambda *_: done.set())
            done.wait(30)

        yield send

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                self._producer.poll(0.05)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        over.set()
        thread.join()

    @contextlib.contextmanager
    def reader(self) -> Iterator[Callable[[], list[bytes]]]:
        from confluent_kafka import TopicPartition

        consumer = self._consumer({**self.servers, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
        partitions = [
            TopicPartition(self.place, number)
            for number in consumer.list_topics(self.place, 10).topics[self.place].partitions
        ]
        for partition in partitions:
            partition.offset = consumer.get_watermark_offsets(partition)[1]
        consumer.assign(partitions)
        consumer.poll(0.2)
        yield lambda: [message.value() for message in consumer.consume(1000, 0.05)]
        consumer.close()


class RabbitMQ:
    kind = "rabbitmq"
    key = 'routing_key: "", '

    def __init__(self, url: str) -> None:
        import pika

        self.url, self._pika = url, pika
        self.place = f"bench-{uuid.uuid4().hex[:8]}"
        with contextlib.closing(self._connect()) as connection:
            connection.channel().exchange_declare(self.place, "fanout")
            # Somebody else reads too: without a queue a message that must be taken would be refused.
            connection.channel().queue_declare(f"{self.place}-other", arguments={"x-max-length": 10})
            connection.channel().queue_bind(f"{self.place}-other", self.place)
        self.observe = f"tap: {self.place}"

    def _connect(self) -> Any:
        return self._pika.BlockingConnection(self._pika.URLParameters(self.url))

    @contextlib.contextmanager
    def sender(self) -> Iterator[Callable[[bytes], None]]:
        with contextlib.closing(self._connect()) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            properties = self._pika.BasicProperties(delivery_mode=2)
            yield lambda value: channel.basic_publish(self.place, "", value, properties)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def reader(self) -> Iterator[Callable[[], list[bytes]]]:
        with contextlib.closing(self._connect()) as connection:
            channel = connection.channel()
            own = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(own, self.place)
            channel.basic_qos(prefetch_count=1000)
            arriving = channel.consume(own, inactivity_timeout=0.05)

            def read() -> list[bytes]:
                found: list[bytes] = []
                for method, _, value in arriving:
                    if method is None:
                        break
                    found.append(value)
                    if len(found) == 250:
                        break
                if found and method is not None:
                    channel.basic_ack(method.delivery_tag, multiple=True)
                elif found:
                    channel.basic_ack(0, multiple=True)
                return found

            yield read


def bare(bus: Any) -> float:
    """Seconds until all were sent by as many threads, each confirmed, and read and parsed by one consumer."""
    numbers, lock = iter(range(RECORDS)), threading.Lock()

    def work() -> None:
        with bus.sender() as send:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                send(body(number))

    with bus.serving(), bus.reader() as read:
        began = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(LANES)]
        for thread in threads:
            thread.start()
        count = 0
        while count < RECORDS:
            count += sum(1 for value in read() if json.loads(value)["id"])
        took = time.perf_counter() - began
        for thread in threads:
            thread.join()
    return took


@contextlib.contextmanager
def declared(bus: Any) -> Iterator[tuple[Any, Any, Any, Path]]:
    with tempfile.TemporaryDirectory(prefix="sysint-bench-") as folder:
        path = Path(folder, "sysint.yaml")
        text = FLOW.format(
            kind=bus.kind, url=bus.url, records=RECORDS, lanes=LANES, place=bus.place, key=bus.key, observe=bus.observe
        )
        path.write_text(text)
        (declaration,) = load([path], env={})
        ((item, check),) = checks_of(declaration, "dataflow", "bus", Selection())
        connections = Connections(
            declaration.integrations,
            lambda each: There(each.settings.url),
            allow={"bus": declaration.environment.allow},
        )
        yield connections, plan([("flow", item, check)], [declaration]), check, Path(folder)
        connections.close()


def flow(bus: Any) -> float:
    """Seconds of the same by a flow: from its first sending until its last record was seen and judged."""
    with declared(bus) as (connections, planned, _, folder):
        runner = Runner(planned, connections, ledger=Ledger(folder / "ledger.jsonl", "bench"))
        runner.start()
        result = runner.result("flow")
        runner.stop()
    assert result.status == "passed", result.error_message
    assert result.metrics["bus.seen"] == RECORDS
    return float(result.processing_time) / 1000


def fill(bus: Any, token: Callable[[int], str]) -> None:
    numbers, lock = iter(range(RECORDS)), threading.Lock()

    def work() -> None:
        with bus.sender() as send:
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                send(json.dumps({"name": "Ann", "born": "1931", "id": token(number)}).encode())

    with bus.serving():
        threads = [threading.Thread(target=work) for _ in range(LANES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def observer(bus: Any) -> tuple[float, float]:
    """Seconds that the same waiting messages take a bare consumer, and the observer with its judgement."""
    with declared(bus) as (connections, _, check, _), bus.reader() as read:
        journey, live = check.run.journey, connections.get("bus", "shared")
        book = Book(journey, journey.source("0a1b2c3d", "shared"))
        sight, place = book.sights[0], journey.observers[0].match
        watch = journey.observers[0].step.sample.watch(live, 10)
        for at in range(RECORDS):
            book.prepare(at)
        fill(bus, book.records.token)
        time.sleep(1)  # all of it is at the client, or at the broker, for both
        began = time.perf_counter()
        count = 0
        while count < RECORDS:
            count += sum(1 for value in read() if json.loads(value)["id"])
        middle = time.perf_counter()
        while not all(sight.counts):
            moment = time.perf_counter()
            for message in watch.read(0.05):
                sight.take(place.find(message), message, moment)
        end = time.perf_counter()
        assert not sight.wrong
        watch.close()
    return middle - began, end - middle


def main() -> None:
    services = Services(logs=Path(tempfile.mkdtemp(prefix="sysint-bench-")))
    try:
        for make in (Kafka, RabbitMQ):
            try:
                url = services.provide(ServiceRequest(id=make.kind, type=make.kind, timeout=90)).url
            except Unavailable as error:
                print(f"{make.kind}: left out: {error}")
                continue
            bus = make(url)
            bare(bus)
            flow(bus)
            rounds = [(bare(bus), flow(bus), *observer(bus)) for _ in range(ROUNDS)]
            alone, whole, reading, observing = (statistics.median(each) for each in zip(*rounds, strict=True))
            print(f"{make.kind:<9} {RECORDS:,} records, {LANES} lanes")
            print(f"  sent and read by the bare client   {alone:7.2f} s   by the flow     {whole:7.2f} s")
            print(f"  waiting messages, bare consumer    {reading:7.2f} s   by the observer {observing:7.2f} s")
            print(f"  ratio of the whole: {whole / alone:.2f}; of the observer: {observing / reading:.2f}")
    finally:
        services.close()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB; {machine()}")


if __name__ == "__main__":
    main()
