"""Checks that a type brings along, beside those that are declared: what everybody would ask of such a system.

    def _mirrors(context: Context, findings: Findings) -> None:
        seen = context.integration.request("GET", "/Patient/9000000009", timeout=context.timeout)
        context.note(seen.exchange)
        findings.equal("X-Request-ID", seen.facts["headers"].get("x-request-id"), sent)

    class Pds(HttpIntegration[Settings]):
        built_in = (BuiltIn("contract", "request ids are mirrored", _mirrors),)

The kind that a check belongs to yields it for every integration of the type; `health: false` and `contract: false`
switch those of a kind off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.records import Assertion, Effect


class Findings:
    """Collects what a built-in check judges. Each method is one assertion."""

    def __init__(self) -> None:
        self.assertions: list[Assertion] = []
        self.metrics: dict[str, float] = {}

    def holds(
        self,
        name: str,
        holds: bool,
        seen: str,
        *,
        expected: str,
        actual: Any = None,
        severity: Literal["fail", "warn"] = "fail",
    ) -> bool:
        """Judge a condition: `seen` is what was found, `expected` what should have been, both for people."""
        message = seen if holds else f"{seen}; expected: {expected}"
        self.assertions.append(
            Assertion(
                name=name,
                status="passed" if holds else "failed",
                message=f"{name}: {message}",
                expected=expected,
                actual=seen if actual is None else actual,
                severity=severity,
            )
        )
        return holds

    def equal(self, name: str, actual: Any, expected: Any, *, severity: Literal["fail", "warn"] = "fail") -> bool:
        """Judge that a value is the expected one."""
        shown = "nothing" if actual is None else repr(actual)
        return self.holds(name, actual == expected, shown, expected=repr(expected), actual=actual, severity=severity)

    def either(
        self,
        name: str,
        holds: bool,
        good: str,
        bad: str,
        *,
        expected: str = "",
        severity: Literal["fail", "warn"] = "fail",
    ) -> bool:
        """Judge a condition: `good` is what was found when it holds, `bad` when not. Expected is `good`, or as said."""
        return self.holds(name, holds, good if holds else bad, expected=expected or good, severity=severity)

    def outcome(self) -> Outcome:
        """All of it."""
        return Outcome(tuple(self.assertions), metrics=self.metrics)


Obstacle = Callable[[Any], str]
"""(live integration) -> why something cannot be tried there; empty when it can."""


def first_of(*obstacles: Obstacle) -> Obstacle:
    """The first of several obstacles that is in the way; with none given, nothing is."""
    return lambda integration: next(filter(None, (each(integration) for each in obstacles)), "")


_unhindered = first_of()


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """One check of a type."""

    kind: str
    """The kind that yields it: `health`, `contract`."""
    name: str
    """What it is called in reports; its node id follows from it. Unlike the built-in names of the kinds, and unlike
    the first words of the forms of contract."""
    run: Callable[[Context, Findings], None]
    """Judges into the findings. Raises CallError when a conversation went wrong."""
    description: str = ""
    effect: Effect = "read"
    """What it does to the other side: an environment that does not allow this refuses the check."""
    obstacle: Obstacle = _unhindered
    """Why it cannot be tried there (`declare api_key and private_key`). Such a check is skipped, and says so: it is not
    a pass."""
