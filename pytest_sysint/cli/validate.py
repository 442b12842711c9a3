"""`sysint validate`: every problem of every declaration, with its position, without connecting to anything."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sysint.cli._command import Command

if TYPE_CHECKING:
    from pytest_sysint.declaration import Declaration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", default=["."], help="declarations, or folders that hold some (default: .)")
    parser.add_argument("--env", metavar="NAME", help="the environment to check for (default: local)")
    parser.add_argument(
        "--unset-ok",
        action="store_true",
        help="accept variables that are not set and libraries that are not installed: for a machine without secrets",
    )


def run(arguments: argparse.Namespace) -> int:
    from pytest_sysint.cli._paths import declarations_in
    from pytest_sysint.core.errors import DeclarationError
    from pytest_sysint.core.secrets import redact
    from pytest_sysint.declaration import load

    paths = declarations_in(arguments.paths)
    try:
        found = load(paths, environment=arguments.env, needed=(lambda *_: False) if arguments.unset_ok else None)
    except DeclarationError as error:
        print(redact(str(error)))
        return 1
    for declaration in found:
        print("\n".join(map(redact, _summary(declaration))))
    return 0


def _summary(declaration: Declaration) -> list[str]:
    integrations = {item.id: item for item in declaration.integrations}
    count = f"{len(integrations)} integration{'s' if len(integrations) != 1 else ''}"
    tenants = f" for {', '.join(declaration.tenants)}" if declaration.tenants else ""
    path = declaration.path
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    lines = [f"{shown}: valid: {count}{tenants}, environment {declaration.environment.name}"]
    lines += [f"  note: {notice}" for notice in declaration.notices]
    lines += [f"  left open: {item.id}: {item.unusable}" for item in integrations.values() if item.unusable]
    return lines


COMMAND = Command("validate", "list every problem of the declarations, with its position", add_arguments, run)
