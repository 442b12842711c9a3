"""The type `graphql` against a real GraphQL server."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pytest_sysint.checks._operation import Judged
from pytest_sysint.core.errors import CallError, Denied, Garbled, Mistakes, Rejected
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration.checks import read_check
from pytest_sysint.expectations import compile_expectation
from pytest_sysint.integrations._auth import Auth
from pytest_sysint.integrations.graphql import GraphQL, Mutation, Query, Settings
from tests.contracts.care_api import serving
from tests.contracts.care_graphql import TOKEN, CareGraphql


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving(CareGraphql().app) as url:
        yield f"{url}/graphql"


@pytest.fixture
def api(endpoint: str) -> Iterator[GraphQL]:
    found = GraphQL(Settings(url=endpoint, auth=Auth(bearer=SecretStr(TOKEN))))
    yield found
    found.close()


@pytest.fixture
def answering() -> Iterator[Any]:
    """`answering(status, body)` is an integration at an endpoint that always answers so."""
    opened: list[Any] = []

    def make(status: int, body: Any, **settings: Any) -> GraphQL:
        async def answer(request: Request) -> Response:
            return PlainTextResponse(body, status) if isinstance(body, str) else JSONResponse(body, status)

        server = serving(Starlette(routes=[Route("/graphql", answer, methods=["GET", "POST"])]))
        opened.append(server)
        opened.append(GraphQL(Settings(url=f"{server.__enter__()}/graphql", **settings)))
        return opened[-1]

    yield make
    for each in reversed(opened):
        each.close() if isinstance(each, GraphQL) else each.__exit__(None, None, None)


def climb(integration: GraphQL) -> dict[str, str]:
    return {rung.name: rung.climb(2) for rung in integration.rungs()}


def test_it_is_registered() -> None:
    assert types().get("graphql") is GraphQL
    assert GraphQL.category == "api"
    assert [each.key() for each in GraphQL.operations] == ["query", "mutation", "certificate_expires_in"]


def test_a_query(api: GraphQL) -> None:
    seen = Query(query="{ residents { id name } }").perform(api, 5)
    assert seen.payload == {"residents": [{"id": "r1", "name": "Ann"}, {"id": "r2", "name": "Bo"}]}
    assert seen.facts["status"] == 200
    assert (seen.facts["errors"], seen.facts["error_count"], seen.facts["codes"]) == ([], 0, [])
    assert seen.facts["headers"]["content-type"].startswith("application/")
    assert seen.facts["latency"] if "latency" in seen.facts else seen.phases["total"]
    assert '{"query":"{ residents { id name } }"}' in seen.exchange.sent


def test_variables_and_one_operation_of_several(api: GraphQL) -> None:
    text = "query one($id: ID!) { resident(id: $id) { name } } query all { residents { id } }"
    seen = Query(query=text, operation="one", variables={"id": "r2"}).perform(api, 5)
    assert seen.payload == {"resident": {"name": "Bo"}}


def test_a_mutation(api: GraphQL) -> None:
    seen = Mutation(mutation='mutation { admit(name: "Cy") { id name } }').perform(api, 5)
    assert seen.payload["admit"]["name"] == "Cy"


def test_effects() -> None:
    assert Query(query="{ a }").effect() == "read"
    assert Mutation(mutation="mutation { a }").effect() == "write"


def judge(api: GraphQL, operation: Any) -> list[str]:
    """What the operation's own expectation finds wrong."""
    found = compile_expectation(operation.default_expect()).judge(operation.perform(api, 5), "shared")
    return [each.message for each in found if each.status == "failed"]


def test_a_200_with_errors_is_no_success(api: GraphQL) -> None:
    seen = Query(query='{ resident(id: "nobody") { id } }').perform(api, 5)
    assert seen.facts["status"] == 200
    assert seen.facts["errors"] == ["no resident 'nobody'"]
    assert seen.facts["codes"] == ["NOT_FOUND"]
    (said,) = judge(api, Query(query='{ resident(id: "nobody") { id } }'))
    assert "no resident 'nobody'" in said
    assert not judge(api, Query(query="{ residents { id } }"))


def test_an_error_can_be_expected(api: GraphQL) -> None:
    raw = {"query": '{ resident(id: "nobody") { id } }', "expect": {"errors": {"some": {"contains": "no resident"}}}}
    check = read_check(raw, GraphQL)
    assert "errors" in check.expectation.subjects
    found = check.expectation.judge(check.operation.perform(api, 5), "shared")
    assert all(each.status == "passed" for each in found)


def test_an_unknown_field_is_said_by_the_server(api: GraphQL) -> None:
    (said,) = judge(api, Query(query="{ resident_s { id } }"))
    assert "Cannot query field 'resident_s'" in said


def test_an_error_answer(answering: Any) -> None:
    seen = Query(query="{ a }").perform(answering(503, "sorry"), 5)
    assert (seen.facts["status"], seen.facts["errors"], seen.payload) == (503, [], None)
    partial = Query(query="{ a }").perform(
        answering(200, {"data": {"a": 1}, "errors": [{"message": "b"}], "extensions": {"cost": 3}}), 5
    )
    assert (partial.payload, partial.facts["errors"], partial.facts["extensions"]) == ({"a": 1}, ["b"], {"cost": 3})


@pytest.mark.parametrize("body", ["<html>", {"hello": 1}, "", []])
def test_another_thing_that_answers(answering: Any, body: Any) -> None:
    with pytest.raises(Garbled, match="answers, but not in GraphQL") as caught:
        Query(query="{ a }").perform(answering(200, body), 5)
    assert "https://host/graphql" in caught.value.hint


# ---- what is declared ----


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"query": "{ a "}, "not a GraphQL document: Syntax Error"),
        ({"query": "mutation { a }"}, "this is a mutation, declared as a query"),
        ({"mutation": "{ a }"}, "this is a query, declared as a mutation"),
        ({"query": "subscription { a }"}, "this is a subscription, declared as a query"),
        ({"query": "query a { b } query c { d }"}, "the document has 2 operations; `operation` says which (a, c)"),
        ({"query": "query a { b }", "operation": "c"}, "the document has no operation 'c' (it has: a)"),
        ({"query": "fragment f on A { b }"}, "the document has no operation"),
    ],
)
def test_documents_are_read_when_they_are_declared(operation: Any, said: str) -> None:
    with pytest.raises(Mistakes) as caught:
        read_check(operation, GraphQL)
    assert said in str(caught.value)


def test_shorthand() -> None:
    check = read_check({"query": "{ residents { id } }"}, GraphQL)
    assert check.operation.title() == "{ residents { id } }"
    assert isinstance(check.operation, Query)


def test_titles_are_one_line() -> None:
    assert Query(query="\n{\n  a\n}\n").title() == "{ a }"


def test_settings() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": "http://x", "probe": "/a"})
    schema = kinds().get("health").schema(GraphQL)
    assert "mutation" in str(schema)


# ---- the ladder ----


def test_ladder_holds(api: GraphQL) -> None:
    seen = climb(api)
    assert list(seen) == ["dns", "tcp", "authentication", "ping"]
    assert seen["ping"] == "{ __typename } gave Query"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, "who?"),
        (403, {"errors": [{"message": "no"}]}),
        (200, {"data": None, "errors": [{"message": "who?", "extensions": {"code": "UNAUTHENTICATED"}}]}),
    ],
)
def test_authentication_breaks(answering: Any, status: int, body: Any) -> None:
    with pytest.raises(Denied, match="refused the credentials") as caught:
        climb(answering(status, body, auth=Auth(bearer=SecretStr("wrong-one"))))
    assert caught.value.rung == "authentication"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, "sorry", Rejected),
        (404, "nothing", Rejected),
        (200, {"errors": [{"message": "broken"}]}, Rejected),
        (200, {"data": {}}, Rejected),
        (200, "<html>", Garbled),
    ],
)
def test_ping_breaks(answering: Any, status: int, body: Any, error: type[CallError]) -> None:
    with pytest.raises(error) as caught:
        climb(answering(status, body))
    assert caught.value.rung == "ping"


# ---- helpers ----


def test_introspection(api: GraphQL, answering: Any) -> None:
    assert api.introspect(5)["__schema"]["queryType"]["name"] == "Query"
    with pytest.raises(Rejected, match="does not tell its schema: introspection is off") as caught:
        answering(200, {"data": None, "errors": [{"message": "introspection is off"}]}).introspect(5)
    assert "switched off" in caught.value.hint


def test_the_curl_line_does_the_same(api: GraphQL) -> None:
    operation = Query(query="query one($id: ID!) { resident(id: $id) { name } }", variables={"id": "r1"})
    line = operation.reproduce(api)
    assert TOKEN not in line
    words = [word.replace("$TOKEN", TOKEN) for word in shlex.split(line)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
    assert '{"name": "Ann"}' in done.stdout.replace('":"', '": "')
    assert "__typename" in api.reproduce()


def test_the_client_of_hand_written_tests(api: GraphQL, endpoint: str) -> None:
    answer = api.client.post(endpoint, json={"query": "{ residents { id } }"})
    assert answer.json()["data"]["residents"]


def test_judged_as_a_declared_check(api: GraphQL) -> None:
    class Talk:
        timeout = 5.0
        integration = api

        def perform(self, operation: Any, on: str = "") -> Any:
            return operation.perform(api, self.timeout)

    operation = Query(query='{ resident(id: "nobody") { id } }')
    outcome = Judged(operation, (compile_expectation(operation.default_expect()),))(Talk())  # type: ignore[arg-type]
    assert outcome.reproduce.startswith("curl -sS -i -X POST")
