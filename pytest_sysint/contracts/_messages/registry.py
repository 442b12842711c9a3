"""Schema registries that speak Confluent's REST API: what they keep, and whether a schema may follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.contracts._messages.formats import registered
from pytest_sysint.contracts._messages.message import PayloadSchema
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Denied, Garbled, Mistake, Mistakes, Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import Stopwatch, exchange
from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import learn_url, redact, reveal
from pytest_sysint.declaration.explain import read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import model_schema

if TYPE_CHECKING:
    import httpx

_MEDIA = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND, _BAD, _BROKEN = 404, 400, 500
_REFUSED = (401, 403)
_DEEPEST = 16
"""How far references of references are followed."""


class RegistryKeys(Declared):
    """Where the schema registry is, and how we are let in."""

    url: str = Field("", description="The url of the registry, such as https://registry:8081.")
    on: str = Field("", description="Instead of a url: the id of a declared HTTP integration that is the registry.")
    username: str = Field("", description="The user, for basic authentication.")
    password: Secret | None = Field(None, description="The user's password.")
    bearer: Secret | None = Field(None, description="A token, instead of user and password.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        said = "" if bool(self.url) != bool(self.on) else "give either the `url` of the registry, or `on`"
        if self.url and not _on_the_web(self.url):
            said = "expected a url such as https://registry:8081"
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return self


def _on_the_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def spelt_out(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A map whose `registry` may be a url alone, with that as a map."""
    found = dict(raw)
    if isinstance(found.get("registry"), str):
        found["registry"] = {"url": found["registry"]}
    return found


def read_registry(whole: Mapping[str, Any]) -> RegistryKeys | None:
    """The registry that stands beside a form of contract, for all of it; None without one.

    Raises:
        Mistakes: what is wrong with it.

    """
    if "registry" not in whole:
        return None
    try:
        return read_model(RegistryKeys, spelt_out(whole)["registry"])
    except Mistakes as error:
        # From the value of the form, which stands beside it.
        raise Mistakes(*(Mistake((), f"registry: {each.message}") for each in error.mistakes)) from None


def registry_schema() -> dict[str, Any]:
    """The JSON Schema of the key `registry`."""
    description = "The schema registry (Confluent's REST API) at which messages name their schemas: its url, or a map."
    return {"description": description, "anyOf": [{"type": "string"}, model_schema(RegistryKeys)]}


Run = Callable[[Context], Outcome]


def used_by(keys: RegistryKeys | None, declared: DeclaredIntegration) -> tuple[str, ...]:
    """The integrations that a check with this registry talks to."""
    return (keys.on,) if keys is not None and keys.on in declared.depends_on else ()


def reachable(run: Run, keys: RegistryKeys | None, declared: DeclaredIntegration) -> Run:
    """The run of a check; one that says what is missing, when the registry is an integration that is not known here."""
    if keys is None or not keys.on or keys.on in declared.depends_on:
        return run
    said = f"the registry is the integration '{keys.on}', which '{declared.id}' does not depend on"
    cause = f"declare it, and add it here: depends_on: [{keys.on}]"
    missing = Assertion(
        name="registry", status="failed", message=said, expected="a declared integration", tenant_id=declared.tenant
    )
    return lambda _: Outcome((missing,), cause=cause)


@dataclass(frozen=True, slots=True)
class Kept:
    """One version of a subject."""

    subject: str
    version: int
    id: int
    kind: str
    """AVRO, JSON, PROTOBUF."""
    text: str

    @property
    def title(self) -> str:
        """For people."""
        return f"'{self.subject}' version {self.version} (id {self.id})"


class Send(Protocol):
    """Carries one request, and gives the status and the JSON of its answer."""

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]: ...


class Registry:
    """A registry, for the length of one check."""

    def __init__(self, send: Send, where: str) -> None:
        self.where = where
        self._send = send
        self._by_id: dict[int, PayloadSchema | Rejected] = {}

    def schema(self, number: int) -> PayloadSchema:
        """The schema that a message names.

        Raises:
            Rejected: when there is none of that id, or it cannot be read.

        """
        if number not in self._by_id:
            try:
                self._by_id[number] = self._fetched(number)
            except Rejected as error:
                self._by_id[number] = error
        found = self._by_id[number]
        if isinstance(found, Rejected):
            raise found
        return found

    def _fetched(self, number: int) -> PayloadSchema:
        status, found = self._send("GET", f"/schemas/ids/{number}")
        if status == _NOT_FOUND:
            raise Rejected(f"the registry at {self.where} has no schema of id {number}", code="404")
        return self._read(f"schema {number} of the registry", self._map(status, found, "a schema"))

    def latest(self, subject: str) -> Kept | None:
        """The newest version of a subject; None when there is no such subject."""
        status, found = self._send("GET", f"/subjects/{quote(subject, safe='')}/versions/latest")
        if status == _NOT_FOUND:
            return None
        seen = self._map(status, found, f"subject '{subject}'")
        kind, version, number = str(seen.get("schemaType", "AVRO")), seen.get("version"), seen.get("id")
        if not isinstance(version, int) or not isinstance(number, int):
            raise self._garbled()
        return Kept(subject, version, number, kind, str(seen.get("schema", "")))

    def level(self, subject: str) -> str:
        """How new versions of a subject must be compatible: BACKWARD, FORWARD, FULL, NONE, ..."""
        status, found = self._send("GET", f"/config/{quote(subject, safe='')}?defaultToGlobal=true")
        if status == _NOT_FOUND:
            status, found = self._send("GET", "/config")
        return str(self._map(status, found, "the compatibility level").get("compatibilityLevel", ""))

    def objections(self, subject: str, schema: PayloadSchema) -> list[str]:
        """Why a schema could not become the next version of a subject; empty when it could."""
        path = f"/compatibility/subjects/{quote(subject, safe='')}/versions/latest?verbose=true"
        status, found = self._send("POST", path, {"schemaType": schema.kind, "schema": schema.text})
        seen = self._map(status, found, f"the compatibility with '{subject}'")
        if seen.get("is_compatible") is True:
            return []
        return [str(each) for each in seen.get("messages") or []] or ["the registry does not say why"]

    def _read(self, name: str, found: Mapping[str, Any]) -> PayloadSchema:
        try:
            references = dict(self._references(found, _DEEPEST))
            return registered(str(found.get("schemaType", "AVRO")), name, str(found.get("schema", "")), references)
        except (ValueError, Mistakes) as error:
            raise Rejected(f"{name} cannot be used: {error}") from None

    def _references(self, found: Mapping[str, Any], deepest: int) -> Iterator[tuple[str, str]]:
        """The schemas that a schema names, those that they name themselves first."""
        for each in found.get("references") or () if deepest else ():
            if not isinstance(each, Mapping) or not {"name", "subject", "version"} <= each.keys():
                raise self._garbled()
            path = f"/subjects/{quote(str(each['subject']), safe='')}/versions/{each['version']}"
            referred = self._map(*self._send("GET", path), f"reference '{each['name']}'")
            yield from self._references(referred, deepest - 1)
            yield str(each["name"]), str(referred.get("schema", ""))

    def _map(self, status: int, found: Any, what: str) -> Mapping[str, Any]:
        said = found.get("message", "") if isinstance(found, Mapping) else ""
        if status in _REFUSED:
            raise Denied(f"the registry at {self.where} refused the credentials: status {status}", code=str(status))
        if status >= _BROKEN:
            raise Unreachable(f"the registry at {self.where} answered {status} for {what}: {said}", code=str(status))
        if status >= _BAD:
            raise Rejected(f"the registry at {self.where} answered {status} for {what}: {said}", code=str(status))
        if not isinstance(found, Mapping):
            raise self._garbled()
        return found

    def _garbled(self) -> Garbled:
        return Garbled(f"{self.where} does not answer as a schema registry does", hint="check the registry's url")


@contextmanager
def opened(keys: RegistryKeys, context: Context) -> Iterator[Registry]:
    """The registry, for one check."""
    if keys.on:
        yield Registry(_through(context, keys.on), f"integration '{keys.on}'")
        return
    import httpx

    learn_url(keys.url)
    where = urlsplit(keys.url).hostname or ""
    headers = {"Accept": f"{_MEDIA}, application/json", "Content-Type": _MEDIA}
    if keys.bearer is not None:
        headers["Authorization"] = f"Bearer {reveal(keys.bearer)}"
    auth = (keys.username, reveal(keys.password)) if keys.username else None
    with httpx.Client(
        base_url=keys.url, auth=auth, headers=headers, timeout=context.timeout, trust_env=False
    ) as client:
        yield Registry(_directly(context, client, where), where)


def _through(context: Context, integration_id: str) -> Send:
    integration: Any = context.other(integration_id)

    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        options = {} if body is None else {"json": body}
        observation = integration.request(method, path, timeout=context.timeout, **options)
        context.note(observation.exchange)
        return int(observation.facts["status"]), observation.payload

    return send


def _directly(context: Context, client: httpx.Client, where: str) -> Send:
    import httpx

    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        watch = Stopwatch()
        try:
            answer = client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise _in_words(error, where) from None
        context.note(exchange(f"{method} {path}", str(body or ""), answer.text, watch))
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, None

    return send


def _in_words(error: Exception, where: str) -> CallError:
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"the schema registry at {where} gave no answer in time", rung="read")
    hint = "is the registry started, and is its url right?"
    return Unreachable(f"the schema registry at {where} cannot be reached: {redact(str(error))}", hint=hint)
