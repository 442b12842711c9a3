"""The verdict in one sentence, with its why. The first thing a report and the terminal say."""

from __future__ import annotations

from pytest_sysint.core.records import Result
from pytest_sysint.reports._document import failures
from pytest_sysint.reports._models import Document, RootCause
from pytest_sysint.reports._text import clipped, listed, plural

_BROKEN = {
    "dns": "cannot be found by its name",
    "tcp": "cannot be reached",
    "tls": "has no working TLS",
    "host_key": "is not known to be the right server",
    "authentication": "refuses the credentials",
    "ping": "does not answer as it should",
    "read": "cannot be read from",
    "write": "cannot be written to",
}


def headline(document: Document) -> str:
    """One sentence: `Blocked: 3 critical checks failed because cache (redis) refuses connections`."""
    return f"{document.gate.verdict.capitalize()}: {_why(document)}"


def _why(document: Document) -> str:
    failed = failures(document.results)
    if document.gate.verdict == "passed":
        return _good(document)
    if document.gate.verdict == "inconclusive" or not failed:
        return document.gate.reasons[0] if document.gate.reasons else "no reason was given"
    cause = next((cause for cause in document.root_causes if cause.failed), None)
    return _by_cause(cause, failed) if cause else _without_cause(failed)


def _good(document: Document) -> str:
    summary = document.summary
    places = plural(len([name for name in summary.by_integration if name]), "integration")
    failed = summary.failed + summary.error
    parts = [
        f"{plural(summary.passed, 'check')} on {places}",
        f"{summary.flaky:,} only after another try" if summary.flaky else "",
        f"{summary.degraded:,} with a warning" if summary.degraded else "",
        f"{failed:,} failed below the severity that blocks" if failed else "",
        f"{summary.skipped:,} skipped" if summary.skipped else "",
        f"{summary.blocked:,} blocked" if summary.blocked else "",
    ]
    return ", ".join(part for part in parts if part)


def _by_cause(cause: RootCause, failed: list[Result]) -> str:
    own = [result for result in failed if result.integration_id == cause.integration_id]
    return f"{_counted(own)} failed because {_place(cause)} {_broken(cause)}"


def _without_cause(failed: list[Result]) -> str:
    places = sorted({result.integration_id for result in failed if result.integration_id})
    sentence = f"{_counted(failed)} failed"
    if places:
        sentence += f" on {listed(places, 3)}"
    worst = " ".join(failed[0].error_message.split())
    return f"{sentence}: {clipped(worst, 160)}" if worst and len(places) < 2 else sentence


def _counted(failed: list[Result]) -> str:
    worst = failed[0].severity
    of_worst = sum(result.severity == worst for result in failed)
    if of_worst == len(failed) and worst == "critical":
        return plural(len(failed), "critical check")
    if of_worst == len(failed):
        return f"{plural(len(failed), 'check')} of {worst} severity"
    return f"{plural(len(failed), 'check')} ({of_worst:,} {worst})"


def _place(cause: RootCause) -> str:
    return f"{cause.integration_id} ({cause.integration_type})" if cause.integration_type else cause.integration_id


def _broken(cause: RootCause) -> str:
    message = cause.error_message.lower()
    if cause.rung == "tcp" and "refused" in message:
        return "refuses connections"
    if any(word in message for word in ("timed out", "no answer", "timeout")):
        return "does not answer in time"
    return _BROKEN.get(cause.rung, "is down")
