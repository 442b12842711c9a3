"""What the built-in checks share: asking, judging a refusal, and why something cannot be tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from pytest_sysint.core.built_in import BuiltIn, Findings, Obstacle, first_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Effect
from pytest_sysint.integrations._pds.operations import Request
from pytest_sysint.integrations._pds.outcomes import SPINE, codings, diagnostics, issues
from pytest_sysint.integrations._probing import needs_simulator

if TYPE_CHECKING:
    from pytest_sysint.integrations.nhs_pds import Pds

NOBODY, NO_NUMBER = "9111231130", "9000000000"
"""A number that nobody has, and one whose check digit is wrong."""


def pds_of(context: Context) -> Pds:
    """The live integration."""
    return cast("Pds", context.integration)


def ask(context: Context, request: str, **options: Any) -> Observation:
    """One request under the budget, kept for the report."""
    return context.perform(Request.model_validate({"request": request, **options}))


def patient(context: Context, **headers: str) -> Observation:
    """Read the test patient."""
    return ask(context, f"GET /Patient/{pds_of(context).test_patient}", headers=headers)


contract = partial(BuiltIn, "contract")


def refusal(
    name: str,
    ask_for: Callable[[Context], Observation],
    status: int,
    code: str,
    description: str,
    *,
    naming: str = "",
    effect: Effect = "read",
    obstacle: Obstacle,
) -> BuiltIn:
    """A check that one request is refused as it must be; `naming` is what the diagnostics should name."""

    def run(context: Context, findings: Findings) -> None:
        seen = ask_for(context)
        refused(findings, seen, status, code)
        if naming:
            said = diagnostics(seen.payload) or "no diagnostics"
            findings.holds("diagnostics", naming in said, said, expected=f"they name '{naming}'", severity="warn")

    return contract(name, run, description, effect, obstacle)


def refused(findings: Findings, seen: Observation, status: int, code: str) -> None:
    """Judge that an answer is a refusal as PDS writes one: status, OperationOutcome, Spine code."""
    findings.equal("status", seen.facts["status"], status)
    found = issues(seen.payload)
    if not findings.holds(
        "OperationOutcome",
        bool(found) and all(issue.get("severity") and issue.get("code") for issue in found),
        f"{len(found)} issues with severity and code" if found else f"a body of {seen.facts['content_type'] or 'none'}",
        expected="an OperationOutcome whose issues have a severity and a code",
    ):
        return
    known = [item.get("code") for item in codings(seen.payload) if item.get("system") == SPINE]
    findings.equal("Spine code", known[0] if known else None, code)


def needs_patient(pds: Pds) -> str:
    """Why no patient can be read."""
    return "" if pds.test_patient else "declare `test_patient`, an NHS number that checks may read"


def not_in_production(pds: Pds) -> str:
    """Why somebody else than the test patient cannot be asked for."""
    return "in production nobody but the test patient is asked for" if pds.is_production else ""


def may_be_refused(pds: Pds) -> str:
    """Why no false access can be tried."""
    return "in production no false access is tried" if pds.is_production else ""


def needs_people(pds: Pds) -> str:
    """Why nobody can be searched for."""
    return "" if pds.is_synthetic else "only the made-up people of the sandbox and of the simulator are searched for"


def needs_key(pds: Pds) -> str:
    """Why no assertion can be made."""
    return "" if pds.tokens is not None else "declare `api_key`, `key_id` and `private_key`"


needs_key_and_simulator = first_of(needs_simulator, needs_key)


def forbids_changes(pds: Pds) -> str:
    """Why nothing that is meant to be refused may be sent as a change."""
    if pds.is_production:
        return "in production no change is tried"
    return "the environment allows reading only" if pds.read_only else ""


def may_change(pds: Pds) -> str:
    """Why no change can be tried."""
    if why := forbids_changes(pds):
        return why
    if pds.is_open or pds.control is not None or (pds.settings.auth and pds.settings.session_urid):
        return needs_patient(pds)
    return "it needs a health worker's token (`auth` and `session_urid`): an application-restricted one changes nothing"
