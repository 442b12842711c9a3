"""What is known of health while a run goes on: who is still examined, and who is down because of whom."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from pytest_sysint.core.records import SHARED
from pytest_sysint.engine.plan import HEALTH, Planned


class HealthBook:
    """Which integrations are still being examined, and which were found to be down."""

    def __init__(self, planned: Iterable[Planned]) -> None:
        self._open: dict[str, set[str]] = {}
        for item in planned:
            if item.order == HEALTH:
                self._open.setdefault(item.check.integration_id, set()).add(item.nodeid)
        self._nodeids = {nodeid for nodeids in self._open.values() for nodeid in nodeids}
        self._down: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def nodeids(self) -> set[str]:
        """Node ids of all health checks of the plan."""
        return self._nodeids

    def pending(self, integration_id: str) -> bool:
        """Whether some health check of it has not ended."""
        return bool(self._open.get(integration_id))

    def ended(self, planned: Planned, root: str) -> bool:
        """Note the end of a check; True when it was the last health check of its integration."""
        with self._lock:
            check = planned.check
            if root and planned.order == HEALTH:
                self._down.setdefault((check.integration_id, check.tenant), root)
            left = self._open.get(check.integration_id, set())
            if planned.nodeid not in left:
                return False
            left.discard(planned.nodeid)
            return not left

    def root(self, integration_id: str, tenant: str) -> str:
        """The integration at the root of its being down, as far as this tenant is concerned; empty when it is up."""
        own = self._down.get((integration_id, tenant))
        if own or (integration_id, tenant) in self._down:
            return own or ""
        near = (
            root for (each, other), root in self._down.items() if each == integration_id and _concerns(tenant, other)
        )
        return next(near, "")


def _concerns(tenant: str, other: str) -> bool:
    """Whether another tenant's trouble is also this one's: what all share, and everybody's for what is shared."""
    return SHARED in (tenant, other)
