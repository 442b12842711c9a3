"""What a type can do, as small Protocols. A check kind names the capability it needs; the plan pairs them.

Every method is thread-safe, takes its timeout in seconds and raises `core.errors.CallError`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from pytest_sysint.core.description import Description, Section
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Effect


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
class Executes(Protocol):
    """Carries out GraphQL documents (`data` as payload; `status`, `errors` as facts), and tells its schema."""

    def execute(self, document: str, *, timeout: float, **options: Any) -> Observation: ...

    def introspect(self, timeout: float) -> dict[str, Any]: ...


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


class Sampling(Declared):
    """How the messages of a place are looked at: keys that a type takes beside the name of the place."""

    protocols: ClassVar[tuple[str, ...]] = ()
    """What AsyncAPI calls the protocol, in servers and in bindings."""

    @classmethod
    def placed(cls, address: str, binding: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The place that a channel of AsyncAPI is, and the keys with which it is looked at.

        `binding` is what the channel says for the protocol: a `topic` in it is the place. Parameters of the address,
        `{tenant}`, may stand in it still.
        """
        return str(binding.get("topic") or address), {}

    def effect(self) -> Effect:
        """What looking does to the other side."""
        return "read"

    def reproduce(self, integration: Any, place: str, count: int) -> str:
        """A shell command that shows the same messages by hand, without secrets; empty when there is none."""
        return ""


@runtime_checkable
class Samples(Protocol):
    """Shows messages of a topic or queue without taking them from whom they are for.

    Payload: a list of `{payload, raw, key, raw_key, headers, content_type, timestamp, ...}`, the newest that are there,
    beside what tells where each stood (`partition` and `offset`, or `message_id`). `raw` and `raw_key` are the bytes as
    they came, or None; the others are plain JSON values. Facts: count, size (bytes), `observed_by` (`own reader`,
    `tap`, `browse`) and, where looking left a trace, `note`: a sentence that says which.
    """

    @classmethod
    def sampling(cls) -> type[Sampling]:
        """The keys that the type takes beside the name of a place."""

    def sample(
        self, place: str, *, count: int, timeout: float, wait: float | None = None, how: Sampling | None = None
    ) -> Observation:
        """Up to `count` messages. `wait` says for how many seconds more are waited for while there are fewer; None
        leaves that to the way of looking. Nothing is committed or acknowledged.
        """

    def places(self, pattern: str, timeout: float) -> tuple[str, ...]:
        """The places whose names match a pattern such as `residents.*`, sorted."""


@runtime_checkable
class Stores(Protocol):
    """Keeps objects by path (content as payload; `size`, `age`, `count` as facts)."""

    def put(self, path: str, content: bytes, timeout: float) -> Observation: ...

    def get(self, path: str, timeout: float) -> Observation: ...

    def list(self, prefix: str, timeout: float) -> Observation: ...

    def delete(self, path: str, timeout: float) -> Observation: ...


class Stored(Protocol):
    """What is known of a kept object without reading it. `size` is in bytes; `modified` None where nobody tells."""

    @property
    def path(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def modified(self) -> datetime | None: ...


@runtime_checkable
class Walkable(Protocol):
    """Stores that give long listings and large contents piece by piece."""

    def walk(self, prefix: str, timeout: float) -> Iterator[Stored]:
        """All objects whose path begins with `prefix`, as they come, in no order."""

    def opened(self, path: str, timeout: float) -> AbstractContextManager[tuple[Stored, Callable[[int], bytes]] | None]:
        """The object, with a call that reads at most so many bytes, none at the end; None when there is none."""


class Batch(NamedTuple):
    """Some rows of many."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """Of each row the values, plain JSON ones, in the order of the columns."""
    sparse: bool = False
    """Whether rows need not all have the same columns, as documents: one that is not there means null."""


@runtime_checkable
class Streams(Protocol):
    """An operation that can also give all its rows, batch by batch, in little memory however many they are."""

    def stream(self, integration: Any, timeout: float) -> Generator[Batch, None, None]:
        """The rows; at least one batch, so that the columns are known. All together may take `timeout` seconds.

        Close it when you stop before its end: it gives back what it holds.
        """


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
