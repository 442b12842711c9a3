"""Where pacts come from, how states are set up, and what the loader says of what cannot be used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import Rejected, Unreachable
from tests.contracts.http_bench import Answer, Asked, Desk, Server, declaring, serving
from tests.contracts.pact_bench import HOOKS, PACTS, Provider, Verified


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


@pytest.fixture
def verified(desk: Desk, server: Server) -> Verified:
    server.app = Provider()
    return Verified(desk, server.url)


@pytest.fixture
def closed() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_states_are_set_up_and_torn_down_by_a_request(verified: Verified, server: Server) -> None:
    server.app = provider = Provider()
    hooks = {**HOOKS, "provider_states": {"request": "POST /_pact/states", "teardown": True}}
    assert verified.one("an-admission", hooks).held
    assert provider.states == [
        {"state": "a free room", "params": {"room": 3}, "action": action, "consumer": "portal"}
        for action in ("setup", "teardown")
    ]
    # What the state gave stands in the request: the pact generates it from `${room}`.
    (admitted,) = [asked for asked in server.seen if asked.path == "/residents"]
    assert admitted.body == {"name": "Ada", "room": 31}


def test_a_state_that_cannot_be_set_up_is_said(verified: Verified, server: Server) -> None:
    server.app = Provider({"states": (500, {"error": "no room"})})
    ran = verified.one("an-admission")
    assert not ran.held
    assert "the state 'a free room' could not be set up: POST /_pact/states gave 500" in ran.said
    assert ran.outcome.cause == "the provider was not in the state that the interaction needs"
    assert [asked.path for asked in server.seen] == ["/_pact/states"]


def test_a_state_that_cannot_be_torn_down_is_a_warning(verified: Verified, server: Server) -> None:
    provider = Provider()

    def app(asked: Asked) -> Answer:
        torn = asked.path == "/_pact/states" and asked.body["action"] == "teardown"
        return (503, {}) if torn else provider(asked)

    server.app = app
    ran = verified.one(
        "an-admission", {**HOOKS, "provider_states": {"request": "POST /_pact/states", "teardown": True}}
    )
    assert ran.held
    assert "could not be torn down: POST /_pact/states gave 503" in ran.said


def test_a_state_without_a_hook_is_said(verified: Verified) -> None:
    hooks = {"messages_from": HOOKS["messages_from"]}
    ran = verified.one("web-a-request-for-a-resident", hooks)
    assert ran.held
    (warning,) = ran.failed
    assert warning.severity == "warn"
    assert "the state 'resident 7 exists' was not set up: no `provider_states` is declared" in warning.message


PROGRAM = """import json, sys
asked = json.load(sys.stdin)
print(json.dumps({"room": 32}))
with open("asked.txt", "a") as log:
    log.write(asked["action"] + " " + asked["state"] + "\\n")
sys.exit(3 if asked["state"] == "resident 7 exists" else 0)
"""


def test_states_are_set_up_by_a_command(verified: Verified, server: Server, desk: Desk) -> None:
    desk.write("states.py", PROGRAM)
    hooks = {**HOOKS, "provider_states": {"command": f"{sys.executable} states.py", "teardown": True}}
    assert verified.one("an-admission", hooks).held
    assert (desk.folder / "asked.txt").read_text() == "setup a free room\nteardown a free room\n"
    assert server.seen[-1].body["room"] == 32
    ran = verified.one("web-a-request-for-a-resident", hooks)
    assert "could not be set up: the command of `provider_states` ended with code 3" in ran.said


FUNCTION = """
called = []
def set_up(state, params, action):
    if state == "resident 7 exists":
        raise LookupError("there is no seven")
    return {"room": params["room"] + 30}
"""


def test_states_are_set_up_by_a_function(verified: Verified, server: Server, desk: Desk) -> None:
    desk.write("states_of_these_tests.py", FUNCTION)
    hooks = {**HOOKS, "provider_states": {"python": "states_of_these_tests:set_up"}}
    assert verified.one("an-admission", hooks).held
    assert server.seen[-1].body["room"] == 33
    ran = verified.one("web-a-request-for-a-resident", hooks)
    assert "raised LookupError: there is no seven" in ran.said
    hooks["provider_states"] = {"python": "states_of_these_tests:tear_down"}
    assert "has no function 'tear_down'" in verified.one("an-admission", hooks).said
    hooks["provider_states"] = {"python": "nowhere_to_be_found:set_up"}
    assert "cannot be imported" in verified.one("an-admission", hooks).said


@pytest.mark.parametrize("own", [True, False])
def test_a_pact_may_be_at_a_url(verified: Verified, server: Server, own: bool) -> None:
    text = (PACTS / "web-v2.json").read_text()
    with serving() as broker:
        where = server if own else broker
        provider = Provider()
        server.app = lambda asked: (200, text) if asked.path == "/pacts/web" else provider(asked)
        broker.app = lambda asked: (200, text)
        ran = verified.one("pact-http", pact=f"{where.url}/pacts/web", auth={"bearer": "right"})
        assert ran.held, ran.said
        assert ran.outcome.metrics == {"interactions": 2}
        asked = next(each for each in where.seen if each.path == "/pacts/web")
        # Our credentials go to the integration alone.
        assert asked.headers.get("authorization") == ("Bearer right" if own else None)
        provider.changed["GET /residents/0"] = (200, {})
        ran = verified.one("pact-http", pact=f"{where.url}/pacts/web")
        assert "web: a request for nobody: status: expected 404 but was 200" in ran.said
        assert "/residents/0" in ran.outcome.reproduce


def test_a_url_without_a_pact_is_said(verified: Verified, server: Server, closed: str) -> None:
    with pytest.raises(Rejected, match="was answered with 404"):
        verified.one("pact-http", pact=f"{server.url}/pacts/none")
    server.app = lambda asked: (200, {"hello": 1})
    with pytest.raises(Rejected, match="is no pact"):
        verified.one("pact-http", pact=f"{server.url}/pacts/none")
    with pytest.raises(Unreachable):
        verified.one("pact-http", pact=f"{closed}/pacts/none")
    text = (PACTS / "audit-messages-v3.json").read_text()
    server.app = lambda asked: (200, text)
    with pytest.raises(Rejected, match="is a message; say where the provider gives it"):
        verified.one("pact-http", pact=f"{server.url}/pacts/audit", hooks={})
    with pytest.raises(Rejected, match="is not of the provider 'other'"):
        verified.one("pact-http", pact=f"{server.url}/pacts/audit", hooks={"provider": "other"})


def pact(desk: Desk, name: str = "x.json", **changed: Any) -> str:
    document = {**json.loads((PACTS / "web-v2.json").read_text()), **changed}
    return str(desk.write(name, {key: value for key, value in document.items() if value is not None}))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda desk: "nowhere.json", "there is no file 'nowhere.json'"),
        (lambda desk: 3, "expected a file, a folder, a url"),
        (lambda desk: [], "expected a file, a folder, a url"),
        (lambda desk: str(desk.write("x.json", "{")), "'x.json' is no JSON"),
        (lambda desk: str(desk.write("x.json", "[]")), "'x.json' is no pact"),
        (lambda desk: pact(desk, consumer=None), "`consumer.name` is missing"),
        (lambda desk: pact(desk, interactions=[]), "has no interaction"),
        (lambda desk: pact(desk, interactions=[{}]), "interactions[0] has no description"),
        (lambda desk: pact(desk, interactions=[{"description": "x"}]), "has no `request`"),
        (lambda desk: pact(desk, interactions=[{"description": "x", "type": "Other"}]), "of the sort 'Other'"),
        (lambda desk: pact(desk, metadata={"pactSpecification": {"version": "5.0"}}), "follows version 5.0"),
        (lambda desk: pact(desk, metadata={"plugins": [{"name": "protobuf"}]}), "needs Pact plugins (protobuf)"),
        (lambda desk: str(PACTS / "audit-messages-v3.json"), "'a resident was admitted' is a message; say where"),
        (lambda desk: [str(PACTS / "web-v2.json"), pact(desk, provider={"name": "b"})], "of several providers"),
    ],
)
def test_pacts_that_cannot_be_used_are_said(desk: Desk, make: Callable[[Desk], Any], said: str) -> None:
    assert said in desk.refused({"pact": make(desk)})


@pytest.mark.parametrize(
    ("hooks", "said"),
    [
        ({"provider_states": {}}, "give exactly one of request, command, python"),
        ({"provider_states": {"request": "POST /x", "command": "x"}}, "give exactly one of"),
        ({"provider_states": {"request": "states"}}, "expected a method and a path"),
        ({"provider_states": {"request": "/states"}}, "expected a method and a path"),
        ({"provider_states": {"python": "states"}}, "module:function"),
        ({"provider_states": {"requests": "POST /x"}}, "did you mean 'request'?"),
        ({"messages_from": {}}, "'request' is missing"),
        ({"provider": "care-app"}, "no pact is of the provider 'care-app', did you mean 'care-api'?"),
    ],
)
def test_hooks_that_cannot_be_used_are_said(desk: Desk, hooks: Any, said: str) -> None:
    assert said in desk.refused({"pact": str(PACTS / "web-v2.json"), **hooks})


def test_a_folder_of_several_providers(desk: Desk) -> None:
    (desk.folder / "pacts").mkdir()
    pact(desk, "pacts/a.json")
    pact(desk, "pacts/below/b.json", provider={"name": "other"})
    declared = desk.declare({"pact": "pacts", "provider": "other"}, "http://x")
    assert len(desk.checks(declared)) == 2
    (desk.folder / "none").mkdir()
    assert "the folder 'none' has no pact" in desk.refused({"pact": "none"})


def test_interactions_of_one_name_are_told_apart(desk: Desk) -> None:
    declared = desk.declare({"pact": [pact(desk), pact(desk, "y.json")]}, "http://x")
    assert [each.slug for each in desk.checks(declared)][2:] == [
        "pact-web-a-request-for-a-resident-given-resident-7-exists-2",
        "pact-web-a-request-for-nobody-2",
    ]
