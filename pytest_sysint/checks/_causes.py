"""The likely cause of a failure, in a sentence: what a person who has seen many of these would look at first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_sysint.core.capabilities import Requestable
from pytest_sysint.core.errors import CallError, Denied, Garbled, TimedOut, TlsFailed, TooLarge, Unreachable
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.records import Assertion

_DNS = "the host name is not known here: a typing error in the url, or a network or VPN that is not connected"
_BY_ERROR: tuple[tuple[type[CallError], str, str], ...] = (
    (TimedOut, "tcp", "packets are lost on the way: a firewall, a security group, or the wrong network"),
    (
        TimedOut,
        "",
        "connected, but not answered in time: it is overloaded, hangs, or waits for another system",
    ),
    (
        Unreachable,
        "tcp",
        "nothing listens there: the service is stopped, or the url has the wrong host or port",
    ),
    (
        Unreachable,
        "",
        "the connection was lost: the service stopped, or something between closes connections",
    ),
    (
        TlsFailed,
        "",
        "the certificate is expired, made for another name, or not signed by an authority trusted here",
    ),
    (Denied, "", "the user, password or token is wrong or expired, or has no right to do this"),
    (
        Garbled,
        "",
        "something else answers there: a wrong port, a proxy, or TLS where plain text was expected",
    ),
    (TooLarge, "", "the operation asks for too much; narrow it, or raise the limit of the integration"),
)

_BY_STATUS: tuple[tuple[range, str], ...] = (
    (range(401, 402), "the credentials are missing, wrong or expired"),
    (range(403, 404), "the credentials are known, but have no right to do this"),
    (range(404, 405), "there is nothing at that path: a typing error, or another version of the service"),
    (range(429, 430), "too many requests: give the integration a budget"),
    (range(502, 505), "a proxy answered: the service behind it is down, starting, or too slow"),
    (range(500, 600), "the service itself failed; its log says why"),
)


def cause_of_error(error: CallError) -> str:
    """Why a conversation probably broke: what the type says, else what its sort of error says."""
    if error.hint:
        return error.hint
    if error.rung == "dns":
        return _DNS
    fitting = (said for kind, rung, said in _BY_ERROR if isinstance(error, kind) and rung in ("", error.rung))
    return next(fitting, "")


def cause_of(assertions: Iterable[Assertion], status: Any, integration: Integration[Any]) -> str:
    """Why an answer probably displeased; empty when the assertions say all that is known."""
    failed = [item.name for item in assertions if item.status == "failed" and item.severity == "fail"]
    speaks_http = isinstance(integration, Requestable) and isinstance(status, int)
    if failed and speaks_http and (said := next((text for codes, text in _BY_STATUS if status in codes), "")):
        return said
    if failed == ["latency"]:
        return "slower than expected: the service or the way to it is busy, or this machine is"
    return ""
