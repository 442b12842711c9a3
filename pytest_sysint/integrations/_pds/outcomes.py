"""What an answer of PDS says beside its body: the Spine code of an OperationOutcome, totals, versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SPINE = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
SUCCESSES = ("TOO_MANY_MATCHES", "SINGLE_MATCH", "MULTIPLE_MATCHES")
"""What comes with status 200 and is none of what was asked for."""
UNNAMED = "OperationOutcome"
"""The fact `outcome` of an OperationOutcome of a success with another code, or none."""

NO_OUTCOME = {"outcome": {"not": {"in": [*SUCCESSES, UNNAMED]}}}
"""The expectation that a success is one."""


def issues(payload: Any) -> list[Mapping[str, Any]]:
    """The issues of an OperationOutcome; none for anything else."""
    if not isinstance(payload, Mapping) or payload.get("resourceType") != "OperationOutcome":
        return []
    found = payload.get("issue")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def codings(payload: Any) -> Iterator[Mapping[str, Any]]:
    """The codings of its issues."""
    for issue in issues(payload):
        details = issue.get("details")
        found = details.get("coding") if isinstance(details, Mapping) else None
        yield from (item for item in found or [] if isinstance(item, Mapping))


def spine_code(payload: Any) -> str:
    """The first Spine code; empty without one."""
    return next((str(item.get("code", "")) for item in codings(payload) if item.get("system") == SPINE), "")


def diagnostics(payload: Any) -> str:
    """What its issues say to people."""
    return "; ".join(str(issue["diagnostics"]) for issue in issues(payload) if issue.get("diagnostics"))


def facts_of(payload: Any, status: int, headers: Mapping[str, str], number: str) -> dict[str, Any]:
    """The facts `outcome`, `total`, `etag`, `version` and `superseded_by`; None where there is no such thing.

    `number` is the NHS number that was asked for, if any.
    """
    body: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}
    meta = body.get("meta")
    shown = body.get("id") if body.get("resourceType") == "Patient" else None
    return {
        "outcome": _outcome(payload, status),
        "total": body.get("total"),
        "etag": headers.get("etag"),
        "version": meta.get("versionId") if isinstance(meta, Mapping) else None,
        "superseded_by": shown if number and shown and shown != number else None,
    }


def _outcome(payload: Any, status: int) -> str | None:
    if not isinstance(payload, Mapping) or payload.get("resourceType") != "OperationOutcome":
        return None
    code = spine_code(payload)
    return code if code and (status >= 300 or code in SUCCESSES) else UNNAMED
