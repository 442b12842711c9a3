"""The JSON Schema for editors, made from what is registered."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.core.registry import types
from pytest_sysint.declaration.schema import declaration_schema
from pytest_sysint.declaration.schema_passes import hoist, open_to_references


@cache
def whole() -> dict[str, Any]:
    """The schema with the type of these tests in it."""
    return declaration_schema()


@pytest.fixture
def validator() -> Draft202012Validator:
    return Draft202012Validator(whole())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(whole())


def declared(**integration: Any) -> dict[str, Any]:
    return {"sysint": 1, "integrations": {"a": {"type": "probe", **integration}}}


@pytest.mark.parametrize(
    "integration",
    [
        {},
        {"url": "probe://h", "port": 5, "pool": {"size": 1, "idle": "5s"}, "strict": True},
        {"port": "${env:PORT}", "strict": "${env:S:-true}", "pool": {"size": "${tenant:size}"}, "severity": "${env:S}"},
        {"tenants": "all", "depends_on": "b", "tags": ["x"], "retry": {"attempts": 1}, "timeout": "5s"},
        {"provision": "container"},
        {"provision": {"way": "container", "image": "x", "seed": "y"}},
        {"health": [{"fetch": "/", "expect": {"status": 200}}]},
        {"resilience": {"anything": 1}},
    ],
)
def test_what_loads_is_taken(validator: Draft202012Validator, integration: dict[str, Any]) -> None:
    validator.validate(declared(**integration))


@pytest.mark.parametrize(
    "integration",
    [
        {"prot": 5},
        {"port": "80"},
        {"strict": "no"},
        {"pool": {"sise": 1}},
        {"severity": "hihg"},
        {"provision": "contaner"},
        {"provision": {"imgae": "x"}},
        {"health": [{"fetsh": "/"}]},
        {"type": "nope"},
    ],
)
def test_what_does_not_load_is_refused(validator: Draft202012Validator, integration: dict[str, Any]) -> None:
    assert not validator.is_valid(declared(**integration))


@pytest.mark.parametrize(
    "top", [{}, {"sysint": 2}, {"sysint": 1, "integrations": {"A b": {"type": "probe"}}}, {"sysint": 1, "x": 1}]
)
def test_the_frame_is_held_too(validator: Draft202012Validator, top: dict[str, Any]) -> None:
    assert not validator.is_valid(top)


def test_every_type_has_its_own_part_with_descriptions() -> None:
    definitions = whole()["$defs"]
    for word in types().names():
        properties = definitions[f"type-{word}"]["properties"]
        assert properties["type"] == {"const": word}
        assert "health" in properties
    assert definitions["type-probe"]["properties"]["password"]["description"] == "How it knows us."
    assert definitions["type-probe"]["description"] == "A type of these tests."


def test_a_type_that_cannot_be_imported_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    get = types().get

    def fail(name: str) -> Any:
        if name == "probe":
            raise ModuleNotFoundError("no", name="ldap3")
        return get(name)

    monkeypatch.setattr(types(), "get", fail)
    schema = declaration_schema()
    assert schema["$defs"]["type-probe"]["$comment"] == "needs ldap3"
    Draft202012Validator(schema).validate(declared(anything=1))


def test_repeated_parts_stand_once() -> None:
    big = {"type": "object", "properties": {f"key{index}": {"type": "string"} for index in range(20)}}
    schema = hoist({"properties": {"a": big, "b": {"items": big}, "c": {"type": "string"}}, "$defs": {"x": {}}})
    assert schema["properties"]["a"] == schema["properties"]["b"]["items"] == {"$ref": "#/$defs/part-1"}
    assert schema["$defs"]["part-1"] == big
    assert len(json.dumps(whole())) < 400_000


def test_only_scalars_that_are_no_free_text_are_opened() -> None:
    reference = {"$ref": "#/$defs/reference"}
    assert open_to_references({"type": "string"}) == {"type": "string"}
    assert open_to_references({"type": "integer", "title": "n"}) == {
        "title": "n",
        "anyOf": [{"type": "integer"}, reference],
    }
    assert open_to_references({"items": {"enum": ["a"]}}) == {"items": {"anyOf": [{"enum": ["a"]}, reference]}}
    assert open_to_references(True) is True
