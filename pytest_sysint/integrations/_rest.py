"""Where connections rest between uses."""

from __future__ import annotations

import resource
import select
import threading
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Resting(Protocol):
    """A connection that may rest."""

    def stale(self) -> bool:
        """Whether it cannot be used any more."""

    def close(self) -> None:
        """Give it back to the system. Must not raise."""


C = TypeVar("C", bound=Resting)


class Rest(Generic[C]):
    """The connections at rest of all integrations of one sort: when there are too many, the oldest is closed.

    A run with a thousand endpoints would otherwise end at the limit of open files. Each is used by one thread at a
    time, the one that took it; there is no waiting, since there are no more users than threads.
    """

    def __init__(self, limit: int = 256) -> None:
        self.limit = min(limit, max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
        self._lock = threading.Lock()
        self._resting: OrderedDict[int, tuple[object, C]] = OrderedDict()
        self._owned: dict[object, list[C]] = {}

    def take(self, owner: object) -> C | None:
        """The connection of this owner that rests the shortest and still stands, or None."""
        while True:
            with self._lock:
                stack = self._owned.get(owner)
                if not stack:
                    return None
                connection = stack.pop()
                del self._resting[id(connection)]
            if not connection.stale():
                return connection
            connection.close()

    def give(self, owner: object, connection: C) -> None:
        """Let a connection rest."""
        oldest: C | None = None
        with self._lock:
            self._owned.setdefault(owner, []).append(connection)
            self._resting[id(connection)] = (owner, connection)
            if len(self._resting) > self.limit:
                _, (other, oldest) = self._resting.popitem(last=False)
                self._owned[other].remove(oldest)
        if oldest is not None:
            oldest.close()

    def drop(self, owner: object) -> None:
        """Close all of this owner's."""
        with self._lock:
            stack = self._owned.pop(owner, [])
            for connection in stack:
                del self._resting[id(connection)]
        for connection in stack:
            connection.close()

    def __len__(self) -> int:
        return len(self._resting)


def readable(descriptor: int) -> bool:
    """Whether something waits to be read. On a connection at rest that is its end, or something unasked."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
