"""What a report format is, and how its file comes to be there."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.records import RunRecords


@dataclass(frozen=True, slots=True)
class Format:
    """One report format: a module of this folder names one in `FORMAT`."""

    name: str
    default_path: str
    """The file's name within the folder of reports."""
    description: str
    """One line for `--help`."""
    write: Callable[[RunRecords, Path], None]
    """Writes the report of a run. Raises SysintError when the file cannot be written."""


def write_file(path: Path, text: str) -> None:
    """Write a whole file or nothing: what was there stays until the new text is complete.

    Parent folders are made. A link is followed, and a device or pipe (`/dev/stdout`) is written to as it is.

    Raises:
        SysintError: when it cannot be written, naming the path and the reason.

    """
    # Halves of surrogate pairs come from file names and broken encodings; no report is lost for them.
    content = text.encode("utf-8", "replace")
    try:
        place = path.resolve()
        if place.exists() and not place.is_file() and not place.is_dir():
            place.write_bytes(content)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            _replace(place, content)
    except OSError as error:
        raise SysintError(
            f"the report {path} could not be written: {_because(error)}",
            hint="give another place with --sysint-report FORMAT:PATH",
        ) from None


def _because(error: OSError) -> str:
    in_the_way = isinstance(error, (FileExistsError, NotADirectoryError))
    return f"{error.filename} is not a folder" if in_the_way else error.strerror or str(error)


def _replace(place: Path, content: bytes) -> None:
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        # Not `tempfile`: its files are for their owner alone, while a report is as readable as any new file here.
        with unfinished.open("xb") as file:
            file.write(content)
        unfinished.replace(place)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise
