"""The JSON Schema of a declaration, for editors: made from the types, kinds and ways that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sysint.core.registry import kinds, types, ways
from pytest_sysint.declaration.blocks import PLANNED_KINDS, CommonKeys
from pytest_sysint.declaration.frame import Defaults
from pytest_sysint.declaration.kind_keys import claimed, own_kinds
from pytest_sysint.declaration.model import IntegrationClass
from pytest_sysint.declaration.outline import VERSION, EnvironmentKeys
from pytest_sysint.declaration.provisioning import ProvisionKeys, way_names
from pytest_sysint.declaration.schema_passes import hoist, open_to_references
from pytest_sysint.declaration.shapes import model_schema

Schema = dict[str, Any]

_SLUG = "^[a-z0-9]+([-_][a-z0-9]+)*$"


def declaration_schema() -> Schema:
    """The whole schema, draft 2020-12. A type that cannot be imported here is accepted without its own keys."""
    settings = {word: _integration(word) for word in types().names()}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pytest-sysint declaration",
        "description": "The integrations of one system, and what is tested of them.",
        "type": "object",
        "properties": _top(settings),
        "required": ["sysint"],
        "additionalProperties": False,
        "$defs": {
            "reference": {
                "type": "string",
                "pattern": r"\$\{",
                "description": "A reference: ${env:NAME}, ${env:NAME:-default}, ${file:path}, ${tenant:key}.",
            },
            "provision": open_to_references(_provision()),
            **{f"type-{word}": open_to_references(schema) for word, schema in settings.items()},
        },
    }
    return hoist(whole)


def _top(words: Mapping[str, Any]) -> Schema:
    tenant_keys = {
        "type": ["object", "null"],
        "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    }
    return {
        "sysint": {"const": VERSION, "description": "The version of this format."},
        "system": {"type": "string", "description": "The name of the system, for reports."},
        "tenants": {
            "description": "The organisations that share the system: their ids, or a map of ids with their keys.",
            "anyOf": [
                {"type": "array", "items": {"type": "string", "pattern": _SLUG}},
                {"type": "object", "additionalProperties": tenant_keys},
            ],
        },
        "environments": _named("Environments by name.", _environment()),
        "defaults": open_to_references(model_schema(Defaults)),
        "include": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Files with more integrations, flows and budgets: names or patterns, from this file.",
        },
        "budgets": _named("How often checks may call, together, by name.", {"type": "string", "examples": ["5/s"]}),
        "integrations": _named("What the system is connected to, by id.", _any_integration(words)),
        **{key: _claimed(kind) for key, kind in claimed().items()},
        "gate": {"type": "object", "description": "What a run must meet. This version does not apply it."},
    }


def _claimed(kind: str) -> Schema:
    entry = kinds().get(kind).entry_schema()
    opened: Schema = open_to_references(_named(entry.get("description", ""), entry))
    return opened


def _named(description: str, each: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": _SLUG},
        "additionalProperties": each,
    }


def _environment() -> Schema:
    schema = model_schema(EnvironmentKeys)
    schema["properties"]["provision"]["enum"] = list(way_names())
    opened: Schema = open_to_references(schema)
    return opened


def _any_integration(words: Mapping[str, Any]) -> Schema:
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(words), "description": "What kind of system it is."}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": word}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/type-{word}"},
            }
            for word in words
        ],
    }


def _integration(word: str) -> Schema:
    common = {
        **model_schema(CommonKeys)["properties"],
        "type": {"const": word},
        "provision": {"$ref": "#/$defs/provision"},
    }
    for kind in (kind for kind in PLANNED_KINDS if kind not in claimed().values()):
        common[kind] = {"description": f"{kind} checks. This version does not run them."}
    try:
        cls: IntegrationClass = types().get(word)
    except ImportError as error:
        return {"type": "object", "$comment": f"needs {error.name}", "properties": common}
    own = model_schema(cls.settings_model)
    checks = {kind: kinds().get(kind).schema(cls) for kind in own_kinds()}
    return {
        "type": "object",
        "description": _first_line(cls.__doc__ or own.get("description", "")),
        "properties": {**own.get("properties", {}), **common, **checks},
        "required": ["type", *own.get("required", [])],
        "additionalProperties": False,
    }


def _provision() -> Schema:
    properties: Schema = dict(model_schema(ProvisionKeys)["properties"])
    properties["way"]["enum"] = list(way_names())
    for name in ways().names():
        properties.update(model_schema(ways().get(name).settings_model).get("properties", {}))
    return {
        "description": "How it comes to be there when it has no url: the word of a way, or a map.",
        "anyOf": [
            {"enum": list(way_names())},
            {"type": "object", "properties": properties, "additionalProperties": False},
        ],
    }


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
