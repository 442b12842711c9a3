"""The form `asyncapi`: documents of each generation as they are, on Apache Kafka and on RabbitMQ."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pika
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pytest_sysint.core.errors import Garbled, Mistakes, Rejected, Unavailable, Unreachable
from pytest_sysint.core.provisioning import free_port
from tests.message_bench import Bench, failed, new_name, passed, produce, publishing
from tests.schema_registry import SchemaRegistry, serving

SECOND = """
asyncapi: {version}
info: {{title: Care events, version: 1.0.0}}
defaultContentType: application/json
servers:
  production: {{url: 'broker:9092', protocol: kafka}}
  websocket: {{url: 'ws.example.org', protocol: ws}}
channels:
  {prefix}.admissions:
    description: Who came, and who left.
    subscribe:
      message:
        oneOf:
          - $ref: '#/components/messages/ResidentAdmitted'
          - $ref: '#/components/messages/ResidentDischarged'
    bindings: {{kafka: {{partitions: 3}}}}
components:
  messages:
    ResidentAdmitted:
      name: ResidentAdmitted
      title: A resident has come
      traits: [{{$ref: '#/components/messageTraits/Common'}}]
      correlationId: {{location: '$message.header#/correlationId'}}
      payload: {{$ref: '#/components/schemas/Admitted'}}
      bindings:
        kafka:
          key: {{type: string, pattern: '^R-'}}
    ResidentDischarged:
      name: ResidentDischarged
      payload: {{$ref: 'schemas/discharged.yaml#/Discharged'}}"""
THIRD = """
asyncapi: {version}
info: {{title: Care events, version: 1.0.0}}
defaultContentType: application/json
servers:
  production: {{host: 'broker:9092', protocol: kafka}}
  websocket: {{host: 'ws.example.org', protocol: ws}}
channels:
  admissions:
    address: {prefix}.admissions
    servers: [{{$ref: '#/servers/production'}}]
    messages:
      ResidentAdmitted: {{$ref: '#/components/messages/Admitted'}}
      ResidentDischarged:
        payload:
          schemaFormat: application/vnd.aai.asyncapi;version=3.0.0
          schema: {{$ref: 'schemas/discharged.yaml#/Discharged'}}
  notifications:
    address: /notifications
    servers: [{{$ref: '#/servers/websocket'}}]
    messages: {{Any: {{payload: {{type: object}}}}}}
operations:
  receiveAdmission:
    action: receive
    channel: {{$ref: '#/channels/admissions'}}
components:
  messages:
    Admitted:
      name: ResidentAdmitted
      traits: [{{$ref: '#/components/messageTraits/Common'}}]
      correlationId: {{$ref: '#/components/correlationIds/header'}}
      payload: {{$ref: '#/components/schemas/Admitted'}}
      bindings: {{kafka: {{key: {{type: string, pattern: '^R-'}}, bindingVersion: '0.5.0'}}}}
  correlationIds:
    header: {{location: '$message.header#/correlationId'}}"""
SHARED = """
  messageTraits:
    Common:
      headers:
        type: object
        required: [tenant]
        properties:
          tenant: {{type: string}}
          attempt: {{type: integer, maximum: 3}}
  schemas:
    Admitted:
      type: object
      required: [type, id, at]
      properties:
        type: {{const: admitted}}
        id: {{type: string}}
        at: {{type: string, format: date-time, example: 2024-01-01T00:00:00Z}}
        room: {{$ref: '#/components/schemas/Room'}}
    Room: {{type: object, properties: {{number: {{type: integer}}}}}}
"""
DISCHARGED = {
    "Discharged": {"type": "object", "required": ["type", "id"], "properties": {"type": {"$ref": "#/Word"}}},
    "Word": {"const": "discharged"},
}
VERSIONS = ["2.0.0", "2.1.0", "2.2.0", "2.3.0", "2.4.0", "2.5.0", "2.6.0", "3.0.0", "3.1.0"]
ADMITTED = {"type": "admitted", "id": "R-1", "at": "2026-01-01T10:00:00Z", "room": {"number": 7}}
LEFT = {"type": "discharged", "id": "R-1"}
HEADERS = {"tenant": "oakwood", "correlationId": "c-1", "attempt": "2", "content-type": "application/json"}


@pytest.fixture(scope="module")
def kafka_url(real_service: Any) -> str:
    return str(real_service("kafka", "local_binary"))


@pytest.fixture(scope="module")
def rabbit_url(real_service: Any) -> str:
    return str(real_service("rabbitmq", "local_binary"))


@pytest.fixture
def bench(kafka_url: str, tmp_path: Path) -> Iterator[Bench]:
    found = Bench("kafka", kafka_url, tmp_path)
    yield found
    found.close()


@pytest.fixture
def rabbit(rabbit_url: str, tmp_path: Path) -> Iterator[Bench]:
    found = Bench("rabbitmq", rabbit_url, tmp_path)
    yield found
    found.close()


def topics(bench: Bench, *names: str) -> None:
    bench.topics(*({"name": name} for name in names))


def put(bench: Bench, topic: str, body: Any, key: Any = "R-1", headers: Any = HEADERS) -> None:
    produce(bench, topic, body, key=key, headers=headers)


def written(bench: Bench, version: str, prefix: str) -> str:
    """The document of that version, with the file that it refers to."""
    bench.file("schemas/discharged.yaml", DISCHARGED)
    text = ((THIRD if version.startswith("3") else SECOND) + SHARED).format(version=version, prefix=prefix)
    return bench.file("care.asyncapi.yaml", text)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_document_of_each_version_is_used_as_it_is(bench: Bench, version: str) -> None:
    prefix = new_name("care")
    topics(bench, f"{prefix}.admissions")
    document = written(bench, version, prefix)
    put(bench, f"{prefix}.admissions", ADMITTED)
    put(bench, f"{prefix}.admissions", LEFT, headers=None)
    checks = bench.checks({"asyncapi": document})
    assert len(checks) == 1, "the channel of the other server is not for this integration"
    outcome = bench.run(next(iter(checks.values())))
    assert failed(outcome) == {}
    rules = {"payload", "headers", "key", "content_type", "correlation_id"}
    assert passed(outcome) == {"messages", *rules, "coverage"}
    assert "seen: ResidentAdmitted (1), ResidentDischarged (1)" in outcome.assertions[-1].message


BROKEN = [
    ("payload", {"body": {**ADMITTED, "room": {"number": "7"}}}, "$.room.number: '7' is not of type 'integer'"),
    ("payload", {"body": {**ADMITTED, "at": "yesterday"}}, "$.at: 'yesterday' is not a 'date-time'"),
    ("payload", {"body": {**LEFT, "id": None, "type": "moved"}}, "nearest is 'ResidentDischarged': $.type"),
    ("payload", {"body": b"\xff"}, "is not JSON"),
    ("headers", {"headers": {**HEADERS, "attempt": "9"}}, "$.attempt: 9 is greater than the maximum of 3"),
    ("headers", {"headers": {**HEADERS, "attempt": "many"}}, "$.attempt: 'many' is not of type 'integer'"),
    ("headers", {"headers": {"correlationId": "c"}}, "$: 'tenant' is a required property"),
    ("key", {"key": "X-1"}, "'X-1' does not match '^R-'"),
    ("key", {"key": None}, "there is no key"),
    ("content_type", {"headers": {**HEADERS, "content-type": "text/plain"}}, "is text/plain, and application/json is"),
    ("correlation_id", {"headers": {"tenant": "oakwood"}}, "there is none at $message.header#/correlationId"),
]


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0"])
@pytest.mark.parametrize(("rule", "broken", "said"), BROKEN)
def test_each_rule_fails_alone_on_a_message_broken_in_just_that_way(
    bench: Bench, version: str, rule: str, broken: dict[str, Any], said: str
) -> None:
    prefix = new_name("care")
    topic = f"{prefix}.admissions"
    topics(bench, topic)
    document = written(bench, version, prefix)
    put(bench, topic, ADMITTED)
    put(bench, topic, broken.get("body", ADMITTED), **{key: broken[key] for key in broken if key != "body"})
    found = failed(bench.judge({"asyncapi": document}))
    assert list(found) == [rule]
    assert "1 of 2 messages broke it, first partition 0, offset 1: fits none of" in found[rule]
    assert said in found[rule]


def test_types_that_were_not_seen_are_a_warning(bench: Bench) -> None:
    prefix = new_name("care")
    topics(bench, f"{prefix}.admissions")
    put(bench, f"{prefix}.admissions", ADMITTED)
    outcome = bench.judge({"asyncapi": written(bench, "3.0.0", prefix)})
    assert failed(outcome) == {}
    assert "seen: ResidentAdmitted (1); not seen: ResidentDischarged" in failed(outcome, "warn")["coverage"]


def test_a_channel_that_is_not_at_the_broker_fails(bench: Bench) -> None:
    with pytest.raises(Rejected, match="has no topic 'nowhere"):
        bench.judge({"asyncapi": written(bench, "3.0.0", "nowhere")})


def test_a_channel_without_messages_is_not_green(bench: Bench) -> None:
    prefix = new_name("care")
    topics(bench, f"{prefix}.admissions")
    document = written(bench, "3.0.0", prefix)
    with pytest.raises(Unavailable, match="no message to judge"):
        bench.judge({"asyncapi": document})
    outcome = bench.judge({"asyncapi": {"document": document, "channels": {"admissions": {"none": "fail"}}}})
    assert list(failed(outcome)) == ["messages"]


def per_tenant(bench: Bench, prefix: str, **parameter: Any) -> str:
    return bench.file(
        "tenants.yaml",
        {
            "asyncapi": "3.0.0",
            "info": {"title": "t", "version": "1"},
            "servers": {"s": {"host": "h", "protocol": "kafka"}},
            "channels": {
                "events": {
                    "address": prefix + ".{tenant}.events",
                    "parameters": {"tenant": parameter},
                    "messages": {"Event": {"payload": {"type": "object", "required": ["id"]}}},
                }
            },
        },
    )


def test_parameters_are_filled_or_are_a_pattern(bench: Bench) -> None:
    prefix = new_name("care")
    names = {tenant: f"{prefix}.{tenant}.events" for tenant in ("oakwood", "elmhurst", "a.b")}
    topics(bench, *names.values())
    put(bench, names["oakwood"], {"id": 1})
    put(bench, names["elmhurst"], {"no": 1})
    put(bench, names["a.b"], {"no": 1})
    document = per_tenant(bench, prefix)
    only = bench.judge({"asyncapi": {"document": document, "parameters": {"tenant": "oakwood"}}})
    assert failed(only) == {}
    said = failed(bench.judge({"asyncapi": document}))
    assert f"1 of 2 messages broke it, first '{names['elmhurst']}', partition 0, offset 0" in said["payload"]
    assert failed(bench.judge({"asyncapi": per_tenant(bench, prefix, enum=["oakwood", "other"])})) == {}
    assert failed(bench.judge({"asyncapi": per_tenant(bench, prefix, default="oakwood")})) == {}
    said = failed(bench.judge({"asyncapi": per_tenant(bench, prefix, enum=["other"])}))
    assert f"nothing there is called '{prefix}.{{tenant}}.events'" in said["place"]


RECORD = {"type": "record", "name": "Event", "fields": [{"name": "id", "type": "string"}]}
PROTO = 'syntax = "proto3"; message Event { string id = 1; } message Other { int32 n = 1; }'


def as_avro(value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(RECORD), value)
    return stream.getvalue()


def one_channel(topic: str, payload: Any, schema_format: str, version: str, **message: Any) -> dict[str, Any]:
    common = {"info": {"title": "t", "version": "1"}}
    if version.startswith("3"):
        body = {"payload": {"schemaFormat": schema_format, "schema": payload}, **message}
        channels: Any = {"events": {"address": topic, "messages": {"Event": body}}}
        return {"asyncapi": version, **common, "channels": channels}
    body = {"name": "Event", "schemaFormat": schema_format, "payload": payload, **message}
    return {"asyncapi": version, **common, "channels": {topic: {"publish": {"message": body}}}}


FORMATS = [
    ("application/vnd.apache.avro;version=1.9.0", RECORD, as_avro({"id": "a"}), b"\x0aa"),
    ("application/vnd.apache.avro+json;version=1.9.0", {"$ref": "event.avsc"}, as_avro({"id": "a"}), b"\x0aa"),
    ("application/vnd.google.protobuf;version=3", PROTO, b"\x0a\x01a", b"\x10\x01"),
    ("application/vnd.google.protobuf;version=3", {"$ref": "./event.proto"}, b"\x0a\x01a", b"\x10\x01"),
    ("application/schema+json;version=draft-07", {"required": ["id"]}, b'{"id": 1}', b"{}"),
    ("application/schema+yaml;version=draft-07", {"required": ["id"]}, b'{"id": 1}', b"{}"),
]


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0"])
@pytest.mark.parametrize(("schema_format", "payload", "good", "bad"), FORMATS)
def test_payloads_of_each_schema_format(
    bench: Bench, version: str, schema_format: str, payload: Any, good: bytes, bad: bytes
) -> None:
    topic = new_name("care")
    topics(bench, topic)
    bench.file("event.avsc", RECORD)
    bench.file("event.proto", PROTO)
    document = bench.file("events.json", one_channel(topic, payload, schema_format, version))
    put(bench, topic, good)
    outcome = bench.judge({"asyncapi": document})
    assert failed(outcome) == {}
    assert "payload" in passed(outcome)
    put(bench, topic, bad)
    assert "1 of 2 messages broke it" in failed(bench.judge({"asyncapi": document}))["payload"]


@pytest.mark.parametrize("declared", [True, False])
def test_payloads_that_begin_with_the_id_of_their_schema(bench: Bench, declared: bool) -> None:
    topic = new_name("care")
    topics(bench, topic)
    bindings = {"kafka": {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "4"}}
    content = one_channel(topic, RECORD, "application/vnd.apache.avro;version=1.9.0", "3.0.0", bindings=bindings)
    document = bench.file("events.json", content)
    registry = SchemaRegistry()
    with serving(registry.app()) as registry.url:
        number = registry.register("any", RECORD)
        beside = {"registry": registry.url} if declared else {}
        put(bench, topic, b"\0" + number.to_bytes(4, "big") + as_avro({"id": "a"}))
        assert failed(bench.judge({"asyncapi": document, **beside})) == {}
        put(bench, topic, as_avro({"id": "a"}))
        said = failed(bench.judge({"asyncapi": document, **beside}))
    assert "is not in the registry's wire format" in said["payload"]


def test_text_is_judged_as_text_and_a_key_may_be_json_or_avro(bench: Bench) -> None:
    topic = new_name("care")
    topics(bench, topic)
    more = {"contentType": "text/plain", "bindings": {"kafka": {"key": {"type": "object", "required": ["id"]}}}}
    content = one_channel(topic, {"type": "string", "maxLength": 5}, "", "2.6.0", **more)
    put(bench, topic, b"12345", key='{"id": 1}', headers=None)
    assert failed(bench.judge({"asyncapi": bench.file("a.json", content)})) == {}
    put(bench, topic, b"123456", key='{"id": 1}', headers=None)
    assert "is too long" in failed(bench.judge({"asyncapi": bench.file("a.json", content)}))["payload"]
    other = new_name("care")
    topics(bench, other)
    more["bindings"]["kafka"]["key"] = RECORD
    content = one_channel(other, {"type": "string"}, "", "2.6.0", **more)
    put(bench, other, b"a", key=as_avro({"id": "a"}), headers=None)
    assert failed(bench.judge({"asyncapi": bench.file("b.json", content)})) == {}
    put(bench, other, b"a", key=b"\x0a", headers=None)
    assert list(failed(bench.judge({"asyncapi": bench.file("b.json", content)}))) == ["key"]


def amqp(bench: Bench, version: str, address: str, binding: Any, **message: Any) -> str:
    body = {"payload": {"type": "object", "required": ["id"]}, **message}
    content: dict[str, Any] = {"asyncapi": version, "info": {"title": "t", "version": "1"}}
    content["defaultContentType"] = "application/json"
    content["servers"] = {"broker": {"url" if version < "3" else "host": "rabbit", "protocol": "amqp"}}
    bindings = {"bindings": {"amqp": binding}} if binding else {}
    if version < "3":
        content["channels"] = {address: {**bindings, "subscribe": {"message": {"name": "Event", **body}}}}
    else:
        content["channels"] = {"events": {"address": address, **bindings, "messages": {"Event": body}}}
    return bench.file("amqp.yaml", content)


@pytest.mark.parametrize("version", ["2.4.0", "3.0.0"])
@pytest.mark.parametrize("bound", [True, False])
def test_a_queue_of_amqp_is_browsed(rabbit: Bench, channel: Any, version: str, bound: bool) -> None:
    queue = new_name("care")
    channel.queue_declare(queue, durable=True)
    binding = {"is": "queue", "queue": {"name": queue, "durable": True}} if bound else None
    message = {"correlationId": {"location": "$message.header#/correlation_id"}}
    document = amqp(rabbit, version, "events" if bound else queue, binding, **message)
    properties = pika.BasicProperties(content_type="application/json", correlation_id="c-1")
    channel.basic_publish("", queue, b'{"id": 1}', properties)
    assert failed(rabbit.judge({"asyncapi": document})) == {}
    channel.basic_publish("", queue, b"{}", pika.BasicProperties(content_type="text/csv"))
    said = failed(rabbit.judge({"asyncapi": document}))
    assert set(said) == {"payload", "content_type", "correlation_id"}
    assert "first message 2 of the sample: does not fit 'Event'" in said["payload"]
    assert channel.queue_declare(queue, passive=True).method.message_count == 2
    channel.queue_delete(queue)


@pytest.mark.parametrize("kind", ["topic", "fanout"])
def test_an_exchange_of_amqp_is_tapped(rabbit: Bench, channel: Any, rabbit_url: str, kind: str) -> None:
    exchange = new_name("care")
    channel.exchange_declare(exchange, kind)
    binding = {"is": "routingKey", "exchange": {"name": exchange, "type": kind}}
    document = amqp(rabbit, "3.0.0", "residents.{tenant}.admitted", binding)
    contract = {"asyncapi": {"document": document, "sample": 4}}
    with publishing(rabbit_url, exchange, "residents.oakwood.admitted", b'{"id": 1}'):
        outcome = rabbit.judge(contract)
    assert failed(outcome) == {}
    assert "observed by tap" in outcome.assertions[0].message
    with publishing(rabbit_url, exchange, "residents.oakwood.admitted", b'{"id": 1}', b"[]"):
        assert list(failed(rabbit.judge(contract))) == ["payload"]
    channel.exchange_delete(exchange)


def test_a_channel_may_be_looked_at_elsewhere(rabbit: Bench, channel: Any) -> None:
    stream = new_name("care")
    channel.queue_declare(stream, durable=True, arguments={"x-queue-type": "stream"})
    channel.basic_publish("", stream, b'{"id": 1}')
    binding = {"is": "routingKey", "exchange": {"name": "events", "type": "topic"}}
    document = amqp(rabbit, "3.0.0", "residents.admitted", binding)
    contract = {"asyncapi": {"document": document, "channels": {"events": {"place": stream, "offset": "first"}}}}
    (check,) = rabbit.checks(contract).values()
    assert check.effect == "read"
    assert failed(rabbit.run(check)) == {}
    channel.queue_delete(stream)


@pytest.fixture
def published() -> Iterator[Any]:
    """A place on the web for documents: what is put into the map is served."""
    found: dict[str, str] = {}

    async def answer(request: Any) -> PlainTextResponse:
        text = found.get(request.url.path)
        return PlainTextResponse(text or "no such page", 200 if text else 404)

    with serving(Starlette(routes=[Route("/{path:path}", answer)])) as url:
        yield url, found


def test_a_document_at_a_url_is_fetched_when_the_check_runs(bench: Bench, published: Any) -> None:
    url, pages = published
    prefix = new_name("care")
    topics(bench, f"{prefix}.one", f"{prefix}.two")
    payload = {"payload": {"type": "object", "required": ["id"]}}
    content = {
        "asyncapi": "3.0.0",
        "channels": {
            "one": {"address": f"{prefix}.one", "messages": {"E": payload}},
            "two": {"address": f"{prefix}.two", "messages": {"E": payload}},
        },
    }
    pages["/care.json"] = json.dumps(content)
    contract = {"asyncapi": f"{url}/care.json"}
    with pytest.raises(Unavailable, match=r"\.one' showed none.*\.two' showed none"):
        bench.judge(contract)
    put(bench, f"{prefix}.one", {"id": 1})
    outcome = bench.judge(contract)
    assert failed(outcome) == {}
    assert "one: payload" in passed(outcome)
    assert "no message to judge" in failed(outcome, "warn")["messages"]
    put(bench, f"{prefix}.two", {"no": 1})
    assert list(failed(bench.judge(contract))) == ["two: payload"]
    content["channels"]["two"]["address"] = f"{prefix}.three"
    pages["/care.json"] = json.dumps(content)
    assert "has no topic" in failed(bench.judge(contract))["two: read"]


@pytest.mark.parametrize(
    ("page", "kind", "said"),
    [
        (None, Rejected, "was answered with 404"),
        ("{", Garbled, "is neither JSON nor YAML"),
        ("openapi: 3.0.0", Rejected, "is no AsyncAPI document"),
        ("asyncapi: 3.0.0\nchannels: {a: {$ref: 'other.yaml#/a'}}", Rejected, "nothing more is fetched"),
    ],
)
def test_a_document_at_a_url_that_cannot_be_used(
    bench: Bench, published: Any, page: str | None, kind: type[Exception], said: str
) -> None:
    url, pages = published
    if page:
        pages["/care.yaml"] = page
    with pytest.raises(kind, match=said):
        bench.judge({"asyncapi": f"{url}/care.yaml"})


def test_a_document_at_a_url_that_nobody_serves(bench: Bench) -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        bench.judge({"asyncapi": f"http://127.0.0.1:{free_port()}/care.yaml"})


def with_channel(channel: Any, **more: Any) -> dict[str, Any]:
    return {"asyncapi": "3.0.0", "channels": {"events": channel}, **more}


EVENT = {"address": "e", "messages": {"Event": {"payload": {"type": "object"}}}}
OPENAPI = {"schemaFormat": "application/vnd.oai.openapi;version=3.0.0", "schema": {}}
KAFKA = {"s": {"host": "h", "protocol": "kafka"}}
WRONG = [
    ({}, {}, "is no AsyncAPI document"),
    ({"asyncapi": "1.2.0"}, {}, "is of AsyncAPI 1.2.0; known are 2.0 to 2.6"),
    ({"asyncapi": "3.0.0"}, {}, "has no channel for this integration (kafka, kafka-secure); its servers speak none"),
    (with_channel(EVENT, servers={"s": {"protocol": "mqtt"}}), {}, "its servers speak mqtt"),
    (with_channel(EVENT, servers=KAFKA), {"server": "other"}, "has no channel on the server 'other'"),
    (with_channel({**EVENT, "bindings": {"amqp": {}}}), {}, "has no channel for this integration"),
    (with_channel({"messages": EVENT["messages"]}), {}, "the document does not tell its address"),
    (with_channel({"$ref": "#/nowhere"}), {}, "$ref '#/nowhere' at /channels/events points to nothing"),
    (with_channel({"$ref": "other.yaml"}), {}, "refers to 'other.yaml', which is not beside it"),
    (with_channel({"$ref": "#/channels/events"}), {}, "lead in a circle"),
    (with_channel([]), {}, "is not built as AsyncAPI 3.0.0 says: channel 'events' is no map"),
    (with_channel({**EVENT, "messages": []}), {}, "a map is expected at /channels/events/messages"),
    (with_channel({**EVENT, "messages": {"E": {"payload": {"type": "strin"}}}}), {}, "'strin' is not valid"),
    (with_channel({**EVENT, "messages": {"E": {"payload": {"$ref": "#/no"}}}}), {}, "$ref '#/no'"),
    (with_channel({**EVENT, "messages": {"E": {"payload": OPENAPI}}}), {}, "cannot be judged; leave its channel out"),
    (with_channel({**EVENT, "messages": {"E": {"headers": {"type": "strin"}}}}), {}, "headers of message 'E'"),
    (with_channel(EVENT), {"channels": {"evnts": {}}}, "the document has no such channel, did you mean 'events'"),
    (with_channel(EVENT), {"channels": {"events": {"smaple": 1}}}, "channels.events.smaple: unknown key"),
    (with_channel({**EVENT, "address": "e.{tenant}"}), {"parameters": {"tennant": "x"}}, "did you mean 'tenant'"),
    (with_channel(EVENT), {"serve": "x"}, "serve: unknown key, did you mean 'server'"),
]


@pytest.mark.parametrize(("content", "more", "said"), WRONG)
def test_what_is_wrong_is_said_before_anything_runs(tmp_path: Path, content: Any, more: Any, said: str) -> None:
    bench = Bench("kafka", "kafka://127.0.0.1:9", tmp_path)
    bench.file("care.json", content)
    with pytest.raises(Mistakes) as error:
        bench.checks({"asyncapi": {"document": "care.json", **more}})
    assert said in str(error.value)


def test_a_channel_is_left_out_by_skip(tmp_path: Path) -> None:
    bench = Bench("kafka", "kafka://127.0.0.1:9", tmp_path)
    content = with_channel({**EVENT, "messages": {"E": {"payload": OPENAPI}}})
    content["channels"]["more"] = EVENT
    bench.file("care.json", content)
    checks = bench.checks({"asyncapi": {"document": "care.json", "channels": {"events": {"skip": True}}}})
    assert list(checks) == ["asyncapi-more"]


def test_a_channel_of_which_nothing_is_said_is_not_green(bench: Bench) -> None:
    topic = new_name("care")
    topics(bench, topic)
    put(bench, topic, {"id": 1}, headers=None)
    document = bench.file("care.json", with_channel({"address": topic, "messages": {"Event": {"title": "Something"}}}))
    with pytest.raises(Unavailable, match="says nothing of channel 'events'"):
        bench.judge({"asyncapi": document})
    document = bench.file("care.json", with_channel({"address": topic}))
    with pytest.raises(Unavailable, match="says nothing of channel 'events'"):
        bench.judge({"asyncapi": document})
