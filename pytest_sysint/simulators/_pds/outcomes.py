"""How PDS says no: an OperationOutcome with a Spine code."""

from __future__ import annotations

from typing import Any

from pytest_sysint.simulators._app import Answered

SPINE = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
FHIR = "application/fhir+json"
GATEWAY = "application/json"
"""The media type of what the gateway before PDS says."""

_DISPLAYS = {
    "ACCESS_DENIED": "Access Denied - Unauthorised",
    "ADDITIONAL_PROPERTIES": "Invalid request with error - Additional properties are not allowed",
    "FORBIDDEN_UPDATE": "Update is invalid - update not permitted",
    "INVALID_RESOURCE_ID": "Resource Id is invalid",
    "INVALID_SEARCH_DATA": "Search data is invalid",
    "INVALID_UPDATE": "Update is invalid",
    "INVALID_VALUE": "Provided value is invalid",
    "INVALIDATED_RESOURCE": "Resource that has been marked as invalid was requested - invalid resources cannot be "
    "retrieved",
    "MISSING_VALUE": "Required value is missing",
    "MULTIPLE_MATCHES": "Multiple matches were found",
    "PRECONDITION_FAILED": "Required condition was not fulfilled",
    "RESOURCE_NOT_FOUND": "Resource not found",
    "RESOURCE_VERSION_MISMATCH": "Resource version mismatch",
    "SERVICE_UNAVAILABLE": "Service unavailable",
    "SINGLE_MATCH": "One match was found",
    "TOO_MANY_MATCHES": "Too Many Matches",
    "TOO_MANY_REQUESTS": "Too many requests have been made",
    "UNABLE_TO_CALL_SERVICE": "Failed to call service",
    "UNSUPPORTED_SERVICE": "Unsupported Service",
}
_ISSUES = {
    "ACCESS_DENIED": "forbidden",
    "FORBIDDEN_UPDATE": "forbidden",
    "MISSING_VALUE": "required",
    "MULTIPLE_MATCHES": "multiple-matches",
    "PRECONDITION_FAILED": "structure",
    "RESOURCE_NOT_FOUND": "not-found",
    "INVALIDATED_RESOURCE": "not-found",
    "RESOURCE_VERSION_MISMATCH": "conflict",
    "SERVICE_UNAVAILABLE": "transient",
    "TOO_MANY_MATCHES": "multiple-matches",
    "ADDITIONAL_PROPERTIES": "structure",
    "INVALID_UPDATE": "structure",
}
_INFORMATION = frozenset({"RESOURCE_NOT_FOUND", "TOO_MANY_MATCHES", "SINGLE_MATCH", "MULTIPLE_MATCHES"})


def outcome(code: str, diagnostics: str = "") -> dict[str, Any]:
    """The resource."""
    display = _DISPLAYS[code]
    issue: dict[str, Any] = {
        "severity": "information" if code in _INFORMATION else "error",
        "code": _ISSUES.get(code, "value"),
        "details": {"coding": [{"system": SPINE, "version": "1", "code": code, "display": display}]},
    }
    if diagnostics:
        issue["diagnostics"] = diagnostics
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def refuse(status: int, code: str, diagnostics: str = "", media: str = FHIR) -> Answered:
    """The answer that carries it."""
    return Answered(status, outcome(code, diagnostics), media=media)


def missing(what: str, use: str = "access") -> Answered:
    """400 for a header that is not there."""
    said = f"Invalid request with error - {what} header must be supplied to {use} this resource"
    return refuse(400, "MISSING_VALUE", said)


def invalid(value: str, place: str) -> Answered:
    """400 for a value: `place` is such as `header 'X-Request-ID'`."""
    return refuse(400, "INVALID_VALUE", f"Invalid value - '{value}' in {place}")
