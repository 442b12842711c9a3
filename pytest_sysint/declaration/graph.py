"""How integrations hang together: unique ids, known dependencies, no circles, and what the needed ones need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_sysint.core.records import SHARED
from pytest_sysint.declaration.blocks import Block
from pytest_sysint.declaration.frame import Frame, Path
from pytest_sysint.declaration.words import suggest

Blocks = Mapping[str, Block]


def check_graph(blocks: Sequence[Block], frames: Sequence[Frame]) -> Blocks:
    """The integrations of a run by id. Reports ids that stand twice, unknown dependencies, and circles."""
    by_id: dict[str, Block] = {}
    for block in blocks:
        first = by_id.setdefault(block.id, block)
        if first is not block:
            said = f"integration '{block.id}' is declared twice; ids are unique in a run (first at {first.position})"
            block.problem((), said)
    for block in blocks:
        _check_edges(block, by_id)
    for frame in frames:
        for name in frame.urls:
            if name not in by_id:
                path = ("environments", frame.environment.name, "urls", name)
                frame.problem(frame.root, path, f"there is no integration of this id{suggest(name, by_id)}")
    _report_circles(by_id)
    return by_id


def _check_edges(block: Block, by_id: Blocks) -> None:
    named: list[tuple[Path, str]] = [((*block.path, "depends_on"), name) for name in block.depends_on]
    named += [(path, name) for name, path in block.late.items()]
    for path, name in named:
        if name not in by_id:
            said = f"there is no integration '{name}'{suggest(name, by_id)}"
            block.frame.problem(block.source, path, said)
        elif lonely := _without(block, by_id[name]):
            said = f"'{name}' is not declared for tenant {', '.join(lonely)}, which '{block.id}' is"
            block.frame.problem(block.source, path, said)


def _without(block: Block, other: Block) -> list[str]:
    """The tenants of one integration that the other is not there for."""
    if SHARED in other.belongs_to or SHARED in block.belongs_to:
        return []
    there = set(other.belongs_to)
    return [tenant for tenant in block.belongs_to if tenant not in there]


def _edges(block: Block, by_id: Blocks) -> list[str]:
    return [name for name in dict.fromkeys((*block.depends_on, *block.late)) if name in by_id]


def _report_circles(by_id: Blocks) -> None:
    """Depth first, with a stack of our own: a chain of thousands is fine."""
    finished: set[str] = set()
    for start in by_id:
        trail: dict[str, list[str]] = {}
        stack = [start] if start not in finished else []
        while stack:
            name = stack[-1]
            if name not in trail:
                trail[name] = _edges(by_id[name], by_id)
            if not trail[name]:
                finished.add(stack.pop())
                trail.pop(name)
                continue
            following = trail[name].pop(0)
            if following in trail:
                _report_circle(by_id, stack[stack.index(following) :])
            elif following not in finished:
                stack.append(following)


def _report_circle(by_id: Blocks, circle: list[str]) -> None:
    first = by_id[circle[0]]
    last_step = circle[1] if len(circle) > 1 else circle[0]
    path = (*first.path, "depends_on") if last_step in first.depends_on else first.late.get(last_step, first.path)
    said = f"integrations depend on each other in a circle: {' -> '.join((*circle, circle[0]))}"
    first.frame.problem(first.source, path, said)


def needed_by(by_id: Blocks, wanted: Iterable[str]) -> set[str]:
    """The wanted ids, and everything that they depend on or refer to."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _edges(by_id[name], by_id)
    return found
