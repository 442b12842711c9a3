"""The check that a flow of any form becomes, for its source and one tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from pytest_sysint.checks._flows.cleaning import Undo
from pytest_sysint.checks._flows.keys import WholeKeys
from pytest_sysint.checks._flows.steps import Step
from pytest_sysint.core.check import Check, Context, Outcome, Poll
from pytest_sysint.core.records import Effect
from pytest_sysint.declaration.checks import slug_of
from pytest_sysint.declaration.model import DeclaredIntegration


def flow_check(
    name: str,
    keys: WholeKeys,
    declared: DeclaredIntegration,
    run: Callable[[Context], Outcome],
    *,
    title: str,
    effects: Mapping[str, Effect],
    takes: Callable[[float], float],
    cleanup: Sequence[Step],
    line: int,
    poll: Poll | None = None,
) -> Iterator[Check]:
    """The one check; none for a tenant that the flow leaves out. `takes` gives its seconds from those of a timeout."""
    if keys.tenants is not None and declared.tenant not in keys.tenants:
        return
    timeout = keys.timeout or declared.timeout
    elsewhere = {on: effect for on, effect in effects.items() if on != declared.id}
    yield Check(
        name=name,
        slug=slug_of(name),
        kind="dataflow",
        integration_id=declared.id,
        tenant=declared.tenant,
        run=run,
        severity=keys.severity or declared.severity,
        effect=effects[declared.id],
        timeout=timeout,
        poll=poll,
        retry=declared.retry,
        budget=keys.budget or declared.budget,
        uses=tuple(elsewhere),
        description=keys.description,
        title=title,
        effects=elsewhere,
        takes=takes(timeout),
        undo=Undo(tuple(cleanup)) if cleanup else None,
        line=line,
        tags=(*declared.tags, *keys.tags),
    )
