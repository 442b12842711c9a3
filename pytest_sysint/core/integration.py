"""What an integration type is made of: settings, a live client, operations, measures, the probe ladder.

A type is one module with a `Settings` model, its operations, and a subclass of `Integration` named in `TYPE`:

    class Settings(integration.Settings): ...
    class Query(Operation): ...
    class PostgreSQL(Integration[Settings]): ...
    TYPE = PostgreSQL
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import Field

from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Effect, Exchange

S = TypeVar("S", bound="Settings")


class Settings(Declared):
    """What every type's settings have: where it is. Subclasses add the type's own keys, each with a description."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """The url schemes that the type understands; empty for any."""

    url: str = Field("", description="Where the integration is; left out, it is provisioned.")


@dataclass(frozen=True, slots=True)
class Observation:
    """What an operation brought back."""

    payload: Any = None
    """Plain JSON values: what `$` subjects look at (a body, the rows, a message, an object's content)."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The observation's own subjects: status, headers, count, size, age, ... A nested map is reached by dots.
    `latency` is always there and is `phases['total']`. Durations are seconds, sizes bytes."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds per phase: resolve, connect, tls, first_byte, total, ..."""
    exchange: Exchange | None = None
    """The conversation for the failure card."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the probe ladder: dns, tcp, tls, authentication, ping, read, write.

    `climb(timeout)` returns what was seen, in a few words ("127.0.0.1", "TLSv1.3", "PostgreSQL 18.1"), or raises a
    CallError. It is called once, in order, only when the rungs below it held.
    """

    name: str
    climb: Callable[[float], str]


class Operation(Declared):
    """One declared interaction. Its first field's name is the key by which it is declared (`query:`, `request:`).

    Subclasses live in a type's file. No field may have the name of a key that every check has
    (`core.check.CHECK_KEYS`).
    """

    @classmethod
    def key(cls) -> str:
        """The word that names it in a declaration."""
        return next(iter(cls.model_fields))

    def effect(self) -> Effect:
        """What it does to the other side: decides whether an environment allows it."""
        return "read"

    def title(self) -> str:
        """One line for people: `GET /residents`, `SELECT count(*) ...`."""
        return str(getattr(self, self.key()))

    def perform(self, integration: Any, timeout: float) -> Observation:
        """Carry it out on the live integration, within `timeout` seconds.

        Raises:
            CallError: when the conversation went wrong. An answer that merely displeases is an observation.

        """
        raise NotImplementedError(f"{type(self).__name__}.perform")

    def default_expect(self) -> dict[str, Any]:
        """The `expect:` map that judges it when the declaration gives none; empty: that it was answered is enough."""
        return {}

    def reproduce(self, integration: Any) -> str:
        """A shell command that does the same by hand, without secrets; empty when there is none."""
        return ""


class Measure(Operation):
    """An operation that reads one number about the other side: `replication_lag: "< 10s"`.

    The first field holds the matcher that judges the number; declare it as `Any` (the expectations room compiles it).
    """

    dimension: ClassVar[str] = "number"
    """duration (seconds), size (bytes), ratio, rate, number."""

    def measure(self, integration: Any, timeout: float) -> float | int | None:
        """The number, in the base unit of its dimension; None when the other side has no such number."""
        raise NotImplementedError(f"{type(self).__name__}.measure")

    def title(self) -> str:
        return self.key().replace("_", " ")

    def perform(self, integration: Any, timeout: float) -> Observation:
        watch = Stopwatch()
        value = self.measure(integration, timeout)
        return Observation(value, {self.key(): value}, watch.phases())


class Integration(ABC, Generic[S]):
    """A live connection to one integration. Used by many threads at once: clients are pooled and thread-safe.

    Constructing one must not connect. Every method that talks takes `timeout` in seconds and raises CallError.
    """

    category: ClassVar[str]
    """database, api, message_queue, file_system, external_service, internal_service."""
    settings_model: ClassVar[type[Settings]]
    operations: ClassVar[tuple[type[Operation], ...]] = ()
    driver: ClassVar[str] = ""
    """The Python module that the extra installs; checked before the type is used."""
    recipes: ClassVar[tuple[Any, ...]] = ()
    """How it can be provisioned: `core.provisioning` recipes, one per way."""
    images: ClassVar[tuple[str, ...]] = ()
    """Names of container images that serve this type and are not called after it: `sysint init` knows them by these."""
    built_in: ClassVar[tuple[Any, ...]] = ()
    """Checks that it brings along: `core.built_in.BuiltIn`."""

    def __init__(self, settings: S, *, read_only: bool = False, concurrency: int = 32) -> None:
        self.settings = settings
        self.read_only = read_only
        """The environment allows no writing: where the protocol can hold a session to that, it does."""
        self.concurrency = concurrency
        """How many threads may use it at once: the size of its pool."""

    @property
    @abstractmethod
    def client(self) -> Any:
        """The native client, for hand-written tests."""

    @abstractmethod
    def rungs(self) -> Iterable[Rung]:
        """The probe ladder, from the lowest rung to the highest."""

    def close(self) -> None:
        """Give back what is held. Called once, at the end; must not raise."""

    def seed(self, path: Any, timeout: float) -> None:
        """Load initial data from a file or folder (SQL script, objects, topics) into a service just provisioned."""
        raise NotImplementedError(f"type {type(self).__name__} takes no seed")

    def reproduce(self) -> str:
        """A shell command that shows by hand whether it is there, without secrets."""
        return ""


class Stopwatch:
    """Times one conversation, phase by phase."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC)
        self._start = self._last = time.perf_counter()
        self._phases: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """The time since the last lap belongs to this phase."""
        now = time.perf_counter()
        self._phases[phase] = self._phases.get(phase, 0.0) + now - self._last
        self._last = now

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._start

    def phases(self) -> dict[str, float]:
        """Seconds per phase, with the total."""
        return {**self._phases, "total": self.elapsed()}


EXCHANGE_LIMIT = 4096


def clip(text: str, limit: int = EXCHANGE_LIMIT) -> str:
    """A text short enough for a report, that says how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}\n... ({len(text) - limit:,} more characters)"


def exchange(title: str, sent: str, received: str, watch: Stopwatch) -> Exchange:
    """The record of one conversation, cut to size. Redaction happens where records leave the engine."""
    return Exchange(
        title=clip(title, 500), sent=clip(sent), received=clip(received), at=watch.started_at, ms=watch.elapsed() * 1000
    )


def with_facts(observation: Observation, **facts: Any) -> Observation:
    """The observation with more of its own subjects."""
    return replace(observation, facts={**observation.facts, **facts})
