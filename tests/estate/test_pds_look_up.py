"""A look-up in the Personal Demographics Service enriches a resident: against the simulator, with its quirks."""

from __future__ import annotations

import uuid
from types import SimpleNamespace

import psycopg
import pytest

from fixtures.estate import care_api
from pytest_sysint.simulators import nhs_pds
from pytest_sysint.simulators._pds import people

BORN = {
    people.JANE: "2010-10-22", people.JANET: "2005-06-16", people.SUPERSEDED: "1948-07-05",
    people.NOBODY: "1930-01-01", people.MINIMAL: "1930-01-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def asking(estate, start):
    with start.database(estate.environment["DATABASE_URL"]) as database, nhs_pds.served(mode="sandbox") as pds:
        environment = {**estate.environment, "DATABASE_URL": database, "NHS_PDS_URL": pds.url}
        with start.here(care_api.app, environment) as care:
            yield SimpleNamespace(care=care, pds=pds.simulator, database=database)


@pytest.fixture
def admitted(asking):
    """`admitted(number)`: a resident with that NHS number, gone after the test."""
    made = []

    def admit(number, born=None):
        name = {"given": "Jane", "family": "Smith"}
        reference = f"P-{uuid.uuid4().hex[:8]}"
        sent = {"externalId": reference, "nhsNumber": number, "name": name, "birthDate": born or BORN[number]}
        answer = asking.care.post("/residents", sent)
        assert answer.status_code == 201, answer.text
        made.append(reference)
        return reference

    yield admit
    for reference in made:
        asking.care.call("DELETE", f"/residents/{reference}")


def look_up(asking, reference, **options):
    return asking.care.post(f"/residents/{reference}/pds", **options)


def slug(answer):
    return answer.json()["type"].rpartition("/")[2]


def test_a_resident_is_enriched(asking, estate, admitted, eventually):
    reference = admitted(people.JANE)
    before = asking.care.get(f"/residents/{reference}").json()
    assert (before["generalPractice"], before["pdsCheckedAt"]) == (None, None)
    answer = look_up(asking, reference)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert after["generalPractice"] == "Y12345"
    assert after == {**before, "generalPractice": "Y12345", "pdsCheckedAt": after["pdsCheckedAt"]}
    assert asking.care.get(f"/residents/{reference}").json() == after
    with psycopg.connect(asking.database) as connection:
        query = "SELECT general_practice, pds_checked_at IS NOT NULL FROM residents WHERE external_id = %s"
        assert connection.execute(query, [reference]).fetchall() == [("Y12345", True)]

    def audited():
        found = estate.audit.get("/events", params={"tenant": "oakwood", "limit": 500}).json()["items"]
        return [item for item in found if item["entityId"] == after["id"] and item["action"] == "UPDATE"]

    (event,) = eventually(audited)
    assert event["details"]["source"] == "pds"


def test_a_superseded_number_is_replaced(asking, admitted):
    assert look_up(asking, admitted(people.SUPERSEDED)).json()["nhsNumber"] == people.CURRENT


def test_a_restricted_record_tells_no_practice(asking, admitted):
    found = look_up(asking, admitted(people.JANET)).json()
    assert found["generalPractice"] is None
    assert found["pdsCheckedAt"]


def test_whom_pds_does_not_know_or_knows_otherwise_is_a_conflict(asking, admitted):
    assert slug(look_up(asking, admitted(people.NOBODY))) == "not-in-pds"
    for number in (people.MINIMAL, people.JAYNE):
        answer = look_up(asking, admitted(number, born="1930-01-01"))
        assert (answer.status_code, slug(answer)) == (409, "pds-mismatch")


def test_pds_away_is_503_and_no_more(asking, admitted):
    reference = admitted(people.JANE)
    asking.pds.fault("503", times=1)
    answer = look_up(asking, reference)
    assert (answer.status_code, slug(answer)) == (503, "unavailable")
    assert look_up(asking, reference).status_code == 200


def test_only_nurses_and_managers_ask_and_only_about_their_own(asking, admitted):
    reference = admitted(people.JANE)
    assert look_up(asking, reference, role="carer").status_code == 403
    assert look_up(asking, reference, tenant="elmhurst").status_code == 404
    assert slug(look_up(asking, "nobody")) == "no-such-resident"
