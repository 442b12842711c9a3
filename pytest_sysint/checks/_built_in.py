"""The checks that a type brings along, as a kind yields them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.checks._operation import holds, reproduce
from pytest_sysint.core.built_in import BuiltIn, Findings
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.checks import slug_of
from pytest_sysint.declaration.model import DeclaredIntegration


def built_in_checks(kind: str, declared: DeclaredIntegration) -> Iterator[Check]:
    """Those of one kind, for one integration and tenant."""
    for item in declared.cls.built_in:
        if item.kind == kind:
            yield Check(
                name=item.name,
                slug=slug_of(item.name),
                kind=kind,
                integration_id=declared.id,
                tenant=declared.tenant,
                run=_Run(item, declared.tenant),
                severity=declared.severity,
                effect=item.effect,
                timeout=declared.timeout,
                retry=declared.retry,
                budget=declared.budget,
                description=item.description,
                title=item.name,
                tags=declared.tags,
            )


def built_in_slugs(kind: str, cls: type[Integration[Any]]) -> frozenset[str]:
    """The last parts of their node ids, which no declared check may have."""
    return frozenset(slug_of(item.name) for item in cls.built_in if item.kind == kind)


@dataclass(frozen=True, slots=True)
class _Run:
    item: BuiltIn
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises Unavailable when it cannot be tried on this integration: skipped is not passed."""
        if obstacle := self.item.obstacle(context.integration):
            raise Unavailable(f"not testable here: {obstacle}")
        findings = Findings()
        try:
            self.item.run(context, findings)
        except CallError as error:
            partial = self._outcome(findings)
            error.partial = replace(partial, reproduce=reproduce(context), cause=cause_of_error(error))
            raise
        outcome = self._outcome(findings)
        return outcome if holds(outcome.assertions) else replace(outcome, reproduce=reproduce(context))

    def _outcome(self, findings: Findings) -> Outcome:
        outcome = findings.outcome()
        own = tuple(item.model_copy(update={"tenant_id": self.tenant}) for item in outcome.assertions)
        return replace(outcome, assertions=own)
