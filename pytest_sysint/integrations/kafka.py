"""Type `kafka`: a Kafka cluster, by librdkafka (confluent-kafka).

Nothing here disturbs who else uses the cluster: reading joins no group and commits nothing, and topics are looked up in
the list of all, because asking a broker for one by its name may create it.
"""

from __future__ import annotations

import fnmatch
import shlex
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.capabilities import Sampling
from pytest_sysint.core.description import Description
from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Integration, Observation, Rung, Stopwatch, exchange
from pytest_sysint.integrations._kafka.description import SECTIONS, describe
from pytest_sysint.integrations._kafka.operations import OPERATIONS, Sample, Start
from pytest_sysint.integrations._kafka.reading import Reader, lag, latest, newest, positions, with_bytes
from pytest_sysint.integrations._kafka.recipes import RECIPES
from pytest_sysint.integrations._kafka.seeding import create, topics_in
from pytest_sysint.integrations._kafka.settings import Access, Settings
from pytest_sysint.integrations._kafka.watching import TopicWatch
from pytest_sysint.integrations._kafka.wire import Brokers, Client, own_topics
from pytest_sysint.integrations._messages import Deadline, Inbox, as_text, encode, readable, shown
from pytest_sysint.integrations._settings import reading_only

if TYPE_CHECKING:
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient

_LIFETIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300)
"""Seconds that a message may wait in a producer: it must not arrive long after its check has failed."""
_SHOWN = 3


class Kafka(Integration[Settings]):
    """A Kafka cluster. Clients are shared by all threads; each reading has a consumer of its own."""

    category = "message_queue"
    settings_model = Settings
    driver = "confluent_kafka"
    images = ("redpanda",)
    operations = OPERATIONS
    recipes = RECIPES
    sections = SECTIONS

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._clients: dict[object, Client] = {}
        self._lock = threading.Lock()
        self._known: set[str] = set()
        """Topics that are known to be there."""

    @cached_property
    def access(self) -> Access:
        """Where the brokers are and how we are let in.

        Raises:
            CallError: when the url cannot be read.

        """
        return Access.of(self.settings)

    @cached_property
    def _brokers(self) -> Brokers:
        return Brokers(self.access.servers, self.settings.tls if self.access.encrypted else None)

    @property
    def client(self) -> Producer:
        """The shared `confluent_kafka.Producer`; a thread of ours serves its delivery reports."""
        producer: Producer = self._producer(max(_LIFETIMES)).native
        return producer

    @property
    def admin(self) -> AdminClient:
        """The shared `confluent_kafka.admin.AdminClient`."""
        admin: AdminClient = self._admin().native
        return admin

    def _admin(self) -> Client:
        from confluent_kafka.admin import AdminClient

        return self._shared("admin", AdminClient, {})

    def _producer(self, timeout: float) -> Client:
        from confluent_kafka import Producer

        seconds = next((lifetime for lifetime in _LIFETIMES if lifetime >= timeout), max(_LIFETIMES))
        return self._shared(seconds, Producer, {"linger.ms": 0, "message.timeout.ms": seconds * 1000})

    def _shared(self, key: object, make: Callable[[dict[str, Any]], Any], config: Mapping[str, Any]) -> Client:
        with self._lock:
            if key not in self._clients:
                self._clients[key] = Client(make, {**config, **self.access.config}, self._brokers)
            return self._clients[key]

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.stop()
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def rungs(self) -> Iterable[Rung]:
        asked = [Rung("authentication", self._authenticate)] if self.access.username else []
        return [*self._brokers.rungs(), *asked, Rung("ping", self._ping), Rung("read", self._read)]

    def _authenticate(self, timeout: float) -> str:
        self.metadata(timeout)
        return f"{self.access.mechanism} as {self.access.username}"

    def _ping(self, timeout: float) -> str:
        found = self.metadata(timeout)
        return f"{_count(len(found.brokers), 'broker')}, cluster {found.cluster_id}"

    def _read(self, timeout: float) -> str:
        deadline = Deadline(timeout)
        topics = own_topics(self._admin().metadata(deadline))
        headless = [f"{name}[{at}]" for name, topic in topics.items() for at in _headless(topic)]
        if headless:
            shown = ", ".join(headless[:_SHOWN])
            raise Rejected(
                f"{_count(len(headless), 'partition')} without a leader: {shown}",
                rung="read",
                code="LEADER_NOT_AVAILABLE",
                hint="nothing can be read from or written to them: is a broker down?",
            )
        name = next((name for name, topic in topics.items() if topic.partitions), None)
        if name is None:
            return "no topics"
        first = min(topics[name].partitions)
        end = latest(self._admin(), name, [first], deadline)[first]
        return f"{_count(len(topics), 'topic')}; {name}[{first}] ends at {end}"

    def metadata(self, timeout: float) -> Any:
        """All brokers and topics, as librdkafka gives them.

        Raises:
            CallError: when nobody answers.

        """
        return self._admin().metadata(Deadline(timeout))

    def partitions(self, topic: str, timeout: float) -> list[Any]:
        """The partitions of a topic; of all topics when it is empty.

        Raises:
            Rejected: when there is no such topic.

        """
        if topic:
            return list(self._topic(topic, Deadline(timeout)).partitions.values())
        return [each for found in self.metadata(timeout).topics.values() for each in found.partitions.values()]

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """Topics and consumer groups. What the brokers do not tell is marked as not known.

        Raises:
            CallError: when nobody answers.

        """
        return describe(self._admin(), sections, Deadline(timeout))

    def _topic(self, name: str, deadline: Deadline) -> Any:
        found = self._admin().metadata(deadline).topics.get(name)
        if found is None or not found.partitions:
            raise Rejected(
                f"Kafka at {self._brokers.where} has no topic '{name}', or does not show it to this user",
                rung="read",
                code="UNKNOWN_TOPIC_OR_PART",
                hint="create it (a `seed:` can), check the name for a slip, or give the user a right to it",
            )
        self._known.add(name)
        return found

    def publish(
        self, place: str, payload: Any, *, key: str | None, headers: Mapping[str, str], timeout: float
    ) -> Observation:
        """Send one message: bytes and text as they are, anything else as JSON. As `send`."""
        return self.send(place, encode(payload)[0], key=key, headers=headers, partition=None, timeout=timeout)

    def send(
        self,
        topic: str,
        body: bytes,
        *,
        key: str | None,
        headers: Mapping[str, str],
        partition: int | None,
        timeout: float,
    ) -> Observation:
        """Send one message, and wait until the broker has it. Facts: topic, partition, offset, size (bytes).

        Raises:
            CallError: when it was refused, or not confirmed in time; it may still arrive then, within a few seconds.

        """
        self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        if topic not in self._known and not self.settings.auto_create:
            self._topic(topic, deadline)
            watch.lap("look_up")
        where: dict[str, Any] = {} if partition is None else {"partition": partition}
        report = self._producer(timeout).deliver(topic, deadline, value=body, key=key, headers=dict(headers), **where)
        watch.lap("deliver")
        facts = {
            "topic": topic,
            "partition": report.partition(),
            "offset": report.offset(),
            "size": len(body),
        }
        sent = f"key: {key}\n{as_text(headers)}\n{body.decode('utf-8', 'replace')}"
        received = f"partition {facts['partition']}, offset {facts['offset']}"
        return Observation(facts, facts, watch.phases(), exchange(f"publish to {topic}", sent, received, watch))

    def consume(
        self, place: str, *, count: int, timeout: float, start: Start = "earliest", wait: float | None = None
    ) -> Observation:
        """Read up to `count` messages of a topic, taking them from nobody. Facts: count, size (bytes).

        `start` is as in the operation; `wait` says how long to wait for what is not there yet (default: the timeout).

        Raises:
            CallError: when the topic is not there or cannot be read.

        """
        watch, deadline = Stopwatch(), Deadline(timeout)
        partitions = tuple(self._topic(place, deadline).partitions)
        begin = positions(self._admin(), place, partitions, start, deadline)
        watch.lap("look_up")
        patience = Deadline(timeout if wait is None else wait)
        inbox = Inbox(count, self.settings.max_size, place)
        with closing(Reader(self.access.config, place, begin, self._brokers.where)) as reader:
            reader.read(inbox, deadline, patience)
        watch.lap("read")
        title = f"consume {place} from {start}"
        said = exchange(title, f"at most {count} messages", readable(inbox.messages), watch)
        return Observation(inbox.messages, inbox.facts, watch.phases(), said)

    def watch(self, place: str, timeout: float) -> TopicWatch:
        """Read what comes to a topic from now on, taking it from nobody, until it is closed.

        Raises:
            CallError: when the topic is not there or cannot be read.

        """
        deadline = Deadline(timeout)
        partitions = tuple(self._topic(place, deadline).partitions)
        begin = latest(self._admin(), place, partitions, deadline)
        return TopicWatch(self.access.config, place, begin, self._brokers.where)

    @classmethod
    def sampling(cls) -> type[Sampling]:
        return Sample

    def sample(
        self, place: str, *, count: int, timeout: float, wait: float | None = None, how: Sampling | None = None
    ) -> Observation:
        """The newest messages of a topic, fairly from each partition, by a reader of our own: no group, no commit.

        Facts: count, size (bytes), observed_by.

        Raises:
            CallError: when the topic is not there or cannot be read.

        """
        watch, deadline = Stopwatch(), Deadline(timeout)
        begin = newest(self._admin(), place, tuple(self._topic(place, deadline).partitions), count, deadline)
        watch.lap("look_up")
        inbox = Inbox(count, self.settings.max_size, place)
        with closing(Reader(self.access.config, place, begin, self._brokers.where, with_bytes)) as reader:
            reader.read(inbox, deadline, Deadline(wait or 0.0))
        watch.lap("read")
        said = exchange(f"sample {place}", f"the newest {count} messages", shown(inbox.messages), watch)
        return Observation(inbox.messages, {**inbox.facts, "observed_by": "own reader"}, watch.phases(), said)

    def places(self, pattern: str, timeout: float) -> tuple[str, ...]:
        return tuple(name for name in own_topics(self.metadata(timeout)) if fnmatch.fnmatchcase(name, pattern))

    def topics(self, pattern: str, timeout: float) -> Observation:
        """The topics whose names match. Facts: count."""
        watch = Stopwatch()
        found = own_topics(self.metadata(timeout))
        rows = [_row(found[name]) for name in found if fnmatch.fnmatchcase(name, pattern)]
        said = exchange(f"topics {pattern}", "", readable(rows), watch)
        return Observation(rows, {"count": len(rows)}, watch.phases(), said)

    def lag(self, group: str, topic: str, timeout: float) -> int:
        """How many messages a group has still to read, of a topic or of all that it has committed offsets for.

        Raises:
            Rejected: when the group has committed nothing there.

        """
        deadline = Deadline(timeout)
        partitions = self._topic(topic, deadline).partitions if topic else ()
        return lag(self._admin(), group, topic, partitions, deadline)

    def seed(self, path: Any, timeout: float) -> None:
        """Create the topics of a YAML or JSON list: names, or maps of name, partitions, replicas, config."""
        self._may_write()
        create(self._admin(), topics_in(Path(path)), Deadline(timeout))

    def _may_write(self) -> None:
        if self.read_only:
            raise reading_only(f"nothing is written to {self._brokers.where}")

    def kcat(self, *words: str) -> str:
        """A kcat command for this cluster; `$KAFKA_PASSWORD` stands where the password must be put in."""
        return " ".join(["kcat -b", shlex.quote(self.access.bootstrap), *self.access.kcat_options(), *words])

    def reproduce(self) -> str:
        return self.kcat("-L")


def _headless(topic: Any) -> list[int]:
    return [number for number, partition in topic.partitions.items() if partition.leader < 0]


def _row(topic: Any) -> dict[str, Any]:
    partitions = topic.partitions.values()
    return {
        "name": topic.topic,
        "partitions": len(topic.partitions),
        "replicas": max((len(partition.replicas) for partition in partitions), default=0),
        "in_sync": min((len(partition.isrs) for partition in partitions), default=0),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


TYPE = Kafka
