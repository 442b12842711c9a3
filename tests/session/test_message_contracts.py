"""Contracts of messages in whole runs: what passes, what fails, what is never green, and what is not allowed."""

from __future__ import annotations

import json
from typing import Any

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

DECLARATION = """
sysint: 1
system: care
integrations:
  events:
    type: kafka
    url: {url}
    contract:
      messages:
        good.{tail}: resident.json
        bad.{tail}: resident.json
        silent.{tail}: resident.json
      asyncapi: care.asyncapi.yaml
  rabbit:
    type: rabbitmq
    url: amqp://127.0.0.1:{port}/
    contract:
      messages:
        care: {{schema: resident.json, routing_key: "#"}}
"""
ASYNCAPI = """
asyncapi: 3.0.0
info: {{title: Care, version: '1'}}
channels:
  residents:
    address: good.{tail}
    messages: {{Resident: {{payload: {{$ref: resident.json}}}}}}
"""


def test_a_run_with_contracts_of_messages(project: Any, real_service: Any, closed_port: int) -> None:
    url = real_service("kafka", "local_binary")
    tail = project.path.name.replace("_", "-")
    where = {"bootstrap.servers": url.removeprefix("kafka://")}
    producer, admin = confluent_kafka.Producer(where), AdminClient(where)
    topics = [NewTopic(f"{name}.{tail}", 1, 1) for name in ("good", "bad", "silent")]
    for made in admin.create_topics(topics).values():
        made.result(20)
    producer.produce(f"good.{tail}", b'{"id": "R-1"}')
    producer.produce(f"bad.{tail}", b'{"id": 1}')
    assert producer.flush(20) == 0
    project.declare(DECLARATION.format(url=url, tail=tail, port=closed_port))
    schema = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    (project.path / "resident.json").write_text(json.dumps(schema))
    (project.path / "care.asyncapi.yaml").write_text(ASYNCAPI.format(tail=tail))
    result = project.run("--sysint-kind", "contract")
    assert result.ret == 1
    slug = tail.lower()
    assert project.statuses() == {
        f"events::contract::messages-good-{slug}": "passed",
        f"events::contract::messages-bad-{slug}": "failed",
        f"events::contract::messages-silent-{slug}": "skipped",
        "events::contract::asyncapi-residents": "passed",
        "rabbit::contract::messages-care": "skipped",
    }
    reasons = {item["nodeid"].partition("::")[2]: item for item in project.report["results"]}
    assert "no message to judge" in reasons[f"events::contract::messages-silent-{slug}"]["skipReason"]
    assert "its effect is 'write'" in reasons["rabbit::contract::messages-care"]["skipReason"]
    assert "$.id: 1 is not of type 'string'" in reasons[f"events::contract::messages-bad-{slug}"]["errorMessage"]
    assert "kcat" in reasons[f"events::contract::messages-bad-{slug}"]["reproduce"]
