"""Declared exchanges against a real HTTP server: healthy, and broken in one way at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pytest_sysint.core.check import Check, Outcome
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.records import Assertion, Exchange
from pytest_sysint.declaration import load


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


Answer = tuple[int, Any] | tuple[int, Any, Mapping[str, str]]


@dataclass
class Server:
    """Answers by `app`; every request is kept in `seen`."""

    url: str = ""
    app: Callable[[Asked], Answer] = lambda asked: (404, {"error": "nothing here"})
    seen: list[Asked] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.seen]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, query, headers, json.loads(data) if data else None)
            made.seen.append(asked)
            status, body, *more = made.app(asked)
            given = {"content-type": "application/json", **(more[0] if more else {})}
            text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**given, "content-length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    made.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    http.shutdown()
    http.server_close()
    thread.join()


class Context:
    """A `core.check.Context` on one live integration."""

    def __init__(self, integration: Integration[Any]) -> None:
        self.integration = integration
        self.timeout = 5.0
        self.exchanges: list[Exchange] = []

    def other(self, integration_id: str) -> Integration[Any]:
        raise LookupError(integration_id)

    def perform(self, operation: Operation, on: str = "") -> Observation:
        observation = operation.perform(self.integration, self.timeout)
        self.note(observation.exchange)
        return observation

    def note(self, exchange: Exchange | None) -> None:
        if exchange is not None:
            self.exchanges.append(exchange)

    def progress(self, text: str) -> None: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass
class Ran:
    check: Check
    outcome: Outcome
    exchanges: list[Exchange]

    @property
    def failed(self) -> list[Assertion]:
        return [each for each in self.outcome.assertions if each.status == "failed"]

    @property
    def said(self) -> str:
        return "\n".join(each.message for each in self.failed)

    @property
    def held(self) -> bool:
        assert self.outcome.assertions
        return not [each for each in self.failed if each.severity == "fail"]


@dataclass
class Desk:
    """Reads declarations with the real loader, and runs their one exchange."""

    folder: Path
    opened: list[Integration[Any]] = field(default_factory=list)

    def declare(self, exchanges: Any, url: str, **keys: Any) -> Any:
        path = self.folder / "sysint.yaml"
        whole = {"type": "rest", "url": url, "contract": {"exchanges": exchanges}, **keys}
        path.write_text(json.dumps({"sysint": 1, "integrations": {"api": whole}}))
        (declaration,) = load([path])
        return declaration.integrations[0]

    def checks(self, declared: Any) -> list[Check]:
        from pytest_sysint.core.registry import kinds

        return list(kinds().get("contract").checks(declared))

    def run(self, exchange: Any, url: str, **keys: Any) -> Ran:
        declared = self.declare([exchange], url, **keys)
        (check,) = self.checks(declared)
        integration = declared.cls(declared.settings)
        self.opened.append(integration)
        context = Context(integration)
        return Ran(check, check.run(context), context.exchanges)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    for integration in made.opened:
        integration.close()


def refused(desk: Desk, exchange: Any) -> str:
    with pytest.raises(Exception, match="problem") as caught:
        desk.declare([exchange], "http://127.0.0.1:1")
    return str(caught.value)


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
    ran = desk.run(MADE_AND_READ, server.url)
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
    ran = desk.run(MADE_AND_READ, server.url)
    assert not ran.held
    assert said in ran.said
    assert "curl" in ran.outcome.reproduce
    assert all("(step" in each.name for each in ran.failed if each.severity == "fail")


def test_what_cannot_be_cleaned_up_is_a_warning(server: Server, desk: Desk) -> None:
    server.app = Residents("keeps")
    ran = desk.run(MADE_AND_READ, server.url)
    assert ran.held
    (warning,) = ran.failed
    assert warning.severity == "warn"
    assert "something may be left behind: status was 500" in warning.message


def test_cleanup_is_done_after_a_failure(server: Server, desk: Desk) -> None:
    server.app = residents = Residents("other id")
    desk.run(MADE_AND_READ, server.url)
    assert server.lines[-1] == "DELETE /residents/42"
    assert not residents.kept


def test_cleanup_of_what_was_never_made_is_left_out(server: Server, desk: Desk) -> None:
    server.app = Residents("no id")
    desk.run(MADE_AND_READ, server.url)
    assert server.lines == ["POST /residents"]


def test_an_exchange_of_one_operation_is_a_check(server: Server, desk: Desk) -> None:
    server.app = lambda asked: (200, {"status": "ok"})
    ran = desk.run({"request": "GET /status", "expect": {"$.status": "ok"}, "severity": "low"}, server.url)
    assert ran.held
    assert (ran.check.name, ran.check.severity, ran.check.effect) == ("GET /status", "low", "read")
    assert {each.name for each in ran.outcome.assertions} == {"status", "$.status"}
    ran = desk.run({"request": "GET /status", "expect": {"$.status": "down"}}, server.url)
    assert ran.said == '$.status was "ok", expected "down"'


def test_a_conversation_that_breaks_says_in_which_step_and_is_not_written_twice(server: Server, desk: Desk) -> None:
    residents = Residents()

    def app(asked: Asked) -> Answer:
        if asked.method == "GET":
            raise ConnectionAbortedError
        return residents(asked)

    server.app = app
    with pytest.raises(CallError) as caught:
        desk.run(MADE_AND_READ, server.url)
    assert str(caught.value).startswith("step 2, read it: ")
    assert not caught.value.transient
    assert [each.name for each in caught.value.partial.assertions][:1] == ["status (step 1)"]
    assert server.lines[-1] == "DELETE /residents/42"
