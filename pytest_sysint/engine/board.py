"""What the processes of one run tell each other about health: one small file per health check that has ended.

Under xdist the health checks of an integration may run in another process than the checks that wait for them. A folder
needs no server, survives a killed worker, and is read only while somebody waits.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


class Board:
    """A folder shared by all processes of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def post(self, nodeid: str, root: str) -> None:
        """This health check ended; `root` is the integration found to be down, empty when none is."""
        target = self._file(nodeid)
        draft = target.with_suffix(".draft")
        draft.write_text(root, encoding="utf-8")
        draft.replace(target)

    def read(self, nodeid: str) -> str | None:
        """What was posted for it; None when it has not ended yet."""
        try:
            return self._file(nodeid).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _file(self, nodeid: str) -> Path:
        return self._folder / hashlib.sha256(nodeid.encode()).hexdigest()[:32]
