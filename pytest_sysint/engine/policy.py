"""How often, how long and how patiently a check is tried."""

from __future__ import annotations

from tenacity import wait_exponential_jitter, wait_fixed
from tenacity.wait import wait_base

from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.records import Result

_LIMIT_MARGIN = 10.0


def may_try_again(check: Check, error: CallError) -> bool:
    """Connection errors and timeouts are worth another try; but a write may be done although no answer came."""
    return error.transient and (check.effect == "read" or error.rung in ("dns", "tcp"))


def only_latency_failed(result: Result) -> bool:
    failed = [item.name for item in result.assertions if item.status == "failed"]
    return (
        result.status == "failed" and bool(failed) and all(name.startswith(("latency", "phases.")) for name in failed)
    )


def wait_between(check: Check) -> wait_base:
    policy = check.retry
    if policy.backoff == "exponential":
        return wait_exponential_jitter(multiplier=policy.initial, max=policy.max, jitter=policy.initial)
    return wait_fixed(policy.initial)


def time_limit(check: Check) -> float:
    """Seconds after which a check is left behind: all its tries with all their rungs, its polling, and a margin."""
    conversations = check.conversations * check.timeout * (2 * check.retry.attempts - 1)
    pauses = check.retry.attempts * check.retry.max
    return conversations + pauses + (check.poll.timeout if check.poll else 0.0) + check.takes + _LIMIT_MARGIN
