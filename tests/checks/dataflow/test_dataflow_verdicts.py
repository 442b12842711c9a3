"""Every verdict on a system that is healthy, and on one that is broken in just that way."""

from __future__ import annotations

from typing import Any

import pytest

FLOW = """\
  admission:
    data_type: resident
    records: 20
    send:
      to: api
      request: POST /residents
      json: {name: {given: "{faker.first_name}"}, born: "1931-05-0{index}", nhsNumber: "{nhs_number}"}
      correlate: $.externalId
    observe:
      - on: db
        query: SELECT * FROM residents WHERE external_id = :correlation
        within: WITHIN
        map: {given_name: $.name.given, born: $.born}
      - {on: files, get: "{correlation}.json", within: WITHIN, map: {$.name.given: $.name.given}}
    settle: 100ms
    cleanup: {on: api, request: "DELETE /residents/{correlation}"}
"""


def test_what_arrives_everywhere_once_unaltered_and_in_time_passes(admission: Any, care: Any) -> None:
    result = admission.run(FLOW.replace("WITHIN", "20s"))
    assert result.status == "passed", result.error_message
    judged = {each.name for each in result.assertions}
    assert judged == {"refused", "leaked", "lost", "late", "altered", "duplicated", "leftovers"}
    assert result.metrics["sent"] == result.metrics["db.seen"] == result.metrics["files.seen"] == 20
    assert 0 < result.metrics["latency.p50_ms"] <= result.metrics["latency.p95_ms"] <= result.metrics["latency.p99_ms"]
    assert result.metrics["throughput"] > 1
    assert (result.data_type, result.source_system, result.target_system) == ("resident", "api", "db, files")
    assert 0 < result.processing_time <= result.execution_time
    assert care.rows() == []
    assert len(care.removed) == 20
    assert not admission.ledger.path.exists() or not admission.ledger.left()


@pytest.mark.parametrize(
    ("fault", "subject", "said"),
    [
        ("drop", "lost", "lost was 4, expected 0: sysint-"),
        ("duplicate", "duplicated", "(2 times at db)"),
        ("alter", "altered", "(at db: given_name was "),
        ("late", "late", "s to db, 0.2s allowed)"),
        ("no files", "lost", "(between the source and files)"),
        ("crash", "refused", "status was 500, expected < 400"),
        ("keep", "leftovers", "status was 409"),
    ],
)
def test_each_fault_is_told_by_its_verdict(admission: Any, care: Any, fault: str, subject: str, said: str) -> None:
    care.faults.add(fault)
    within = {"late": "200ms", "drop": "1s", "no files": "1s"}.get(fault, "20s")
    result = admission.run(FLOW.replace("WITHIN", within))
    failed = admission.failed(result)
    # What a short time is allowed for may be late on a busy machine too.
    assert {subject} <= set(failed) <= {subject, *(["late"] if within != "20s" else [])}, failed
    assert said in failed[subject]
    assert result.status == ("passed" if fault == "keep" else "failed")
    assert result.cause or fault == "keep"
