"""What a Kafka cluster holds: its topics with their settings, and its consumer groups."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from pytest_sysint.core.description import NOT_KNOWN, Change, Drift, DurationLeaf, Leaf, Section, SizeLeaf, Spelled
from pytest_sysint.core.errors import Denied
from pytest_sysint.core.model import Declared
from pytest_sysint.integrations._kafka.wire import STAND_IN, Client, library, own_topics
from pytest_sysint.integrations._messages import Deadline

Items = dict[str, dict[str, Any]]
_UNLIMITED = math.inf
_SETTINGS = (
    "retention", "retention_size", "cleanup_policy", "compression", "min_in_sync", "max_message", "config", "overrides",
)  # fmt: skip
_NO_SETTINGS = "librdkafka's stand-in for Kafka does not tell it; Apache Kafka does"
_NOT_ALLOWED = "this user may not look at its settings (DescribeConfigs)"


def _policies(value: Any) -> Any:
    """`delete, compact` and [delete, compact] are the same."""
    parts = value.split(",") if isinstance(value, str) else value
    texts = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
    return ",".join(sorted(part.strip() for part in parts)) if texts else value


PolicyLeaf = Annotated[Any, Spelled(_policies)]


class Topic(Declared):
    """What can be promised of a topic."""

    shorthand: ClassVar[str] = "partitions"

    partitions: Leaf = Field(None, description="How many it has.")
    replication: Leaf = Field(None, description="How many copies each partition has; of several, the least.")
    in_sync: Leaf = Field(None, description="How many copies are in sync now; of several partitions, the least.")
    retention: DurationLeaf = Field(None, description="How long messages are kept; more than any time when for ever.")
    retention_size: SizeLeaf = Field(None, description="How much of a partition is kept; more than any when all.")
    cleanup_policy: PolicyLeaf = Field(None, description="delete, compact, or both.")
    compression: Leaf = Field(None, description="producer, none, gzip, snappy, lz4, zstd.")
    min_in_sync: Leaf = Field(None, description="How many copies must be in sync for a message to be taken (acks=all).")
    max_message: SizeLeaf = Field(None, description="The largest batch of messages that is taken.")
    config: dict[str, Leaf] | None = Field(None, description="Any setting in effect, by Kafka's name, as a text.")
    overrides: dict[str, Leaf] | None = Field(None, description="The settings made for this topic, not inherited.")


class Group(Declared):
    """What can be promised of a consumer group."""

    shorthand: ClassVar[str] = "state"

    state: Leaf = Field(None, description="stable, empty, preparing_rebalancing, completing_rebalancing, dead.")
    members: Leaf = Field(None, description="How many read in it now.")
    topics: Leaf = Field(None, description="The topics that its members read now, sorted.")
    assignor: Leaf = Field(None, description="How partitions are shared: range, cooperative-sticky, ...")


def _drift_of_topics(change: Change) -> Drift | None:
    """More partitions move keys to others; the rest is by the rule."""
    return "breaking" if change.path == ("partitions",) else None


def _topic_by_hand(integration: Any, name: str) -> str:
    return str(integration.kcat("-L -t", shlex.quote(name)))


TOPICS = Section(
    "topics",
    Topic,
    "Topics, with what they are set to.",
    drift=_drift_of_topics,
    left_out=frozenset({NOT_KNOWN, "in_sync", "config"}),
    by_hand=_topic_by_hand,
)
GROUPS = Section(
    "groups",
    Group,
    "Consumer groups, with who reads in them.",
    left_out=frozenset({NOT_KNOWN, "state", "members", "topics", "assignor"}),
)
SECTIONS = (TOPICS, GROUPS)


def describe(admin: Client, sections: Iterable[str], deadline: Deadline) -> dict[str, Items]:
    """What is there of the named sections.

    Raises:
        CallError: when the brokers do not answer or refuse.

    """
    tell = {TOPICS.name: _topics, GROUPS.name: _groups}
    return {name: tell[name](admin, deadline) for name in sections}


def _topics(admin: Client, deadline: Deadline) -> Items:
    metadata = admin.metadata(deadline)
    found = {name: _shape(topic) for name, topic in own_topics(metadata).items()}
    if metadata.cluster_id.startswith(STAND_IN):
        return {name: {**item, **_unknown(_NO_SETTINGS)} for name, item in found.items()}
    settings = _settings(admin, list(found), deadline) if found else {}
    return {name: {**item, **settings[name]} for name, item in found.items()}


def _unknown(why: str) -> dict[str, Any]:
    return {NOT_KNOWN: dict.fromkeys(_SETTINGS, why)}


def _shape(topic: Any) -> dict[str, Any]:
    partitions = topic.partitions.values()
    return {
        "partitions": len(topic.partitions),
        "replication": min((len(each.replicas) for each in partitions), default=0),
        "in_sync": min((len(each.isrs) for each in partitions), default=0),
    }


def _settings(admin: Client, names: list[str], deadline: Deadline) -> dict[str, dict[str, Any]]:
    """What each topic is set to: all at once, or one by one where not every one may be looked at."""
    kafka = library()
    resources = [kafka.admin.ConfigResource(kafka.admin.ResourceType.TOPIC, name) for name in names]
    try:
        answer: Mapping[Any, Any] = admin.call(
            lambda seconds: admin.native.describe_configs(resources, request_timeout=seconds), deadline
        )
    except Denied as error:
        if error.code != "TOPIC_AUTHORIZATION_FAILED":
            raise
        if len(names) == 1:
            return {names[0]: _unknown(_NOT_ALLOWED)}
        return {name: _settings(admin, [name], deadline)[name] for name in names}
    return {resource.name: _read(entries) for resource, entries in answer.items()}


def _read(entries: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: entry.value for key, entry in entries.items() if not entry.is_sensitive}
    own = library().admin.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {
        "retention": _limit(told.get("retention.ms"), 1000),
        "retention_size": _limit(told.get("retention.bytes")),
        "cleanup_policy": _policies(told.get("cleanup.policy")),
        "compression": told.get("compression.type"),
        "min_in_sync": _number(told.get("min.insync.replicas")),
        "max_message": _number(told.get("max.message.bytes")),
        "config": dict(sorted(told.items())),
        "overrides": {key: told[key] for key in sorted(told) if entries[key].source == own},
    }


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


def _limit(text: str | None, per_unit: int = 1) -> float | None:
    """A limit in seconds or bytes; of -1, which is none, more than any."""
    if text is None:
        return None
    return _UNLIMITED if int(text) < 0 else int(text) / per_unit


def _groups(admin: Client, deadline: Deadline) -> Items:
    if admin.metadata(deadline).cluster_id.startswith(STAND_IN):
        return {NOT_KNOWN: {"*": _NO_SETTINGS}}
    listed: Any = admin.call(
        lambda seconds: {"groups": admin.native.list_consumer_groups(request_timeout=seconds)}, deadline
    )
    names = sorted(each.group_id for each in listed["groups"].valid if not each.group_id.startswith("sysint-"))
    if not names:
        return {}
    described: Mapping[str, Any] = admin.call(
        lambda seconds: admin.native.describe_consumer_groups(names, request_timeout=seconds), deadline
    )
    return {name: _group(described[name]) for name in names}


def _group(told: Any) -> dict[str, Any]:
    topics = {at.topic for member in told.members for at in (member.assignment.topic_partitions or ())}
    return {
        "state": told.state.name.lower(),
        "members": len(told.members),
        "topics": sorted(topics),
        "assignor": told.partition_assignor or None,
    }
