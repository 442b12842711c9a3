"""Pacts of the versions 2, 3 and 4 against a real provider: healthy, and broken in one way at a time."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pytest_sysint.core.errors import Rejected, SysintError, Unreachable
from tests.contracts.http_bench import Answer, Asked, Desk, Ran, Server, declaring, serving

PACTS = Path(__file__).parent / "pacts"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOOKS = {"provider_states": {"request": "POST /_pact/states"}, "messages_from": {"request": "POST /_pact/messages"}}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


def message(body: Any, topic: str = "residents") -> Answer:
    metadata = base64.b64encode(json.dumps({"topic": topic}).encode()).decode()
    return 200, body, {"Pact-Message-Metadata": metadata}


FOUND = {
    "id": 12, "name": "Bob", "weight": 70.5, "age": 88, "active": False, "left": None,
    "seen": "2026-02-01T08:30:00Z", "day": "2026-02-01", "hour": "08:30:00",
}  # fmt: skip


@dataclass
class Provider:
    """What the consumers expect. `changed` replaces what is answered at one place."""

    changed: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/_pact/states":
            self.states.append(asked.body)
            return self.changed.get("states") or (200, {"room": 31})
        if asked.path == "/_pact/messages":
            return self.changed.get(asked.body["description"]) or self.messages[asked.body["description"]]
        place = f"{asked.method} {asked.path}"
        if place == "GET /private":
            return (200, {}) if asked.headers.get("authorization") == "Bearer right" else (401, {})
        return self.changed.get(place) or self.answers.get(place, (404, {"error": "nothing here"}))

    messages: ClassVar[dict[str, Answer]] = {
        "a resident was admitted": message({"event": "admitted", "id": 12}),
        "a resident left": message({"event": "left", "id": 3}),
        "a question about a resident": (200, {"name": "Ada"}),
    }
    answers: ClassVar[dict[str, Answer]] = {
        "GET /residents/7": (
            200,
            {"id": 9, "name": "Ada", "born": "1930-01-31", "room": None, "notes": [{"text": "x"}, {"text": "y"}]},
        ),
        "GET /residents": (200, {"items": [FOUND], "greeting": "oh hello Bob", "kind": "page"}, {"x-total": "44"}),
        "POST /residents": (201, {"id": 4, "tags": {"a": 2, "b": 3}, "steps": ["told", "made"], "flag": False}),
        "GET /photo": (200, PNG, {"content-type": "image/png"}),
    }


@dataclass
class Verified:
    desk: Desk
    url: str

    def all(self, pact: Any = str(PACTS), hooks: Any = None, **keys: Any) -> dict[str, Ran]:
        declared = self.desk.declare({"pact": pact, **(HOOKS if hooks is None else hooks)}, self.url, **keys)
        return {check.slug: self.desk.run(check, declared) for check in self.desk.checks(declared)}

    def one(self, slug: str, hooks: Any = None, pact: Any = str(PACTS), **keys: Any) -> Ran:
        declared = self.desk.declare({"pact": pact, **(HOOKS if hooks is None else hooks)}, self.url, **keys)
        (check,) = [each for each in self.desk.checks(declared) if slug in each.slug]
        return self.desk.run(check, declared)


@pytest.fixture
def verified(desk: Desk, server: Server) -> Verified:
    server.app = Provider()
    return Verified(desk, server.url)


SLUGS = [
    "pact-audit-a-resident-was-admitted-given-resident-7-exists",
    "pact-mobile-a-search-for-residents-given-residents-of-a-room",
    "pact-portal-an-admission-given-a-free-room",
    "pact-portal-a-photo",
    "pact-portal-a-request-without-a-token",
    "pact-portal-what-is-to-come",
    "pact-portal-a-resident-left",
    "pact-portal-a-question-about-a-resident",
    "pact-web-a-request-for-a-resident-given-resident-7-exists",
    "pact-web-a-request-for-nobody",
]


def test_documents_of_each_version_hold_on_a_healthy_provider(verified: Verified, server: Server) -> None:
    ran = verified.all()
    assert list(ran) == SLUGS
    assert not {slug: each.said for slug, each in ran.items() if not each.held}
    warned = {slug for slug, each in ran.items() if each.failed}
    assert warned == {"pact-portal-what-is-to-come"}  # the consumer says that it is pending
    first = ran["pact-web-a-request-for-a-resident-given-resident-7-exists"]
    assert first.check.name == "web: a request for a resident, given resident 7 exists"
    assert first.check.title == "GET /residents/7, as web expects it"
    assert {each.name for each in first.outcome.assertions} == {"status code 200", "Content-Type", "a matching body"}
    assert first.exchanges[-1].title.endswith("GET " + server.url + "/residents/7")
    assert "total" in first.outcome.phases


def test_what_only_reads_is_a_read(desk: Desk) -> None:
    effects = {each.slug: each.effect for each in desk.checks(desk.declare({"pact": str(PACTS), **HOOKS}, "http://x"))}
    assert effects["pact-web-a-request-for-nobody"] == "read"
    assert effects["pact-web-a-request-for-a-resident-given-resident-7-exists"] == "write"  # its state is set up
    assert effects["pact-portal-a-resident-left"] == "write"
    without = {key: value for key, value in HOOKS.items() if key != "provider_states"}
    declared = desk.declare({"pact": str(PACTS), **without}, "http://x")
    effects = {each.slug: each.effect for each in desk.checks(declared)}
    assert effects["pact-web-a-request-for-a-resident-given-resident-7-exists"] == "read"
    assert effects["pact-portal-an-admission-given-a-free-room"] == "write"


def item(**changed: Any) -> Answer:
    return 200, {"items": [{**FOUND, **changed}], "greeting": "hello", "kind": "page"}, {"x-total": "1"}


def resident(**changed: Any) -> Answer:
    return 200, {**Provider.answers["GET /residents/7"][1], **changed}


def admission(**changed: Any) -> Answer:
    return 201, {**Provider.answers["POST /residents"][1], **changed}


@pytest.mark.parametrize(
    ("slug", "place", "answer", "name", "said"),
    [
        ("web-a-request-for-a", "GET /residents/7", resident(id="9"), "body $.id", "same type"),
        ("web-a-request-for-a", "GET /residents/7", resident(born="31.1.1930"), "body $.born", "to match"),
        ("web-a-request-for-a", "GET /residents/7", resident(name="Bob"), "body $.name", "Expected 'Bob'"),
        ("web-a-request-for-a", "GET /residents/7", resident(notes=[]), "body $.notes", "minimum size of 1"),
        ("web-a-request-for-a", "GET /residents/7", resident(notes=[{"text": 3}]), "body $.notes[0].text", "type"),
        ("web-a-request-for-a", "GET /residents/7", (200, {"id": 9}), "body $", "missing"),
        ("web-a-request-for-a", "GET /residents/7", (500, {}), "status", "expected 200 but was 500"),
        (
            "web-a-request-for-a",
            "GET /residents/7",
            (*resident(), {"content-type": "text/html"}),
            "headers Content-Type",
            "text/html",
        ),
        ("mobile", "GET /residents", (*item()[:2], {"x-total": "many"}), "headers X-Total", "many"),
        ("mobile", "GET /residents", item(id=1.5), "body $.items[0].id", "integer"),
        ("mobile", "GET /residents", item(weight=70), "body $.items[0].weight", "decimal"),
        ("mobile", "GET /residents", item(age="old"), "body $.items[0].age", "number"),
        ("mobile", "GET /residents", item(active="yes"), "body $.items[0].active", "type"),
        ("mobile", "GET /residents", item(left="2026"), "body $.items[0].left", "null"),
        ("mobile", "GET /residents", item(seen="yesterday"), "body $.items[0].seen", "yesterday"),
        ("mobile", "GET /residents", item(day="1.2.2026"), "body $.items[0].day", "1.2.2026"),
        ("mobile", "GET /residents", item(hour="8"), "body $.items[0].hour", "time pattern"),
        ("mobile", "GET /residents", (200, {**item()[1], "greeting": "hi"}), "body $.greeting", "hello"),
        ("mobile", "GET /residents", (200, {**item()[1], "kind": "list"}), "body $.kind", "list"),
        ("mobile", "GET /residents", (200, {**item()[1], "items": [FOUND] * 4}), "body $.items", "maximum size of 3"),
        ("an-admission", "POST /residents", (400, admission()[1]), "status", "Successful"),
        ("an-admission", "POST /residents", admission(flag="yes"), "body $.flag", "yes"),
        ("an-admission", "POST /residents", admission(tags={"A1": 2}), "body $.tags.A1", "A1"),
        ("an-admission", "POST /residents", admission(tags={"a": "two"}), "body $.tags.a", "two"),
        ("an-admission", "POST /residents", admission(steps=["told"]), "body $.steps", "Variant at index 0"),
        ("a-photo", "GET /photo", (200, b"GIF89a......", {"content-type": "image/png"}), "body $", "image/png"),
        ("for-nobody", "GET /residents/0", (200, {}), "status", "expected 404 but was 200"),
        ("was-admitted", "a resident was admitted", message({"event": "admitted", "id": "x"}), "body $.id", "integer"),
        ("was-admitted", "a resident was admitted", message({"event": "left", "id": 1}), "body $.event", "left"),
        (
            "was-admitted",
            "a resident was admitted",
            message({"event": "admitted", "id": 1}, "rooms"),
            "metadata topic",
            "rooms",
        ),
        ("a-resident-left", "a resident left", (404, {}), "message", "gave 404"),
        ("a-question", "a question about a resident", (200, {"name": "Bob"}), "body $.name", "Bob"),
    ],
)
def test_a_provider_that_is_broken(
    verified: Verified, server: Server, slug: str, place: str, answer: Answer, name: str, said: str
) -> None:
    server.app = Provider({place: answer})
    ran = verified.one(slug)
    assert not ran.held
    found = {each.name: each.message for each in ran.failed}
    assert name in found, found
    assert said in found[name]
    assert "curl" in ran.outcome.reproduce


def test_a_pending_interaction_may_fail(verified: Verified) -> None:
    ran = verified.one("what-is-to-come")
    assert ran.held
    assert [each.severity for each in ran.failed] == ["warn"]
    assert "expected 200 but was 404" in ran.said


def test_the_integration_authenticates(verified: Verified, server: Server) -> None:
    auth = {"auth": {"bearer": "right"}, "headers": {"X-Tenant": "oakwood"}}
    assert verified.one("an-admission", **auth).held
    sent = server.seen[-1].headers
    assert (sent["authorization"], sent["x-tenant"]) == ("Bearer right", "oakwood")
    assert server.seen[0].headers["authorization"] == "Bearer right"  # the hook too
    # Who expects to be refused is refused: with the credentials of the pact.
    assert verified.one("without-a-token", **auth).held
    assert server.seen[-1].headers["authorization"] == "Bearer expired"


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


@pytest.fixture
def closed() -> str:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_provider_that_is_not_there_is_a_connection_error(desk: Desk, closed: str) -> None:
    with pytest.raises(Unreachable) as caught:
        Verified(desk, closed).one("for-nobody")
    assert caught.value.transient
    assert f"curl -sS -i {closed}/residents/0" in caught.value.partial.reproduce


def test_neither_a_proxy_nor_anybody_else_hears_of_it(verified: Verified, closed: str, monkeypatch: Any) -> None:
    from pytest_sysint.contracts._pact.relay import _environment

    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, closed)
    assert verified.one("for-nobody").held
    given = _environment()
    assert given["PACT_DO_NOT_TRACK"] == "true"
    assert not [name for name in given if name.lower() in ("http_proxy", "https_proxy", "all_proxy")]


def test_only_the_verifier_may_use_the_relay(verified: Verified) -> None:
    from pytest_sysint.contracts._pact.relay import Reply, _Relay

    asked: list[Any] = []

    def answer(one: Any) -> Reply:
        asked.append(one)
        return Reply(200)

    with _Relay(answer) as relay:
        for target in ("/provider/residents", "/guess/provider/residents", "/", "", f"/{relay.token}/elsewhere"):
            assert relay.reply("GET", target, {}, b"").status == 404
        assert not asked
        assert relay.reply("GET", f"/{relay.token}/provider/residents?a=1", {}, b"").status == 200
    assert asked[0].target == "/residents?a=1"


def test_a_verifier_that_breaks_is_said(monkeypatch: Any, tmp_path: Path) -> None:
    from pytest_sysint.contracts._pact import relay

    program = tmp_path / "broken.py"
    program.write_text("raise SystemExit('cannot go on')")
    monkeypatch.setattr(relay, "_PROGRAM", program)
    with pytest.raises(SysintError, match="the Pact verifier broke: cannot go on"):
        relay.verify(relay.Task("p", {}, False, False, 1.0, 1.0), lambda asked: relay.Reply(200))


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


RUN = """sysint: 1
environments: {{local: {{allow: [read, write]}}}}
integrations:
  care:
    type: rest
    url: {url}
    contract:
      pact: {pacts}
      provider_states: {{request: POST /_pact/states}}
      messages_from: {{request: POST /_pact/messages}}
"""


@pytest.mark.parametrize("broken", [False, True])
def test_a_whole_run_shows_the_mismatch_and_a_command(server: Server, pytester: pytest.Pytester, broken: bool) -> None:
    provider = Provider({"GET /residents/7": resident(id="9", secret="x")} if broken else {})
    server.app = lambda asked: (200, {}) if asked.path == "/" else provider(asked)
    pytester.makefile(".yaml", sysint=RUN.format(url=server.url, pacts=PACTS))
    options = ("--sysint", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    found = pytester.runpytest_subprocess(*options, timeout=90)
    found.assert_outcomes(passed=10 if broken else 11, failed=1 if broken else 0)
    assert "Verifying a pact" not in found.stdout.str()  # what the verifier prints itself is not masked
    if broken:
        found.stdout.fnmatch_lines(
            [
                "*check  contract: web: a request for a resident, given resident 7 exists",
                "*ok * it has status code 200",
                "*FAIL * body $.id: Expected '9' (String) to be the same type as 7 (Integer)",
                f"*try * curl * {server.url}/residents/7",
            ]
        )
