"""Reading what comes to a queue, or by an exchange, from now on until it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from pytest_sysint.core.errors import CallError
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq.reading import as_plain
from pytest_sysint.integrations._rabbitmq.talk import Talk

AHEAD = 1000
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


def forget(talk: Talk, queue: str) -> None:
    """Remove a queue of our own; the broker does so too when we cannot."""
    with suppress(CallError):
        talk.call("queue_delete", Deadline(_LAST_MOMENT), queue=queue)
