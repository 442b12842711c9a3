"""The type `nhs_pds` against its simulator: tokens, request ids, patience, what it tells and what it keeps."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import Denied, Garbled, Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.registry import types
from pytest_sysint.core.secrets import REDACTOR, redact
from pytest_sysint.expectations import compile_expectation
from pytest_sysint.integrations._patience import Limiter, asked_to_wait, back_off, limiter_for, persist
from pytest_sysint.integrations._pds.numbers import is_made_up, is_number
from pytest_sysint.integrations._pds.operations import Patient, RelatedPersons, Request, Search, Status
from pytest_sysint.integrations._pds.tokens import Key, generated_pem, life_of, make_pem
from pytest_sysint.integrations.nhs_pds import URLS, Pds, Settings
from pytest_sysint.simulators import _serve, nhs_pds
from pytest_sysint.simulators._app import Answered

KEY = Key("the-api-key", "the-kid", generated_pem())
DECLARED = {"api_key": KEY.api_key, "key_id": KEY.kid, "private_key": KEY.pem}
JANE, JANET, NOBODY = "9000000009", "9000000025", "9111231130"


@pytest.fixture(scope="module")
def handle() -> Iterator[Any]:
    with nhs_pds.served() as found:
        yield found


@pytest.fixture
def simulator(handle) -> Iterator[nhs_pds.Pds]:
    yield handle.simulator
    handle.simulator.clear()
    handle.simulator._spent.clear()
    handle.simulator.tokens.given.clear()


@pytest.fixture
def pds(handle, simulator) -> Iterator[Any]:
    made = []

    def make(url: str = handle.url, **settings: Any) -> Pds:
        made.append(Pds(Settings.model_validate({"url": url, **settings})))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Unmarked(nhs_pds.Pds):
    """One that does not say that it is a simulator, as the real service does not."""

    def handle(self, asked):
        return Answered(404) if asked.path.startswith("/_simulator") else super().handle(asked)


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    with _serve.served(Unmarked(), nhs_pds.BASE) as found:
        found.simulator.know(KEY.kid, KEY.api_key, KEY.public_pem())
        yield found


def token_requests(simulator: nhs_pds.Pds) -> list[dict[str, Any]]:
    return [each for each in simulator.requests() if each["path"] == "/oauth2/token"]


def judged(operation: Any, integration: Pds) -> dict[str, str]:
    """What the default expectation says of an operation: subject -> verdict."""
    seen = operation.perform(integration, 5)
    found = compile_expectation(operation.default_expect()).judge(seen, "shared")
    return {item.name: item.status if item.severity == "fail" else f"{item.severity} {item.status}" for item in found}


def test_it_is_registered():
    assert types().get("nhs_pds") is Pds
    assert Pds.category == "external_service"


@pytest.mark.parametrize("environment", URLS)
def test_an_environment_gives_the_url(environment):
    settings = Settings.model_validate({"environment": environment, **DECLARED})
    assert settings.url == URLS[environment]
    elsewhere = Settings.model_validate(
        {"environment": environment, "url": "https://gateway.example.org/pds", **DECLARED}
    )
    assert elsewhere.url == "https://gateway.example.org/pds"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"environment": "int"}, "PDS int needs api_key, key_id and private_key"),
        ({"environment": "prod", "api_key": "x"}, "PDS prod needs"),
        ({"environment": "live"}, "sandbox"),
        ({"private_key": "x"}, "private_key belongs to an api_key and a key_id"),
    ],
)
def test_settings_that_do_not_fit_are_refused(raw, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(raw)


def test_a_sandbox_and_a_token_of_ones_own_need_no_key():
    assert Settings.model_validate({"environment": "sandbox"}).url == URLS["sandbox"]
    assert Settings.model_validate({"environment": "int", "auth": {"bearer": "a-token"}}).url == URLS["int"]


def test_the_ladder_holds_with_a_key_pair_of_its_own(pds):
    seen = {rung.name: rung.climb(5) for rung in pds().rungs()}
    assert list(seen) == ["dns", "tcp", "authentication", "ping"]
    assert (seen["authentication"], seen["ping"]) == ("a token was given", "PDS simulator")


def test_the_ladder_holds_with_a_declared_key_and_on_the_open_sandbox(pds, real):
    seen = {rung.name: rung.climb(5) for rung in pds(real.url, **DECLARED).rungs()}
    assert seen["authentication"] == "a token was given"
    with nhs_pds.served(mode="sandbox") as sandbox:
        seen = {rung.name: rung.climb(5) for rung in pds(sandbox.url).rungs()}
    assert seen["authentication"] == "open: no token is needed"


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"key_id": "another-kid"}, "check `key_id`"),
        ({"api_key": "another-api-key"}, "check `api_key`"),
        ({"private_key": "{another}"}, "check `private_key`"),
        ({"token_url": "{origin}/oauth2/token/"}, ""),
    ],
)
def test_a_key_that_is_refused_is_said_with_what_to_check(pds, real, change, hint):
    change = {name: value.replace("{origin}", real.origin) for name, value in change.items()}
    if "private_key" in change:
        change = {"private_key": make_pem()}
    integration = pds(real.url, **{**DECLARED, **change})
    with pytest.raises((Denied, Rejected)) as caught:
        integration.request("GET", f"/Patient/{JANE}", timeout=5)
    assert caught.value.rung == "authentication"
    assert hint in caught.value.hint
    assert KEY.pem.splitlines()[3] not in str(caught.value)


@pytest.mark.parametrize("text", ["no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_private_key_that_is_none_is_said_without_showing_it(pds, real, text):
    integration = pds(real.url, **{**DECLARED, "private_key": text})
    with pytest.raises(Denied, match="`private_key`") as caught:
        integration.request("GET", f"/Patient/{JANE}", timeout=5)
    assert "AAAA" not in str(caught.value)


def test_a_private_key_may_be_a_file_or_have_its_line_breaks_written_out(pds, real, tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(KEY.pem)
    for text in (str(file), KEY.pem.replace("\n", "\\n")):
        integration = pds(real.url, **{**DECLARED, "private_key": text})
        assert integration.request("GET", f"/Patient/{JANE}", timeout=5).facts["status"] == 200


def test_many_threads_share_one_token(pds, simulator):
    integration, seen = pds(), []
    threads = [
        threading.Thread(target=lambda: seen.append(integration.request("GET", f"/Patient/{JANE}", timeout=5)))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.facts["status"] for each in seen} == {200}
    assert len(seen) == 12
    assert len(token_requests(simulator)) == 1


def test_a_token_is_renewed_ahead_of_its_end(pds, simulator):
    integration = pds()
    first = integration.tokens.get(5)
    assert integration.tokens.get(5) == first
    left = integration.tokens._until - time.monotonic()
    assert 590 < left <= 599
    assert integration.tokens._until - integration.tokens._renew_at == 60
    integration.tokens._renew_at = time.monotonic()
    assert integration.tokens.get(5) != first


def test_the_old_token_serves_while_another_thread_renews_it(pds):
    tokens = pds().tokens
    first = tokens.get(5)
    tokens._renew_at = time.monotonic()
    with tokens._lock:
        assert tokens.get(5) == first


def test_nobody_waits_longer_for_a_token_than_it_may(pds, simulator):
    tokens = pds().tokens
    with tokens._lock, pytest.raises(TimedOut, match=r"gave no token within 0\.05s to another check"):
        tokens.get(0.05)
    assert tokens.get(5)


def test_a_token_that_was_taken_back_is_replaced_once(pds, simulator):
    integration = pds()
    integration.tokens.get(5)
    simulator.tokens.given.clear()
    assert integration.request("GET", f"/Patient/{JANE}", timeout=5).facts["status"] == 200
    assert len(token_requests(simulator)) == 2
    simulator.mode = "application"


@pytest.mark.parametrize(
    ("told", "life"), [({"expires_in": "599"}, 599), ({"expires_in": 60}, 60), ({}, 300), ({"expires_in": "soon"}, 300)]
)
def test_the_life_of_a_token_is_read_as_a_text_too(told, life):
    assert life_of(told) == life


def test_busy_token_endpoint_is_waited_for_and_a_broken_one_is_said(pds, simulator):
    simulator.fault("429", times=1, path="/oauth2/token")
    integration = pds()
    assert integration.request("GET", f"/Patient/{JANE}", timeout=5).facts["status"] == 200
    simulator.fault("500", path="/oauth2/token")
    integration.tokens._renew_at = 0
    with pytest.raises(Rejected, match="gave no token: status 500"):
        integration.tokens.get(5)
    simulator.faults.clear()
    simulator.fault("malformed", path="/oauth2/token")
    with pytest.raises(Garbled):
        integration.tokens.get(5)


def test_ids_are_made_for_each_request(pds, simulator):
    integration = pds()
    for _ in range(2):
        integration.request("GET", f"/Patient/{JANE}", timeout=5)
    reads = [each for each in simulator.requests() if "Patient" in each["path"]]
    assert len({each["headers"]["x-request-id"] for each in reads}) == 2
    assert len({each["headers"]["x-correlation-id"] for each in reads}) == 2


def test_ids_can_be_given_and_left_out(pds, simulator):
    integration = pds(ods="X26", session_urid="555254240100")
    given = "60e0b220-8136-4ca5-ae46-1d97ef59d068"
    integration.request("GET", f"/Patient/{JANE}", timeout=5, headers={"X-Request-ID": given})
    seen = integration.request("GET", f"/Patient/{JANE}", timeout=5, headers={"X-Request-ID": ""})
    first, second = [each["headers"] for each in simulator.requests() if "Patient" in each["path"]]
    assert first["x-request-id"] == given
    assert (first["nhsd-end-user-organisation-ods"], first["nhsd-session-urid"]) == ("X26", "555254240100")
    assert "x-request-id" not in second
    assert (seen.facts["status"], seen.facts["outcome"]) == (400, "MISSING_VALUE")


def test_503_is_waited_for_as_long_as_it_says_with_the_same_id(pds, simulator):
    simulator.fault("503", times=2, path="Patient", values={"retry_after": 0})
    seen = pds().request("GET", f"/Patient/{JANE}", timeout=5)
    reads = [each for each in simulator.requests() if "Patient" in each["path"]]
    assert (seen.facts["status"], seen.facts["retries"], len(reads)) == (200, 2, 3)
    assert len({each["headers"]["x-request-id"] for each in reads}) == 1


def test_a_wait_that_is_too_long_is_left_to_the_engine_which_keeps_the_id(pds, simulator):
    simulator.fault("503", times=1, path="Patient", values={"retry_after": 30})
    integration = pds()
    seen = integration.request("GET", f"/Patient/{JANE}", timeout=2)
    assert (seen.facts["status"], seen.facts["outcome"]) == (503, "SERVICE_UNAVAILABLE")
    assert seen.facts["headers"]["retry-after"] == "30"
    integration.request("GET", f"/Patient/{JANE}", timeout=2)
    integration.request("GET", f"/Patient/{JANE}", timeout=2)
    ids = [each["headers"]["x-request-id"] for each in simulator.requests() if "Patient" in each["path"]]
    assert ids[0] == ids[1] != ids[2]


def test_no_answer_keeps_the_id_for_the_same_request_only(pds, simulator):
    simulator.fault("slow", times=1, path="Patient", values={"seconds": 1})
    integration = pds()
    integration.tokens.get(5)
    with pytest.raises(TimedOut):
        integration.request("GET", f"/Patient/{JANE}", timeout=0.2)
    integration.request("GET", f"/Patient/{JANET}", timeout=5)
    simulator.fault("slow", times=1, path="Patient", values={"seconds": 1})
    with pytest.raises(TimedOut):
        integration.request("GET", f"/Patient/{JANE}", timeout=0.2)
    integration.request("GET", f"/Patient/{JANE}", timeout=5)
    ids = [each["headers"]["x-request-id"] for each in simulator.requests() if "Patient" in each["path"]]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 3


def test_patience_ends_with_the_time():
    def busy(left: float) -> Observation:
        return Observation(None, {"status": 429, "headers": {}})

    waits: list[float] = []
    seen = persist(busy, 10, None, waits.append)
    pauses = [each for each in waits if each]
    assert seen.facts["retries"] == len(pauses)
    assert sum(pauses) == pytest.approx(seen.facts["waited"])
    assert seen.facts["waited"] < 10
    assert len(set(pauses)) == len(pauses)


def test_back_off_grows_and_is_never_quite_the_same():
    assert all(0.25 <= back_off(0) <= 0.5 and 1 <= back_off(2) <= 2 and 4 <= back_off(20) <= 8 for _ in range(50))
    assert len({back_off(3) for _ in range(10)}) == 10


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-1", None)],
)
def test_retry_after_is_read(text, seconds):
    assert asked_to_wait({"retry-after": text} if text else {}) == seconds


def test_the_rate_of_an_application_is_kept_by_all_who_share_it(pds, real):
    limiter = Limiter(5)
    waits = [limiter.turn() for _ in range(7)]
    assert waits[:5] == [0, 0, 0, 0, 0]
    assert 0.1 < waits[5] <= 0.2
    assert 0.3 < waits[6] <= 0.4
    assert limiter_for("here", "a", 5) is limiter_for("here", "a", 5)
    assert limiter_for("here", "a", 5) is not limiter_for("here", "b", 5)
    assert pds(real.url, **DECLARED).limiter is pds(real.url, **DECLARED).limiter
    assert pds(real.url, **DECLARED).limiter.per_second == 5
    assert pds().limiter is None
    assert pds(rate="2/s").limiter.per_second == 2


def test_a_patient_is_read_and_told(pds):
    integration = pds()
    seen = Patient(patient=JANE).perform(integration, 5)
    assert seen.payload["id"] == JANE
    assert (seen.facts["outcome"], seen.facts["etag"], seen.facts["version"]) == (None, 'W/"2"', "2")
    assert judged(Patient(patient=JANE), integration) == {
        "status": "passed", "outcome": "passed", "superseded_by": "warn passed",
    }  # fmt: skip
    assert judged(Patient(patient=NOBODY), integration)["status"] == "failed"


def test_a_superseded_number_is_told_as_a_warning(pds):
    assert Patient(patient="9990000026").perform(pds(), 5).facts["superseded_by"] == "9990000018"
    assert judged(Patient(patient="9990000026"), pds())["superseded_by"] == "warn failed"


def test_a_search_tells_its_total_and_too_many_is_no_success(pds, simulator):
    one = Search(search={"family": "Smith", "gender": "female", "birthdate": "2010-10-22"})
    assert one.perform(pds(), 5).facts["total"] == 1
    assert simulator.requests()[-1]["query"]["birthdate"] == "eq2010-10-22"
    many = Search(search={"family": "Sm*", "birthdate": ["ge2010-01-01", "le2011-01-01"]})
    seen = many.perform(pds(), 5)
    assert (seen.facts["status"], seen.facts["outcome"], seen.facts["total"]) == (200, "TOO_MANY_MATCHES", None)
    assert judged(many, pds()) == {"status": "passed", "outcome": "failed"}
    assert judged(one, pds()) == {"status": "passed", "outcome": "passed"}


def test_an_outcome_without_a_known_code_is_no_success_either():
    from pytest_sysint.integrations._pds.outcomes import facts_of

    bare = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}, "noise"]}
    assert facts_of(bare, 200, {}, "")["outcome"] == "OperationOutcome"
    assert facts_of(bare, 404, {}, "")["outcome"] == "OperationOutcome"
    assert facts_of([1], 200, {}, "")["outcome"] is None
    assert facts_of({"meta": 3, "issue": 4}, 200, {}, "")["version"] is None


def test_related_people_status_and_requests(pds, simulator):
    integration = pds()
    assert RelatedPersons(related_persons=JANE).perform(integration, 5).facts["total"] == 2
    assert judged(Status(status="pass"), integration) == {"status": "passed", "$.status": "passed"}
    simulator.fault("spine_down")
    assert judged(Status(status="pass"), integration)["$.status"] == "failed"
    assert judged(Request(request=f"GET /Patient/{NOBODY}"), integration)["status"] == "failed"


def test_numbers():
    assert [is_number(text) for text in (JANE, NOBODY, "9000000000", "900000000", "٩000000009")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert is_made_up("9990000018")
    assert not is_made_up("9434765919")
    for text in ("900000000", "٩000000009"):
        with pytest.raises(ValidationError, match="ten digits"):
            Patient(patient=text)


def test_a_number_that_may_be_somebodys_is_in_no_title():
    assert Patient(patient=JANE).title() == "patient 9000000009"
    assert Patient(patient="9434765919").title() == "patient ***"
    assert Request(request="GET /Patient/9434765919").title() == "GET /Patient/***"
    assert Request(request="GET /Patient?family=Private&_history").title() == "GET /Patient by family, _history"
    assert Search(search={"family": "Private"}).title() == "search by family"


def test_on_a_real_service_nobody_is_shown(pds, real):
    real.simulator.people["9434765919"] = {**real.simulator.people[JANE], "id": "9434765919"}
    integration = pds(real.url, **DECLARED, rate="1000/s")
    seen = integration.request("GET", "/Patient/9434765919", timeout=5)
    evidence = seen.exchange.title + seen.exchange.sent + seen.exchange.received
    assert seen.payload["name"][0]["family"] == "Smith"
    assert "Smith" not in evidence
    assert "Patient; not shown" in evidence
    for text in ("9434765919", "Smith", "LS1 6AE", "2010-10-22", "1 Example Square", "01632960587"):
        assert text not in redact(f"{evidence} {json.dumps(seen.payload)}")
    found = integration.request("GET", "/Patient", timeout=5, query={"family": "Hidden", "birthdate": "eq1961-02-28"})
    assert "Hidden" not in redact(found.exchange.sent)
    assert "1961-02-28" not in redact(found.exchange.sent)
    found = integration.request("GET", "/Patient?family=Unheard&birthdate=eq1901-02-03", timeout=5)
    assert found.facts["total"] == 0
    for text in ("Unheard", "1901-02-03"):
        assert text not in redact(f"{found.exchange.title} {found.exchange.sent}")
    refused = integration.request("GET", f"/Patient/{NOBODY}", timeout=5)
    assert "RESOURCE_NOT_FOUND" in refused.exchange.received


def test_no_secret_is_in_what_is_kept(pds, real):
    integration = pds(real.url, **DECLARED, rate="1000/s")
    seen = integration.request("GET", f"/Patient/{JANE}", timeout=5)
    token = integration.tokens.get(5)
    evidence = seen.exchange.sent + seen.exchange.received + integration.curl("GET", f"/Patient/{JANE}", {})
    assert token not in evidence
    assert {token, KEY.api_key, KEY.pem} <= set(REDACTOR.known())
    assert "$TOKEN" in integration.reproduce()
    assert "$TOKEN" not in pds(environment="sandbox", url=real.url).reproduce()


def test_the_native_client_is_ready_to_use(pds, simulator):
    integration = pds()
    for _ in range(2):
        assert integration.client.get(f"/Patient/{JANE}").json()["id"] == JANE
    assert integration.client.get(f"/Patient/{JANE}", headers={"Authorization": "Bearer no"}).status_code == 401


def test_a_declared_token_is_used_as_it_is(pds, simulator):
    worker = simulator.tokens.issue("", is_user=True)
    integration = pds(auth={"bearer": worker})
    assert integration.tokens is None
    assert [rung.climb(5) for rung in integration.rungs() if rung.name == "authentication"] == ["a token is declared"]
    assert integration.request("GET", f"/Patient/{JANE}", timeout=5).facts["status"] == 200


def test_something_else_behind_the_url_is_said(pds, handle, dead_port):
    wrong = pds(handle.origin + "/elsewhere", **DECLARED, token_url=f"{handle.origin}/oauth2/token")
    with pytest.raises(Rejected, match=r"/_ping at .* says 404 and no version"):
        [rung.climb(5) for rung in wrong.rungs()]
    absent = pds(f"http://127.0.0.1:{dead_port}")
    with pytest.raises(Unreachable):
        absent.request("GET", f"/Patient/{JANE}", timeout=2)
