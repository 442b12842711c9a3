"""Examinations take turns: one works while the others wait for their answers.

Hypothesis raises the recursion limit of the whole process while it draws, and Python 3.11 breaks off in the middle of
`ast.parse` when another thread does so. Nothing is lost by it: drawing is work for one processor in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

WAITING = 300.0
"""Seconds that a check may spend waiting for its turn, beside its own time."""
_TURN = threading.Lock()


@contextmanager
def own_turn() -> Iterator[None]:
    """Work as the only one."""
    with _TURN:
        yield


@contextmanager
def turn_of_others() -> Iterator[None]:
    """Let others work meanwhile; within `own_turn` only."""
    _TURN.release()
    try:
        yield
    finally:
        _TURN.acquire()
