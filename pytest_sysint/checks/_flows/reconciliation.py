"""The form `reconcile`: the rows of two sides are held against each other, after what must happen first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.checks._flows.cleaning import Undo
from pytest_sysint.checks._flows.form import Path
from pytest_sysint.checks._flows.reconciling import Reconcile
from pytest_sysint.checks._flows.schemas import reconciliation_schema
from pytest_sysint.checks._flows.steps import Sample, Step, read_step
from pytest_sysint.checks._flows.values import CORRELATION, Source, unknown
from pytest_sysint.checks._reconcile.keys import CompareKeys, WholeKeys
from pytest_sysint.checks._reconcile.plan import Plan, Side
from pytest_sysint.checks._reconcile.reading import make_plan, read_expect
from pytest_sysint.core.capabilities import Streams
from pytest_sysint.core.check import CHECK_KEYS, Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.records import EFFECTS, Effect
from pytest_sysint.declaration.checks import operations_of, slug_of
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import Gathered, came, choose, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation

PARTS = ("reconcile", "before", "cleanup")
_SIDES = ("source", "target")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What is declared, as one tenant has it."""

    line: int
    keys: WholeKeys
    plan: Plan
    source: Step
    target: Step
    before: tuple[Step, ...]
    cleanup: tuple[Step, ...]
    expectation: Expectation

    def effects(self) -> dict[str, Effect]:
        """Integration id -> the gravest that is done there. Removing what was put there is part of putting it there."""
        found: dict[str, Effect] = {self.source.on: "read", self.target.on: "read"}
        done = [*((step.on, step.effect) for step in self.before), *((step.on, "write") for step in self.cleanup)]
        for on, effect in done:
            found[on] = max(found.get(on, "read"), effect, key=EFFECTS.index)
        return found


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
        if keys.tenants is not None and declared.tenant not in keys.tenants:
            return
        effects, timeout = value.effects(), keys.timeout or declared.timeout
        steps = len(value.before) + len(value.cleanup)
        yield Check(
            name=name,
            slug=slug_of(name),
            kind="dataflow",
            integration_id=declared.id,
            tenant=declared.tenant,
            run=Reconcile(
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
            ),
            severity=keys.severity or declared.severity,
            effect=effects.pop(declared.id),
            timeout=timeout,
            poll=keys.poll,
            retry=declared.retry,
            budget=keys.budget or declared.budget,
            uses=tuple(effects),
            description=keys.description,
            title=f"{value.plan.source.title} = {value.plan.target.title}",
            effects=effects,
            takes=keys.within + steps * timeout,
            undo=Undo(value.cleanup) if value.cleanup else None,
            line=value.line,
            tags=(*declared.tags, *keys.tags),
        )


class _Reader:
    """Reads the parts of one reconciliation, the mistakes of all into one heap."""

    def __init__(self, raw: Mapping[str, Any], around: Around) -> None:
        self._raw = raw
        self._around = around
        self._gathered = Gathered()
        self._sample = Sample(Source("0" * 8, around.tenant).record(1))

    def read(self) -> Reconciliation:
        raw, gathered = self._raw, self._gathered
        known = [*fields_by_key(WholeKeys), *PARTS]
        gathered.keep(*(Mistake((key,), f"unknown key{suggest(key, known)}") for key in raw if key not in known))
        own = {key: raw[key] for key in raw if key in fields_by_key(WholeKeys)}
        keys = gathered.attempt(read_model, WholeKeys, own)
        self._tenants(keys)
        found = gathered.attempt(self._under, "reconcile", self._compared)
        before, cleanup = (gathered.attempt(self._under, part, self._steps) or () for part in ("before", "cleanup"))
        expectation = None
        if found is not None:
            expectation = gathered.attempt(
                self._under, "expect", lambda expect: read_expect(expect, found[0], given="expect" in raw)
            )
        if keys is None or found is None or expectation is None or gathered.failed:
            raise Mistakes(*gathered.found)
        plan, source, target = found
        return Reconciliation(getattr(raw, "line", 0), keys, plan, source, target, before, cleanup, expectation)

    def _tenants(self, keys: WholeKeys | None) -> None:
        for index, tenant in enumerate((keys.tenants if keys else None) or ()):
            if tenant not in self._around.known_tenants:
                self._gathered.keep(Mistake(("tenants", index), choose(tenant, self._around.known_tenants)))

    def _under(self, key: str, read: Any) -> Any:
        """What `read` makes of a part; its mistakes seen from the entry."""
        try:
            return read(self._raw.get(key))
        except Mistakes as error:
            raise error.under(key) from None

    def _compared(self, raw: Mapping[str, Any]) -> tuple[Plan, Step, Step]:
        gathered = Gathered()
        known = [*fields_by_key(CompareKeys), *_SIDES]
        gathered.keep(*(Mistake((key,), f"unknown key{suggest(key, known)}") for key in raw if key not in known))
        sides = [gathered.attempt(self._side, raw.get(name), name) for name in _SIDES]
        own = {key: raw[key] for key in raw if key in fields_by_key(CompareKeys)}
        keys = gathered.attempt(read_model, CompareKeys, own)
        source, target = sides
        if keys is None or source is None or target is None or gathered.failed:
            raise Mistakes(*gathered.found)
        plan = make_plan(Side(source.on, source.sample), Side(target.on, target.sample), keys)
        return plan, source, target

    def _side(self, raw: Any, name: str) -> Step:
        try:
            step = self._step(raw)
            operation: Any = step.sample
            if not isinstance(operation, Streams):
                cls = self._around.type_of(step.on)
                able = [f"`{key}`" for key, model in operations_of(cls).items() if hasattr(model, "stream")]
                has = f"of this type {' and '.join(able)} can" if able else "this type has no operation that can"
                raise Mistakes(Mistake((), f"'{step.title}' does not give its rows one after another; {has}"))
            said = CHECK_KEYS & raw.keys()
            if said:
                raise Mistakes(*(Mistake((key,), "stands at the flow itself, and not at a side") for key in said))
        except Mistakes as error:
            raise error.under(name) from None
        if step.effect != "read":
            raise Mistakes(Mistake((name,), f"'{step.title}' does more than to read"))
        return step

    def _steps(self, raw: Any) -> tuple[Step, ...]:
        if raw is None:
            return ()
        single = isinstance(raw, Mapping)
        items = [raw] if single else raw
        if not isinstance(items, list) or not items:
            raise Mistakes(Mistake((), f"expected an operation with `on`, or a list of them, got {came(raw)}"))
        gathered, found = Gathered(), []
        for index, item in enumerate(items):
            step = gathered.attempt(self._at, () if single else (index,), item)
            found += [step] if step is not None else []
        if gathered.failed:
            raise Mistakes(*gathered.found)
        return tuple(found)

    def _at(self, path: Path, raw: Any) -> Step:
        try:
            return self._step(raw)
        except Mistakes as error:
            raise error.under(*path) from None

    def _step(self, raw: Any) -> Step:
        """One operation on an integration, with placeholders."""
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map with `on` and an operation, got {came(raw)}"))
        if "on" not in raw:
            raise Mistakes(Mistake((), "'on' is missing (the integration)"))
        try:
            cls = self._around.type_of(raw["on"])
        except Mistakes as error:
            raise error.under("on") from None
        rest = {key: value for key, value in raw.items() if key != "on"}
        wrong = unknown(rest, columns=None, more=(CORRELATION,))
        if wrong:
            raise Mistakes(*wrong)
        return read_step(rest, cls, raw["on"], self._sample)


FORM = ReconcileForm()
