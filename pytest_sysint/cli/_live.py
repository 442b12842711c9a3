"""Live integrations for a command: provided as in a run, and never written to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_sysint.core.records import Effect
    from pytest_sysint.declaration import Declaration, DeclaredIntegration
    from pytest_sysint.engine.connections import Connections
    from pytest_sysint.provision import Provided, Services


@contextmanager
def connected(declarations: Sequence[Declaration]) -> Iterator[Connections]:
    """The connections of some declarations; what was started for them is stopped at the end."""
    from pytest_sysint.engine.connections import Connections
    from pytest_sysint.provision import Services

    declared = [item for each in declarations for item in each.integrations]
    reading: frozenset[Effect] = frozenset({"read"})
    with tempfile.TemporaryDirectory(prefix="sysint-logs-") as logs:
        services = Services(logs=Path(logs))
        connections = Connections(
            declared, lambda item: _provide(item, services), allow={item.id: reading for item in declared}
        )
        try:
            yield connections
        finally:
            connections.close()
            services.close()


def _provide(declared: DeclaredIntegration, services: Services) -> Provided:
    from pytest_sysint.core.errors import Unavailable
    from pytest_sysint.provision import Provided, ServiceRequest

    if declared.settings.url:
        return Provided(declared.settings.url, "existing")
    provision = declared.provision
    if provision.way == "existing":
        raise Unavailable(f"integration '{declared.id}' has no url, and nothing may be started for it")
    root = Path.cwd()
    return services.provide(
        ServiceRequest(
            id=declared.id,
            type=declared.type,
            folder=str(root),
            way=provision.way,
            options=dict(provision.declared),
            seed=str(root / provision.seed) if provision.seed else "",
            timeout=provision.timeout,
        )
    )
