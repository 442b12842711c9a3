"""HTTP/1.1 exchanges with a deadline over the whole of each, on connections that are kept and reused.

httpx's own transport limits each read, so that a server which sends a byte a second can hold a check for ever; and its
pool looks at every idle connection before every request. Both matter when hundreds of checks run at once. The protocol
itself is h11's, as it is httpx's.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import h11

from pytest_sysint.core.errors import CallError, Garbled, Rejected, TooLarge, Unreachable
from pytest_sysint.core.units import show
from pytest_sysint.integrations._net import Route, too_late, translate_os_error
from pytest_sysint.integrations._rest import Rest, readable

_CHUNK = 64 * 1024
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})
KEEP_SECONDS = 30.0
"""How long a connection may rest: proxies and firewalls forget one that rests for long."""

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it is sent: names of headers in lower case."""

    method: bytes
    target: bytes
    headers: list[Header]
    body: bytes = b""


class ClosedError(ConnectionError):
    """The other side ended the connection where an answer was due."""


class Wire:
    """A connection that speaks HTTP/1.1 and keeps to the deadline of the exchange at hand."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=100 * 1024)
        self._since = time.monotonic()
        self.deadline = 0.0
        self.used = False

    def close(self) -> None:
        self._socket.close()

    def encrypt(self, context: ssl.SSLContext, server_name: str) -> None:
        """Go on in TLS, with a conversation of its own."""
        self._arm()
        self._socket = context.wrap_socket(self._socket, server_hostname=server_name)
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=100 * 1024)

    def ask(self, message: Message) -> h11.Response:
        """Send a request and read the head of the answer."""
        head = h11.Request(method=message.method, target=message.target, headers=message.headers)
        parts = [self._protocol.send(head)]
        if message.body:
            parts.append(self._protocol.send(h11.Data(data=message.body)))
        parts.append(self._protocol.send(h11.EndOfMessage()))
        # A server that refuses a large request early stops reading: its answer is worth more than our broken pipe.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._write(b"".join(part for part in parts if part))
        while True:
            event = self._next()
            if isinstance(event, h11.Response):
                return event

    def body(self) -> Iterator[bytes]:
        """The body of the answer, as it comes."""
        while True:
            event = self._next()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            else:
                return

    def rest(self) -> bool:
        """Make ready for another exchange; False when there can be none on this connection."""
        protocol = self._protocol
        ended = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
        if not ended or protocol.trailing_data[0]:  # what was sent unasked would be taken for the next answer
            return False
        protocol.start_next_cycle()
        self._since, self.used = time.monotonic(), True
        return True

    def stale(self) -> bool:
        """Whether it rested too long, or the other side has closed it."""
        return time.monotonic() - self._since > KEEP_SECONDS or readable(self._socket.fileno())

    def _next(self) -> object:
        while True:
            event = self._protocol.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._arm()
            data = self._socket.recv(_CHUNK)
            if not data and self._protocol.their_state is h11.SEND_RESPONSE:
                raise ClosedError("no answer")
            self._protocol.receive_data(data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._arm()
            rest = rest[self._socket.send(rest) :]

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time of the whole exchange is over")
        self._socket.settimeout(left)


REST: Rest[Wire] = Rest()


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
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        server_name: str = "",
        proxy: Proxy | None = None,
    ) -> None:
        self._context = context
        self._server_name = server_name or host
        self._proxy = proxy
        self._route = Route(proxy.host, proxy.port) if proxy else Route(host, port)
        self.where = f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"

    def close(self) -> None:
        """Close the connections at rest."""
        REST.drop(self)

    def exchange(self, message: Message, *, timeout: float, limit: int, spent: float = 0.0) -> Answer:
        """Send one request and read the answer, all within `timeout` seconds, of which some may be spent already.

        Raises:
            CallError: for everything that goes wrong on the way, TooLarge when more than `limit` bytes come.
                An answer of any status is an answer.

        """
        start = time.monotonic()
        deadline = start + timeout - spent
        phases: dict[str, float] = {}
        message = self._for_proxy(message)
        wire = REST.take(self) or self._connect(deadline, timeout, phases)
        wire.deadline = deadline
        rung = "ping"
        try:
            try:
                head = wire.ask(message)
            except (OSError, h11.RemoteProtocolError) as error:
                if not wire.used or message.method not in _IDEMPOTENT or isinstance(error, TimeoutError):
                    raise
                # The server closed the connection while it rested: RFC 9110 (9.2.2) lets us ask again on a new one.
                wire.close()
                wire = self._connect(deadline, timeout, phases)
                head = wire.ask(message)
            phases["first_byte"], rung = time.monotonic() - start, "read"
            body = self._read(wire, limit)
        except BaseException as error:
            wire.close()
            if isinstance(error, (OSError, h11.ProtocolError)):
                raise self._explain(error, timeout, rung) from error
            raise
        if wire.rest():
            REST.give(self, wire)
        else:
            wire.close()
        version = f"HTTP/{head.http_version.decode()}"
        return Answer(head.status_code, head.reason.decode("latin-1"), list(head.headers), version, body, phases)

    def _read(self, wire: Wire, limit: int) -> bytes:
        chunks, size = [], 0
        for chunk in wire.body():
            size += len(chunk)
            if size > limit:
                raise too_large(self.where, limit)
            chunks.append(chunk)
        return b"".join(chunks)

    def _connect(self, deadline: float, timeout: float, phases: dict[str, float]) -> Wire:
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
            if isinstance(error, (OSError, h11.ProtocolError)):
                raise self._explain(error, timeout, "tls") from error
            raise
        return wire

    def _encrypt(self, wire: Wire, context: ssl.SSLContext, phases: dict[str, float]) -> None:
        if self._proxy is not None:
            self._tunnel(wire, self._proxy)
        begin = time.monotonic()
        wire.encrypt(context, self._server_name)
        phases["tls"] = time.monotonic() - begin

    def _tunnel(self, wire: Wire, proxy: Proxy) -> None:
        place = self.where.encode("ascii")
        answer = wire.ask(Message(b"CONNECT", place, [(b"host", place), *proxy.headers]))
        if not 200 <= answer.status_code < 300:
            raise Rejected(
                f"the proxy {self._route.where} refused the way to {self.where}: status {answer.status_code}",
                rung="tcp",
                code=str(answer.status_code),
                hint="check the credentials in the proxy's url, and what it lets through",
            )

    def _for_proxy(self, message: Message) -> Message:
        if self._proxy is None or self._context is not None:
            return message
        target = b"http://" + self.where.encode("ascii") + message.target  # a proxy for plain HTTP wants the whole url
        return Message(message.method, target, [*message.headers, *self._proxy.headers], message.body)

    def _explain(self, error: BaseException, timeout: float, rung: str) -> CallError:
        if isinstance(error, ClosedError):
            return _broke_off(self.where, rung)
        if isinstance(error, h11.RemoteProtocolError):
            said = str(error)
            if said.startswith("peer closed connection"):
                return _broke_off(self.where, rung)
            hint = "another protocol is spoken on that port, or https is needed"
            return Garbled(f"{self.where} does not answer in HTTP: {said[:200]}", rung=rung, hint=hint)
        if isinstance(error, h11.LocalProtocolError):
            # Its text repeats the header, which may be a secret.
            return CallError(
                f"the request to {self.where} cannot be sent: it breaks the rules of HTTP",
                hint="a header's name or value, or a token, holds a line break or another forbidden character",
            )
        if isinstance(error, TimeoutError):
            return too_late(self.where, rung, timeout)
        return translate_os_error(error, self.where, rung=rung, timeout=timeout)


def too_large(where: str, limit: int) -> TooLarge:
    """The error for an answer that is larger than `limit` bytes."""
    return TooLarge(
        f"the answer of {where} is larger than the {show(limit, 'size')} that are allowed",
        hint="raise `max_body`, or ask for less",
    )


def _broke_off(where: str, rung: str) -> Unreachable:
    when = "in the middle of its answer" if rung == "read" else "without an answer"
    hint = "the service crashed on this request, or a proxy before it gave up"
    return Unreachable(f"{where} closed the connection {when}", rung=rung, hint=hint)
