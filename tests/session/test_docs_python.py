"""The Python of the documentation, run as it stands there."""

from __future__ import annotations

import csv
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
DECLARED = """sysint: 1
tenants: [oakwood]
integrations:
  care-api: {{type: rest, url: {url}, tenants: all}}
  notes: {{type: sql, url: "sqlite:///notes.db", tenants: all}}
"""


def python_of(page: str) -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_hand_written_tests_pass_and_fail_with_what_they_test(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.declare(python_of("handwritten.md"), "test_residents.py")
    with closing(sqlite3.connect(project.path / "notes.db")) as notes:
        notes.execute("CREATE TABLE notes (text)")
        api.answers["/residents"] = (200, '{"items": [{"tenant": "oakwood"}]}')
        project.run("test_residents.py").assert_outcomes(passed=1, failed=1)  # no note yet
        notes.execute("INSERT INTO notes VALUES ('slept well')")
        notes.commit()
    project.run("test_residents.py").assert_outcomes(passed=2)
    api.answers["/residents"] = (200, '{"items": [{"tenant": "elmhurst"}]}')
    project.run("test_residents.py").assert_outcomes(passed=1, failed=1)


def test_the_hook_tells_of_a_critical_failure(project: Any, closed_port: int) -> None:
    project.declare(
        "sysint: 1\nintegrations:\n"
        f"  care-api: {{type: rest, url: 'http://127.0.0.1:{closed_port}', severity: critical}}\n"
    )
    project.declare(python_of("hooks.md"), "conftest.py")
    result = project.run("-s")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*care-api: *refused*"])


def test_the_report_format_is_written_beside_the_others(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.declare(python_of("reports.md"), "csv_report.py")
    about = "Metadata-Version: 2.1\nName: mypackage\nVersion: 1\n"
    project.declare(about, "mypackage-1.dist-info/METADATA")
    offered = "[pytest_sysint.reports]\ncsv = csv_report\n"
    project.declare(offered, "mypackage-1.dist-info/entry_points.txt")
    project.monkeypatch.setenv("PYTHONPATH", str(project.path))
    project.run("--sysint-report", "json,csv", "--sysint-kind", "health")
    rows = list(csv.reader((project.path / "reports/sysint.csv").read_text().splitlines()))
    assert [row[:2] for row in rows] == [[item["nodeid"], item["status"]] for item in project.report["results"]]
    assert len(rows) >= 2
