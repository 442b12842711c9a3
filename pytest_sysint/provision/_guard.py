"""The last one out: a tiny process that clears up when the supervisor is gone, however it went.

It reads lines from the supervisor until that ends, and then ends whatever is still there:

    group 4711              a process group that was started
    gone 4711               ... and that has ended since
    folder /tmp/sysint-x    to be removed
    after ["docker", ...]   a command to run (JSON), for what is not a process
    done                    the supervisor has done that itself

Started as a file by a bare interpreter, so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

MARK = "PYTEST_SYSINT_RUN"
"""The variable in the environment of everything started, by which also a process that left its group is found."""


def marked(token: str) -> Iterator[int]:
    """The ids of living processes that carry the token. Nothing where there is no /proc."""
    needle = f"{MARK}={token}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if needle in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
        except OSError:
            continue


def sweep(token: str, groups: Iterable[int] = (), *, rounds: int = 50) -> None:
    """End process groups and marked processes at once; repeated, because a dying process may still start others."""
    for group in groups:
        _end(os.killpg, group)
    for _ in range(rounds):
        left = list(marked(token))
        if not left:
            return
        for process in left:
            _end(os.kill, process)
        time.sleep(0.02)


def _end(kill: Callable[[int, int], None], number: int) -> None:
    try:
        kill(number, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def main(token: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    folders: list[str] = []
    commands: list[list[str]] = []
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "group":
            groups.add(int(rest))
        elif word == "gone":
            groups.discard(int(rest))
        elif word == "folder":
            folders.append(rest)
        elif word == "after":
            commands.append(json.loads(rest))
        elif word == "done":
            commands.clear()
    sweep(token, groups)
    for command in commands:
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, timeout=60)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
