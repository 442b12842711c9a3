"""A time limit for calls of libraries that have none."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(timeout: float, act: Callable[[], T], late: Callable[[], BaseException]) -> T:
    """What `act` gives, or its exception; when it takes longer than `timeout` seconds, what `late` makes is raised.

    The call runs on a thread of its own, which is left behind when it takes too long: `late` should do whatever makes
    it end.
    """
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((act(), None))
        except BaseException as error:  # noqa: BLE001
            answers.put((None, error))

    threading.Thread(target=work, name="sysint-call", daemon=True).start()
    try:
        value, error = answers.get(timeout=max(timeout, 0.001))
    except queue.Empty:
        raise late() from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
