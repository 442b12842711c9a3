"""Changing a patient: only under a precondition, and never by an application alone.

Each is refused when all is well, so that nothing is changed. A service that does not refuse would be changed: the
effect is `write`, and an environment that allows reading only does not run them.
"""

from __future__ import annotations

from pytest_sysint.core.built_in import Findings, first_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.integrations._pds.asking import (
    ask,
    contract,
    forbids_changes,
    may_change,
    needs_key,
    needs_patient,
    patient,
    pds_of,
    refusal,
)

_PATCH = {"patches": [{"op": "replace", "path": "/gender", "value": "unknown"}]}


def _patch(context: Context, **headers: str) -> Observation:
    own = {"content-type": "application/json-patch+json"}
    return ask(context, f"PATCH /Patient/{pds_of(context).test_patient}", json=_PATCH, headers={**own, **headers})


def _patch_as_worker(context: Context, **headers: str) -> Observation:
    token = pds_of(context).worker_token()
    return _patch(context, **({"authorization": f"Bearer {token}"} if token else {}), **headers)


def _by_application(context: Context, findings: Findings) -> None:
    seen = _patch(context, **{"if-match": f'W/"{patient(context).facts["version"]}"'})
    findings.equal("status", seen.facts["status"], 403)
    known = ("ACCESS_DENIED", "FORBIDDEN_UPDATE")
    outcome = seen.facts["outcome"]
    findings.holds("Spine code", outcome in known, str(outcome), expected=" or ".join(known))


UPDATES = (
    refusal(
        "an update needs a precondition", _patch_as_worker, 412, "PRECONDITION_FAILED",
        "412 PRECONDITION_FAILED: no If-Match.", effect="write", obstacle=may_change,
    ),
    refusal(
        "a stale update conflicts", lambda context: _patch_as_worker(context, **{"if-match": 'W/"0"'}),
        409, "RESOURCE_VERSION_MISMATCH", "409 RESOURCE_VERSION_MISMATCH for an If-Match of long ago.",
        effect="write", obstacle=may_change,
    ),
    contract(
        "an application changes nothing", _by_application, "403 for an update with an application's token.",
        effect="write", obstacle=first_of(forbids_changes, needs_key, needs_patient),
    ),
)  # fmt: skip
