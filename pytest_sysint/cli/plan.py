"""`sysint plan`: what a run would do, to whom, with which effect, without connecting to anything."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pytest_sysint.cli._command import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_sysint.core.check import Check
    from pytest_sysint.declaration import Declaration, DeclaredIntegration
    from pytest_sysint.engine.plan import Planned, Selection

_WIDTH = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", default=["."], help="declarations, or folders that hold some (default: .)")
    parser.add_argument("--env", metavar="NAME", help="environment of the declaration")
    for name in ("kind", "type", "integration", "tenant"):
        parser.add_argument(f"--{name}", action="append", default=[], help=f"only this {name} (repeatable)")


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from pytest_sysint.core.errors import UsageError
    from pytest_sysint.declaration import find_declarations, load
    from pytest_sysint.engine.plan import Selection

    root = Path.cwd()
    paths = find_declarations([Path(path) for path in arguments.paths], root)
    if not paths:
        where = ", ".join(arguments.paths)
        raise UsageError(f"no declaration in {where}", hint="`sysint init` writes one to start from")
    declarations = load(paths, environment=arguments.env, tenants=arguments.tenant or None)
    selection = Selection(*(frozenset(getattr(arguments, name)) for name in ("kind", "type", "integration", "tenant")))
    for declaration in declarations:
        print("\n".join(_lines(declaration, selection)))
    return 0


def _lines(declaration: Declaration, selection: Selection) -> Iterable[str]:
    import os

    from pytest_sysint.engine.plan import plan

    found = [
        (f"{declared.id}::{check.kind}::{check.slug}[{check.tenant}]", declared, check)
        for declared, check in _checks(declaration, selection)
    ]
    planned = list(plan(found, [declaration]).values())
    environment = declaration.environment.name or "no environment"
    yield f"{os.path.relpath(declaration.path)}: {len(planned)} checks, {environment}"
    for integration_id in dict.fromkeys(item.declared.id for item in planned):
        yield from _integration([item for item in planned if item.declared.id == integration_id])
    yield from (f"  note: {notice}" for notice in declaration.notices)


def _checks(declaration: Declaration, selection: Selection) -> Iterable[tuple[DeclaredIntegration, Check]]:
    from pytest_sysint.engine.plan import checks_of, kinds_in_order

    for integration_id in dict.fromkeys(item.id for item in declaration.integrations):
        for kind in kinds_in_order():
            yield from checks_of(declaration, kind, integration_id, selection)


def _integration(planned: Sequence[Planned]) -> Iterable[str]:
    from pytest_sysint.core.secrets import redact

    first = planned[0].declared
    where = redact(first.settings.url) if first.settings.url else f"to be provided ({first.provision.way})"
    needs = f", needs {', '.join(planned[0].requires)}" if planned[0].requires else ""
    yield f"  {first.id} ({first.type}): {where}{needs}"
    by_slug: dict[tuple[str, str], list[Planned]] = {}
    for item in planned:
        by_slug.setdefault((item.check.kind, item.check.slug), []).append(item)
    for (kind, _), items in by_slug.items():
        check = items[0].check
        tenants = ", ".join(item.check.tenant for item in items if item.check.tenant != "shared")
        line = f"    {kind:<10} {check.effect:<11} {check.name[:_WIDTH]:<{_WIDTH}} {tenants}".rstrip()
        yield f"{line}\n      refused: {items[0].refused}" if items[0].refused else line


COMMAND = Command(
    "plan", "say what a run would do, to whom, with which effect; connects to nothing", add_arguments, run
)
