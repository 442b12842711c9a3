"""`sysint cleanup`: removes what runs have written and could not remove themselves, because they were killed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sysint.cli._command import Command

if TYPE_CHECKING:
    from pytest_sysint.core.ledger import Entry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", default=["reports"], help="folders of reports, or ledgers within them (default: reports)"
    )
    parser.add_argument("--list", action="store_true", help="say what is left, and remove nothing")


def run(arguments: argparse.Namespace) -> int:
    from pytest_sysint.core.errors import UsageError
    from pytest_sysint.core.ledger import find_ledgers

    for path in map(Path, arguments.paths):
        if not path.exists() and arguments.paths != ["reports"]:
            raise UsageError(f"there is no file or folder {path}")
    ledgers = find_ledgers(map(Path, arguments.paths))
    left = sum(_work(path, only_list=arguments.list) for path in ledgers)
    if not ledgers:
        print("nothing is left behind")
    return 1 if left else 0


def _work(path: Path, *, only_list: bool) -> int:
    """Work through one ledger; how many records are left afterwards."""
    from pytest_sysint.core.ledger import is_in_use, mark_undone, read_ledger
    from pytest_sysint.core.secrets import redact
    from pytest_sysint.engine.undoing import undo

    if is_in_use(path):
        print(f"{path}: its run still goes on; it is left alone")
        return 0
    entries, broken = read_ledger(path)
    if broken:
        print(f"{path}: {broken} line{'s' if broken > 1 else ''} cut off: what it was about was not written yet")
    if only_list:
        print(
            "\n".join(f"{_name(entry)}: {len(entry.items):,} records" for entry in entries) or "nothing is left behind"
        )
        return sum(len(entry.items) for entry in entries)
    left = 0
    for done in undo(entries):
        mark_undone(path, {done.entry.id: done.gone})
        left += len(done.left)
        print(f"{_name(done.entry)}: {len(done.gone):,} of {len(done.entry.items):,} records removed")
        for why in dict.fromkeys(done.left.values()):
            number = next(number for number, said in done.left.items() if said == why)
            known = ", ".join(f"{name} {value}" for name, value in done.entry.items[number].items())
            print(redact(f"  left: {known}: {why}"))
    if not entries:
        path.unlink()
    return left


def _name(entry: Entry) -> str:
    check = entry.check
    return f"{check['integration']}::{check['kind']}::{check['slug']}[{check['tenant']}]"


COMMAND = Command("cleanup", "remove what killed runs have left in the systems they tested", add_arguments, run)
