"""The ready-made judgements: each holds on a healthy server, and fails on one that is broken in just that way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.http_bench import Answer, Asked, Desk, Server, declaring, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


RESIDENT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["id", "born", "address"],
    "properties": {
        "id": {"type": "integer"},
        "born": {"type": "string", "format": "date"},
        "address": {"$ref": "common/address.json"},
    },
}
ADDRESS = {"type": "object", "required": ["town"], "properties": {"town": {"$ref": "town.yaml#/$defs/town"}}}
TOWN = "$defs:\n  town: {type: string, minLength: 2}\n"
HEALTHY = {"id": 7, "born": "1931-04-12", "address": {"town": "Leeds"}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, ""),
        ({"id": "7"}, "$.id: '7' is not of type 'integer'"),
        ({"born": "12.4.1931"}, "$.born: '12.4.1931' is not a 'date'"),
        ({"address": {"town": "L"}}, "$.address.town: 'L' is too short"),
    ],
)
@pytest.mark.parametrize("ids", [False, True])
def test_a_body_fits_its_schema_file(server: Server, desk: Desk, changed: Any, said: str, ids: bool) -> None:
    base = {"$id": "https://schemas.example/care/resident.json"} if ids else {}
    desk.write("schemas/resident.json", {**RESIDENT, **base})
    desk.write("schemas/common/address.json", ADDRESS)
    desk.write("schemas/common/town.yaml", TOWN)
    server.app = lambda asked: (200, {**HEALTHY, **changed})
    ran = desk.exchange({"request": "GET /x", "schema": "schemas/resident.json"}, server.url)
    assert ran.held is not bool(said)
    assert said in ran.said


@pytest.mark.parametrize("draft", ["04", "06", "07"])
def test_the_draft_is_what_the_file_says(server: Server, desk: Desk, draft: str) -> None:
    # `exclusiveMinimum: true` is a word of draft 4 alone; from draft 6 on it is a number.
    limit = {"minimum": 0, "exclusiveMinimum": True} if draft == "04" else {"exclusiveMinimum": 0}
    schema = {"$schema": f"http://json-schema.org/draft-{draft}/schema#", "properties": {"n": limit}}
    desk.write("n.json", schema)
    for number, held in ((1, True), (0, False)):
        server.app = lambda asked, number=number: (200, {"n": number})  # type: ignore[misc]
        assert desk.exchange({"request": "GET /n", "schema": "n.json"}, server.url).held is held


def test_a_part_of_a_document_is_a_schema(server: Server, desk: Desk) -> None:
    document = {"components": {"schemas": {"N": {"type": "integer"}, "M": {"$ref": "#/components/schemas/N"}}}}
    desk.write("api.json", document)
    for body, held in ((3, True), ("3", False)):
        server.app = lambda asked, body=body: (200, {"m": body})  # type: ignore[misc]
        wrapped = {"properties": {"m": {"$ref": "api.json#/components/schemas/M"}}}
        desk.write("wrapped.json", wrapped)
        assert desk.exchange({"request": "GET /n", "schema": "wrapped.json"}, server.url).held is held
        server.app = lambda asked, body=body: (200, [body])  # type: ignore[misc]
        exchange = {"request": "GET /n", "schema": "list.yaml#/items-of-it"}
        desk.write("list.yaml", "items-of-it: {type: array, items: {$ref: 'api.json#/components/schemas/M'}}")
        assert desk.exchange(exchange, server.url).held is held


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("nothing.json", "there is no file 'nothing.json'"),
        ({"$ref": "nowhere.json"}, "$ref 'nowhere.json' leads to no file beside it"),
        ({"properties": {"a": {"$ref": "http://example.com/a.json"}}}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "$ref '#/$defs/b' leads to"),
        ({"type": "strin"}, "not a valid JSON Schema"),
        ({"$schema": "https://example.com/own"}, "of a draft that is not known here"),
        ("broken", "cannot be read as JSON or YAML"),
        ("list", "it is not a map"),
        ({"$ref": "deep.json"}, "leads to no valid JSON Schema"),
        (3, "expected the name of a JSON Schema file"),
    ],
)
def test_a_schema_that_cannot_be_used_is_said(desk: Desk, schema: Any, said: str) -> None:
    desk.write("x.json", schema if isinstance(schema, dict) else "{" if schema == "broken" else "[]")
    desk.write("deep.json", {"type": "strin"})
    named = schema if schema in ("nothing.json", 3) else "x.json"
    assert said in desk.refused({"exchanges": [{"request": "GET /x", "schema": named}]})


PROBLEM = {"type": "https://care.example/problems/none", "title": "No such resident", "status": 404, "detail": "None."}
TRACE = 'Traceback (most recent call last):\n  File "/app/care.py", line 12, in get'


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (PROBLEM, {}, ""),
        ({"title": "No such resident"}, {}, ""),
        (PROBLEM, {"content-type": "application/json"}, "the content type was application/json"),
        ({**PROBLEM, "status": 400}, {}, "status in the body was 400, and that of the answer 404"),
        ({**PROBLEM, "status": "404"}, {}, 'status in the body was "404"'),
        ({**PROBLEM, "type": "not found"}, {}, 'type was "not found"; expected a URI reference'),
        ({**PROBLEM, "title": 404}, {}, "title was 404; expected a text"),
        ({**PROBLEM, "detail": None}, {}, "detail was null"),
        ({"error": "none"}, {}, "the problem has error; expected a `title` or a `type`"),
        ("none", {}, 'the body was "none"; expected a problem'),
        ({**PROBLEM, "detail": TRACE}, {}, "the body shows the inside of the service: Traceback"),
        ({**PROBLEM, "debug": ["at care.Get(Get.java:12)"]}, {}, "shows the inside of the service: at care.Get"),
        ({**PROBLEM, "stack": "Error\n    at get (/app/care.js:1:22)"}, {}, "shows the inside"),
        ({**PROBLEM, "detail": "It was made at /residents/12 10:30:00 (see at 11:12:13)."}, {}, ""),
    ],
)
def test_an_error_is_a_problem(server: Server, desk: Desk, body: Any, headers: Any, said: str) -> None:
    server.app = lambda asked: (404, body, {"content-type": "application/problem+json", **headers})
    ran = desk.exchange({"request": "GET /residents/0", "problem": True}, server.url)
    assert ran.held is not bool(said), ran.said
    assert said in ran.said


def test_a_success_is_no_problem(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (200, PROBLEM, {"content-type": "application/problem+json"})
    ran = desk.exchange({"request": "GET /residents/0", "problem": True}, server.url)
    assert "status was 200, expected" in ran.said


ISSUE = {"severity": "error", "code": "not-found", "diagnostics": "No such patient"}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [ISSUE]}


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (OUTCOME, {}, ""),
        ({**OUTCOME, "resourceType": "Patient"}, {}, 'resourceType was "Patient"'),
        ([], {}, "the body was []"),
        ({**OUTCOME, "issue": []}, {}, "issue was []"),
        ({**OUTCOME, "issue": [{**ISSUE, "severity": "bad"}]}, {}, 'issue[0].severity was "bad"'),
        ({**OUTCOME, "issue": [ISSUE, {**ISSUE, "code": "none"}]}, {}, 'issue[1].code was "none"'),
        ({**OUTCOME, "issue": [{**ISSUE, "details": "x"}]}, {}, 'issue[0].details was "x"'),
        ({**OUTCOME, "issue": [3]}, {}, "issue[0] is no map"),
        ({**OUTCOME, "issue": [{**ISSUE, "severity": "warning"}]}, {}, "the severities"),
        ({**OUTCOME, "issue": [{**ISSUE, "code": "conflict"}]}, {}, 'the codes were ["conflict"]'),
        ({**OUTCOME, "issue": [{**ISSUE, "diagnostics": TRACE}]}, {}, "shows the inside of the service"),
        (OUTCOME, {"content-type": "text/html"}, "the content type was text/html"),
    ],
)
def test_an_error_is_an_operation_outcome(server: Server, desk: Desk, body: Any, headers: Any, said: str) -> None:
    server.app = lambda asked: (404, body, {"content-type": "application/fhir+json", **headers})
    exchange = {"request": "GET /Patient/0", "operation_outcome": {"code": "not-found"}}
    ran = desk.exchange(exchange, server.url)
    assert ran.held is not bool(said), ran.said
    assert said in ran.said


def test_plain_json_for_an_outcome_is_a_warning(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (404, OUTCOME)
    ran = desk.exchange({"request": "GET /Patient/0", "operation_outcome": True}, server.url)
    assert ran.held
    assert [each.severity for each in ran.failed] == ["warn"]


@dataclass
class Once:
    """Writes with a key are done once; `fault` breaks one thing."""

    fault: str = ""
    kept: dict[int, Any] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return 200, {"total": self.count, "items": list(self.kept)}
        if asked.method == "DELETE":
            del self.kept[int(asked.path.rpartition("/")[2])]
            return 204, None
        key = asked.headers["x-once"]
        if key in self.keys and self.fault != "twice":
            number = self.keys[key]
            if self.fault == "conflict":
                return 409, {"error": "key was used"}
            if self.fault == "counts":
                self.count += 1
            return 200, {"id": number + (self.fault == "other id")}
        if self.fault == "one for all" and self.kept:
            return 201, {"id": max(self.kept)}
        self.count += 1
        number = len(self.keys) + 100
        self.kept[number] = asked.body
        if self.fault == "twice" and key in self.keys:
            self.kept[number + 1] = asked.body
        self.keys[key] = number
        return 201, {"id": number}


WRITE_ONCE = {
    "name": "a repeated write is done once",
    "request": "POST /residents",
    "json": {"given": "Ada"},
    "capture": {"id": "$.id"},
    "idempotent": {"header": "X-Once", "id": "$.id", "unchanged": {"request": "GET /residents", "value": "$.total"}},
    "cleanup": [{"request": "DELETE /residents/{id}"}],
}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("", ""),
        ("twice", "$.id under the same key was 101, and 100 at first; expected the same answer twice"),
        ("conflict", "the status under the same key was 409, after 201 at first"),
        ("counts", "$.total of GET /residents was 1 after the first write, and 2 after the second"),
        ("other id", "$.id under the same key was 101"),
        ("one for all", "$.id under another key was 100, and 100 at first; expected another one"),
    ],
)
def test_the_same_write_under_one_key_is_done_once(server: Server, desk: Desk, fault: str, said: str) -> None:
    server.app = Once(fault)
    ran = desk.exchange(WRITE_ONCE, server.url)
    assert ran.held is not bool(said), ran.said
    assert said in ran.said
    assert ran.check.effect == "write"
    keys = [asked.headers["x-once"] for asked in server.seen if asked.method == "POST"]
    assert keys[0] == keys[1] != keys[2]
    if said:
        assert "curl" in ran.outcome.reproduce


def test_everything_that_was_written_is_cleaned_up(server: Server, desk: Desk) -> None:
    server.app = once = Once()
    desk.exchange(WRITE_ONCE, server.url)
    assert not once.kept
    assert [line for line in server.lines if "DELETE" in line] == ["DELETE /residents/100", "DELETE /residents/101"]


def test_idempotency_in_its_shortest_form(server: Server, desk: Desk) -> None:
    once = Once()
    server.app = lambda asked: once(
        Asked(asked.method, asked.path, asked.query, {"x-once": asked.headers["idempotency-key"]}, asked.body)
    )
    ran = desk.exchange({"request": "POST /residents", "json": {}, "idempotent": {"another": False}}, server.url)
    assert ran.held, ran.said
    assert len(server.seen) == 2
    assert desk.exchange({"request": "POST /residents", "json": {}, "idempotent": True}, server.url).held


@pytest.mark.parametrize(
    ("answer", "fields", "held"),
    [
        (lambda body: 201, {"new_field": True, "unknown_enum": "$.status"}, True),
        (lambda body: 500 if "sysintUnknownField" in body else 201, {"new_field": True}, False),
        (lambda body: 422 if "sysintUnknownField" in body else 201, {"new_field": True}, True),
        (lambda body: 422 if "sysintUnknownField" in body else 201, {"new_field": "accepted"}, False),
        (lambda body: 201, {"new_field": "refused"}, False),
        (lambda body: 500 if body["status"] != "active" else 201, {"unknown_enum": "$.status"}, False),
        (lambda body: 400 if body["status"] != "active" else 201, {"unknown_enum": "$.status"}, True),
        (lambda body: 201, {"unknown_enum": {"path": "$.status", "answer": "refused"}}, False),
        (lambda body: 400 if body["rooms"][0]["sort"] != "a" else 201, {"unknown_enum": "$.rooms[0].sort"}, True),
        (lambda body: 502 if body["rooms"][0]["sort"] != "a" else 201, {"unknown_enum": "$.rooms[0].sort"}, False),
    ],
)
def test_what_is_not_known_breaks_nothing(server: Server, desk: Desk, answer: Any, fields: Any, held: bool) -> None:
    server.app = lambda asked: (answer(asked.body), {"ok": True})
    body = {"status": "active", "rooms": [{"sort": "a"}]}
    ran = desk.exchange({"request": "POST /residents", "json": body, "tolerates": fields}, server.url)
    assert ran.held is held, ran.said
    assert len(server.seen) == 1 + len(fields)


def test_a_refusal_with_a_stack_trace_is_not_clean(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (422, {"detail": TRACE}) if "sysintUnknownField" in asked.body else (201, {})
    ran = desk.exchange({"request": "POST /r", "json": {}, "tolerates": {"new_field": True}}, server.url)
    assert not ran.held
    assert "shows the inside of the service" in ran.said


POST = {"request": "POST /x", "json": {"status": "active"}}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({**POST, "tolerates": {}}, "expected a map such as {new_field: true}"),
        ({**POST, "tolerates": {"unknown_enum": "$.state"}}, "'$.state' selects nothing"),
        ({**POST, "tolerates": {"unknown_enum": "$"}}, "leads to the whole body"),
        ({**POST, "tolerates": {"unknown_enum": "status"}}, "begins with `$`"),
        ({**POST, "tolerates": {"new_fields": True}}, "did you mean 'new_field'?"),
        ({"request": "POST /x", "json": [1], "tolerates": {"new_field": True}}, "must be a map"),
        ({"request": "POST /x", "tolerates": {"new_field": True}}, "there is none"),
        ({**POST, "idempotent": 3}, "expected true or a map"),
        ({**POST, "idempotent": {"headers": "x"}}, "did you mean 'header'?"),
        ({**POST, "idempotent": {"id": "$.["}}, "is not a JSONPath"),
        ({**POST, "idempotent": {"unchanged": {"request": "POST /x"}}}, "looking must not write"),
        ({**POST, "idempotent": {"unchanged": {"request": "GET x"}}}, "expected a method and a path"),
        ({**POST, "idempotent": {"unchanged": {"request": "GET /{idd}"}}}, "nothing is captured as 'idd'"),
        ({"request": "GET /x", "operation_outcome": {"code": "notfound"}}, "did you mean 'not-found'?"),
        ({"request": "GET /x", "operation_outcome": "not-found"}, "expected true or {code: ...}"),
        ({"certificate_expires_in": "> 1d", "problem": True}, "'problem' judges an HTTP request"),
    ],
)
def test_judgements_that_cannot_be_are_said(desk: Desk, keys: Any, said: str) -> None:
    assert said in desk.refused({"exchanges": [keys]})
