"""Circuit breaker: when connections to an integration keep dying, stop trying for a while."""

from __future__ import annotations

import threading
import time


class Breaker:
    """Opens after `threshold` connection failures in a row; lets one try through every `cool_down` seconds."""

    def __init__(self, threshold: int = 5, cool_down: float = 5.0) -> None:
        self._threshold = threshold
        self._cool_down = cool_down
        self._failures = 0
        self._retry_at = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Whether a try may be made now."""
        with self._lock:
            if self._failures < self._threshold:
                return True
            now = time.monotonic()
            if now < self._retry_at:
                return False
            self._retry_at = now + self._cool_down
            return True

    def succeeded(self) -> None:
        """The integration answered: whatever it said, it is there."""
        self._failures = 0

    def failed(self) -> None:
        """No connection, or no answer."""
        with self._lock:
            self._failures += 1
            if self._failures == self._threshold:
                self._retry_at = time.monotonic() + self._cool_down
