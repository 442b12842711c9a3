"""When a check of schemathesis really judged something: an answer that it let pass unseen is no evidence."""

from __future__ import annotations

from collections.abc import Callable

from pytest_sysint.contracts._generated.library import (
    Case,
    CoveragePhaseData,
    CoverageScenario,
    ParameterLocation,
    Response,
)


def applies(check: str, case: Case, response: Response) -> bool:
    """Whether the check, which found nothing, had something to find in this one answer."""
    rule = _RULES.get(check)
    return rule is None or rule(case, response)


def _negative(case: Case, _: Response) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_negative


def _positive(case: Case, _: Response) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _headers_promised(case: Case, response: Response) -> bool:
    promised = case.operation.responses.find_by_status_code(response.status_code)
    return promised is not None and bool(promised.headers)


def _body_promised(case: Case, response: Response) -> bool:
    promised = case.operation.responses.find_by_status_code(response.status_code)
    return promised is not None and bool({"content", "schema"} & set(promised.definition))


def _is_secured(case: Case, response: Response) -> bool:
    return 200 <= response.status_code < 300 and any(True for _ in case.operation.security.iter_parameters())


def _header_left_out(case: Case, _: Response) -> bool:
    data = case.meta.phase.data if case.meta is not None else None
    if not isinstance(data, CoveragePhaseData):
        return False
    return data.scenario is CoverageScenario.MISSING_PARAMETER and data.parameter_location is ParameterLocation.HEADER


def _other_method(case: Case, _: Response) -> bool:
    return str(case.method).lower() != str(case.operation.method).lower()


def _lists_methods(_: Case, response: Response) -> bool:
    return response.request.method == "OPTIONS" and bool(response.headers.get("allow"))


def _never(_: Case, __: Response) -> bool:
    return False


_RULES: dict[str, Callable[[Case, Response], bool]] = {
    "negative_data_rejection": _negative,
    "positive_data_acceptance": _positive,
    "response_headers_conformance": _headers_promised,
    "response_schema_conformance": _body_promised,
    "content_type_conformance": _body_promised,
    "ignored_auth": _is_secured,
    "missing_required_header": _header_left_out,
    "unsupported_method": _other_method,
    "allow_header_conformance": _lists_methods,
    "use_after_free": _never,
    "ensure_resource_availability": _never,
}
