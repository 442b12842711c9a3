from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.checks.health import KIND
from pytest_sysint.core.errors import CallError, Garbled, Mistakes, Rejected, TimedOut, Unreachable
from pytest_sysint.core.registry import kinds, types

OK = [{"name": "it is there", "request": "GET /"}]


def test_it_is_the_first_kind_and_registered() -> None:
    assert kinds().get("health") is KIND
    assert (KIND.name, KIND.order, KIND.alone) == ("health", 0, False)


# ---- the built-in check


def test_every_integration_has_the_ladder_with_no_declaration(bench: Any, service: Any) -> None:
    declared = bench.declare("rest", {"url": service.url}, tenant="oakwood")
    checks = bench.checks(declared)
    assert list(checks) == ["reachable"]
    check = checks["reachable"]
    assert (check.kind, check.tenant, check.effect, check.severity) == ("health", "oakwood", "read", "critical")
    assert (check.timeout, check.budget, check.tags, check.line) == (3.0, "calm", ("core",), 0)
    outcome = bench.run(check, declared)
    assert [item.name for item in outcome.assertions] == ["dns", "tcp", "ping"]
    assert {item.status for item in outcome.assertions} == {"passed"}
    assert {item.tenant_id for item in outcome.assertions} == {"oakwood"}
    assert all(item.message and item.expected and item.actual for item in outcome.assertions)
    assert set(outcome.phases) == {"dns", "tcp", "ping", "total"}
    assert outcome.phases["total"] >= sum(outcome.phases[rung] for rung in ("dns", "tcp", "ping")) * 0.99
    assert (outcome.rung, outcome.cause, outcome.reproduce) == ("", "", "")


def broken(bench: Any, url: str, **settings: Any) -> CallError:
    declared = bench.declare("rest", {"url": url, **settings})
    with pytest.raises(CallError) as caught:
        bench.run(bench.checks(declared)["reachable"], declared, timeout=0.3)
    return caught.value


def test_the_first_rung_that_breaks_is_the_verdict_and_keeps_those_that_held(bench: Any, free_port: int) -> None:
    error = broken(bench, f"http://127.0.0.1:{free_port}")
    assert isinstance(error, Unreachable)
    assert error.transient
    assert error.rung == "tcp"
    assert [(item.name, item.status) for item in error.partial.assertions] == [("dns", "passed")]
    assert set(error.partial.phases) == {"dns", "tcp", "total"}
    assert error.partial.cause
    assert error.partial.reproduce.startswith("curl ")


def test_an_unknown_host_breaks_at_dns(bench: Any) -> None:
    error = broken(bench, "http://no-such-host.invalid")
    assert error.rung == "dns"
    assert error.partial.assertions == ()
    assert error.partial.cause


def test_a_silent_server_breaks_at_ping(bench: Any, silent: int) -> None:
    error = broken(bench, f"http://127.0.0.1:{silent}")
    assert isinstance(error, TimedOut)
    assert error.rung == "ping"
    assert [item.name for item in error.partial.assertions] == ["dns", "tcp"]
    assert error.partial.cause


def test_noise_breaks_at_ping(bench: Any, garbage: int) -> None:
    error = broken(bench, f"http://127.0.0.1:{garbage}")
    assert isinstance(error, Garbled)
    assert not error.transient
    assert error.rung == "ping"


def test_a_failing_service_breaks_at_ping(bench: Any, service: Any) -> None:
    service.answers["/"] = (500, {})
    error = broken(bench, service.url)
    assert isinstance(error, Rejected)
    assert error.rung == "ping"


def test_wrong_credentials_break_at_authentication(bench: Any, service: Any) -> None:
    service.answers["/"] = (401, {})
    error = broken(bench, service.url, auth={"bearer": "correct-horse-battery"})
    assert error.rung == "authentication"
    assert not error.transient
    assert "correct-horse-battery" not in error.partial.reproduce


def test_it_is_switched_off_with_false(bench: Any) -> None:
    assert bench.checks(bench.declare("rest", {"url": "http://x"}, health=False)) == {}


# ---- declared checks


def test_declared_checks_come_after_the_built_in_one_with_their_own_keys(bench: Any) -> None:
    raw = [
        *OK,
        {
            "name": "Slow one", "request": "POST /x", "timeout": "20s", "severity": "low", "budget": "other",
            "retry": {"attempts": 1}, "poll": {"timeout": "3s"}, "tags": ["night"], "description": "why",
        },
    ]  # fmt: skip
    checks = bench.checks(bench.declare("rest", {"url": "http://x"}, health=raw))
    assert list(checks) == ["reachable", "it-is-there", "slow-one"]
    plain, own = checks["it-is-there"], checks["slow-one"]
    assert (plain.severity, plain.timeout, plain.budget, plain.effect) == ("critical", 3.0, "calm", "read")
    assert (own.severity, own.timeout, own.budget, own.effect) == ("low", 20.0, "other", "write")
    assert (own.retry.attempts, own.tags, own.title, own.description) == (1, ("core", "night"), "POST /x", "why")
    assert own.poll is not None
    assert own.poll.timeout == 3.0


def test_a_single_check_needs_no_list(bench: Any) -> None:
    declared = bench.declare("rest", {"url": "http://x"}, health=OK[0])
    assert list(bench.checks(declared)) == ["reachable", "it-is-there"]


def test_a_check_for_some_tenants_is_not_made_for_others(bench: Any) -> None:
    raw = [{**OK[0], "tenants": ["oakwood"]}]
    slugs = {
        tenant: list(bench.checks(bench.declare("rest", {"url": "http://x"}, tenant=tenant, health=raw)))
        for tenant in ("oakwood", "elmhurst")
    }
    assert slugs == {"oakwood": ["reachable", "it-is-there"], "elmhurst": ["reachable"]}


def test_what_is_expected_holds(bench: Any, service: Any) -> None:
    service.answers["/residents"] = (200, [{"id": 1}])
    raw = {"request": "GET /residents", "expect": {"status": 200, "$[*].id": "> 0", "latency": "< 1h"}}
    outcome = bench.health(raw, {"url": service.url})
    assert {item.status for item in outcome.assertions} == {"passed"}
    assert "total" in outcome.phases
    assert (outcome.cause, outcome.reproduce) == ("", "")


def test_what_is_expected_fails(bench: Any, service: Any) -> None:
    service.answers["/residents"] = (503, {"error": "no database"})
    raw = {"request": "GET /residents", "expect": {"status": 200, "$.error": {"exists": False}}}
    outcome = bench.health(raw, {"url": service.url})
    assert [item.message for item in outcome.assertions] == [
        "status was 503, expected 200",
        '$.error was "no database", expected not to exist',
    ]
    assert "the service behind it is down" in outcome.cause
    assert outcome.reproduce.startswith("curl ")
    assert f"{service.url}/residents" in outcome.reproduce
    assert outcome.rung == ""


def test_a_warning_degrades_and_does_not_fail(bench: Any, service: Any) -> None:
    raw = {"request": "GET /", "expect": {"latency": {"warn": "< 1us", "fail": "< 1h"}}}
    outcome = bench.health(raw, {"url": service.url})
    latency = [item for item in outcome.assertions if item.name == "latency"]
    assert [(item.severity, item.status) for item in latency] == [("warn", "failed"), ("fail", "passed")]
    assert outcome.cause == ""


def test_what_an_operation_expects_of_itself_holds_beside_what_is_declared(bench: Any, service: Any) -> None:
    service.answers["/broken"] = (500, {})
    fast = bench.health({"request": "GET /broken", "expect": {"latency": "< 1h"}}, {"url": service.url})
    assert [(item.name, item.status) for item in fast.assertions] == [("latency", "passed"), ("status", "failed")]
    meant = bench.health({"request": "GET /broken", "expect": {"status": 500}}, {"url": service.url})
    assert [(item.name, item.status) for item in meant.assertions] == [("status", "passed")]


def test_only_latency_has_its_own_cause(bench: Any, service: Any) -> None:
    outcome = bench.health({"request": "GET /", "expect": {"latency": "< 1us"}}, {"url": service.url})
    assert "slower than expected" in outcome.cause


def test_without_expect_the_type_says_what_is_expected(bench: Any, service: Any) -> None:
    service.answers["/broken"] = (404, {})
    good = bench.health({"request": "GET /"}, {"url": service.url})
    bad = bench.health({"request": "GET /broken"}, {"url": service.url})
    assert [(item.name, item.status) for item in good.assertions] == [("status", "passed")]
    assert [(item.name, item.status) for item in bad.assertions] == [("status", "failed")]
    assert bad.assertions[0].message == "status was 404, expected < 400"


def test_a_conversation_that_breaks_is_raised_with_what_is_known(bench: Any, free_port: int) -> None:
    with pytest.raises(Unreachable) as caught:
        bench.health({"request": "GET /x"}, {"url": f"http://127.0.0.1:{free_port}"})
    assert caught.value.partial.assertions == ()
    assert caught.value.partial.cause
    assert "/x" in caught.value.partial.reproduce


@pytest.mark.parametrize(
    ("raw", "path", "said"),
    [
        (None, (), "expected a list of checks, one check, or false to have no health checks; got nothing"),
        ([], (), "got nothing"),
        ({}, (), "got nothing"),
        (True, (), "got true"),
        ("off", (), "got the text 'off'"),
        ([3], (0,), "expected a check"),
        ([{"name": "x"}], (0,), "names no operation"),
        ([{"request": "GET /", "expect": {}}], (0, "expect"), "judges nothing"),
        ([*OK, *OK], (1, "name"), "another check above it has this name"),
        ([{**OK[0], "name": "Reachable"}], (0, "name"), "'reachable' is the built-in check"),
        ({**OK[0], "name": "reachable"}, ("name",), "'reachable' is the built-in check"),
    ],
)
def test_mistakes(raw: Any, path: tuple[Any, ...], said: str) -> None:
    with pytest.raises(Mistakes) as caught:
        KIND.read(raw, types().get("rest"), Path())
    assert [mistake.path for mistake in caught.value.mistakes] == [path]
    assert said in caught.value.mistakes[0].message


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(Mistakes) as caught:
        KIND.read(
            [{"request": "GET /", "expect": {"latency": "< 5"}}, {"reqest": "GET /"}], types().get("rest"), Path()
        )
    assert [mistake.path[0] for mistake in caught.value.mistakes] == [0, 1]
    with pytest.raises(Mistakes) as caught:
        KIND.read([{"reqest": "GET /", "name": "reachable"}, 3], types().get("rest"), Path())
    assert [mistake.path for mistake in caught.value.mistakes] == [(0, "reqest"), (1,), (0, "name")]


@pytest.mark.parametrize(("raw", "good"), [(False, True), (OK, True), (OK[0], True), (True, False), ([], False)])
def test_the_schema_for_editors(raw: Any, good: bool) -> None:
    schema = KIND.schema(types().get("rest"))
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(raw) is good
