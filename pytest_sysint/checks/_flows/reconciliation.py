"""The form `reconcile`: the rows of two sides are held against each other, after what must happen first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.checks._flows.check import flow_check
from pytest_sysint.checks._flows.form import Path
from pytest_sysint.checks._flows.keys import ReconciliationKeys
from pytest_sysint.checks._flows.parts import Parts, own_keys, read_whole, under
from pytest_sysint.checks._flows.reconciling import Reconcile
from pytest_sysint.checks._flows.schemas import reconciliation_schema
from pytest_sysint.checks._flows.steps import Step, effects_of
from pytest_sysint.checks._reconcile.keys import CompareKeys
from pytest_sysint.checks._reconcile.plan import Plan, Side
from pytest_sysint.checks._reconcile.reading import make_plan, read_expect
from pytest_sysint.core.capabilities import Streams
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.checks import operations_of
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import Gathered, came
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.expectations import Expectation

PARTS = ("reconcile", "before", "cleanup")
_SIDES = ("source", "target")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What is declared, as one tenant has it."""

    line: int
    keys: ReconciliationKeys
    plan: Plan
    source: Step
    target: Step
    before: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    expectation: Expectation


class ReconcileForm:
    """Two sides, each read once."""

    key = "reconcile"

    def source(self, raw: Mapping[str, Any]) -> tuple[Path, Any]:
        """The integration of the source."""
        both = raw["reconcile"]
        if not isinstance(both, Mapping):
            raise Mistakes(Mistake(("reconcile",), f"expected a map with `source` and `target`, got {came(both)}"))
        side = both.get("source")
        if not isinstance(side, Mapping) or "on" not in side:
            said = "'source' is missing: a map with `on` (an integration) and an operation that gives rows"
            raise Mistakes(Mistake(("reconcile",), said))
        return ("reconcile", "source", "on"), side["on"]

    def read(self, name: str, raw: Mapping[str, Any], around: Around) -> Reconciliation:
        """Read a reconciliation for one tenant."""
        return _Reader(raw, around).read()

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of a reconciliation."""
        return reconciliation_schema()

    def checks(self, name: str, value: Reconciliation, declared: DeclaredIntegration) -> Iterable[Check]:
        """The one check that it is."""
        keys = value.keys
        run = Reconcile(
            plan=value.plan,
            source=value.source,
            target=value.target,
            before=value.before,
            cleanup=value.cleanup,
            expectation=value.expectation,
            within=keys.within,
            poll=keys.poll,
            data_type=keys.data_type,
            tenant=declared.tenant,
        )
        steps = len(value.before) + len(value.cleanup)
        return flow_check(
            name,
            keys,
            declared,
            run,
            title=f"{value.plan.source.title} = {value.plan.target.title}",
            effects=effects_of([value.source, value.target, *value.before], value.cleanup),
            takes=lambda timeout: keys.within + steps * timeout,
            cleanup=value.cleanup,
            line=value.line,
            poll=keys.poll,
        )


class _Reader:
    """Reads the parts of one reconciliation, the mistakes of all into one heap."""

    def __init__(self, raw: Mapping[str, Any], around: Around) -> None:
        self._raw = raw
        self._parts = Parts(around)
        self._gathered = Gathered()

    def read(self) -> Reconciliation:
        raw, gathered = self._raw, self._gathered
        keys = read_whole(ReconciliationKeys, raw, PARTS, self._parts.around, gathered)
        found = gathered.attempt(under, ("reconcile",), self._compared, raw["reconcile"])
        before, cleanup = (gathered.attempt(under, (part,), self._steps, part) or () for part in ("before", "cleanup"))
        expectation = None
        if found is not None:
            expectation = gathered.attempt(
                under, ("expect",), read_expect, raw.get("expect"), found[0], given="expect" in raw
            )
        if keys is None or found is None or expectation is None or gathered.failed:
            raise Mistakes(*gathered.found)
        plan, source, target = found
        return Reconciliation(getattr(raw, "line", 0), keys, plan, source, target, before, cleanup, expectation)

    def _compared(self, raw: Mapping[str, Any]) -> tuple[Plan, Step, Step]:
        gathered = Gathered()
        keys = own_keys(CompareKeys, raw, _SIDES, gathered)
        source, target = (gathered.attempt(under, (name,), self._side, raw.get(name)) for name in _SIDES)
        if keys is None or source is None or target is None or gathered.failed:
            raise Mistakes(*gathered.found)
        plan = make_plan(Side(source.on, source.sample), Side(target.on, target.sample), keys)
        return plan, source, target

    def _side(self, raw: Any) -> Step:
        step = self._parts.step_on(raw)
        operation: Any = step.sample
        if not isinstance(operation, Streams):
            cls = self._parts.around.type_of(step.on)
            able = [f"`{key}`" for key, model in operations_of(cls).items() if hasattr(model, "stream")]
            has = f"of this type {' and '.join(able)} can" if able else "this type has no operation that can"
            raise Mistakes(Mistake((), f"'{step.title}' does not give its rows one after another; {has}"))
        if "expect" in raw:
            raise Mistakes(Mistake(("expect",), "stands at the flow itself, and not at a side"))
        if step.effect != "read":
            raise Mistakes(Mistake((), f"'{step.title}' does more than to read"))
        return step

    def _steps(self, part: str) -> tuple[Step, ...]:
        """What happens before, or in the end; nothing where nothing is said of it."""
        return self._parts.steps_on(self._raw[part], self._parts.step_on) if part in self._raw else ()


FORM = ReconcileForm()
