"""The type `cqc` against its simulator: keys, pages, windows, patience, what it keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import Denied, Garbled, Rejected
from pytest_sysint.core.registry import types
from pytest_sysint.core.secrets import REDACTOR
from pytest_sysint.expectations import compile_expectation
from pytest_sysint.integrations import cqc as cqc_module
from pytest_sysint.integrations._cqc.operations import (
    Changes,
    Location,
    Locations,
    Provider,
    Providers,
    Window,
    instant,
)
from pytest_sysint.integrations.cqc import URL, Cqc, Settings
from pytest_sysint.simulators import cqc as simulated

KEYS = {"subscription_key": "the-primary-key", "secondary_key": "the-secondary-key"}


@pytest.fixture(scope="module")
def handle() -> Iterator[Any]:
    with simulated.served() as found:
        yield found


@pytest.fixture
def simulator(handle) -> Iterator[simulated.Cqc]:
    yield handle.simulator
    handle.simulator.clear()


@pytest.fixture
def cqc(handle, simulator) -> Iterator[Any]:
    made = []

    def make(url: str = handle.url, **settings: Any) -> Cqc:
        made.append(Cqc(Settings.model_validate({"url": url, **settings})))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_it_is_registered():
    assert types().get("cqc") is Cqc
    assert Cqc.category == "external_service"


def test_the_environment_gives_the_url():
    assert Settings.model_validate({"environment": "prod", **KEYS}).url == URL
    assert Settings.model_validate({"environment": "prod", "url": "https://proxy.example.org", **KEYS}).url.endswith(
        ".org"
    )


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"environment": "prod"}, "needs a subscription_key"),
        ({"secondary_key": "x"}, "comes beside a subscription_key"),
        ({"environment": "int"}, "prod"),
    ],
)
def test_settings_that_do_not_fit_are_refused(raw, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(raw)


def test_the_ladder_holds(cqc):
    seen = {rung.name: rung.climb(5) for rung in cqc().rungs()}
    assert list(seen) == ["dns", "tcp", "authentication", "read"]
    assert (seen["authentication"], seen["read"]) == ("the key is accepted", "25 locations")


def test_refused_keys_are_said_without_showing_them(cqc, simulator):
    integration = cqc(**KEYS)
    simulator.fault("primary_refused")
    simulator.fault("secondary_refused")
    with pytest.raises(Denied, match="refused the subscription keys: status 401") as caught:
        [rung.climb(5) for rung in integration.rungs()]
    assert "the-primary-key" not in str(caught.value)


def test_the_secondary_key_takes_over_and_is_kept(cqc, simulator):
    simulator.fault("primary_refused")
    integration = cqc(**KEYS)
    assert integration.request("GET", "/inspection-areas", timeout=5).facts["key"] == "secondary"
    assert [rung.climb(5) for rung in integration.rungs() if rung.name == "authentication"] == [
        "the secondary key is accepted; the primary one is refused"
    ]
    assert [each["status"] for each in simulator.requests()] == [401, 200, 200]


def test_when_both_are_refused_both_are_tried_again(cqc, simulator):
    integration = cqc(**KEYS)
    simulator.fault("primary_refused", times=2)
    simulator.fault("secondary_refused", times=1)
    assert integration.request("GET", "/inspection-areas", timeout=5).facts["status"] == 401
    assert integration.request("GET", "/inspection-areas", timeout=5).facts["key"] == "secondary"


def test_a_key_is_never_in_what_is_kept(cqc):
    integration = cqc(**KEYS)
    seen = integration.request("GET", "/locations", timeout=5)
    evidence = seen.exchange.sent + seen.exchange.received + integration.reproduce()
    assert "the-primary-key" not in evidence
    assert "$OCP_APIM_SUBSCRIPTION_KEY" in integration.reproduce()
    assert {"the-primary-key", "the-secondary-key"} <= set(REDACTOR.known())


def test_all_pages_are_one_payload(cqc, simulator):
    seen = Locations(locations={}, per_page=10).perform(cqc(), 5)
    assert (seen.facts["count"], seen.facts["total"], seen.facts["pages"]) == (25, 25, 3)
    assert len({item["locationId"] for item in seen.payload}) == 25
    assert len([each for each in simulator.requests() if each["path"].endswith("/locations")]) == 3
    few = Locations(locations={"careHome": "Y"}, per_page=5, pages=2).perform(cqc(), 5)
    assert (few.facts["count"], few.facts["total"], few.facts["pages"]) == (10, 13, 2)
    assert Providers(providers={}).perform(cqc(), 5).facts["count"] == 3


def test_a_list_without_end_is_said(cqc, simulator, monkeypatch):
    monkeypatch.setattr(cqc_module, "_MOST_PAGES", 2)
    with pytest.raises(Garbled, match="/locations has no end: 2 pages"):
        Locations(locations={}, per_page=1).perform(cqc(), 5)


def test_one_is_read(cqc):
    seen = Location(location="1-201000001").perform(cqc(), 5)
    assert seen.payload["providerId"] == "1-101000001"
    owner = Provider(provider="1-101000001").perform(cqc(), 5)
    assert "1-201000001" in owner.payload["locationIds"]
    missing = Location(location="1-1").perform(cqc(), 5)
    (verdict,) = compile_expectation(Location(location="1-1").default_expect()).judge(missing, "shared")
    assert (missing.facts["status"], verdict.status) == (404, "failed")


@pytest.mark.parametrize("fault", ["", "changes_as_objects", "no_changes_as_404"])
def test_changes_come_window_by_window_in_either_form(cqc, simulator, fault):
    if fault:
        simulator.fault(fault)
    window = Window(of="location", since="2026-01-01", until="2026-01-04")
    seen = Changes(changes=window).perform(cqc(), 5)
    assert (seen.facts["status"], seen.facts["count"], seen.facts["windows"]) == (200, 25, 3)
    assert len(set(seen.payload)) == 25
    asked = [each["query"] for each in simulator.requests() if "/changes/" in each["path"]]
    assert [each["endTimestamp"] for each in asked[:-1]] == [each["startTimestamp"] for each in asked[1:]]


def test_changes_that_are_nothing_known_are_said_and_errors_are_passed_on(cqc, simulator):
    window = Window(of="location", since="2026-01-01", until="2026-01-02")
    simulator.fault("changes_malformed")
    with pytest.raises(Garbled, match="neither an id nor an object with locationId"):
        Changes(changes=window).perform(cqc(), 5)
    simulator.faults.clear()
    simulator.fault("500", path="/changes/")
    assert Changes(changes=window).perform(cqc(), 5).facts["status"] == 500


def test_windows_without_an_end_go_until_now():
    found = Window(of="provider", since="2026-01-01").windows()
    assert found[0] == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert Window(of="provider", since="2026-01-02", until="2026-01-01").windows() == []
    assert instant("2026-01-01T01:00:00+01:00") == instant("2026-01-01")
    with pytest.raises(ValidationError, match="write a time such as"):
        Window(of="location", since="yesterday")


def test_no_window_at_all_asks_nothing(cqc, simulator):
    seen = cqc().changes("location", [], 5)
    assert (seen.payload, seen.facts["count"]) == ([], 0)


def test_colons_are_sent_as_they_are(cqc, handle):
    integration = cqc()
    query = {"startTimestamp": "2026-01-01T00:00:00Z", "endTimestamp": "2026-01-01T02:00:00Z"}
    assert integration.request("GET", "/changes/location", timeout=5, query=query).facts["status"] == 200
    escaped = integration.client.get(
        "/changes/location?startTimestamp=2026-01-01T00%3A00%3A00Z&endTimestamp=2026-01-02"
    )
    assert escaped.status_code == 400


def test_the_limit_is_waited_for(cqc, simulator):
    simulator.fault("429", times=1, path="areas", values={"retry_after": 0})
    seen = cqc().request("GET", "/inspection-areas", timeout=5)
    assert (seen.facts["status"], seen.facts["retries"]) == (200, 1)


def test_names_of_people_are_masked_in_what_is_kept(cqc):
    seen = Location(location="1-201000001").perform(cqc(), 5)
    person = seen.payload["regulatedActivities"][0]["contacts"][0]
    assert person["personFamilyName"] == "Testington0"
    assert "Testington0" not in seen.exchange.received
    assert "Example House 1" in seen.exchange.received
    listed = cqc().request("GET", "/locations", timeout=5)
    assert "Example House 1" in listed.exchange.received


def test_the_native_client_is_ready_to_use(cqc):
    assert cqc(user_agent="our-suite").client.get("/locations").json()["total"] == 25


def test_the_rate_is_kept_by_a_real_one(cqc):
    assert cqc().limiter is None
    assert cqc(rate="3/s").limiter.per_second == 3


def test_without_a_name_we_are_refused(cqc):
    seen = cqc().once("GET", "/locations", timeout=5, headers={"User-Agent": ""})
    assert seen.facts["status"] == 403


def test_something_else_behind_the_url_is_said(cqc, handle):
    wrong = cqc(handle.origin + "/elsewhere")
    with pytest.raises(Rejected, match=r"/locations at .* says 404"):
        [rung.climb(5) for rung in wrong.rungs()]
