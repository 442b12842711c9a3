"""Reading and searching: shapes, headers, refusals."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pytest_sysint.core.built_in import BuiltIn, Findings
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.expectations import compile_expectation
from pytest_sysint.integrations._pds.asking import (
    NO_NUMBER,
    NOBODY,
    ask,
    first_answer,
    needs_key,
    needs_patient,
    needs_people,
    not_in_production,
    pds_of,
    refused,
)
from pytest_sysint.integrations._pds.numbers import is_number
from pytest_sysint.integrations._pds.outcomes import NO_OUTCOME, issues

NUMBERS = "https://fhir.nhs.uk/Id/nhs-number"
_SECURITY = frozenset({"U", "R", "V", "REDACTED"})
_KNOWN = frozenset(
    {
        "resourceType", "id", "identifier", "meta", "name", "gender", "birthDate", "deceasedDateTime", "address",
        "telecom", "contact", "generalPractitioner", "managingOrganization", "extension", "multipleBirthInteger",
    }
)  # fmt: skip
_HIDDEN = ("address", "telecom", "contact", "generalPractitioner")
_ONE = {"family": "Smith", "gender": "female", "birthdate": "eq2010-10-22"}
_MANY = {"family": "Sm*", "gender": "female", "birthdate": "eq2010-10-22", "_max-results": "1"}


def _patient(context: Context, **headers: str) -> Observation:
    return ask(context, f"GET /Patient/{pds_of(context).test_patient}", headers=headers)


def _mirrored(context: Context, findings: Findings) -> None:
    sent = {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": str(uuid.uuid4())}
    seen = _patient(context, **sent)
    for name, value in sent.items():
        findings.equal(name, seen.facts["headers"].get(name.lower()), value)


def _missing_id(context: Context, findings: Findings) -> None:
    seen = _patient(context, **{"X-Request-ID": ""})
    refused(findings, seen, 400, "MISSING_VALUE")
    _names(findings, seen, "X-Request-ID")


def _malformed_id(context: Context, findings: Findings) -> None:
    seen = _patient(context, **{"X-Request-ID": "1234"})
    refused(findings, seen, 400, "INVALID_VALUE")
    _names(findings, seen, "1234")


def _names(findings: Findings, seen: Observation, word: str) -> None:
    said = "; ".join(str(issue.get("diagnostics", "")) for issue in issues(seen.payload))
    shown = said or "no diagnostics"
    findings.holds("diagnostics", word in said, shown, expected=f"they name '{word}'", severity="warn")


def _shape(context: Context, findings: Findings) -> None:
    seen = _patient(context)
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("media type", seen.facts["content_type"], "application/fhir+json")
    body: Mapping[str, Any] = seen.payload if isinstance(seen.payload, Mapping) else {}
    findings.equal("resourceType", body.get("resourceType"), "Patient")
    number = str(body.get("id", ""))
    findings.holds("id", is_number(number), "an NHS number" if is_number(number) else "no NHS number",
                   expected="ten digits with a valid check digit")  # fmt: skip
    systems = [item.get("system") for item in _listed(body, "identifier")]
    findings.holds("identifier", NUMBERS in systems, f"systems {systems}", expected=f"one of the system {NUMBERS}")
    _judge_meta(findings, body)
    practices = len(_listed(body, "generalPractitioner"))
    findings.holds("generalPractitioner", practices <= 1, f"{practices} of them", expected="one at most")
    new = sorted(set(body) - _KNOWN)
    shown = f"unknown keys {new}" if new else "no unknown keys"
    findings.holds("keys", not new, shown, expected="those of the specification", severity="warn")


def _judge_meta(findings: Findings, body: Mapping[str, Any]) -> None:
    meta = body.get("meta")
    meta = meta if isinstance(meta, Mapping) else {}
    version = str(meta.get("versionId", ""))
    findings.holds("meta.versionId", version.isdigit(), version or "nothing", expected="a number as text")
    codes = [item.get("code") for item in _listed(meta, "security")]
    is_known = bool(codes) and all(code in _SECURITY for code in codes)
    findings.holds("meta.security", is_known, f"codes {codes}", expected=f"of {sorted(_SECURITY)}")


def _listed(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = body.get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _etag(context: Context, findings: Findings) -> None:
    seen = _patient(context)
    findings.equal("ETag", seen.facts["etag"], f'W/"{seen.facts["version"]}"')


def _unknown_patient(context: Context, findings: Findings) -> None:
    refused(findings, ask(context, f"GET /Patient/{NOBODY}"), 404, "RESOURCE_NOT_FOUND")


def _bad_number(context: Context, findings: Findings) -> None:
    refused(findings, ask(context, f"GET /Patient/{NO_NUMBER}"), 400, "INVALID_RESOURCE_ID")


def _needs_restricted(pds: Any) -> str:
    return "" if pds.restricted_patient else "declare `restricted_patient`, the NHS number of one"


def _restricted(context: Context, findings: Findings) -> None:
    seen = ask(context, f"GET /Patient/{pds_of(context).restricted_patient}")
    findings.equal("status", seen.facts["status"], 200)
    body: Mapping[str, Any] = seen.payload if isinstance(seen.payload, Mapping) else {}
    codes = [item.get("code") for item in _listed(body.get("meta") or {}, "security")]
    is_hidden = any(code in ("R", "V") for code in codes)
    findings.holds("meta.security", is_hidden, f"codes {codes}", expected="R or V: else this patient shows nothing")
    for key in _HIDDEN:
        shown = "it is there" if key in body else "it is not there"
        findings.holds(key, key not in body, shown, expected="it is not there")


def _needs_superseded(pds: Any) -> str:
    return "" if pds.superseded_patient else "declare `superseded_patient`, an NHS number that has been replaced"


def _superseded(context: Context, findings: Findings) -> None:
    number = pds_of(context).superseded_patient
    seen = ask(context, f"GET /Patient/{number}")
    findings.equal("status", seen.facts["status"], 200)
    current = seen.facts["superseded_by"]
    is_told = bool(current) and is_number(str(current))
    shown = "another id came back, and is told as superseded_by" if is_told else "the id is the one that was asked for"
    findings.holds("superseded_by", is_told, shown, expected="the current NHS number in the place of the old one")


def _related(context: Context, findings: Findings) -> None:
    number = pds_of(context).test_patient
    seen = ask(context, f"GET /Patient/{number}/RelatedPerson")
    findings.equal("status", seen.facts["status"], 200)
    body: Mapping[str, Any] = seen.payload if isinstance(seen.payload, Mapping) else {}
    entries = _listed(body, "entry")
    findings.equal("resourceType", body.get("resourceType"), "Bundle")
    findings.equal("total", seen.facts["total"], len(entries))
    owners = {item.get("resource", {}).get("patient", {}).get("identifier", {}).get("value") for item in entries}
    is_right = owners <= {number}
    shown = "all are related to the patient asked for" if is_right else "some are related to somebody else"
    findings.holds("patient", is_right, shown, expected="all are related to the patient asked for")


def _search(context: Context, findings: Findings) -> None:
    seen = ask(context, "GET /Patient", query=_ONE)
    _judge_bundle(findings, seen)
    findings.equal("total", seen.facts["total"], 1)


def _judge_bundle(findings: Findings, seen: Observation) -> None:
    body: Mapping[str, Any] = seen.payload if isinstance(seen.payload, Mapping) else {}
    entries = _listed(body, "entry")
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("resourceType", body.get("resourceType"), "Bundle")
    findings.equal("type", body.get("type"), "searchset")
    findings.equal("entries", len(entries), seen.facts["total"])
    scores = [item.get("search", {}).get("score") for item in entries]
    are_scores = all(isinstance(score, (int, float)) and 0 <= score <= 1 for score in scores)
    findings.holds("scores", are_scores, f"scores {scores}", expected="a score from 0 to 1 each")
    if are_scores:
        ordered = sorted(scores, reverse=True)
        findings.equal("order", scores, ordered)


def _many(context: Context, findings: Findings) -> None:
    pds = pds_of(context)
    headers = {"authorization": f"Bearer {pds.worker_token()}"} if not pds.is_open else {}
    query = {"family": "Smith", "gender": "female", "_fuzzy-match": "true", "birthdate": "eq2010-10-22"}
    _judge_bundle(findings, ask(context, "GET /Patient", query=query, headers=headers))


def _needs_many(pds: Any) -> str:
    is_lone = not pds.is_open and not pds.control
    return needs_people(pds) or ("an application may ask for one result only" if is_lone else "")


def _too_many(context: Context, findings: Findings) -> None:
    seen = ask(context, "GET /Patient", query=_MANY)
    refused(findings, seen, 200, "TOO_MANY_MATCHES")
    issue = (issues(seen.payload) or [{}])[0]
    findings.equal("severity", issue.get("severity"), "information")
    findings.equal("issue code", issue.get("code"), "multiple-matches")
    failed = [item for item in compile_expectation(NO_OUTCOME).judge(seen, "shared") if item.status == "failed"]
    shown = "it is taken for a failure" if failed else "it is taken for a success"
    findings.holds("verdict", bool(failed), shown, expected="it is taken for a failure, although the status is 200")


def _one_result(context: Context, findings: Findings) -> None:
    refused(findings, ask(context, "GET /Patient", query={**_ONE, "_max-results": "2"}), 403, "INVALID_VALUE")


def _status(context: Context, findings: Findings) -> None:
    pds = pds_of(context)
    seen = first_answer(context, "GET", "/_status", headers={"apikey": pds.application})
    body: Mapping[str, Any] = seen.payload if isinstance(seen.payload, Mapping) else {}
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("service", body.get("status"), "pass")
    for name, parts in (body.get("checks") or {}).items():
        for part in parts if isinstance(parts, list) else []:
            findings.equal(name, part.get("status"), "pass")


def _needs_application(pds: Any) -> str:
    return "" if pds.application else "declare `api_key`"


READING = (
    BuiltIn(
        "health", "service status", _status, "PDS says that it and Spine behind it are well.",
        obstacle=_needs_application,
    ),
    BuiltIn(
        "contract", "ids are mirrored", _mirrored, "X-Request-ID and X-Correlation-ID come back as they were sent.",
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "a missing request id is refused", _missing_id, "400 MISSING_VALUE without X-Request-ID.",
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "a malformed request id is refused", _malformed_id, "400 INVALID_VALUE for one that is no UUID.",
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "a patient has the promised shape", _shape, "FHIR R4 Patient as the specification has it.",
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "the etag is the version", _etag, 'ETag is W/"<meta.versionId>": updates depend on it.',
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "an unknown patient is told as an outcome", _unknown_patient, "404 RESOURCE_NOT_FOUND.",
        obstacle=not_in_production,
    ),
    BuiltIn(
        "contract", "an invalid number is refused", _bad_number, "400 INVALID_RESOURCE_ID: a wrong check digit.",
        obstacle=not_in_production,
    ),
    BuiltIn(
        "contract", "a restricted patient shows no address", _restricted,
        "Neither address nor telephone, contacts or practice.", obstacle=_needs_restricted,
    ),
    BuiltIn(
        "contract", "a superseded number leads to the current one", _superseded,
        "The id that comes back is another, and the fact `superseded_by` tells it.", obstacle=_needs_superseded,
    ),
    BuiltIn(
        "contract", "related people are those of the patient", _related, "Bundle of RelatedPerson; its total adds up.",
        obstacle=needs_patient,
    ),
    BuiltIn(
        "contract", "a search finds the one", _search, "Bundle of the type searchset, its total is its entries.",
        obstacle=needs_people,
    ),
    BuiltIn(
        "contract", "search results are ordered by score", _many, "The best match comes first.",
        obstacle=_needs_many,
    ),
    BuiltIn(
        "contract", "too many matches are no success", _too_many,
        "Status 200 with an OperationOutcome, which must not be taken for a result.", obstacle=needs_people,
    ),
    BuiltIn(
        "contract", "an application may ask for one result only", _one_result, "403 INVALID_VALUE for more.",
        obstacle=lambda pds: needs_key(pds) or needs_people(pds),
    ),
)  # fmt: skip
