"""Laws that hold for every expectation and every payload."""

from __future__ import annotations

import operator
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.units import show
from pytest_sysint.expectations import compile_expectation

relaxed = settings(deadline=None)
NUMBERS = st.integers(-(10**20), 10**20) | st.floats(-1e12, 1e12, allow_nan=False)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc") | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)
LITERALS = st.booleans() | st.integers() | st.text("abc é", max_size=4) | st.lists(SCALARS, max_size=3)
OPERATORS = st.sampled_from(
    ["< 3", "<= -1.5", "> 0", ">= 1e3", "== 5", "!= x", "== null", "~ ^a", "!~ \\d", "> 2026-01-01"]
)
WORDS = st.one_of(
    st.fixed_dictionaries({"equals": SCALARS}),
    st.fixed_dictionaries({"in": st.lists(SCALARS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"contains": st.sampled_from(["a", 1, None, {"a": 1}, ["a", 1]])}),
    st.fixed_dictionaries({"type": st.sampled_from(["string", "integer", "uuid", "datetime", ["object", "null"]])}),
    st.fixed_dictionaries({"between": st.just([-1, 10])}),
    st.fixed_dictionaries({"length": st.sampled_from([0, ">= 1", {"not": 2}])}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries(
        {"schema": st.sampled_from([{"type": "object"}, {"minimum": 3}, {"items": {"pattern": "a"}}])}
    ),
)
MATCHERS = st.recursive(
    LITERALS | OPERATORS | WORDS,
    lambda inner: st.one_of(
        *(st.fixed_dictionaries({word: inner}) for word in ("not", "each", "some", "none")),
        *(st.fixed_dictionaries({word: st.lists(inner, min_size=1, max_size=3)}) for word in ("any_of", "all_of")),
        st.fixed_dictionaries({"each": inner, "length": st.just(">= 0"), "not": inner}),
    ),
    max_leaves=5,
)
PATHS = st.sampled_from(["$", "$.a", "$[0]", "$[*]", "$..a", "$[?@.a]", "$.a[1:]", "$[-1].b", "status", "x.y"])


SYMBOLS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def judge(matcher: Any, payload: Any, subject: str = "$") -> Assertion:
    (assertion,) = compile_expectation({subject: matcher}).judge(Observation(payload))
    return assertion


def holds(matcher: Any, payload: Any, subject: str = "$") -> bool:
    return judge(matcher, payload, subject).status == "passed"


@relaxed
@given(PATHS, MATCHERS, JSON)
def test_judging_never_raises_and_always_says_something(path: str, matcher: Any, payload: Any) -> None:
    observation = Observation(payload, {"status": payload, "x": {"y": payload}}, {"total": 0.1})
    (assertion,) = compile_expectation({path: matcher}).judge(observation)
    assert assertion.message
    assert assertion.name == path
    assert len(assertion.dump()["message"]) < 3000


@relaxed
@given(NUMBERS, NUMBERS)
def test_operators_agree_with_python(value: float, bound: float) -> None:
    symbols = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    }
    for symbol, compare in symbols.items():
        assert holds(f"{symbol} {bound!r}", value) is compare(value, bound), symbol


@relaxed
@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_durations_are_compared_as_written(value: float, bound: float) -> None:
    written = f"{bound * 1000!r}ms"
    (assertion,) = compile_expectation({"latency": f"< {written}"}).judge(Observation(phases={"total": value}))
    if abs(value - bound) > 1e-9 * bound:
        assert (assertion.status == "passed") is (value < bound)
    assert assertion.actual
    if assertion.status == "failed" and abs(value - bound) > 1e-9 * bound:
        assert assertion.actual != show(bound, "duration") or value == bound


@relaxed
@given(JSON)
def test_everything_equals_itself(payload: Any) -> None:
    if payload == payload and "nan" not in repr(payload):
        assert holds({"equals": payload}, payload)
        assert not holds({"not": {"equals": payload}}, payload)


@relaxed
@given(MATCHERS, JSON)
def test_a_matcher_and_its_opposite_never_both_hold(matcher: Any, payload: Any) -> None:
    positive, negative = holds(matcher, payload), holds({"not": matcher}, payload)
    assert not (positive and negative)
    assert holds({"not": {"not": matcher}}, payload) is positive
    assert holds({"any_of": [matcher, {"not": matcher}]}, payload) is (positive or negative)


@relaxed
@given(SCALARS, st.lists(SCALARS, min_size=1, max_size=4))
def test_in_is_any_of_equals(value: Any, allowed: list[Any]) -> None:
    assert holds({"in": allowed}, value) is holds({"any_of": [{"equals": item} for item in allowed]}, value)
    assert holds({"not": {"in": allowed}}, value) is not holds({"in": allowed}, value)


@relaxed
@given(st.lists(MATCHERS, min_size=1, max_size=3), JSON)
def test_any_of_and_all_of(matchers: list[Any], payload: Any) -> None:
    each = [holds(matcher, payload) for matcher in matchers]
    assert holds({"any_of": matchers}, payload) is any(each)
    assert holds({"all_of": matchers}, payload) is all(each) or payload == []


@relaxed
@given(MATCHERS, st.lists(JSON, min_size=1, max_size=4))
def test_quantifiers(matcher: Any, items: list[Any]) -> None:
    positive = [holds(matcher, item) for item in items]
    negative = [holds({"not": matcher}, item) for item in items]
    assert holds({"each": matcher}, items) is all(positive)
    assert holds({"some": matcher}, items) is any(positive)
    assert holds({"none": matcher}, items) is all(negative)
    assert holds({"each": {"not": matcher}}, items) is holds({"none": matcher}, items)


@relaxed
@given(MATCHERS)
def test_quantifiers_over_nothing_judge_nothing(matcher: Any) -> None:
    for word in ("each", "some", "none"):
        assert not holds({word: matcher}, [])
        assert not holds({"not": {word: matcher}}, [])
        assert holds({word: matcher, "length": 0}, [])


@relaxed
@given(LITERALS.filter(lambda value: not isinstance(value, list)), st.lists(JSON, max_size=4))
def test_a_plain_matcher_on_several_nodes_is_each(literal: Any, items: list[Any]) -> None:
    assert holds(literal, items, "$[*]") is holds({"each": literal}, items)
    assert holds({"not": {"equals": literal}}, items, "$[*]") is holds({"none": {"equals": literal}}, items)


@relaxed
@given(st.text(max_size=30), st.text(max_size=3).filter(bool))
def test_contains_and_matches_agree(text: str, part: str) -> None:
    assert holds({"contains": part}, text) is (part in text)
    assert holds({"matches": re.escape(part)}, text) is (part in text)


@relaxed
@given(st.text() | st.lists(st.integers()), st.integers(0, 10))
def test_length(value: Any, length: int) -> None:
    assert holds({"length": length}, value) is (len(value) == length)
    assert holds({"length": f">= {length}"}, value) is (len(value) >= length)
