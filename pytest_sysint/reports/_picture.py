"""The dependency picture: who needs whom, in layers from left to right, what is needed to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_sysint.core.records import Health
from pytest_sysint.reports._layers import HEIGHT, MARGIN, arrange
from pytest_sysint.reports._models import Document, IntegrationStatus

BOX_HEIGHT = HEIGHT
_MOST_NODES = 60
_LONGEST_LABEL = 24
_NARROWEST, _LETTER, _ICON = 120, 8.4, 54
"""Widths of a box, of one of its letters (in a wide font), and of what is beside them."""


@dataclass(frozen=True, slots=True)
class Node:
    """One integration, at its place in the picture."""

    id: str
    label: str
    type: str
    health: Health
    root_cause: bool
    blocked_by: str
    needs: tuple[str, ...]
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from the one that needs to the one that is needed."""

    source: str
    target: str
    path: str
    """SVG path data."""
    broken: bool
    """What it leads to is down, and that is why the source could not be checked."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn, in units of the SVG's own coordinates."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int
    box: int
    """The width of every node; their height is `BOX_HEIGHT`."""
    alone: tuple[str, ...]
    """Integrations that need nobody and that nobody needs."""
    left_out: int
    """Integrations that are not drawn because there are too many."""


def picture(document: Document) -> Picture | None:
    """The picture, or None where no integration depends on another."""
    known = {status.id: status for status in document.status.integrations}
    needs = {
        found.id: tuple(other for other in found.depends_on if other in known and other != found.id)
        for found in document.dependencies
    }
    linked = {name for name, others in needs.items() if others} | {name for others in needs.values() for name in others}
    if not linked:
        return None
    shown = [name for name in known if name in linked]
    if len(shown) > _MOST_NODES:
        shown = _most_telling(shown, known)
    drawn = {name: tuple(other for other in needs[name] if other in shown) for name in shown}
    box = max(_NARROWEST, round(_ICON + _LETTER * max(len(_label(name)) for name in shown)))
    plan = arrange(drawn, box)
    nodes = tuple(_node(known[name], needs[name], *plan.corners[name]) for name in shown)
    return Picture(
        nodes=nodes,
        edges=tuple(Edge(*ends, path, _is_broken(*ends, known)) for ends, path in plan.arrows.items()),
        width=max(node.x for node in nodes) + box + MARGIN,
        height=plan.height,
        box=box,
        alone=tuple(name for name in known if name not in linked),
        left_out=len(linked) - len(shown),
    )


def _is_broken(source: str, target: str, known: Mapping[str, IntegrationStatus]) -> bool:
    cause = known[source].blocked_by
    return bool(cause) and cause in (target, known[target].blocked_by)


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def _most_telling(names: Sequence[str], known: Mapping[str, IntegrationStatus]) -> list[str]:
    def weight(name: str) -> tuple[bool, bool, bool]:
        status = known[name]
        return (not status.root_cause, status.status != "unhealthy", not status.blocked_by)

    kept = set(sorted(names, key=weight)[:_MOST_NODES])
    return [name for name in names if name in kept]


def _node(status: IntegrationStatus, needs: tuple[str, ...], x: int, y: int) -> Node:
    return Node(
        id=status.id,
        label=_label(status.id),
        type=status.integration_type,
        health=status.health,
        root_cause=status.root_cause,
        blocked_by=status.blocked_by,
        needs=needs,
        x=x,
        y=y,
    )
