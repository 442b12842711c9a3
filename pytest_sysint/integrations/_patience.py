"""Asking again when a service says 'not now': 429 and 503, within the time of one conversation. And not asking faster
than a service allows in the first place.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pytest_sysint.core.integration import Observation, with_facts

BUSY = frozenset({429, 503})
_FIRST, _LONGEST = 0.5, 8.0


class Limiter:
    """So many calls a second of one application, whoever makes them in this process; a second's worth at once."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._free_at = 0.0
        self._lock = threading.Lock()

    def turn(self) -> float:
        """Take a turn; gives the seconds to wait for it."""
        with self._lock:
            now = time.monotonic()
            burst = max(0.0, 1.0 - 1.0 / self.per_second)
            mine = max(self._free_at, now - burst)
            self._free_at = mine + 1.0 / self.per_second
        return max(0.0, mine - now)


_limiters: dict[tuple[str, str], Limiter] = {}
_lock = threading.Lock()


def limiter_for(origin: str, application: str, per_second: float) -> Limiter:
    """The limiter of an application at a service: integrations and tenants that share its key share it too."""
    with _lock:
        found = _limiters.get((origin, application))
        if found is None or found.per_second != per_second:
            found = _limiters[origin, application] = Limiter(per_second)
        return found


def asked_to_wait(headers: dict[str, str]) -> float | None:
    """Seconds that a Retry-After asks for, as a number or as a date; None without one that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def back_off(tries: int) -> float:
    """Seconds before the next try where nobody says how many: exponential, and never the same for two clients."""
    whole = min(_LONGEST, _FIRST * 2**tries)
    return random.uniform(whole / 2, whole)  # noqa: S311 - spreads clients, keeps no secret


def persist(
    send: Callable[[float], Observation],
    timeout: float,
    limiter: Limiter | None,
    wait: Callable[[float], None] = time.sleep,
) -> Observation:
    """Send until the answer is not 429 or 503, or the time does not suffice for another try: the last answer then.

    `send(seconds)` sends once. Waiting for a turn at the limiter is our own doing and no part of `timeout`. Facts:
    `retries` (how many more tries than one) and `waited` (seconds between them).
    """
    tries, waited, spent = 0, 0.0, 0.0
    while True:
        wait(limiter.turn() if limiter else 0.0)
        began = time.monotonic()
        seen = send(timeout - spent)
        spent += time.monotonic() - began
        if seen.facts["status"] not in BUSY:
            break
        told = asked_to_wait(dict(seen.facts["headers"]))
        pause = back_off(tries) if told is None else told
        if spent + pause >= timeout:
            break
        wait(pause)
        tries, waited, spent = tries + 1, waited + pause, spent + pause
    return with_facts(seen, retries=tries, waited=waited)
