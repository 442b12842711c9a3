"""The frame of a declaration: every mistake in it has its sentence and its position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Problems = Callable[..., list[str]]

REST = "integrations: {a: {type: probe}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "1:1 : expected a map that begins with `sysint: 1`, got a list"),
        ("hello\n", "1:1 : expected a map that begins with `sysint: 1`, got the text 'hello'"),
        (REST, "1:1 : the version of the format is missing: begin the file with `sysint: 1`"),
        ("sysint: 2\n" + REST, "1:1 sysint: this version of pytest-sysint reads format 1, got the number 2"),
        ("sysint: '1'\n" + REST, "1:1 sysint: this version of pytest-sysint reads format 1, got the text '1'"),
        ("sysint: true\n" + REST, "1:1 sysint: this version of pytest-sysint reads format 1, got true"),
        ("sysint: 1\n", "1:1 : no integrations are declared: add `integrations:` with at least one entry"),
        ("sysint: 1\nintegrations:\n", "2:1 integrations: expected a map of names, got nothing"),
        ("sysint: 1\nintegrations: {}\n",
         "1:1 : no integrations are declared: add `integrations:` with at least one entry"),
        ("sysint: 1\nintegrations: [a]\n", "2:1 integrations: expected a map of names, got a list"),
        ("sysint: 1\nintegrations: {A b: {type: probe}}\n",
         "2:16 integrations['A b']: a name has small letters, digits, and single hyphens or underscores between them"),
        ("sysint: 1\nintegrations: {" + "a" * 81 + ": {type: probe}}\n",
         "2:16 integrations." + "a" * 81 + ": a name has 80 characters at most"),
        ("sysint: 1\nintegrations: {a: 5}\n",
         "2:16 integrations.a: expected a map with at least a `type`, got the number 5"),
    ],
)  # fmt: skip
def test_the_outermost_form(problems: Problems, text: str, said: str) -> None:
    assert said in problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intergrations: {}", "intergrations: unknown key, did you mean 'integrations'?"),
        ("system: [a]", "system: expected a text, got a list"),
        ("system: '${env:SYS}'", "system: the environment variable SYS is not set"),
        ("system: '${env:SYS'", "system: a reference is not closed"),
        ("tenants: oak", "tenants: expected a list of ids, or a map of ids, got the text 'oak'"),
        ("tenants: [shared]", "tenants[0]: 'shared' is the name for what belongs to no tenant; choose another id"),
        ("tenants: [a, a]", "tenants[1]: tenant 'a' stands twice"),
        ("tenants: [5]", "tenants[0]: expected the id of a tenant, got the number 5"),
        ("tenants: [Oak]", "tenants[0]: a name has small letters"),
        ("tenants: {oak: secret-canary}", "tenants.oak: expected the keys of the tenant as a map"),
        ("tenants: {oak: {k: [1]}}", "tenants.oak.k: expected a text, got a list"),
        ("tenants: {oak: {id: x}}", "tenants.oak.id: `id` is the tenant's id itself"),
        ("environments: [a]", "environments: expected a map of names, got a list"),
        ("environments: {a: 5}", "environments.a: expected a map, got the number 5"),
        ("environments: {a: {alow: []}}", "environments.a.alow: unknown key, did you mean 'allow'?"),
        ("environments: {a: {allow: read}}", "environments.a.allow: expected a list, got the text 'read'"),
        ("environments: {a: {allow: [wriet]}}", "environments.a.allow[0]: unknown word 'wriet', did you mean 'write'?"),
        ("environments: {a: {provision: contaner}}",
         "environments.a.provision: unknown word 'contaner', did you mean 'container'?"),
        ("environments: {a: {urls: [x]}}", "environments.a.urls: expected a map, integration id -> url, got a list"),
        ("defaults: 5", "defaults: expected a map, got the number 5"),
        ("defaults: {timeout: 5}", "defaults.timeout: '5' has no unit; write a duration such as"),
        ("defaults: {timeout: 0s}", "defaults.timeout: must be greater than 0"),
        ("defaults: {retry: {attempts: 0}}", "defaults.retry.attempts: must be 1 or more"),
        ("defaults: {retry: {backoff: exponental}}",
         "defaults.retry.backoff: unknown word 'exponental', did you mean 'exponential'?"),
        ("budgets: {slow: 5}", "budgets.slow: '5' has no unit; write a rate such as 200/s, 30/m"),
        ("budgets: {slow: 0/s}", "budgets.slow: must be greater than 0"),
        ("budgets: {slow: [1]}", "budgets.slow: expected a rate such as 200/s, 30/m"),
        ("budgets: {slow: '${env:RATE_X}'}", "budgets.slow: the environment variable RATE_X is not set"),
        ("flows: [x]", "flows: expected a map of names, got a list"),
        ("flows: {x: 5}", "flows.x: expected a map, got the number 5"),
        ("gate: 5", "gate: expected a map, got the number 5"),
    ],
)  # fmt: skip
def test_what_stands_around_the_integrations(problems: Problems, text: str, said: str) -> None:
    found = problems(f"sysint: 1\n{text}\n{REST}")
    assert any(each.startswith("2:") and said in each for each in found), found
    assert "canary" not in "".join(found)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{url: x}", "3:3 integrations.a: 'type' is missing (known: "),
        ("{type: 5}", "3:7 integrations.a.type: expected the word of a type, got the number 5"),
        ("{type: prob}", "3:7 integrations.a.type: unknown type 'prob', did you mean 'probe'?"),
        ("{type: probe, prot: 5}", "3:20 integrations.a.prot: unknown key, did you mean 'port'?"),
        ("{type: probe, prots: 5, hosts: 5}", "3:30 integrations.a.hosts: expected a list, got the number 5"),
        ("{type: probe, port: '80'}", "3:20 integrations.a.port: expected a whole number, got the text '80'"),
        ("{type: probe, port: 80000}", "3:20 integrations.a.port: must be 65535 or less"),
        ("{type: probe, strict: no}", "3:20 integrations.a.strict: expected true or false, got the text 'no'"),
        ("{type: probe, pool: {sise: 1}}", "3:27 integrations.a.pool.sise: unknown key, did you mean 'size'?"),
        ("{type: probe, pool: {idle: 5}}", "3:27 integrations.a.pool.idle: '5' has no unit"),
        ("{type: probe, category: databse}",
         "3:20 integrations.a.category: unknown word 'databse', did you mean 'database'?"),
        ("{type: probe, severity: hihg}", "3:20 integrations.a.severity: unknown word 'hihg', did you mean 'high'?"),
        ("{type: probe, timeout: 0s}", "3:20 integrations.a.timeout: must be greater than 0"),
        ("{type: probe, budget: slow}", "3:20 integrations.a.budget: unknown word 'slow'"),
        ("{type: probe, tenants: all}", "3:20 integrations.a.tenants: no tenants are declared"),
        ("{type: probe, tenants: []}", "3:20 integrations.a.tenants: an empty list"),
        ("{type: probe, tenants: [oak]}", "3:30 integrations.a.tenants[0]: unknown tenant 'oak'"),
        ("{type: probe, depends_on: {b: 1}}", "3:20 integrations.a.depends_on: expected a text or a list, got a map"),
        ("{type: probe, mode: '${tenant:x}'}", "integrations.a.mode: `${tenant:x}` has no tenant here"),
        ("{type: probe, provision: contaner}", "3:20 integrations.a.provision: unknown word 'contaner', did you mean"),
        ("{type: probe, health: []}", "3:20 integrations.a.health: "),
        ("{type: probe, health: [{fetsh: /}]}",
         "3:30 integrations.a.health[0].fetsh: unknown operation, did you mean 'fetch'?"),
        ("{type: probe, health: [{fetch: /, tenants: [x]}]}",
         "3:40 integrations.a.health[0].tenants: unknown word 'x'"),
        ("{type: probe, health: [{fetch: /, budget: b}]}", "3:40 integrations.a.health[0].budget: unknown word 'b'"),
    ],
)  # fmt: skip
def test_what_stands_in_an_integration(problems: Problems, entry: str, said: str) -> None:
    found = problems(f"sysint: 1\nintegrations:\n  a: {entry}\n")
    assert any(said in each for each in found), found


def test_the_position_is_that_of_the_key_also_in_blocks(problems: Problems) -> None:
    text = """\
        sysint: 1
        integrations:
          a:
            type: probe
            pool:
              size: 0
            health:
              - fetch: /
              - fetch: /
                name: same
                deep: -1
              - name: same
                poll:
                  timeout: soon
                fetch: /
        """
    assert [each.split(" ")[0] for each in problems(text)] == ["6:7", "11:9", "14:11"]


def test_mistakes_in_anchors_are_told_where_they_stand(problems: Problems) -> None:
    text = """\
        sysint: 1
        integrations:
          a: {type: probe, pool: &pool {size: 0}}
          b: {type: probe, pool: *pool}
          c: {type: probe, pool: {<<: *pool, sise: 1}}
        """
    assert [each.split(":")[0:2] for each in problems(text)] == [
        ["3", "33 integrations.a.pool.size"],
        ["3", "33 integrations.b.pool.size"],
        ["3", "33 integrations.c.pool.size"],
        ["5", "38 integrations.c.pool.sise"],
    ]


def test_a_kind_that_fails_in_other_ways_is_still_a_problem(
    problems: Problems, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import TypeAdapter

    from pytest_sysint.core.errors import UsageError
    from pytest_sysint.core.registry import kinds

    class Kind:
        name, order, alone = "odd", 50, False

        def read(self, raw: Any, cls: Any, folder: Any) -> Any:
            if raw == "usage":
                raise UsageError("cannot be used so")
            return TypeAdapter(int).validate_python(raw, strict=True)

    monkeypatch.setitem(kinds()._joined, "odd", None)
    monkeypatch.setitem(kinds()._loaded, "odd", Kind())
    text = "sysint: 1\nintegrations:\n  a: {type: probe, odd: %s}\n"
    assert problems(text % "usage") == ["3:20 integrations.a.odd: cannot be used so"]
    assert problems(text % "canary") == ["3:20 integrations.a.odd: expected a whole number, got the text 'canary'"]
    assert problems(text % "'${env:X}'", env={"X": "canary"}) == [
        "3:20 integrations.a.odd: expected a whole number, got a text from a reference"
    ]
    assert problems(text % "5") == []
