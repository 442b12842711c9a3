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
TABLES, SNAPSHOT = "residents-db::contract::tables-residents", "residents-db::contract::snapshot"

FOUND_BY: dict[str, dict[str, str]] = {}
"""Fault -> check -> what it says, in part."""
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
    assert found.keys() == FOUND_BY[fault].keys(), found
    for check, said in FOUND_BY[fault].items():
        assert said in found[check]


def test_every_fault_is_here() -> None:
    assert {fault.partition(":")[0] for fault in FOUND_BY} == WORDS.keys()


def table() -> str:
    """The table of the documentation."""
    lines = ["| `ESTATE_FAULTS` | what goes wrong | found by | which says |", "|---|---|---|---|"]
    for fault, checks in FOUND_BY.items():
        about = WORDS[fault.partition(":")[0]][1]
        for check, said in checks.items():
            lines.append(f"| `{fault}` | {about} | `{check}` | {said} |")
            fault, about = "", ""
    return "\n".join(lines).replace("| `` |", "| |") + "\n"


def test_the_documentation_says_so() -> None:
    assert table() in PAGE.read_text(), "write it anew: python tests/estate/test_suite_faults.py"


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index("| `ESTATE_FAULTS`")] + table())
