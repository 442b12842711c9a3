"""A check that looks at the messages of a place and judges what it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol, TypeVar

from pydantic import Field, create_model

from pytest_sysint.checks._operation import holds, reproduce
from pytest_sysint.contracts._messages.message import Message, messages_of
from pytest_sysint.contracts._messages.rules import Breach
from pytest_sysint.core.capabilities import Samples, Sampling
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.integration import Integration, Observation, Operation
from pytest_sysint.core.records import SHARED, Assertion, Effect
from pytest_sysint.core.units import Duration, show

MOST = 10_000


class HowMany(Sampling):
    """How large a sample is, how long it is waited for, and what it means when there is none."""

    sample: int = Field(100, ge=1, le=MOST, description="How many messages are looked at, at most.")
    wait: Duration | None = Field(
        None,
        ge=0,
        description=(
            "How long to wait for more while there are fewer. Default: what is there is enough; a tap, which sees only "
            "what comes from now on, waits as long as a conversation may take."
        ),
    )
    none: Literal["skip", "fail"] = Field(
        "skip", description="What it means when there is no message: nothing could be judged (skip), or a failure."
    )


K = TypeVar("K", bound=HowMany)


def sampling_of(cls: type[Integration[Any]]) -> type[Sampling]:
    """The keys with which a type looks at a place."""
    return cls.sampling() if issubclass(cls, Samples) else Sampling


@cache
def keys_of(own: type[K], cls: type[Integration[Any]]) -> type[K]:
    """The model of a form's own keys with the type's beside them."""
    both: Any = (own, sampling_of(cls))
    model: type[K] = create_model(own.__name__, __base__=both)
    return model


class Sample(Operation):
    """Look at messages of a place without taking them from anybody."""

    place: str = Field(description="The topic, queue or exchange.")
    count: int = Field(description="How many at most.")
    wait: float | None = Field(None, description="Seconds to wait for more.")
    how: Sampling = Field(description="The type's own keys.")

    def effect(self) -> Effect:
        return self.how.effect()

    def title(self) -> str:
        return f"sample {self.place}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.sample(
            self.place, count=self.count, timeout=timeout, wait=self.wait, how=self.how
        )
        return observation

    def reproduce(self, integration: Any) -> str:
        return self.how.reproduce(integration, self.place, self.count)


def sample_of(place: str, keys: HowMany) -> Sample:
    """The operation that looks at a place as it is declared; `keys` has the type's own beside ours."""
    return Sample(place=place, count=keys.sample, wait=keys.wait, how=keys)


class Judgement(Protocol):
    """One judgement over a sample."""

    @property
    def severity(self) -> Literal["fail", "warn"]: ...

    @property
    def breaches(self) -> Sequence[Breach]: ...

    def assertion(self, tenant: str) -> Assertion: ...


Judge = Callable[[Context, Sequence[Message]], Sequence[Judgement]]
Places = Callable[[Context], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Sampled:
    """The run of a check: takes a sample and judges it."""

    operation: Sample
    judge: Judge
    none: Literal["skip", "fail"] = "skip"
    tenant: str = SHARED
    places: Places | None = None
    """Finds the places to look at, where the operation's own is a pattern."""

    def __call__(self, context: Context) -> Outcome:
        """One assertion for each judgement; skipped, or failed, when there is no message to judge.

        Raises:
            Unavailable: when there is none, and that is no failure.
            CallError: when a place cannot be looked at.

        """
        if self.places is None:
            return self._judged(context, context.perform(self.operation))
        names = self.places(context)
        if not names:
            said = f"nothing there is called '{self.operation.place}'"
            return Outcome(
                (self._said("place", "failed", said, 0),), cause="it was not created, or is called otherwise"
            )
        return self._judged(context, self._all_of(context, names))

    def _all_of(self, context: Context, names: Sequence[str]) -> Observation:
        """One sample of several places, each with its share."""
        share = max(self.operation.count // len(names), 1)
        payload: list[Any] = []
        for name in names:
            found = context.perform(self.operation.model_copy(update={"place": name, "count": share}))
            payload += [{**message, "place": name} for message in found.payload]
        size = sum(len(each["raw"] or b"") for each in payload)
        return Observation(payload, {**found.facts, "count": len(payload), "size": size}, found.phases)

    def _judged(self, context: Context, observation: Observation) -> Outcome:
        messages = messages_of(observation)
        if not messages:
            return self._nothing(observation)
        judgements = self.judge(context, messages)
        assertions = tuple(each.assertion(self.tenant) for each in judgements)
        held, broken = holds(assertions), broken_count(judgements)
        return Outcome(
            (self._seen(observation), *assertions),
            observation.phases,
            metrics={"messages": len(messages), "bytes": observation.facts["size"], "broken": broken},
            reproduce="" if held else reproduce(context, self.operation),
            cause="" if held else _cause(broken, len(messages)),
        )

    def _seen(self, observation: Observation) -> Assertion:
        """How the messages were looked at: a reader must know whether looking left a trace."""
        facts: Mapping[str, Any] = observation.facts
        note = f"; {facts['note']}" if facts.get("note") else ""
        said = f"{facts['count']} of at most {self.operation.count} observed by {facts['observed_by']}{note}"
        return self._said("messages", "passed", said, facts["count"])

    def _nothing(self, observation: Observation) -> Outcome:
        waited = f" within {show(self.operation.wait, 'duration')}" if self.operation.wait else ""
        said = f"no message to judge: '{self.operation.place}' showed none{waited}"
        said += f" (observed by {observation.facts['observed_by']})"
        if self.none == "skip":
            raise Unavailable(said, hint="`wait` waits for some; `none: fail` makes this a failure")
        return Outcome(
            (self._said("messages", "failed", said, 0),),
            observation.phases,
            metrics={"messages": 0},
            cause="the producer has sent nothing, or sends it elsewhere",
        )

    def _said(self, name: str, status: Literal["passed", "failed"], said: str, count: int) -> Assertion:
        return Assertion(
            name=name, status=status, message=said, expected="at least one message", actual=count, tenant_id=self.tenant
        )


def broken_count(judgements: Sequence[Judgement]) -> int:
    """How many messages broke at least one rule that fails a check."""
    return len({breach.at for each in judgements if each.severity == "fail" for breach in each.breaches})


def _cause(broken: int, messages: int) -> str:
    """What the pattern of broken messages points to."""
    if not broken:
        return ""
    if broken == messages:
        return "every message broke the contract: the producer changed what it sends, or the contract is of another one"
    return f"{broken} of {messages} messages broke the contract: one of several producers, or one path of it, differs"
