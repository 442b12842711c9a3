"""What every type that speaks HTTP shares: settings, the request operation, the client, the probe ladder."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import unquote

from pydantic import Field, field_validator

from pytest_sysint.core.capabilities import Carried
from pytest_sysint.core.errors import CallError, Denied, Rejected
from pytest_sysint.core.integration import Integration, Measure, Observation, Operation, Rung, Settings, Stopwatch
from pytest_sysint.core.records import Effect, Exchange
from pytest_sysint.core.secrets import learn_url
from pytest_sysint.core.units import Size
from pytest_sysint.integrations._auth import Auth
from pytest_sysint.integrations._body import decode, digest, fold, read_payload, secret_header, show_message
from pytest_sysint.integrations._call import Base, Call, find_proxy, redirected, split_request
from pytest_sysint.integrations._net import Route, network_rungs
from pytest_sysint.integrations._tls import Tls, context_for
from pytest_sysint.integrations._wire import Answer, Transport

_MOST_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class HttpSettings(Settings):
    """What is declared of a service that speaks HTTP."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")

    auth: Auth | None = None
    """The credentials that go with every request."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers that go with every request."""
    tls: Tls = Tls()
    """How the encrypted channel is made."""
    follow_redirects: bool = False
    """Whether redirects are followed, as long as they stay on the declared host."""
    max_body: Size = 10 * 2**20
    """The largest answer that is read; a larger one is an error, and is not read to its end."""
    proxy: str = ""
    """The url of an HTTP proxy, or `environment` for the one that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name."""


class Request(Operation):
    """One HTTP request. The body of the answer is the payload: parsed JSON, else text."""

    request: str
    """Method and path, such as `GET /residents`; the path continues that of the url."""
    json_: Any = Field(default=None, alias="json", description="A body to send as JSON.")
    form: dict[str, Any] | None = None
    """A body to send as a form."""
    body: str | None = None
    """A body to send as it is; name its content type in `headers`."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of this request; they replace the integration's of the same name."""
    query: dict[str, Any] = Field(default_factory=dict)
    """Query parameters; a list repeats its name."""
    auth: Auth | Literal["none"] | None = None
    """Other credentials for this request, or `none`."""
    follow_redirects: bool | None = None
    """Whether redirects are followed; left out, as the integration says."""

    @field_validator("request")
    @classmethod
    def _readable(cls, text: str) -> str:
        split_request(text)
        return text

    def effect(self) -> Effect:
        return "read" if split_request(self.request)[0] in _READS else "write"

    def default_expect(self) -> dict[str, Any]:
        return {"status": "< 400"}

    def perform(self, integration: HttpIntegration[Any], timeout: float) -> Observation:
        method, path = split_request(self.request)
        return integration.request(method, path, timeout=timeout, **self._options())

    def reproduce(self, integration: HttpIntegration[Any]) -> str:
        return integration.curl(*split_request(self.request), self._options())

    def _options(self) -> dict[str, Any]:
        given = self.model_fields_set - {"request"}
        return {name.rstrip("_"): getattr(self, name) for name in given}


HS = TypeVar("HS", bound=HttpSettings)


class HttpIntegration(Integration[HS]):
    """A service that speaks HTTP."""

    def __init__(self, settings: HS, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._client: Any = None

    @cached_property
    def base(self) -> Base:
        """The url, taken apart."""
        return Base.of(self.settings)

    @property
    def transport(self) -> Transport:
        """What carries the requests; made when it is first needed."""
        with self._lock:
            if self._transport is None:
                self._transport = self._make_transport()
            return self._transport

    def _make_transport(self) -> Transport:
        base, tls = self.base, self.settings.tls
        return Transport(
            base.host,
            base.port,
            context=context_for(tls, ("http/1.1",)) if base.scheme == "https" else None,
            server_name=tls.server_name,
            proxy=find_proxy(self.settings.proxy, base),
        )

    @property
    def client(self) -> Any:
        """An `httpx.Client` with the declared url, headers and credentials. It talks to the declared host only."""
        from pytest_sysint.integrations._native import native_client

        transport = self.transport
        with self._lock:
            if self._client is None:
                self._client = native_client(self.base, transport, self.settings)
            return self._client

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
            transport, self._transport = self._transport, None
        if client is not None:
            client.close()
        if transport is not None:
            transport.close()

    def call(self, method: str, path: str, options: Mapping[str, Any]) -> Call:
        """A request made ready: `options` are the fields of the `request` operation that are given."""
        return self.base.call(method, path, options)

    def request(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation:
        """Send a request; `options` are `json`, `form`, `body`, `headers`, `query`, `auth`, `follow_redirects`, `raw`.

        The payload is the body (parsed JSON, else text, None for what is binary or empty; its bytes with `raw=True`).
        Facts: status, reason, headers (by lower-case name), size (bytes), content_type, http_version, redirects,
        sha256 of a binary body.

        Raises:
            CallError: when there is no answer, or none that can be read.

        """
        watch = Stopwatch()
        call = self.call(method, path, options)
        follow = options.get("follow_redirects")
        most = _MOST_REDIRECTS if (self.settings.follow_redirects if follow is None else follow) else 0
        redirects, answer = 0, self._send(call, timeout)
        while redirects < most and answer.status in _REDIRECTS:
            location = fold(answer.headers).get("location")
            if not location:
                break
            call = redirected(call, self.base, answer.status, location)
            redirects, answer = redirects + 1, self._send(call, timeout, watch.elapsed())
        if most and redirects == most and answer.status in _REDIRECTS:
            raise Rejected(f"{call.title} is redirected without end ({most} times)", code=str(answer.status))
        return self._observe(call, answer, watch, redirects, raw=options.get("raw", False))

    def carried(self) -> Carried:
        """What goes with every request by itself."""
        known, own = self.base.credentials, self.base.headers
        return Carried(
            headers={name: value for name, value in own.items() if not secret_header(name)},
            secret_headers=frozenset({*(name for name, _ in known.headers), *filter(secret_header, own)}),
            secret_parameters=frozenset({unquote(known.query.partition("=")[0])} if known.query else ()),
        )

    def _send(self, call: Call, timeout: float, spent: float = 0.0) -> Answer:
        return self.transport.exchange(call.message, timeout=timeout, limit=self.settings.max_body, spent=spent)

    def _observe(self, call: Call, answer: Answer, watch: Stopwatch, redirects: int, *, raw: bool) -> Observation:
        headers = fold(answer.headers)
        where = self.transport.where
        body = decode(answer, headers, where, self.settings.max_body)
        payload = body if raw else read_payload(body, headers, answer.status, where)
        facts: dict[str, Any] = {
            "status": answer.status,
            "reason": answer.reason,
            "headers": headers,
            "size": len(body),
            "content_type": headers.get("content-type", "").partition(";")[0].strip().lower(),
            "http_version": answer.http_version,
            "redirects": redirects,
        }
        if body and payload is None:
            facts["sha256"] = digest(body)
        phases = {"connect": 0.0, **({"tls": 0.0} if self.base.scheme == "https" else {}), **answer.phases}
        phases["total"] = watch.elapsed()
        exchange = Exchange(
            title=call.title,
            sent=call.show(),
            received=show_message(f"{answer.http_version} {answer.status} {answer.reason}", answer.headers, body),
            at=watch.started_at,
            ms=phases["total"] * 1000,
        )
        return Observation(payload, facts, phases, exchange)

    @property
    def probe(self) -> str:
        """The path that the ladder asks for; empty for the url itself."""
        return ""

    def rungs(self) -> Iterable[Rung]:
        base, tls = self.base, self.settings.tls
        proxy = find_proxy(self.settings.proxy, base)
        if proxy is not None:
            yield from network_rungs(proxy.host, proxy.port)
        else:
            context = context_for(tls, ("http/1.1",)) if base.scheme == "https" else None
            yield from network_rungs(base.host, base.port, tls=context, server_name=tls.server_name)
        if base.has_credentials:
            yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)

    def _authenticate(self, timeout: float) -> str:
        status = self.request("GET", self.probe, timeout=timeout).facts["status"]
        if status in (401, 403, 407):
            raise Denied(
                f"{self.transport.where} refused the credentials: status {status}",
                code=str(status),
                hint="check the token, key or password in `auth`: it may be wrong, expired, or of another environment",
            )
        return f"not refused ({status})"

    def _ping(self, timeout: float) -> str:
        facts = self.request("GET", "", timeout=timeout).facts
        seen = f"{facts['http_version']} {facts['status']} {facts['reason']}".strip()
        if facts["status"] >= 500:
            hint = "the service, or what it depends on, is broken or still starting: see its log"
            raise Rejected(f"{self.transport.where} answered {seen}", rung="ping", code=str(facts["status"]), hint=hint)
        return seen

    def reproduce(self) -> str:
        return self.curl("GET", self.probe, {})

    def curl(self, method: str, path: str, options: Mapping[str, Any]) -> str:
        """The curl command for a request, without secrets; empty when the url cannot be read."""
        try:
            return self.call(method, path, options).curl(self.settings)
        except CallError:
            return ""


class CertificateExpiresIn(Measure):
    """How long the server's certificate is still valid; none without TLS."""

    dimension: ClassVar[str] = "duration"
    certificate_expires_in: Any = Field(description='What the remaining time must satisfy, such as `"> 14d"`.')

    def measure(self, integration: HttpIntegration[Any], timeout: float) -> float | None:
        base = integration.base
        if base.scheme != "https" or find_proxy(integration.settings.proxy, base) is not None:
            return None
        # An expired certificate is to be measured, not refused.
        context = context_for(integration.settings.tls.model_copy(update={"verify": False}))
        name = integration.settings.tls.server_name or base.host
        until = Route(base.host, base.port).certificate_until(context, name, timeout)
        return until.timestamp() - time.time() if until else None
