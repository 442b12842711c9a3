"""From what examinations found to what a check says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pytest_sysint.checks._operation import reproduce
from pytest_sysint.contracts._generated.coverage import Coverage
from pytest_sysint.contracts._generated.finding import Finding, Tally, assertions_of
from pytest_sysint.contracts._generated.sending import Generated
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.records import Assertion, Exchange
from pytest_sysint.core.units import show

_CAUSES = {
    "not_a_server_error": "the service failed on this request; its log says why",
    "status_code_conformance": "the service has a status that its document does not have: one of them is wrong",
    "content_type_conformance": "the service answers in a form that its document does not have",
    "response_headers_conformance": "the service leaves out or changed a header that its consumers may rely on",
    "response_schema_conformance": "the service was changed and its document was not, or the other way round",
    "negative_data_rejection": "the service does not check what it is given as its document says",
    "positive_data_acceptance": "the service asks for more than its document says",
    "missing_required_header": "the service does not look for a header that its document requires",
    "ignored_auth": "the operation is open although its document secures it",
    "unsupported_method": "the service takes a method that its document does not name",
    "use_after_free": "what is deleted stays readable: a cache, or a delete that only marks",
    "ensure_resource_availability": "what is created cannot be read at once: it is stored later, or elsewhere",
}


class Examined(Protocol):
    """What is left of an examination."""

    tallies: dict[str, Tally]
    trouble: list[str]
    coverage: Coverage


def found_by(examiner: Examined) -> list[Finding]:
    """What was found, in the order of the checks."""
    return [tally.finding for tally in examiner.tallies.values() if tally.finding is not None]


def outcome_of(
    context: Context,
    assertions: Sequence[Assertion],
    findings: Sequence[Finding],
    *,
    exchanges: Iterable[Exchange] = (),
    metrics: dict[str, float] | None = None,
    cause: str = "",
    broken_by: Generated | None = None,
) -> Outcome:
    """What a check says: of a failure with the exchange that shows it, and the command that repeats it.

    `broken_by` is the request that was not answered.
    """
    first = findings[0] if findings else None
    shown = broken_by or (first.operation if first else None)
    return Outcome(
        tuple(assertions),
        exchanges=(*filter(None, (each.observation.facts.get("exchange") for each in findings)), *exchanges),
        metrics=metrics or {},
        reproduce=reproduce(context, shown) if shown else "",
        cause=cause or (_CAUSES.get(first.check, "") if first else ""),
    )


def summary(label: str, examiner: Examined, seed: int, short: Iterable[Assertion], tenant: str) -> Assertion:
    """One operation's examination in one judgement; `short` is what there was no time for."""
    parts = [*trouble(examiner.trouble, tenant), *assertions_of(examiner.tallies, tenant, seed)]
    failed = [f"{part.name}: {part.message}" for part in parts if part.status == "failed"]
    sent = sum(examiner.coverage.seen.values())
    warnings = (*short, *examiner.coverage.assertions(tenant))
    warned = [part.message for part in warnings if part.status == "failed"]
    text = "; ".join(failed or warned) or (examiner.coverage.text() if sent else "not tested: nothing was asked")
    return Assertion(
        name=label,
        status="failed" if failed or warned or not sent else "passed",
        severity="fail" if failed else "warn",
        message=text,
        expected="as the document says",
        actual=text,
        tenant_id=tenant,
    )


def trouble(texts: Iterable[str], tenant: str) -> list[Assertion]:
    """A judgement on the document itself, when requests could not be made from it."""
    found = list(dict.fromkeys(" ".join(text.split())[:600] for text in texts))
    return [
        Assertion(
            name="document",
            status="failed",
            message=f"no requests can be made from the document here: {text}",
            expected="a document from which requests can be made",
            actual=text,
            tenant_id=tenant,
        )
        for text in found
    ]


def cut_short(done: int, wanted: int, what: str, seconds: float, tenant: str) -> Assertion:
    """A warning that the time was up before all was tried."""
    text = f"only {done} of {wanted} {what} within {show(seconds, 'duration')}: raise `timeout`, or lower `examples`"
    return Assertion(
        name="examples",
        status="failed",
        severity="warn",
        message=text,
        expected=f"{wanted} {what}",
        actual=f"{done} {what}",
        tenant_id=tenant,
    )
