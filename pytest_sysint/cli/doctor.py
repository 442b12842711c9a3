"""`sysint doctor`: what can be provisioned on this machine, and what is missing for the rest."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_sysint.cli._command import Command

if TYPE_CHECKING:
    from pytest_sysint.provision._way import Way

_WIDTH = 100
_LEGEND = "yes: possible here   no: something is missing, see below   -: the type has no such way"


@dataclass(frozen=True, slots=True)
class Finding:
    """One type: a cell per column, and what is missing per column."""

    type: str
    cells: Mapping[str, str]
    gaps: Mapping[str, str]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("types", nargs="*", metavar="TYPE", help="only these types; all of them by default")


def _run(arguments: argparse.Namespace) -> int:
    from pytest_sysint.core.registry import types, ways

    names = arguments.types or types().names()
    machine = [way for way in map(ways().get, ways().names()) if way.of_the_machine]
    findings = [_examine(name, machine) for name in names]
    print("\n".join([*_versions(), "", *_table(findings), "", *_advice(findings)]))
    return 0


def _versions() -> list[str]:
    import platform
    from importlib.metadata import version

    from pytest_sysint.provision import _docker

    problem = _docker.problem()
    docker = f"no containers: {problem}" if problem else f"Docker {_docker.version()} answers"
    own = f"pytest-sysint {version('pytest-sysint')}, pytest {version('pytest')}, Python {platform.python_version()}"
    return [own, *_wrapped(docker, "")]


def _examine(name: str, machine: Sequence[Way]) -> Finding:
    from pytest_sysint.core.registry import types
    from pytest_sysint.provision import ServiceRequest
    from pytest_sysint.provision._way import importable, installing

    try:
        cls = types().get(name)
    except ImportError as error:
        return Finding(name, {"driver": "missing"}, {"driver": f"the type cannot be loaded: {error}"})
    cells, gaps = {"driver": cls.driver or "-"}, {}
    if cls.driver and not importable(cls.driver):
        cells["driver"] = "missing"
        gaps["driver"] = installing(cls, cls.driver)
    nothing = ServiceRequest(id=name, type=name)
    for way in machine:
        if way.rank(cls, nothing) is None:
            continue
        gap = way.missing(cls, nothing)
        cells[way.name] = "no" if gap else "yes"
        if gap:
            gaps[way.name] = gap
    return Finding(name, cells, gaps)


def _table(findings: Sequence[Finding]) -> list[str]:
    """The types with a column for the driver and for each way that any of them has."""
    ways = sorted({column for finding in findings for column in finding.cells} - {"driver"})
    columns = ["driver", *ways]
    rows = [["type", *columns]]
    rows += [[finding.type, *(finding.cells.get(column, "-") for column in columns)] for finding in findings]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "", _LEGEND, "Any type can also be given a `url:`, or a command that starts it."]


def _advice(findings: Iterable[Finding]) -> list[str]:
    """How to get what is missing; what helps several types is said once."""
    helped: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        for column, gap in finding.gaps.items():
            helped.setdefault((column, gap), []).append(finding.type)
    if not helped:
        return ["Nothing is missing."]
    lines = ["What is missing, and how to get it:"]
    for (column, gap), names in sorted(helped.items()):
        lines += _wrapped(f"{column} of {', '.join(names)}", "  ") + _wrapped(gap, "      ")
    return lines


def _wrapped(text: str, indent: str) -> list[str]:
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent, **options)


COMMAND = Command("doctor", "show what can be provisioned on this machine, and what is missing", _add_arguments, _run)
