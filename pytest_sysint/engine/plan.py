"""Which checks a declaration gives, in which order, and which of them may not be run. Pure: nothing connects here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_sysint.core.check import Check
from pytest_sysint.core.records import SHARED, Effect
from pytest_sysint.core.registry import kinds
from pytest_sysint.declaration import Declaration, DeclaredIntegration, Environment

HEALTH = 0
"""The order of the phase whose verdict the others wait for."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the declarations is asked for; an empty part asks for all. What all tenants share is each one's."""

    kinds: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    integrations: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    def takes(self, declared: DeclaredIntegration) -> bool:
        """Whether checks of this integration are asked for."""
        return (
            (not self.types or declared.type in self.types)
            and (not self.integrations or declared.id in self.integrations)
            and (not self.tenants or declared.tenant in {*self.tenants, SHARED})
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One check with its place in the run."""

    nodeid: str
    check: Check
    declared: DeclaredIntegration
    order: int
    """The phase: checks of a lower one come first."""
    alone: bool = False
    refused: str = ""
    """Why it is not run although it is declared; empty when it may."""
    environment: str = ""
    home: str = ""
    """The declaration that it stands in."""
    requires: tuple[str, ...] = field(default=())
    """Every integration that must be up: what it depends on, through any number of steps."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Every integration that must be open before it may start."""
        return () if self.refused else (self.check.integration_id, *self.requires)

    @property
    def known_first(self) -> tuple[str, ...]:
        """Those whose health must be known before: a health check does not wait for its own integration's."""
        return self.requires if self.order == HEALTH else self.needs


def kinds_in_order() -> list[str]:
    """The known kinds, in the order in which a run takes them."""
    return sorted(kinds().names(), key=lambda name: (kinds().get(name).order, name))


def checks_of(
    declaration: Declaration, kind: str, integration_id: str, selection: Selection
) -> Iterator[tuple[DeclaredIntegration, Check]]:
    """The checks of one kind that one integration gives, tenant by tenant within each check."""
    if selection.kinds and kind not in selection.kinds:
        return
    per_tenant = [
        [(declared, check) for check in kinds().get(kind).checks(declared)]
        for declared in declaration.integrations
        if declared.id == integration_id and selection.takes(declared)
    ]
    slugs = dict.fromkeys(check.slug for checks in per_tenant for _, check in checks)
    by_slug = [{check.slug: (declared, check) for declared, check in checks} for checks in per_tenant]
    for slug in slugs:
        yield from (checks[slug] for checks in by_slug if slug in checks)


def requirements(declared: Iterable[DeclaredIntegration]) -> dict[str, tuple[str, ...]]:
    """For each integration, everything that it depends on directly or by way of another. The loader refused cycles."""
    direct = {item.id: item.depends_on for item in declared}
    known: dict[str, tuple[str, ...]] = {}

    def walk(integration_id: str) -> tuple[str, ...]:
        if integration_id not in known:
            found: dict[str, None] = {}
            for dependency in direct.get(integration_id, ()):
                found.update(dict.fromkeys((dependency, *walk(dependency))))
            known[integration_id] = tuple(found)
        return known[integration_id]

    for integration_id in direct:
        walk(integration_id)
    return known


def refusal(check: Check, declared: DeclaredIntegration, allow: frozenset[Effect] | None, environment: str) -> str:
    """Why the environment does not let this check run; empty when it does.

    Without a declared `allow`, what is started for the run may be treated in any way, and what existed before it is
    only read.
    """
    return refusal_of(check.effect, declared, allow, environment)


def refusal_of(effect: Effect, declared: DeclaredIntegration, allow: frozenset[Effect] | None, environment: str) -> str:
    """The same for an effect alone."""
    if allow is None:
        allow = frozenset({"read"}) if is_existing(declared) else None
        where = "an existing service for which nothing more is declared"
    else:
        where = f"environment '{environment}'"
    if allow is None or effect in allow:
        return ""
    return (
        f"its effect is '{effect}', and {where} allows {', '.join(sorted(allow))} only"
        f" (environments: {{{environment or 'NAME'}: {{allow: [read, {effect}]}}}} would let it run)"
    )


def _refused_elsewhere(check: Check, nearby: Mapping[str, tuple[DeclaredIntegration, Environment]]) -> str:
    """The same for what it does to the integrations that it uses beside its own."""
    for name, effect in check.effects.items():
        declared, environment = nearby[name]
        if said := refusal_of(effect, declared, environment.allow, environment.name):
            return f"on '{name}' {said}"
    return ""


def is_existing(declared: DeclaredIntegration) -> bool:
    """Whether it was there before the run, as opposed to started for it."""
    return declared.provision.way == "existing" or (declared.provision.way == "auto" and bool(declared.settings.url))


def plan(
    checks: Sequence[tuple[str, DeclaredIntegration, Check]],
    declarations: Sequence[Declaration],
) -> dict[str, Planned]:
    """The plan of a run: node id -> what is to be done, in the order given.

    `checks` are (node id, integration, check) as they were collected and not deselected.
    """
    home: Mapping[int, Declaration] = {id(item): each for each in declarations for item in each.integrations}
    requires = requirements(item for each in declarations for item in each.integrations)
    nearby = {item.id: (item, each.environment) for each in declarations for item in each.integrations}
    planned: dict[str, Planned] = {}
    for nodeid, declared, check in checks:
        kind = kinds().get(check.kind)
        environment = home[id(declared)].environment
        planned[nodeid] = Planned(
            nodeid=nodeid,
            check=check,
            declared=declared,
            order=kind.order,
            alone=kind.alone,
            refused=refusal(check, declared, environment.allow, environment.name) or _refused_elsewhere(check, nearby),
            environment=environment.name,
            home=str(home[id(declared)].path),
            requires=tuple(dict.fromkeys((*requires[declared.id], *check.uses))),
        )
    return planned
