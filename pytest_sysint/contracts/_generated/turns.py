"""One examination thinks at a time; while it waits for an answer, another does.

They share one Python anyway. Hypothesis parses the source of lambdas as it goes, and some versions of Python count the
depth of that over all threads together: of two that parse at the same time, one may get a SystemError.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_TURN = threading.Lock()
_own = threading.local()


def in_turn(examine: Callable[P, R]) -> Callable[P, R]:
    """A function that thinks: it waits for its turn."""

    @wraps(examine)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> R:
        with _TURN:
            _own.turn = True
            try:
                return examine(*args, **kwargs)
            finally:
                _own.turn = False

    return waiting


@contextmanager
def talking() -> Iterator[None]:
    """A conversation: whoever has the turn gives it to others meanwhile."""
    if not getattr(_own, "turn", False):
        yield
        return
    _TURN.release()
    try:
        yield
    finally:
        _TURN.acquire()
