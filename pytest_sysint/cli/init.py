"""`sysint init`: a commented declaration to start from, with what the project already says about its integrations."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_sysint.cli._command import Command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_sysint.cli._found import Found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the project's folder (default: .)")
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="default: sysint.yaml in that folder")
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")


def run(arguments: argparse.Namespace) -> int:
    from pytest_sysint.cli._found import look
    from pytest_sysint.core.errors import UsageError

    folder: Path = arguments.folder
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    target: Path = arguments.output or folder / "sysint.yaml"
    found, remarks = look(folder)
    try:
        with target.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write("\n".join(_lines(folder, found)) + "\n")
    except FileExistsError:
        raise UsageError(
            f"{target} is there already", hint="`--force` overwrites it, `--output` writes another"
        ) from None
    print(f"written: {target} ({len(found) or 'no'} integration{'s' if len(found) != 1 else ''} found here)")
    print("\n".join([*(f"note: {remark}" for remark in remarks), *_install(found), *_next(target)]))
    return 0


def _install(found: list[Found]) -> list[str]:
    from pytest_sysint.core.registry import types
    from pytest_sysint.declaration.blocks import missing_driver

    extras = sorted({one.type for one in found if missing_driver(types().get(one.type), one.type)})
    return [f"install: pip install 'pytest-sysint[{','.join(extras)}]'"] if extras else []


def _next(target: Path) -> list[str]:
    return [f"next: sysint validate {target}", f"      pytest --sysint {target}"]


def _lines(folder: Path, found: list[Found]) -> Iterator[str]:
    from pytest_sysint.cli._found import slug

    yield from _HEAD.format(system=slug(folder.resolve().name)).splitlines()
    if not found:
        yield from _EXAMPLE.splitlines()
    for one in found:
        yield from _integration(one)
    yield from _TAIL.splitlines()


def _integration(one: Found) -> Iterator[str]:
    import json

    yield f"  {one.id}:  # from {one.origin}"
    yield f"    type: {one.type}"
    yield f"    url: ${{env:{one.variable}}}{f'  # published at {one.url}' if one.url else ''}"
    if one.depends_on:
        yield f"    depends_on: [{', '.join(one.depends_on)}]"
    if one.image:
        yield f"    provision: {{image: {json.dumps(one.image)}}}"
    if one.type in ("service", "rest"):
        yield from ("    # health:", "    #   - request: GET /health", "    #     expect: {status: 200}")
    yield ""


_HEAD = """\
# What this system is connected to, and what must be true of it.
#   sysint validate     says what is wrong with this file
#   pytest --sysint     tests what it declares
sysint: 1
system: {system}

# tenants: [north, south]        # organisations that share the system; `tenants: all` at an integration tests each

environments:
  local: {{provision: auto}}       # what has no url is started here, where that is possible
  # staging: {{allow: [read, write]}}
  # production: {{allow: [read]}}  # anything else is refused before a connection is made

defaults:
  timeout: 5s
  retry: {{attempts: 3, backoff: exponential, initial: 100ms, max: 5s}}
  severity: high

integrations:"""

_EXAMPLE = """\
  my-api:
    type: rest
    url: ${env:MY_API_URL}         # while it is not set, the checks are skipped and say why
    # owner: platform-team
    # severity: critical
    health:
      - name: answers quickly
        request: GET /
        expect: {status: 200, latency: {warn: "< 200ms", fail: "< 2s"}}
"""

_TAIL = """\
  # One more, with everything that integrations have in common:
  # cache:
  #   type: redis
  #   url: ${env:CACHE_URL}
  #   severity: critical           # critical, high, medium, low
  #   owner: platform-team
  #   depends_on: []
  #   timeout: 2s
  #   health:
  #     - command: PING
  #       expect: {latency: "< 50ms"}"""

COMMAND = Command("init", "write a commented declaration to start from", add_arguments, run)
