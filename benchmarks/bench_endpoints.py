"""1,000 declared HTTP endpoints that answer in 50 ms, 64 at once: beside the ideal, and beside pytest with httpx."""

from __future__ import annotations

from pathlib import Path

from _measure import PYTEST, endpoint, in_turn, machine, project

COUNT, DELAY, CONCURRENCY = 1000, 0.05, 64


def declaration(url: str) -> str:
    lines = ["sysint: 1", "integrations:", "  api:", "    type: rest", f"    url: {url}", "    health:"]
    lines += [f"      - {{name: endpoint {n}, request: GET /{n}, expect: {{status: 200}}}}" for n in range(COUNT)]
    return "\n".join(lines) + "\n"


def plain(url: str) -> str:
    return (
        "import httpx, pytest\n"
        f"client = httpx.Client(base_url={url!r})\n"
        f"@pytest.mark.parametrize('n', range({COUNT}))\n"
        "def test_endpoint(n): assert client.get(f'/{n}').status_code == 200\n"
    )


def empty() -> str:
    return f"import pytest\n@pytest.mark.parametrize('n', range({COUNT}))\ndef test_nothing(n): pass\n"


def write(folder: Path, url: str) -> dict[str, list[str]]:
    (folder / "sysint.yaml").write_text(declaration(url))
    (folder / "test_plain.py").write_text(plain(url))
    (folder / "test_empty.py").write_text(empty())
    asked = [*PYTEST, "--sysint", f"--sysint-concurrency={CONCURRENCY}", "sysint.yaml"]
    return {
        "sysint": asked,
        "sysint -n 2": [*asked, "-n", "2"],
        "pytest alone, 1,000 empty tests": [*PYTEST, "test_empty.py"],
        "plain pytest + httpx": [*PYTEST, "test_plain.py"],
        "plain pytest + httpx -n 2": [*PYTEST, "test_plain.py", "-n", "2"],
    }


with project() as folder, endpoint(DELAY) as url:
    medians = in_turn(write(folder, url), folder, rounds=3)
ideal = COUNT / CONCURRENCY * DELAY
bound = ideal + medians["pytest alone, 1,000 empty tests"]
for name, seconds in medians.items():
    print(f"{name:<34}{seconds:7.2f} s")
print(f"{'ideal (1000/64 x 50 ms)':<34}{ideal:7.2f} s")
print(f"ratio to the ideal plus pytest's own cost: {medians['sysint'] / bound:.2f} (wanted: at most 2)")
print(f"times faster than plain pytest + httpx: {medians['plain pytest + httpx'] / medians['sysint']:.1f}; {machine()}")
