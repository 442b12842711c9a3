"""What a service wrote: its end for an error message, and whether it tells of a port that was taken."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pytest_sysint.core.secrets import redact

_LIMIT = 256 * 1024
_PORT_TAKEN = re.compile(r"address (is )?already in use|EADDRINUSE|already in use|could not bind", re.IGNORECASE)


def read(path: Path, limit: int = _LIMIT) -> str:
    """The last part of a file as text, unredacted; empty when there is no such file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def file_name(service: str) -> str:
    """The id of a service as part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", service)[:60]


def tail(text: str, lines: int) -> str:
    """The last lines that are not blank, redacted."""
    kept = [line.rstrip() for line in text.splitlines() if line.strip()]
    return redact("\n".join(kept[-lines:]))


def port_taken(text: str) -> bool:
    """Whether the output says that somebody else had the port."""
    return _PORT_TAKEN.search(text) is not None


def as_hint(text: str, lines: int = 12) -> str:
    """The last lines as the hint of an error; a sentence when there is none."""
    end = tail(text, lines)
    return "its last lines:\n    " + end.replace("\n", "\n    ") if end else "it wrote nothing"
