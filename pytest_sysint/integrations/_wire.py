"""HTTP/1.1 exchanges with a deadline over the whole of each, on connections that are kept and reused.

httpx's own transport limits each read, so that a server which sends a byte a second can hold a check for ever; and its
pool looks at every idle connection before every request. Both matter when hundreds of checks run at once. The protocol
itself stays with httpcore.
"""

from __future__ import annotations

import resource
import select
import socket
import ssl
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import httpcore

from pytest_sysint.core.errors import CallError, Garbled, Rejected, TooLarge, Unreachable
from pytest_sysint.core.units import show
from pytest_sysint.integrations._net import Route, too_late, translate_os_error

_CHUNK = 64 * 1024
_FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})
KEEP_SECONDS = 30.0
"""How long a connection may rest: proxies and firewalls forget one that rests for long."""

Header = tuple[bytes, bytes]


class Wire(httpcore.NetworkStream):
    """A connected socket that keeps to the deadline of the exchange at hand."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.deadline: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            self._arm(timeout)
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        rest = memoryview(buffer)
        try:
            while rest:
                self._arm(timeout)
                rest = rest[self._socket.send(rest) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._socket.close()

    def encrypt(self, context: ssl.SSLContext, server_name: str) -> None:
        """Go on in TLS."""
        self._arm(None)
        self._socket = context.wrap_socket(self._socket, server_hostname=server_name)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        if info == "is_readable":  # at rest this means closed, or garbage
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(0))
        return None

    def _arm(self, timeout: float | None) -> None:
        left = timeout
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the time of the whole exchange is over")
        self._socket.settimeout(left)


@dataclass(slots=True)
class Kept:
    """A connection, and what is needed to use it again."""

    connection: httpcore.HTTP11Connection
    wire: Wire
    used: bool = False


class Rest:
    """Where connections rest, those of all transports of the process: when there are too many, the oldest is closed.

    A run with a thousand endpoints would otherwise end at the limit of open files.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._resting: OrderedDict[int, tuple[object, Kept]] = OrderedDict()
        self._owned: dict[object, list[Kept]] = {}

    def take(self, owner: object) -> Kept | None:
        """The connection of this owner that rests the shortest and still stands, or None."""
        while True:
            with self._lock:
                stack = self._owned.get(owner)
                if not stack:
                    return None
                kept = stack.pop()
                del self._resting[id(kept)]
            if not kept.connection.has_expired():
                return kept
            kept.connection.close()

    def give(self, owner: object, kept: Kept) -> None:
        """Let a connection rest."""
        oldest: Kept | None = None
        with self._lock:
            self._owned.setdefault(owner, []).append(kept)
            self._resting[id(kept)] = (owner, kept)
            if len(self._resting) > self.limit:
                _, (other, oldest) = self._resting.popitem(last=False)
                self._owned[other].remove(oldest)
        if oldest is not None:
            oldest.connection.close()

    def drop(self, owner: object) -> None:
        """Close all of this owner's."""
        with self._lock:
            stack = self._owned.pop(owner, [])
            for kept in stack:
                del self._resting[id(kept)]
        for kept in stack:
            kept.connection.close()

    def __len__(self) -> int:
        return len(self._resting)


REST = Rest(min(256, max(16, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)))


@dataclass(slots=True)
class Answer:
    """What came back: the body is as it was sent, encodings and all."""

    status: int
    reason: str
    headers: list[Header]
    http_version: str
    body: bytes
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, and the headers by which it knows us."""

    host: str
    port: int
    headers: tuple[Header, ...] = ()


class Transport:
    """Carries requests to one origin. Safe to use from many threads; each has a connection of its own meanwhile."""

    def __init__(
        self,
        scheme: str,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        server_name: str = "",
        proxy: Proxy | None = None,
    ) -> None:
        self._origin = httpcore.Origin(scheme.encode(), host.encode("ascii"), port)
        self._context = context
        self._server_name = server_name or host
        self._proxy = proxy
        self._route = Route(proxy.host, proxy.port) if proxy else Route(host, port)
        self.where = f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"

    def close(self) -> None:
        """Close the connections at rest."""
        REST.drop(self)

    def exchange(
        self,
        method: bytes,
        target: bytes,
        headers: list[Header],
        body: bytes,
        *,
        timeout: float,
        limit: int,
        spent: float = 0.0,
    ) -> Answer:
        """Send one request and read the answer, all within `timeout` seconds, of which some may be spent already.

        Raises:
            CallError: for everything that goes wrong on the way, TooLarge when more than `limit` bytes come.
                An answer of any status is an answer.
        """
        start = time.monotonic()
        deadline = start + timeout - spent
        phases: dict[str, float] = {}
        request = self._request(method, target, headers, body)
        kept = REST.take(self) or self._connect(deadline, timeout, phases)
        rung = "ping"
        try:
            try:
                response = self._ask(kept, request, deadline)
            except (httpcore.NetworkError, httpcore.RemoteProtocolError):
                if not (kept.used and method in _IDEMPOTENT):
                    raise
                # The server closed the connection while it rested: RFC 9110 (9.2.2) lets us ask again on a new one.
                kept = self._connect(deadline, timeout, phases)
                response = self._ask(kept, request, deadline)
            phases["first_byte"], rung = time.monotonic() - start, "read"
            answer = self._read(response, limit, phases)
        except BaseException as error:
            kept.connection.close()
            if isinstance(error, _FAILURES):
                raise self._explain(error, timeout, rung) from error
            raise
        self._keep(kept)
        return answer

    def _ask(self, kept: Kept, request: httpcore.Request, deadline: float) -> httpcore.Response:
        kept.wire.deadline = deadline
        return kept.connection.handle_request(request)

    def _read(self, response: httpcore.Response, limit: int, phases: dict[str, float]) -> Answer:
        chunks, size = [], 0
        for chunk in response.iter_stream():
            size += len(chunk)
            if size > limit:
                raise too_large(self.where, limit)
            chunks.append(chunk)
        response.close()
        extensions = response.extensions
        return Answer(
            response.status,
            extensions["reason_phrase"].decode("latin-1"),
            response.headers,
            extensions["http_version"].decode("ascii"),
            b"".join(chunks),
            phases,
        )

    def _keep(self, kept: Kept) -> None:
        kept.used = True
        kept.wire.deadline = None
        if kept.connection.is_idle():
            REST.give(self, kept)
        else:
            kept.connection.close()

    def _connect(self, deadline: float, timeout: float, phases: dict[str, float]) -> Kept:
        begin = time.monotonic()
        connection = self._route.open(max(deadline - begin, 0.001))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(connection)
        wire.deadline = deadline
        phases["connect"] = time.monotonic() - begin
        try:
            if self._context is not None:
                self._encrypt(wire, self._context, phases)
        except BaseException as error:
            wire.close()
            if isinstance(error, (OSError, *_FAILURES)):
                raise self._explain(error, timeout, "tls") from error
            raise
        return Kept(httpcore.HTTP11Connection(self._origin, wire, keepalive_expiry=KEEP_SECONDS), wire)

    def _encrypt(self, wire: Wire, context: ssl.SSLContext, phases: dict[str, float]) -> None:
        if self._proxy is not None:
            self._tunnel(wire, self._proxy)
        begin = time.monotonic()
        wire.encrypt(context, self._server_name)
        phases["tls"] = time.monotonic() - begin

    def _tunnel(self, wire: Wire, proxy: Proxy) -> None:
        place = self.where.encode("ascii")
        url = httpcore.URL(scheme=b"http", host=proxy.host.encode("ascii"), port=proxy.port, target=place)
        asked = httpcore.Request(b"CONNECT", url, headers=[(b"host", place), *proxy.headers])
        answer = httpcore.HTTP11Connection(url.origin, wire).handle_request(asked)
        if not 200 <= answer.status < 300:
            raise Rejected(
                f"the proxy {self._route.where} refused the way to {self.where}: status {answer.status}",
                rung="tcp",
                code=str(answer.status),
                hint="check the credentials in the proxy's url, and what it lets through",
            )

    def _request(self, method: bytes, target: bytes, headers: list[Header], body: bytes) -> httpcore.Request:
        origin = self._origin
        if self._proxy is not None and self._context is None:  # a proxy for plain HTTP wants the whole url
            target = b"http://" + self.where.encode("ascii") + target
            headers = [*headers, *self._proxy.headers]
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=target)
        return httpcore.Request(method, url, headers=headers, content=body)

    def _explain(self, error: BaseException, timeout: float, rung: str) -> CallError:
        if isinstance(error, (TimeoutError, httpcore.TimeoutException)):
            return too_late(self.where, rung, timeout)
        if isinstance(error, httpcore.RemoteProtocolError):
            return _explain_protocol(str(error), self.where, rung)
        if isinstance(error, httpcore.LocalProtocolError):
            # Its text repeats the header, which may be a secret.
            return CallError(
                f"the request to {self.where} cannot be sent: it breaks the rules of HTTP",
                hint="a header's name or value, or a token, holds a line break or another forbidden character",
            )
        return translate_os_error(error, self.where, rung=rung, timeout=timeout)


def too_large(where: str, limit: int) -> TooLarge:
    """The error for an answer that is larger than `limit` bytes."""
    return TooLarge(
        f"the answer of {where} is larger than the {show(limit, 'size')} that are allowed",
        hint="raise `max_body`, or ask for less",
    )


def _explain_protocol(said: str, where: str, rung: str) -> CallError:
    if said.startswith(("Server disconnected", "peer closed connection")):
        when = "in the middle of its answer" if rung == "read" else "without an answer"
        hint = "the service crashed on this request, or a proxy before it gave up"
        return Unreachable(f"{where} closed the connection {when}", rung=rung, hint=hint)
    hint = "another protocol is spoken on that port, or https is needed"
    return Garbled(f"{where} does not answer in HTTP: {said[:200]}", rung=rung, hint=hint)
