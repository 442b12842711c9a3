"""The declarations that a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def declarations_in(paths: Sequence[str]) -> list[Path]:
    """Those named, and those below the folders named.

    Raises:
        UsageError: when one does not exist, or none is found.

    """
    from pytest_sysint.core.errors import UsageError
    from pytest_sysint.declaration import find_declarations

    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}")
    found = find_declarations(given, Path.cwd())
    if not found:
        raise UsageError(
            f"no declaration (sysint.yaml or *.sysint.yaml) in {', '.join(paths)}",
            hint="`sysint init` writes one to start from",
        )
    return found
