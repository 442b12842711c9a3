"""10,000 declared checks: collecting, running, memory, the HTML report; beside 10,000 empty tests of plain pytest."""

from __future__ import annotations

import sys

from _measure import PYTEST, machine, peak_memory_mib, project, timed

COUNT = 10_000


def declaration(folder: str) -> str:
    lines = ["sysint: 1", "integrations:"]
    for group in range(100):
        lines += [f"  store-{group}:", "    type: local", f"    url: {folder}", "    health:"]
        lines += [f"      - {{name: f{n}, list: '', expect: {{count: '>= 0'}}}}" for n in range(COUNT // 100 - 1)]
    return "\n".join(lines) + "\n"


REPORT = """
import sys, time
from pathlib import Path
from pytest_sysint.results.journal import read
from pytest_sysint.core.registry import formats
records = read(Path("reports/sysint.journal.jsonl"))
clock = time.perf_counter()
formats().get("html").write(records, Path("reports/again.html"))
took, size = time.perf_counter() - clock, Path("reports/again.html").stat().st_size
print(f"{took:.2f} {size / 2**20:.2f} {len(records.results)}")
"""

with project() as folder:
    (folder / "data").mkdir()
    (folder / "sysint.yaml").write_text(declaration(str(folder / "data")))
    (folder / "test_empty.py").write_text(
        f"import pytest\n@pytest.mark.parametrize('n', range({COUNT}))\ndef test_nothing(n): pass\n"
    )
    plain_collect = timed([*PYTEST, "--collect-only", "test_empty.py"], folder)
    collect = timed([*PYTEST, "--collect-only", "--sysint", "sysint.yaml"], folder)
    plain = timed([*PYTEST, "test_empty.py"], folder)
    before = peak_memory_mib()
    run = timed([*PYTEST, "--sysint", "sysint.yaml"], folder)
    memory = peak_memory_mib()
    import subprocess

    seconds, size, results = subprocess.run(
        [sys.executable, "-c", REPORT], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.split()
ratio, beyond = collect / plain_collect, (run - plain) / COUNT * 1000
print(f"collect: {collect:.2f} s (plain pytest {plain_collect:.2f} s, ratio {ratio:.2f}; wanted: under 5 s)")
print(f"run: {run:.2f} s (plain pytest {plain:.2f} s): {beyond:.2f} ms a check beyond it (wanted: under 1)")
print(f"memory: {memory:.0f} MiB (plain pytest {before:.0f} MiB; wanted: under 400)")
print(f"html report of {results} results: {seconds} s, {size} MiB (wanted: under 3 s); {machine()}")
