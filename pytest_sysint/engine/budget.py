"""Call budgets: checks that name the same budget share its rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Budget:
    """So many calls a second, whoever makes them, evenly spaced after a burst of one second's worth."""

    def __init__(self, per_second: float) -> None:
        if per_second <= 0:
            raise ValueError("a budget must allow more than nothing")
        self.per_second = per_second
        self.spent = 0
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, sleep: Callable[[float], None]) -> None:
        """Wait for a turn; `sleep` is called with the seconds to wait."""
        with self._lock:
            now = time.monotonic()
            burst = max(0.0, 1.0 - 1.0 / self.per_second)
            turn = max(self._free_at, now - burst)
            self._free_at = turn + 1.0 / self.per_second
            self.spent += 1
        if turn > now:
            sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Nobody gets a turn for so long: the other side asked for it (`Retry-After`)."""
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic() + seconds)
