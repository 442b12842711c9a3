"""Whole runs with nothing declared but the type of an external service."""

from __future__ import annotations

from typing import Any


def test_types_alone_are_useful(project: Any) -> None:
    project.declare("sysint: 1\nintegrations:\n  pds: {type: nhs_pds}\n  register: {type: cqc}\n")
    result = project.run()
    assert result.ret == 0
    statuses = project.statuses()
    assert set(statuses.values()) == {"passed"}
    assert len(statuses) == 42
    result.stdout.fnmatch_lines(["pds * nhs_pds *simulator", "register * cqc *simulator"])
    assert "BEGIN PRIVATE KEY" not in project.written


def test_a_broken_service_is_found_and_what_an_environment_leaves_out_is_said(project: Any) -> None:
    project.declare(
        """
sysint: 1
environments:
  local: {allow: [read]}
integrations:
  pds:
    type: nhs_pds
    health: false
    provision: {way: simulator, options: {faults: "no_mirror,restricted_leaks_address"}}
"""
    )
    result = project.run()
    assert result.ret == 1
    assert {name for name, status in project.statuses().items() if status == "failed"} == {
        "pds::contract::ids-are-mirrored",
        "pds::contract::a-restricted-patient-shows-no-address",
    }
    left_out = {item["name"]: item["skipReason"] for item in project.report["results"] if item["status"] == "skipped"}
    assert set(left_out) == {
        "an update needs a precondition",
        "a stale update conflicts",
        "an application changes nothing",
    }
    assert all("its effect is 'write'" in reason for reason in left_out.values())
