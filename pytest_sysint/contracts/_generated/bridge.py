"""Between schemathesis, which talks through a `requests.Session`, and the integration, which does the talking."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from pytest_sysint.contracts._generated.library import THROUGH, Tested
from pytest_sysint.contracts._generated.sending import Generated, carried_by, generated, own_headers, own_parameters
from pytest_sysint.contracts._generated.turns import turn_of_others
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation

ORIGIN = "http://integration.invalid"
"""Where schemathesis believes the API to be. Nothing is ever sent there."""


class Halt(BaseException):
    """Leaves Hypothesis at once, which would take any other exception for a finding and shrink it."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(str(error or "enough"))
        self.error = error
        """What went wrong; None when there was simply no more time."""


class Timekeeper(Protocol):
    """Who is asked before each request, and told how long it took."""

    def tick(self) -> None: ...

    def talked(self, seconds: float) -> None: ...

    @property
    def spent(self) -> float: ...


class Bridge(BaseAdapter):
    """Sends what schemathesis prepared as an operation of the integration, and gives the answer back as it wants it.

    `one_place`: every request goes to the url itself, as GraphQL has it.
    """

    def __init__(self, context: Context, clock: Timekeeper, *, one_place: bool = False) -> None:
        super().__init__()
        self._one_place = one_place
        self._context = context
        self.clock = clock
        self._builder = HTTPAdapter()
        self.carried = carried_by(context.integration)
        self.sent = 0
        self.last: tuple[Generated, Observation] | None = None
        """The last request, and its answer."""
        self.session = self._session()

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers.clear()
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.adapters.clear()
        session.mount(ORIGIN, self)
        return session

    def own(self, *operations: Tested) -> dict[str, str]:
        """The headers that go with every request by themselves, spelled as these operations do."""
        named = [parameter for each in operations for parameter in (*each.headers, *_security_of(each))]
        return own_headers(self.carried, (str(each.name) for each in named))

    def arguments(self, base: str, operation: Tested) -> dict[str, Any]:
        """What `Case.call` needs so that its request comes here. `base` is the path that all paths continue."""
        return {
            "base_url": ORIGIN + base,
            THROUGH: self.session,
            "headers": self.own(operation),
            "params": own_parameters(self.carried) or None,
            "allow_redirects": False,
        }

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Called by the session for each request."""
        self.clock.tick()
        target = "" if self._one_place else _target(str(request.url))
        body = _bytes(request.body)
        operation = generated(str(request.method), target, _texts(request.headers), body, self.carried)
        if self._one_place:
            operation = operation.model_copy(update={"shown": _document(body)})
        try:
            observation = self._perform(operation)
        except Exception as error:
            self.last = (operation, Observation())
            raise Halt(error) from error
        self.sent += 1
        self.last = (operation, observation)
        response = self._builder.build_response(request, _raw(observation))
        response.elapsed = timedelta(seconds=observation.phases.get("total", 0.0))
        return response

    def _perform(self, operation: Generated) -> Observation:
        with turn_of_others():
            began = time.monotonic()
            try:
                return self._context.perform(operation)
            finally:
                self.clock.talked(time.monotonic() - began)

    def close(self) -> None:
        """Nothing is held."""


def _security_of(operation: Tested) -> Iterable[Any]:
    security = getattr(operation, "security", None)
    return security.iter_parameters() if security is not None else ()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _document(body: bytes) -> str:
    """The GraphQL document of a body, in one line."""
    try:
        return " ".join(str(json.loads(body)["query"]).split())
    except (ValueError, LookupError, TypeError):
        return ""


def _texts(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in headers.items()}


def _bytes(body: Any) -> bytes:
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _raw(observation: Observation) -> HTTPResponse:
    """The answer as urllib3 has it: its bytes with the content encodings undone."""
    facts, payload = observation.facts, observation.payload
    headers = HTTPHeaderDict()
    for name, value in dict(facts.get("headers") or {}).items():
        if name not in ("content-encoding", "transfer-encoding", "content-length"):
            for line in value.split("\n"):
                headers.add(name, line)
    content = payload if isinstance(payload, bytes) else b"" if payload is None else _written(payload)
    version = 10 if facts.get("http_version") == "HTTP/1.0" else 11
    return HTTPResponse(
        io.BytesIO(content),
        headers,
        status=int(facts["status"]),
        reason=str(facts.get("reason", "")),
        version=version,
        preload_content=False,
    )


def _written(payload: Any) -> bytes:
    """The bytes of a body that a type has parsed already."""
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
