"""Declared exchanges against a real HTTP server: steps, what they take from each other, what clears up after them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import CallError
from tests.contracts.http_bench import WHOLE_RUN, Answer, Asked, Desk, Server, declaring, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


@dataclass
class Residents:
    """Residents that are made, read and removed; `fault` breaks one thing."""

    fault: str = ""
    kept: dict[int, Any] = field(default_factory=dict)
    next: int = 41

    def __call__(self, asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path == "/residents":
            self.next += 1
            if self.fault != "forgets":
                self.kept[self.next] = asked.body
            body = {"id": self.next, **asked.body}
            if self.fault == "no id":
                del body["id"]
            return 201, body, {"location": f"/residents/{self.next}", "etag": '"v1"'}
        number = int(asked.path.rpartition("/")[2])
        if number not in self.kept:
            return 404, {"error": "no such resident"}
        if asked.method == "DELETE":
            if self.fault == "keeps":
                return 500, {"error": "cannot"}
            del self.kept[number]
            return 204, None
        if asked.headers.get("if-none-match") == '"v1"':
            return 304, None
        shown = number + 1 if self.fault == "other id" else number
        return 200, {"id": shown, **self.kept[number]}


MADE_AND_READ = {
    "name": "a resident is made and read",
    "steps": [
        {
            "request": "POST /residents",
            "json": {"given": "Ada", "externalId": "X-{unique}"},
            "expect": {"status": 201},
            "capture": {"id": "$.id", "etag": "headers.etag", "where": "headers.location"},
        },
        {"name": "read it", "request": "GET /residents/{id}", "expect": {"$.id": "{id}", "$.externalId": "X-{unique}"}},
        {"request": "GET {where}", "headers": {"If-None-Match": "{etag}"}, "expect": {"status": 304}},
    ],
    "cleanup": [{"request": "DELETE /residents/{id}"}],
}


def test_steps_take_from_each_other_and_clean_up(server: Server, desk: Desk) -> None:
    server.app = residents = Residents()
    ran = desk.exchange(MADE_AND_READ, server.url)
    assert ran.held, ran.said
    assert not ran.failed
    assert server.lines == ["POST /residents", "GET /residents/42", "GET /residents/42", "DELETE /residents/42"]
    assert not residents.kept
    assert (ran.check.name, ran.check.slug) == ("a resident is made and read", "exchange-a-resident-is-made-and-read")
    assert ran.check.effect == "write"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("forgets", "step 2, read it: status was 404, expected < 400"),
        ("other id", "step 2, read it: $.id was 43, expected 42"),
        ("no id", "step 1, POST /residents: nothing to capture as 'id': '$.id' selects nothing"),
    ],
)
def test_the_step_that_breaks_is_named(server: Server, desk: Desk, fault: str, said: str) -> None:
    server.app = Residents(fault)
    ran = desk.exchange(MADE_AND_READ, server.url)
    assert not ran.held
    assert said in ran.said
    assert "curl" in ran.outcome.reproduce
    assert all("(step" in each.name for each in ran.failed if each.severity == "fail")


def test_what_cannot_be_cleaned_up_is_a_warning(server: Server, desk: Desk) -> None:
    server.app = Residents("keeps")
    ran = desk.exchange(MADE_AND_READ, server.url)
    assert ran.held
    (warning,) = ran.failed
    assert warning.severity == "warn"
    assert "something may be left behind: status was 500" in warning.message


def test_cleanup_is_done_after_a_failure(server: Server, desk: Desk) -> None:
    server.app = residents = Residents("other id")
    desk.exchange(MADE_AND_READ, server.url)
    assert server.lines[-1] == "DELETE /residents/42"
    assert not residents.kept


def test_cleanup_of_what_was_never_made_is_left_out(server: Server, desk: Desk) -> None:
    server.app = Residents("no id")
    desk.exchange(MADE_AND_READ, server.url)
    assert server.lines == ["POST /residents"]


def test_an_exchange_of_one_operation_is_a_check(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (200, {"status": "ok"})
    ran = desk.exchange({"request": "GET /status", "expect": {"$.status": "ok"}, "severity": "low"}, server.url)
    assert ran.held
    assert (ran.check.name, ran.check.severity, ran.check.effect) == ("GET /status", "low", "read")
    assert {each.name for each in ran.outcome.assertions} == {"status", "$.status"}
    ran = desk.exchange({"request": "GET /status", "expect": {"$.status": "down"}}, server.url)
    assert ran.said == '$.status was "ok", expected "down"'


def test_a_conversation_that_breaks_says_in_which_step_and_is_not_written_twice(server: Server, desk: Desk) -> None:
    residents = Residents()

    def app(asked: Asked) -> Answer:
        if asked.method == "GET":
            raise ConnectionAbortedError
        return residents(asked)

    server.app = app
    with pytest.raises(CallError) as caught:
        desk.exchange(MADE_AND_READ, server.url)
    assert str(caught.value).startswith("step 2, read it: ")
    assert not caught.value.transient
    assert [each.name for each in caught.value.partial.assertions][:1] == ["status (step 1)"]
    assert server.lines[-1] == "DELETE /residents/42"


def test_captured_values_keep_their_type_and_become_text_where_only_text_fits(server: Server, desk: Desk) -> None:
    def app(asked: Asked) -> Answer:
        if asked.path == "/first":
            return 200, {"number": 7, "yes": True, "part": {"a": [1]}, "name": "a b/c"}
        return 200, {"got": asked.body, "path": asked.path, "headers": asked.headers}

    server.app = app
    steps = [
        {
            "request": "GET /first",
            "capture": {"number": "$.number", "yes": "$.yes", "part": "$.part", "name": "$['name']"},
        },
        {
            "request": "POST /second/{name}/{number}",
            "headers": {"X-Number": "{number}", "X-Yes": "{yes}"},
            "json": {"n": "{number}", "y": "{yes}", "p": "{part}", "t": "<{number} {yes}>", "plain": "{{number}}"},
            "expect": {
                "$.got": {
                    "equals": {"n": 7, "y": True, "p": {"a": [1]}, "t": "<7 true>", "plain": "{{number}}"},
                },
                "$.path": "/second/a%20b%2Fc/7",
                "$.headers['x-number']": "7",
                "$.headers['x-yes']": "true",
            },
        },
    ]
    ran = desk.exchange({"name": "types", "steps": steps}, server.url)
    assert ran.held, ran.said
    assert server.seen[-1].body["plain"] == "{number}"


def test_a_location_may_be_a_whole_url_of_the_integration_and_no_other(server: Server, desk: Desk) -> None:
    where = {"to": f"{server.url}/api/residents/7"}

    def app(asked: Asked) -> Answer:
        return (201, {}, {"location": where["to"]}) if asked.method == "POST" else (200, {"path": asked.path})

    server.app = app
    steps = [
        {"request": "POST /residents", "json": {}, "capture": {"where": "headers.location"}},
        {"request": "GET {where}", "expect": {"$.path": "/api/residents/7"}},
    ]
    ran = desk.exchange({"name": "location", "steps": steps}, f"{server.url}/api")
    assert ran.held, ran.said
    where["to"] = "http://elsewhere.example/api/residents/7"
    ran = desk.exchange({"name": "location", "steps": steps}, f"{server.url}/api")
    assert "leads to another host than the integration's" in ran.said
    assert server.lines[-1] == "POST /api/residents"


def test_each_run_has_a_unique_value_of_its_own(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (200, {})
    exchange = {"request": "POST /residents", "json": {"a": "{unique}", "b": "x-{unique}"}}
    desk.exchange(exchange, server.url)
    desk.exchange(exchange, server.url)
    first, second = (asked.body for asked in server.seen)
    assert first["b"] == f"x-{first['a']}"
    assert first["a"] != second["a"]
    assert len(first["a"]) == 12


def test_a_captured_secret_is_masked(server: Server, desk: Desk) -> None:
    from pytest_sysint.core.secrets import redact

    server.app = lambda asked: (200, {"access": "s3cr3t-of-the-answer"})
    steps = [
        {"request": "POST /login", "json": {}, "capture": {"token": "$.access"}},
        {"request": "GET /me", "headers": {"X-Session": "{token}"}},
    ]
    desk.exchange({"name": "login", "steps": steps}, server.url)
    assert redact("it was s3cr3t-of-the-answer") == "it was ***"


def test_a_step_may_wait_until_it_holds(server: Server, desk: Desk) -> None:
    states = iter(["queued", "queued", "done"])
    server.app = lambda asked: (202, {"id": 1}) if asked.method == "POST" else (200, {"state": next(states)})
    steps = [
        {"request": "POST /jobs", "json": {}, "capture": {"id": "$.id"}},
        {"request": "GET /jobs/{id}", "expect": {"$.state": "done"}, "poll": {"timeout": "5s", "interval": "10ms"}},
    ]
    ran = desk.exchange({"name": "a job is done", "steps": steps}, server.url)
    assert ran.held, ran.said
    assert ran.outcome.metrics["polls"] == 3
    assert ran.check.poll is not None


def test_it_is_for_every_type_with_operations(desk: Desk, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "t.db")) as database:
        database.executescript("CREATE TABLE t (id INTEGER, name TEXT); INSERT INTO t VALUES (7, 'Ada');")
    exchange = {
        "name": "a row is found again",
        "steps": [
            {"query": "SELECT id, name FROM t", "capture": {"id": "$[0].id", "name": "$[0]['name']"}},
            {
                "query": "SELECT count(*) AS n FROM t WHERE id = :id AND name = :name",
                "params": {"id": "{id}", "name": "{name}"},
                "expect": {"$[0].n": 1},
            },
        ],
    }
    ran = desk.exchange(exchange, f"sqlite:///{tmp_path}/t.db", type="sql")
    assert ran.held, ran.said
    exchange["steps"][1]["params"]["id"] = "x{id}"
    ran = desk.exchange(exchange, f"sqlite:///{tmp_path}/t.db", type="sql")
    assert ran.said.startswith("step 2, SELECT count(*)")
    assert ran.said.endswith("$[0].n was 0, expected 1")


RUN = """sysint: 1
environments: {{local: {{allow: [read, write]}}}}
integrations:
  care:
    type: rest
    url: {url}
    contract:
      exchanges:
        - name: a resident is made and read
          steps:
            - request: POST /residents
              json: {{given: Ada}}
              capture: {{id: $.id}}
            - name: read it
              request: GET /residents/{{id}}
              expect: {{$.id: "{{id}}", $.given: Ada}}
          cleanup:
            - request: DELETE /residents/{{id}}
"""


@pytest.mark.parametrize("fault", ["", "other id"])
def test_a_whole_run_shows_the_step_and_a_command(server: Server, pytester: pytest.Pytester, fault: str) -> None:
    residents = Residents(fault)
    server.app = lambda asked: (200, {}) if asked.path == "/" else residents(asked)
    pytester.makefile(".yaml", sysint=RUN.format(url=server.url))
    found = pytester.runpytest_subprocess(*WHOLE_RUN, timeout=60)
    found.assert_outcomes(passed=1 if fault else 2, failed=1 if fault else 0)
    if fault:
        found.stdout.fnmatch_lines(
            [
                "*check  contract: a resident is made and read",
                "*ok * step 1, POST /residents: captured id = 42",
                "*FAIL * step 2, read it: $.id was 43, expected 42",
                f"*try * curl * {server.url}/residents/42",
            ]
        )
    assert not residents.kept


def test_a_write_is_refused_where_only_reading_is_allowed(server: Server, pytester: pytest.Pytester) -> None:
    server.app = lambda asked: (200, {})
    pytester.makefile(".yaml", sysint=RUN.format(url=server.url).replace("[read, write]", "[read]"))
    found = pytester.runpytest_subprocess(*WHOLE_RUN, timeout=60)
    found.assert_outcomes(passed=1, skipped=1)
    assert not [line for line in server.lines if "residents" in line]
