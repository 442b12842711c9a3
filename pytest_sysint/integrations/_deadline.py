"""A time limit for calls of libraries that have none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class _Outcome(Generic[T]):
    """What a call came to: entered around it, it keeps the exception instead of letting it through."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self.error: BaseException | None = None
        self.known = threading.Event()

    def __enter__(self) -> None:
        return

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self.error = error
        self.known.set()
        return True


def within(timeout: float, act: Callable[[], T], late: Callable[[], BaseException]) -> T:
    """What `act` gives, or its exception; when it takes longer than `timeout` seconds, what `late` makes is raised.

    The call runs on a thread of its own, which is left behind when it takes too long: `late` should do whatever makes
    it end.
    """
    outcome: _Outcome[T] = _Outcome()

    def work() -> None:
        with outcome:
            outcome.values.append(act())

    threading.Thread(target=work, name="sysint-call", daemon=True).start()
    if not outcome.known.wait(max(timeout, 0.001)):
        raise late()
    if outcome.error is not None:
        raise outcome.error
    return outcome.values[0]
