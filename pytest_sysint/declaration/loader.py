"""Declarations: from files to the objects that a run works with. All problems of all files are told at once."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pytest_sysint.core.errors import DeclarationError, Problem, UsageError
from pytest_sysint.declaration.blocks import Block, read_block
from pytest_sysint.declaration.claims import read_claims
from pytest_sysint.declaration.files import Report, Source, read_with_includes, shown_name
from pytest_sysint.declaration.frame import Frame
from pytest_sysint.declaration.graph import check_graph, needed_by
from pytest_sysint.declaration.model import Declaration
from pytest_sysint.declaration.outline import choose_environment, choose_tenants, read_frame
from pytest_sysint.declaration.parts import read_instances
from pytest_sysint.declaration.words import begin

Needed = Callable[[str, str], bool]
"""(integration id, type) -> whether the run uses it."""


def load(
    paths: Iterable[Path | str],
    *,
    environment: str | None = None,
    tenants: Sequence[str] | None = None,
    env: Mapping[str, str] = os.environ,
    needed: Needed | None = None,
) -> tuple[Declaration, ...]:
    """Read declaration files; one that another of them includes is part of that one.

    Args:
        paths: the files; those that a folder holds are found by `find_declarations`.
        environment: its name; left out, `local`, which need not be declared.
        tenants: the ids of those that take part; left out, all. What a tenant that takes no part has is never read.
        env: the environment variables.
        needed: tells which integrations the run uses; left out, all. For the others (and what these need) a variable
            that is not set or a library that is not installed is no problem: they are `unusable`.

    Raises:
        DeclarationError: with everything that is wrong.
        UsageError: for an environment or a tenant that is not declared.

    """
    begin()
    with _without_collector():
        return _load(list(dict.fromkeys(Path(path).resolve() for path in paths)), environment, tenants, env, needed)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare the garbage collector a third of the time: what is built here is large, kept, and has no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(
    paths: list[Path],
    environment: str | None,
    tenants: Sequence[str] | None,
    env: Mapping[str, str],
    needed: Needed | None,
) -> tuple[Declaration, ...]:
    report = Report()
    frames = [read_frame(sources, env, report) for sources in _sources(paths, report)]
    mistaken = _choose(frames, environment, tenants)
    blocks = {id(frame): _blocks(frame) for frame in frames}
    everything = [block for found in blocks.values() for block in found]
    by_id = check_graph(everything, frames)
    read_claims(frames, by_id)
    wanted = by_id.keys() if needed is None else [block.id for block in everything if needed(block.id, block.type)]
    _tell_lacking(everything, needed_by(by_id, wanted))
    if report.problems:
        raise DeclarationError(sorted(report.problems, key=_order(paths, frames)))
    if mistaken is not None:
        raise mistaken
    return tuple(_declaration(frame, blocks[id(frame)]) for frame in frames)


def _sources(paths: list[Path], report: Report) -> list[list[Source]]:
    """The files of each declaration. What another one includes is not read a second time on its own."""
    separate: list[tuple[list[Source], Report]] = []
    for path in paths:
        own = Report()
        separate.append((read_with_includes(path, own), own))
    included = {source.path.resolve() for sources, _ in separate for source in sources[1:]}
    kept = [(sources, own) for sources, own in separate if not sources or sources[0].path.resolve() not in included]
    for _, own in kept:
        report.found.update(own.found)
    return [sources for sources, _ in kept if sources]


def _choose(frames: list[Frame], environment: str | None, tenants: Sequence[str] | None) -> UsageError | None:
    """Set environment and tenants. A wrong name waits until every problem of the files has been told."""
    mistaken = None
    try:
        choose_environment(frames, environment)
    except UsageError as error:
        mistaken = error
    try:
        choose_tenants(frames, tenants)
    except UsageError as error:
        mistaken = mistaken or error
        choose_tenants(frames, None)
    return mistaken


def _blocks(frame: Frame) -> list[Block]:
    found: list[Block] = []
    for source in frame.sources:
        for name, node in frame.entries(source, "integrations"):
            block = read_block(frame, source, name, node)
            if block is not None:
                read_instances(block)
                found.append(block)
    nodes = [source.node.find("integrations") for source in frame.sources]
    if isinstance(frame.root.node.value, dict) and all(node is None or node.value == {} for node in nodes):
        frame.problem(frame.root, (), "no integrations are declared: add `integrations:` with at least one entry")
    return found


def _tell_lacking(blocks: list[Block], needed: set[str]) -> None:
    for block in blocks:
        if block.id in needed:
            for (path, message), source in block.lacking.items():
                block.frame.problem(source, path, message)
        elif block.lacking:
            why = "; ".join(message for _, message in block.lacking)
            block.instances = [replace(instance, unusable=why) for instance in block.instances]


def _order(paths: list[Path], frames: list[Frame]) -> Callable[[Problem], tuple[int, int, int]]:
    """By file as they were named, what one includes behind it, then by position."""
    included = {frame.root.shown: [source.shown for source in frame.sources] for frame in frames}
    named = [shown_name(path) for path in paths]
    files = dict.fromkeys(each for name in named for each in included.get(name, [name]))
    places = {name: index for index, name in enumerate(files)}
    return lambda problem: (places.get(problem.file, len(places)), problem.line, problem.column)


def _declaration(frame: Frame, blocks: list[Block]) -> Declaration:
    digest = hashlib.sha256(b"".join(source.digest for source in frame.sources)).hexdigest()
    return Declaration(
        path=frame.root.path,
        files=tuple(source.path for source in frame.sources),
        system=frame.system,
        tenants=frame.selected,
        environment=frame.environment,
        integrations=tuple(instance for block in blocks for instance in block.instances),
        budgets=frame.budgets,
        gate=frame.gate,
        notices=tuple(frame.notices),
        digest=digest,
    )
