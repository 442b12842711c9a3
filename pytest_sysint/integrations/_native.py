"""The `httpx.Client` that hand-written tests get, carried by the same connections and deadlines as declared checks."""

from __future__ import annotations

from typing import Any

import httpx

from pytest_sysint.core.errors import CallError, Garbled, TimedOut, TooLarge
from pytest_sysint.integrations._call import Base
from pytest_sysint.integrations._wire import Message, Transport

_SECONDS = 30.0
_ERRORS: tuple[tuple[type[CallError], type[httpx.TransportError]], ...] = (
    (TimedOut, httpx.ReadTimeout),
    (Garbled, httpx.RemoteProtocolError),
    (TooLarge, httpx.ReadError),
    (CallError, httpx.ConnectError),
)


def native_client(base: Base, transport: Transport, settings: Any) -> httpx.Client:
    """A client with the declared url, headers and credentials, that keeps its cookies to itself."""
    return httpx.Client(
        base_url=f"{base.scheme}://{base.authority}{base.prefix}",
        headers={"user-agent": "pytest-sysint", "accept-encoding": "gzip, deflate"},
        transport=_Carrier(base, transport, settings.max_body),
        follow_redirects=settings.follow_redirects,
        timeout=_SECONDS,
        trust_env=False,
    )


class _Carrier(httpx.BaseTransport):
    """Adds what is declared at the last moment, so that httpx's own log lines never hold a secret."""

    def __init__(self, base: Base, transport: Transport, limit: int) -> None:
        self._base = base
        self._transport = transport
        self._limit = limit

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        base = self._base
        if (request.url.scheme, request.url.netloc.decode()) != (base.scheme, base.authority):
            said = f"this client talks to {base.scheme}://{base.authority} only, as declared"
            raise httpx.UnsupportedProtocol(said, request=request)
        headers = {**_encoded(base.headers), **_encoded(dict(base.credentials.headers))}
        headers.update((name.lower(), value) for name, value in request.headers.raw)
        target = request.url.raw_path
        if base.credentials.query:
            target += (b"&" if b"?" in target else b"?") + base.credentials.query.encode()
        seconds = request.extensions.get("timeout", {}).get("read") or _SECONDS
        try:
            message = Message(request.method.encode(), target, list(headers.items()), request.read())
            answer = self._transport.exchange(message, timeout=seconds, limit=self._limit)
        except CallError as error:
            kind = next(kind for sort, kind in _ERRORS if isinstance(error, sort))
            raise kind(str(error), request=request) from error
        extensions = {"http_version": answer.http_version.encode(), "reason_phrase": answer.reason.encode("latin-1")}
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, extensions=extensions)


def _encoded(headers: Any) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in headers.items()}
