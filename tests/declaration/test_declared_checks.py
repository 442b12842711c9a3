"""One declared check: its operation, its expectations, its keys."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.core.check import Poll
from pytest_sysint.core.errors import Mistakes
from pytest_sysint.core.integration import Observation
from pytest_sysint.declaration import check_schema, read_check, read_checks
from pytest_sysint.declaration.checks import slug_of
from pytest_sysint.declaration.references import Referenced, Unset
from pytest_sysint.declaration.resolving import Placed


def mistakes(raw: Any, cls: Any, read: Any = read_check) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(Mistakes) as caught:
        read(raw, cls)
    return [(each.path, each.message) for each in caught.value.mistakes]


def test_a_check_is_an_operation_with_expectations(probe: Any) -> None:
    raw = {
        "name": "It Answers, quickly!", "fetch": "/x", "deep": 2, "expect": {"status": 200, "latency": "< 1s"},
        "poll": {"timeout": "2s"}, "timeout": "500ms", "severity": "low", "tenants": ["a"], "retry": {"attempts": 1},
        "budget": "slow", "tags": ["t"], "description": "d",
    }  # fmt: skip
    check = read_check(raw, probe)
    assert (check.name, check.slug, check.operation.fetch, check.operation.deep) == (
        "It Answers, quickly!",
        "it-answers-quickly",
        "/x",
        2,
    )
    assert check.expectation is not None
    assert check.expectation.subjects == ("status", "latency")
    assert check.poll == Poll(timeout="2s")
    assert (check.timeout, check.severity, check.tenants, check.budget, check.tags) == (
        0.5,
        "low",
        ("a",),
        "slow",
        ("t",),
    )
    assert check.retry is not None
    assert check.retry.attempts == 1


def test_without_a_name_it_is_called_after_its_operation(probe: Any) -> None:
    check = read_check({"fetch": "GET /a?b=c"}, probe)
    assert (check.name, check.slug, check.expectation, check.line) == ("GET /a?b=c", "get-a-b-c", None, 0)


def test_it_knows_its_line(probe: Any) -> None:
    raw = Placed(fetch="/")
    raw.line = 7
    assert read_check(raw, probe).line == 7


def test_a_measure_is_judged_in_its_own_dimension(probe: Any) -> None:
    check = read_check({"lag": "< 10s", "expect": {"latency": "< 1s"}}, probe)
    assert check.expectation is not None
    judged = check.expectation.judge(Observation(4.0, {"lag": 4.0}, {"total": 2.0}))
    assert [(each.name, each.status) for each in judged] == [("lag", "passed"), ("latency", "failed")]


def test_a_key_may_be_an_operation_and_a_field_of_another(probe: Any) -> None:
    assert read_check({"store": "a", "fetch": "b"}, probe).operation.key() == "store"


def test_references_become_what_the_operation_needs(probe: Any) -> None:
    check = read_check({"fetch": Referenced("/x"), "deep": Referenced("3"), "headers": {"a": Referenced("b")}}, probe)
    assert (check.operation.deep, check.operation.headers) == (3, {"a": "b"})
    assert type(check.operation.headers["a"]) is str


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"fetsh": "/"}, [(("fetsh",), "unknown operation, did you mean 'fetch'? (operations: fetch, store, lag)")]),
        ({"name": "x"}, [((), "names no operation (operations: fetch, store, lag)")]),
        ({"fetch": "a", "lag": "< 1s"}, [((), "'fetch' and 'lag': a check has one operation; make it two checks")]),
        ("GET /", [((), "expected a check, a map with one operation (fetch, store, lag), got the text 'GET /'")]),
        ({"fetch": 5}, [(("fetch",), "expected a text, got the number 5")]),
        ({"fetch": "/", "deep": -1}, [(("deep",), "must be 0 or more")]),
        ({"fetch": "/", "severity": "hihg"},
         [(("severity",), "unknown word 'hihg', did you mean 'high'? (allowed: critical, high, low, medium)")]),
        ({"fetch": "/", "expect": None},
         [(("expect",), "expects nothing; leave the key out, or give a map of subjects")]),
        ({"fetch": "/", "timeout": "0s"}, [(("timeout",), "must be greater than 0")]),
        ({"fetch": "/", "retry": {"attempts": 0}}, [(("retry", "attempts"), "must be 1 or more")]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(probe: Any, raw: Any, expected: list[tuple[Any, str]]) -> None:
    assert mistakes(raw, probe) == expected


def test_everything_is_told_at_once(probe: Any) -> None:
    raw = {"fetch": "/", "dep": 1, "headers": {"a": 5}, "poll": {}, "expect": {"latency": 5}}
    assert [path for path, _ in mistakes(raw, probe)] == [("dep",), ("headers", "a"), ("poll",)]
    del raw["poll"], raw["dep"], raw["headers"]
    assert mistakes(raw, probe)[0][0] == ("expect", "latency")


def test_the_matcher_of_a_measure_is_told_at_its_own_key(probe: Any) -> None:
    assert mistakes({"lag": "< 10"}, probe)[0][0] == ("lag",)
    assert mistakes({"lag": "< 10s", "expect": {"status": {}}}, probe)[0][0][:2] == ("expect", "status")


def test_what_follows_from_an_unset_reference_is_not_told(probe: Any) -> None:
    assert mistakes({"fetch": "/", "expect": {"latency": Unset()}}, probe) == []
    assert mistakes({"lag": Unset()}, probe) == []


def test_a_value_from_a_reference_is_not_shown(probe: Any) -> None:
    raw = {"fetch": "/", "expect": {"latency": Referenced("< canary-value")}}
    (found,) = mistakes(raw, probe)
    assert found[0] == ("expect", "latency")
    assert "canary" not in found[1]


def test_a_list_of_checks_has_its_names_once(probe: Any) -> None:
    raw = [{"fetch": "/"}, {"fetch": "/"}, {"name": "a", "fetch": "/"}, {"name": "A!", "fetch": "/"}]
    assert mistakes(raw, probe, read_checks) == [
        ((3, "name"), "another check above it has this name (node id 'a')"),
    ]
    assert [check.slug for check in read_checks(raw[:3], probe)] == ["check", "check-2", "a"]


def test_a_single_check_stands_for_a_list_of_one(probe: Any) -> None:
    assert len(read_checks({"fetch": "/a"}, probe)) == 1
    assert mistakes([], probe, read_checks) == [((), "expected a list of checks, got nothing in it")]
    assert mistakes("x", probe, read_checks) == [((), "expected a list of checks, got the text 'x'")]
    assert mistakes([{"fetch": "/"}, {"x": 1}], probe, read_checks)[0][0] == (1,)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Größe der Tabelle", "groe-der-tabelle"),
        ("日本", "check"),
        ("a" * 100, "a" * 60),
        ("SELECT count(*) AS n", "select-count-as-n"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_the_schema_takes_what_the_reader_takes(probe: Any) -> None:
    validator = Draft202012Validator(check_schema(probe))
    assert validator.is_valid({"fetch": "/", "deep": 1, "expect": {"status": 200}, "severity": "low"})
    assert validator.is_valid({"lag": "< 1s"})
    assert not validator.is_valid({"fetch": 5})
    assert not validator.is_valid({"name": "x"})
    assert not validator.is_valid({"fetch": "/", "depe": 1})
