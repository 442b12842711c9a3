"""Type `rabbitmq`: a RabbitMQ broker, by AMQP 0-9-1 (pika)."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import CallError, Denied
from pytest_sysint.core.integration import Integration, Observation, Rung, Stopwatch, exchange
from pytest_sysint.integrations._messages import Deadline, Inbox, as_text, encode, readable
from pytest_sysint.integrations._net import Route
from pytest_sysint.integrations._rabbitmq.management import queue_details
from pytest_sysint.integrations._rabbitmq.operations import OPERATIONS
from pytest_sysint.integrations._rabbitmq.reading import collect, take_from
from pytest_sysint.integrations._rabbitmq.recipes import RECIPES
from pytest_sysint.integrations._rabbitmq.seeding import declare, definitions_in
from pytest_sysint.integrations._rabbitmq.settings import Access, Settings
from pytest_sysint.integrations._rabbitmq.trouble import no_answer, not_opened
from pytest_sysint.integrations._rabbitmq.wire import Link, Talk, hush
from pytest_sysint.integrations._tls import context_for

_SEND, _READ = "send", "read"
"""Two connections: a broker that takes no messages for now stops reading from whom it got any."""


class RabbitMQ(Integration[Settings]):
    """A RabbitMQ broker. Its connections are shared by all threads; each conversation has a channel of its own."""

    category = "message_queue"
    settings_model = Settings
    driver = "pika"
    operations = OPERATIONS
    recipes = RECIPES

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._links: dict[str, Link] = {}
        self._opening = threading.Lock()
        self._own = threading.local()
        self._clients: list[Any] = []

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
        import pika
        from pika.adapters.utils.connection_workflow import AMQPConnectorException
        from pika.exceptions import AMQPError

        found = getattr(self._own, "client", None)
        if found is None or not found.is_open:
            hush()
            deadline = Deadline(_CLIENT_SECONDS)
            try:
                found = pika.BlockingConnection(self.access.parameters(deadline))
            except (AMQPError, AMQPConnectorException, OSError) as error:
                raise not_opened(error, self.access.where, str(deadline)) from None
            self._own.client = found
            self._clients.append(found)
        return found
