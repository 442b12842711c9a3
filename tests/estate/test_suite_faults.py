"""Each fault of the estate is found by the checks that are for it, and by no others: whole runs of the suite."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures.estate.faults import WORDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/faults.md"
ADMISSION, NOTE = "care-api::dataflow::admission-reaches-everyone", "care-api::dataflow::a-note-with-its-attachment"
TWICE, NONSENSE = "care-api::dataflow::the-same-admission-twice-is-one", "care-api::dataflow::nonsense-is-turned-away"
SNAPSHOT = "residents-schema::contract::snapshot"
LIST, ADMIT, SHOW, EXPORT = (
    f"care-api::contract::openapi-{each}"
    for each in ("get-residents", "post-residents", "get-residents-reference", "post-exports")
)

FOUND_BY: dict[str, dict[str, str]] = {
    "drop-event:5": {ADMISSION: "between the source and care-events", NOTE: "between the source and care-events"},
    "duplicate-event": {
        ADMISSION: "duplicated was 20, expected 0",
        NOTE: "duplicated was 10, expected 0",
        TWICE: "effects was 2, expected 1",
        NONSENSE: "duplicated was 2, expected 0",
    },
    "reorder-events": {NOTE: "which was sent later"},
    "alter-field": {
        ADMISSION: 'at documents: $.birthDate was "1935-04-16", expected "1935-04-17"',
        NOTE: 'at care-events: $.category was "medication", expected "observation"',
    },
    "no-documents": {
        ADMISSION: "between the source and documents",
        NOTE: "between the source and documents",
    },
    "no-mail": {
        ADMISSION: "between the source and notification-service",
        TWICE: "between the source and notification-service",
    },
    "no-audit": {ADMISSION: "between the source and audit", NOTE: "between the source and audit"},
    "drop-column": {SNAPSHOT: "tables.residents.columns.created_at went"},
    "add-column": {SNAPSHOT: "tables.residents.columns.preferred_name came"},
    "change-type": {SNAPSHOT: "tables.residents.columns.room.type changed"},
    "close-route": {EXPORT: "Undocumented status code: Received: 410"},
    "extra-field": {
        LIST: "Additional properties are not allowed ('legacyId' was unexpected)",
        ADMIT: "Additional properties are not allowed ('legacyId' was unexpected)",
    },
    "wrong-type-in-answer": {LIST: 'is not of type "string"', ADMIT: 'is not of type "string"'},
    "wrong-status": {EXPORT: "Undocumented status code: Received: 200"},
}
"""Fault -> check -> what it says, in part."""
MAY_FIND = {"drop-event:5": {TWICE, NONSENSE}, "extra-field": {SHOW}, "wrong-type-in-answer": {SHOW}}
"""Checks that a fault concerns, and that find it when it happens to strike what they look at: one event in five, a
resident whom a drawn reference names."""
pytestmark = pytest.mark.whole_estate


def failures(fault: str, folder: Path) -> dict[str, str]:
    """Checks that did not pass while a fault is switched on -> what is said of them; each once for both homes."""
    command = [sys.executable, "-m", "pytest", "--sysint", "suites/writecarenotes/sysint.yaml", "-q"]
    command += ["-p", "no:cacheprovider", "--sysint-reports-dir", str(folder)]
    environment = {**os.environ, "ESTATE_FAULTS": fault}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=300)
    report: Any = json.loads((folder / "sysint.json").read_text())
    assert report["summary"]["total"] > 100
    return {
        item["nodeid"].partition("::")[2].partition("[")[0]: item["errorMessage"] or item["skipReason"]
        for item in report["results"]
        if item["status"] in ("failed", "error", "blocked")
    }


@pytest.mark.parametrize("fault", FOUND_BY)
def test_a_fault_is_found_by_its_checks_and_by_no_others(fault: str, tmp_path: Path) -> None:
    found = failures(fault, tmp_path)
    assert FOUND_BY[fault].keys() <= found.keys() <= FOUND_BY[fault].keys() | MAY_FIND.get(fault, set()), found
    for check, said in FOUND_BY[fault].items():
        assert said in found[check]


def test_every_fault_is_here() -> None:
    assert {fault.partition(":")[0] for fault in FOUND_BY} == WORDS.keys()


def table() -> str:
    """The table of the documentation."""
    lines = ["| `ESTATE_FAULTS` | what goes wrong | found by | which says |", "|---|---|---|---|"]
    for fault, checks in FOUND_BY.items():
        word, _, number = fault.partition(":")
        about = WORDS[word][1].replace("50", number) if number else WORDS[word][1]
        for check, said in checks.items():
            lines.append(f"| `{fault}` | {about} | `{check}` | {said} |")
            fault, about = "", ""
    return "\n".join(lines).replace("| `` |", "| |") + "\n"


def test_the_documentation_says_so() -> None:
    assert table() in PAGE.read_text(), "write it anew: python tests/estate/test_suite_faults.py"


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index("| `ESTATE_FAULTS`")] + table())
