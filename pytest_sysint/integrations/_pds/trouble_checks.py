"""What PDS says when it is busy or broken, and that this client takes it as it must. Provoked on the simulator only."""

from __future__ import annotations

import uuid
from typing import Any

from pytest_sysint.core.built_in import Findings
from pytest_sysint.core.check import Context
from pytest_sysint.integrations._pds.asking import ask, contract, pds_of, refused
from pytest_sysint.integrations._probing import control_of, first_answer, needs_simulator

_PAUSE = 1
"""Seconds that the simulator asks to wait: fewer than the service, because somebody waits for this check."""


def _provoke(context: Context, status: str, values: dict[str, Any]) -> dict[str, str]:
    """Have one request answered with a status; gives the headers by which it is known, so that no other is hit."""
    headers = {"X-Correlation-ID": str(uuid.uuid4())}
    fault = {"fault": status, "times": 1, "headers": headers, "values": values}
    control_of(context).tell("faults", fault)
    return headers


def _tries(context: Context, findings: Findings, status: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask while the first answer is that status: what the simulator then received."""
    headers = _provoke(context, status, values)
    seen = ask(context, f"GET /Patient/{pds_of(context).test_patient}", headers=headers)
    findings.equal("answer in the end", seen.facts["status"], 200)
    (correlation,) = headers.values()
    return control_of(context).requests("x-correlation-id", correlation)


def _judge_tries(findings: Findings, tries: list[dict[str, Any]], least: float) -> None:
    if not findings.equal("tries", len(tries), 2):
        return
    ids = {each["headers"].get("x-request-id") for each in tries}
    findings.holds("X-Request-ID", len(ids) == 1, f"{len(ids)} ids", expected="the same at each try")
    waited = tries[-1]["at"] - tries[0]["at"]
    findings.holds("pause", waited >= least, f"{waited:.2f}s", expected=f"{least:g}s at least")
    findings.metrics["waited_ms"] = round(waited * 1000, 3)


def _throttled(context: Context, findings: Findings) -> None:
    path = f"/Patient/{pds_of(context).test_patient}"
    first = first_answer(context, path, headers=_provoke(context, "429", {}))
    refused(findings, first, 429, "TOO_MANY_REQUESTS")
    _judge_tries(findings, _tries(context, findings, "429", {}), 0.2)


def _unavailable(context: Context, findings: Findings) -> None:
    values = {"retry_after": _PAUSE}
    path = f"/Patient/{pds_of(context).test_patient}"
    first = first_answer(context, path, headers=_provoke(context, "503", values))
    refused(findings, first, 503, "SERVICE_UNAVAILABLE")
    findings.equal("Retry-After", first.facts["headers"].get("retry-after"), str(_PAUSE))
    _judge_tries(findings, _tries(context, findings, "503", values), float(_PAUSE))


TROUBLE = (
    contract(
        "too many requests are waited for", _throttled,
        "429 has no Retry-After: this client backs off by itself, and keeps its request id.", obstacle=needs_simulator,
    ),
    contract(
        "an unavailable service is waited for", _unavailable,
        "503 says how long: this client waits so long, and keeps its request id.", obstacle=needs_simulator,
    ),
)  # fmt: skip
