"""GraphQL APIs: one endpoint that answers documents with data, and tells its errors in the answer itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from pytest_sysint.core.errors import Denied, Garbled, Rejected
from pytest_sysint.core.integration import Observation, Operation, Rung, with_facts
from pytest_sysint.core.records import Effect
from pytest_sysint.integrations._auth import Auth
from pytest_sysint.integrations._http import CertificateExpiresIn, HttpIntegration, HttpSettings

PING = "{ __typename }"
_ACCEPT = "application/graphql-response+json, application/json"
_SENT = ("variables", "headers", "auth")
_REFUSED_CREDENTIALS = frozenset({"UNAUTHENTICATED", "FORBIDDEN"})
_KEPT_OF_BODY = 200


class Settings(HttpSettings):
    """Where the endpoint is, and how it is talked to. The url is that of the endpoint itself (`.../graphql`)."""


class _Document(Operation):
    """One GraphQL operation. The `data` of the answer is the payload."""

    sort: ClassVar[str]

    variables: dict[str, Any] = Field(default_factory=dict)
    """Values for the variables of the document."""
    operation: str = ""
    """Which operation of the document is carried out, when it holds several."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers of this request; they replace the integration's of the same name."""
    auth: Auth | Literal["none"] | None = None
    """Other credentials for this request, or `none`."""

    @classmethod
    def key(cls) -> str:
        return cls.sort

    @property
    def text(self) -> str:
        """The document."""
        return str(getattr(self, self.key()))

    @model_validator(mode="after")
    def _readable(self) -> _Document:
        _check(self.text, self.operation, self.sort)
        return self

    def title(self) -> str:
        return re.sub(r"\s+", " ", self.text).strip()

    def default_expect(self) -> dict[str, Any]:
        return {"status": "< 400", "errors": []}

    def perform(self, integration: GraphQL, timeout: float) -> Observation:
        return integration.execute(self.text, timeout=timeout, operation=self.operation, **self._options())

    def reproduce(self, integration: GraphQL) -> str:
        return integration.curl("POST", "", integration.as_request(self.text, self.operation, self._options()))

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SENT if name in self.model_fields_set}


class Query(_Document):
    """Ask for data. The `data` of the answer is the payload."""

    sort: ClassVar[str] = "query"

    query: str
    """The document: `{ residents { id } }`."""

    def effect(self) -> Effect:
        return "read"


class Mutation(_Document):
    """Change something. The `data` of the answer is the payload."""

    sort: ClassVar[str] = "mutation"

    mutation: str
    """The document: `mutation { admit(name: "Ann") { id } }`."""

    def effect(self) -> Effect:
        return "write"


class GraphQL(HttpIntegration[Settings]):
    """A GraphQL endpoint."""

    category = "api"
    driver = "graphql"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (Query, Mutation, CertificateExpiresIn)

    def execute(self, document: str, *, timeout: float, **options: Any) -> Observation:
        """Send a document; `options` are `variables`, `operation`, `headers`, `auth`.

        The payload is `data`. Facts: those of an HTTP answer, `errors` (their texts), `error_count`, `codes`
        (`extensions.code` of each that has one), `extensions`.

        Raises:
            CallError: when there is no answer, or a success that is none of GraphQL.

        """
        request = self.as_request(document, options.pop("operation", ""), options)
        return _observed(self.request("POST", "", timeout=timeout, **request), self.transport.where)

    def as_request(self, document: str, operation: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options of the HTTP request that carries a document."""
        body: dict[str, Any] = {"query": document}
        if options.get("variables"):
            body["variables"] = options["variables"]
        if operation:
            body["operationName"] = operation
        given = {name: options[name] for name in ("headers", "auth") if options.get(name) is not None}
        return {**given, "json": body, "headers": {"accept": _ACCEPT, **given.get("headers", {})}}

    def introspect(self, timeout: float) -> dict[str, Any]:
        """What the endpoint tells of its schema: the map under `__schema`, with `__schema` itself.

        Raises:
            CallError: when it does not tell.

        """
        import graphql

        seen = self.execute(graphql.get_introspection_query(descriptions=False), timeout=timeout)
        if not isinstance(seen.payload, dict) or "__schema" not in seen.payload:
            texts = next(iter(seen.facts["errors"]), f"status {seen.facts['status']}")
            hint = "introspection may be switched off there: compare where it is on, or name a schema file"
            raise Rejected(f"{self.transport.where} does not tell its schema: {texts}", rung="read", hint=hint)
        return dict(seen.payload)

    def rungs(self) -> Iterable[Rung]:
        yield from (rung for rung in super().rungs() if rung.name not in ("authentication", "ping"))
        if self.base.has_credentials:
            yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)

    def _authenticate(self, timeout: float) -> str:
        facts = self.execute(PING, timeout=timeout).facts
        if facts["status"] in (401, 403, 407) or _REFUSED_CREDENTIALS & set(facts["codes"]):
            raise Denied(
                f"{self.transport.where} refused the credentials: {_said(facts)}",
                code=str(facts["status"]),
                hint="check the token, key or password in `auth`: it may be wrong, expired, or of another environment",
            )
        return f"not refused ({facts['status']})"

    def _ping(self, timeout: float) -> str:
        seen = self.execute(PING, timeout=timeout)
        name = seen.payload.get("__typename") if isinstance(seen.payload, dict) else None
        if seen.facts["status"] >= 400 or seen.facts["errors"] or not name:
            raise Rejected(
                f"{self.transport.where} answered {PING} with {_said(seen.facts)}",
                rung="ping",
                code=str(seen.facts["status"]),
                hint="check that the url is that of the endpoint, such as https://host/graphql",
            )
        return f"{PING} gave {name}"

    def reproduce(self) -> str:
        return self.curl("POST", "", self.as_request(PING, "", {}))


def _observed(seen: Observation, where: str) -> Observation:
    """The HTTP answer as one of GraphQL."""
    body, status = seen.payload, seen.facts["status"]
    spoken = isinstance(body, Mapping) and ("data" in body or isinstance(body.get("errors"), list))
    if not spoken and status < 400:
        raise Garbled(
            f"{where} answers, but not in GraphQL: {_start(body)}",
            rung="ping",
            hint="check that the url is that of the endpoint, such as https://host/graphql",
        )
    told: Mapping[str, Any] = body if spoken else {}
    errors = [each for each in told.get("errors") or () if isinstance(each, Mapping)]
    codes = [extensions.get("code") for each in errors if isinstance(extensions := each.get("extensions"), Mapping)]
    facts = {
        "errors": [str(each.get("message", "an error without a message")) for each in errors],
        "error_count": len(errors),
        "codes": [code for code in codes if code],
        "extensions": told.get("extensions") or {},
    }
    return with_facts(Observation(told.get("data"), seen.facts, seen.phases, seen.exchange), **facts)


def _start(body: Any) -> str:
    text = "an empty body" if body is None else str(body)
    return text if len(text) <= _KEPT_OF_BODY else f"{text[:_KEPT_OF_BODY]} ..."


def _said(facts: Mapping[str, Any]) -> str:
    return "; ".join(facts["errors"]) or f"status {facts['status']}"


def _check(text: str, operation: str, sort: str) -> None:
    """Refuse a document that cannot be carried out as it is declared; without graphql-core it goes as it is.

    Raises:
        ValueError: what is wrong with it.

    """
    try:
        import graphql
    except ImportError:
        return
    try:
        document = graphql.parse(text)
    except graphql.GraphQLSyntaxError as error:
        line, column = error.locations[0] if error.locations else (1, 1)
        raise ValueError(f"not a GraphQL document: {error.message} (line {line}, column {column} of it)") from None
    found = [each for each in document.definitions if isinstance(each, graphql.OperationDefinitionNode)]
    names = [each.name.value for each in found if each.name]
    if operation and operation not in names:
        raise ValueError(f"the document has no operation '{operation}' (it has: {', '.join(names) or 'none by name'})")
    if len(found) > 1 and not operation:
        raise ValueError(f"the document has {len(found)} operations; `operation` says which ({', '.join(names)})")
    chosen = next((each for each in found if not operation or (each.name and each.name.value == operation)), None)
    if chosen is None:
        raise ValueError("the document has no operation")
    if chosen.operation.value != sort:
        raise ValueError(f"this is a {chosen.operation.value}, declared as a {sort}")


TYPE = GraphQL
