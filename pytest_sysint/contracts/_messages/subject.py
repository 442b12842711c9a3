"""The schema of a place against what the registry keeps: judged without any message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_sysint.checks._operation import holds
from pytest_sysint.contracts._messages.message import PayloadSchema
from pytest_sysint.contracts._messages.registry import Kept, Registry, RegistryKeys, opened
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.integration import Stopwatch
from pytest_sysint.core.records import SHARED, Assertion


@dataclass(frozen=True, slots=True)
class Registered:
    """The run of a check: the subject is there, of the right format, and the declared schema goes with it."""

    keys: RegistryKeys
    subject: str
    schema: PayloadSchema | None
    """The declared one; None when only the registry knows it."""
    tenant: str = SHARED

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when the registry cannot be asked."""
        watch = Stopwatch()
        with opened(self.keys, context) as registry:
            kept = registry.latest(self.subject)
            found = [self._is_there(kept)]
            if kept is not None and self.schema is not None and holds(tuple(found)):
                found += self._goes_with(registry, kept, self.schema)
        cause = "" if holds(tuple(found)) else "producers and this contract do not mean the same schema"
        return Outcome(tuple(found), watch.phases(), cause=cause)

    def _is_there(self, kept: Kept | None) -> Assertion:
        expected = f"subject '{self.subject}'" + (f" of the format {self.schema.kind}" if self.schema else "")
        if kept is None:
            return self._said("registered", f"the registry has no subject '{self.subject}'", expected, "nothing")
        right = self.schema is None or kept.kind == self.schema.kind
        said = f"the registry has {kept.title}, {kept.kind}"
        return self._said("registered", f"{said}; expected {expected}", expected, kept.kind, holds=right)

    def _goes_with(self, registry: Registry, kept: Kept, schema: PayloadSchema) -> list[Assertion]:
        level = registry.level(self.subject)
        expected = f"{schema.name} may follow {kept.title}"
        if level == "NONE":
            said = (
                f"compatibility of '{self.subject}' is NONE: the registry would take any schema, nothing was compared"
            )
            return [self._said("compatible", said, expected, level, severity="warn")]
        objections = registry.objections(self.subject, schema)
        said = f"{schema.name} does not go with {kept.title} ({level}): {'; '.join(objections)}"
        if not objections:
            said = f"{schema.name} goes with {kept.title} ({level})"
        return [self._said("compatible", said, expected, objections or level, holds=not objections)]

    def _said(
        self,
        name: str,
        said: str,
        expected: str,
        actual: object,
        *,
        holds: bool = False,
        severity: Literal["fail", "warn"] = "fail",
    ) -> Assertion:
        return Assertion(
            name=name,
            status="passed" if holds else "failed",
            message=said,
            expected=expected,
            actual=actual,
            severity=severity,
            tenant_id=self.tenant,
        )
