"""Under xdist: the controller provisions and hands out the shares, each worker runs ahead of its own.

xdist's usual scheduler decides bit by bit which worker gets which test, so that no worker could run ahead. Ours gives
worker i of n every n-th test from the i-th, which each worker can tell for itself. When a worker dies, what it left is
given to the others, test by test.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_sysint.core.records import IntegrationRecord
from pytest_sysint.session.state import State


class Leading:
    """The controller's part."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._workers = 0

    def pytest_configure_node(self, node: Any) -> None:
        count = len(node.config.getoption("tx"))
        # A worker that takes a dead one's place has no share of its own: it runs what it is given, test by test.
        index = self._workers if self._workers < count else None
        node.workerinput["sysint"] = self._state.handover(node.gateway.id, index, count)
        self._workers += 1

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return Shares(config) if config.getoption("dist") in ("load", "worksteal") else None

    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """A worker died of this test, which is not run again: nobody may wait for what it would have told."""
        if self._state.board.read(crashitem) is None:
            self._state.board.post(crashitem, "")

    def pytest_testnodedown(self, node: Any) -> None:
        told = getattr(node, "workeroutput", {}).get("sysint")
        recording: Any = node.config.pluginmanager.getplugin("sysint-recording")
        if told and recording:
            parts = json.loads(told)
            recording.join([IntegrationRecord.model_validate(item) for item in parts["integrations"]], parts["notices"])


class Joined:
    """A worker's part: tell the controller what is not in the results."""

    def __init__(self, state: State) -> None:
        self._state = state

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._state.worker is None:
            return
        records = self._state.opened.records() if self._state.opened else ()
        told = {"integrations": [item.dump() for item in records], "notices": self._state.notices}
        session.config.workeroutput["sysint"] = json.dumps(told)  # type: ignore[attr-defined]


class Shares:
    """An xdist scheduler: every worker gets its share at once, in its order."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._expected = len(config.getoption("tx"))
        self._collections: dict[Any, Sequence[str]] = {}
        self._pending: dict[Any, list[int]] = {}
        self._left: list[int] = []
        self._scheduled = False

    @property
    def nodes(self) -> list[Any]:
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        return len(self._collections) >= self._expected

    @property
    def tests_finished(self) -> bool:
        # A worker holds its last test back until it is told that nothing follows.
        return self.collection_is_completed and not self._left and all(len(own) < 2 for own in self._pending.values())

    @property
    def has_pending(self) -> bool:
        return bool(self._left) or any(self._pending.values())

    def add_node(self, node: Any) -> None:
        self._pending[node] = []

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        self._collections[node] = list(collection)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        self._pending[node].remove(item_index)
        self._give_left()

    def mark_test_pending(self, item: str) -> None:
        self._left.append(next(iter(self._collections.values())).index(item))
        self._give_left()

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError("shares are not stolen")

    def remove_node(self, node: Any) -> str | None:
        own = self._pending.pop(node)
        crashed = self._collections[node][own.pop(0)] if own else None
        self._left += own
        self._give_left()
        return crashed

    def schedule(self) -> None:
        if self._scheduled:
            self._give_left()
            return
        self._scheduled = True
        reference, *others = self._collections.values()
        if any(other != reference for other in others):
            raise pytest.UsageError(
                "the workers of xdist collected different tests: their order must not depend on chance"
            )
        for index, node in enumerate(self._collections):
            share = list(range(index, len(reference), len(self._collections)))
            self._pending[node] = share
            node.send_runtest_some(share)

    def _give_left(self) -> None:
        """Hand what a dead worker left to the one that has the least to do."""
        while self._left and self._pending and self._scheduled:
            node = min(self._pending, key=lambda each: len(self._pending[each]))
            index = self._left.pop(0)
            self._pending[node].append(index)
            node.send_runtest_some([index])
