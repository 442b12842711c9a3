"""Every matcher of the declared format, shown to hold and to fail, by way of the expectation that holds it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.expectations import compile_expectation

ID = UUID("9f0c1c3e-6f5b-4d6a-8f57-0a6b1c2d3e4f")
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def judge(matcher: Any, payload: Any, subject: str = "$") -> Assertion:
    (assertion,) = compile_expectation({subject: matcher}).judge(Observation(payload))
    return assertion


@pytest.mark.parametrize(
    ("matcher", "payload"),
    [
        (3, 3),
        ("text", "text"),
        (True, True),
        ([1, 2], [1, 2]),
        ({"equals": None}, None),
        ({"equals": {"a": 1}}, {"a": 1}),
        ({"equals": "< 3"}, "< 3"),
        ("== 5", 5),
        ("== 5", "5"),
        ("== 5", Decimal(5)),
        ("== true", True),
        ("== null", None),
        ("== null", "null"),
        ('== "5"', "5"),
        ("== 2026-01-31", date(2026, 1, 31)),
        (f"== {ID}", ID),
        ("!= 5", 6),
        ("!= 5", "five"),
        ("!= null", 0),
        ("!= x", ["x"]),
        ("< 3", 2),
        ("<3", 2),
        ("<= 3", 3.0),
        ("> -1e3", 0),
        (">= 3", Decimal("3.0")),
        (">= 3", "12"),
        (">= 0.1", Decimal("0.1")),
        ("> 2026-01-01", "2026-01-31T12:00:00Z"),
        ("<= 2026-01-31T12:00:00Z", NOON),
        ("~ ^a.c$", "abc"),
        ("~ ^2", 200),
        ("!~ ^5", 200),
        ("~ true", True),
        ({"matches": "b"}, b"abc"),
        ({"in": [1, "two", None]}, None),
        ({"in": [1, "two"]}, 1.0),
        ({"not": 3}, 4),
        ({"not": {"in": [1, 2]}}, 3),
        ({"contains": "ell"}, "hello"),
        ({"contains": 3}, [1, 2, 3]),
        ({"contains": [3, 1]}, [1, 2, 3]),
        ({"contains": {"id": 2}}, [{"id": 1}, {"id": 2, "name": "x"}]),
        ({"contains": {"a": {"b": 1}}}, {"a": {"b": 1, "c": 2}, "d": 3}),
        ({"contains": "key"}, {"key": None}),
        ({"contains": 20}, 1205),
        ({"type": "string"}, "x"),
        ({"type": "string"}, ID),
        ({"type": "string"}, NOON),
        ({"type": "number"}, Decimal("1.5")),
        ({"type": "integer"}, 3.0),
        ({"type": "integer"}, Decimal("3.00")),
        ({"type": ["string", None]}, None),
        ({"type": "null"}, None),
        ({"type": "boolean"}, False),
        ({"type": "array"}, []),
        ({"type": "object"}, {}),
        ({"type": "uuid"}, str(ID)),
        ({"type": "uuid"}, ID),
        ({"type": "date"}, "2026-01-31"),
        ({"type": "date"}, date(2026, 1, 31)),
        ({"type": "datetime"}, "2026-01-31T12:00:00Z"),
        ({"type": "datetime"}, NOON),
        ({"between": [1, 3]}, 1),
        ({"between": [1, 3]}, 3),
        ({"between": ["2026-01-01", "2026-12-31"]}, "2026-06-01"),
        ({"length": 3}, "abc"),
        ({"length": ">= 2"}, [1, 2]),
        ({"length": {"between": [1, 2]}}, {"a": 1}),
        ({"length": 2}, b"ab"),
        ({"exists": True}, None),
        ({"schema": {"type": "object", "required": ["id"]}}, {"id": 1}),
        ({"schema": {"type": "string", "format": "uuid"}}, ID),
        ({"each": "> 0"}, [1, 2]),
        ({"some": "> 1"}, [1, 2]),
        ({"none": "> 2"}, [1, 2]),
        ({"each": {"type": "string"}, "length": 0}, []),
        ({"each": {"each": {"type": "integer"}}}, [[1], [2, 3]]),
        ({"any_of": [200, 304]}, 304),
        ({"any_of": [{"type": "null"}, "~ ^x"]}, "xy"),
        ({"all_of": ["> 1", "< 3"]}, 2),
        ({"type": "string", "length": 2, "not": "ab"}, "cd"),
    ],
)
def test_holds(matcher: Any, payload: Any) -> None:
    assertion = judge(matcher, payload)
    assert assertion.status == "passed", assertion.message
    assert assertion.message


@pytest.mark.parametrize(
    ("matcher", "payload", "said"),
    [
        (3, 4, "$ was 4, expected 3"),
        (1, True, "$ was true, expected 1"),
        ("1", 1, '$ was 1, expected "1"'),
        ([1], [2], "$ was [2], expected [1]"),
        ({"equals": None}, 0, "$ was 0, expected null"),
        ("== 5", 6, "$ was 6, expected == 5"),
        ('== "5"', 5, '$ was 5, expected == "5"'),
        ("== true", 1, "$ was 1, expected == true"),
        ("!= 5", 5, "$ was 5, expected != 5"),
        ("!= 5", "5", None),
        ("< 3", 3, "$ was 3, expected < 3"),
        ("> 3", "abc", '$ was "abc", expected > 3: a text cannot be compared with 3'),
        ("> 3", None, "null cannot be compared with 3"),
        ("> 0", True, "a boolean cannot be compared with 0"),
        ("< 3", [1], "a list cannot be compared with 3"),
        ("> 2026-12-01", "2026-01-31", "expected > 2026-12-01"),
        ("> 2026-12-01", 5, "a number cannot be compared with 2026-12-01"),
        ("~ ^b", "abc", '$ was "abc", expected ~ ^b'),
        ("~ x", None, "null has no text to match"),
        ("!~ x", None, "null has no text to match"),
        ("!~ ^a", "abc", "expected !~ ^a"),
        ({"in": [1, "two"]}, 3, '$ was 3, expected one of 1, "two"'),
        ({"not": 3}, 3, "$ was 3, expected not 3"),
        ({"not": "< 3"}, "abc", "a text cannot be compared"),
        ({"not": {"not": "< 3"}}, "abc", "a text cannot be compared"),
        ({"contains": "x"}, "abc", '"x" is not in it'),
        ({"contains": [1, 9]}, [1, 2], "9 is not in it"),
        ({"contains": {"id": 3}}, [{"id": 1}, 5], '{"id": 3} is not in it'),
        ({"contains": {"a": {"b": 2}}}, {"a": {"b": 1}}, "is not in it"),
        ({"contains": {"a": {"c": 1}}}, {"a": {"b": 1}}, "is not in it"),
        ({"contains": "a"}, None, "null cannot contain that"),
        ({"contains": 1}, {"a": 1}, "a map cannot contain that"),
        ({"not": {"contains": "a"}}, None, "null cannot contain that"),
        ({"type": "string"}, 3, "$ was 3, expected type string: it is a number"),
        ({"type": "number"}, True, "it is a boolean"),
        ({"type": "integer"}, 1.5, "it is a number"),
        ({"type": "integer"}, Decimal("1.5"), "it is a number"),
        ({"type": "uuid"}, "not-a-uuid", "it is a text"),
        ({"type": "date"}, "2026-01-31T12:00:00", "it is a text"),
        ({"type": "date"}, "2026-13-31", "it is a text"),
        ({"type": "datetime"}, "2026-01-31", "it is a text"),
        ({"type": ["string", "null"]}, [], "expected type string or null: it is a list"),
        ({"between": [1, 3]}, 4, "$ was 4, expected between 1 and 3"),
        ({"between": [1, 3]}, 0, "expected between 1 and 3"),
        ({"between": [1, 3]}, "x", "cannot be compared"),
        ({"length": 3}, "ab", 'expected length 3: its length is 2'),
        ({"length": ">= 1"}, [], "its length is 0"),
        ({"length": 1}, 5, "a number has no length"),
        ({"exists": False}, None, "$ was null, expected not to exist"),
        ({"schema": {"properties": {"a": {"type": "integer"}}}}, {"a": "x"}, "$.a: 'x' is not of type 'integer'"),
        ({"schema": {"type": "string", "format": "uuid"}}, "x", "is not a 'uuid'"),
        ({"each": "> 1"}, [1, 2, 0], "2 of 3 do not hold, first: item 0 was 1"),
        ({"each": "> 1"}, ["x"], "item 0 was \"x\": a text cannot be compared with 1"),
        ({"each": "> 1"}, [], "'each' judged nothing"),
        ({"some": "> 1"}, [], "'some' judged nothing"),
        ({"none": "> 1"}, [], "'none' judged nothing"),
        ({"not": {"some": "> 1"}}, [], "'some' judged nothing"),
        ({"each": "> 1"}, {"a": 2}, "a map has no items"),
        ({"some": "> 5"}, [1, 2], "none of 2 does"),
        ({"none": "> 1"}, [1, 2], "item 1 was 2"),
        ({"none": "> 1"}, [1, "x"], "item 1 was \"x\": a text cannot be compared"),
        ({"any_of": [200, 304]}, 500, "$ was 500, expected 200 or 304"),
        ({"all_of": ["> 1", "< 3"]}, 3, "expected > 1 and < 3"),
        ({"type": "string", "length": 2}, "abc", "its length is 3"),
    ],
)  # fmt: skip
def test_fails(matcher: Any, payload: Any, said: str | None) -> None:
    assertion = judge(matcher, payload)
    assert assertion.status == "failed"
    assert (said or "$ was") in assertion.message


@pytest.mark.parametrize(
    ("path", "matcher", "payload", "holds"),
    [
        # what judges one value must hold for each selected node
        ("$[*].n", "> 0", [{"n": 1}, {"n": 2}], True),
        ("$[*].n", "> 1", [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"not": 3}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"not": 2}, [{"n": 1}, {"n": 2}], False),
        ("$[*].n", "!= 2", [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"any_of": [1, 2]}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"any_of": [1, 3]}, [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"type": "integer", "between": [1, 2]}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", "> 0", [], False),
        ("$[*].n", {"not": 3}, [], False),
        # what judges a list takes all selected nodes
        ("$[*].n", [1, 2], [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"equals": [2, 1]}, [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"not": [2, 1]}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", [], [], True),
        ("$[*].n", {"contains": 2}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"contains": 3}, [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"length": 2}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"length": 0}, [], True),
        ("$[*].n", {"exists": True}, [{"n": None}], True),
        ("$[*].n", {"exists": True}, [{}], False),
        ("$[*].n", {"exists": False}, [{}], True),
        ("$[*].n", {"exists": False}, [{"n": 1}], False),
        ("$[*].n", {"each": "> 0"}, [{"n": 1}], True),
        ("$[*].n", {"some": "> 1"}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"none": "> 2"}, [{"n": 1}, {"n": 2}], True),
        ("$[*].n", {"not": {"some": "> 1"}}, [{"n": 1}, {"n": 2}], False),
        ("$[*].n", {"any_of": [{"length": 0}, "> 0"]}, [{"n": 1}], True),
        ("$[*].n", {"any_of": [{"exists": False}, "> 0"]}, [], True),
        ("$[*].n", {"each": "> 0", "length": ">= 0"}, [], True),
        ("$[*].n", {"type": "integer", "length": ">= 0"}, [], True),
        ("$[*].n", {"type": "integer", "length": ">= 1"}, [], False),
        # one place that is not there
        ("$.n", {"exists": False}, {}, True),
        ("$.n", {"exists": True}, {}, False),
        ("$.n", {"not": {"exists": True}}, {}, True),
        ("$.n", {"not": 3}, {}, False),
        ("$.n", "!= 3", {}, False),
        ("$.n", {"any_of": [{"exists": False}, 3]}, {}, True),
        ("$.n", {"length": 0}, {}, False),
        ("$.n", {"each": 3, "length": 0}, {}, False),
    ],
)
def test_paths(path: str, matcher: Any, payload: Any, holds: bool) -> None:
    assertion = judge(matcher, payload, path)
    assert (assertion.status == "passed") is holds, assertion.message


def test_a_pattern_that_would_take_forever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sysint.expectations.leaves._PATTERN_SECONDS", 0.05)
    assertion = judge("~ ^(a|a)*$", "a" * 40 + "b")
    assert assertion.status == "failed"
    assert "the pattern took more than 0.05s on 41 characters; make it simpler" in assertion.message
