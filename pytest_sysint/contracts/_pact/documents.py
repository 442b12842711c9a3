"""Pact documents of version 2, 3 and 4: what each of their interactions is, and a document with that one alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MESSAGES = frozenset({"Asynchronous/Messages", "Synchronous/Messages"})
_HTTP = "Synchronous/HTTP"


@dataclass(frozen=True, slots=True)
class State:
    """A state that the provider must be in."""

    name: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One interaction of a pact."""

    consumer: str
    provider: str
    description: str
    states: tuple[State, ...]
    method: str
    """Of the request; empty for a message."""
    path: str
    status: int
    """What the answer must have; 0 for a message."""
    pending: bool
    """The consumer knows that the provider does not do this yet: it may fail."""
    document: Mapping[str, Any]
    """The pact with this interaction alone."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        given = ", given " + " and ".join(state.name for state in self.states) if self.states else ""
        return f"{self.consumer}: {self.description}{given}"

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.method} {self.path}" if self.method else f"message '{self.description}'"

    @property
    def is_message(self) -> bool:
        return not self.method

    @property
    def reads(self) -> bool:
        """Whether its request only reads."""
        return self.method in _READS


class NoPact(ValueError):
    """A document that is no pact, or one that cannot be verified here; says why."""


def read_file(path: Path) -> tuple[Interaction, ...]:
    """The interactions of a file.

    Raises:
        NoPact: when it is none.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NoPact(f"'{path.name}' cannot be read: {error}") from None
    return read_text(text, f"'{path.name}'")


def read_text(text: str, where: str) -> tuple[Interaction, ...]:
    """The interactions of a document's text.

    Raises:
        NoPact: when it is none; `where` names it.

    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoPact(f"{where} is no JSON: {error}") from None
    if not isinstance(document, dict) or not ({"interactions", "messages"} & document.keys()):
        raise NoPact(f"{where} is no pact: it is not a map with `interactions` or `messages`")
    for party in ("consumer", "provider"):
        if not isinstance(document.get(party), dict) or not isinstance(document[party].get("name"), str):
            raise NoPact(f"{where} is no pact: `{party}.name` is missing")
    _refuse_plugins(document, where)
    found = tuple(_interactions(document, where))
    if not found:
        raise NoPact(f"{where} has no interaction")
    return found


def version_of(document: Mapping[str, Any]) -> str:
    """The version of the specification that a document says it follows; `2.0.0` when it does not."""
    metadata = document.get("metadata") or {}
    for key in ("pactSpecification", "pact-specification"):
        if isinstance(metadata.get(key), dict) and "version" in metadata[key]:
            return str(metadata[key]["version"])
    return str(metadata.get("pactSpecificationVersion", "2.0.0"))


def _refuse_plugins(document: Mapping[str, Any], where: str) -> None:
    plugins = (document.get("metadata") or {}).get("plugins") or []
    if plugins:
        names = ", ".join(str(each.get("name", "?")) for each in plugins if isinstance(each, dict))
        raise NoPact(f"{where} needs Pact plugins ({names}), which are programs that are not run here")
    version = version_of(document)
    if version.split(".")[0] not in ("1", "2", "3", "4"):
        raise NoPact(f"{where} follows version {version} of the specification; known are 1 to 4")


def _interactions(document: Mapping[str, Any], where: str) -> Iterator[Interaction]:
    for key in ("interactions", "messages"):
        for index, raw in enumerate(document.get(key) or []):
            if not isinstance(raw, dict) or not isinstance(raw.get("description"), str):
                raise NoPact(f"{where} is no pact: {key}[{index}] has no description")
            rest = {name: value for name, value in document.items() if name not in ("interactions", "messages")}
            yield _interaction(raw, {**rest, key: [raw]}, key, f"{where}, {key}[{index}]")


def _interaction(raw: Mapping[str, Any], document: Mapping[str, Any], key: str, where: str) -> Interaction:
    sort = str(raw.get("type", _HTTP if key == "interactions" else "Asynchronous/Messages"))
    if sort not in (_HTTP, *_MESSAGES):
        raise NoPact(f"{where} is of the sort '{sort}', which is not known here")
    request, response = raw.get("request"), raw.get("response")
    if sort == _HTTP and not (isinstance(request, dict) and isinstance(response, dict)):
        raise NoPact(f"{where} has no `request` or no `response`")
    asks: Mapping[str, Any] = request if sort == _HTTP and isinstance(request, dict) else {}
    answers: Mapping[str, Any] = response if sort == _HTTP and isinstance(response, dict) else {}
    return Interaction(
        consumer=document["consumer"]["name"],
        provider=document["provider"]["name"],
        description=raw["description"],
        states=tuple(_states(raw)),
        method=str(asks.get("method", "GET")).upper() if sort == _HTTP else "",
        path=str(asks.get("path", "/")),
        status=_status(answers) if sort == _HTTP else 0,
        pending=raw.get("pending") is True,
        document=document,
    )


def _status(answers: Mapping[str, Any]) -> int:
    status = answers.get("status", 200)
    return status if isinstance(status, int) else 200


def _states(raw: Mapping[str, Any]) -> Iterator[State]:
    """Version 3 has a list of names with parameters, 2 one name, 1 wrote it otherwise."""
    for state in raw.get("providerStates") or ():
        if isinstance(state, dict) and state.get("name"):
            yield State(str(state["name"]), state.get("params") or {})
    single = raw.get("providerState") or raw.get("provider_state")
    if isinstance(single, str):
        yield State(single, {})
