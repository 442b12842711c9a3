"""Beside the shared connections: the one that a hand-written test gets, and a look at who answers at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pytest_sysint.core.errors import CallError
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._net import Route
from pytest_sysint.integrations._rabbitmq.link import hush
from pytest_sysint.integrations._rabbitmq.settings import Access
from pytest_sysint.integrations._rabbitmq.trouble import not_opened

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_GLANCE = 0.2
"""Seconds for a look at who it is that does not speak AMQP."""
_OPEN = 5.0
"""Seconds for opening a connection."""
_SETTLE = 1.0
"""Seconds for closing a connection properly."""


class Clients:
    """A connection for each thread that asks, without heartbeats: nobody keeps them between the lines of a test."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access
        self._own = threading.local()
        self._all: list[Any] = []

    def own(self) -> Any:
        """The `pika.BlockingConnection` of the calling thread, opened again when it was closed.

        Raises:
            CallError: when it cannot be opened.

        """
        found = getattr(self._own, "client", None)
        if found is None or not found.is_open:
            found = self._own.client = _open(self._access(), Deadline(_OPEN))
            self._all.append(found)
        return found

    def close(self) -> None:
        """Close them all."""
        for connection in self._all:
            _close(connection)
        self._all.clear()


def _open(access: Access, deadline: Deadline) -> Any:
    import pika
    from pika.adapters.utils.connection_workflow import AMQPConnectorException
    from pika.exceptions import AMQPError

    hush()
    parameters = access.parameters(deadline)
    parameters.heartbeat = 0
    try:
        return pika.BlockingConnection(parameters)
    except (AMQPError, AMQPConnectorException, OSError) as error:
        raise not_opened(error, access.where, str(deadline)) from None


def _close(connection: Any) -> None:
    """Close it, for as long as the broker takes part."""

    def close() -> None:
        from pika.exceptions import AMQPError

        with suppress(AMQPError, OSError):
            connection.close()

    thread = threading.Thread(target=close, name="sysint-amqp-close", daemon=True)
    thread.start()
    thread.join(_SETTLE)


def strange_greeting(access: Access) -> str:
    """What somebody answers to the first bytes of AMQP, when it is something else; pika waits for the rest of it."""
    try:
        with Route(access.host, access.port).open(_GLANCE) as connection:
            connection.settimeout(_GLANCE)
            connection.sendall(_HEADER)
            said = connection.recv(80)
    except (CallError, OSError):
        return ""
    return "" if said.startswith(_METHOD_FRAME) or not said else f"it says {said.decode('ascii', 'replace').strip()!r}"
