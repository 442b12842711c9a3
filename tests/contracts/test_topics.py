"""The sections `topics` and `groups` of type `kafka`: on Apache Kafka, and on a stand-in that tells less."""

from __future__ import annotations

import json
import uuid

import pytest

from pytest_sysint.core.errors import Unreachable

CONFIG = {
    "retention.ms": str(7 * 86400 * 1000),
    "retention.bytes": str(2**30),
    "cleanup.policy": "delete,compact",
    "compression.type": "zstd",
    "min.insync.replicas": "1",
    "max.message.bytes": str(2**20),
    "segment.ms": "60000",
}
PROMISED = {
    "partitions": ">= 3",
    "replication": 1,
    "in_sync": 1,
    "retention": ">= 7d",
    "retention_size": "1GiB",
    "cleanup_policy": ["compact", "delete"],
    "compression": "zstd",
    "min_in_sync": 1,
    "max_message": "<= 1MiB",
    "config": {"segment.ms": "60000", "message.timestamp.type": "CreateTime"},
    "overrides": {"segment.ms": {"exists": True}, "message.timestamp.type": {"exists": False}},
}


@pytest.fixture
def kafka(desk, real_service):
    return desk("kafka", url=real_service("kafka", "local_binary"))


def topic(place, tmp_path, partitions=3, **config):
    name = f"care.{uuid.uuid4().hex}"
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps([{"name": name, "partitions": partitions, "config": {**CONFIG, **config}}]))
    place.talk().integration.seed(file, 10)
    return name


def judged(place, contract):
    (check,) = place.checks(contract)
    return {each.name: each for each in check.run(place.talk()).assertions}


def failed(place, contract):
    return {name: each.message for name, each in judged(place, contract).items() if each.status == "failed"}


def test_a_topic_that_is_as_promised(kafka, tmp_path):
    found = judged(kafka, {"topics": {topic(kafka, tmp_path): PROMISED}})
    assert {each.status for each in found.values()} == {"passed"}
    assert len(found) == 13


@pytest.mark.parametrize(
    ("config", "broken"),
    [
        ({"retention.ms": "86400000"}, "retention"),
        ({"retention.bytes": "-1"}, "retention_size"),
        ({"cleanup.policy": "delete"}, "cleanup_policy"),
        ({"compression.type": "gzip"}, "compression"),
        ({"min.insync.replicas": "2"}, "min_in_sync"),
        ({"max.message.bytes": "2000000"}, "max_message"),
        ({"segment.ms": "70000"}, "config.segment.ms"),
        ({"message.timestamp.type": "LogAppendTime"}, "config.message.timestamp.type"),
    ],
)
def test_each_setting_that_is_another(kafka, tmp_path, config, broken):
    found = set(failed(kafka, {"topics": {topic(kafka, tmp_path, **config): PROMISED}}))
    assert broken in found
    assert found - {broken} <= {"overrides.message.timestamp.type"}


def test_partitions_and_copies(kafka, tmp_path):
    name = topic(kafka, tmp_path, partitions=2)
    assert set(failed(kafka, {"topics": {name: PROMISED}})) == {"partitions"}
    assert set(failed(kafka, {"topics": {name: {"replication": ">= 3", "in_sync": ">= 2"}}})) == {
        "replication",
        "in_sync",
    }


def test_for_ever_is_more_than_any_time(kafka, tmp_path):
    name = topic(kafka, tmp_path, **{"retention.ms": "-1"})
    assert failed(kafka, {"topics": {name: {"retention": ">= 10000d"}}}) == {}
    assert set(failed(kafka, {"topics": {name: {"retention": "<= 30d"}}})) == {"retention"}


def test_a_topic_that_is_not_there(kafka, tmp_path):
    name = topic(kafka, tmp_path)
    assert f"did you mean '{name}'" in failed(kafka, {"topics": {name[:-1]: 3}})[name[:-1]]
    assert failed(kafka, {"topics": {f"{name}-old": {"absent": True}}}) == {}
    assert failed(kafka, {"topics": {name: {"absent": True}}})


def test_consumer_groups(kafka, tmp_path):
    from confluent_kafka import Consumer

    name, group = topic(kafka, tmp_path), f"letters-{uuid.uuid4().hex}"
    live = kafka.talk().integration
    consumer = Consumer({"bootstrap.servers": live.access.bootstrap, "group.id": group})
    consumer.subscribe([name])
    try:
        for _ in range(300):
            consumer.poll(0.1)
            if consumer.assignment():
                break
        good = {"state": "stable", "members": 1, "topics": [name], "assignor": "range"}
        assert failed(kafka, {"groups": {group: good}}) == {}
        assert set(failed(kafka, {"groups": {group: {**good, "members": ">= 2"}}})) == {"members"}
    finally:
        consumer.close()
    assert set(failed(kafka, {"groups": {group: good}})) >= {"state", "members", "topics"}
    assert failed(kafka, {"groups": {group[:-1]: {}}})


def test_what_the_stand_in_does_not_tell_is_not_known_and_no_pass(desk, real_service, tmp_path):
    place = desk("kafka", url=real_service("kafka", "embedded"))
    name = topic(place, tmp_path, partitions=4)
    found = judged(place, {"topics": {name: {**PROMISED, "overrides": {"x": {"exists": False}}}}})
    passed = {key for key, each in found.items() if each.status == "passed"}
    assert passed == {"partitions", "replication", "in_sync"}
    assert all(
        "is not known: librdkafka's stand-in" in each.message for key, each in found.items() if key not in passed
    )
    for promised in ({}, {"state": "stable"}, {"absent": True}):
        (message,) = failed(place, {"groups": {"letters": promised}}).values()
        assert "is not known" in message


def test_a_cluster_that_is_gone(desk):
    place = desk("kafka", url="kafka://127.0.0.1:1")
    (check,) = place.checks({"topics": {"a": 1}})
    with pytest.raises(Unreachable):
        check.run(place.talk())


def test_a_snapshot_keeps_what_was_made_and_not_what_follows(kafka, tmp_path):
    from pytest_sysint.contracts._drift import differences, recorded
    from pytest_sysint.integrations._kafka.description import GROUPS, TOPICS

    name = topic(kafka, tmp_path)
    kept = recorded(TOPICS, {name: kafka.talk().integration.describe(["topics"], 5)["topics"][name]})
    assert {"partitions", "retention", "overrides"} <= set(kept[name])
    assert not {"config", "in_sync", "not_known"} & set(kept[name])
    more = differences(TOPICS, kept, {name: {**kept[name], "partitions": 6}})
    assert [difference.grade for difference in more] == ["breaking"]
    assert recorded(GROUPS, {"not_known": {"*": "why"}, "g": {"state": "stable", "members": 1}}) == {"g": {}}
