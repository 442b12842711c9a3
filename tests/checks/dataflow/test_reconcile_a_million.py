"""A million rows a side: three differences are found, exactly these, in memory that does not grow with the rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

N = 1_000_000
ALONE = """\
import json, re, resource, sys
from pathlib import Path
from pytest_sysint.checks._reconcile.compare import Comparer
from pytest_sysint.checks._reconcile.plan import Field, Plan, Side
from pytest_sysint.core.integration import Stopwatch
from pytest_sysint.core.registry import types

folder, url = sys.argv[1:]
def live(word, url):
    cls = types().get(word)
    return cls(cls.settings_model(url=url))
files, db = live("local", folder), live("postgresql", url)
rows = next(each for each in files.operations if each.key() == "rows")(rows="residents.csv")
query = db.operations[0](query="SELECT * FROM sysint_million")
fields = tuple(Field(name, name) for name in ("given_name", "room", "birth_date"))
plan = Plan(Side("files", rows), Side("db", query), (Field("external_id", "external_id"),), fields)
found = Comparer(plan, lambda _: None, Stopwatch(), 180).compare(files, db)
verdicts = {name: getattr(found, name) for name in ("missing", "unexpected", "different", "duplicated")}
told = {name: [[key, dict(values)] for key, values in each.examples] for name, each in verdicts.items()}
status = Path("/proc/self/status")  # ru_maxrss begins with what the parent had
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) if status.exists() else 0
peak = (peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024
print(json.dumps({"source": found.source, "target": found.target, "peak": peak, **told}))
"""


@pytest.fixture
def million(real_service: Any, tmp_path: Path) -> Iterator[str]:
    """residents.csv in `tmp_path`, and the url of a database with the same rows, the other way round, but for three."""
    url = str(real_service("postgresql"))
    days = [(date(1931, 1, 1) + timedelta(day)).isoformat() for day in range(9000)]
    with (tmp_path / "residents.csv").open("w") as file:
        file.write("external_id,given_name,room,birth_date\n")
        file.writelines(f"R-{n},given {n},{n % 90},{days[n % 9000]}\n" for n in range(1, N + 1))
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP TABLE IF EXISTS sysint_million")
        db.execute(
            "CREATE UNLOGGED TABLE sysint_million AS SELECT date '1931-01-01' + n % 9000 AS birth_date, n % 90 AS room,"
            f" 'given ' || n AS given_name, 'R-' || n AS external_id FROM generate_series({N}, 1, -1) AS n"
        )
        db.execute("DELETE FROM sysint_million WHERE external_id = 'R-77'")
        db.execute("INSERT INTO sysint_million VALUES ('1931-01-01', 1, 'nobody', 'R-0')")
        db.execute("UPDATE sysint_million SET room = 91 WHERE external_id = 'R-777777'")
    yield url
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("DROP TABLE sysint_million")


def test_three_differences_in_a_million_within_256_mib(million: str, tmp_path: Path) -> None:
    """In a process of its own, so that nothing else is counted: the limit is for all of it, Python and drivers too."""
    command = [sys.executable, "-c", ALONE, str(tmp_path), million]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("peak") < 256 * 2**20
    assert told == {
        "source": N,
        "target": N,
        "missing": [["R-77", {}]],
        "unexpected": [["R-0", {}]],
        "different": [["R-777777", {"room": ["87", "91"]}]],
        "duplicated": [],
    }
