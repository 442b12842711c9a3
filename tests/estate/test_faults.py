"""Each fault changes what it says and nothing else; without any, nothing is changed."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field

import boto3
import psycopg
import pytest

from fixtures.estate import care_api
from fixtures.estate.config import CareConfig
from fixtures.estate.destinations import s3_options
from fixtures.estate.faults import WORDS, Faults
from fixtures.estate.outbox import Entry

NOTES = ["first", "second", "third"]
CATEGORIES = ["observation", "medication", "incident"]
RESIDENT = {
    "id": "str", "tenant": "str", "externalId": "str", "nhsNumber": "str", "name": "dict", "birthDate": "str",
    "room": "str", "admittedAt": "str", "generalPractice": "NoneType", "pdsCheckedAt": "NoneType",
}  # fmt: skip
COLUMNS = {
    "id": "uuid", "sequence": "bigint", "tenant_id": "text", "external_id": "text", "nhs_number": "text",
    "given_name": "text", "family_name": "text", "birth_date": "date", "room": "text",
    "admitted_at": "timestamp with time zone", "general_practice": "text",
    "pds_checked_at": "timestamp with time zone", "created_at": "timestamp with time zone",
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one admission with three notes and an export leave behind."""

    statuses: tuple[int, ...] = (201, 201, 201, 201, 200, 200, 201)
    answered: dict[str, str] = field(default_factory=lambda: RESIDENT)
    listed: dict[str, str] = field(default_factory=lambda: RESIDENT)
    admitted: int = 1
    """Events of the admission."""
    written: tuple[tuple[str, str], ...] = tuple(zip(NOTES, CATEGORIES, strict=True))
    """(reference, category) of the events of the notes, in their order."""
    document: tuple[str, ...] = ("Winifred", "1935-04-17", "D7")
    attachment: bytes = b"a scan"
    audited: tuple[str, ...] = ("CareNote", "CareNote", "CareNote", "Resident", "ResidentExport")
    columns: dict[str, str] = field(default_factory=lambda: COLUMNS)


HEALTHY = Seen()
BROKEN = {
    "drop-event:2": {"written": (HEALTHY.written[0], HEALTHY.written[2])},
    "duplicate-event": {"admitted": 2, "written": tuple(each for each in HEALTHY.written for _ in range(2))},
    "reorder-events": {"written": HEALTHY.written[::-1]},
    "alter-field": {
        "document": ("Winifred", "1935-04-16", "D7"),
        "written": tuple(zip(NOTES, ["medication", "incident", "handover"], strict=True)),
    },
    "no-documents": {"document": (), "attachment": b""},
    "no-mail": {},  # concerns notification-service: see below
    "no-audit": {"audited": ()},
    "drop-column": {"columns": {name: kind for name, kind in COLUMNS.items() if name != "created_at"}},
    "add-column": {"columns": {**COLUMNS, "preferred_name": "text"}},
    "change-type": {"columns": {**COLUMNS, "room": "character varying"}},
    "close-route": {"statuses": (*HEALTHY.statuses[:-1], 410), "audited": HEALTHY.audited[:-1]},
    "extra-field": {"answered": {**RESIDENT, "legacyId": "int"}, "listed": {**RESIDENT, "legacyId": "int"}},
    "wrong-type-in-answer": {
        "answered": {**RESIDENT, "nhsNumber": "int"},
        "listed": {**RESIDENT, "nhsNumber": "int"},
    },
    "wrong-status": {"statuses": (*HEALTHY.statuses[:-1], 200)},
}


def test_every_fault_is_tested():
    assert {case.partition(":")[0] for case in BROKEN} == set(WORDS)


@pytest.mark.parametrize("switched_on", ["", *BROKEN])
def test_a_fault_changes_what_it_says_and_nothing_else(estate, start, events, eventually, switched_on):
    with start.database(estate.environment["DATABASE_URL"]) as database:
        environment = {**estate.environment, "DATABASE_URL": database, "ESTATE_FAULTS": switched_on}
        with start.here(care_api.app, environment) as care:
            expected = Seen(**BROKEN.get(switched_on, {}))
            seen = scene(care, estate, environment, expected, events, eventually)
    assert seen == expected


def scene(care, estate, environment, expected, events, eventually):
    reference = f"F-{uuid.uuid4().hex[:12]}"
    sent = {
        "externalId": reference,
        "name": {"given": "Winifred", "family": "Archer"},
        "birthDate": "1935-04-17",
        "room": "D7",
    }
    scan = {"name": "scan.pdf", "contentType": "application/pdf", "content": base64.b64encode(b"a scan").decode()}
    trace = {"X-Request-ID": reference}
    answers = [care.post("/residents", sent, headers=trace)]
    for note, category in zip(NOTES, CATEGORIES, strict=True):
        told = {"category": category, "text": "Quiet.", "reference": f"{reference}.{note}", "attachments": [scan]}
        answers.append(care.post(f"/residents/{reference}/notes", told, headers=trace))
    answers += [care.get(f"/residents/{reference}"), care.get("/residents", params={"limit": 100})]
    answers.append(care.post("/exports", headers=trace))

    def delivered():
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            return connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)

    eventually(delivered)
    # Out of the outbox is with Kafka, but for what the fault itself holds back.
    enough = expected.admitted + len(expected.written)
    told = eventually(lambda: found if len(found := events(reference)) >= enough else None)
    listed = [item for item in answers[5].json()["items"] if item["externalId"] == reference]
    document = json.loads(kept(environment, f"oakwood/admissions/{reference}.json") or "{}")
    written = [event for event in told if event["type"] == "notes.written"]
    return Seen(
        statuses=tuple(answer.status_code for answer in answers),
        answered=types(answers[4].json()),
        listed=types(listed[0]),
        admitted=len(told) - len(written),
        written=tuple((event["reference"].partition(".")[2], event["category"]) for event in written),
        document=(document["name"]["given"], document["birthDate"], document["room"]) if document else (),
        attachment=kept(environment, f"oakwood/notes/{reference}.first/1-scan.pdf"),
        audited=audited(estate, reference),
        columns=columns(environment),
    )


def types(value):
    return {name: type(item).__name__ for name, item in value.items()}


def kept(environment, key):
    bucket, _, options = s3_options(environment["DOCUMENTS_URL"])
    client = boto3.client("s3", **options)
    if client.list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 0:
        return b""
    return client.get_object(Bucket=bucket, Key=key)["Body"].read()


def audited(estate, reference):
    found = estate.audit.get("/events", params={"tenant": "oakwood", "limit": 500}).json()["items"]
    return tuple(sorted(item["entityType"] for item in found if item["details"].get("requestId") == reference))


def columns(environment):
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        return dict(
            connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'residents'"
            ).fetchall()
        )


@pytest.mark.parametrize("switched_on", ["", "no-mail"])
def test_no_mail(estate, start, eventually, switched_on):
    from confluent_kafka import Producer

    inbox = start.inbox()
    event = {"tenant": "oakwood", "externalId": "OAK-0009", "eventId": "e-1"}
    with start.kafka() as kafka, start.smtp(inbox) as smtp:
        environment = {**estate.environment, "KAFKA_URL": kafka, "SMTP_URL": smtp, "ESTATE_FAULTS": switched_on}
        with start.service("notification_service", environment) as notifier:
            producer = Producer({"bootstrap.servers": kafka, "log_level": 0})
            producer.produce("residents.admitted", json.dumps(event).encode(), key="same")
            assert producer.flush(5) == 0
            eventually(lambda: notifier.get("/health").json()["dependencies"]["kafka"]["read"] == 1)
            assert notifier.get("/health").json()["status"] == "ok"
            assert len(inbox.mails) == (0 if switched_on else 1)
            told = notifier.get("/sent", params={"tenant": "oakwood"}).json()["items"]
            assert len(told) == len(inbox.mails)


def test_unset_costs_nothing():
    deliver = [].extend
    assert Faults.read("").on_the_way("kafka", deliver) is deliver
    assert Faults.read(" , ").every == {}
    assert Faults.read("no-mail,drop-event").on_the_way("s3", deliver) is deliver
    resident = {"nhsNumber": "9990001014"}
    assert Faults.read("no-audit").shown(resident) is resident
    assert (Faults.read("no-audit").exported(), Faults.read("no-audit").schema_changes()) == (201, [])


@pytest.mark.parametrize(("text", "lost"), [("drop-event", [50, 100]), ("drop-event:40", [40, 80, 120])])
def test_one_in_so_many(text, lost):
    arrived = []
    deliver = Faults.read(text).on_the_way("kafka", arrived.extend)
    for number in range(1, 121):
        deliver([Entry("oakwood", "residents.admitted", "", {"number": number})])
        deliver([Entry("oakwood", "notes.written", "", {})] if number < 40 else [])
    numbers = [entry.payload["number"] for entry in arrived if entry.payload]
    assert numbers == [number for number in range(1, 121) if number not in lost]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dropevent", "there is no fault 'dropevent', did you mean 'drop-event'? (known: drop-event, duplicate-event"),
        ("no-mail:3", "'no-mail' takes no number"),
        ("drop-event:0", "write drop-event:N for one in N"),
        ("drop-event:often", "write drop-event:N for one in N"),
    ],
)
def test_what_is_no_fault_keeps_a_service_from_starting(text, said):
    with pytest.raises(RuntimeError, match="ESTATE_FAULTS: ") as caught:
        CareConfig.read({"DATABASE_URL": "x", "CARE_TOKEN_SECRET": "x", "ESTATE_FAULTS": text})
    assert said in str(caught.value)
