"""Beside the shared connections: the one that a hand-written test gets, and a look at who answers at all."""

from __future__ import annotations

import threading
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
_SETTLE = 1.0
"""Seconds for closing a connection properly."""


def open_blocking(access: Access, deadline: Deadline) -> Any:
    """A `pika.BlockingConnection`, without heartbeats: nobody keeps them between the lines of a test.

    Raises:
        CallError: why it cannot be opened.

    """
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


def close_blocking(connection: Any) -> None:
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
