"""Files that a declaration names: contracts, data, schemas."""

from __future__ import annotations

from pathlib import Path

from pytest_sysint.core.errors import Mistake, Mistakes, nearest


def find_document(name: str, folder: Path) -> Path:
    """The file beside the declaration; else as it is written, from where the run starts.

    Raises:
        Mistakes: when there is none, with the nearest name that is there.

    """
    for path in (folder / name, Path(name)):
        if path.is_file():
            return path.resolve()
    beside = (folder / name).parent
    there = [each.name for each in beside.iterdir()] if beside.is_dir() else []
    guess = nearest(Path(name).name, there)
    ask = f", did you mean '{Path(name).parent / guess}'?" if guess else ""
    raise Mistakes(Mistake((), f"there is no file '{name}' beside the declaration, nor from where the run starts{ask}"))
