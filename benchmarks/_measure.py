"""Times whole commands, in turn, several times: a noisy machine slows both sides alike, and the ratio holds."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:warnings"]


def timed(command: list[str], folder: Path, expect: int | None = 0) -> float:
    """Seconds that a command takes. An unexpected exit code ends the benchmark with the command's output."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if expect is not None and done.returncode != expect:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return took


def in_turn(commands: dict[str, list[str]], folder: Path, rounds: int = 5) -> dict[str, float]:
    """Median seconds of each command, run A B C A B C ..., after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            took = timed(command, folder)
            if number:
                times[name].append(took)
    return {name: statistics.median(each) for name, each in times.items()}


def peak_memory_mib() -> float:
    """The largest memory of any child process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


@contextmanager
def endpoint(delay: float) -> Iterator[str]:
    """The url of a server in a process of its own that answers after `delay` seconds."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "_server.py"), str(delay)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def project() -> Iterator[Path]:
    """An empty folder to run pytest in."""
    with tempfile.TemporaryDirectory(prefix="sysint-bench-") as folder:
        (Path(folder) / "pytest.ini").write_text("[pytest]\n")
        yield Path(folder)


def machine() -> str:
    """What the numbers were measured on."""
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
