"""What a command of `sysint` is: one module of this folder, with one constant `COMMAND`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command. Its module is imported to print the help, so whatever it needs is imported inside `run`."""

    name: str
    help: str
    """One line, without a full stop."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Does it and gives the exit code: 0 went well, 1 found something wrong. A SysintError is printed by the frame."""
