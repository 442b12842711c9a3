"""Type `rabbitmq`: a RabbitMQ broker, by AMQP 0-9-1 (pika)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_sysint.core.capabilities import Sampling
from pytest_sysint.core.description import Description
from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Integration, Observation, Rung, Stopwatch, exchange
from pytest_sysint.integrations._messages import Deadline, Inbox, as_text, encode, readable, shown
from pytest_sysint.integrations._net import network_rungs
from pytest_sysint.integrations._rabbitmq import by_hand
from pytest_sysint.integrations._rabbitmq.description import SECTIONS, describe
from pytest_sysint.integrations._rabbitmq.links import READ, SEND, Links
from pytest_sysint.integrations._rabbitmq.management import managed, queue_details
from pytest_sysint.integrations._rabbitmq.native import Clients
from pytest_sysint.integrations._rabbitmq.operations import OPERATIONS, Sample
from pytest_sysint.integrations._rabbitmq.reading import Reading, depth
from pytest_sysint.integrations._rabbitmq.recipes import RECIPES
from pytest_sysint.integrations._rabbitmq.sampling import look
from pytest_sysint.integrations._rabbitmq.seeding import declare, definitions_in
from pytest_sysint.integrations._rabbitmq.settings import Access, Settings
from pytest_sysint.integrations._rabbitmq.watching import QueueWatch, watch_exchange, watch_queue
from pytest_sysint.integrations._settings import reading_only
from pytest_sysint.integrations._tls import context_for

_ALWAYS_THERE = "amq.topic"


class RabbitMQ(Integration[Settings]):
    """A RabbitMQ broker. Its connections are shared by all threads; each conversation has a channel of its own."""

    category = "message_queue"
    settings_model = Settings
    driver = "pika"
    operations = OPERATIONS
    recipes = RECIPES
    sections = SECTIONS

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._links = Links(lambda: self.access)
        self._clients = Clients(lambda: self.access)

    @cached_property
    def access(self) -> Access:
        """Where the broker is and how we are let in.

        Raises:
            CallError: when the url cannot be read.

        """
        return Access.of(self.settings)

    @property
    def client(self) -> Any:
        """A `pika.BlockingConnection` of the calling thread's own, opened again when it was closed.

        Raises:
            CallError: when it cannot be opened.

        """
        return self._clients.own()

    def close(self) -> None:
        self._links.close()
        self._clients.close()

    def rungs(self) -> Iterable[Rung]:
        access = self.access
        context = context_for(access.tls) if access.tls else None
        name = access.tls.server_name if access.tls else ""
        return [
            *network_rungs(access.host, access.port, tls=context, server_name=name),
            Rung("authentication", self._authenticate),
            Rung("ping", self._ping),
            Rung("read", self._read),
        ]

    def _authenticate(self, timeout: float) -> str:
        self._links.log_in(READ, Deadline(timeout))
        return f"{self.access.username} in vhost {self.access.vhost}"

    def _ping(self, timeout: float) -> str:
        deadline = Deadline(timeout)
        said = self._links.get(READ, deadline).wait_open(deadline).server_properties or {}
        with self._links.talk(READ, deadline, keep=False):
            return f"{_text(said.get('product', 'AMQP broker'))} {_text(said.get('version', ''))}".strip()

    def _read(self, timeout: float) -> str:
        self.exchange_is_there(_ALWAYS_THERE, timeout)
        return f"exchange {_ALWAYS_THERE} is there"

    def publish(
        self, place: str, payload: Any, *, key: str | None, headers: Mapping[str, str], timeout: float
    ) -> Observation:
        """Send one message: bytes and text as they are, anything else as JSON. As `send`; `key` is the routing key."""
        body, content_type = encode(payload)
        return self.send(place, body, content_type, routing_key=key, headers=headers, timeout=timeout)

    def send(
        self,
        place: str,
        body: bytes,
        content_type: str,
        *,
        routing_key: str | None,
        headers: Mapping[str, str],
        timeout: float,
        mandatory: bool = True,
        persistent: bool = True,
    ) -> Observation:
        """Send one message, and wait until the broker has it: to the queue `place`, or with a key to that exchange.

        Facts: exchange, routing_key, size (bytes).

        Raises:
            Rejected: when no queue takes it and that is `mandatory`.
            CallError: when it was refused, or not confirmed in time; it may still arrive then.

        """
        import pika

        self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        to = {"exchange": place, "routing_key": routing_key} if routing_key is not None else {"routing_key": place}
        properties = pika.BasicProperties(
            content_type=content_type, headers=dict(headers), delivery_mode=2 if persistent else 1
        )
        with self._links.talk(SEND, deadline) as talk:
            watch.lap("open")
            talk.send(deadline, **{"exchange": "", **to}, body=body, properties=properties, mandatory=mandatory)
        watch.lap("confirm")
        facts = {"exchange": "", **to, "size": len(body)}
        sent = f"{as_text(headers)}content-type: {content_type}\n\n{body.decode('utf-8', 'replace')}"
        said = exchange(f"publish to {place}", sent, "confirmed", watch)
        return Observation(facts, facts, watch.phases(), said)

    def consume(self, place: str, *, count: int, timeout: float, wait: float | None = None) -> Observation:
        """Take up to `count` messages from a queue. Facts: count, size (bytes).

        `wait` says how long to wait for messages that are not there yet (default: the timeout).

        Raises:
            CallError: when the queue is not there or cannot be read; nothing is taken then.

        """
        self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        inbox, patience = Inbox(count, self.settings.max_size, place), Deadline(timeout if wait is None else wait)
        with self._links.talk(READ, deadline, keep=False) as talk:
            watch.lap("open")
            reading = Reading(talk, inbox)
            reading.take(place, deadline, patience)
            watch.lap("read")
            reading.settle(deadline)
            watch.lap("settle")
        return _received(f"consume {place}", inbox, watch)

    def peek(self, place: str, *, count: int, timeout: float) -> Observation:
        """Up to `count` messages at the head of a queue, which go back to where they stood. Facts: count, size (bytes).

        Raises:
            CallError: when the queue is not there or cannot be read.

        """
        self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        inbox = Inbox(count, self.settings.max_size, place)
        with self._links.talk(READ, deadline, keep=False) as talk:
            watch.lap("open")
            Reading(talk, inbox).look(place, deadline)
            watch.lap("read")
        return _received(f"peek {place}", inbox, watch)

    def tap(
        self, place: str, routing_key: str, *, count: int, timeout: float, wait: float | None = None
    ) -> Observation:
        """Listen to an exchange beside everybody else, for up to `count` messages. Facts: count, size (bytes).

        Raises:
            CallError: when the exchange is not there, or no queue may be declared.

        """
        self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        inbox, patience = Inbox(count, self.settings.max_size, place), Deadline(timeout if wait is None else wait)
        with self._links.talk(READ, deadline, keep=False) as talk:
            watch.lap("open")
            Reading(talk, inbox).tap(place, routing_key, deadline, patience)
            watch.lap("read")
        return _received(f"tap {place} with {routing_key}", inbox, watch)

    def watch_queue(self, place: str, timeout: float) -> QueueWatch:
        """Take what comes to a queue from now on, until it is closed: whoever reads it too gets less.

        Raises:
            CallError: when the queue is not there or cannot be read.

        """
        self._may_write()
        deadline = Deadline(timeout)
        return watch_queue(self._links.talk(READ, deadline, keep=False), place, deadline)

    def watch_exchange(self, place: str, routing_key: str, timeout: float) -> QueueWatch:
        """Listen to an exchange from now on, beside everybody else, until it is closed.

        Raises:
            CallError: when the exchange is not there, or no queue may be declared.

        """
        self._may_write()
        deadline = Deadline(timeout)
        return watch_exchange(self._links.talk(READ, deadline, keep=False), place, routing_key, deadline)

    @classmethod
    def sampling(cls) -> type[Sampling]:
        return Sample

    def sample(
        self, place: str, *, count: int, timeout: float, wait: float | None = None, how: Sampling | None = None
    ) -> Observation:
        """Messages of a queue (browsed), an exchange (tapped) or a stream, as `how` says; none is taken.

        Facts: count, size (bytes), observed_by, note.

        Raises:
            Denied: when nothing may be written, and looking would leave a trace.
            CallError: when the place is not there or cannot be looked at.

        """
        chosen = how if isinstance(how, Sample) else Sample.model_validate({})
        if chosen.effect() != "read":
            self._may_write()
        watch, deadline = Stopwatch(), Deadline(timeout)
        inbox = Inbox(count, self.settings.max_size, place)
        link = self._links.opened(READ, deadline)  # of its own: who browses a stream loses the connection
        watch.lap("open")
        try:
            looked = look(link, place, chosen, inbox, deadline, wait)
        finally:
            link.close()
        watch.lap("read")
        said = exchange(f"sample {place}", f"at most {count} messages, by {looked.by}", shown(inbox.messages), watch)
        facts = {**inbox.facts, "observed_by": looked.by, "note": looked.note}
        return Observation(inbox.messages, facts, watch.phases(), said)

    def places(self, pattern: str, timeout: float) -> tuple[str, ...]:
        """Rejected: AMQP does not tell which queues there are."""
        raise Rejected(
            f"AMQP does not tell which queues match '{pattern}'",
            rung="read",
            hint="say which one is meant: give a value for each parameter of the name",
        )

    def queue(self, name: str, timeout: float) -> Observation:
        """What the broker says of a queue. Facts: name, messages (that wait to be delivered), consumers.

        Raises:
            Rejected: when there is no such queue.

        """
        watch, deadline = Stopwatch(), Deadline(timeout)
        with self._links.talk(READ, deadline) as talk:
            found = depth(talk, name, deadline)
        facts = {"name": name, "messages": found.message_count, "consumers": found.consumer_count}
        said = exchange(f"queue {name}", "", readable([facts]), watch)
        return Observation(facts, facts, watch.phases(), said)

    def unacked(self, name: str, timeout: float) -> int | None:
        """How many messages of a queue are delivered and not acknowledged; None while nothing was counted yet.

        Raises:
            CallError: when the management API is not declared, does not answer or refuses.

        """
        found = queue_details(self.settings, self.access, name, Deadline(timeout))
        return found.get("messages_unacknowledged")

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """Queues, exchanges and bindings of the vhost, but for those that are always there.

        Raises:
            CallError: when the management API is not declared, does not answer or refuses: AMQP lists nothing.

        """
        return {name: describe(self, name, timeout) for name in sections}

    def managed(self, path: str, timeout: float) -> Any:
        """What the management API says at a path below `/api`, in which `{vhost}` stands for ours.

        Raises:
            CallError: when it is not declared, does not answer or refuses.

        """
        return managed(self.settings, self.access, path, Deadline(timeout))

    def exchange_is_there(self, name: str, timeout: float) -> None:
        """Nothing; AMQP tells no more of an exchange.

        Raises:
            Rejected: code 404, when there is none of that name.

        """
        deadline = Deadline(timeout)
        with self._links.talk(READ, deadline) as talk:
            talk.call("exchange_declare", deadline, exchange=name, passive=True)

    def seed(self, path: Any, timeout: float) -> None:
        """Declare the exchanges, queues and bindings of a definitions file (JSON, as RabbitMQ exports it, or YAML)."""
        self._may_write()
        deadline, found = Deadline(timeout), definitions_in(Path(path), self.access.vhost)
        with self._links.talk(READ, deadline) as talk:
            declare(talk, found, deadline)

    def _may_write(self) -> None:
        if self.read_only:
            raise reading_only(f"nothing is changed at {self.access.where}")

    def reproduce(self) -> str:
        return by_hand.connect(self)


def _received(title: str, inbox: Inbox, watch: Stopwatch) -> Observation:
    said = exchange(title, "", readable(inbox.messages), watch)
    return Observation(inbox.messages, inbox.facts, watch.phases(), said)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


TYPE = RabbitMQ
