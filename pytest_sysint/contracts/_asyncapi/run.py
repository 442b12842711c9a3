"""The checks of an AsyncAPI document: one a channel, or one for all where the document is fetched when it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_sysint.contracts._asyncapi.judging import Sort, judge
from pytest_sysint.contracts._asyncapi.places import Pattern
from pytest_sysint.contracts._messages.message import Message
from pytest_sysint.contracts._messages.registry import RegistryKeys, opened
from pytest_sysint.contracts._messages.rules import Breach
from pytest_sysint.contracts._messages.sampling import HowMany, Judgement, Sampled, sample_of
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.records import SHARED, Assertion


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which types of message were seen. One that was not is a warning: it may be rare."""

    seen: Counter[str]
    names: tuple[str, ...]
    severity: Literal["warn"] = "warn"
    breaches: tuple[Breach, ...] = ()

    def assertion(self, tenant: str) -> Assertion:
        """The judgement."""
        unseen = [name for name in self.names if not self.seen[name]]
        said = "seen: " + (", ".join(f"{name} ({count})" for name, count in self.seen.items()) or "none")
        return Assertion(
            name="coverage",
            status="failed" if unseen else "passed",
            message=said + (f"; not seen: {', '.join(unseen)}" if unseen else ""),
            expected="each type of message is seen at least once",
            actual=dict(self.seen),
            severity="warn",
            tenant_id=tenant,
        )


@dataclass(frozen=True, slots=True)
class ChannelRun:
    """What is known of one channel of the document, ready to be looked at."""

    key: str
    place: str
    keys: HowMany
    sorts: tuple[Sort, ...]
    pattern: Pattern | None = None
    registry: RegistryKeys | None = field(default=None, repr=False)
    tenant: str = SHARED

    def __call__(self, context: Context) -> Outcome:
        """As `Sampled`."""
        places = self._places if self.pattern else None
        return Sampled(sample_of(self.place, self.keys), self._judge, self.keys.none, self.tenant, places)(context)

    def _places(self, context: Context) -> list[str]:
        integration: Any = context.integration
        if self.pattern is None:
            return [self.place]
        found = integration.places(self.pattern.text, context.timeout)
        return [name for name in found if self.pattern.expression.fullmatch(name)]

    def _judge(self, context: Context, messages: Sequence[Message]) -> list[Judgement]:
        with ExitStack() as stack:
            registry = stack.enter_context(opened(self.registry, context)) if self.registry else None
            found = judge(self.sorts, messages, registry)
        if not found.findings:
            raise Unavailable(
                f"the document says nothing of channel '{self.key}' that its messages could be held against"
            )
        return [*found.findings, Coverage(found.seen, tuple(sort.name for sort in self.sorts))]


@dataclass(frozen=True, slots=True)
class Remote:
    """All channels of a document that is fetched when the check runs."""

    where: str
    """The url, redacted."""
    channels: Callable[[Context], Sequence[ChannelRun]]
    """Fetches the document and reads it."""

    def __call__(self, context: Context) -> Outcome:
        """The assertions of all channels, under the channel's name each.

        Raises:
            Unavailable: when no channel had a message.
            CallError: when the document cannot be had, or nobody answers.

        """
        assertions: list[Assertion] = []
        silent: list[str] = []
        messages = broken = 0.0
        for channel in self.channels(context):
            try:
                outcome = channel(context)
            except Unavailable as error:
                silent.append(error.message)
                continue
            except CallError as error:
                if error.transient:
                    raise
                outcome = Outcome((_failed(error, channel.tenant),))
            messages += outcome.metrics.get("messages", 0)
            broken += outcome.metrics.get("broken", 0)
            assertions += [replace_name(each, channel.key) for each in outcome.assertions]
        if not assertions:
            raise Unavailable("; ".join(silent) or f"'{self.where}' has no channel for this integration")
        metrics = {"messages": messages, "broken": broken, "silent": float(len(silent))}
        return Outcome((*assertions, *(_silent(each, assertions[0].tenant_id) for each in silent)), metrics=metrics)


def replace_name(assertion: Assertion, channel: str) -> Assertion:
    """The assertion under the name of its channel."""
    named = f"{channel}: {assertion.name}"
    return assertion.model_copy(update={"name": named, "message": f"{channel}: {assertion.message}"})


def _failed(error: CallError, tenant: str) -> Assertion:
    return Assertion(
        name=error.rung, status="failed", message=error.message, expected="the channel is there", tenant_id=tenant
    )


def _silent(said: str, tenant: str) -> Assertion:
    return Assertion(
        name="messages", status="failed", message=said, expected="a message", severity="warn", tenant_id=tenant
    )


def for_tenant(channel: ChannelRun, tenant: str) -> ChannelRun:
    """The same, with its judgements in the tenant's name."""
    return replace(channel, tenant=tenant)
