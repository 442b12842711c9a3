"""The console script `sysint`. Each command is one module of this folder with a constant `COMMAND`."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator, Sequence

from pytest_sysint.cli._command import Command

__all__ = ["Command", "main"]

DONE, FOUND, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is the command's own, 2 for what the user must put right, 130 for Ctrl-C."""
    from pytest_sysint.core.errors import SysintError

    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return DONE
    try:
        return int(arguments.run(arguments))
    except SysintError as error:
        return _complain(str(error))
    except BrokenPipeError:
        # The reader (`| head`) has gone: the interpreter must not complain about it a second time at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND
    except OSError as error:
        return _complain(f"{error.strerror or error}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(text: str) -> int:
    from pytest_sysint.core.secrets import redact

    print(f"sysint: {redact(text)}", file=sys.stderr)
    return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sysint", description="Declare your integrations once; `pytest --sysint` tests them."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and leave")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for command in _commands():
        sub = commands.add_parser(command.name, help=command.help, description=f"{command.help}.")
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _commands() -> Iterator[Command]:
    """Every command of this folder, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name[0] != "_")
    for name in names:
        yield importlib.import_module(f"{__name__}.{name}").COMMAND


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"pytest-sysint {version('pytest-sysint')}")
        parser.exit()
