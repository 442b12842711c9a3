"""Health: is it there, and does it do what it must, as fast as it must?

Every integration has the built-in check `reachable`, which climbs the probe ladder; its type may bring more. The
`health:` key adds declared checks, or `false` to have none at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sysint.checks._built_in import built_in_checks, built_in_slugs
from pytest_sysint.checks._ladder import Ladder
from pytest_sysint.checks._operation import applies_to, check_of
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.checks import DeclaredCheck, check_schema, read_checks, slug_of
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.model import DeclaredIntegration

_REACHABLE = "reachable"
_FORMS = "a list of checks, one check, or false to have no health checks"


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """The validated value of a `health:` key."""

    enabled: bool = True
    declared: tuple[DeclaredCheck, ...] = ()


class Health:
    """The kind `health`. Its verdict decides whether the other checks of an integration are run."""

    name = "health"
    order = 0
    alone = False

    def read(self, raw: Any, cls: type[Integration[Any]], _folder: Path) -> HealthChecks:
        """Read the `health:` key of an integration of that type.

        Raises:
            Mistakes: everything that is wrong with it.

        """
        if raw is False:
            return HealthChecks(enabled=False)
        if not isinstance(raw, (list, Mapping)) or not raw:
            raise Mistakes(Mistake((), f"expected {_FORMS}; got {came(raw) if raw else 'nothing in it'}"))
        try:
            checks = read_checks(raw, cls)
        except Mistakes as error:
            named = [item.get("name") if isinstance(item, Mapping) else None for item in _listed(raw)]
            slugs = [slug_of(name) if isinstance(name, str) else "" for name in named]
            raise Mistakes(*error.mistakes, *_clashes(raw, slugs, cls)) from None
        if clashes := _clashes(raw, [check.slug for check in checks], cls):
            raise Mistakes(*clashes)
        return HealthChecks(declared=checks)

    def schema(self, cls: type[Integration[Any]]) -> dict[str, Any]:
        """The JSON Schema of the `health:` key for that type."""
        check = check_schema(cls)
        return {
            "description": "Declared health checks, beside the built-in ones (`reachable`); false for none at all.",
            "anyOf": [{"const": False}, {"type": "array", "minItems": 1, "items": check}, check],
        }

    def checks(self, declared: DeclaredIntegration) -> Iterable[Check]:
        """The built-in checks, then the declared ones in their order."""
        health = declared.kinds.get(self.name) or HealthChecks()
        return self._checks(declared, health) if health.enabled else ()

    def _checks(self, declared: DeclaredIntegration, health: HealthChecks) -> Iterator[Check]:
        yield Check(
            name=_REACHABLE,
            slug=_REACHABLE,
            kind=self.name,
            integration_id=declared.id,
            tenant=declared.tenant,
            run=Ladder(declared.tenant),
            severity=declared.severity,
            timeout=declared.timeout,
            retry=declared.retry,
            budget=declared.budget,
            description="Climbs the probe ladder, from the name lookup to a read.",
            title="probe ladder",
            decisive=True,
            tags=declared.tags,
        )
        yield from built_in_checks(self.name, declared)
        for item in health.declared:
            if applies_to(item, declared):
                yield check_of(self.name, item, declared)


def _listed(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [raw]


def _clashes(raw: Any, slugs: Iterable[str], cls: type[Integration[Any]]) -> list[Mistake]:
    """A check whose node id would be that of a built-in one."""
    taken = {_REACHABLE, *built_in_slugs("health", cls)}
    places = [(index,) if isinstance(raw, list) else () for index in range(len(_listed(raw)))]
    return [
        Mistake((*path, "name"), f"'{slug}' is the built-in check; give this one another `name`")
        for path, slug in zip(places, slugs, strict=True)
        if slug in taken
    ]


KIND = Health()
