"""The part of the run's ledger that belongs to one check: every entry says which check it is, and where it writes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from pytest_sysint.core.ledger import Item, Ledger
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import Planned


class CheckPage:
    """A `core.ledger.Page`."""

    def __init__(self, ledger: Ledger, planned: Planned, connections: Connections) -> None:
        self._ledger = ledger
        self._planned = planned
        self._connections = connections

    def promise(self, items: Sequence[Item]) -> str:
        check = self._planned.check
        name = {"integration": check.integration_id, "kind": check.kind, "slug": check.slug, "tenant": check.tenant}
        about = {
            "declaration": self._planned.home,
            "environment": self._planned.environment,
            "places": {each: self._place(each) for each in (check.integration_id, *check.uses)},
        }
        return self._ledger.promise(name, about, items)

    def _place(self, integration_id: str) -> Any:
        """Where an integration is: what is undone later must be undone there, and nowhere else."""
        record = self._connections.record(integration_id)
        return {"url": record.url, "provision": record.provision} if record is not None else {}

    def learn(self, entry: str, number: int, more: Item) -> None:
        self._ledger.learn(entry, number, more)

    def undone(self, entry: str, numbers: Sequence[int]) -> None:
        self._ledger.undone(entry, numbers)

    def held(self) -> AbstractContextManager[None]:
        return self._ledger.held()
