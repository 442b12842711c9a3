from __future__ import annotations

from typing import Any

import pytest

from pytest_sysint.expectations.jsonschemas import compile_schema

TREE = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["id"]}},
    "$ref": "#/$defs/node",
}


def test_references_within_the_schema() -> None:
    validator = compile_schema(TREE)
    assert validator.is_valid({"id": 1, "next": {"id": 2}})
    assert not validator.is_valid({"id": 1, "next": {}})


def test_references_by_id() -> None:
    validator = compile_schema({
        "$id": "https://example.org/all",
        "properties": {"a": {"$ref": "https://example.org/part"}},
        "$defs": {"part": {"$id": "https://example.org/part", "type": "integer"}},
    })  # fmt: skip
    assert validator.is_valid({"a": 1})
    assert not validator.is_valid({"a": "x"})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"type": "strin"}, "not a valid JSON Schema: $.type"),
        ({"required": "id"}, "not a valid JSON Schema: $.required"),
        ({"pattern": "("}, "not a valid JSON Schema: $.pattern"),
        ({"$ref": "#/$defs/missing"}, "$ref '#/$defs/missing' points to nothing in this schema"),
        ({"items": [1]}, "not a valid JSON Schema"),
        ({"allOf": [{"$ref": "http://127.0.0.1:9/schema.json"}]}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "nothing is fetched"),
    ],
)
def test_what_cannot_be_used_is_said(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        compile_schema(raw)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date-time", "2026-01-31T12:00:00Z", "2026-01-31"),
        ("date-time", "2026-01-31T12:00:00+01:00", "tomorrow at T"),
        ("date", "2026-01-31", "31.01.2026"),
        ("uuid", "9f0c1c3e-6f5b-4d6a-8f57-0a6b1c2d3e4f", "x"),
        ("email", "a@example.org", "nobody"),
        ("ipv4", "127.0.0.1", "localhost"),
    ],
)
def test_formats_are_checked(form: str, good: str, bad: str) -> None:
    validator = compile_schema({"format": form})
    assert validator.is_valid(good)
    assert validator.is_valid(3)
    assert not validator.is_valid(bad)


def test_an_older_draft_keeps_its_meaning() -> None:
    raw = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "integer"}]}
    assert not compile_schema(raw).is_valid(["x"])
