"""What every simulator is: an ASGI application on loopback with scripted faults and a record of what it received.

A simulator answers with `answer(asked)`, a plain function of the request: no waiting, no sockets. Around it stand the
faults and the control endpoints, which no real service has:

    GET    /_simulator                  what it is: {"simulator": "nhs_pds"}
    GET    /_simulator/faults           the faults that are set
    POST   /_simulator/faults           set one: {"fault": "503", "times": 2, "path": "/Patient/", "headers", "values"}
    DELETE /_simulator/faults           no faults any more
    GET    /_simulator/requests         what was received, oldest first; ?header=name:value narrows it
    DELETE /_simulator/requests         forget it
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from pytest_sysint.core.errors import UsageError
from pytest_sysint.simulators._faults import Fault, Faults

CONTROL = "/_simulator"
_RECORDS_KEPT = 10_000
_HIDDEN = frozenset({"authorization", "apikey", "ocp-apim-subscription-key"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. Names of headers are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw_query: str = ""
    """The query as it was sent, with its escapes."""

    def header(self, name: str) -> str:
        """The value of a header; empty without one."""
        return self.headers.get(name.lower(), "")

    def value(self, name: str) -> str:
        """The last value of a query parameter; empty without one."""
        return dict(self.query).get(name, "")

    def json(self) -> Any:
        """The body as JSON; None when it is not."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: a JSON value, a text or bytes as body, and what the faults make of it on its way."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"
    delay: float = 0.0
    """Seconds to wait before it is sent."""
    cut: bool = False
    """Whether the connection ends in the middle of the body."""

    def content(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()

    def with_headers(self, **headers: str) -> Answered:
        """The same with more headers; underscores stand for hyphens."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})


class Simulator(ABC):
    """Base of the simulators. Safe to use from many threads: a request at a time."""

    name: ClassVar[str]
    own_faults: ClassVar[Mapping[str, str]]
    """Fault -> what it breaks, beside the common ones."""

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self.lock = threading.RLock()
        self.faults = Faults(self.known_faults())
        self._received: deque[dict[str, Any]] = deque(maxlen=_RECORDS_KEPT)
        for word in faults:
            self.fault(word)

    @classmethod
    def known_faults(cls) -> dict[str, str]:
        """Fault -> what it breaks: the common ones and its own."""
        return {**COMMON_FAULTS, **cls.own_faults}

    @abstractmethod
    def answer(self, asked: Asked) -> Answered:
        """What the service says to a request."""

    @abstractmethod
    def trouble(self, fault: Fault, asked: Asked) -> Answered:
        """How this service says the status of a fault such as `429` or `503`."""

    def about(self) -> Mapping[str, str]:
        """What a client may want to know of it, beside its name."""
        return {}

    def control(self, asked: Asked, path: str) -> Answered | None:
        """The simulator's own control endpoints, below `/_simulator`; None for an unknown one."""
        return None

    def fault(self, name: str, **how: Any) -> Fault:
        """Set a fault: `sim.fault("503", times=2, path="/Patient/", values={"retry_after": 1})`.

        Raises:
            UsageError: for one that this simulator does not have.

        """
        with self.lock:
            return self.faults.add(name, **how)

    def clear(self) -> None:
        """Take all faults back, and forget what was received."""
        with self.lock:
            self.faults.clear()
            self._received.clear()

    def requests(self, **headers: str) -> list[dict[str, Any]]:
        """What was received, oldest first: `{method, path, query, headers, body, at, status}`.

        Headers narrow it (`x_correlation_id="..."`). What authorizes is not kept.
        """
        wanted = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        with self.lock:
            found = list(self._received)
        return [item for item in found if all(item["headers"].get(name) == value for name, value in wanted.items())]

    def handle(self, asked: Asked) -> Answered:
        """One request, with the faults that it meets."""
        with self.lock:
            if asked.path == CONTROL or asked.path.startswith(f"{CONTROL}/"):
                return self._control(asked)
            at = time.time()
            answered = self._faulty(asked)
            shown = {name: value for name, value in asked.headers.items() if name not in _HIDDEN}
            self._received.append(
                {
                    "method": asked.method,
                    "path": asked.path,
                    "query": dict(asked.query),
                    "headers": shown,
                    "body": _shown_body(asked),
                    "at": at,
                    "status": answered.status,
                }
            )
            return answered

    def _faulty(self, asked: Asked) -> Answered:
        status = self.faults.first(STATUSES, asked)
        if status is not None:
            return self.trouble(status, asked)
        answered = self.answer(asked)
        if slow := self.faults.met("slow", asked):
            answered = replace(answered, delay=float(slow.values.get("seconds", 1.0)))
        if self.faults.met("malformed", asked):
            answered = replace(answered, body=answered.content()[:-1] or b"{")
        if self.faults.met("cut", asked):
            answered = replace(answered, cut=True)
        return answered

    def _control(self, asked: Asked) -> Answered:
        rest = asked.path[len(CONTROL) :].strip("/")
        if rest == "":
            return Answered(200, {"simulator": self.name, **self.about()})
        if rest == "faults":
            return self._control_faults(asked)
        if rest == "requests":
            return self._control_requests(asked)
        return self.control(asked, rest) or Answered(404, {"error": f"no control endpoint '{rest}'"})

    def _control_faults(self, asked: Asked) -> Answered:
        if asked.method == "DELETE":
            self.faults.clear()
        elif asked.method == "POST":
            told = asked.json()
            if not isinstance(told, dict) or not isinstance(told.get("fault"), str):
                return Answered(400, {"error": "expected a JSON map with the key 'fault'"})
            how = {key: value for key, value in told.items() if key != "fault"}
            try:
                self.faults.add(told["fault"], **how)
            except (UsageError, TypeError) as error:
                return Answered(400, {"error": str(error)})
        return Answered(200, {"faults": self.faults.listed()})

    def _control_requests(self, asked: Asked) -> Answered:
        if asked.method == "DELETE":
            self._received.clear()
        name, _, value = asked.value("header").partition(":")
        return Answered(200, {"requests": self.requests(**({name: value} if name else {}))})

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Mapping[str, Any]]],
        send: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        """The ASGI application."""
        assert scope["type"] == "http"
        answered = self.handle(await _read(scope, receive))
        if answered.delay:
            await asyncio.sleep(answered.delay)
        content = answered.content()
        headers = {"content-type": answered.media, **answered.headers, "content-length": str(len(content))}
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answered.status, "headers": raw})
        if answered.cut:  # an application that ends too early: the server closes the connection
            await send({"type": "http.response.body", "body": content[: len(content) // 2], "more_body": True})
        else:
            await send({"type": "http.response.body", "body": content})


STATUSES = ("429", "500", "502", "503", "504")
"""Faults that answer with a status instead of doing what was asked."""

COMMON_FAULTS = {
    **{status: f"answers {status}" for status in STATUSES},
    "slow": "answers after `seconds` (1)",
    "malformed": "breaks off the JSON of the body",
    "cut": "closes the connection in the middle of the body",
}


async def _read(scope: Mapping[str, Any], receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> Asked:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    raw_query = scope["query_string"].decode("latin-1")
    return Asked(
        scope["method"],
        unquote(scope["raw_path"].decode("latin-1")),
        tuple(parse_qsl(raw_query, keep_blank_values=True)),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body,
        raw_query,
    )


def _shown_body(asked: Asked) -> str:
    if asked.header("content-type").startswith("application/x-www-form-urlencoded"):
        return ""  # a client assertion is a credential
    return asked.body.decode("utf-8", "replace")
