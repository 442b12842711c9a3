"""Topics for a cluster that was just provisioned."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from pytest_sysint.core.errors import CallError, TimedOut
from pytest_sysint.core.model import Declared
from pytest_sysint.integrations._kafka.wire import STAND_IN, Client, library
from pytest_sysint.integrations._messages import Deadline, read_seed, read_seed_as

LOG = logging.getLogger(__name__)
_PAUSE = 0.05
_EXPECTED = "a list of topics: names, or maps of name, partitions, replicas, config"


_Name = Annotated[str, Field(min_length=1)]


class Topic(Declared):
    """One topic of a seed."""

    name: _Name
    partitions: int = Field(default=1, ge=1)
    replicas: int = Field(default=1, ge=1)
    config: dict[str, str] = Field(default_factory=dict)


_TOPICS: TypeAdapter[list[_Name | Topic]] = TypeAdapter(list[_Name | Topic])


def topics_in(path: Path) -> list[Topic]:
    """The topics of a YAML or JSON file.

    Raises:
        UsageError: when it is none, with what is wrong.

    """
    found = read_seed_as(_TOPICS, read_seed(path), path, _EXPECTED)
    return [Topic(name=topic) if isinstance(topic, str) else topic for topic in found]


def create(admin: Client, topics: list[Topic], deadline: Deadline) -> None:
    """Create the topics that are not there yet.

    Raises:
        CallError: when one cannot be created.

    """
    there = admin.metadata(deadline)
    missing = [topic for topic in topics if topic.name not in there.topics]
    if str(there.cluster_id).startswith(STAND_IN):
        for topic in missing:
            _evoke(admin, topic, deadline)
    elif missing:
        _create(admin, missing, deadline)


def _create(admin: Client, topics: list[Topic], deadline: Deadline) -> None:
    make = library().admin.NewTopic
    wanted = [make(topic.name, topic.partitions, topic.replicas, config=topic.config) for topic in topics]

    def start(seconds: float) -> dict[str, Future[None]]:
        futures: dict[str, Future[None]] = admin.native.create_topics(
            wanted, operation_timeout=seconds, request_timeout=seconds
        )
        return futures

    try:
        admin.call(start, deadline)
    except CallError as error:
        if error.code != "TOPIC_ALREADY_EXISTS":  # somebody was faster
            raise
    names = {topic.name for topic in topics}
    while names - _served(admin, deadline):  # a broker hears of a new topic a little later than the controller
        if not deadline.left:
            raise TimedOut(f"{', '.join(sorted(names))}: created, but not served within {deadline}", rung="write")
        time.sleep(_PAUSE)


def _served(admin: Client, deadline: Deadline) -> set[str]:
    found = admin.metadata(deadline).topics.values()
    return {
        topic.topic
        for topic in found
        if topic.partitions and all(partition.leader >= 0 for partition in topic.partitions.values())
    }


def _evoke(admin: Client, topic: Topic, deadline: Deadline) -> None:
    found = admin.native.list_topics(topic.name, timeout=deadline.left).topics[topic.name]
    if len(found.partitions) != topic.partitions:
        LOG.warning(
            "topic '%s' has %d partitions, not %d: librdkafka's stand-in for Kafka takes no orders",
            topic.name,
            len(found.partitions),
            topic.partitions,
        )
