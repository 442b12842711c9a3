"""The simulator of PDS: who is let in, in which order it refuses, whom it knows, what it lets change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_sysint.simulators._app import Answered, Asked
from pytest_sysint.simulators._pds.people import check_digit, everybody, fresh_number, is_number
from pytest_sysint.simulators.nhs_pds import BASE, Mode, Pds

ID = "60e0b220-8136-4ca5-ae46-1d97ef59d068"
JANE, JAYNE, JANET, MINIMAL = "9000000009", "9000000017", "9000000025", "9000000033"


def asking(simulator: Pds, token: str = "") -> Callable[..., Answered]:
    def call(path: str, method: str = "GET", body: Any = None, request_id: str = ID, **more: Any) -> Answered:
        given = more.pop("headers", {})
        auth = {"authorization": f"Bearer {token}"} if token else {}
        ids = {"x-request-id": request_id} if request_id else {}
        query = tuple((name.replace("max_", "_max-").replace("fuzzy_", "_fuzzy-"), str(value))
                      for name, value in more.items())  # fmt: skip
        headers = {"host": "127.0.0.1", **ids, **auth, **given}
        return simulator.handle(Asked(method, BASE + path, query, headers, json.dumps(body).encode() if body else b""))

    return call


def made(mode: Mode = "sandbox", *, worker: bool = False, **how: Any) -> Callable[..., Answered]:
    simulator = Pds(mode, **how)
    token = simulator.tokens.issue("an-application", is_user=worker) if mode == "application" else ""
    return asking(simulator, token)


def code(answered: Answered) -> tuple[int, str]:
    coding = answered.body["issue"][0]["details"]["coding"][0]
    assert coding["system"] == "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
    assert (coding["version"], bool(coding["display"])) == ("1", True)
    return answered.status, coding["code"]


def patch(ask: Callable[..., Answered], number: str = JANE, **how: Any) -> Answered:
    body = how.pop("body", {"patches": [{"op": "replace", "path": "/gender", "value": "unknown"}]})
    headers = {"content-type": "application/json-patch+json", "if-match": 'W/"2"', **how.pop("headers", {})}
    return ask(f"/Patient/{number}", "PATCH", body, headers={k: v for k, v in headers.items() if v}, **how)


def test_the_people_are_made_up_and_their_numbers_are_valid():
    for number, person in everybody().items():
        assert is_number(number)
        assert number.startswith(("90000000", "999"))
        assert person["id"] == number == person["identifier"][0]["value"]
    assert check_digit("900000000") == 9
    assert check_digit("900000005") == 10
    assert is_number(fresh_number(0))
    assert fresh_number(0).startswith("999")


def test_a_patient():
    answered = made()(f"/Patient/{JANE}", headers={"x-correlation-id": "c"})
    assert (answered.status, answered.media) == (200, "application/fhir+json")
    assert (answered.headers["ETag"], answered.body["meta"]["versionId"]) == ('W/"2"', "2")
    assert (answered.headers["X-Request-ID"], answered.headers["X-Correlation-ID"]) == (ID, "c")
    assert answered.body["birthDate"] == "2010-10-22"


def test_who_is_not_there_or_not_to_be_seen():
    ask = made()
    assert code(ask("/Patient/9111231130")) == (404, "RESOURCE_NOT_FOUND")
    assert code(ask("/Patient/9000000000")) == (400, "INVALID_RESOURCE_ID")
    assert code(ask("/Patient/9990000042")) == (404, "INVALIDATED_RESOURCE")
    assert ask("/Patient/9990000026").body["id"] == "9990000018"
    for number, security in ((JANET, "R"), ("9990000034", "V")):
        person = ask(f"/Patient/{number}").body
        assert person["meta"]["security"][0]["code"] == security
        assert not person.keys() & {"address", "telecom", "contact", "generalPractitioner"}
    assert set(ask(f"/Patient/{MINIMAL}").body) == {"resourceType", "id", "identifier", "meta"}


def test_ids_are_looked_at_before_the_number_when_reading_and_after_it_when_changing():
    ask = made()
    missing = ask("/Patient/9000000000", request_id="")
    assert code(missing) == (400, "MISSING_VALUE")
    assert missing.body["issue"][0]["diagnostics"] == (
        "Invalid request with error - X-Request-ID header must be supplied to access this resource"
    )
    wrong = ask(f"/Patient/{JANE}", request_id="1234")
    assert code(wrong) == (400, "INVALID_VALUE")
    assert wrong.body["issue"][0]["diagnostics"] == "Invalid value - '1234' in header 'X-Request-ID'"
    assert code(patch(ask, "9000000000", request_id="")) == (400, "INVALID_RESOURCE_ID")
    assert code(patch(ask, request_id="")) == (400, "MISSING_VALUE")
    assert code(ask(f"/Patient/{JANE}", headers={"nhsd-session-urid": "a-role"})) == (400, "INVALID_VALUE")


def test_related_people():
    ask = made()
    assert [ask(f"/Patient/{each}/RelatedPerson").body["total"] for each in (JANE, JAYNE, JANET)] == [2, 1, 0]
    assert "entry" not in ask(f"/Patient/{JANET}/RelatedPerson").body
    assert code(ask("/Patient/9111231130/RelatedPerson")) == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"family": "Smith", "gender": "female", "birthdate": "eq2010-10-22"}, [JANE]),
        ({"family": "Sm*", "birthdate": "eq2010-10-22"}, [JANE, JAYNE]),
        ({"family": "S*", "birthdate": "eq2010-10-22"}, []),
        ({"family": "smith", "given": "JANE", "birthdate": "2010-10-22"}, [JANE]),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "fuzzy_match": "true"}, [JANE, JAYNE]),
        ({"family": "Smythe", "birthdate": "ge2005-01-01"}, [JANET]),
        ({"family": "Smythe", "birthdate": "le2005-01-01"}, []),
        ({"email": "jane.smith@example.com"}, [JANE]),
        ({"phone": "01632960587", "birthdate": "eq2010-10-22", "family": "Smyth"}, [JAYNE]),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "general-practitioner": "Y12345"}, [JANE]),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "address-postalcode": "ls1 6ae"}, [JANE]),
        ({"family": "Smythe", "birthdate": "eq2005-06-16", "address-postalcode": "LS1 4AP"}, []),
        ({"family": "Smythe", "birthdate": "eq2005-06-16", "phone": "01632960587"}, []),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "death-date": "eq2020-01-01"}, []),
        ({"family": "Nobody", "birthdate": "eq2010-10-22"}, []),
    ],
)
def test_searches(query: dict[str, str], found: list[str]):
    bundle = made()("/Patient", **query).body
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", len(found))
    assert [each["resource"]["id"] for each in bundle.get("entry", [])] == found
    scores = [each["search"]["score"] for each in bundle.get("entry", [])]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ({"family": "Smith"}, (400, "INVALID_SEARCH_DATA")),
        ({"birthdate": "eq2010-10-22"}, (400, "INVALID_SEARCH_DATA")),
        ({"family": "Smith", "birthdate": "22.10.2010"}, (400, "INVALID_VALUE")),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "gender": "f"}, (400, "INVALID_VALUE")),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "shoe": "39"}, (400, "ADDITIONAL_PROPERTIES")),
        ({"family": "Smith", "birthdate": "eq2010-10-22", "max_results": "51"}, (400, "INVALID_VALUE")),
        ({"family": "Sm*", "birthdate": "eq2010-10-22", "max_results": "1"}, (200, "TOO_MANY_MATCHES")),
    ],
)
def test_searches_that_are_refused(query: dict[str, str], refused: tuple[int, str]):
    assert code(made()("/Patient", **query)) == refused


def test_an_application_may_read_and_nothing_else():
    ask = made("application")
    assert ask(f"/Patient/{JANE}").status == 200
    query = {"family": "Sm*", "birthdate": "eq2010-10-22"}
    assert code(ask("/Patient", **query)) == (200, "TOO_MANY_MATCHES")
    assert code(ask("/Patient", **query, max_results=2)) == (403, "INVALID_VALUE")
    assert code(patch(ask)) == (403, "FORBIDDEN_UPDATE")
    assert code(ask("/Patient", "POST", {"name": []})) == (403, "FORBIDDEN_UPDATE")
    assert code(ask("/Coverage")) == (403, "ACCESS_DENIED")


def test_tokens_are_asked_for():
    simulator = Pds()
    without, wrong = asking(simulator)(f"/Patient/{JANE}"), asking(simulator, "wrong")(f"/Patient/{JANE}")
    assert (code(without), code(wrong)) == ((401, "ACCESS_DENIED"), (401, "ACCESS_DENIED"))
    assert [each.body["issue"][0]["diagnostics"] for each in (without, wrong)] == [
        "Missing access token",
        "Invalid Access Token",
    ]
    assert without.media == "application/json"
    assert code(asking(Pds("sandbox"), "wrong")(f"/Patient/{JANE}")) == (401, "ACCESS_DENIED")


def test_changes_need_their_version():
    ask = made("application", worker=True)
    assert code(patch(ask, headers={"if-match": ""})) == (412, "PRECONDITION_FAILED")
    assert code(patch(ask, headers={"if-match": "2"})) == (412, "PRECONDITION_FAILED")
    assert code(patch(ask, headers={"if-match": 'W/"1"'})) == (409, "RESOURCE_VERSION_MISMATCH")
    assert code(patch(ask, headers={"content-type": ""})) == (400, "MISSING_VALUE")
    assert code(patch(ask, headers={"content-type": "application/json"})) == (400, "UNSUPPORTED_SERVICE")
    changed = patch(ask)
    assert (changed.status, changed.headers["ETag"], changed.body["gender"]) == (200, 'W/"3"', "unknown")
    assert ask(f"/Patient/{JANE}").body["meta"]["versionId"] == "3"
    assert code(patch(ask)) == (409, "RESOURCE_VERSION_MISMATCH")
    assert code(patch(ask, "9111231130")) == (404, "RESOURCE_NOT_FOUND")


def test_the_sandbox_forgets_and_takes_any_json():
    ask = made()
    assert patch(ask, headers={"content-type": "application/json"}).body["meta"]["versionId"] == "3"
    assert ask(f"/Patient/{JANE}").body["meta"]["versionId"] == "2"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"op": "add", "path": "/name/0/given/-", "value": "Ann"}], 200),
        ([{"op": "add", "path": "/address/0/line/0", "value": "Flat 1"}], 200),
        ([{"op": "test", "path": "/gender", "value": "female"}, {"op": "remove", "path": "/telecom/1"}], 200),
        ([{"op": "test", "path": "/name/0/given/0", "value": "Jane"}, {"op": "remove", "path": "/gender"}], 200),
        ([{"op": "replace", "path": "/name/0/given/0", "value": "Joan"}], 200),
        ([{"op": "test", "path": "/gender", "value": "male"}], 400),
        ([{"op": "test", "path": "/name/0/given/0", "value": "Joan"}], 400),
        ([{"op": "replace", "path": "/shoe", "value": 39}], 400),
        ([{"op": "replace", "path": "/id", "value": JAYNE}], 400),
        ([{"op": "move", "path": "/gender"}], 400),
        ([{"path": "/gender"}], 400),
        (["noise"], 400),
        ([], 400),
    ],
)
def test_patches(steps: list[Any], expected: int):
    answered = patch(made(), body={"patches": steps})
    assert answered.status == expected
    if expected == 400:
        assert code(answered) == (400, "INVALID_UPDATE")


def test_creating():
    ask = made("application", worker=True)
    known = {"name": [{"family": "Smith", "given": ["Jane"]}], "birthDate": "2010-10-22"}
    assert code(ask("/Patient", "POST", known)) == (200, "SINGLE_MATCH")
    fresh = {"name": [{"family": "Newcome"}], "birthDate": "2026-01-02"}
    created = ask("/Patient", "POST", fresh)
    assert created.status == 201
    assert is_number(created.body["id"])
    assert ask(f"/Patient/{created.body['id']}").body["name"] == fresh["name"]
    again = ask("/Patient", "POST", {**fresh, "name": [{"family": "Another"}]})
    assert again.body["id"] != created.body["id"]
    assert code(ask("/Patient", "POST", {"name": []})) == (400, "MISSING_VALUE")


def test_an_application_has_so_many_requests_a_minute():
    simulator = Pds(rate=2)
    mine, other = (asking(simulator, simulator.tokens.issue(name)) for name in ("mine", "other"))
    assert [mine(f"/Patient/{JANE}").status for _ in range(3)] == [200, 200, 429]
    refused = mine(f"/Patient/{JANE}")
    assert code(refused) == (429, "TOO_MANY_REQUESTS")
    assert (refused.body["issue"][0]["code"], refused.media) == ("value", "application/json")
    assert "retry-after" not in {name.lower() for name in refused.headers}
    assert other(f"/Patient/{JANE}").status == 200


def test_503_says_when_and_other_troubles_do_not():
    simulator = Pds("sandbox")
    ask = asking(simulator)
    simulator.fault("503", times=1)
    unavailable = ask(f"/Patient/{JANE}")
    assert code(unavailable) == (503, "SERVICE_UNAVAILABLE")
    assert (unavailable.headers["retry-after"], unavailable.headers["X-Request-ID"]) == ("5", ID)
    simulator.fault("504", times=1)
    assert code(ask(f"/Patient/{JANE}")) == (504, "UNABLE_TO_CALL_SERVICE")


def test_ping_status_and_unknown_paths():
    ask = made("application", worker=True)
    assert set(ask("/_ping").body) == {"version", "revision", "releaseId", "commitId"}
    assert ask("/_status").status == 401
    assert ask("/_status", headers={"apikey": "k"}).body["checks"]["spine:status"][0]["responseCode"] == 200
    assert code(ask("/Observation")) == (400, "UNSUPPORTED_SERVICE")
    assert code(ask("/Patient", "DELETE")) == (400, "UNSUPPORTED_SERVICE")
    assert code(ask("/Coverage", "POST", {})) == (400, "UNSUPPORTED_SERVICE")
    assert ask("/Coverage").body["total"] == 0
    assert Pds().handle(Asked("GET", "/elsewhere")).status == 404


def test_control_of_keys_and_tokens():
    simulator = Pds()
    told = simulator.handle(Asked("POST", "/_simulator/tokens", body=b'{"api_key": "mine"}')).body
    assert patch(asking(simulator, told["access_token"])).status == 200
    keys = {"kid": "a", "api_key": "b", "public_key": "c"}
    assert simulator.handle(Asked("POST", "/_simulator/keys", body=json.dumps(keys).encode())).status == 201
    assert simulator.tokens.clients["a"].api_key == "b"
    assert simulator.handle(Asked("POST", "/_simulator/keys", body=b"noise")).status == 404
    assert simulator.handle(Asked("GET", "/oauth2/token")).status == 405


def test_who_lacks_something_is_not_found_by_it_and_harms_nobody():
    ask = made("application", worker=True)
    headers = {"content-type": "application/fhir+json"}
    bare = {"name": [{"family": "Bare"}], "birthDate": "1950-01-01"}
    assert ask("/Patient", "POST", bare, headers=headers).status == 201
    odd = [{"op": "replace", "path": "/name", "value": 5}, {"op": "remove", "path": "/gender"}]
    assert patch(ask, body={"patches": odd}).status == 200
    found = ask("/Patient", family="Bare", birthdate="eq1950-01-01").body
    assert found["total"] == 1
    for query in ({"gender": "female"}, {"given": "Jane"}, {"phone": "1"}, {"general-practitioner": "Y12345"}):
        assert ask("/Patient", family="Bare", birthdate="eq1950-01-01", **query).body["total"] == 0
    assert code(ask("/Patient", "POST", bare, headers=headers)) == (200, "SINGLE_MATCH")
