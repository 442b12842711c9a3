"""An admission reaches everyone whom it concerns, over real backends."""

from __future__ import annotations

import json
import uuid

import boto3
import psycopg
import pytest

from fixtures.estate.config import folder
from fixtures.estate.destinations import s3_options
from fixtures.estate.models import check_digit


def admission(**changes):
    return {
        "externalId": f"T-{uuid.uuid4().hex[:12]}",
        "name": {"given": "Winifred", "family": "Archer"},
        "birthDate": "1935-04-17",
        **changes,
    }


def kept(client, bucket, key):
    try:
        return client.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 1
    except client.exceptions.NoSuchBucket:
        return False


def test_an_admission_reaches_everyone(estate, inbox, eventually):
    sent = admission(room="D7")
    answer = estate.care.post("/residents", sent, headers={"X-Request-ID": "trace-1"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["x-request-id"] == "trace-1"
    resident = answer.json()
    number = resident["nhsNumber"]
    assert number.startswith("999") and check_digit(number[:9]) == int(number[9])
    reference = sent["externalId"]

    with psycopg.connect(estate.environment["DATABASE_URL"]) as connection:
        rows = connection.execute("SELECT tenant_id FROM residents WHERE external_id = %s", [reference]).fetchall()
    assert rows == [("oakwood",)]

    bucket, _, options = s3_options(estate.environment["DOCUMENTS_URL"])
    client = boto3.client("s3", **options)
    key = f"oakwood/admissions/{reference}.json"
    eventually(lambda: kept(client, bucket, key))
    assert json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read()) == resident

    def mails():
        return estate.notification.get("/sent", params={"tenant": "oakwood", "reference": reference}).json()["items"]

    (mail,) = eventually(mails)
    assert mail["to"] == "manager@oakwood.example"
    (envelope,) = [item for item in inbox.mails if reference.encode() in item.content]
    assert envelope.rcpt_tos == ["manager@oakwood.example"]
    assert b"Winifred" not in envelope.content

    def audited():
        found = estate.audit.get("/events", params={"tenant": "oakwood", "limit": 500}).json()["items"]
        return [item for item in found if item["entityId"] == resident["id"]]

    (event,) = eventually(audited)
    assert (event["action"], event["entityType"], event["details"]["requestId"]) == ("CREATE", "Resident", "trace-1")
    assert estate.audit.get("/chain", params={"tenant": "oakwood"}).json()["intact"] is True

    assert estate.care.call("DELETE", f"/residents/{reference}").status_code == 204
    eventually(lambda: not kept(client, bucket, key))
    assert estate.care.get(f"/residents/{reference}").status_code == 404


def test_only_urgent_notes_are_mailed(estate, eventually):
    def written(**changes):
        note = {"category": "incident", "text": "Slipped in the hall.", **changes}
        answer = estate.care.post("/residents/ELM-0001/notes", note, tenant="elmhurst", role="carer")
        assert answer.status_code == 201, answer.text
        return answer.json()

    calm, urgent = written(), written(urgent=True)
    assert urgent["author"] == "carer@elmhurst.example"

    def mails():
        found = estate.notification.get("/sent", params={"tenant": "elmhurst"}, tenant="elmhurst").json()["items"]
        return [item["subject"] for item in found if item["reference"] == "ELM-0001"]

    # One resident's notes stay in order, so the calm one was passed over when the urgent one is there.
    assert eventually(mails) == ["Urgent care note: incident"]
    notes = estate.care.get("/residents/ELM-0001/notes", tenant="elmhurst").json()["items"]
    assert [note["id"] for note in notes[:2]] == [urgent["id"], calm["id"]]


def test_the_same_key_admits_once(estate):
    sent, key = admission(), {"Idempotency-Key": uuid.uuid4().hex}
    first = estate.care.post("/residents", sent, headers=key)
    again = estate.care.post("/residents", sent, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    other = estate.care.post("/residents", admission(), headers=key)
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (409, "key-reused")
    # Erased is erased: nothing of the resident is kept for a replay.
    assert estate.care.call("DELETE", f"/residents/{sent['externalId']}").status_code == 204
    assert "idempotent-replayed" not in estate.care.post("/residents", sent, headers=key).headers
    # Another home may use the same key for itself.
    assert estate.care.post("/residents", admission(), headers=key, tenant="elmhurst").status_code == 201


def test_a_reference_may_look_like_an_id(estate):
    reference = str(uuid.uuid4())
    resident = estate.care.post("/residents", admission(externalId=reference)).json()
    assert estate.care.get(f"/residents/{reference}").json() == resident
    assert estate.care.get(f"/residents/{resident['id']}").json() == resident


def test_a_taken_reference_or_number_is_a_conflict(estate):
    taken = estate.care.post("/residents", admission(externalId="OAK-0001"))
    assert (taken.status_code, taken.json()["detail"]) == (409, "externalId belongs to another resident")
    number = estate.care.get("/residents/OAK-0002").json()["nhsNumber"]
    taken = estate.care.post("/residents", admission(nhsNumber=number))
    assert (taken.status_code, taken.json()["detail"]) == (409, "nhsNumber belongs to another resident")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"x" * 70_000, "application/json", 413),
        (json.dumps(admission(nhsNumber="9990001015")).encode(), "application/json", 409),
        (json.dumps(admission(birthDate="2999-01-01")).encode(), "application/json", 409),
        (json.dumps(admission(name={"given": "a\u0000b", "family": "c"})).encode(), "application/json", 422),
        (json.dumps(admission(surprise=1)).encode(), "application/json", 422),
    ],
    ids=["garbled", "empty", "not-json", "large", "check-digit", "future", "control-character", "unknown-field"],
)
def test_what_is_not_an_admission_is_refused(estate, body, content_type, status):
    answer = estate.care.call("POST", "/residents", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert (status == 422) == bool(problem.get("errors"))


def test_an_export_lists_the_residents_of_the_home(estate):
    answer = estate.care.post("/exports", tenant="elmhurst")
    assert answer.status_code == 201, answer.text
    exports = folder(estate.environment["EXPORTS_URL"])
    lines = (exports / answer.json()["path"]).read_text().splitlines()
    assert lines[0] == "external_id,nhs_number,birth_date,room"
    assert len(lines) == answer.json()["rows"] + 1
    assert not any("OAK-" in line for line in lines)
