"""The simulator of the CQC API: keys, lists, details, changes, reports, limits, quirks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_sysint.simulators._app import Answered, Asked
from pytest_sysint.simulators.cqc import BASE, Cqc

Ask = Callable[..., Answered]


@pytest.fixture
def simulator() -> Cqc:
    found = Cqc()
    found.know("primary", "secondary")
    return found


@pytest.fixture
def ask(simulator: Cqc) -> Ask:
    def call(path: str, key: str = "primary", agent: str = "a test", raw: str = "", **query: Any) -> Answered:
        headers = {"ocp-apim-subscription-key": key, "user-agent": agent}
        pairs = tuple((name, str(value)) for name, value in query.items())
        return simulator.handle(Asked("GET", BASE + path, pairs, headers, raw_query=raw))

    return call


def test_keys(ask: Ask):
    assert [ask("/locations", key).status for key in ("primary", "secondary", "wrong", "")] == [200, 200, 401, 401]
    assert ask("/locations", "").body == {
        "statusCode": 401,
        "message": "Access denied due to missing subscription key. "
        "Make sure to include subscription key when making requests to an API.",
    }
    assert ask("/locations", "wrong").body == {
        "statusCode": 401,
        "message": "Access denied due to invalid subscription key. "
        "Make sure to provide a valid key for an active subscription.",
    }


def test_a_page(ask: Ask):
    middle = ask("/locations", page=2, perPage=10).body
    assert {name: middle[name] for name in ("total", "page", "perPage", "totalPages")} == {
        "total": 25, "page": 2, "perPage": 10, "totalPages": 3,
    }  # fmt: skip
    assert (middle["previousPageUri"], middle["nextPageUri"]) == (
        "/locations?page=1&perPage=10",
        "/locations?page=3&perPage=10",
    )
    assert middle["locations"][0] == {
        "locationId": "1-201000011",
        "locationName": "Example House 11",
        "postalCode": "ZZ0 1AA",
    }
    first, last = ask("/locations", perPage=10).body, ask("/locations", page=3, perPage=10).body
    assert "previousPageUri" not in first
    assert "nextPageUri" not in last
    assert ask("/locations", perPage=5000).body["perPage"] == 1000
    assert [ask("/locations", page=page).status for page in (0, "two", "²")] == [400, 400, 400]


def test_filters(ask: Ask):
    assert ask("/locations", careHome="Y").body["total"] == 13
    assert ask("/locations", careHome="N", localAuthority="Leeds").body["total"] == 4
    assert "localAuthority=Leeds" in ask("/locations", localAuthority="Leeds").body["uri"]


def test_details(ask: Ask):
    location = ask("/locations/1-201000005").body
    assert (location["registrationStatus"], location["deregistrationDate"]) == ("Deregistered", "2024-03-31")
    assert location["locationId"] in ask(f"/providers/{location['providerId']}").body["locationIds"]
    faded = ask("/locations/1-201000007").body
    assert faded["currentRatings"] == {}
    assert faded["historicRatings"][0]["overall"]["rating"]
    assert ask("/locations/1-1").body == {"statusCode": 404, "message": "Location not found"}
    assert ask("/providers/1-1").status == 404


def test_changes(ask: Ask):
    def changes(begin: str, end: str, sort: str = "location", raw: str = "") -> Answered:
        return ask(f"/changes/{sort}", startTimestamp=begin, endTimestamp=end, raw=raw)

    assert changes("2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z").body == {
        "total": 2,
        "changes": ["1-201000001", "1-201000002"],
    }
    assert changes("2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z").body["changes"] == ["1-201000003"]
    assert changes("2025-01-01", "2025-01-02").body == {"total": 0, "changes": []}
    assert changes("2026-01-01", "2026-01-02", "provider").body["total"] == 3
    assert changes("2026-01-01", "2026-01-02", "brand").status == 404
    assert changes("lately", "2026-01-02").status == 400
    escaped = changes("2026-01-01T00:00:00Z", "2026-01-02", raw="startTimestamp=2026-01-01T00%3A00%3A00Z")
    assert escaped.status == 400


def test_reports_areas_and_paths(simulator: Cqc, ask: Ask):
    assert ask("/reports/report-3").media == "application/pdf"
    headers = {"ocp-apim-subscription-key": "primary", "user-agent": "a test", "accept": "text/plain"}
    assert simulator.handle(Asked("GET", f"{BASE}/reports/report-3", (), headers)).media == "text/plain"
    assert ask("/reports/none").status == 404
    assert ask("/inspection-areas").body["inspectionAreas"]
    assert ask("/nothing").status == 404
    assert simulator.handle(Asked("GET", "/elsewhere")).status == 404
    assert ask("/locations", agent="").status == 403


def test_a_key_has_so_many_requests_a_minute():
    simulator = Cqc(rate=2)
    simulator.know("primary", "secondary")

    def status(key: str) -> Answered:
        headers = {"ocp-apim-subscription-key": key, "user-agent": "a test"}
        return simulator.handle(Asked("GET", f"{BASE}/inspection-areas", (), headers))

    assert [status("primary").status for _ in range(3)] == [200, 200, 429]
    refused = status("primary")
    assert int(refused.headers["retry-after"]) in range(1, 61)
    assert refused.body["message"] == f"Rate limit is exceeded. Try again in {refused.headers['retry-after']} seconds."
    assert status("secondary").status == 200


def test_control_of_keys(simulator: Cqc):
    asked = Asked("POST", "/_simulator/keys", body=b'{"primary": "new", "secondary": "newer"}')
    assert simulator.handle(asked).status == 201
    assert simulator.handle(Asked("GET", "/_simulator/keys")).status == 404
    headers = {"ocp-apim-subscription-key": "newer", "user-agent": "a test"}
    assert simulator.handle(Asked("GET", f"{BASE}/locations", (), headers)).status == 200
