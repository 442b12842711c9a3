"""What is declared of a thing, read by the model of its section: leaves with matchers, and maps that go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pytest_sysint.core.description import Measured, Spelled
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.model import Declared
from pytest_sysint.core.units import Dimension
from pytest_sysint.declaration.explain import Gathered, came, mask
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.resolving import markers
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation, compile_value, json_schema

Path = tuple[str, ...]
Model = type[Declared]

_ABOVE = 2
"""Steps of a path that lead to the item: section and name."""
ABSENT, ONLY = "absent", "only"
_SWITCHES: dict[str, Any] = {
    ABSENT: {"const": True, "description": "It must not be there."},
    ONLY: {"const": True, "description": "The maps of names declared here must hold nothing else."},
}
_OPERATORS = ("<", ">", "=", "!", "~")
_WORDS_KEPT = frozenset({"matches", "type", "schema"})
"""Matchers whose words are their own and not those of the other side."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What stands under a key: a map by a model, a map of names, both, or (neither) a leaf."""

    model: Model | None = None
    named: bool = False
    dimension: Dimension | None = None
    canonical: Callable[[Any], Any] | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """What is declared of one thing, or of each of several that have names."""

    path: Path
    """The way to it from the item."""
    parts: Mapping[str, Promise | Expectation] = field(default_factory=dict)
    named: bool = False
    """Whether the parts are things with names, such as columns; else they are its properties."""
    absent: bool = False
    only: bool = False


@cache
def shapes_of(model: Model) -> dict[str, Shape]:
    """What stands under each key of a model."""
    return {
        key: _shape(found.annotation, tuple(found.metadata), (found.description or "").strip())
        for key, found in fields_by_key(model).items()
    }


def _shape(annotation: Any, metadata: tuple[Any, ...], description: str) -> Shape:
    choices = [each for each in get_args(annotation) if each is not NoneType]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape(choices[0], tuple(choices[1:]), description)
    if origin in (dict, Mapping):
        inner = _shape(choices[1], (), "")
        return Shape(inner.model, True, inner.dimension, inner.canonical, description)
    if len(choices) == 1:
        return _shape(choices[0], metadata, description)
    if isinstance(annotation, type) and issubclass(annotation, Declared):
        return Shape(annotation, description=description)
    dimension = next((each.dimension for each in metadata if isinstance(each, Measured)), None)
    canonical = next((each.canonical for each in metadata if isinstance(each, Spelled)), None)
    return Shape(None, False, dimension, canonical, description)


def read_named(raw: Any, shape: Shape, path: Path, mistakes: Gathered) -> Promise:
    """A map of names; a list of names promises no more than that these are there."""
    if isinstance(raw, list) and raw and shape.model and all(isinstance(each, str) for each in raw):
        raw = {str(name): {} for name in raw}
    if not isinstance(raw, Mapping) or not raw:
        said = "a map of names, or a list of names" if shape.model else "a map of names"
        mistakes.keep(Mistake(path, f"expected {said}, got {came(raw) if raw else 'nothing in it'}"))
        return Promise(path)
    each = Shape(shape.model, False, shape.dimension, shape.canonical)
    parts = ((str(name), _read(value, each, (*path, str(name)), mistakes)) for name, value in raw.items())
    return Promise(path, {name: part for name, part in parts if part is not None}, named=True)


def _read(raw: Any, shape: Shape, path: Path, mistakes: Gathered) -> Promise | Expectation | None:
    if shape.named:
        return read_named(raw, shape, path, mistakes)
    return _read_thing(raw, shape.model, path, mistakes) if shape.model else _read_leaf(raw, shape, path, mistakes)


def _read_thing(raw: Any, model: Model, path: Path, mistakes: Gathered) -> Promise:
    shapes, shorthand = shapes_of(model), getattr(model, "shorthand", "")
    if not isinstance(raw, Mapping) and shorthand and raw is not None:
        raw = {shorthand: raw}
    if not isinstance(raw, Mapping):
        said = "; write {} to promise no more than that it is there" if raw is None else ""
        mistakes.keep(Mistake(path, f"expected a map of what is promised, got {came(raw)}{said}"))
        return Promise(path)
    known = {*shapes, ABSENT, ONLY}
    mistakes.keep(*(Mistake((*path, key), f"unknown key{suggest(key, known)}") for key in raw if key not in known))
    read = {key: _read(raw[key], shapes[key], (*path, key), mistakes) for key in raw if key in shapes}
    parts = {key: part for key, part in read.items() if part is not None}
    mistakes.keep(*_wrong_switches(raw, {key: shapes[key] for key in raw if key in shapes}, path))
    return Promise(path, parts, absent=raw.get(ABSENT) is True, only=raw.get(ONLY) is True)


def _wrong_switches(raw: Mapping[str, Any], declared: Mapping[str, Shape], path: Path) -> Iterator[Mistake]:
    for switch in (ABSENT, ONLY):
        if switch in raw and raw[switch] is not True:
            yield Mistake((*path, switch), f"expected true, got {came(raw[switch])}; leave the key out otherwise")
    if ABSENT in raw and len(raw) > 1:
        yield Mistake((*path, ABSENT), "what must not be there has no properties; nothing stands beside `absent`")
    elif ONLY in raw and not any(shape.named for shape in declared.values()):
        yield Mistake((*path, ONLY), "declares nothing that it could be true of: no map of names stands beside it")


def _read_leaf(raw: Any, shape: Shape, path: Path, mistakes: Gathered) -> Expectation | None:
    if any(isinstance(text, Unset) for text in markers(raw)):
        mistakes.failed = True  # what is wrong with the reference is told where it is resolved
        return None
    spelled = _spelled(raw, shape.canonical) if shape.canonical else raw
    try:
        return _compiled(".".join(path[_ABOVE:]), json.dumps(spelled), shape.dimension)
    except Mistakes as error:
        mistakes.keep(*(Mistake((*path, *each.path), mask(each.message, raw)) for each in error.mistakes))
        return None


@lru_cache(maxsize=4096)
def _compiled(name: str, raw: str, dimension: Dimension | None) -> Expectation:
    """Each tenant of an integration has the same promises: they are compiled once."""
    return compile_value(name, json.loads(raw), dimension)


def _spelled(raw: Any, canonical: Callable[[Any], Any]) -> Any:
    """A matcher whose words are spelled as the description spells them."""
    if isinstance(raw, Mapping):
        return {word: value if word in _WORDS_KEPT else _spelled(value, canonical) for word, value in raw.items()}
    is_literal = isinstance(raw, list) or (isinstance(raw, str) and not raw.startswith(_OPERATORS))
    return canonical(raw) if is_literal else raw


def schema_of(shape: Shape) -> dict[str, Any]:
    """The JSON Schema of what stands under a key."""
    described = {"description": shape.description} if shape.description else {}
    if shape.named:
        each = schema_of(Shape(shape.model, False, shape.dimension))
        names = {"type": "object", "minProperties": 1, "additionalProperties": each}
        listed = {"type": "array", "minItems": 1, "items": {"type": "string"}}
        return {**described, "anyOf": [names, listed]} if shape.model else {**described, **names}
    return {**(_thing_schema(shape.model) if shape.model else _matcher_schema()), **described}


def _thing_schema(model: Model) -> dict[str, Any]:
    properties = {key: schema_of(shape) for key, shape in shapes_of(model).items()}
    thing = {"type": "object", "properties": {**properties, **_SWITCHES}, "additionalProperties": False}
    shorthand = getattr(model, "shorthand", "")
    if not shorthand:
        return thing
    said = f"short for `{shorthand}:`"
    return {"anyOf": [{"type": ["string", "number", "boolean", "array"], "description": said}, thing]}


@cache
def _matcher_schema() -> dict[str, Any]:
    found: dict[str, Any] = json_schema()["additionalProperties"]
    return found
