"""An event loop on a thread of its own, for libraries that are asynchronous: every call has a time limit that holds."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent import futures
from typing import Any, TypeVar

LOG = logging.getLogger(__name__)
T = TypeVar("T")
_LAST_WORDS = 1.0


class Loop:
    """Runs coroutines for threads that wait for them. Safe for many threads."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_aside)
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        """What the coroutine gives.

        Raises:
            TimeoutError: after `timeout` seconds. The coroutine is told to end, and is not waited for.

        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(max(timeout, 0.001))
        except futures.CancelledError:
            raise ConnectionAbortedError("the connection was closed meanwhile") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End what still runs, then the loop. Must not be called from one of its coroutines."""
        if self._loop.is_closed():
            return
        ended = asyncio.run_coroutine_threadsafe(_end_all(), self._loop)
        futures.wait([ended], _LAST_WORDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _aside(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What went wrong where nobody waits any more: a call that was given up, a connection that is being ended."""
    LOG.debug("%s: %r", context.get("message"), context.get("exception"))


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.wait(others, timeout=_LAST_WORDS) if others else None
