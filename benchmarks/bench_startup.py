"""What the plugin costs a pytest session that does not ask for it: a whole run with it, and with it blocked."""

from __future__ import annotations

from _measure import PYTEST, in_turn, machine, project

with project() as folder:
    (folder / "test_one.py").write_text("def test_one(): pass\n")
    medians = in_turn({"with": PYTEST, "without": [*PYTEST, "-p", "no:sysint"]}, folder, rounds=15)
print(f"installed, not asked for: {medians['with'] * 1000:.0f} ms, blocked: {medians['without'] * 1000:.0f} ms")
print(f"ratio {medians['with'] / medians['without']:.3f} ({machine()}, medians of 15)")
