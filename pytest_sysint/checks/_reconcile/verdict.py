"""From a comparison to a verdict: numbers, assertions that name keys and fields, and the likely cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_sysint.checks._reconcile.compare import EXAMPLES, Comparison, Found, Values
from pytest_sysint.checks._reconcile.plan import Plan
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import redact
from pytest_sysint.expectations import Expectation

_ROOM = 60


class Verdict:
    """The conclusions from one comparison."""

    def __init__(self, plan: Plan, found: Comparison) -> None:
        self._plan = plan
        self._found = found

    def facts(self) -> dict[str, Any]:
        """Every subject with its value: rows, and the share of the source's rows that the target has as they are."""
        found, plan = self._found, self._plan
        facts: dict[str, Any] = {
            "source": found.source,
            "target": found.target,
            "difference": abs(found.source - found.target),
        }
        if plan.key:
            facts |= {name: each.count for name, each in self._verdicts().items()}
            wrong = found.missing.count + found.different.count
            facts["matching"] = max(found.source - wrong, 0) / found.source if found.source else 0.0
        if plan.compares and not plan.checksum:
            facts["fields"] = {**{one.target: 0 for one in plan.fields}, **found.fields}
        if plan.sample:
            facts["sampled"] = found.sampled
        return facts

    def _verdicts(self) -> Mapping[str, Found]:
        found = self._found
        keyed = {"missing": found.missing, "unexpected": found.unexpected, "duplicated": found.duplicated}
        return {**keyed, "different": found.different} if self._plan.compares else keyed

    def assertions(self, expectation: Expectation, tenant: str) -> tuple[Assertion, ...]:
        """What was expected, judged; what failed names rows and fields."""
        judged = expectation.judge(Observation(None, self.facts()), tenant)
        return (*map(self._told, judged), *self._columns(tenant))

    def _told(self, assertion: Assertion) -> Assertion:
        found = self._verdicts().get(assertion.name)
        if assertion.status == "passed" or found is None or not found.examples:
            return assertion
        return assertion.model_copy(update={"message": redact(f"{assertion.message}: {self._examples(found)}")})

    def _examples(self, found: Found) -> str:
        shown = [f"{_key(key)}{self._in(values)}" for key, values in found.examples[:EXAMPLES]]
        more = found.count - len(shown)
        return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")

    def _in(self, values: Values) -> str:
        if not values:
            return ""
        plan = self._plan
        parts = [
            f"{name} differs" if plan.hide_all or name in plan.hide else f"{name}: {_shown(ours)} -> {_shown(theirs)}"
            for name, (ours, theirs) in values.items()
        ]
        return f" ({'; '.join(parts)})"

    def _columns(self, tenant: str) -> Iterable[Assertion]:
        """Where all columns are compared: those that cannot be, as only one side has them."""
        sides = (("source", self._found.only_source), ("target", self._found.only_target))
        alone = [f"{side} alone has {', '.join(names)}" for side, names in sides if names]
        if alone:
            yield Assertion(
                name="columns",
                status="failed",
                severity="warn",
                message=redact(f"not compared, as only one side has them: the {'; the '.join(alone)}"),
                expected="the same columns on both sides",
                actual="; ".join(alone),
                tenant_id=tenant,
            )

    def cause(self) -> str:
        """Where to look first; empty when nothing tells."""
        found = self._found
        if found.source and found.missing.count == found.source == found.target:
            return "no key of one side is on the other: are keys written in the same way there (spaces, zeros, case)?"
        if found.different.count and len(found.fields) == 1:
            ((name, count),) = found.fields.items()
            return f"all differences are in '{name}' ({count:,} rows): the mapping of that field changed, or its format"
        if found.missing.count and not found.target:
            return "the target is empty: did the transfer run?"
        if found.duplicated.count and not found.missing.count:
            return "rows were written twice: is the transfer repeatable, and is there a unique key?"
        return ""

    def nothing(self) -> str:
        """Why nothing can be concluded; empty when something can."""
        return "" if self._found.source or self._found.target else "both sides are empty: nothing was compared"


def _key(key: Any) -> str:
    return "/".join(map(_plain, key)) if isinstance(key, tuple) else _plain(key)


def _plain(value: Any) -> str:
    return "null" if value is None else _cut(str(value))


def _shown(value: Any) -> str:
    return "null" if value is None else repr(_cut(str(value)))


def _cut(text: str) -> str:
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}..."


def metrics(facts: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a verdict, flat."""
    plain = {name: float(value) for name, value in facts.items() if isinstance(value, (int, float))}
    return plain | {f"fields.{name}": float(count) for name, count in facts.get("fields", {}).items()}
