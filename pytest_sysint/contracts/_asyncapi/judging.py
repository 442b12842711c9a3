"""Messages of a channel, each held against the types of message that the channel may carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_sysint.contracts._asyncapi.document import MessageType
from pytest_sysint.contracts._asyncapi.schemas import Headers, Texts, json_schema, payload_schema, schema_of
from pytest_sysint.contracts._messages.framed import Framed, Stripped
from pytest_sysint.contracts._messages.json_schema import JsonPayload
from pytest_sysint.contracts._messages.message import Fault, Message, PayloadSchema
from pytest_sysint.contracts._messages.promise import Reads
from pytest_sysint.contracts._messages.registry import Registry
from pytest_sysint.contracts._messages.rules import Breach, Finding, faults_said
from pytest_sysint.core.errors import Mistake, Mistakes

PAYLOAD, HEADERS, KEY, CONTENT_TYPE, CORRELATION = "payload", "headers", "key", "content_type", "correlation_id"
_RULES = (PAYLOAD, HEADERS, KEY, CONTENT_TYPE, CORRELATION)


@dataclass(frozen=True, slots=True)
class Sort:
    """A type of message, ready to judge with."""

    name: str
    payload: PayloadSchema | Texts | None
    headers: Headers
    key: PayloadSchema | None
    content_type: str
    correlation: str
    framed: bool
    """The document says that payloads begin with the id of their schema."""

    @classmethod
    def of(cls, message: MessageType, protocols: tuple[str, ...]) -> Sort:
        """Everything that a document says of a message, compiled.

        Raises:
            Mistakes: when a schema cannot be used.

        """
        binding: Mapping[str, Any] = next(
            (message.bindings[each] for each in protocols if each in message.bindings), {}
        )
        return cls(
            name=message.name,
            payload=payload_schema(message),
            headers=Headers.of(message.headers, message.name),
            key=_key(binding.get("key"), message.name),
            content_type=message.content_type.partition(";")[0].strip().lower(),
            correlation=message.correlation,
            framed=binding.get("schemaIdLocation") == "payload",
        )

    @property
    def rules(self) -> frozenset[str]:
        """What it says anything of."""
        said = {
            PAYLOAD: self.payload,
            HEADERS: self.headers.schemas,
            KEY: self.key,
            CONTENT_TYPE: self.content_type,
            CORRELATION: self.correlation,
        }
        return frozenset(rule for rule, what in said.items() if what)

    def reads(self, registry: Registry | None) -> Reads | None:
        """What reads payloads: by way of the registry where there is one, without the schema's id where it stands."""
        if self.payload is None or isinstance(self.payload, Texts):
            return self.payload
        if registry is not None:
            return Framed(registry, self.payload)
        return Stripped(self.payload) if self.framed else self.payload


def _key(schema: Any, name: str) -> PayloadSchema | None:
    if schema is None:
        return None
    plain = schema.followed().value
    if isinstance(plain, dict) and plain.get("type") == "record":
        return schema_of(schema, "application/vnd.apache.avro", f"{name} key")
    try:
        return json_schema(schema, f"{name} key")
    except ValueError as error:
        raise Mistakes(Mistake((), f"key of message '{name}': {error}")) from None


@dataclass(frozen=True, slots=True)
class Sorted:
    """What came of a sample."""

    findings: tuple[Finding, ...]
    seen: Counter[str]
    """Type of message -> how many messages fit it."""


def judge(sorts: Sequence[Sort], messages: Sequence[Message], registry: Registry | None) -> Sorted:
    """Each message must fit one of the sorts; what it has against the nearest of them is what is wrong with it."""
    if not sorts:
        return Sorted((), Counter())
    readers = [(sort, sort.reads(registry)) for sort in sorts]
    breaches: dict[str, list[Breach]] = {}
    seen: Counter[str] = Counter()
    for message in messages:
        found = [(sort, _faults(sort, reads, message)) for sort, reads in readers]
        nearest, faults = min(found, key=lambda each: _distance(each[1]))
        if not faults:
            seen[nearest.name] += 1
        for rule, said in faults.items():
            fits = f"does not fit '{nearest.name}'"
            if len(sorts) > 1:
                fits = f"fits none of {', '.join(sort.name for sort in sorts)}; nearest is '{nearest.name}'"
            breaches.setdefault(rule, []).append(Breach(message.at, f"{fits}: {faults_said(said)}"))
    judged = frozenset[str]().union(*(sort.rules for sort in sorts))
    if not any(message.content_type for message in messages):
        judged -= {CONTENT_TYPE}  # none says one, so there is nothing to compare
    names = " or ".join(f"'{sort.name}'" for sort in sorts)
    findings = [
        Finding(rule, f"each fits {names}", len(messages), breaches.get(rule, [])) for rule in _RULES if rule in judged
    ]
    return Sorted(tuple(findings), seen)


def _distance(faults: dict[str, list[Fault]]) -> tuple[bool, int]:
    """How far a message is from a sort: another payload is farther than any number of headers."""
    return PAYLOAD in faults, sum(len(each) for each in faults.values())


def _faults(sort: Sort, reads: Reads | None, message: Message) -> dict[str, list[Fault]]:
    """Rule -> what is wrong with the message; rules that it keeps are left out."""
    found = {
        PAYLOAD: _payload_faults(reads, message),
        HEADERS: list(sort.headers.faults(message)),
        KEY: list(_key_faults(sort, message)),
        CONTENT_TYPE: list(_content_type_faults(sort, message)),
        CORRELATION: list(_correlation_faults(sort, reads, message)),
    }
    return {rule: faults for rule, faults in found.items() if faults}


def _payload_faults(reads: Reads | None, message: Message) -> list[Fault]:
    if reads is None:
        return []
    return [Fault("", "there is no payload")] if message.raw is None else list(reads.faults(message.raw))


def _key_faults(sort: Sort, message: Message) -> Iterator[Fault]:
    if sort.key is None:
        return
    if message.raw_key is None:
        yield Fault("", "there is no key")
    elif isinstance(sort.key, JsonPayload):
        yield from _text_or_json(sort.key, message.raw_key)
    else:
        yield from sort.key.faults(message.raw_key)


def _text_or_json(schema: JsonPayload, body: bytes) -> list[Fault]:
    """A key is mostly a bare text, which is no JSON: it may fit as what it is, or as what it means."""
    try:
        as_text = list(schema.faults_of(body.decode()))
    except UnicodeDecodeError:
        return [Fault("", "is no text in UTF-8")]
    as_json = list(schema.faults(body))
    return [] if not as_text or not as_json else as_text


def _content_type_faults(sort: Sort, message: Message) -> Iterator[Fault]:
    """A message that does not say its content type has that of the document."""
    said = message.content_type.partition(";")[0].strip().lower()
    if sort.content_type and said and said != sort.content_type:
        yield Fault("", f"is {said}, and {sort.content_type} is what the document says")


def _correlation_faults(sort: Sort, reads: Reads | None, message: Message) -> Iterator[Fault]:
    if not sort.correlation:
        return
    source, _, pointer = sort.correlation.partition("#")
    held = message.parts.get("headers") if source == "$message.header" else _value(reads, message)
    for step in pointer.split("/")[1:]:
        held = held.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(held, dict) else None
    # AMQP has a property of its own for it, beside the headers.
    beside = message.parts.get(pointer.removeprefix("/")) if source == "$message.header" else None
    if held in (None, "") and not beside:
        yield Fault("", f"there is none at {sort.correlation}")


def _value(reads: Reads | None, message: Message) -> Any:
    if reads is None or message.raw is None or next(reads.faults(message.raw), None) is not None:
        return message.payload
    return reads.value(message.raw)
