"""Reading and searching: shapes, headers, refusals."""

from __future__ import annotations

import uuid
from typing import Any

from pytest_sysint.core.built_in import BuiltIn, Findings, first_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.expectations import compile_expectation
from pytest_sysint.integrations._pds.asking import (
    NO_NUMBER,
    NOBODY,
    ask,
    contract,
    needs_key,
    needs_patient,
    needs_people,
    not_in_production,
    patient,
    pds_of,
    refusal,
    refused,
)
from pytest_sysint.integrations._pds.numbers import is_number
from pytest_sysint.integrations._pds.outcomes import NO_OUTCOME, issues
from pytest_sysint.integrations._probing import body_of, first_answer, found_at, items_at

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


def _mirrored(context: Context, findings: Findings) -> None:
    sent = {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": str(uuid.uuid4())}
    seen = patient(context, **sent)
    for name, value in sent.items():
        findings.equal(name, seen.facts["headers"].get(name.lower()), value)


def _shape(context: Context, findings: Findings) -> None:
    seen = patient(context)
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("media type", seen.facts["content_type"], "application/fhir+json")
    body = body_of(seen)
    findings.equal("resourceType", body.get("resourceType"), "Patient")
    is_one = is_number(str(body.get("id", "")))
    findings.either("id", is_one, "an NHS number", "no NHS number", expected="ten digits with a valid check digit")
    systems = [item.get("system") for item in items_at(body, "identifier")]
    findings.holds("identifier", NUMBERS in systems, f"systems {systems}", expected=f"one of the system {NUMBERS}")
    version = str(found_at(body, "meta", "versionId") or "")
    findings.holds("meta.versionId", version.isdigit(), version or "nothing", expected="a number as text")
    codes = [item.get("code") for item in items_at(body, "meta", "security")]
    is_known = bool(codes) and all(str(code) in _SECURITY for code in codes)
    findings.holds("meta.security", is_known, f"codes {codes}", expected=f"of {sorted(_SECURITY)}")
    practices = len(items_at(body, "generalPractitioner"))
    findings.holds("generalPractitioner", practices <= 1, f"{practices} of them", expected="one at most")
    new = sorted(set(body) - _KNOWN)
    expected = "those of the specification"
    findings.either("keys", not new, "no unknown keys", f"unknown keys {new}", expected=expected, severity="warn")


def _etag(context: Context, findings: Findings) -> None:
    seen = patient(context)
    findings.equal("ETag", seen.facts["etag"], f'W/"{seen.facts["version"]}"')


def _needs_restricted(pds: Any) -> str:
    return "" if pds.restricted_patient else "declare `restricted_patient`, the NHS number of one"


def _restricted(context: Context, findings: Findings) -> None:
    seen = ask(context, f"GET /Patient/{pds_of(context).restricted_patient}")
    findings.equal("status", seen.facts["status"], 200)
    body = body_of(seen)
    codes = [item.get("code") for item in items_at(body, "meta", "security")]
    is_hidden = any(code in ("R", "V") for code in codes)
    findings.holds("meta.security", is_hidden, f"codes {codes}", expected="R or V: else this patient shows nothing")
    for key in _HIDDEN:
        findings.either(key, key not in body, "it is not there", "it is there")


def _needs_superseded(pds: Any) -> str:
    return "" if pds.superseded_patient else "declare `superseded_patient`, an NHS number that has been replaced"


def _superseded(context: Context, findings: Findings) -> None:
    number = pds_of(context).superseded_patient
    seen = ask(context, f"GET /Patient/{number}")
    findings.equal("status", seen.facts["status"], 200)
    findings.either(
        "superseded_by",
        is_number(str(seen.facts["superseded_by"])),
        "another id came back, and is told as superseded_by",
        "the id is the one that was asked for",
        expected="the current NHS number in the place of the old one",
    )


def _related(context: Context, findings: Findings) -> None:
    number = pds_of(context).test_patient
    seen = ask(context, f"GET /Patient/{number}/RelatedPerson")
    findings.equal("status", seen.facts["status"], 200)
    entries = items_at(seen.payload, "entry")
    findings.equal("resourceType", body_of(seen).get("resourceType"), "Bundle")
    findings.equal("total", seen.facts["total"], len(entries))
    owners = [found_at(item, "resource", "patient", "identifier", "value") for item in entries]
    right, wrong = "all are related to the patient asked for", "some are related to somebody else"
    findings.either("patient", all(owner == number for owner in owners), right, wrong)


def _search(context: Context, findings: Findings) -> None:
    seen = ask(context, "GET /Patient", query=_ONE)
    _judge_bundle(findings, seen)
    findings.equal("total", seen.facts["total"], 1)


def _judge_bundle(findings: Findings, seen: Observation) -> None:
    entries = items_at(seen.payload, "entry")
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("resourceType", body_of(seen).get("resourceType"), "Bundle")
    findings.equal("type", body_of(seen).get("type"), "searchset")
    findings.equal("entries", len(entries), seen.facts["total"])
    scores = [found_at(item, "search", "score") for item in entries]
    are_scores = all(isinstance(score, (int, float)) and 0 <= score <= 1 for score in scores)
    if findings.holds("scores", are_scores, f"scores {scores}", expected="a score from 0 to 1 each"):
        findings.equal("order", scores, sorted(scores, reverse=True))


def _many(context: Context, findings: Findings) -> None:
    pds = pds_of(context)
    headers = {"authorization": f"Bearer {pds.worker_token()}"} if not pds.is_open else {}
    query = {"family": "Smith", "gender": "female", "_fuzzy-match": "true", "birthdate": "eq2010-10-22"}
    _judge_bundle(findings, ask(context, "GET /Patient", query=query, headers=headers))


def _needs_many(pds: Any) -> str:
    is_lone = not pds.is_open and not pds.control
    return "an application may ask for one result only" if is_lone else ""


def _too_many(context: Context, findings: Findings) -> None:
    seen = ask(context, "GET /Patient", query=_MANY)
    refused(findings, seen, 200, "TOO_MANY_MATCHES")
    issue = (issues(seen.payload) or [{}])[0]
    findings.equal("severity", issue.get("severity"), "information")
    findings.equal("issue code", issue.get("code"), "multiple-matches")
    failed = [item for item in compile_expectation(NO_OUTCOME).judge(seen, "shared") if item.status == "failed"]
    findings.either(
        "verdict",
        bool(failed),
        "it is taken for a failure",
        "it is taken for a success",
        expected="it is taken for a failure, although the status is 200",
    )


def _status(context: Context, findings: Findings) -> None:
    seen = first_answer(context, "/_status", headers={"apikey": pds_of(context).application})
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("service", body_of(seen).get("status"), "pass")
    parts = found_at(seen.payload, "checks")
    for name in parts if isinstance(parts, dict) else ():
        for part in items_at(parts, name):
            findings.equal(name, part.get("status"), "pass")


def _needs_application(pds: Any) -> str:
    return "" if pds.application else "declare `api_key`"


READING = (
    BuiltIn(
        "health", "service status", _status, "PDS says that it and Spine behind it are well.",
        obstacle=_needs_application,
    ),
    contract(
        "ids are mirrored", _mirrored, "X-Request-ID and X-Correlation-ID come back as they were sent.",
        obstacle=needs_patient,
    ),
    refusal(
        "a missing request id is refused", lambda context: patient(context, **{"X-Request-ID": ""}),
        400, "MISSING_VALUE", "400 MISSING_VALUE without X-Request-ID.", naming="X-Request-ID", obstacle=needs_patient,
    ),
    refusal(
        "a malformed request id is refused", lambda context: patient(context, **{"X-Request-ID": "1234"}),
        400, "INVALID_VALUE", "400 INVALID_VALUE for one that is no UUID.", naming="1234", obstacle=needs_patient,
    ),
    contract(
        "a patient has the promised shape", _shape, "FHIR R4 Patient as the specification has it.",
        obstacle=needs_patient,
    ),
    contract(
        "the etag is the version", _etag, 'ETag is W/"<meta.versionId>": updates depend on it.',
        obstacle=needs_patient,
    ),
    refusal(
        "an unknown patient is told as an outcome", lambda context: ask(context, f"GET /Patient/{NOBODY}"),
        404, "RESOURCE_NOT_FOUND", "404 RESOURCE_NOT_FOUND.", obstacle=not_in_production,
    ),
    refusal(
        "an invalid number is refused", lambda context: ask(context, f"GET /Patient/{NO_NUMBER}"),
        400, "INVALID_RESOURCE_ID", "400 INVALID_RESOURCE_ID: a wrong check digit.", obstacle=not_in_production,
    ),
    contract(
        "a restricted patient shows no address", _restricted, "Neither address nor telephone, contacts or practice.",
        obstacle=_needs_restricted,
    ),
    contract(
        "a superseded number leads to the current one", _superseded,
        "The id that comes back is another, and the fact `superseded_by` tells it.", obstacle=_needs_superseded,
    ),
    contract(
        "related people are those of the patient", _related, "Bundle of RelatedPerson; its total adds up.",
        obstacle=needs_patient,
    ),
    contract(
        "a search finds the one", _search, "Bundle of the type searchset, its total is its entries.",
        obstacle=needs_people,
    ),
    contract(
        "search results are ordered by score", _many, "The best match comes first.",
        obstacle=first_of(needs_people, _needs_many),
    ),
    contract(
        "too many matches are no success", _too_many,
        "Status 200 with an OperationOutcome, which must not be taken for a result.", obstacle=needs_people,
    ),
    refusal(
        "an application may ask for one result only",
        lambda context: ask(context, "GET /Patient", query={**_ONE, "_max-results": "2"}),
        403, "INVALID_VALUE", "403 INVALID_VALUE for more.", obstacle=first_of(needs_key, needs_people),
    ),
)  # fmt: skip
