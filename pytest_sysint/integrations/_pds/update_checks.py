"""Changing a patient: only under a precondition, and never by an application alone.

Each is refused when all is well, so that nothing is changed. A service that does not refuse would be changed: the
effect is `write`, and an environment that allows reading only does not run them.
"""

from __future__ import annotations

from typing import Any

from pytest_sysint.core.built_in import BuiltIn, Findings
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.integrations._pds.asking import (
    ask,
    forbids_changes,
    may_change,
    needs_key,
    needs_patient,
    pds_of,
    refused,
)

_PATCH = {"patches": [{"op": "replace", "path": "/gender", "value": "unknown"}]}


def _patch(context: Context, headers: dict[str, str]) -> Observation:
    pds = pds_of(context)
    token = pds.worker_token()
    own = {"content-type": "application/json-patch+json", **({"authorization": f"Bearer {token}"} if token else {})}
    return ask(context, f"PATCH /Patient/{pds.test_patient}", json=_PATCH, headers={**own, **headers})


def _without_precondition(context: Context, findings: Findings) -> None:
    refused(findings, _patch(context, {}), 412, "PRECONDITION_FAILED")


def _stale(context: Context, findings: Findings) -> None:
    refused(findings, _patch(context, {"if-match": 'W/"0"'}), 409, "RESOURCE_VERSION_MISMATCH")


def _by_application(context: Context, findings: Findings) -> None:
    pds = pds_of(context)
    version = ask(context, f"GET /Patient/{pds.test_patient}").facts["version"]
    headers = {"content-type": "application/json-patch+json", "if-match": f'W/"{version}"'}
    seen = ask(context, f"PATCH /Patient/{pds.test_patient}", json=_PATCH, headers=headers)
    findings.equal("status", seen.facts["status"], 403)
    known = ("ACCESS_DENIED", "FORBIDDEN_UPDATE")
    outcome = seen.facts["outcome"]
    findings.holds("Spine code", outcome in known, str(outcome), expected=" or ".join(known))


def _obstacle_of_applications(pds: Any) -> str:
    return forbids_changes(pds) or needs_key(pds) or needs_patient(pds)


UPDATES = (
    BuiltIn(
        "contract", "an update needs a precondition", _without_precondition, "412 PRECONDITION_FAILED: no If-Match.",
        effect="write", obstacle=may_change,
    ),
    BuiltIn(
        "contract", "a stale update conflicts", _stale, "409 RESOURCE_VERSION_MISMATCH for an If-Match of long ago.",
        effect="write", obstacle=may_change,
    ),
    BuiltIn(
        "contract", "an application changes nothing", _by_application, "403 for an update with an application's token.",
        effect="write", obstacle=_obstacle_of_applications,
    ),
)  # fmt: skip
