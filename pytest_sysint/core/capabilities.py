"""What a type can do, as small Protocols. A check kind names the capability it needs; the plan pairs them.

Every method is thread-safe, takes its timeout in seconds and raises `core.errors.CallError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from pytest_sysint.core.description import Description, Section
from pytest_sysint.core.integration import Observation


@runtime_checkable
class Queryable(Protocol):
    """Answers a query with rows (a list of maps as payload; `count` as fact)."""

    def query(self, text: str, params: Mapping[str, Any], timeout: float) -> Observation: ...


@runtime_checkable
class Requestable(Protocol):
    """Answers an HTTP request (body as payload; `status`, `headers`, `size` as facts).

    Options: `json`, `form` or `body`; `query`; `headers`, where None takes away what would go by itself; `auth="none"`
    for no credentials; `raw=True` for the bytes of the body as payload, whatever they are.
    """

    def request(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation: ...


@runtime_checkable
class Executes(Protocol):
    """Carries out GraphQL documents (`data` as payload; `status`, `errors` as facts), and tells its schema."""

    def execute(self, document: str, *, timeout: float, **options: Any) -> Observation: ...

    def introspect(self, timeout: float) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes with every HTTP request by itself. Names of headers are in lower case; no secret is in it."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Declared headers, without those that are secrets."""
    secret_headers: frozenset[str] = frozenset()
    """Names of headers that hold credentials."""
    secret_parameters: frozenset[str] = frozenset()
    """Names of query parameters that hold credentials."""


@runtime_checkable
class Carries(Protocol):
    """Tells what goes with each of its HTTP requests by itself, so that one can be made without it."""

    def carried(self) -> Carried: ...


@runtime_checkable
class Publishes(Protocol):
    """Takes messages for a topic, exchange or queue, and confirms that the broker has them."""

    def publish(
        self, place: str, payload: Any, *, key: str | None, headers: Mapping[str, str], timeout: float
    ) -> Observation: ...


@runtime_checkable
class Consumes(Protocol):
    """Brings messages (a list of `{payload, key, headers, ...}` as payload; `count` as fact)."""

    def consume(self, place: str, *, count: int, timeout: float, **options: Any) -> Observation: ...


class Watch(Protocol):
    """An open reading: brings what comes to a place from the moment it was opened. Used by one thread at a time."""

    disturbs: str
    """What it does to those who read there too, in a sentence; empty when they notice nothing."""

    def read(self, timeout: float) -> Sequence[Mapping[str, Any]]:
        """The messages that came (as `Consumes` gives them); waits for the first, and gives none when none comes."""

    def close(self) -> None:
        """Give back what is held. Must not raise."""


@runtime_checkable
class Watchable(Protocol):
    """An operation that reads messages and can go on: the same place, watched from now on until it is closed."""

    def watch(self, integration: Any, timeout: float) -> Watch:
        """Begin. When it returns, whatever is sent from then on will be brought."""


@runtime_checkable
class Stores(Protocol):
    """Keeps objects by path (content as payload; `size`, `age`, `count` as facts)."""

    def put(self, path: str, content: bytes, timeout: float) -> Observation: ...

    def get(self, path: str, timeout: float) -> Observation: ...

    def list(self, prefix: str, timeout: float) -> Observation: ...

    def delete(self, path: str, timeout: float) -> Observation: ...


@runtime_checkable
class Describes(Protocol):
    """Tells what it holds, section by section: what contracts and snapshots are compared with."""

    sections: ClassVar[tuple[Section, ...]]

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """What is there now, of the named sections: every item with every property that its model knows."""


@runtime_checkable
class Sends(Protocol):
    """Sends messages to people: mail, SMS, push."""

    def send(self, to: str, subject: str, text: str, timeout: float) -> Observation: ...
