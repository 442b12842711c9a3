"""Whatever a file holds, loading gives declarations or says what is wrong; nothing else, and no secret."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.declaration import load
from pytest_sysint.declaration.schema import declaration_schema

_count = itertools.count()


def canaries() -> dict[str, str]:
    """Variables with values that no other test has taught the redactor."""
    number = next(_count)
    return {
        "SECRET_TOKEN": f"canary-token-{number}.",
        "PLAIN": f"canary-plain-{number}.",
        "URL": f"probe://u:canary-url-{number}.@host",
    }


def outcome(data: bytes, env: dict[str, str] | None = None) -> str:
    """What loading says: the problems, or the text of the declarations."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sysint.yaml")
        path.write_bytes(data)
        try:
            return str(load([path], env=canaries() if env is None else env))
        except DeclarationError as error:
            assert error.problems
            return str(error)


_quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_quick
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(data: bytes) -> None:
    outcome(data)


_WORDS = st.sampled_from(
    ["sysint", "type", "probe", "rest", "url", "tenants", "all", "oak", "health", "fetch", "request", "expect",
     "status",
     "latency", "< 5s", "retry", "attempts", "provision", "command", "image", "environments", "local", "allow", "read",
     "budgets", "defaults", "timeout", "include", "integrations", "flows", "gate", "depends_on", "a", "b", "password",
     "${env:PLAIN}", "${env:SECRET_TOKEN}", "${env:URL}", "${env:NONE}", "${tenant:x}", "${integration:a.url}", "${",
     "${env:NONE:-${env:PLAIN}}", "severity", "high", "5/s", "no", "port", "pool", "size", "contract", "seed", "way"]
)  # fmt: skip
_SCALARS = _WORDS | st.none() | st.booleans() | st.integers(-5, 70000) | st.floats(0, 2) | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4), max_leaves=12
)
_INTEGRATION = st.fixed_dictionaries(
    {"type": st.sampled_from(["probe", "rest", "redis", "nope"])},
    optional=dict.fromkeys(
        ("url", "tenants", "health", "retry", "provision", "depends_on", "password", "port", "pool", "tags",
                     "timeout", "budget", "severity", "hosts", "mode", "name", "category", "contract", "oops"),
        _VALUES,
    ),
)  # fmt: skip
_TOP = st.fixed_dictionaries(
    {
        "sysint": st.just(1),
        "integrations": st.dictionaries(st.sampled_from("abcd"), _INTEGRATION, max_size=3) | _VALUES,
    },
    optional={
        "tenants": st.just(["oak", "elm"]) | st.just({"oak": {"x": "${env:PLAIN}"}}) | _VALUES,
        "environments": st.dictionaries(st.just("local"), _VALUES) | _VALUES,
        **dict.fromkeys(("system", "defaults", "budgets", "flows", "gate", "include"), _VALUES),
    },
)


@_quick
@given(_TOP)
def test_anything_in_the_shape_of_a_declaration(top: dict[str, Any]) -> None:
    said = outcome(yaml.safe_dump(top).encode())
    assert "canary-token" not in said
    assert "canary-url" not in said
    assert "pydantic" not in said
    assert "Input should" not in said


@pytest.mark.parametrize(
    "value", ["${env:PLAIN}", "${env:SECRET_TOKEN}", "${env:URL}", "x ${env:PLAIN}", "canary-written-4"]
)
@pytest.mark.parametrize(
    "place",
    [
        "port: '%s'", "strict: '%s'", "password: ['%s']", "password: {token: '%s'}", "pool: {idle: '%s'}",
        "pool: '%s'", "severity: '%s'", "timeout: '%s'", "category: '%s'", "tenants: ['%s']", "budget: '%s'",
        "retry: {attempts: '%s'}", "provision: '%s'", "provision: {way: '%s'}", "provision: {timeout: '%s'}",
        "health: '%s'", "health: [{fetch: '%s', deep: '%s'}]", "health: [{fetch: /, expect: {latency: '%s'}}]",
        "health: [{lag: '%s'}]", "health: [{fetch: /, expect: {x: {matches: '(%s'}}}]", "depends_on: ['%s']",
        "url: '%s'", "type: '%s'", "description: ['%s']", "health: [{fetch: /, tenants: ['%s']}]",
        "health: [{fetch: /, budget: '%s'}]", "health: [{fetch: /, severity: '%s', retry: {attempts: '%s'}}]",
    ],
)  # fmt: skip
def test_no_problem_shows_what_a_reference_gave(place: str, value: str) -> None:
    entry = place.replace("%s", value)
    said = outcome(
        f"sysint: 1\nintegrations:\n  a:\n    {'' if 'type:' in entry else 'type: probe'}\n    {entry}\n".encode()
    )
    assert not any(canary in said for canary in ("canary-token", "canary-plain", "canary-url")), said
    if "password" in place:
        assert "canary-written" not in said


def test_what_the_schema_refuses_least_is_what_loads() -> None:
    """The schema is made from the same models; it must at least take a declaration that loads."""
    from jsonschema import Draft202012Validator

    text = """
    sysint: 1
    tenants: {oak: {x: 5}}
    environments: {local: {provision: auto, allow: [read]}}
    defaults: {timeout: "${env:T:-5s}"}
    budgets: {slow: 5/s}
    integrations:
      a:
        type: probe
        url: ${env:URL}
        port: ${env:PORT:-80}
        tenants: all
        pool: {size: "${env:SIZE:-3}", idle: 5s}
        provision: {command: "x --port {port}", timeout: 5s}
        health: [{fetch: /, expect: {status: 200}}, {lag: < 5s}]
      b: {type: rest, url: "http://localhost", depends_on: a}
    """
    Draft202012Validator(declaration_schema()).validate(yaml.safe_load(text))
    assert "problem" not in outcome(text.encode())
