"""Nodes -> plain values, with every reference resolved; what leads nowhere is noted with its position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.core.secrets import telling
from pytest_sysint.declaration.references import (
    BadReference,
    Late,
    Referenced,
    Unset,
    late_names,
    read_template,
    schemes_in,
)
from pytest_sysint.declaration.scope import Nowhere, Scope, learn_secret
from pytest_sysint.declaration.yaml_nodes import Node

Path = tuple["str | int", ...]


class Placed(dict[str, Any]):
    """A map that knows the line of its declaration."""

    __slots__ = ("line",)

    line: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something wrong at a path below a node."""

    path: Path
    message: str
    soft: bool = False
    """Only something outside the file is missing (a variable, a driver): it matters where the integration is used."""


@dataclass(slots=True)
class Notes:
    """What was met while resolving."""

    troubles: list[Trouble] = field(default_factory=list)
    late: dict[str, Path] = field(default_factory=dict)
    """Integrations that `${integration:...}` names, with the first place that does."""


def resolve(node: Node, scope: Scope, notes: Notes, path: Path = ()) -> Any:
    """The plain value of a node. Texts that came from a reference are `Referenced`, `Late` or `Unset`."""
    if not node.refers:
        return bare(node)
    value = node.value
    if isinstance(value, dict):
        placed = Placed()
        placed.line = node.line
        for key, child in value.items():
            placed[key] = resolve(child, scope, notes, (*path, key))
        return placed
    if isinstance(value, list):
        return [resolve(child, scope, notes, (*path, index)) for index, child in enumerate(value)]
    return _text(value, scope, notes, path)


def bare(node: Node) -> Any:
    """The plain value of a node as it is written."""
    value = node.value
    if isinstance(value, dict):
        placed = Placed()
        placed.line = node.line
        for key, child in value.items():
            placed[key] = bare(child)
        return placed
    return [bare(child) for child in value] if isinstance(value, list) else value


def _text(text: str, scope: Scope, notes: Notes, path: Path) -> str:
    secret = any(telling(str(step)) for step in path)
    try:
        template = read_template(text)
        value = scope.expand(template)
    except BadReference as error:
        notes.troubles.append(Trouble(path, "a `${...}` in it cannot be read" if secret else str(error)))
        return Unset()
    except Nowhere:
        notes.troubles += [Trouble(path, message, soft=True) for message in scope.missing(template)]
        return Unset()
    if isinstance(value, Late):
        for name in sorted(late_names(value.template)):
            notes.late.setdefault(name, path)
    elif secret:
        learn_secret(value)
    return value if schemes_in(template) else str(value)


def schemes_below(node: Node | None) -> set[str]:
    """The kinds of references below a node; those that cannot be read are left out."""
    found: set[str] = set()
    for text in _referring(node):
        try:
            found |= schemes_in(read_template(text))
        except BadReference:
            continue
    return found


def _referring(node: Node | None) -> Iterator[str]:
    waiting = [node] if node is not None and node.refers else []
    while waiting:
        value = waiting.pop().value
        if isinstance(value, str):
            yield value
        else:
            waiting += [child for child in (value.values() if isinstance(value, dict) else value) if child.refers]


def markers(value: Any) -> Iterator[Referenced]:
    """Every text below a plain value that came from a reference."""
    if isinstance(value, Referenced):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from markers(child)
    elif isinstance(value, (list, tuple)):
        for child in value:
            yield from markers(child)
