"""The form `messages` on Apache Kafka: each rule on messages that keep it, and on one broken in just that way."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from pytest_sysint.checks.contract import KIND
from pytest_sysint.core.errors import Mistakes, Rejected, Unavailable
from pytest_sysint.core.registry import types
from tests.message_bench import Bench, failed, new_name, passed
from tests.message_bench import produce as put

RESIDENT = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "string", "pattern": "^R-"},
        "name": {"type": "object", "properties": {"given": {"type": "string"}}, "required": ["given"]},
        "born": {"type": "string", "format": "date"},
    },
}
GOOD = {"id": "R-1", "name": {"given": "Ada"}, "born": "1931-12-10"}


@pytest.fixture(scope="module")
def url(real_service: Any) -> str:
    return str(real_service("kafka", "local_binary"))


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Any:
    found = Bench("kafka", url, tmp_path)
    yield found
    found.close()


@pytest.fixture
def topic(bench: Bench) -> str:
    """A topic of two partitions."""
    name = new_name("care")
    bench.topics({"name": name, "partitions": 2})
    return name


def test_messages_that_match_their_schema_pass(bench: Bench, topic: str) -> None:
    bench.file("resident.json", RESIDENT)
    put(bench, topic, GOOD, {**GOOD, "id": "R-2"})
    put(bench, topic, {**GOOD, "id": "R-3"}, partition=1)
    outcome = bench.judge({"messages": {topic: "resident.json"}})
    assert failed(outcome) == {}
    assert passed(outcome) == {"messages", "payload"}
    assert outcome.metrics == {"messages": 3, "bytes": outcome.metrics["bytes"], "broken": 0}
    assert "3 of at most 100 observed by own reader" in outcome.assertions[0].message


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({**GOOD, "id": 7}, "$.id: 7 is not of type 'string'"),
        ({**GOOD, "name": {}}, "$.name: 'given' is a required property"),
        ({**GOOD, "born": "1931-02-30"}, "$.born: '1931-02-30' is not a 'date'"),
        (b"{not json", "is not JSON: Expecting property name"),
        (b'{"id": NaN}', "is not JSON: NaN is no number of JSON"),
        (b"\xff\xfe", "is not JSON: byte 0 (0xff) is no UTF-8"),
        (b"", "is not JSON: Expecting value"),
        (None, "there is no payload"),
    ],
)
def test_a_payload_that_does_not_match_is_shown_with_its_place(
    bench: Bench, topic: str, broken: Any, said: str
) -> None:
    bench.file("resident.json", RESIDENT)
    put(bench, topic, GOOD)
    put(bench, topic, GOOD, broken, GOOD, partition=1)
    outcome = bench.judge({"messages": {topic: "resident.json"}})
    message = failed(outcome)["payload"]
    assert "1 of 4 messages broke it, first partition 1, offset 1: does not match resident.json" in message
    assert said in message
    assert outcome.metrics["broken"] == 1
    assert "1 of 4 messages" in outcome.cause
    assert f"-t {topic}" in outcome.reproduce


def test_without_a_message_nothing_is_judged_and_nothing_is_green(bench: Bench, topic: str) -> None:
    bench.file("resident.json", RESIDENT)
    with pytest.raises(Unavailable, match=f"no message to judge: '{topic}' showed none"):
        bench.judge({"messages": {topic: "resident.json"}})
    outcome = bench.judge({"messages": {topic: {"schema": "resident.json", "none": "fail"}}})
    assert "no message to judge" in failed(outcome)["messages"]


def test_a_topic_that_is_not_there_is_a_failure(bench: Bench) -> None:
    bench.file("resident.json", RESIDENT)
    with pytest.raises(Rejected, match=r"no topic 'care\.nowhere'"):
        bench.judge({"messages": {"care.nowhere": "resident.json"}})


def test_tombstones_are_allowed_where_that_is_said(bench: Bench, topic: str) -> None:
    bench.file("resident.json", RESIDENT)
    allowed = {"messages": {topic: {"schema": "resident.json", "tombstones": True}}}
    put(bench, topic, None, key="R-1")
    assert "no message was judged" in failed(bench.judge(allowed))["payload"]
    put(bench, topic, GOOD)
    assert failed(bench.judge(allowed)) == {}


RULES = {
    "key": "~ ^R-",
    "headers": {"tenant": {"in": ["oakwood", "elmhurst"]}},
    "content_type": "application/json",
    "expect": {"$.name.given": {"length": ">= 1"}},
}
HEADERS = {"tenant": "oakwood", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("name", "broken", "said"),
    [
        ("key", {"key": "X-1"}, "key was"),
        ("key", {"key": None}, "key was"),
        ("headers.tenant", {"headers": {**HEADERS, "tenant": "nobody"}}, "headers.tenant was"),
        ("headers.tenant", {"headers": {"content-type": "application/json"}}, "there is no 'headers.tenant'"),
        ("content_type", {"headers": {**HEADERS, "content-type": "text/plain"}}, "content_type was"),
        ("$.name.given", {"body": {"name": {"given": ""}}}, "$.name.given was"),
    ],
)
def test_each_rule_beside_the_schema_fails_alone(
    bench: Bench, topic: str, name: str, broken: dict[str, Any], said: str
) -> None:
    healthy = {"key": "R-1", "headers": HEADERS}
    put(bench, topic, GOOD, **healthy)
    outcome = bench.judge({"messages": {topic: RULES}})
    assert failed(outcome) == {}
    assert passed(outcome) == {"messages", "key", "headers.tenant", "content_type", "$.name.given"}
    more = {**healthy, **broken}
    put(bench, topic, more.pop("body", GOOD), **more, partition=1)
    found = failed(bench.judge({"messages": {topic: RULES}}))
    if name == "content_type":
        found.pop("$.name.given", None)  # a payload that calls itself text is no JSON
    assert list(found) == [name]
    assert "1 of 2 messages broke it, first partition 1, offset 0" in found[name]
    assert said in found[name]


def test_a_key_may_have_a_schema(bench: Bench, topic: str) -> None:
    bench.file("key.json", {"type": "object", "required": ["tenant"]})
    contract = {"messages": {topic: {"key": {"schema": "key.json"}}}}
    put(bench, topic, GOOD, key='{"tenant": "oakwood"}')
    assert failed(bench.judge(contract)) == {}
    put(bench, topic, GOOD, key='{"tenants": 1}')
    assert "does not match key.json: $: 'tenant' is a required property" in failed(bench.judge(contract))["key"]
    put(bench, topic, GOOD)
    assert "2 of 3 messages broke it" in failed(bench.judge(contract))["key"]


def test_a_warning_does_not_fail(bench: Bench, topic: str) -> None:
    put(bench, topic, GOOD, key="X")
    outcome = bench.judge({"messages": {topic: {"key": {"warn": "~ ^R-"}}}})
    assert failed(outcome) == {}
    assert list(failed(outcome, "warn")) == ["key"]


def test_the_newest_are_looked_at_fairly_from_each_partition(bench: Bench, topic: str) -> None:
    put(bench, topic, *({"n": n} for n in range(50)))
    put(bench, topic, {"n": 100}, partition=1)
    payload = bench.live.sample(topic, count=5, timeout=10).payload
    assert sorted(each["payload"]["n"] for each in payload) == [46, 47, 48, 49, 100]
    assert all(each["raw"] == json.dumps(each["payload"]).encode() for each in payload)


def test_the_stand_in_for_kafka_shows_its_messages_too(real_service: Any, tmp_path: Path) -> None:
    bench = Bench("kafka", str(real_service("kafka", "embedded")), tmp_path)
    name = new_name("care")
    bench.live.seed(bench.folder / bench.file("topics.json", [{"name": name}]), 20)
    put(bench, name, GOOD)
    assert failed(bench.judge({"messages": {name: {"expect": {"$.id": "R-1"}}}})) == {}
    bench.close()


def test_waiting_brings_what_comes_later(bench: Bench, topic: str) -> None:
    put(bench, topic, {"n": 0})
    check = bench.checks({"messages": {topic: {"expect": {"$.n": ">= 0"}, "sample": 2, "wait": "20s"}}})
    (only,) = check.values()
    assert only.timeout == 30
    later = threading.Thread(target=put, args=(bench, topic, {"n": 1}))
    later.start()
    outcome = bench.run(only)
    later.join()
    assert outcome.metrics["messages"] == 2


def test_looking_takes_nothing_from_a_group(bench: Bench, topic: str) -> None:
    """A group that has read half: its offsets are the same afterwards, and it gets the rest, all and in order."""
    put(bench, topic, *({"n": n} for n in range(20)))
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bench.live.access.bootstrap,
            "group.id": new_name("team"),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.subscribe([topic])
        first = consumer.consume(10, timeout=30)
        consumer.commit(message=first[-1], asynchronous=False)
        groups = bench.live.admin.list_consumer_groups().result(10).valid
        before = [each.offset for each in consumer.committed([confluent_kafka.TopicPartition(topic, 0)], timeout=10)]
        outcome = bench.judge({"messages": {topic: {"expect": {"$.n": ">= 0"}}}})
        assert outcome.metrics["messages"] == 20
        after = [each.offset for each in consumer.committed([confluent_kafka.TopicPartition(topic, 0)], timeout=10)]
        assert before == after == [10]
        rest = consumer.consume(10, timeout=30)
        assert [json.loads(each.value())["n"] for each in (*first, *rest)] == list(range(20))
        known = {each.group_id for each in bench.live.admin.list_consumer_groups().result(10).valid}
        assert known == {each.group_id for each in groups}, "a group of ours was left behind"
    finally:
        consumer.close()


def test_references_lead_to_files_beside_the_schema(bench: Bench, topic: str) -> None:
    bench.file("schemas/resident.yaml", {"type": "object", "properties": {"name": {"$ref": "parts/name.yaml"}}})
    bench.file("schemas/parts/name.yaml", {"properties": {"given": {"$ref": "../basics.json#/$defs/text"}}})
    bench.file("schemas/basics.json", {"$defs": {"text": {"type": "string"}}})
    put(bench, topic, GOOD)
    assert failed(bench.judge({"messages": {topic: "schemas/resident.yaml"}})) == {}
    put(bench, topic, {"name": {"given": 5}})
    said = failed(bench.judge({"messages": {topic: "schemas/resident.yaml"}}))["payload"]
    assert "$.name.given: 5 is not of type 'string'" in said


WRONG = [
    ([], "expected a map of topics or queues"),
    ({}, "expected a map of topics or queues"),
    ({"t": 3}, "t: expected a schema's file, or a map of promises"),
    ({"t": {"sample": 5}}, "t: promises nothing"),
    ({"t": "residnet.json"}, "did you mean 'resident.json'"),
    ({"t": {"schema": "resident.json", "smaple": 5}}, "t.smaple: unknown key, did you mean 'sample'"),
    ({"t": {"key": {"matchess": "x"}}}, "t.key"),
    ({"t": {"headers": {"tenant": {"matchess": "x"}}}}, "t.headers.tenant"),
    ({"t": {"expect": {"$.[": 1}}}, "t.expect.$.["),
    ({"t": {"schema": "broken.json"}}, "t.schema: 'broken.json': not a valid JSON Schema"),
    ({"t": {"schema": "torn.json"}}, "t.schema: 'torn.json' is neither JSON nor YAML"),
    ({"t": {"schema": "astray.json"}}, "$ref 'nowhere.json' leads to no file beside it"),
    ({"t": {"schema": "list.json"}}, "a JSON Schema is a map"),
    ({"t": {"schema": "notes.txt"}}, "the format of 'notes.txt' does not follow from its name"),
    ({"t": {"schema": "resident.json", "message": "Resident"}}, "only a Protobuf schema has several messages"),
    ({"t": {"schema": "resident.json", "wait": 5}}, "has no unit"),
]


@pytest.mark.parametrize(("raw", "said"), WRONG)
def test_what_is_declared_wrong_is_said_before_anything_runs(tmp_path: Path, raw: Any, said: str) -> None:
    files = {"resident.json": RESIDENT, "broken.json": {"type": "strin"}, "list.json": [], "notes.txt": ""}
    files["astray.json"] = {"$ref": "nowhere.json"}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "torn.json").write_text('{"type": [')
    with pytest.raises(Mistakes) as error:
        KIND.read({"messages": raw}, types().get("kafka"), tmp_path)
    assert said in str(error.value)


def test_a_type_without_messages_has_no_such_contract(tmp_path: Path) -> None:
    with pytest.raises(Mistakes, match="a contract of a message queue whose messages can be looked at"):
        KIND.read({"messages": {"t": "x.json"}}, types().get("rest"), tmp_path)


def test_topics_that_look_alike_have_slugs_of_their_own(bench: Bench) -> None:
    bench.file("resident.json", RESIDENT)
    checks = bench.checks({"messages": {"care.a": "resident.json", "care_a": "resident.json"}})
    assert list(checks) == ["messages-care-a", "messages-care-a-2"]
