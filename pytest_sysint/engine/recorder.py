"""From what happened to a record: the one place where results of declared checks are made."""

from __future__ import annotations

import hashlib
import math
import traceback
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.masking import masked
from pytest_sysint.core.records import SHARED, Assertion, Attempt, Exchange, Result, Status, Timing
from pytest_sysint.engine.plan import Planned


@dataclass(slots=True)
class Trace:
    """What is known of a check while it runs."""

    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    attempts: list[Attempt] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    measured_alone: bool = False
    worker: str = ""


def test_id(nodeid: str) -> str:
    """Stable over runs and machines: the same check of the same declaration has the same."""
    return hashlib.sha256(nodeid.encode()).hexdigest()[:16]


def judged(planned: Planned, trace: Trace, outcome: Outcome) -> Result:
    """The result of a check that came to an end by itself."""
    failed = [item for item in outcome.assertions if item.status == "failed"]
    broken = any(item.severity == "fail" for item in failed)
    status: Status = "failed" if broken else "passed" if outcome.assertions else "error"
    message = "; ".join(item.message for item in failed) if broken else ""
    if outcome.inconclusive:
        status, message = "error", outcome.inconclusive
    return _result(
        planned,
        trace,
        status,
        outcome,
        error_message=message or ("" if outcome.assertions else "the check judged nothing"),
        degraded=status == "passed" and bool(failed),
        flaky=status == "passed" and any(attempt.status == "failed" for attempt in trace.attempts),
        rung=outcome.rung if broken else "",
    )


def broken(planned: Planned, trace: Trace, error: CallError, cause: str = "") -> Result:
    """The result of a check whose conversation went wrong."""
    partial: Outcome = error.partial or Outcome(())
    verdict = Assertion(
        name=error.rung,
        status="failed",
        message=f"{error.rung}: {error.message}",
        expected=_EXPECTED.get(error.rung, "an answer"),
        actual=error.message,
        tenant_id=planned.check.tenant,
    )
    outcome = Outcome(
        (*partial.assertions, verdict),
        partial.phases,
        partial.exchanges,
        partial.metrics,
        error.rung,
        partial.reproduce,
        cause or partial.cause or error.hint,
        covered=partial.covered,
    )
    return _result(planned, trace, "failed", outcome, error_message=verdict.message, rung=error.rung)


_EXPECTED = {
    "dns": "the name resolves",
    "tcp": "a connection is accepted",
    "tls": "an encrypted channel with a valid certificate",
    "host_key": "the key by which the server is known",
    "authentication": "the credentials are accepted",
    "ping": "an answer of the protocol",
    "read": "the operation succeeds",
    "write": "the operation succeeds",
}


def crashed(planned: Planned, trace: Trace, error: BaseException) -> Result:
    """The result of a check that failed in a way nobody foresaw: a defect in the check or in a client library."""
    trace.logs.append("".join(traceback.format_exception(error)))
    return _result(
        planned,
        trace,
        "error",
        Outcome(()),
        error_message=f"{type(error).__name__}: {error}",
        cause="the check itself, or the client library it uses, broke; its traceback is in the logs of this result",
    )


def abandoned(planned: Planned, trace: Trace, limit: float) -> Result:
    """The result of a check that did not end within its time limit."""
    return _result(
        planned,
        trace,
        "error",
        Outcome(()),
        error_message=f"the check did not end within {limit:.0f}s and was left behind",
        cause="the other side accepts connections and then holds them, or the client library ignores its timeout",
    )


def skipped(planned: Planned, reason: str) -> Result:
    """The result of a check that was not run for a reason of its own."""
    return _result(planned, Trace(), "skipped", Outcome(()), skip_reason=reason)


def unstarted(planned: Planned, reason: str) -> Result:
    """The result of a health check on a service that was to be started for the run, and did not come up."""
    return _result(planned, Trace(), "error", Outcome(()), error_message=reason, rung="start")


def blocked(planned: Planned, root: str) -> Result:
    """The result of a check that was not run because an integration it needs is down."""
    return _result(planned, Trace(), "blocked", Outcome(()), blocked_by=root, skip_reason=f"blocked: '{root}' is down")


def _result(planned: Planned, trace: Trace, status: Status, outcome: Outcome, **more: Any) -> Result:
    check, declared = planned.check, planned.declared
    ended = datetime.now(UTC)
    total = (ended - trace.started_at).total_seconds() * 1000
    values: dict[str, Any] = {
        "reproduce": outcome.reproduce if status in ("failed", "error") else "",
        "cause": outcome.cause if status in ("failed", "error") else "",
        **more,
    }
    result = Result(
        id=uuid.uuid4().hex,
        test_id=test_id(planned.nodeid),
        nodeid=planned.nodeid,
        name=check.name,
        kind=check.kind,
        integration_id=check.integration_id,
        type=declared.type,
        category=declared.category,
        tenant_id=check.tenant or SHARED,
        severity=check.severity,
        owner=declared.owner,
        effect=check.effect,
        status=status,
        started_at=trace.started_at,
        timestamp=ended,
        execution_time=round(total, 3),
        measured_alone=trace.measured_alone,
        assertions=outcome.assertions,
        attempts=tuple(trace.attempts),
        timings=tuple(Timing(phase=phase, ms=round(took * 1000, 3)) for phase, took in outcome.phases.items()),
        metrics={name: value for name, value in outcome.metrics.items() if math.isfinite(value)},
        exchanges=_unique([*trace.exchanges, *outcome.exchanges]),
        logs=tuple(trace.logs),
        worker=trace.worker,
        description=check.description or check.title,
        data_type=outcome.data_type,
        source_system=outcome.source_system,
        target_system=outcome.target_system,
        covered=outcome.covered,
        processing_time=None if outcome.processing_time is None else round(outcome.processing_time * 1000, 3),
        **values,
    )
    (clean,) = masked([result])  # the one door out of the engine: behind it nobody sees a secret
    return clean


def _unique(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    return tuple({id(item): item for item in exchanges}.values())
