from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import SHARED, Assertion
from pytest_sysint.expectations import compile_expectation, compile_value

ROWS = Observation(
    [{"n": 3, "name": "Ada"}, {"n": 5, "name": "Bob"}],
    {"status": 200, "size": 3 * 2**20, "count": 2, "lag": 12.5, "headers": {"content-type": "application/json"}},
    {"connect": 0.002, "total": 0.612},
)


def judge(raw: Any, observation: Observation = ROWS, **dimensions: Any) -> tuple[Assertion, ...]:
    return compile_expectation(raw, dimensions).judge(observation, "oakwood")


def test_one_assertion_per_subject_in_order_with_tenant() -> None:
    found = judge({"status": 200, "$[*].n": "> 0", "latency": "< 1s"})
    assert [item.name for item in found] == ["status", "$[*].n", "latency"]
    assert {item.status for item in found} == {"passed"}
    assert {item.tenant_id for item in found} == {"oakwood"}
    assert {item.severity for item in found} == {"fail"}
    expectation = compile_expectation({"status": 200, "latency": {"warn": "< 1s", "fail": "< 2s"}})
    assert expectation.subjects == ("status", "latency")
    assert expectation.judge(ROWS)[0].tenant_id == SHARED


def test_warn_and_fail_give_one_assertion_each() -> None:
    warn, fail = judge({"latency": {"fail": "< 1s", "warn": "< 500ms"}})
    assert (warn.name, warn.severity, warn.status) == ("latency", "warn", "failed")
    assert (fail.name, fail.severity, fail.status) == ("latency", "fail", "passed")
    assert warn.message == "latency was 612ms, expected < 500ms"
    assert (warn.expected, warn.actual) == ("< 500ms", "612ms")
    (only,) = judge({"status": {"warn": 201}})
    assert (only.severity, only.status) == ("warn", "failed")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"status": 503}, "status was 200, expected 503"),
        ({"latency": "< 500ms"}, "latency was 612ms, expected < 500ms"),
        ({"latency": "< 0.6119999s"}, "latency was 612ms, expected < 0.6119999s"),
        ({"latency": 250}, ""),
        ({"latency": {"between": ["1s", "2s"]}}, "latency was 612ms, expected between 1s and 2s"),
        ({"latency": {"in": ["1s", "612ms"]}}, "latency was 612ms, expected one of 1s, 612ms"),
        ({"phases.connect": "> 1s"}, "phases.connect was 2ms, expected > 1s"),
        ({"size": "<= 2MiB"}, "size was 3MiB, expected <= 2MiB"),
        ({"size": "3MiB"}, "size was 3MiB, expected 3MiB"),
        ({"count": 3}, "count was 2, expected 3"),
        ({"lag": "< 10s"}, "lag was 12.5s, expected < 10s"),
        ({"headers.Content-Type": "text/html"}, 'headers.Content-Type was "application/json", expected "text/html"'),
        ({"$[0].name": "Bob"}, '$[0].name was "Ada", expected "Bob"'),
        ({"$[*].name": "~ ^A"}, None),
        ({"$[2].n": 1}, "'$[2].n' selects nothing: $ is a list of 2; expected 1"),
        ({"statu": 200}, None),
    ],
)
def test_messages(raw: dict[str, Any], message: str | None) -> None:
    if message == "":
        return
    (found,) = judge(raw)
    assert found.message == (message if message is not None else found.message)
    assert found.message


def test_messages_of_several_nodes_and_of_what_is_not_there() -> None:
    (names,) = judge({"$[*].name": "~ ^A"})
    assert names.message == ('$[*].name was ["Ada", "Bob"], expected ~ ^A: 1 of 2 do not hold, first: item 1 was "Bob"')
    assert names.actual == ["Ada", "Bob"]
    (typo,) = judge({"statu": 200})
    assert typo.message.startswith("there is no 'statu', did you mean 'status'?")
    assert typo.message.endswith("; expected 200")
    assert typo.actual is None


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.5004, "500.4ms"), (0.50000001, "500.00001ms"), (0.612, "612ms"), (90, "1.5m")]
)
def test_rounding_never_contradicts_the_verdict(seconds: float, shown: str) -> None:
    (found,) = judge({"latency": "< 500ms"}, Observation(phases={"total": seconds}))
    assert found.status == "failed"
    assert found.actual == shown


def test_a_measure_is_shown_in_its_dimension() -> None:
    (found,) = judge({"memory": "< 90%"}, Observation(0.953, {"memory": 0.953}), memory="ratio")
    assert found.message == "memory was 95.3%, expected < 90%"
    (found,) = judge({"lag": "< 10s"}, Observation(None, {"lag": None}), lag="duration")
    assert found.message == "lag was null, expected < 10s: null cannot be compared with 10s"
    (found,) = judge({"lag": "< 10s"}, Observation(None, {"lag": float("nan")}), lag="duration")
    assert found.status == "failed"
    (found,) = judge({"lag": "< 10s"}, Observation(None, {"lag": Decimal("12.5")}), lag="duration")
    assert found.actual == "12.5s"


def test_what_is_recorded_is_the_declared_matcher_in_json() -> None:
    raw = {"$[0]": {"schema": {"type": "object"}, "not": {"in": [1, 2]}}}
    (found,) = judge(raw)
    assert found.expected == raw["$[0]"]
    assert found.status == "passed"
    json.dumps(found.dump())


@pytest.mark.parametrize("matcher", ["x", "~ y$", {"contains": "zz"}, {"length": 3}, {"schema": {"maxLength": 3}}])
def test_a_huge_body_never_lands_in_a_record(matcher: Any) -> None:
    body = "x" * 50_000_000
    (found,) = judge({"$": matcher}, Observation(body))
    assert found.status == "failed"
    assert len(found.model_dump_json()) < 5000


def test_a_huge_result_never_lands_in_a_record() -> None:
    rows = Observation([{"id": n, "note": "x" * 200} for n in range(50_000)])
    found = judge({"$[*].id": "< 0", "$": {"length": 0}, "$[*].note": {"none": "x"}}, rows)
    assert {item.status for item in found} == {"failed", "passed"}
    assert all(len(item.model_dump_json()) < 8000 for item in found)
    assert found[0].message.endswith("50000 of 50000 do not hold, first: item 0 was 0")


def test_what_is_nested_too_deep_fails() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    for matcher in ([1], {"schema": {"$ref": "#"}}, {"schema": {"type": "array", "items": {"$ref": "#"}}}):
        (found,) = judge({"$": matcher}, Observation(deep))
        assert found.status == "failed"
        assert len(found.message) < 1000


def test_one_expectation_serves_many_threads() -> None:
    expectation = compile_expectation({"$[?search(@.id, 'a')].n": "< 100", "$[0].id": "~ ^a\\d+$"})
    payloads = [Observation([{"id": f"a{n}", "n": n}]) for n in range(100)]
    with ThreadPoolExecutor(8) as pool:
        found = [item for items in pool.map(expectation.judge, payloads) for item in items]
    assert len(found) == 200
    assert {item.status for item in found} == {"passed"}


def test_a_value_at_hand_is_judged_under_the_name_that_it_is_given() -> None:
    expectation = compile_value("columns.a b.$type", {"warn": "text", "fail": {"in": ["text", "uuid"]}})
    warned, failed = expectation.judge(Observation("uuid"), "oakwood")
    assert (warned.status, failed.status) == ("failed", "passed")
    assert warned.message == 'columns.a b.$type was "uuid", expected "text"'
    assert warned.tenant_id == "oakwood"
    (lacking,) = compile_value("type", "text").judge(Observation(facts={"lacking": "there is no 'type'"}))
    assert (lacking.status, lacking.message) == ("failed", "there is no 'type'; expected \"text\"")
    (absent,) = compile_value("type", {"exists": False}).judge(Observation(facts={"lacking": "there is no 'type'"}))
    assert absent.status == "passed"
    (kept,) = compile_value("retention", "7d", "duration").judge(Observation(604800.0))
    assert kept.status == "passed"
    with pytest.raises(Mistakes) as raised:
        compile_value("type", {"equal": 1})
    assert raised.value.mistakes[0].path == ("equal",)
