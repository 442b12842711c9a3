"""Reading queues: what is there, then what comes; and messages as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_sysint.integrations._messages import Deadline, Inbox, decode, plain
from pytest_sysint.integrations._rabbitmq.talk import Talk

_PROPERTIES = ("content_type", "message_id", "correlation_id", "reply_to", "type", "app_id")


def take_from(talk: Talk, queue: str, inbox: Inbox, deadline: Deadline, patience: Deadline) -> int:
    """Get messages until there are enough, the queue is empty, and the patience is over. None is acknowledged yet.

    Gives the tag of the last one; 0 when there was none.

    Raises:
        CallError: when the queue cannot be read.

    """
    last = 0
    while inbox.missing:
        found = talk.get(queue, deadline)
        if found is None:
            break
        last = _keep(inbox, *found)
    if inbox.missing and patience.left and deadline.left:
        talk.listen(queue, deadline, most=inbox.missing)
        last = collect(talk, inbox, deadline, patience) or last
    return last


def collect(talk: Talk, inbox: Inbox, deadline: Deadline, patience: Deadline) -> int:
    """Wait for deliveries until there are enough, or the patience is over. Gives the tag of the last one."""
    last = 0
    while inbox.missing:
        found = talk.next(min(patience.left, deadline.left))
        if found is None:
            break
        last = _keep(inbox, *found)
    return last


def _keep(inbox: Inbox, method: Any, properties: Any, body: bytes) -> int:
    inbox.add(as_plain(method, properties, body), len(body))
    return int(method.delivery_tag)


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


def _plain(value: Any) -> Any:
    """A header's value, which may be of any of AMQP's types, as a plain JSON value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return plain(value) if isinstance(value, bytes) else str(value)
