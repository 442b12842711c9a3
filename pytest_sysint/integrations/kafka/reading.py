"""Reading a topic beside everybody else: from where, how much, for how long."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import CallError
from pytest_sysint.integrations._messages import TEXT, Deadline, Inbox, decode, plain
from pytest_sysint.integrations.kafka.operations import Start, instant
from pytest_sysint.integrations.kafka.trouble import Trouble
from pytest_sysint.integrations.kafka.wire import Client

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition
    from confluent_kafka.admin import OffsetSpec

_SLICE = 0.1
"""Seconds between two looks at whether enough has come."""
_NOT_OURS = frozenset({"GROUP_AUTHORIZATION_FAILED", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"})
"""Errors about the group that librdkafka wants to have a name, and that is never joined."""
_READER = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    "fetch.wait.max.ms": 100,
    "queued.max.messages.kbytes": 8192,
}
