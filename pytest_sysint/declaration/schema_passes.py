"""Passes over a finished JSON Schema: references where scalars are, and every repeated part only once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

_MAPS = ("properties", "$defs", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "not", "then", "else")
_ANNOTATIONS = ("title", "description", "default", "examples", "deprecated")
_WORTH_HOISTING = 80
"""Characters from which a repeated part is worth a place of its own."""


def open_to_references(schema: Any) -> Any:
    """The same schema, where every value that is not a free text may be a reference instead."""
    if not isinstance(schema, dict):
        return schema
    inner = _each_below(schema, open_to_references)
    return _or_reference(inner) if _refuses_references(inner) else inner


def _each_below(schema: Schema, change: Any) -> Schema:
    changed: Schema = {}
    for key, value in schema.items():
        if key in _MAPS:
            changed[key] = {name: change(each) for name, each in value.items()}
        elif key in _SINGLE:
            changed[key] = change(value)
        elif key in _LISTS:
            changed[key] = [change(each) for each in value]
        else:
            changed[key] = value
    return changed


def _refuses_references(schema: Schema) -> bool:
    """Whether it is about a scalar, and a text with a reference in it would not do."""
    if schema.get("type") in ("integer", "number", "boolean"):
        return True
    limited = any(key in schema for key in ("enum", "pattern", "format", "maxLength"))
    return limited and schema.get("type", "string") == "string"


def _or_reference(schema: Schema) -> Schema:
    outside = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    inside = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    return {**outside, "anyOf": [inside, {"$ref": "#/$defs/reference"}]}


def hoist(schema: Schema) -> Schema:
    """The same schema with each large part that stands in several places moved to `$defs`."""
    counted = Counter(text for part in _parts(schema) if len(text := _text(part)) >= _WORTH_HOISTING)
    names = {text: f"part-{index}" for index, text in enumerate((t for t, n in counted.items() if n > 1), 1)}
    parts: dict[str, Schema] = {}

    def change(part: Any) -> Any:
        name = names.get(_text(part)) if isinstance(part, dict) else None
        if name is None:
            return _each_below(part, change) if isinstance(part, dict) else part
        if name not in parts:
            parts[name] = {}
            parts[name] = _each_below(part, change)
        return {"$ref": f"#/$defs/{name}"}

    changed = _each_below(schema, change)
    return {**changed, "$defs": {**changed.get("$defs", {}), **parts}}


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True)


def _parts(schema: Any) -> Iterator[Schema]:
    """Every schema within a schema."""
    if not isinstance(schema, dict):
        return
    for key, value in schema.items():
        below = value.values() if key in _MAPS else value if key in _LISTS else (value,) if key in _SINGLE else ()
        for each in below:
            if isinstance(each, dict):
                yield each
                yield from _parts(each)
