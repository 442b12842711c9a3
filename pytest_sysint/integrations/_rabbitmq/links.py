"""The connections that all threads share: opened when they are needed, and anew when they were lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_sysint.core.errors import TimedOut, Unreachable
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq.link import Link
from pytest_sysint.integrations._rabbitmq.native import strange_greeting
from pytest_sysint.integrations._rabbitmq.settings import Access
from pytest_sysint.integrations._rabbitmq.talk import Talk
from pytest_sysint.integrations._rabbitmq.trouble import no_answer, not_amqp

SEND, READ = "send", "read"
"""Two connections: a broker that takes no messages for now stops reading from whom it got any."""


class Links:
    """The connections to one broker, by what they are for."""

    def __init__(self, access: Callable[[], Access]) -> None:
        self._access = access
        """Raises CallError when the url cannot be read, which is nobody's trouble before somebody talks."""
        self._links: dict[str, Link] = {}
        self._opening = threading.Lock()

    @contextmanager
    def talk(self, purpose: str, deadline: Deadline, *, keep: bool = True) -> Iterator[Talk]:
        """A channel for one conversation, see `Link.talk`.

        Raises:
            CallError: when there is no connection, or none can be opened on it.

        """
        with self.get(purpose, deadline).talk(deadline, keep=keep) as talk:
            yield talk

    def get(self, purpose: str, deadline: Deadline) -> Link:
        """The shared connection.

        Raises:
            CallError: when it cannot be opened.

        """
        link = self._links.get(purpose)
        if link is not None and link.alive:
            return link
        if not self._opening.acquire(timeout=deadline.left):
            raise no_answer(self._access().where, str(deadline), "authentication")
        try:
            link = self._links.get(purpose)
            if link is None or not link.alive:
                link = self._links[purpose] = self.opened(purpose, deadline)
        finally:
            self._opening.release()
        return link

    def opened(self, purpose: str, deadline: Deadline) -> Link:
        """A connection of the caller's own, which closes it.

        Raises:
            CallError: when it cannot be opened.

        """
        access = self._access()
        link = Link(access.parameters(deadline), access.where, confirms=purpose == SEND)
        try:
            link.wait_open(deadline)
        except (TimedOut, Unreachable) as error:
            greeting = "" if access.tls or error.rung != "authentication" else strange_greeting(access)
            if greeting:
                raise not_amqp(access.where, greeting) from None
            raise
        return link

    def log_in(self, purpose: str, deadline: Deadline) -> None:
        """Open a connection, and share it unless there is one.

        Raises:
            CallError: when it cannot be opened.

        """
        link = self.opened(purpose, deadline)
        with self._opening:
            kept = self._links.setdefault(purpose, link)
            if not kept.alive:
                kept = self._links[purpose] = link
        if kept is not link:
            link.close()

    def close(self) -> None:
        """Close them all."""
        for link in self._links.values():
            link.close()
        self._links.clear()
