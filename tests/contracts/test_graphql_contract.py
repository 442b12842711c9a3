"""A GraphQL schema against a real endpoint: compared with what it tells of itself, asked by what is made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import graphql
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError, Mistakes
from pytest_sysint.core.registry import contract_forms, types
from tests.contracts.care_api import DOCUMENTS, Stage, serving
from tests.contracts.care_graphql import TOKEN, CareGraphql

SDL = (DOCUMENTS / "care.graphql").read_text()


@pytest.fixture
def care_graphql() -> CareGraphql:
    return CareGraphql()


@pytest.fixture
def at(care_graphql: CareGraphql, stage: Stage) -> str:
    return f"{stage.put(care_graphql.app)}/graphql"


@pytest.fixture
def broken(request: pytest.FixtureRequest, stage: Stage) -> str:
    """The url of the endpoint with the fault that the test names."""
    return f"{stage.put(CareGraphql(request.param).app)}/graphql"


@pytest.fixture
def care_desk(desk: Any, tmp_path: Path) -> Any:
    (tmp_path / "care.graphql").write_text(SDL)

    def make(url: str = "http://127.0.0.1:9/graphql") -> Any:
        return desk("graphql", url=url, auth={"bearer": TOKEN})

    return make


def failed(outcome: Outcome, severity: str = "fail") -> dict[str, str]:
    return {
        each.name: each.message for each in outcome.assertions if (each.status, each.severity) == ("failed", severity)
    }


def run(desk: Any, contract: Any, slug: str) -> Outcome:
    (check,) = [each for each in desk.checks(contract) if each.slug == slug]
    return check.run(desk.talk())


def test_one_check_for_each_query_and_mutation(care_desk: Any) -> None:
    checks = care_desk().checks({"graphql": "care.graphql"})
    assert {check.slug: check.effect for check in checks} == {
        "graphql-schema": "read",
        "graphql-query-residents": "read",
        "graphql-query-resident": "read",
        "graphql-query-count": "read",
        "graphql-mutation-admit": "write",
    }
    some = care_desk().checks({"graphql": "care.graphql", "operations": {"include": ["Query.*"], "exclude": ["count"]}})
    assert [check.slug for check in some] == ["graphql-schema", "graphql-query-residents", "graphql-query-resident"]


def test_an_endpoint_that_keeps_its_schema_passes(care_desk: Any, care_graphql: CareGraphql, at: str) -> None:
    desk = care_desk(at)
    for check in desk.checks({"graphql": "care.graphql", "examples": 10}):
        outcome = check.run(desk.talk())
        assert not failed(outcome), check.slug
        assert set(failed(outcome, "warn")) == ({"coverage"} if check.slug == "graphql-query-resident" else set())
        assert outcome.assertions
    asked = [body["query"] for body in care_graphql.seen]
    assert any("residents(limit:" in each for each in asked)
    assert any("admit(" in each for each in asked)


FAULTS = [
    ("crashes", "graphql-query-residents", {"not_a_server_error"}),
    ("gives null", "graphql-query-residents", {"response_schema_conformance"}),
    ("answers in text", "graphql-query-count", {"response_schema_conformance"}),
    ("takes anything", "graphql-query-residents", {"negative_data_rejection"}),
    ("refuses empty names", "graphql-mutation-admit", {"positive_data_acceptance"}),
]


@pytest.mark.parametrize(("broken", "slug", "expected"), FAULTS, indirect=["broken"], ids=[each[0] for each in FAULTS])
def test_each_fault_is_found_by_its_check(care_desk: Any, broken: str, slug: str, expected: set[str]) -> None:
    outcome = run(care_desk(broken), {"graphql": "care.graphql"}, slug)
    assert set(failed(outcome)) == expected
    (message,) = failed(outcome).values()
    assert "(seen with " in message
    assert "{" in message.partition("(seen with ")[2]  # the document that shows it
    assert "--data-raw" in outcome.reproduce
    assert TOKEN not in str(outcome)


def test_every_check_for_graphql_is_shown_to_fail() -> None:
    from pytest_sysint.contracts._generated.options import graphql_names

    assert set(graphql_names()) == {name for _, _, names in FAULTS for name in names}


def test_an_error_with_a_code_of_its_own_is_an_answer(care_desk: Any, care_graphql: CareGraphql, at: str) -> None:
    outcome = run(care_desk(at), {"graphql": "care.graphql"}, "graphql-query-resident")
    assert not failed(outcome)
    assert any("resident(id:" in body["query"] for body in care_graphql.seen)
    assert outcome.metrics["served"] == 0
    assert "no answer was a success" in failed(outcome, "warn")["coverage"]
    assert run(care_desk(at), {"graphql": "care.graphql"}, "graphql-query-count").metrics["served"] > 0


def test_only_the_chosen_checks_are_held(care_desk: Any, at: str) -> None:
    contract = {"graphql": "care.graphql", "conformance": ["not_a_server_error"], "examples": 3, "seed": 5}
    outcome = run(care_desk(at), contract, "graphql-query-count")
    assert {each.name for each in outcome.assertions} == {"not_a_server_error", "coverage"}
    assert outcome.metrics["seed"] == 5


# ---- the comparison ----


CHANGES = [
    ("count: Int!", "count: Int!\n  beds: Int", "breaking: field removed", "Query.beds was removed", "fail"),
    ("count: Int!", "count: String!", "breaking: field changed kind", "Query.count changed type", "fail"),
    ("room: Int! = 1", "room: Int! = 2", "dangerous: arg default value change", "has changed defaultValue", "warn"),
    ("name: String!, room", "room", "breaking: required arg added", "'name'", "fail"),
    ("limit: Int! = 10", "", "dangerous: optional arg added", "limit", "warn"),
]  # fmt: skip


@pytest.mark.parametrize(("there", "declared", "name", "said", "severity"), CHANGES)
def test_each_change_is_said_with_its_gravity(
    care_desk: Any, at: str, tmp_path: Path, there: str, declared: str, name: str, said: str, severity: str
) -> None:
    desk = care_desk(at)
    text = SDL.replace(there, declared).replace("()", "")
    graphql.build_schema(text)
    (tmp_path / "care.graphql").write_text(text)
    outcome = run(desk, {"graphql": "care.graphql"}, "graphql-schema")
    found = failed(outcome, severity)
    assert set(found) == {name}
    assert said.replace("'", "") in found[name].replace("'", "")
    assert outcome.metrics[name.partition(":")[0]] == 1
    assert not failed(outcome, "warn" if severity == "fail" else "fail")


def test_more_than_declared_is_no_change_that_breaks(care_desk: Any, at: str, tmp_path: Path) -> None:
    desk = care_desk(at)
    (tmp_path / "care.graphql").write_text("type Query { count: Int! }")
    outcome = run(desk, {"graphql": "care.graphql"}, "graphql-schema")
    assert [each.message for each in outcome.assertions] == [
        "no breaking change: 1 queries and mutations are there as declared"
    ]


@pytest.mark.parametrize("broken", ["tells nothing of itself"], indirect=True)
def test_an_endpoint_that_does_not_tell_its_schema(care_desk: Any, broken: str) -> None:
    with pytest.raises(CallError, match="does not tell its schema: GraphQL introspection has been disabled"):
        run(care_desk(broken), {"graphql": "care.graphql"}, "graphql-schema")
    assert not failed(run(care_desk(broken), {"graphql": "care.graphql", "examples": 3}, "graphql-query-count"))
    with pytest.raises(CallError, match="does not tell its schema"):
        run(care_desk(broken), {"graphql": "introspection"}, "graphql-queries")


def test_what_an_endpoint_tells_that_is_no_schema(care_desk: Any, stage: Stage) -> None:
    async def answer(request: Request) -> Response:
        return PlainTextResponse('{"data": {"__schema": {}}}', media_type="application/json")

    url = stage.put(Starlette(routes=[Route("/graphql", answer, methods=["POST"])]))
    with pytest.raises(CallError, match="what the endpoint tells is no schema"):
        run(care_desk(f"{url}/graphql"), {"graphql": "care.graphql"}, "graphql-schema")


def test_the_endpoint_is_asked_for_its_schema_as_for_anything_else(care_desk: Any, at: str) -> None:
    desk = care_desk(at)
    (check,) = [each for each in desk.checks({"graphql": "care.graphql"}) if each.slug == "graphql-schema"]
    talk = desk.talk()
    perform, performed = talk.perform, []

    def performing(operation: Any) -> Any:
        performed.append(operation.title())
        return perform(operation)

    talk.perform = performing
    assert not failed(check.run(talk))
    assert performed == ["introspection"]  # under the budget of the integration


# ---- schemas from elsewhere ----


def test_the_schema_of_the_endpoint_itself(care_desk: Any, at: str) -> None:
    desk = care_desk(at)
    checks = {check.slug: check for check in desk.checks({"graphql": "introspection", "examples": 5})}
    assert {slug: check.effect for slug, check in checks.items()} == {
        "graphql-queries": "read",
        "graphql-mutations": "write",
    }
    outcome = checks["graphql-queries"].run(desk.talk())
    assert [(each.what, each.met, each.total) for each in outcome.covered] == [("operations", 3, 4)]
    assert {each.name for each in outcome.assertions} == {"Query.residents", "Query.resident", "Query.count"}
    assert not failed(outcome)


def test_a_schema_by_url(care_desk: Any, at: str) -> None:
    async def document(request: Request) -> Response:
        return PlainTextResponse("type Query {" if "broken" in request.url.path else SDL)

    with serving(Starlette(routes=[Route("/{name}", document)])) as elsewhere:
        desk = care_desk(at)
        contract = {"graphql": f"{elsewhere}/care.graphql", "examples": 3}
        assert [check.slug for check in desk.checks(contract)] == [
            "graphql-schema",
            "graphql-queries",
            "graphql-mutations",
        ]
        assert not failed(run(desk, contract, "graphql-schema"))
        assert not failed(run(desk, contract, "graphql-mutations"))
        with pytest.raises(CallError, match="is not a GraphQL schema: Syntax Error"):
            run(desk, {"graphql": f"{elsewhere}/broken.graphql"}, "graphql-queries")


def test_a_schema_as_it_was_told(care_desk: Any, tmp_path: Path) -> None:
    told = graphql.introspection_from_schema(graphql.build_schema(SDL))
    (tmp_path / "told.json").write_text(json.dumps({"data": told}))
    slugs = [check.slug for check in care_desk().checks({"graphql": "told.json"})]
    assert "graphql-mutation-admit" in slugs


# ---- what is wrong with a declaration ----


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type Query {", "is not a GraphQL schema: Syntax Error: Expected Name, found <EOF>. (line 1"),
        ("type Query { a: Gone }", "is not a GraphQL schema: Unknown type 'Gone'"),
        ("type A { a: Int }", "has neither queries nor mutations"),
        ("[1]", "is not a GraphQL schema"),
        ('{"__schema": {}}', "is not a GraphQL schema"),
    ],
)
def test_schemas_that_cannot_be_used(care_desk: Any, tmp_path: Path, text: str, said: str) -> None:
    desk = care_desk()
    (tmp_path / "care.graphql").write_text(text)
    with pytest.raises(Mistakes) as caught:
        desk.checks({"graphql": "care.graphql"})
    assert said.replace("'", "") in str(caught.value).replace("'", "").replace('"', "")


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"graphql": "gone.graphql"}, "graphql: there is no file 'gone.graphql'"),
        ({"graphql": 3}, "graphql: expected the path of a GraphQL schema"),
        ({"graphql": "care.graphql", "conformance": ["ignored_auth"]}, "conformance.0: unknown check 'ignored_auth'"),
        ({"graphql": "care.graphql", "operations": {"include": ["Query.resident_"]}}, "did you mean 'Query.resident'"),
        ({"graphql": "care.graphql", "examples": -1}, "examples: "),
    ],
)
def test_mistakes(care_desk: Any, contract: Any, said: str) -> None:
    with pytest.raises(Mistakes) as caught:
        care_desk().checks(contract)
    assert any(said in f"{'.'.join(map(str, each.path))}: {each.message}" for each in caught.value.mistakes)


def test_only_types_that_speak_graphql() -> None:
    form = contract_forms().get("graphql")
    assert form.suits(types().get("graphql"))
    assert not form.suits(types().get("rest"))
    with pytest.raises(Mistakes, match="'graphql' is a contract of a GraphQL API, which this type is not"):
        from pytest_sysint.core.registry import kinds

        kinds().get("contract").read({"graphql": "x"}, types().get("rest"), Path())
