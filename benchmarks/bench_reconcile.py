"""A million rows of CSV against a million in PostgreSQL: beside reading both sides once and doing nothing with them."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
from _measure import machine

from pytest_sysint.provision import ServiceRequest, Services

ROWS, ROUNDS = 1_000_000, 3
COLUMNS = ("given_name", "room", "born")
WORK = """\
import json, resource, sys, time
from pytest_sysint.checks._reconcile.compare import Comparer
from pytest_sysint.checks._reconcile.plan import Field, Plan, Side
from pytest_sysint.core.integration import Stopwatch
from pytest_sysint.core.registry import types

what, folder, url, columns = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].split(",")
def live(word, url):
    cls = types().get(word)
    return cls(cls.settings_model(url=url))
files, db = live("local", folder), live("postgresql", url)
rows = next(each for each in files.operations if each.key() == "rows")(rows="in.csv")
query = db.operations[0](query="SELECT * FROM many")
began = time.perf_counter()
different = -1
if what == "read":
    for side, operation in ((files, rows), (db, query)):
        for batch in operation.stream(side, 600):
            pass
else:
    fields = tuple(Field(name, name) for name in columns)
    plan = Plan(Side("files", rows), Side("db", query), (Field("id", "id"),), fields, checksum=what == "checksum")
    found = Comparer(plan, lambda _: None, Stopwatch(), 600).compare(files, db)
    different = found.different.count + found.missing.count + found.unexpected.count
took = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"took": took, "peak": peak, "different": different}))
"""


def prepare(url: str, folder: Path) -> None:
    """The same rows on both sides, in opposite order, but for three."""
    with (folder / "in.csv").open("w") as file:
        file.write("id,given_name,room,born\n")
        file.writelines(f"{n},given {n},{n % 90},1931-05-{n % 28 + 1:02}\n" for n in range(1, ROWS + 1))
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "CREATE UNLOGGED TABLE many AS SELECT n AS id, 'given ' || n AS given_name, n % 90 AS room,"
            f" date '1931-05-01' + n % 28 AS born FROM generate_series({ROWS}, 1, -1) AS n"
        )
        db.execute("DELETE FROM many WHERE id = 7")
        db.execute("UPDATE many SET room = 91 WHERE id IN (77, 777777)")


def run(what: str, folder: Path, url: str) -> dict[str, float]:
    command = [sys.executable, "-c", WORK, what, str(folder), url, ",".join(COLUMNS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    told: dict[str, float] = json.loads(done.stdout)
    if what != "read" and told["different"] != 3:
        sys.exit(f"{what}: found {told['different']} differences, and there are 3")
    return told


with tempfile.TemporaryDirectory() as name:
    folder, services = Path(name), Services(logs=Path(name) / "logs")
    try:
        url = services.provide(ServiceRequest(id="db", type="postgresql", way="auto", timeout=90)).url
        prepare(url, folder)
        words = ("read", "values", "checksum")
        seen = {word: [run(word, folder, url) for _ in range(ROUNDS)] for word in words}
    finally:
        services.close()
medians = {word: statistics.median(each["took"] for each in found) for word, found in seen.items()}
peaks = {word: max(each["peak"] for each in found) for word, found in seen.items()}
for word in words:
    print(f"{word:<10}{medians[word]:7.2f} s   peak {peaks[word]:6.0f} MiB")
print(f"{ROWS:,} rows a side, 3 differences found; {machine()}")
print(
    f"ratio to reading both sides once: {medians['values'] / medians['read']:.2f}, by checksum "
    f"{medians['checksum'] / medians['read']:.2f}; memory wanted: at most 256 MiB"
)
