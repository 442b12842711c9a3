"""Reading queues: what is there, then what comes; and messages as plain values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pytest_sysint.core.errors import CallError, TooLarge
from pytest_sysint.integrations._messages import Deadline, Inbox, decode, plain
from pytest_sysint.integrations._rabbitmq.talk import Talk

_SETTLE = 1.0
"""Seconds that are left for acknowledging or giving back, also when reading has used up the time."""
_LOOK = 0.01
_PROPERTIES = ("content_type", "message_id", "correlation_id", "reply_to", "type", "app_id")


Shape = Callable[[Any, Any, bytes], dict[str, Any]]
"""Makes plain values of what pika gives: (method, properties, body)."""
_NOW = Deadline(0)
"""The patience that takes only what is there."""
_FORGET = {"x-expires": 60_000}


class Reading:
    """One reading of a queue: what it has collected is neither taken nor given back until it is settled."""

    def __init__(self, talk: Talk, inbox: Inbox, shape: Shape | None = None) -> None:
        self._shape = shape or as_plain
        self._talk = talk
        self._inbox = inbox
        self._last = 0
        """The tag of the latest message, which is how many there were; 0 when there is none."""

    def take(self, queue: str, deadline: Deadline, patience: Deadline) -> None:
        """Get what is there; then wait for what comes, until there are enough or the patience is over.

        Raises:
            CallError: when the queue cannot be read, or holds too much; what was collected is given back.

        """
        try:
            self._take(queue, deadline, patience)
        except TooLarge:
            with suppress(CallError):  # the first error tells more
                self._give_back(queue, deadline)
            raise

    def _take(self, queue: str, deadline: Deadline, patience: Deadline) -> None:
        while self._inbox.missing:
            found = self._talk.get(queue, deadline)
            if found is None:
                break
            self._keep(*found)
        if self._inbox.missing and patience.left and deadline.left:
            self.listen(queue, deadline, patience)

    def listen(self, queue: str, deadline: Deadline, patience: Deadline) -> None:
        """Wait for deliveries until there are enough, or the patience is over."""
        self._talk.listen(queue, deadline, most=self._inbox.missing)
        while self._inbox.missing:
            found = self._talk.next(min(patience.left, deadline.left))
            if found is None:
                break
            self._keep(*found)

    def tap(self, exchange: str, routing_key: str, deadline: Deadline, patience: Deadline) -> None:
        """The same on a queue of our own, bound to an exchange beside those of everybody else, and removed again."""
        own = own_queue(self._talk, deadline)
        self._talk.call("queue_bind", deadline, queue=own, exchange=exchange, routing_key=routing_key)
        self.listen(own, deadline, patience)
        self._talk.call("queue_delete", Deadline(_SETTLE), queue=own)

    def _keep(self, method: Any, properties: Any, body: bytes) -> None:
        self._last = int(method.delivery_tag)
        self._inbox.add(self._shape(method, properties, body), len(body))

    def settle(self, deadline: Deadline) -> None:
        """Take what was collected for good."""
        if self._last:
            self._talk.settle(self._last, Deadline(max(deadline.left, _SETTLE)))

    def look(self, queue: str, deadline: Deadline) -> None:
        """Get what is there, and give it back to where it stood.

        Raises:
            CallError: when the queue cannot be read, or holds too much.

        """
        shared = depth(self._talk, queue, deadline).consumer_count > 0  # asked later, a quorum queue counts us too
        self.take(queue, deadline, _NOW)
        self._give_back(queue, deadline, wait=not shared)

    def _give_back(self, queue: str, deadline: Deadline, *, wait: bool = True) -> None:
        """Give back what was collected by closing the channel: what a quorum queue is told to requeue goes to its end.

        The broker does it a little after the channel is closed: `wait` until it has. Where somebody else consumes there
        is no telling, since they get it.
        """
        if not self._last:
            return
        settling = Deadline(max(deadline.left, _SETTLE))
        whole = depth(self._talk, queue, settling).message_count + self._last
        self._talk.close(settling)
        if wait:
            patience = Deadline(_SETTLE)
            with self._talk.link.talk(settling) as beside:
                while patience.left and depth(beside, queue, settling).message_count < whole:
                    time.sleep(_LOOK)


def depth(talk: Talk, queue: str, deadline: Deadline) -> Any:
    """What a queue holds: `message_count` that wait to be delivered, `consumer_count`.

    Raises:
        Rejected: when there is no such queue.

    """
    return talk.call("queue_declare", deadline, queue=queue, passive=True)


def own_queue(talk: Talk, deadline: Deadline) -> str:
    """The name of a new queue of our own. The broker removes it also when we cannot.

    Raises:
        CallError: when none may be declared.

    """
    made = talk.call("queue_declare", deadline, queue="", exclusive=True, auto_delete=True, arguments=_FORGET)
    return str(made.queue)


def as_plain(method: Any, properties: Any, body: bytes) -> dict[str, Any]:
    """A message as plain JSON values."""
    more = {name: getattr(properties, name) for name in _PROPERTIES}
    sent = properties.timestamp
    return {
        "payload": decode(body, properties.content_type or ""),
        "key": method.routing_key,
        "headers": _plain(properties.headers or {}),
        "exchange": method.exchange,
        "routing_key": method.routing_key,
        "redelivered": bool(method.redelivered),
        "timestamp": datetime.fromtimestamp(sent, UTC).isoformat() if isinstance(sent, int) else None,
        **{name: value for name, value in more.items() if value is not None},
    }


def with_bytes(method: Any, properties: Any, body: bytes) -> dict[str, Any]:
    """The same, with the bytes of body and routing key as they came, and the offset where it is of a stream."""
    found = as_plain(method, properties, body)
    offset = found["headers"].get("x-stream-offset")
    stood = {} if offset is None else {"offset": offset}
    content_type = found.get("content_type", "")
    return {**found, **stood, "content_type": content_type, "raw": body, "raw_key": method.routing_key.encode()}


def _plain(value: Any) -> Any:
    """A header's value, which may be of any of AMQP's types, as a plain JSON value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).isoformat()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return plain(value) if isinstance(value, bytes) else str(value)
