"""Reading what comes to a topic from now on, beside everybody else, until it is closed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_sysint.integrations._kafka.reading import NOT_OURS, READER, as_plain
from pytest_sysint.integrations._kafka.trouble import Trouble
from pytest_sysint.integrations._kafka.wire import made
from pytest_sysint.integrations._messages import Deadline

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError

_BATCH = 1000
"""How many messages one reading brings at most."""


class TopicWatch:
    """A consumer that joins no group and commits nothing. `begin` has the offset of each partition to start from."""

    disturbs = ""

    def __init__(self, config: Mapping[str, Any], topic: str, begin: Mapping[int, int], where: str) -> None:
        from confluent_kafka import Consumer, TopicPartition

        self._trouble = Trouble()
        self._where = where
        own = {"group.id": f"sysint-{uuid.uuid4().hex}", "enable.partition.eof": False}
        self._consumer: Consumer = made(Consumer, {**config, **READER, **own}, self._trouble)
        self._consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in begin.items()])

    def read(self, timeout: float) -> Sequence[Mapping[str, Any]]:
        """What came; see `core.capabilities.Watch`.

        Raises:
            CallError: when the brokers refuse: what came meanwhile is not known.

        """
        first = self._consumer.poll(timeout)
        if first is None:
            return ()
        found = []
        for message in (first, *self._consumer.consume(_BATCH, 0)):
            error = message.error()
            if error is None:
                found.append(as_plain(message))
            else:
                self._look_at(error, timeout)
        return found

    def _look_at(self, error: KafkaError, timeout: float) -> None:
        if error.name() not in NOT_OURS and not error.retriable():
            raise self._trouble.explain(error.name(), error.str(), self._where, str(Deadline(timeout)))

    def close(self) -> None:
        """End the consumer."""
        self._consumer.close()
