"""Finding server programs on this machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from pytest_sysint.core.provisioning import LocalBinary

_ALSO = ("/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin", "/opt/homebrew/sbin")
"""Where servers live that a user's PATH often leaves out."""


def find(recipe: LocalBinary) -> str:
    """The path of the first program of the recipe: from PATH, else from its folders, newest version first.

    Empty when there is none.
    """
    for name in recipe.binaries:
        on_path = shutil.which(name)
        if on_path:
            return on_path
    folders = [folder for pattern in recipe.folders for folder in _newest_first(pattern)]
    for name in recipe.binaries:
        for folder in (*folders, *_ALSO):
            found = shutil.which(name, path=folder)
            if found:
                return str(Path(found))
    return ""


def _newest_first(pattern: str) -> list[str]:
    """The folders of an absolute glob; `15` comes before `9.6`."""
    found = map(str, Path("/").glob(pattern.removeprefix("/")))
    return sorted(found, key=lambda path: [int(number) for number in re.findall(r"\d+", path)], reverse=True)
