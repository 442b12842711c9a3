"""Rules that every message of a sample must keep, each judged into one assertion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_sysint.contracts._messages.message import Fault, Message
from pytest_sysint.core.records import Assertion
from pytest_sysint.expectations import Expectation

_MESSAGES_SHOWN = 5
_FAULTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Breach:
    """A message that broke a rule, and how."""

    at: str
    said: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one rule over a sample."""

    name: str
    expected: str
    judged: int
    """How many messages the rule had something to say of."""
    breaches: Sequence[Breach]
    severity: Literal["fail", "warn"] = "fail"

    def assertion(self, tenant: str) -> Assertion:
        """The judgement: the first messages that broke the rule, each with its place."""
        return Assertion(
            name=self.name,
            status="failed" if self.breaches or not self.judged else "passed",
            message=f"{self.name}: {self._said()}",
            expected=self.expected,
            actual=[f"{each.at}: {each.said}" for each in self.breaches[:_MESSAGES_SHOWN]] or self._counted(),
            severity=self.severity,
            tenant_id=tenant,
        )

    def _counted(self) -> str:
        return f"{self.judged} message{'' if self.judged == 1 else 's'}"

    def _said(self) -> str:
        if not self.judged:
            return f"no message was judged, expected {self.expected}"
        if not self.breaches:
            return f"{self._counted()} judged, all as expected: {self.expected}"
        first = self.breaches[0]
        return f"{len(self.breaches)} of {self._counted()} broke it, first {first.at}: {first.said}"


@dataclass(frozen=True, slots=True)
class Matches:
    """A part of each message that is taken as bytes (its payload, its key) must match a schema."""

    name: str
    """payload, key."""
    title: str
    """What it is held against, for people."""
    faults: Callable[[bytes], Sequence[Fault]]
    part: Callable[[Message], bytes | None]
    may_lack: bool = False
    """A message without that part is no breach, and is not judged."""

    def judge(self, messages: Sequence[Message]) -> list[Finding]:
        breaches, judged = [], 0
        for message in messages:
            body = self.part(message)
            if body is None and self.may_lack:
                continue
            judged += 1
            found = [Fault("", f"there is no {self.name}")] if body is None else self.faults(body)
            if found:
                breaches.append(Breach(message.at, f"does not match {self.title}: {faults_said(found)}"))
        return [Finding(self.name, f"each matches {self.title}", judged, breaches)]


@dataclass(frozen=True, slots=True)
class Expects:
    """Matchers over key, headers, content type and payload."""

    expectation: Expectation

    def judge(self, messages: Sequence[Message]) -> list[Finding]:
        rows = [(message.at, self.expectation.judge(message.observation)) for message in messages]
        found = []
        for index, clause in enumerate(self.expectation.clauses):
            broken = [Breach(at, row[index].message) for at, row in rows if row[index].status == "failed"]
            found.append(Finding(clause.name, clause.matcher.text, len(rows), broken, clause.severity))
        return found


def faults_said(faults: Sequence[Fault]) -> str:
    """Several faults of one message in a line."""
    shown = "; ".join(str(fault) for fault in faults[:_FAULTS_SHOWN])
    more = len(faults) - _FAULTS_SHOWN
    return f"{shown} (and {more} more)" if more > 0 else shown
