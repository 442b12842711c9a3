"""The lower rungs of the probe ladder (dns, tcp, tls), and the words for what goes wrong on a network."""

from __future__ import annotations

import errno
import ipaddress
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pytest_sysint.core.errors import CallError, TimedOut, Unreachable
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import show
from pytest_sysint.integrations._tls import certificate_until, describe_tls, explain_tls

T = TypeVar("T")
Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""The family of an address and what `socket.connect` takes."""


def beginning(url: str) -> str:
    """A url that cannot be read, for people: what follows the scheme may hold a password where nobody looks for one."""
    scheme, found, _ = url.partition("://")
    return f"the url that begins with '{scheme[:20]}://'" if found else "the url"


def host_port(url: str, default_port: int) -> tuple[str, int]:
    """Host and port of a url; `localhost` and the default where the url has none.

    Raises:
        CallError: when the url cannot be read, or its port is none.

    """
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        # The text of the error may repeat a part of the password, when that holds a slash.
        raise CallError(
            f"{beginning(url)} cannot be read",
            rung="dns",
            hint="write scheme://host:port/...; special characters in a password must be percent-encoded",
        ) from None
    return host or "localhost", port or default_port


def place(host: str, port: int) -> str:
    """`host:port`, with brackets around an address of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def network_rungs(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    server_name: str = "",
    starttls: Callable[[socket.socket], None] | None = None,
) -> list[Rung]:
    """The rungs dns, tcp and, with a context, tls.

    `starttls` is for protocols that begin in plain text: it gets the connected socket, with a timeout set, and asks
    the server to change over; the handshake follows.
    """
    route = Route(host, port)
    rungs = [Rung("dns", route.resolve), Rung("tcp", route.connect)]
    if tls is not None:
        context, name = tls, server_name or host

        def climb(timeout: float) -> str:
            return route.encrypt(context, name, timeout, starttls)

        rungs.append(Rung("tls", climb))
    return rungs


def unix_rung(path: str) -> Rung:
    """The rung tcp of a server that listens on a Unix socket."""

    def climb(timeout: float) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            try:
                connection.connect(path)
            except OSError as error:
                raise translate_os_error(error, path, rung="tcp", timeout=timeout) from None
        return path

    return Rung("tcp", climb)


def any_of(ladders: list[list[Rung]]) -> list[Rung]:
    """One ladder for several hosts of which one is enough: each rung holds where it holds on any of them."""
    if len(ladders) == 1:
        return ladders[0]
    return [_any(rungs) for rungs in zip(*ladders, strict=False)]


def _any(rungs: tuple[Rung, ...]) -> Rung:
    def climb(timeout: float) -> str:
        errors: list[CallError] = []
        for rung in rungs:
            try:
                return rung.climb(timeout / len(rungs))
            except CallError as error:
                errors.append(error)
        raise errors[0]

    return Rung(rungs[0].name, climb)


class Route:
    """The way to one host and port; remembers the addresses that the resolver gave."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.where = place(host, port)
        self._addresses: list[Address] = []

    def resolve(self, timeout: float) -> str:
        """The addresses of the host, as text.

        Raises:
            Unreachable, TimedOut: rung dns, with what the resolver said.

        """
        self._addresses = resolve(self.host, self.port, timeout)
        return ", ".join(dict.fromkeys(str(address[0]) for _, address in self._addresses))

    def connect(self, timeout: float) -> str:
        """The address that took the connection, as text.

        Raises:
            Unreachable, TimedOut: rung tcp.

        """
        with self.open(timeout) as connection:
            return "{}:{}".format(*connection.getpeername()[:2])

    def encrypt(
        self,
        context: ssl.SSLContext,
        server_name: str,
        timeout: float,
        starttls: Callable[[socket.socket], None] | None = None,
    ) -> str:
        """Version and certificate of the channel, in a few words.

        Raises:
            TlsFailed, Unreachable, TimedOut: rung tls.

        """
        return self._with_channel(describe_tls, context, server_name, timeout, starttls)

    def certificate_until(
        self,
        context: ssl.SSLContext,
        server_name: str,
        timeout: float,
        starttls: Callable[[socket.socket], None] | None = None,
    ) -> datetime | None:
        """When the server's certificate ends; None when it shows none.

        Raises:
            TlsFailed, Unreachable, TimedOut: rung tls.

        """
        return self._with_channel(certificate_until, context, server_name, timeout, starttls)

    def _with_channel(
        self,
        look: Callable[[ssl.SSLSocket], T],
        context: ssl.SSLContext,
        server_name: str,
        timeout: float,
        starttls: Callable[[socket.socket], None] | None,
    ) -> T:
        deadline = time.monotonic() + timeout
        connection = self.open(timeout)
        try:
            connection.settimeout(_left(deadline))
            if starttls is not None:
                starttls(connection)
                connection.settimeout(_left(deadline))
            with context.wrap_socket(connection, server_hostname=server_name) as channel:
                return look(channel)
        except TimeoutError:
            raise TimedOut(
                f"no TLS handshake with {self.where} within {show(timeout, 'duration')}",
                rung="tls",
                hint="the port is open, but what listens there may not speak TLS, or hangs",
            ) from None
        except OSError as error:
            raise translate_os_error(error, self.where, rung="tls") from None
        finally:
            connection.close()

    def open(self, timeout: float) -> socket.socket:
        """A connected socket: the host's addresses are tried in turn, each with a fair share of the time."""
        deadline = time.monotonic() + timeout
        addresses = self._addresses or resolve(self.host, self.port, timeout)
        errors: list[CallError] = []
        for number, (family, address) in enumerate(addresses):
            share = _left(deadline) / (len(addresses) - number)
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(share)
                connection.connect(address)
            except OSError as error:
                connection.close()
                errors.append(translate_os_error(error, self.where, rung="tcp", timeout=timeout))
            else:
                return connection
        # A refusal tells more than a route that is missing: many names have an IPv6 address that leads nowhere.
        raise min(errors, key=lambda error: error.code != "ECONNREFUSED")


def resolve(host: str, port: int, timeout: float) -> list[Address]:
    """The addresses of a host, within `timeout` seconds.

    The system's resolver knows no timeout, so that a name is looked up on a thread of its own, which is left behind
    when it takes too long.

    Raises:
        Unreachable, TimedOut: rung dns.

    """
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return _look_up(host, port, timeout)
    if literal.version == 4:
        return [(socket.AF_INET, (host, port))]
    return [(socket.AF_INET6, (host, port, 0, 0))]


def _look_up(host: str, port: int, timeout: float) -> list[Address]:
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name=f"sysint-dns-{host}", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimedOut(
            f"the resolver gave no answer for '{host}' within {show(timeout, 'duration')}",
            rung="dns",
            hint="the name server of this machine may be unreachable: see /etc/resolv.conf",
        ) from None
    if isinstance(answer, OSError):
        raise _unknown_host(answer, host)
    if isinstance(answer, Exception):
        raise Unreachable(f"'{host}' cannot be a host name", rung="dns", hint="check the url's host for a slip")
    return answer


def _unknown_host(error: OSError, host: str) -> Unreachable:
    said = error.strerror or str(error)
    hints = {
        socket.EAI_NONAME: "check the spelling; a name inside a cluster or a VPN is known only there",
        socket.EAI_AGAIN: "the name server did not answer properly; without a network there is none",
    }
    hint = hints.get(error.errno or 0, "check the name, and the name servers of this machine")
    code = next((name for name in ("EAI_NONAME", "EAI_AGAIN", "EAI_FAIL") if getattr(socket, name) == error.errno), "")
    return Unreachable(f"'{host}' could not be resolved; the resolver says: {said}", rung="dns", code=code, hint=hint)


def _left(deadline: float) -> float:
    """What is left until the deadline, never so little that a socket would become non-blocking."""
    return max(deadline - time.monotonic(), 0.001)


_ERRORS: dict[int, tuple[str, str]] = {
    errno.ECONNREFUSED: (
        "{where} refused the connection",
        "nothing listens on that port: is the service started, is the port right, does it listen on this address?",
    ),
    errno.ECONNRESET: (
        "{where} reset the connection",
        "the service crashed or closed it, a proxy stands between, or it speaks another protocol",
    ),
    errno.ECONNABORTED: ("the connection to {where} was aborted", "the service or a proxy gave it up"),
    errno.EPIPE: ("{where} closed the connection while it was written to", "the service crashed or refused what came"),
    errno.EHOSTUNREACH: (
        "there is no way to {where}",
        "the host is down, a firewall stands between, or a VPN is off",
    ),
    errno.ENETUNREACH: ("there is no network that leads to {where}", "is this machine connected, and its VPN up?"),
    errno.ENETDOWN: ("the network to {where} is down", "is this machine connected?"),
    errno.ETIMEDOUT: ("{where} does not answer", "a firewall may drop the packets, or the host is down"),
    errno.EADDRNOTAVAIL: ("no local address is free to reach {where}", "too many connections were opened at once"),
    errno.EMFILE: ("this process has no file handle left for {where}", "raise `ulimit -n`, or lower the concurrency"),
    errno.ENFILE: ("this machine has no file handle left to reach {where}", "raise the system's limit of open files"),
    errno.ENOENT: ("there is no socket at {where}", "is the service started, and is the path right?"),
    errno.EACCES: ("this user may not connect to {where}", "check the permissions of the socket, and the firewall"),
    errno.EPERM: ("this user may not connect to {where}", "check the permissions of the socket, and the firewall"),
}


_MID_CONVERSATION = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
"""Errors of a connection that was there; all others say that there was none, whatever was about to be asked."""


def translate_os_error(error: BaseException, where: str, *, rung: str = "", timeout: float | None = None) -> CallError:
    """The error of a socket in words. `where` names the other side, such as `db.local:5432`.

    Looks through what the error was caused by, since drivers wrap what the system says. `rung` is where the
    conversation stood; a lookup or a handshake that failed says so itself. With `timeout` the message tells how long
    was waited.
    """
    if isinstance(error, CallError):
        return error
    found = system_error(error)
    if isinstance(found, ssl.SSLError) and not isinstance(found, TimeoutError):
        return explain_tls(found, where)
    if isinstance(found, socket.gaierror):
        return _unknown_host(found, where.rpartition(":")[0] or where)
    if isinstance(found, TimeoutError):
        return too_late(where, rung, timeout)
    number = found.errno if found is not None else None
    if number in _ERRORS:
        said, hint = _ERRORS[number]
        text = said.format(where=where)
        broke_at = rung if number in _MID_CONVERSATION else "tcp"
        return Unreachable(text, rung=broke_at, code=errno.errorcode.get(number, ""), hint=hint)
    said = os.strerror(number) if number else redact(str(error)) or type(error).__name__
    return Unreachable(f"the connection to {where} failed: {said}", rung=rung)


def system_error(error: BaseException) -> OSError | None:
    """The system's own error under what a driver raised, or None."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        if isinstance(at, OSError):
            return at
        seen.add(id(at))
        at = at.__cause__ or at.__context__
    return None


def too_late(where: str, rung: str, timeout: float | None) -> TimedOut:
    """The error for a counterpart that did not answer within `timeout` seconds."""
    within = f" within {show(timeout, 'duration')}" if timeout is not None else " in time"
    if rung == "tcp":
        hint = "a firewall may drop the packets, or the host is down or overloaded"
        return TimedOut(f"{where} did not take the connection{within}", rung=rung, code="ETIMEDOUT", hint=hint)
    return TimedOut(
        f"{where} gave no answer{within}",
        rung=rung,
        hint="the service hangs or is overloaded; a longer `timeout` helps only if it is slow by design",
    )
