"""Reading a topic beside everybody else: from where, how much, for how long."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import CallError, Rejected
from pytest_sysint.integrations._kafka.operations import Start, instant
from pytest_sysint.integrations._kafka.trouble import Trouble
from pytest_sysint.integrations._kafka.wire import Client, library, made
from pytest_sysint.integrations._messages import Deadline, Inbox, decode, plain

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, TopicPartition

_SLICE = 0.1
"""Seconds between two looks at whether enough has come."""
NOT_OURS = frozenset({"GROUP_AUTHORIZATION_FAILED", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"})
"""Errors about the group that librdkafka wants to have a name, and that is never joined."""
READER = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 8192,
}


def offsets(admin: Client, topic: str, partitions: Iterable[int], spec: Any, deadline: Deadline) -> dict[int, int]:
    """The offset of each partition that a specification comes to; -1 where there is none.

    Raises:
        CallError: when the cluster does not tell.

    """
    from confluent_kafka import TopicPartition

    asked = {TopicPartition(topic, partition): spec for partition in partitions}
    found = admin.call(lambda seconds: admin.native.list_offsets(asked, request_timeout=seconds), deadline)
    return {at.partition: result.offset for at, result in found.items()}


def positions(
    admin: Client, topic: str, partitions: tuple[int, ...], start: Start, deadline: Deadline
) -> dict[int, int]:
    """The offset at which to begin, for each partition. What is published from now on lies after `latest`."""

    def at(spec: Any) -> dict[int, int]:
        return offsets(admin, topic, partitions, spec, deadline)

    specs = library().admin.OffsetSpec
    if start == "earliest":
        return at(specs.earliest())
    ends = at(specs.latest())
    if start == "latest":
        return ends
    if isinstance(start, int) and start >= 0:
        return _at_offset(topic, start, ends)
    if isinstance(start, int):
        begins = at(specs.earliest())
        return {partition: max(end + start, begins[partition]) for partition, end in ends.items()}
    moment = instant(start, datetime.now(UTC))
    since = at(specs.for_timestamp(int(moment.timestamp() * 1000)))
    return {partition: offset if offset >= 0 else ends[partition] for partition, offset in since.items()}


def newest(admin: Client, topic: str, partitions: tuple[int, ...], count: int, deadline: Deadline) -> dict[int, int]:
    """Where to begin so that at most the last `count` messages are read, shared fairly between the partitions."""
    specs = library().admin.OffsetSpec
    begins = offsets(admin, topic, partitions, specs.earliest(), deadline)
    ends = offsets(admin, topic, partitions, specs.latest(), deadline)
    held = {partition: max(ends[partition] - begins[partition], 0) for partition in partitions}
    shares = _shares(held, count)
    return {partition: ends[partition] - shares[partition] for partition in partitions}


def _shares(held: Mapping[int, int], count: int) -> dict[int, int]:
    """How much of `count` each has a part in: what one cannot give, the others do."""
    shares: dict[int, int] = {}
    left = count
    for done, (partition, holds) in enumerate(sorted(held.items(), key=lambda item: (item[1], item[0]))):
        shares[partition] = min(holds, left // (len(held) - done))
        left -= shares[partition]
    return shares


def _at_offset(topic: str, start: int, ends: Mapping[int, int]) -> dict[int, int]:
    """That offset, where a partition has come so far; its end where it has not."""
    longest = max(ends.values())
    if start > longest:
        raise Rejected(
            f"'{topic}' has no offset {start}: its longest partition ends at {longest}",
            rung="read",
            code="OFFSET_OUT_OF_RANGE",
            hint="was the topic deleted and created again?",
        )
    return {partition: min(start, end) for partition, end in ends.items()}


def latest(admin: Client, topic: str, partitions: Iterable[int], deadline: Deadline) -> dict[int, int]:
    """Where each partition ends.

    Raises:
        CallError: when the cluster does not tell.

    """
    return offsets(admin, topic, partitions, library().admin.OffsetSpec.latest(), deadline)


def lag(admin: Client, group: str, topic: str, partitions: Iterable[int], deadline: Deadline) -> int:
    """How many messages a group has still to read, of a topic's partitions; of all that it reads without a topic.

    Raises:
        Rejected: when the group has committed nothing there.

    """
    committed: dict[str, dict[int, int]] = {}
    for at in _committed(admin, group, topic, partitions, deadline):
        if at.offset >= 0:
            committed.setdefault(at.topic, {})[at.partition] = at.offset
    if not committed:
        raise Rejected(
            f"the group '{group}' has committed no offset" + (f" for '{topic}'" if topic else ""),
            rung="read",
            hint="check the group's name for a slip; has it ever read?",
        )
    total = 0
    for name, seen in committed.items():
        ends = latest(admin, name, seen, deadline)
        total += sum(max(ends[partition] - offset, 0) for partition, offset in seen.items())
    return total


def _committed(
    admin: Client, group: str, topic: str, partitions: Iterable[int], deadline: Deadline
) -> list[TopicPartition]:
    of = [library().TopicPartition(topic, partition) for partition in partitions] or None
    asked = [library().ConsumerGroupTopicPartitions(group, of)]
    answer: dict[str, Any] = admin.call(
        lambda seconds: admin.native.list_consumer_group_offsets(asked, request_timeout=seconds), deadline
    )
    found: list[TopicPartition] = answer[group].topic_partitions
    return found


class Reader:
    """A consumer for one reading. It is given its partitions and its offsets, and tells nobody."""

    def __init__(
        self,
        config: Mapping[str, Any],
        topic: str,
        begin: Mapping[int, int],
        where: str,
        shape: Callable[[Message], dict[str, Any]] | None = None,
    ) -> None:
        from confluent_kafka import Consumer, TopicPartition

        self._shape = shape or as_plain
        self._trouble = Trouble()
        self._where = where
        name = f"sysint-{uuid.uuid4().hex}"
        self._consumer: Consumer = made(Consumer, {**config, **READER, "group.id": name}, self._trouble)
        self._consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in begin.items()])
        self._unread = set(begin)
        """Partitions whose end has not been seen yet."""

    def read(self, inbox: Inbox, deadline: Deadline, patience: Deadline) -> None:
        """Read until there are enough, or all that there is is read and the patience is over.

        Raises:
            CallError: when the brokers refuse, or nothing at all was heard of them.

        """
        while inbox.missing and deadline.left and (self._unread or patience.left):
            message = self._consumer.poll(min(_SLICE, deadline.left))
            if message is None:
                continue
            error = message.error()
            if error is None:
                inbox.add(self._shape(message), len(message))
            else:
                self._look_at(error, message, deadline)
        if self._unread and not inbox.messages:
            raise self._explain("_TIMED_OUT", "", deadline)

    def _look_at(self, error: KafkaError, message: Message, deadline: Deadline) -> None:
        if error.name() == "_PARTITION_EOF":
            self._unread.discard(message.partition())
        elif error.name() not in NOT_OURS:
            raise self._explain(error.name(), error.str(), deadline)

    def _explain(self, code: str, text: str, deadline: Deadline) -> CallError:
        return self._trouble.explain(code, text, self._where, str(deadline))

    def close(self) -> None:
        self._consumer.close()


def as_plain(message: Message) -> dict[str, Any]:
    """A message as plain JSON values."""
    headers = {name: plain(value) for name, value in _headers(message)}
    value = message.value()
    return {
        "payload": None if value is None else decode(value, str(headers.get("content-type", ""))),
        "key": plain(message.key()),
        "headers": headers,
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": time_of(message),
    }


def with_bytes(message: Message) -> dict[str, Any]:
    """The same, with the bytes of body and key as they came."""
    found = as_plain(message)
    content_type = str(found["headers"].get("content-type", ""))
    key: Any = message.key()
    raw_key = key.encode() if isinstance(key, str) else key
    return {**found, "content_type": content_type, "raw": message.value(), "raw_key": raw_key}


def _headers(message: Message) -> list[tuple[str, Any]]:
    headers: Any = message.headers()
    return list(headers or [])


def time_of(message: Message) -> str | None:
    """When it was made, or taken by the broker: ISO 8601 in UTC; None when it does not say."""
    kind, milliseconds = message.timestamp()
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat() if kind else None
