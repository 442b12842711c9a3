"""AsyncAPI documents of both generations (2.0 to 2.6, 3.0 and 3.1) as the same channels with the same messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.contracts._asyncapi.located import Documents, Located
from pytest_sysint.core.errors import Mistake, Mistakes

_PARAMETER = re.compile(r"\{([^{}]*)\}")
_VERSION = re.compile(r"(2\.[0-6]|3\.[01])\.\d+\S*")


@dataclass(frozen=True, slots=True)
class MessageType:
    """One sort of message that a channel may carry."""

    name: str
    payload: Located | None
    """The schema as it stands in the document, references not followed; None when nothing is said of the payload."""
    schema_format: str
    headers: tuple[Located, ...]
    """Schemas that the headers must match, all of them."""
    content_type: str
    correlation: str
    """Where the correlation id stands: `$message.header#/correlationId`; empty when there is none."""
    bindings: Mapping[str, Any] = field(default_factory=dict)
    """By protocol. Values are plain, but for schemas in them (`key`), which are `Located`."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel with the messages that it may carry."""

    key: str
    address: str
    """Empty when the document does not tell it."""
    protocols: frozenset[str]
    """Of the servers on which it is."""
    servers: frozenset[str]
    bindings: Mapping[str, Mapping[str, Any]]
    parameters: Mapping[str, Mapping[str, Any]]
    """What the document says of the parameters of the address: enum, default."""
    messages: tuple[MessageType, ...]

    @property
    def in_address(self) -> frozenset[str]:
        """The parameters that stand in the address."""
        return frozenset(_PARAMETER.findall(self.address))


def channels_of(documents: Documents) -> tuple[Channel, ...]:
    """The channels of a document.

    Raises:
        Mistakes: when it is no AsyncAPI document of a known version, or a reference in it leads nowhere.

    """
    root = documents.at_root()
    version = str(root.value.get("asyncapi", "")) if isinstance(root.value, dict) else ""
    if not version:
        raise Mistakes(Mistake((), f"'{documents.uri}' is no AsyncAPI document: it has no `asyncapi: VERSION`"))
    if not _VERSION.fullmatch(version):
        said = f"'{documents.uri}' is of AsyncAPI {version}; known are 2.0 to 2.6, 3.0 and 3.1"
        raise Mistakes(Mistake((), said))
    try:
        return tuple(_channels(root, _Second() if version.startswith("2") else _Third()))
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise Mistakes(Mistake((), f"'{documents.uri}' is not built as AsyncAPI {version} says: {error}")) from None


def _channels(root: Located, generation: _Second | _Third) -> Iterator[Channel]:
    servers = dict(_part(root, "servers").items())
    default = str(root.plain("defaultContentType", ""))
    for key, channel in _part(root, "channels").items():
        if not isinstance(channel.value, dict):
            raise TypeError(f"channel '{key}' is no map")
        own = generation.servers(channel) or frozenset(servers)
        yield Channel(
            key=key,
            address=generation.address(key, channel),
            protocols=frozenset(str(servers[name].plain("protocol", "")).lower() for name in own if name in servers),
            servers=own,
            bindings=_plain_map(channel, "bindings"),
            parameters={name: generation.parameter(each) for name, each in _part(channel, "parameters").items()},
            messages=tuple(generation.messages(channel, default)),
        )


def _part(holder: Located, key: str, empty: Any = None) -> Located:
    """What stands under a key; an empty map, or what is given, where there is nothing."""
    found = holder.get(key)
    if found is not None and found.value is not None:
        return found
    return Located(holder.documents, {} if empty is None else empty, holder.uri, "")


def _plain_map(holder: Located, key: str) -> dict[str, dict[str, Any]]:
    return {name: dict(each.value or {}) for name, each in _part(holder, key).items()}


class _Second:
    """AsyncAPI 2: a channel's key is its address, and messages stand in its operations."""

    def servers(self, channel: Located) -> frozenset[str]:
        return frozenset(str(name) for name in channel.plain("servers") or ())

    def address(self, key: str, channel: Located) -> str:
        return key

    def parameter(self, parameter: Located) -> dict[str, Any]:
        return dict(_part(parameter, "schema").value)

    def messages(self, channel: Located, default: str) -> Iterator[MessageType]:
        seen: set[str] = set()
        for action in ("publish", "subscribe"):
            message = _part(channel, action).get("message")
            if message is None:
                continue
            several = message.get("oneOf")
            for index, each in enumerate(several.each() if several else [message]):
                if each.reference not in seen:  # both actions may carry the same
                    seen.add(each.reference)
                    fallback = each.last_step if "components" in each.pointer else f"{action} {index + 1}"
                    yield self._message(each, default, fallback)

    def _message(self, message: Located, default: str, fallback: str) -> MessageType:
        name = message.plain("name") or message.plain("messageId") or fallback
        # A trait of AsyncAPI 2 is merged into the message: what it says wins.
        layers = [*reversed(list(_part(message, "traits", []).each())), message]
        return MessageType(
            name=str(name),
            payload=message.raw("payload") if "payload" in message else None,
            schema_format=str(_first(layers, "schemaFormat") or ""),
            headers=tuple(each.raw("headers") for each in layers if "headers" in each),
            content_type=str(_first(layers, "contentType") or default),
            correlation=_correlation(layers),
            bindings=_message_bindings(layers),
        )


class _Third:
    """AsyncAPI 3: channels have addresses, servers by reference, and messages of their own."""

    def servers(self, channel: Located) -> frozenset[str]:
        named = channel.plain("servers") or ()
        return frozenset(str(each["$ref"]).rpartition("/")[2] for each in named)

    def address(self, key: str, channel: Located) -> str:
        return str(channel.plain("address") or "")

    def parameter(self, parameter: Located) -> dict[str, Any]:
        return dict(parameter.value)

    def messages(self, channel: Located, default: str) -> Iterator[MessageType]:
        for key, message in _part(channel, "messages").items():
            # A trait of AsyncAPI 3 never wins over the message itself.
            layers = [message, *reversed(list(_part(message, "traits", []).each()))]
            payload, schema_format = _multi_format(message.raw("payload") if "payload" in message else None)
            headers = (_multi_format(each.raw("headers"))[0] for each in layers if "headers" in each)
            yield MessageType(
                name=str(message.plain("name") or key),
                payload=payload,
                schema_format=schema_format,
                headers=tuple(each for each in headers if each is not None),
                content_type=str(_first(layers, "contentType") or default),
                correlation=_correlation(layers),
                bindings=_message_bindings(layers),
            )


def _multi_format(schema: Located | None) -> tuple[Located | None, str]:
    """A schema and its format, which AsyncAPI 3 may say around it: `{schemaFormat, schema}`."""
    if schema is None:
        return None, ""
    meant = schema.followed() if not _names_other_format(schema) else schema
    if "schemaFormat" in meant and "schema" in meant:
        return meant.raw("schema"), str(meant.plain("schemaFormat"))
    return schema, ""


def _names_other_format(schema: Located) -> bool:
    """Whether it refers to a file that is no JSON or YAML."""
    reference = schema.value.get("$ref") if isinstance(schema.value, dict) else None
    return isinstance(reference, str) and reference.endswith(".proto")


def _first(layers: list[Located], key: str) -> Any:
    return next((each.plain(key) for each in layers if key in each), None)


def _correlation(layers: list[Located]) -> str:
    found = next((each.get("correlationId") for each in layers if "correlationId" in each), None)
    return str(found.plain("location", "")) if found is not None else ""


def _message_bindings(layers: list[Located]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for layer in reversed(layers):
        for protocol, binding in _part(layer, "bindings").items():
            keep = {key: binding.raw(key) if key == "key" else binding.plain(key) for key in binding.value or ()}
            found[protocol] = {**found.get(protocol, {}), **keep}
    return found
