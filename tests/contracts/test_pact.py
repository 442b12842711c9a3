"""Pacts of the versions 2, 3 and 4 against a real provider: healthy, and broken in one way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import SysintError, Unreachable
from tests.contracts.http_bench import WHOLE_RUN, Answer, Desk, Server, declaring, serving
from tests.contracts.pact_bench import FOUND, HOOKS, PACTS, Provider, Verified, message


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
    found = pytester.runpytest_subprocess(*WHOLE_RUN, timeout=90)
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
