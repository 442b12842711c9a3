"""The JSON Schemas of the forms of flows, for editors: their keys, and the operations of every type."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pytest_sysint.checks._flows.keys import (
    DeadLetter,
    FlowKeys,
    MalformedKeys,
    ObserveKeys,
    ReconciliationKeys,
    SendKeys,
)
from pytest_sysint.checks._flows.mapping import map_schema
from pytest_sysint.checks._reconcile.keys import CompareKeys
from pytest_sysint.core.integration import Measure
from pytest_sysint.core.registry import types
from pytest_sysint.declaration.checks import operations_of
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations import json_schema

Schema = dict[str, Any]


def journey_schema() -> Schema:
    """The schema of a flow that has `send`."""
    whole = model_schema(FlowKeys)
    observe = _beside(model_schema(ObserveKeys), map=map_schema(), expect=json_schema())
    letter = _beside(model_schema(DeadLetter), map=map_schema(), expect=json_schema())
    malformed = model_schema(MalformedKeys)
    malformed["properties"]["dead_letter"] = {**letter, "description": "Where they must end: an observer."}
    undo = {"type": "object", "required": ["on"], "properties": {"on": {"type": "string"}, **_operations()}}
    whole["properties"] |= {
        "expect": json_schema(),
        "send": {**_beside(model_schema(SendKeys), expect=json_schema()), "description": "Where the records go in."},
        "observe": {
            "type": "array",
            "minItems": 1,
            "items": observe,
            "description": "Where the records must arrive.",
        },
        "malformed": {
            **_beside(malformed, expect={"enum": ["refused", "accepted"]}),
            "description": "Records that must not get through.",
        },
        "cleanup": {
            "description": "How a record is removed again: one operation, or several in their order.",
            "anyOf": [undo, {"type": "array", "minItems": 1, "items": undo}],
        },
    }
    return {**whole, "required": ["send", "observe"]}


def reconciliation_schema() -> Schema:
    """The schema of a flow that has `reconcile`."""
    whole = model_schema(ReconciliationKeys)
    act = {"type": "object", "required": ["on"], "properties": {"on": {"type": "string"}, **_operations()}}
    acts = {"anyOf": [act, {"type": "array", "minItems": 1, "items": act}]}
    both = model_schema(CompareKeys)
    both["properties"] |= {
        "source": {**act, "description": "Where the rows come from: an integration, and an operation that gives rows."},
        "target": {**act, "description": "Where they must be too."},
    }
    whole["properties"] |= {
        "expect": json_schema(),
        "reconcile": {**both, "required": ["source", "target"], "description": "Two sides whose rows are compared."},
        "before": {**acts, "description": "What is done first: operations in their order."},
        "cleanup": {**acts, "description": "How what was put there is removed again, always carried out."},
    }
    return {**whole, "required": ["reconcile"]}


def _beside(keys: Schema, **more: Schema) -> Schema:
    """The keys of a part with the fields of every operation beside them."""
    own = {**_operations(), **keys.get("properties", {}), **more}
    return {"type": "object", "properties": own, "required": keys.get("required", []), "additionalProperties": False}


@cache
def _operations() -> Schema:
    """Field -> its schema, over the operations of every type: any of them where they differ."""
    found: dict[str, list[Schema]] = {}
    for word in types().names():
        try:
            operations = operations_of(types().get(word))
        except ImportError:
            continue
        for model in operations.values():
            if not issubclass(model, Measure):
                for name, schema in model_schema(model).get("properties", {}).items():
                    found.setdefault(name, []).append(_open(schema))
    return {name: _any(schemas) for name, schemas in sorted(found.items())}


def _open(schema: Schema) -> Schema:
    """The schema of a field, which may also be a text with placeholders."""
    return {key: value for key, value in schema.items() if key in ("description", "title")} | {
        "anyOf": [_plain(schema), {"type": "string"}]
    }


def _plain(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("description", "title", "default")}


def _any(schemas: list[Schema]) -> Schema:
    distinct = {json.dumps(schema, sort_keys=True): schema for schema in schemas}
    first = next(iter(distinct.values()))
    if len(distinct) == 1:
        return first
    forms = {json.dumps(form, sort_keys=True): form for schema in distinct.values() for form in schema["anyOf"]}
    return {**first, "anyOf": list(forms.values())}
