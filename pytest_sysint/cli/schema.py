"""`sysint schema`: the JSON Schema of a declaration, for editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_sysint.cli._command import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write it there instead of printing it")


def run(arguments: argparse.Namespace) -> int:
    import json

    from pytest_sysint.declaration.schema import declaration_schema

    text = json.dumps(declaration_schema(), indent=2)
    if arguments.output is None:
        print(text)
        return 0
    arguments.output.write_text(f"{text}\n", encoding="utf-8")
    print(f"written: {arguments.output}")
    print(f"for editors, put this first in a declaration: # yaml-language-server: $schema={arguments.output}")
    return 0


COMMAND = Command("schema", "print the JSON Schema of a declaration, for editors", add_arguments, run)
