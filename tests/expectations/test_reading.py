"""What is wrong with an expectation is said when it is read: where, what came, what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.units import Dimension
from pytest_sysint.expectations import compile_expectation, json_schema


def mistakes(raw: Any, dimensions: dict[str, Dimension] | None = None) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(Mistakes) as caught:
        compile_expectation(raw, dimensions or {})
    return [(mistake.path, mistake.message) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        # an expectation that judges nothing
        ({}, (), "an empty expectation judges nothing"),
        (None, (), "expected a map of subject and matcher"),
        ([{"status": 200}], (), "expected a map of subject and matcher"),
        ("status", (), "expected a map of subject and matcher"),
        ({"status": None}, ("status",), "an empty matcher judges nothing; to expect null, write {equals: null}"),
        ({"status": {}}, ("status",), "an empty matcher judges nothing (allowed: equals, not, in,"),
        ({"$.a": {"not": None}}, ("$.a", "not"), "an empty matcher judges nothing"),
        ({"$.a": {"each": {}}}, ("$.a", "each"), "an empty matcher judges nothing"),
        ({"$.a": {"in": []}}, ("$.a", "in"), "expected a list of at least one"),
        ({"$.a": {"any_of": []}}, ("$.a", "any_of"), "expected a list of at least one"),
        ({"$.a": {"all_of": "x"}}, ("$.a", "all_of"), 'expected a list of at least one, came "x"'),
        ({"$.a": {"contains": ""}}, ("$.a", "contains"), 'everything contains ""'),
        ({"$.a": {"contains": []}}, ("$.a", "contains"), "everything contains []"),
        ({"$.a": {"schema": {}}}, ("$.a", "schema"), "expected a JSON Schema such as"),
        ({"$.a": {"schema": True}}, ("$.a", "schema"), "expected a JSON Schema such as"),
        ({"$.a": {"type": []}}, ("$.a", "type"), "unknown type ''"),
        # subjects
        ({200: "status"}, ("200",), "a subject is a text, came 200"),
        ({"": 1}, ("",), "a subject is a JSONPath that begins with `$`, or names joined by single dots"),
        ({"$.a[": 1}, ("$.a[",), "'$.a[' is not a JSONPath (RFC 9535)"),
        ({"any_of": [1]}, ("any_of",), "'any_of' stands under a subject"),
        ({"warn": 1}, ("warn",), "'warn' stands under a subject"),
        # words
        ({"$": {"equal": 1}}, ("$", "equal"), "unknown matcher 'equal', did you mean 'equals'? (allowed: all_of,"),
        ({"$": {"each": {"levl": 1}}}, ("$", "each", "levl"), "put the field into the path: `$.field`"),
        ({"$": {"each": {"warn": 1}}}, ("$", "each", "warn"), "'warn' stands directly under the subject"),
        ({"$": {"warn": 1, "equals": 2}}, ("$", "equals"), "put 'equals' into `fail`"),
        ({"$": {"fail": 1, "wran": 2}}, ("$", "wran"), "nothing stands beside `warn` and `fail`"),
        ({"$": {"fail": {}}}, ("$", "fail"), "an empty matcher judges nothing"),
        # operands
        ({"$": "<"}, ("$",), "nothing stands behind '<'; to expect that text, write {equals: ...}"),
        ({"$": "<html>"}, ("$",), "to expect the text itself, write {equals: ...}"),
        ({"$": "> soon"}, ("$",), "is not a quantity"),
        ({"$": "~ ("}, ("$",), "'(' is not a regular expression: missing )"),
        ({"$": {"matches": 3}}, ("$", "matches"), "expected a regular expression"),
        ({"$": {"matches": ""}}, ("$", "matches"), "expected a regular expression"),
        ({"$": {"matches": "*a"}}, ("$", "matches"), "is not a regular expression"),
        ({"$": {"type": "strin"}}, ("$", "type"), "unknown type 'strin', did you mean 'string'?"),
        ({"$": {"type": ["string", 3]}}, ("$", "type"), "unknown type '3'"),
        ({"$": {"between": [1]}}, ("$", "between"), "expected a list of two bounds"),
        ({"$": {"between": [3, 1]}}, ("$", "between"), "nothing is between 3 and 1"),
        ({"$": {"between": [1, "2026-01-01"]}}, ("$", "between"), "nothing is between"),
        ({"$": {"between": ["2026-02-01", "2026-01-01"]}}, ("$", "between"), "nothing is between"),
        ({"$": {"between": ["a", "b"]}}, ("$", "between"), "'a' is not a quantity"),
        ({"$": {"length": -1}}, ("$", "length"), "expected a length such as 3"),
        ({"$": {"length": "three"}}, ("$", "length"), "expected a length such as 3"),
        ({"$": {"length": True}}, ("$", "length"), "expected a length such as 3"),
        ({"$": {"length": "< 2MiB"}}, ("$", "length"), "'2MiB' is a size, but this subject has no unit"),
        ({"$": {"exists": "yes"}}, ("$", "exists"), "expected true or false"),
        ({"$": {"schema": {"type": "strin"}}}, ("$", "schema"), "not a valid JSON Schema: $.type:"),
        ({"$": object()}, ("$",), "expected a value, came a object"),
        # units
        ({"latency": "< 250"}, ("latency",), "'250' has no unit; write a duration such as 250ms"),
        ({"latency": 250}, ("latency",), "'250' has no unit"),
        ({"latency": True}, ("latency",), "expected a duration such as 250ms"),
        ({"latency": "< 2MiB"}, ("latency",), "'2MiB' is a size; expected a duration"),
        ({"latency": "== 5"}, ("latency",), "'5' has no unit"),
        ({"latency": {"between": [1, 2]}}, ("latency", "between"), "'1' has no unit"),
        ({"latency": {"in": ["5s", 6]}}, ("latency", "in", 1), "'6' has no unit"),
        ({"phases.connect": "< 3"}, ("phases.connect",), "'3' has no unit"),
        ({"age": "< 3"}, ("age",), "'3' has no unit"),
        ({"size": "< 5s"}, ("size",), "'5s' is a duration; expected a size"),
        ({"$.a": "< 250ms"}, ("$.a",), "'250ms' is a duration, but this subject has no unit; write a bare number"),
        ({"status": "< 3s"}, ("status",), "this subject has no unit"),
        ({"count": "> 99%"}, ("count",), "'99%' is a ratio, but this subject has no unit"),
        ({"headers.x-left": "> 3/s"}, ("headers.x-left",), "this subject has no unit"),
    ],
)
def test_mistakes(raw: Any, path: tuple[str | int, ...], said: str) -> None:
    ((found, message),) = mistakes(raw)
    assert found == path
    assert said in message


def test_all_mistakes_come_at_once() -> None:
    found = mistakes({
        "latency": {"warn": "< 5", "fail": {"equal": 1}},
        "$[": 1,
        "$.a": {"any_of": ["~ (", {}], "type": "txt"},
    })  # fmt: skip
    assert [path for path, _ in found] == [
        ("latency", "warn"),
        ("latency", "fail", "equal"),
        ("$[",),
        ("$.a", "any_of", 0),
        ("$.a", "any_of", 1),
        ("$.a", "type"),
    ]


def test_declared_dimensions_are_held() -> None:
    ((path, message),) = mistakes({"replication_lag": "< 10"}, {"replication_lag": "duration"})
    assert path == ("replication_lag",)
    assert "'10' has no unit" in message
    assert compile_expectation({"replication_lag": "< 10s"}, {"replication_lag": "duration"})
    assert compile_expectation({"memory_used": "< 90%"}, {"memory_used": "ratio"})
    assert compile_expectation({"rate": {"between": ["1/s", "20/s"]}}, {"rate": "rate"})
    assert compile_expectation({"$.a": "< 250ms"}, {"$.a": "duration"})


def test_zero_needs_no_unit() -> None:
    assert compile_expectation({"latency": "> 0", "size": 0})


@pytest.fixture(scope="module")
def editor() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "raw",
    [
        {"status": 200, "$[0].n": ">= 1", "latency": {"warn": "< 50ms", "fail": "< 500ms"}},
        {"$.a": [1, 2]},
        {"$.a": {"each": {"type": ["string", None]}, "length": ">= 1"}},
        {"$.a": {"any_of": [{"exists": False}, 3]}},
        {"$.a": {"warn": {"matches": "x"}}},
        {"$.a": {"between": [1, 2], "not": 3, "in": [1], "schema": {"type": "integer"}}},
    ],
)
def test_the_editor_accepts_what_the_reader_accepts(editor: Draft202012Validator, raw: Any) -> None:
    assert compile_expectation(raw)
    assert editor.is_valid(raw)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        [],
        {"$.a": None},
        {"$.a": {}},
        {"$.a": {"equal": 1}},
        {"$.a": {"warn": 1, "equals": 2}},
        {"$.a": {"between": [1]}},
        {"$.a": {"in": []}},
        {"$.a": {"type": "strin"}},
        {"$.a": {"exists": 1}},
    ],
)
def test_the_editor_refuses_what_the_reader_refuses(editor: Draft202012Validator, raw: Any) -> None:
    assert mistakes(raw)
    assert not editor.is_valid(raw)


def test_the_editor_explains_every_word() -> None:
    schema = json_schema()
    words, levels = schema["additionalProperties"]["anyOf"][1:]
    for name, word in {**words["properties"], **levels["properties"]}.items():
        assert word["description"], name
    assert "$ref" not in str(schema), "it must be usable anywhere in a larger schema"
