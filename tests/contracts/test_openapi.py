"""An OpenAPI document against a real API: each check of schemathesis fails where the API is broken in just that way."""

from __future__ import annotations

import json
import shlex
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pytest_sysint.contracts._generated import examination
from pytest_sysint.contracts._generated.exam import Clock
from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError, Mistakes, TimedOut, Unavailable
from pytest_sysint.core.registry import contract_forms, types
from tests.contracts.care_api import DOCUMENTS, TOKEN, CareApi, Stage, serving

OPENAPI = {"openapi": "care-3.0.yaml"}


@pytest.fixture
def care_api() -> CareApi:
    return CareApi()


@pytest.fixture
def at(care_api: CareApi, stage: Stage) -> str:
    return stage.put(care_api.app)


@pytest.fixture
def broken(request: pytest.FixtureRequest, stage: Stage) -> str:
    """The url of the API with the fault that the test names."""
    return stage.put(CareApi(request.param).app)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An examination of which the time is soon up, that of each request is not."""
    monkeypatch.setattr(examination, "Clock", lambda _, shrinking: Clock(0.2, shrinking))


@pytest.fixture
def care_desk(desk: Any) -> Any:
    def make(url: str, **settings: Any) -> Any:
        known = {"auth": {"bearer": TOKEN}, "headers": {"X-Tenant": "oakwood"}, **settings}
        return desk("rest", DOCUMENTS, url=url, **known)

    return make


def failed(outcome: Outcome) -> dict[str, str]:
    return {each.name: each.message for each in outcome.assertions if each.status == "failed"}


def judged(outcome: Outcome) -> set[str]:
    return {each.name for each in outcome.assertions}


def run(desk: Any, contract: Any, slug: str, **settings: Any) -> Outcome:
    (check,) = [each for each in desk.checks(contract) if each.slug == slug]
    talk = desk.talk()
    for name, value in settings.items():
        setattr(talk, name, value)
    return check.run(talk)


# ---- the checks that a document gives ----


def test_one_check_for_each_operation(care_desk: Any) -> None:
    checks = care_desk("http://127.0.0.1:9").checks({**OPENAPI, "links": True})
    assert {check.slug: check.effect for check in checks} == {
        "openapi-get-residents": "read",
        "openapi-post-residents": "write",
        "openapi-options-residents": "read",
        "openapi-get-residents-residentid": "read",
        "openapi-delete-residents-residentid": "destructive",
        "openapi-links": "destructive",
        "openapi-methods": "destructive",
    }
    assert {check.kind for check in checks} == {"contract"}


def test_operations_are_chosen_by_label_id_and_tag(care_desk: Any) -> None:
    def slugs(**options: Any) -> list[str]:
        raw = {**OPENAPI, "conformance": {"not": ["unsupported_method"]}, **options}
        return [check.title.partition(",")[0] for check in care_desk("http://127.0.0.1:9").checks(raw)]

    assert slugs(operations={"include": ["GET *"]}) == ["GET /residents", "GET /residents/{residentId}"]
    assert slugs(operations={"include": ["admitResident"]}) == ["POST /residents"]
    assert slugs(operations={"exclude": ["residents"]}) == ["OPTIONS /residents"]
    assert slugs(links=True, operations={"include": ["GET *"]})[-1].startswith("operations one after the other")


def test_paths_of_one_slug_are_told_apart(care_desk: Any, tmp_path: Path) -> None:
    document = json.loads((DOCUMENTS / "care-2.0.json").read_text())
    one = {"get": {"responses": {"200": {"description": "one"}}}}
    document["paths"] |= {"/residents/residentId": one, "/residents/residentId/2": one}
    (tmp_path / "two.json").write_text(json.dumps(document))
    found = contract_forms().get("openapi").read("two.json", types().get("rest"), tmp_path, {})
    assert [each.label for each in found.source.document.operations][1:] == [
        "GET /residents/{residentId}",
        "GET /residents/residentId",
        "GET /residents/residentId/2",
    ]
    desk = care_desk("http://127.0.0.1:9")
    desk.folder = tmp_path
    slugs = [check.slug for check in desk.checks({"openapi": "two.json"})]
    twins = [f"openapi-get-residents-residentid{told}" for told in ("", "-2", "-2-2")]
    assert slugs[1:4] == twins  # of two checks with one slug the plan would keep one


# ---- what holds, and what does not ----


@pytest.mark.parametrize("document", ["care-2.0.json", "care-3.0.yaml", "care-3.1.yaml"])
def test_an_api_that_keeps_its_document_passes(care_desk: Any, at: str, document: str) -> None:
    desk = care_desk(at)
    outcome = run(desk, {"openapi": document}, "openapi-get-residents")
    assert not failed(outcome)
    assert judged(outcome) >= {
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
        "negative_data_rejection", "positive_data_acceptance", "missing_required_header", "ignored_auth", "coverage",
    }  # fmt: skip
    assert "use_after_free" not in judged(outcome)  # one request cannot tell
    assert outcome.metrics["requests"] >= 20
    assert outcome.metrics["seed"] == 1
    assert outcome.metrics["parameters_sent"] == outcome.metrics["parameters_documented"]
    (operations, statuses, parameters) = outcome.covered
    assert (operations.met, statuses.met, parameters.met) == (
        1, outcome.metrics["statuses_seen"], outcome.metrics["parameters_sent"],
    )  # fmt: skip
    assert operations.total > 1  # of the whole document
    assert statuses.total > outcome.metrics["statuses_documented"]
    assert parameters.total > outcome.metrics["parameters_documented"]
    assert not outcome.reproduce
    assert {exchange.received.split()[1] for exchange in outcome.exchanges} >= {"200", "401", "422"}


def test_every_check_of_the_healthy_api_passes(care_desk: Any, at: str) -> None:
    desk = care_desk(at)
    for check in desk.checks({**OPENAPI, "links": True}):
        outcome = check.run(desk.talk())
        assert not [each for each in outcome.assertions if each.status == "failed" and each.severity == "fail"]
        assert outcome.assertions


FAULTS = [
    ("crashes on large limits", "openapi-get-residents", {"not_a_server_error"}),
    ("has another status", "openapi-get-residents", {"status_code_conformance"}),
    ("answers in html", "openapi-get-residents", {"content_type_conformance"}),
    ("counts no more", "openapi-get-residents", {"response_headers_conformance"}),
    ("writes numbers for ids", "openapi-get-residents", {"response_schema_conformance"}),
    ("takes any limit", "openapi-get-residents", {"negative_data_rejection"}),
    ("refuses large limits", "openapi-get-residents", {"positive_data_acceptance"}),
    ("needs no tenant", "openapi-get-residents", {"missing_required_header"}),
    ("open to everybody", "openapi-get-residents", {"ignored_auth", "missing_required_header"}),
    ("allows what it has not", "openapi-options-residents", {"allow_header_conformance"}),
    ("takes any method", "openapi-methods", {"/residents"}),
    ("only marks what is deleted", "openapi-links", {"use_after_free"}),
    ("forgets what it took", "openapi-links", {"ensure_resource_availability"}),
]


@pytest.mark.parametrize(("broken", "slug", "expected"), FAULTS, indirect=["broken"], ids=[each[0] for each in FAULTS])
def test_each_fault_is_found_by_its_check(care_desk: Any, broken: str, slug: str, expected: set[str]) -> None:
    desk = care_desk(broken)
    outcome = run(desk, {**OPENAPI, "links": True}, slug)
    assert set(failed(outcome)) == expected
    assert all("; seed 1)" in message and "answered" in message for message in failed(outcome).values())
    assert outcome.reproduce.startswith("curl -sS -i")
    assert outcome.exchanges[0].title in " ".join(str(each.title) for each in outcome.exchanges)
    assert TOKEN not in str(outcome)


def test_every_check_of_the_installed_version_is_shown_to_fail() -> None:
    from pytest_sysint.contracts._generated.options import conformance_names

    shown = {name for _, _, names in FAULTS for name in names} | {"unsupported_method"}
    assert set(conformance_names()) <= shown


@pytest.mark.parametrize("broken", ["takes any method"], indirect=True)
def test_methods_are_tried_also_behind_many_edge_values(care_desk: Any, broken: str, tmp_path: Path) -> None:
    limited = {"type": "integer", "minimum": 1, "maximum": 100}
    many = [{"name": f"p{number}", "in": "query", "schema": limited} for number in range(70)]
    (tmp_path / "api.json").write_text(json.dumps(small("/v1/residents", parameters=many)))
    desk = care_desk(broken)
    desk.folder = tmp_path
    assert set(failed(run(desk, {"openapi": "api.json"}, "openapi-methods"))) == {"/v1/residents"}


@pytest.mark.parametrize("broken", ["crashes on large limits"], indirect=True)
def test_the_curl_line_shows_the_failure_again(care_desk: Any, broken: str) -> None:
    outcome = run(care_desk(broken), OPENAPI, "openapi-get-residents")
    words = shlex.split(outcome.reproduce.replace("$TOKEN", TOKEN))
    headers = dict(words[index + 1].split(": ") for index, word in enumerate(words) if word == "-H")
    assert httpx.get(words[-1], headers=headers).status_code == 500
    assert "status 500" not in outcome.cause
    assert outcome.cause == "the service failed on this request; its log says why"
    assert outcome.exchanges[0].received.startswith("HTTP/1.1 500")


@pytest.mark.parametrize("broken", ["crashes on large limits"], indirect=True)
def test_the_same_seed_asks_the_same(care_desk: Any, broken: str) -> None:
    contract = {**OPENAPI, "seed": 77}
    first, second = (run(care_desk(broken), contract, "openapi-get-residents") for _ in range(2))
    assert failed(first) == failed(second)
    assert "seed 77" in failed(first)["not_a_server_error"]


def test_a_random_seed_is_told(care_desk: Any, at: str) -> None:
    seeds = {
        run(care_desk(at), {**OPENAPI, "seed": "random"}, "openapi-options-residents").metrics["seed"] for _ in "12"
    }
    assert len(seeds) == 2


@pytest.mark.parametrize("broken", ["crashes on large limits"], indirect=True)
def test_only_the_chosen_checks_are_held(care_desk: Any, broken: str) -> None:
    some = run(care_desk(broken), {**OPENAPI, "conformance": ["response_schema_conformance"]}, "openapi-get-residents")
    assert judged(some) == {"response_schema_conformance", "coverage"}
    all_but = {**OPENAPI, "conformance": {"not": ["not_a_server_error"]}}
    assert not failed(run(care_desk(broken), all_but, "openapi-get-residents"))
    assert "openapi-methods" not in {check.slug for check in care_desk(broken).checks({**OPENAPI, "conformance": []})}


# ---- how requests go out ----


def test_the_integration_does_the_talking(care_desk: Any, care_api: CareApi, at: str) -> None:
    run(care_desk(at), OPENAPI, "openapi-get-residents")
    assert {each.url.path for each in care_api.seen} == {"/v1/residents"}
    assert {each.headers["user-agent"] for each in care_api.seen} == {"pytest-sysint"}
    tenants = [each.headers.get("x-tenant") for each in care_api.seen]
    assert set(tenants) == {"oakwood", None}  # never another tenant's
    assert {each.headers.get("authorization") for each in care_api.seen} >= {f"Bearer {TOKEN}", None}
    assert not any("sysint-" in str(each.headers) for each in care_api.seen)


def test_many_at_a_time(care_desk: Any, at: str) -> None:
    desk = care_desk(at)
    checks = [check for check in desk.checks({**OPENAPI, "examples": 10}) if check.effect == "read"] * 4
    with ThreadPoolExecutor(len(checks)) as pool:
        outcomes = list(pool.map(lambda check: check.run(desk.talk()), checks))
    assert all(
        each.severity == "warn" for outcome in outcomes for each in outcome.assertions if each.status == "failed"
    )
    assert all(outcome.metrics["own_ms"] > 0 for outcome in outcomes)


def test_credentials_in_the_query(desk: Any, stage: Stage, tmp_path: Path) -> None:
    seen: list[str] = []

    async def answer(request: Request) -> Response:
        seen.append(request.url.query)
        return PlainTextResponse("", 200 if request.query_params.get("key") == "key-of-oakwood" else 401)

    document = {
        "openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "security": [{"key": []}],
        "paths": {"/a": {"get": {"responses": {"200": {"description": "a"}, "401": {"description": "b"}}}}},
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": "key"}}},
    }  # fmt: skip
    (tmp_path / "api.json").write_text(json.dumps(document))
    url = stage.put(Starlette(routes=[Route("/a", answer)]))
    found = desk("rest", url=url, auth={"api_key": {"query": "key", "value": "key-of-oakwood"}})
    outcome = run(found, {"openapi": "api.json"}, "openapi-get-a")
    assert not failed(outcome)
    assert "ignored_auth" in judged(outcome)
    assert "" in seen
    assert not any("sysint" in each for each in seen)


def test_declared_values_of_parameters_are_sent(care_desk: Any, at: str) -> None:
    slug = "openapi-get-residents-residentid"
    without = run(care_desk(at), OPENAPI, slug)
    assert "no answer was a success, so what is promised of 200 was not tested" in failed(without)["coverage"]
    outcome = run(care_desk(at), {**OPENAPI, "parameters": {"residentId": "r1"}}, slug)
    assert not failed(outcome)
    assert "ignored_auth" in judged(outcome)
    (coverage,) = [each for each in outcome.assertions if each.name == "coverage"]
    assert coverage.message.startswith("statuses seen: 200 (")
    assert "documented, not seen: 404" in coverage.message


def test_examples_of_the_document_are_asked_first(care_desk: Any, care_api: CareApi, at: str) -> None:
    run(care_desk(at), {"openapi": "care-3.1.yaml", "examples": 1}, "openapi-get-residents-residentid")
    assert care_api.seen[0].url.path == "/v1/residents/r1"


def test_where_the_paths_begin(care_desk: Any, care_api: CareApi, at: str) -> None:
    contract = {**OPENAPI, "examples": 1}
    run(care_desk(f"{at}/v1"), contract, "openapi-get-residents")
    assert {each.url.path for each in care_api.seen} == {"/v1/residents"}
    nowhere = run(care_desk(at), {**contract, "base_path": "/v9"}, "openapi-get-residents")
    assert "404" in failed(nowhere)["status_code_conformance"]


def test_an_api_that_hangs_is_a_failed_conversation(desk: Any, stage: Stage, tmp_path: Path) -> None:
    async def hang(request: Request) -> Response:
        await request.body()
        await request.receive()  # until the client gives up
        return PlainTextResponse("")

    (tmp_path / "api.json").write_text(json.dumps(small("/a")))
    url = stage.put(Starlette(routes=[Route("/a", hang)]))
    with pytest.raises(TimedOut) as caught:
        run(desk("rest", url=url), {"openapi": "api.json"}, "openapi-get-a", timeout=0.2)
    assert caught.value.partial.reproduce.endswith("/a")


@pytest.mark.usefixtures("hurried")
def test_what_took_too_long_is_said(care_desk: Any, at: str) -> None:
    outcome = run(care_desk(at), {**OPENAPI, "examples": 5000}, "openapi-get-residents")
    message = failed(outcome)["examples"]
    assert "of 5000 requests within 200ms: raise `timeout`, or lower `examples`" in message
    assert all(each.severity == "warn" for each in outcome.assertions if each.status == "failed")


@pytest.mark.usefixtures("hurried")
def test_what_took_too_long_is_said_of_walks(care_desk: Any, at: str) -> None:
    outcome = run(care_desk(at), {**OPENAPI, "links": True, "examples": 5000}, "openapi-links")
    assert "of 5000 walks within 200ms" in failed(outcome)["examples"]


def test_what_took_too_long_is_said_of_methods(care_desk: Any, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "Clock", lambda _, shrinking: Clock(0.0, shrinking))
    assert "only 0 of 2 paths" in failed(run(care_desk(at), OPENAPI, "openapi-methods"))["examples"]


@pytest.mark.usefixtures("hurried")
def test_what_took_too_long_is_said_of_each_operation(care_desk: Any, at: str) -> None:
    contract = {"openapi": f"{at}/v1/openapi.json", "examples": 5000, "parameters": {"residentId": "r1"}}
    outcome = run(care_desk(at), contract, "openapi-reads")
    assert {each.name: each.status for each in outcome.assertions} == dict.fromkeys(READS, "failed")
    assert all("of 5000 requests within 200ms" in message for message in failed(outcome).values())


def test_nobody_there(care_desk: Any) -> None:
    with pytest.raises(CallError):
        run(care_desk("http://127.0.0.1:9"), OPENAPI, "openapi-get-residents")


# ---- documents from elsewhere ----

READS = {"GET /residents", "OPTIONS /residents", "GET /residents/{residentId}"}


def test_a_document_of_the_api_itself(care_desk: Any, at: str) -> None:
    desk = care_desk(f"{at}/v1")
    contract = {"openapi": "/openapi.json", "parameters": {"residentId": "r1"}, "links": True}
    checks = {check.slug: check for check in desk.checks(contract)}
    effects = {"openapi-reads": "read", "openapi-writes": "write", "openapi-deletes": "destructive"}
    assert {slug: check.effect for slug, check in checks.items() if slug in effects} == effects
    reads = checks["openapi-reads"].run(desk.talk())
    assert not failed(reads)
    assert judged(reads) == READS
    assert [(each.document, each.what, each.met) for each in reads.covered] == [
        ("/openapi.json", "operations", 3),
        ("/openapi.json", "statuses", reads.metrics["statuses_seen"]),
        ("/openapi.json", "parameters", reads.metrics["parameters_sent"]),
    ]
    assert not failed(checks["openapi-writes"].run(desk.talk()))


@pytest.mark.parametrize("broken", ["writes numbers for ids"], indirect=True)
def test_a_document_by_url(care_desk: Any, broken: str) -> None:
    desk = care_desk(broken)
    outcome = run(desk, {"openapi": f"{broken}/v1/openapi.json"}, "openapi-reads")
    grave = {each.name: each.severity for each in outcome.assertions if each.status == "failed"}
    assert grave == {"GET /residents": "fail", "GET /residents/{residentId}": "warn"}
    assert failed(outcome)["GET /residents"].startswith(
        "response_schema_conformance: Response violates schema: 7 is not"
    )
    assert outcome.reproduce.startswith("curl")


def test_a_document_of_another_host_is_asked_for_without_credentials(care_desk: Any, at: str) -> None:
    seen: list[Request] = []

    async def document(request: Request) -> Response:
        seen.append(request)
        return Response((DOCUMENTS / "care-2.0.json").read_bytes(), media_type="application/json")

    with serving(Starlette(routes=[Route("/care.json", document)])) as elsewhere:
        contract = {"openapi": f"{elsewhere}/care.json", "examples": 3, "parameters": {"residentId": "r1"}}
        assert not failed(run(care_desk(at), contract, "openapi-reads"))
        with pytest.raises(Unavailable, match="no operation that is to be tested here"):
            run(care_desk(at), {"openapi": f"{elsewhere}/care.json"}, "openapi-writes")
    assert "authorization" not in seen[0].headers


def test_who_waits_for_a_document_keeps_no_other_waiting(care_desk: Any, at: str) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def document(request: Request) -> Response:
        asked.set()
        go_on.wait(10)
        return Response((DOCUMENTS / "care-2.0.json").read_bytes(), media_type="application/json")

    with serving(Starlette(routes=[Route("/care.json", document)])) as elsewhere, ThreadPoolExecutor(2) as pool:
        slow = {"openapi": f"{elsewhere}/care.json", "examples": 1, "parameters": {"residentId": "r1"}}
        waiting = [pool.submit(run, care_desk(at), slow, "openapi-reads") for _ in "12"]
        assert asked.wait(10)
        assert not failed(run(care_desk(at), {**OPENAPI, "examples": 3}, "openapi-options-residents"))
        go_on.set()  # before their request times out
        assert [failed(each.result()) for each in waiting] == [{}, {}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not an OpenAPI document: it holds no map"),
        ("a: [", "is neither JSON nor YAML at line"),
        ('{"openapi": "3.0.0", "paths": {"/a": {"get": {"$ref": "http://far/x"}}}}', "refers to http://far/x; nothing"),
        ('{"openapi": "3.0.0", "paths": {"/a": {"get": {"$ref": "#/gone"}}}}', "refers to #/gone, which is not there"),
    ],
)
def test_an_answer_that_is_no_document(desk: Any, stage: Stage, text: str, said: str) -> None:
    async def document(request: Request) -> Response:
        return PlainTextResponse(text)

    url = stage.put(Starlette(routes=[Route("/openapi.json", document)]))
    with pytest.raises(CallError, match=said):
        run(desk("rest", url=url), {"openapi": "/openapi.json"}, "openapi-reads")
    with pytest.raises(CallError, match=r"the document /nowhere was answered with 404"):
        run(desk("rest", url=url), {"openapi": "/nowhere"}, "openapi-reads")


# ---- what is wrong with a declaration ----


def small(path: str, **more: Any) -> dict[str, Any]:
    operation = {"responses": {"200": {"description": "a"}}, **more}
    return {"openapi": "3.0.0", "info": {"title": "t", "version": "1"}, "paths": {path: {"get": operation}}}


def mistakes(desk: Any, contract: Any) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        desk.checks(contract)
    return [f"{'.'.join(map(str, each.path))}: {each.message}" for each in caught.value.mistakes]


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"openapi": "care-3.0.yml"}, "openapi: there is no file 'care-3.0.yml'"),
        ({"openapi": "care-3.0.yml"}, "did you mean 'care-3.0.yaml'?"),
        ({"openapi": 7}, "openapi: expected the path of an OpenAPI document"),
        ({**OPENAPI, "conformance": ["ignored_aut"]}, "conformance.0: unknown check 'ignored_aut', did you mean 'igno"),
        ({**OPENAPI, "conformance": {"not": ["x"]}}, "conformance.not.0: unknown check 'x'"),
        ({**OPENAPI, "conformance": ["object_level_authorization"]}, "unknown check 'object_level_authorization'"),
        ({**OPENAPI, "examples": 0}, "examples: "),
        ({**OPENAPI, "seed": "sometimes"}, "seed: "),
        ({**OPENAPI, "operations": {"include": ["GET /resident"]}}, "operations.include: 'GET /resident' fits no op"),
        ({**OPENAPI, "operations": {"exclude": ["*"]}}, "operations: no operation of the document is left"),
        ({"examples": 3}, "examples: 'examples' belongs to "),
        ({**OPENAPI, "parameters": {"residentID": 1}}, "parameters.residentID: no operation of the document has"),
    ],
)  # fmt: skip
def test_mistakes(care_desk: Any, contract: Any, said: str) -> None:
    assert any(said in each for each in mistakes(care_desk("http://127.0.0.1:9"), contract))


REFERRING = "openapi: 3.0.0\npaths: {{/a: {{get: {{responses: {{'200': {{$ref: '{}'}}}}}}}}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("openapi: 4.0.0\npaths: {}", "is OpenAPI 4.0.0; 2.0 (Swagger), 3.0, 3.1 and 3.2 can be read"),
        ("swagger: '1.2'\npaths: {}", "is OpenAPI 1.2"),
        ("asyncapi: 3.0.0", "has neither 'openapi' nor 'swagger'"),
        ("openapi: 3.0.0\npaths: {}", "has no operations under 'paths'"),
        ("openapi: 3.0.0\npaths: []", "has no operations"),
        ("openapi: 3.0.0\npaths: 7", "its 'paths' is no map"),
        (REFERRING.format("#/gone"), "refers to #/gone, which is not there"),
        (REFERRING.format("gone.yaml"), "refers to gone.yaml, and there is no such file"),
        (REFERRING.format("https://far.example/r.yaml"), "refers to https://far.example/r.yaml, and nothing is"),
        (REFERRING.format("near.yaml#/a"), "'near.yaml' refers to http://far"),
        ("openapi: [", "is neither JSON nor YAML at line 2, column 1"),
        ("- 1", "holds no map"),
    ],
)  # fmt: skip
def test_documents_that_cannot_be_used(desk: Any, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "api.yaml").write_text(text)
    (tmp_path / "near.yaml").write_text("a: {$ref: 'http://far.example/x.yaml'}")
    (found,) = mistakes(desk("rest", url="http://127.0.0.1:9"), {"openapi": "api.yaml"})
    assert found.startswith("openapi: ")
    assert said in found


def test_a_document_that_breaks_within_an_operation(desk: Any, at: str, tmp_path: Path) -> None:
    impossible = {
        "name": "x",
        "in": "query",
        "required": True,
        "schema": {"type": "integer", "minimum": 5, "maximum": 1},
    }
    (tmp_path / "api.json").write_text(json.dumps(small("/v1/residents", parameters=[impossible])))
    outcome = run(desk("rest", url=at), {"openapi": "api.json"}, "openapi-get-v1-residents")
    assert "no requests can be made from the document here" in failed(outcome)["document"]


def test_without_the_library_a_sentence(care_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sysint.contracts._generated.options.LIBRARY", "not_there_at_all")
    (found,) = mistakes(care_desk("http://127.0.0.1:9"), OPENAPI)
    assert found.endswith("which is not installed: pip install 'pytest-sysint[contract]'")


def test_only_types_that_speak_http() -> None:
    form = contract_forms().get("openapi")
    assert form.suits(types().get("rest"))
    assert form.suits(types().get("service"))
    assert not form.suits(types().get("redis"))


def test_reading_a_declaration_does_not_import_the_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from pathlib import Path; from pytest_sysint.core.registry import contract_forms, types;"
        f"contract_forms().get('openapi').read('care-3.0.yaml', types().get('rest'), Path({str(DOCUMENTS)!r}), {{}});"
        "print(sorted({'schemathesis', 'hypothesis', 'requests'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
