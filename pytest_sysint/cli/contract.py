"""`sysint contract`: record what is there in the declared snapshots, and compare two environments."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pytest_sysint.cli._command import Command
from pytest_sysint.cli._live import connected
from pytest_sysint.cli._paths import declarations_in

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_sysint.contracts._drift import Difference, Unknown
    from pytest_sysint.declaration import Declaration, DeclaredIntegration
    from pytest_sysint.engine.connections import Connections

_LEAST_SECONDS = 30.0
"""A command may take longer to describe a large database than a check."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    does = parser.add_subparsers(dest="does", metavar="WHAT", required=True)
    update = does.add_parser("update", help="write what is there into each declared snapshot")
    update.add_argument("--env", metavar="NAME", help="the environment to look at (default: local)")
    update.set_defaults(do=_update)
    diff = does.add_parser("diff", help="compare what two environments hold; exit code 1 when it breaks something")
    diff.add_argument("--env", metavar="NAME", action="append", default=[], help="give it twice: from, to")
    diff.set_defaults(do=_diff)
    for sub in (update, diff):
        sub.add_argument("paths", nargs="*", default=["."], help="declarations, or folders that hold some (default: .)")
        sub.add_argument("--integration", action="append", default=[], help="only this integration (repeatable)")
        sub.add_argument("--tenant", help="as this tenant has it (default: the first)")


def _run(arguments: argparse.Namespace) -> int:
    return int(arguments.do(arguments))


def _load(arguments: argparse.Namespace, environment: str | None) -> tuple[Declaration, ...]:
    from pytest_sysint.core.errors import UsageError, did_you_mean
    from pytest_sysint.declaration import load

    tenants = [arguments.tenant] if arguments.tenant else None
    # What the command does not look at may lack variables and libraries; the rest is told when it is opened.
    found = load(declarations_in(arguments.paths), environment=environment, tenants=tenants, needed=lambda *_: False)
    known = {item.id for each in found for item in each.integrations}
    for name in arguments.integration:
        if name not in known:
            raise UsageError(f"there is no integration '{name}'{did_you_mean(name, known)}")
    return found


def _chosen(declarations: Iterable[Declaration], arguments: argparse.Namespace) -> list[DeclaredIntegration]:
    """The integrations that tell what they hold, each as its first tenant has it."""
    found: dict[str, DeclaredIntegration] = {}
    for item in (item for each in declarations for item in each.integrations):
        if getattr(item.cls, "sections", ()) and (not arguments.integration or item.id in arguments.integration):
            found.setdefault(item.id, item)
    return list(found.values())


def _update(arguments: argparse.Namespace) -> int:
    from pytest_sysint.core.errors import SysintError, UsageError

    declarations = _load(arguments, arguments.env)
    snapshots = {item.id: item for item in _chosen(declarations, arguments) if _snapshot(item) is not None}
    if not snapshots:
        raise UsageError(
            "no integration declares a snapshot", hint="add `contract: {snapshot: contracts/<integration>.yaml}` to one"
        )
    failed = False
    with connected(declarations) as connections:
        for item in snapshots.values():
            try:
                print("\n".join(_written(item, connections)))
            except SysintError as error:
                failed = True
                _say_why_not(item.id, error)
    return 1 if failed else 0


def _snapshot(declared: DeclaredIntegration) -> Any:
    contract = declared.kinds.get("contract")
    return contract.forms.get("snapshot") if contract is not None else None


def _written(declared: DeclaredIntegration, connections: Connections) -> list[str]:
    """Write one snapshot, unless it says so already; the lines that tell about it."""
    from pytest_sysint.contracts._drift import counted
    from pytest_sysint.contracts._recorded import write_snapshot
    from pytest_sysint.core.errors import UsageError

    contract = _snapshot(declared)
    file: Path = contract.file
    now, unknown = _described(declared, connections, contract.keys.sections)
    if not any(now.values()):
        hint = "is it the right one, and was it migrated? Without a url an empty one is started, see `provision:`"
        raise UsageError("it holds nothing that could be recorded", hint=hint)
    before = _kept(file)
    way = connections.way(declared.id)
    shown = f"{declared.id}{'' if way == 'existing' else f' ({way})'}: {os.path.relpath(file)}"
    holds = f"({counted(now)})"
    lacking = [f"  ? not known, and not recorded: {way}: {why}" for way, why in _told(unknown)]
    if json.dumps(before) == json.dumps(now):  # the order counts too
        return [f"{shown}: as it was {holds}", *lacking]
    write_snapshot(file, declared.id, declared.type, now)
    if before is None:
        return [f"{shown}: written {holds}", *lacking]
    found = _differences(declared, before, now, unknown)
    return [f"{shown}: written anew {holds}", *_listed(found), *lacking]


def _kept(file: Path) -> Mapping[str, Any] | None:
    """The snapshot as it is; None where there is none that can be read."""
    from pytest_sysint.contracts._recorded import read_snapshot
    from pytest_sysint.core.errors import UsageError

    try:
        return read_snapshot(file)
    except (FileNotFoundError, UsageError):
        return None


def _told(unknown: Mapping[str, Unknown]) -> Iterator[tuple[str, str]]:
    from pytest_sysint.core.secrets import redact

    for section, ways in unknown.items():
        for way, why in ways.items():
            yield ".".join((section, *way)).removesuffix(".*"), redact(why)


def _described(
    declared: DeclaredIntegration, connections: Connections, only: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Unknown]]:
    """What an integration holds, as a snapshot keeps it; and what of that it does not tell."""
    from pytest_sysint.contracts._drift import recorded, unknown
    from pytest_sysint.contracts._structure import sections_of

    known = sections_of(declared.cls)
    live: Any = connections.get(declared.id, declared.tenant)
    names = [name for name in known if not only or name in only]
    found = live.describe(names, max(declared.timeout, _LEAST_SECONDS))
    now = {name: recorded(known[name], found[name]) for name in names}
    return now, {name: unknown(known[name], found[name]) for name in names}


def _differences(
    declared: DeclaredIntegration, before: Mapping[str, Any], after: Mapping[str, Any], unknown: Mapping[str, Unknown]
) -> list[Difference]:
    from pytest_sysint.contracts._drift import differences
    from pytest_sysint.contracts._structure import sections_of

    known = sections_of(declared.cls)
    return [
        each
        for name in known
        if name in before or name in after
        for each in differences(known[name], before.get(name, {}), after.get(name, {}), unknown.get(name))
    ]


def _diff(arguments: argparse.Namespace) -> int:
    from pytest_sysint.core.errors import SysintError, UsageError

    if len(arguments.env) != 2:
        raise UsageError("two environments are compared", hint="sysint contract diff --env staging --env production")
    first, second = (_load(arguments, name) for name in arguments.env)
    pairs = _pairs(_chosen(first, arguments), _chosen(second, arguments))
    if not pairs:
        raise UsageError("no integration of these declarations tells what it holds")
    broken = False
    with connected(first) as one, connected(second) as other:
        for before, after in pairs:
            try:
                found = _compared(before, after, one, other)
            except SysintError as error:
                broken = True
                _say_why_not(before.id, error)
                continue
            broken = broken or any(each.grade == "breaking" for each in found)
            print("\n".join([f"{before.id}: {' -> '.join(arguments.env)}: {_counted(found)}", *_listed(found)]))
    return 1 if broken else 0


def _pairs(
    first: Sequence[DeclaredIntegration], second: Sequence[DeclaredIntegration]
) -> list[tuple[DeclaredIntegration, DeclaredIntegration]]:
    there = {item.id: item for item in second}
    return [(item, there[item.id]) for item in first if item.id in there]


def _compared(
    before: DeclaredIntegration, after: DeclaredIntegration, one: Connections, other: Connections
) -> list[Difference]:
    from pytest_sysint.core.errors import UsageError

    places = [each.get(item.id, item.tenant).settings.url for each, item in ((one, before), (other, after))]
    if places[0] == places[1]:
        hint = "give it a url of its own: `environments: {staging: {urls: {...}}}`"
        raise UsageError("it is at the same place in both environments: nothing was compared", hint=hint)
    contract = _snapshot(before)
    only = contract.keys.sections if contract is not None else ()
    was, _ = _described(before, one, only)
    return _differences(before, was, *_described(after, other, only))


def _counted(found: Sequence[Difference]) -> str:
    from pytest_sysint.contracts._drift import by_grade

    return ", ".join(f"{count} {grade}" for grade, count in by_grade(found).items() if count) or "no difference"


def _listed(found: Iterable[Difference]) -> list[str]:
    from pytest_sysint.core.secrets import redact

    return [redact(f"  {each}") for each in found]


def _say_why_not(integration_id: str, error: Exception) -> None:
    from pytest_sysint.core.secrets import redact

    print(redact(f"{integration_id}: {error}"))


COMMAND = Command("contract", "record what is there in snapshots, or compare two environments", _add_arguments, _run)
