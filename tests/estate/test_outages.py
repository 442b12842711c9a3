"""What the services do while something that they need is away, and when it is back."""

from __future__ import annotations

import json
import time
import uuid

import boto3

from fixtures.estate.destinations import s3_options
from pytest_sysint.core.provisioning import free_port

NOWHERE = "127.0.0.1:1"


def statuses(service):
    return {name: item["status"] for name, item in service.get("/health").json()["dependencies"].items()}


def test_all_is_well(estate, eventually):
    for service in (estate.care, estate.notification, estate.audit):
        eventually(lambda service=service: service.get("/health").json()["status"] == "ok")
    told = estate.care.get("/health").json()["dependencies"]
    assert set(told) == {"postgresql", "redis", "kafka", "s3", "audit"}
    assert [name for name, item in told.items() if item["required"]] == ["postgresql"]
    eventually(lambda: estate.notification.get("/health").json()["dependencies"]["kafka"]["assigned"] > 1)


def test_without_the_database_the_answer_is_503_and_quick(estate, start):
    away = {**estate.environment, "DATABASE_URL": f"postgresql://postgres@{NOWHERE}/postgres"}
    with start.service("care_api", away) as care:
        answer = care.get("/residents")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"].endswith("/unavailable")
        assert answer.elapsed.total_seconds() < 5
        health = care.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "down")
        assert care.get("/health/live").status_code == 200


def test_without_the_others_admissions_go_on_and_are_delivered_later(estate, start, eventually):
    s3_port, audit_port = free_port(), free_port()
    reference = f"O-{uuid.uuid4().hex[:12]}"
    sent = {"externalId": reference, "name": {"given": "A", "family": "B"}, "birthDate": "1935-04-17"}
    with start.database(estate.environment["DATABASE_URL"]) as database:
        away = {
            **estate.environment,
            "DATABASE_URL": database,
            "REDIS_URL": f"redis://{NOWHERE}/0",
            "KAFKA_URL": "",
            "RABBITMQ_URL": "",
            "AUDIT_URL": f"http://127.0.0.1:{audit_port}",
            "DOCUMENTS_URL": f"http://key:secret@127.0.0.1:{s3_port}/later",
        }
        with start.service("care_api", away) as care:
            assert care.post("/residents", sent).status_code == 201
            read = care.get(f"/residents/{reference}")
            assert (read.status_code, read.headers["x-cache"]) == (200, "off")
            assert care.get("/health").json()["status"] == "degraded"
            assert statuses(care) == {"postgresql": "up", "redis": "down", "s3": "down", "audit": "down"}
            with start.s3(s3_port):
                bucket, _, options = s3_options(away["DOCUMENTS_URL"])
                client = boto3.client("s3", **options)
                eventually(lambda: statuses(care)["s3"] == "up")
                eventually(lambda: client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1)
            assert care.stop() < 5


def test_mail_waits_for_its_server_and_a_poison_message_holds_up_nobody(estate, start, eventually):
    from confluent_kafka import Producer

    event = {"tenant": "oakwood", "externalId": "OAK-0009", "eventId": "e-1"}
    port, inbox = free_port(), start.inbox()
    with start.kafka() as brokers:
        away = {**estate.environment, "KAFKA_URL": brokers, "SMTP_URL": f"smtp://127.0.0.1:{port}"}
        with start.service("notification_service", away) as notifier:
            producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
            for value in (b"\xff not an event", json.dumps({**event, "tenant": "x\nBcc: y"}).encode()):
                producer.produce("residents.admitted", value, key="same")
            for _ in range(2):  # at least once: the second is a repetition
                producer.produce("residents.admitted", json.dumps(event).encode(), key="same")
            assert producer.flush(5) == 0
            rejected = lambda: notifier.get("/health").json()["dependencies"]["kafka"]["rejected"]  # noqa: E731
            eventually(lambda: rejected() == 2)
            assert notifier.get("/health").json()["status"] == "degraded"
            with start.smtp(inbox, port):
                eventually(lambda: notifier.get("/health").json()["dependencies"]["kafka"]["read"] == 4)
            (mail,) = inbox.mails
            assert b"OAK-0009" in mail.content
            assert notifier.stop() < 5


def test_a_service_says_what_it_lacks_and_ends(estate, start):
    import subprocess
    import sys

    command = [sys.executable, "-m", "uvicorn", "fixtures.estate.audit_service:app", "--port", str(free_port())]
    ended = subprocess.run(command, env={}, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert "set AUDIT_DB_URL, CARE_TOKEN_SECRET in the environment" in ended.stderr


def test_a_hanging_database_is_given_up(estate):
    import psycopg

    from fixtures.estate import database

    with database.ImpatientConnection.connect(estate.environment["DATABASE_URL"]) as connection:
        begin = time.monotonic()
        try:
            connection.execute("SELECT pg_sleep(30)")
        except psycopg.OperationalError as error:
            assert "no answer from PostgreSQL" in str(error)
        assert time.monotonic() - begin < 10
        assert connection.closed
