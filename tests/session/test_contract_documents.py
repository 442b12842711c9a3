"""Contracts by OpenAPI in whole runs of pytest: green while the document is kept, red where it is broken, and safe."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.contracts.care_api import DOCUMENTS, TOKEN, CareApi, serving

DECLARED = """
sysint: 1
tenants: [oakwood, elmhurst]
integrations:
  care-api:
    type: rest
    tenants: all
    url: {url}
    auth: {{bearer: "${{env:CARE_TOKEN}}"}}
    headers: {{X-Tenant: "${{tenant:name}}"}}
    contract: {{openapi: care-3.0.yaml, examples: 8, parameters: {{residentId: r1}}}}
"""
TENANTS = "tenants: {oakwood: {name: oakwood}, elmhurst: {name: elmhurst}}"


def run(project: Any, monkeypatch: Any, fault: str, *arguments: str) -> tuple[Any, CareApi]:
    monkeypatch.setenv("CARE_TOKEN", TOKEN)
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[2] / ".hypothesis"))  # made once
    shutil.copy(DOCUMENTS / "care-3.0.yaml", project.path)
    api = CareApi(fault)
    with serving(api.app) as url:
        project.declare(DECLARED.format(url=url).replace("tenants: [oakwood, elmhurst]", TENANTS))
        done = project.run("-W", "error", *arguments)
    return done, api


def test_only_what_is_allowed_is_asked(project: Any, monkeypatch: Any) -> None:
    done, api = run(project, monkeypatch, "")
    assert done.ret == 0, done.stdout.str()
    statuses = {name.partition("[")[0]: status for name, status in project.statuses().items() if "::contract::" in name}
    assert statuses == {
        "care-api::contract::openapi-get-residents": "passed",
        "care-api::contract::openapi-options-residents": "passed",
        "care-api::contract::openapi-get-residents-residentid": "passed",
        "care-api::contract::openapi-post-residents": "skipped",
        "care-api::contract::openapi-delete-residents-residentid": "skipped",
        "care-api::contract::openapi-methods": "skipped",
    }
    assert {each.method for each in api.seen} <= {"GET", "OPTIONS"}
    of_oakwood = [each for each in project.report["coverage"] if each["tenantId"] == "oakwood"]
    assert [(each["what"], each["met"], each["total"]) for each in of_oakwood] == [
        ("operations", 3, 5),  # also those that nobody may ask here
        ("statuses", 9, 20),
        ("parameters", 8, 14),
    ]
    done.stdout.fnmatch_lines(
        [
            f"covered: care-api[[]{tenant}]: 3 of 5 operations, 9 of 20 statuses, 8 of 14 parameters of care-3.0.yaml"
            for tenant in ("oakwood", "elmhurst")
        ]
    )
    assert {each.headers.get("x-tenant") for each in api.seen} == {"oakwood", "elmhurst", None}
    assert TOKEN not in project.written


def test_a_broken_promise_is_shown(project: Any, monkeypatch: Any) -> None:
    done, _ = run(project, monkeypatch, "writes numbers for ids", "-k", "oakwood")
    assert done.ret == 1
    failed = [each for each in project.report["results"] if each["status"] == "failed"]
    assert [each["nodeid"].partition("::")[2] for each in failed] == [
        "care-api::contract::openapi-get-residents[oakwood]"
    ]
    (result,) = failed
    assert "Response violates schema: 7 is not of type" in result["errorMessage"]
    assert result["metrics"]["seed"] == 1
    assert result["reproduce"].startswith("curl -sS -i ")
    assert result["exchanges"]
    assert TOKEN not in project.written
