"""Watching a topic: from now on, beside everybody else, with the end of what cannot be watched."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.capabilities import Watchable
from pytest_sysint.core.errors import Rejected
from pytest_sysint.integrations._kafka.operations import Consume
from pytest_sysint.integrations.kafka import TYPE


@pytest.fixture
def topic(real_service: Callable[[str], str], tmp_path: Path) -> Iterator[tuple[Any, str]]:
    live, name = TYPE(TYPE.settings_model(url=real_service("kafka"))), f"watch-{uuid.uuid4().hex[:8]}"
    (tmp_path / "topics.json").write_text(json.dumps([{"name": name, "partitions": 2}]))
    live.seed(tmp_path / "topics.json", 30)
    yield live, name
    live.close()


def read(watch: Any, count: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(200):
        found += watch.read(0.1)
        if len(found) >= count:
            break
    return found


def test_what_comes_from_now_on_is_brought_to_each_watch(topic: Any) -> None:
    live, name = topic
    live.publish(name, {"n": 0}, key="a", headers={}, timeout=10)
    operation = Consume(consume=name)
    assert isinstance(operation, Watchable)
    watches = [operation.watch(live, 10), live.watch(name, 10)]
    for number in range(1, 51):
        live.publish(name, {"n": number}, key="a", headers={"x": "y"}, timeout=10)
    for watch in watches:
        found = read(watch, 50)
        assert [message["payload"]["n"] for message in found] == list(range(1, 51))
        assert found[0]["key"] == "a"
        assert found[0]["headers"] == {"x": "y"}
        assert watch.disturbs == ""
        assert not watch.read(0.1)
        watch.close()


def test_a_topic_that_is_not_there_cannot_be_watched(topic: Any) -> None:
    live, name = topic
    with pytest.raises(Rejected, match=f"no topic '{name}-not'"):
        live.watch(f"{name}-not", 10)
