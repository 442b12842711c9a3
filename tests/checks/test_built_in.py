"""Checks that types bring along: each passes on a healthy simulator, and fails on one that is broken in its way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.checks._operation import holds
from pytest_sysint.core.built_in import BuiltIn, Findings
from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError, Mistakes, Rejected, Unavailable
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.integrations import _patience
from pytest_sysint.integrations.nhs_pds import Pds
from pytest_sysint.simulators import cqc, nhs_pds

SERVED: dict[str, Callable[..., AbstractContextManager[Any]]] = {"nhs_pds": nhs_pds.served, "cqc": cqc.served}
FAULTS = {"nhs_pds": nhs_pds.FAULTS, "cqc": cqc.FAULTS}

CAUGHT = {
    ("nhs_pds", "service-status"): ["spine_down"],
    ("nhs_pds", "ids-are-mirrored"): ["no_mirror"],
    ("nhs_pds", "a-missing-request-id-is-refused"): ["accepts_missing_request_id", "plain_errors"],
    ("nhs_pds", "a-malformed-request-id-is-refused"): ["accepts_any_request_id", "plain_errors"],
    ("nhs_pds", "a-patient-has-the-promised-shape"): ["wrong_identifier_system", "wrong_media_type", "cut"],
    ("nhs_pds", "the-etag-is-the-version"): ["etag_mismatch"],
    ("nhs_pds", "an-unknown-patient-is-told-as-an-outcome"): ["plain_errors"],
    ("nhs_pds", "an-invalid-number-is-refused"): ["accepts_invalid_number", "plain_errors"],
    ("nhs_pds", "a-restricted-patient-shows-no-address"): ["restricted_leaks_address"],
    ("nhs_pds", "a-superseded-number-leads-to-the-current-one"): ["superseded_not_told"],
    ("nhs_pds", "related-people-are-those-of-the-patient"): ["related_of_another"],
    ("nhs_pds", "a-search-finds-the-one"): ["wrong_total"],
    ("nhs_pds", "search-results-are-ordered-by-score"): ["unordered"],
    ("nhs_pds", "too-many-matches-are-no-success"): ["too_many_as_bundle"],
    ("nhs_pds", "an-application-may-ask-for-one-result-only"): ["many_results_allowed"],
    ("nhs_pds", "a-token-is-given-and-tells-its-life"): ["expires_in_missing"],
    ("nhs_pds", "an-expired-assertion-is-refused"): ["expired_accepted"],
    ("nhs_pds", "an-unknown-key-is-refused"): ["unknown_key_accepted"],
    ("nhs_pds", "malformed-assertions-are-refused"): ["signature_ignored", "audience_ignored"],
    ("nhs_pds", "an-assertion-is-good-for-once"): ["replay_accepted"],
    ("nhs_pds", "no-token-is-no-access"): ["open_without_token", "plain_errors"],
    ("nhs_pds", "a-wrong-token-is-no-access"): ["any_token_accepted"],
    ("nhs_pds", "an-update-needs-a-precondition"): ["no_precondition"],
    ("nhs_pds", "a-stale-update-conflicts"): ["stale_accepted"],
    ("nhs_pds", "an-application-changes-nothing"): ["updates_open"],
    ("nhs_pds", "too-many-requests-are-waited-for"): ["throttled_in_plain_text"],
    ("nhs_pds", "an-unavailable-service-is-waited-for"): ["no_retry_after"],
    ("cqc", "a-page-tells-its-place"): ["wrong_total_pages"],
    ("cqc", "pages-hold-every-item-once"): ["duplicate_page", "lost_item", "wrong_total", "endless_pages"],
    ("cqc", "ids-have-their-form"): ["bad_ids"],
    ("cqc", "a-location-has-the-promised-shape"): ["wrong_location", "beds_as_text", "malformed"],
    ("cqc", "ratings-are-of-the-known-words"): ["new_rating"],
    ("cqc", "a-provider-names-its-locations"): ["orphaned_location"],
    ("cqc", "names-of-people-stay-out-of-the-evidence"): ["contact_in_name"],
    ("cqc", "no-key-is-no-access"): ["open_without_key", "unexplained_401"],
    ("cqc", "a-wrong-key-is-no-access"): ["any_key_accepted", "key_echoed", "unexplained_401"],
    ("cqc", "the-secondary-key-is-as-good"): ["secondary_refused"],
    ("cqc", "a-refused-primary-key-is-replaced"): ["secondary_refused"],
    ("cqc", "changes-follow-window-by-window"): ["changes_gap", "changes_malformed"],
    ("cqc", "the-rate-limit-is-waited-for"): ["no_retry_after"],
}  # fmt: skip
"""(type, check) -> the faults that it must catch."""

WARNED = {"beds_as_text", "new_rating"}
"""Faults that a client must live with: a warning."""

TOLERATED = {"changes_as_objects", "no_changes_as_404", "primary_refused"}
"""What is no fault of the service, or is made up for by the client."""


@pytest.fixture(scope="module")
def simulators() -> Iterator[dict[str, Any]]:
    with nhs_pds.served() as pds, cqc.served() as register:
        yield {"nhs_pds": pds, "cqc": register}


@pytest.fixture
def simulated(simulators: dict[str, Any]) -> Iterator[Callable[[str], Any]]:
    yield simulators.__getitem__
    for each in simulators.values():
        each.simulator.clear()
        each.simulator._spent.clear()


def run(bench: Any, type_name: str, url: str, slug: str, **settings: Any) -> Outcome:
    """One built-in check; a conversation that went wrong is a failure."""
    declared = bench.declare(type_name, {"url": url, **settings})
    found = {check.slug: check for kind in ("health", "contract") for check in kinds().get(kind).checks(declared)}
    return bench.run(found[slug], declared)


def verdict(bench: Any, *arguments: Any, **settings: Any) -> str:
    try:
        outcome = run(bench, *arguments, **settings)
    except CallError:
        return "failed"
    if not holds(outcome.assertions):
        assert outcome.reproduce.startswith("curl ")
        return "failed"
    return "degraded" if any(item.status == "failed" for item in outcome.assertions) else "passed"


@pytest.mark.parametrize(("type_name", "slug"), CAUGHT)
def test_each_passes_on_a_healthy_simulator(bench, simulated, type_name: str, slug: str) -> None:
    outcome = run(bench, type_name, simulated(type_name).url, slug)
    assert outcome.assertions
    assert [item.message for item in outcome.assertions if item.status == "failed"] == []


@pytest.mark.parametrize(
    ("type_name", "slug", "fault"), [(*check, fault) for check, faults in CAUGHT.items() for fault in faults]
)
def test_each_fails_on_the_fault_that_it_is_for(bench, simulated, type_name: str, slug: str, fault: str) -> None:
    handle = simulated(type_name)
    handle.simulator.fault(fault)
    expected = "degraded" if fault in WARNED else "failed"
    assert verdict(bench, type_name, handle.url, slug) == expected


def test_no_check_and_no_fault_is_left_out() -> None:
    brought = {(name, slug) for name in SERVED for slug in _slugs(name)}
    assert brought == set(CAUGHT)
    caught = {(name, fault) for (name, _), faults in CAUGHT.items() for fault in faults}
    known = {(name, fault) for name, faults in FAULTS.items() for fault in faults}
    assert {fault for _, fault in known - caught} == TOLERATED
    assert {fault for _, fault in caught - known} == {"malformed", "cut"}


def _slugs(type_name: str) -> list[str]:
    from pytest_sysint.checks._built_in import built_in_slugs

    cls = types().get(type_name)
    return [*built_in_slugs("health", cls), *built_in_slugs("contract", cls)]


@pytest.mark.parametrize("fault", ["changes_as_objects", "no_changes_as_404"])
def test_what_is_no_fault_is_tolerated(bench, simulated, fault: str) -> None:
    handle = simulated("cqc")
    handle.simulator.fault(fault)
    assert verdict(bench, "cqc", handle.url, "changes-follow-window-by-window") == "passed"


ODD: dict[str, Callable[[Any], Any]] = {
    "a list": lambda _: [1, "two"],
    "a text": lambda _: "text",
    "a map of numbers": lambda body: dict.fromkeys(body, 7),
    "a map of lists": lambda body: {name: [[1], {"code": [2], "rating": {}}] for name in body},
    "a map of odd maps": lambda body: {name: {"code": [], "security": [{"code": []}], "overall": 3} for name in body},
}


@pytest.mark.parametrize("form", ODD)
@pytest.mark.parametrize("type_name", SERVED)
def test_an_answer_of_another_form_is_judged_and_breaks_no_check(bench, simulated, monkeypatch, type_name, form):
    handle = simulated(type_name)
    real = handle.simulator.answer

    def odd(asked):
        answered = real(asked)
        is_told = isinstance(answered.body, dict) and asked.path != "/oauth2/token"
        return replace(answered, body=ODD[form](answered.body)) if is_told else answered

    monkeypatch.setattr(handle.simulator, "answer", odd)
    for slug in (slug for name, slug in CAUGHT if name == type_name and not re.search("waited|assertion", slug)):
        assert verdict(bench, type_name, handle.url, slug) in ("passed", "degraded", "failed")


def test_a_page_without_locations_proves_nothing_of_their_ids(bench) -> None:
    with cqc.served(locations=0) as handle:
        assert verdict(bench, "cqc", handle.url, "ids-have-their-form") == "failed"


def test_a_client_that_takes_a_new_request_id_for_each_try_is_caught(bench, simulated, monkeypatch) -> None:
    real = Pds._ask

    def careless(self, method, path, timeout, options, token):
        fresh = {**options, "headers": {**options["headers"], "x-request-id": self._request_id("")}}
        return real(self, method, path, timeout, fresh, token)

    monkeypatch.setattr(Pds, "_ask", careless)
    url = simulated("nhs_pds").url
    assert verdict(bench, "nhs_pds", url, "too-many-requests-are-waited-for") == "failed"
    assert verdict(bench, "nhs_pds", url, "an-unavailable-service-is-waited-for") == "failed"


def test_a_client_that_does_not_wait_is_caught(bench, simulated, monkeypatch) -> None:
    monkeypatch.setattr(_patience, "back_off", lambda _: 0.0)
    assert verdict(bench, "nhs_pds", simulated("nhs_pds").url, "too-many-requests-are-waited-for") == "failed"
    monkeypatch.setattr(_patience, "asked_to_wait", lambda _: 0.0)
    assert verdict(bench, "nhs_pds", simulated("nhs_pds").url, "an-unavailable-service-is-waited-for") == "failed"
    assert verdict(bench, "cqc", simulated("cqc").url, "the-rate-limit-is-waited-for") == "failed"


def test_a_client_that_keeps_names_is_caught(bench, simulated, monkeypatch) -> None:
    monkeypatch.setattr("pytest_sysint.integrations.cqc.without_people", lambda exchange, _: exchange)
    assert verdict(bench, "cqc", simulated("cqc").url, "names-of-people-stay-out-of-the-evidence") == "failed"


def test_a_sandbox_needs_no_key_and_what_cannot_be_tried_is_said(bench) -> None:
    reasons = {}
    with nhs_pds.served(mode="sandbox") as handle:
        for slug in _slugs("nhs_pds"):
            try:
                assert verdict(bench, "nhs_pds", handle.url, slug) == "passed", slug
            except Unavailable as error:
                reasons[slug] = error.message
    assert set(reasons) == {
        "service-status",
        "an-application-may-ask-for-one-result-only",
        "a-token-is-given-and-tells-its-life",
        "an-expired-assertion-is-refused",
        "an-unknown-key-is-refused",
        "malformed-assertions-are-refused",
        "an-assertion-is-good-for-once",
        "no-token-is-no-access",
        "an-application-changes-nothing",
    }
    assert all(reason.startswith("not testable here: declare `") for reason in reasons.values())


class Unmarked:
    """A simulator that does not say that it is one, as the real service does not."""

    def handle(self, asked):
        from pytest_sysint.simulators._app import Answered

        return Answered(404) if asked.path.startswith("/_simulator") else super().handle(asked)


@contextmanager
def real_pds() -> Iterator[tuple[Any, dict[str, str]]]:
    from pytest_sysint.integrations._pds.tokens import Key, generated_pem
    from pytest_sysint.simulators import _serve

    class Real(Unmarked, nhs_pds.Pds): ...

    key = Key("the-application", "the-kid", generated_pem())
    with _serve.served(Real(), nhs_pds.BASE) as handle:
        handle.simulator.know(key.kid, key.api_key, key.public_pem())
        yield handle, {"api_key": key.api_key, "key_id": key.kid, "private_key": key.pem, "rate": "1000/s"}


def test_a_real_service_is_not_provoked_and_not_searched(bench) -> None:
    with real_pds() as (handle, keys):
        verdicts, reasons = {}, {}
        for slug in _slugs("nhs_pds"):
            try:
                verdicts[slug] = verdict(bench, "nhs_pds", handle.url, slug, test_patient="9000000009", **keys)
            except Unavailable as error:
                reasons[slug] = error.message
    assert set(verdicts.values()) == {"passed"}
    assert {"ids-are-mirrored", "an-expired-assertion-is-refused", "an-unknown-key-is-refused"} <= set(verdicts)
    assert {slug for slug, reason in reasons.items() if "provokes a fault" in reason} == {
        "malformed-assertions-are-refused",
        "an-assertion-is-good-for-once",
        "too-many-requests-are-waited-for",
        "an-unavailable-service-is-waited-for",
    }
    assert "made-up people" in reasons["a-search-finds-the-one"]
    assert "health worker's token" in reasons["a-stale-update-conflicts"]


def test_in_production_the_test_patient_is_read_and_nothing_else_is_tried(bench) -> None:
    with real_pds() as (handle, keys):
        verdicts, reasons = {}, {}
        settings = {"environment": "prod", "test_patient": "9000000009", **keys}
        for slug in _slugs("nhs_pds"):
            try:
                verdicts[slug] = verdict(bench, "nhs_pds", handle.url, slug, **settings)
            except Unavailable as error:
                reasons[slug] = error.message
        received = handle.simulator.requests()
    refused = [each for each in received if each["status"] in (401, 403)]
    reads = [each for each in received if "/Patient" in each["path"]]
    asked = {each["path"].rpartition("/Patient/")[2] for each in reads}
    methods = {each["method"] for each in reads}
    assert set(verdicts) == {
        "service-status",
        "ids-are-mirrored",
        "a-missing-request-id-is-refused",
        "a-malformed-request-id-is-refused",
        "a-patient-has-the-promised-shape",
        "the-etag-is-the-version",
        "related-people-are-those-of-the-patient",
        "a-token-is-given-and-tells-its-life",
    }
    assert set(verdicts.values()) == {"passed"}
    assert (asked, refused, methods) == ({"9000000009", "9000000009/RelatedPerson"}, [], {"GET"})
    assert "in production no change is tried" in reasons["an-application-changes-nothing"]
    assert "in production nobody but the test patient" in reasons["an-unknown-patient-is-told-as-an-outcome"]


def test_a_real_cqc_is_not_provoked(bench) -> None:
    from pytest_sysint.simulators import _serve

    class Real(Unmarked, cqc.Cqc): ...

    with _serve.served(Real(), cqc.BASE) as handle:
        handle.simulator.know("the-primary-key")
        verdicts, reasons = {}, {}
        for slug in _slugs("cqc"):
            try:
                verdicts[slug] = verdict(bench, "cqc", handle.url, slug, subscription_key="the-primary-key")
            except Unavailable as error:
                reasons[slug] = error.message
    assert set(verdicts.values()) == {"passed"}
    assert set(reasons) == {
        "the-secondary-key-is-as-good",
        "a-refused-primary-key-is-replaced",
        "the-rate-limit-is-waited-for",
    }


def test_an_environment_that_only_reads_is_not_written_to(bench, simulated) -> None:
    declared = bench.declare("nhs_pds", {"url": simulated("nhs_pds").url})
    checks = bench.checks(declared, "contract")
    writes = {slug for slug, check in checks.items() if check.effect == "write"}
    assert writes == {"an-update-needs-a-precondition", "a-stale-update-conflicts", "an-application-changes-nothing"}
    talk = bench.talk(declared)
    talk.integration.read_only = True
    for slug in writes:
        with pytest.raises(Unavailable, match="the environment allows reading only"):
            checks[slug].run(talk)


class Tame(Integration[Any]):
    """A type with built-in checks and nothing else."""

    category = "api"
    settings_model = types().get("rest").settings_model
    operations = types().get("rest").operations

    @property
    def client(self) -> None: ...

    def rungs(self): ...


def _breaks(_context, findings: Findings) -> None:
    findings.equal("first", 1, 1)
    raise Rejected("no", code="42")


def _warns(_context, findings: Findings) -> None:
    findings.equal("colour", None, "red", severity="warn")
    findings.holds("size", True, "3 of them", expected="some")
    findings.metrics["n"] = 3


Tame.built_in = (
    BuiltIn("contract", "It breaks", _breaks),
    BuiltIn("contract", "It warns", _warns, "Says so.", effect="write"),
    BuiltIn("health", "It is far", _warns, obstacle=lambda it: "it is too far"),
)


def test_a_kind_yields_those_of_its_own(bench) -> None:
    declared = bench.declare("rest", {"url": "http://127.0.0.1:1"}, tenant="oakwood")
    object.__setattr__(declared, "cls", Tame)
    checks = bench.checks(declared, "contract")
    assert list(checks) == ["it-breaks", "it-warns"]
    check = checks["it-warns"]
    assert (check.name, check.effect, check.severity, check.description) == (
        "It warns",
        "write",
        "critical",
        "Says so.",
    )
    outcome = check.run(bench.talk(declared))
    assert outcome.metrics == {"n": 3}
    assert [(item.status, item.severity, item.tenant_id) for item in outcome.assertions] == [
        ("failed", "warn", "oakwood"),
        ("passed", "fail", "oakwood"),
    ]
    assert outcome.assertions[0].message == "colour: nothing; expected: 'red'"
    with pytest.raises(Rejected) as caught:
        checks["it-breaks"].run(bench.talk(declared))
    assert [item.name for item in caught.value.partial.assertions] == ["first"]
    with pytest.raises(Unavailable, match="not testable here: it is too far"):
        bench.checks(declared)["it-is-far"].run(bench.talk(declared))


@pytest.mark.parametrize("kind", ["health", "contract"])
def test_false_switches_those_of_a_kind_off(bench, kind: str) -> None:
    declared = bench.declare("nhs_pds", {"url": "http://127.0.0.1:1"}, **{kind: False})
    assert bench.checks(declared, kind) == {}
    assert kinds().get(kind).schema(Pds)


def test_a_declared_check_cannot_have_the_name_of_a_built_in_one() -> None:
    with pytest.raises(Mistakes, match="'service-status' is the built-in check"):
        kinds().get("health").read([{"name": "Service status", "status": "pass"}], Pds, Path())
