"""What the engine gives a check to work with, for tests that run a check by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.records import Exchange


@dataclass
class Talk:
    """A `core.check.Context` on one live integration; its sleep does not wait, it only counts."""

    integration: Integration[Any]
    timeout: float = 5.0
    others: dict[str, Integration[Any]] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    on_sleep: Callable[[float], None] = lambda seconds: None

    def other(self, integration_id: str) -> Integration[Any]:
        return self.others[integration_id]

    def perform(self, operation: Operation, on: str = "") -> Observation:
        observation = operation.perform(self.integration, self.timeout)
        self.note(observation.exchange)
        return observation

    def note(self, exchange: Exchange | None) -> None:
        if exchange is not None:
            self.exchanges.append(exchange)

    def progress(self, text: str) -> None:
        self.said.append(text)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_sleep(seconds)
