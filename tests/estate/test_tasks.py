"""Tasks reach RabbitMQ, where there is one."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pika

from fixtures.estate.names import QUEUE

DEFINITIONS = Path(__file__).parents[2] / "fixtures/data/rabbitmq-definitions.json"


def test_an_admission_makes_a_task(estate, start, real_service, eventually):
    url = real_service("rabbitmq")
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    declare(channel, json.loads(DEFINITIONS.read_text()))
    reference = f"R-{uuid.uuid4().hex[:12]}"
    sent = {"externalId": reference, "name": {"given": "A", "family": "B"}, "birthDate": "1935-04-17"}
    with start.database(estate.environment["DATABASE_URL"]) as database:
        others = {"KAFKA_URL": "", "DOCUMENTS_URL": "", "AUDIT_URL": ""}
        environment = {**estate.environment, **others, "DATABASE_URL": database, "RABBITMQ_URL": url}
        with start.service("care_api", environment) as care:
            assert care.post("/residents", sent).status_code == 201
            method, properties, body = eventually(lambda: taken(channel))
            # What the service declares is what the definitions say: a difference would have closed its channel.
            assert care.get("/health").json()["dependencies"]["rabbitmq"]["status"] == "up"
    connection.close()
    assert method.routing_key == "tasks.oakwood.care-plan"
    assert properties.headers == {"tenant": "oakwood"}
    task = json.loads(body)
    assert (task["task"], task["externalId"], task["tenant"]) == ("write-care-plan", reference, "oakwood")


def taken(channel):
    method, properties, body = channel.basic_get(QUEUE, auto_ack=True)
    return (method, properties, body) if method else None


def declare(channel, definitions):
    for exchange in definitions["exchanges"]:
        channel.exchange_declare(exchange["name"], exchange["type"], durable=exchange["durable"])
    for queue in definitions["queues"]:
        channel.queue_declare(queue["name"], durable=queue["durable"], arguments=queue.get("arguments"))
    for binding in definitions["bindings"]:
        channel.queue_bind(binding["destination"], binding["source"], binding.get("routing_key", ""))
