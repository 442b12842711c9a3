"""One try of one check: the context that it works with, and what is kept of its conversations."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable
from typing import Any, Self

from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import UsageError
from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.ledger import Page
from pytest_sysint.core.records import Exchange
from pytest_sysint.engine.budget import Budget
from pytest_sysint.engine.connections import Connections

_EXCHANGES_KEPT = 20
_LOGS_KEPT = 100
_LONGEST_PAUSE = 30.0

_current: contextvars.ContextVar[Attempt | None] = contextvars.ContextVar("sysint_attempt", default=None)


class Attempt:
    """A `core.check.Context`. Lives as long as one try; the timeout is twice as long from the second try on."""

    def __init__(
        self,
        check: Check,
        number: int,
        connections: Connections,
        budget: Budget | None,
        sleep: Callable[[float], None],
        progress: Callable[[str], None],
        ledger: Page | None = None,
    ) -> None:
        self.timeout = check.timeout * (1 if number == 1 else 2)
        self.exchanges: list[Exchange] = []
        self.logs: list[str] = []
        self._check = check
        self._connections = connections
        self._budget = budget
        self._sleep = sleep
        self._progress = progress
        self._ledger = ledger

    @property
    def integration(self) -> Integration[Any]:
        return self._connections.get(self._check.integration_id, self._check.tenant)

    def other(self, integration_id: str) -> Integration[Any]:
        return self._connections.get(integration_id, self._check.tenant)

    def perform(self, operation: Operation, on: str = "") -> Observation:
        integration = self.other(on) if on else self.integration
        observation = self._once(operation, integration)
        pause = _asked_to_wait(observation)
        if 0 < pause <= _LONGEST_PAUSE:
            if self._budget:
                self._budget.pause(pause)
            self._sleep(pause)
            observation = self._once(operation, integration)
        return observation

    def _once(self, operation: Operation, integration: Integration[Any]) -> Observation:
        if self._budget:
            self._budget.take(self._sleep)
        observation = operation.perform(integration, self.timeout)
        self.note(observation.exchange)
        return observation

    def note(self, exchange: Exchange | None) -> None:
        if exchange is not None and len(self.exchanges) < _EXCHANGES_KEPT:
            self.exchanges.append(exchange)

    @property
    def ledger(self) -> Page:
        if self._ledger is None:
            raise UsageError("there is no ledger here: nothing may be written that must be undone")
        return self._ledger

    def progress(self, text: str) -> None:
        self._progress(text)

    def sleep(self, seconds: float) -> None:
        self._sleep(seconds)

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def _asked_to_wait(observation: Observation) -> float:
    """Seconds that an HTTP answer asks to wait before the next try: 429 or 503 with `Retry-After`; else 0."""
    if observation.facts.get("status") not in (429, 503):
        return 0.0
    value = str(dict(observation.facts.get("headers") or {}).get("retry-after", ""))
    return float(value) if value.isdigit() else 0.0


class LogKeeper(logging.Handler):
    """Gives each log line to the check whose thread wrote it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        attempt = _current.get()
        if attempt is not None and len(attempt.logs) < _LOGS_KEPT:
            attempt.logs.append(self.format(record))
