"""Reading what comes to a queue, or by an exchange, from now on until it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Any

from pytest_sysint.core.errors import CallError
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq.reading import as_plain, own_queue
from pytest_sysint.integrations._rabbitmq.talk import Talk

_AHEAD = 1000
"""How many messages the broker sends before the first of them is acknowledged."""
_BATCH = 250
_LAST_MOMENT = 1.0


class QueueWatch:
    """A consumer on a channel of its own, which `held` closes. What is read is acknowledged: the queue forgets it."""

    def __init__(self, talk: Talk, held: ExitStack, disturbs: str) -> None:
        self.disturbs = disturbs
        self._talk = talk
        self._held = held

    def read(self, timeout: float) -> Sequence[Mapping[str, Any]]:
        """What came; see `core.capabilities.Watch`.

        Raises:
            CallError: when the reading was ended: what came meanwhile is not known.

        """
        found: list[Mapping[str, Any]] = []
        tag = 0
        message = self._talk.next(timeout)
        while message is not None:
            tag = int(message[0].delivery_tag)
            found.append(as_plain(*message))
            message = self._talk.at_hand() if len(found) < _BATCH else None
        if tag:
            self._talk.acknowledge(tag)
        return found

    def close(self) -> None:
        """End the reading."""
        with suppress(CallError):
            self._held.close()


def watch_queue(opened: AbstractContextManager[Talk], queue: str, deadline: Deadline) -> QueueWatch:
    """Take what comes to a queue.

    Raises:
        CallError: when the queue is not there or cannot be read.

    """
    with ExitStack() as stack:
        talk = stack.enter_context(opened)
        talk.listen(queue, deadline, most=_AHEAD)
        said = f"the messages of queue {queue} are taken: who else reads it does not get them"
        return QueueWatch(talk, stack.pop_all(), said)


def watch_exchange(
    opened: AbstractContextManager[Talk], exchange: str, routing_key: str, deadline: Deadline
) -> QueueWatch:
    """Listen to an exchange beside everybody else.

    Raises:
        CallError: when the exchange is not there, or no queue may be declared.

    """
    with ExitStack() as stack:
        talk = stack.enter_context(opened)
        own = own_queue(talk, deadline)
        stack.callback(_forget, talk, own)
        talk.call("queue_bind", deadline, queue=own, exchange=exchange, routing_key=routing_key)
        talk.listen(own, deadline, most=_AHEAD)
        return QueueWatch(talk, stack.pop_all(), "")


def _forget(talk: Talk, queue: str) -> None:
    """Remove a queue of our own; the broker does so too when we cannot."""
    with suppress(CallError):
        talk.call("queue_delete", Deadline(_LAST_MOMENT), queue=queue)
