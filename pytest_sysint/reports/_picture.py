"""The dependency picture: who needs whom, in layers from left to right, what is needed to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_sysint.core.records import Health
from pytest_sysint.reports._models import Document, IntegrationStatus

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 176, 50, 76, 18, 10
_MOST_NODES = 60


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
    places = _places(drawn)
    nodes = tuple(_node(known[name], needs[name], *places[name]) for name in shown)
    return Picture(
        nodes=nodes,
        edges=tuple(_edge(source, other, known, places) for source in shown for other in drawn[source]),
        width=max(node.x for node in nodes) + WIDTH + MARGIN,
        height=max(node.y for node in nodes) + HEIGHT + MARGIN,
        alone=tuple(name for name in known if name not in linked),
        left_out=len(linked) - len(shown),
    )


def _most_telling(names: Sequence[str], known: Mapping[str, IntegrationStatus]) -> list[str]:
    def weight(name: str) -> tuple[bool, bool, bool]:
        status = known[name]
        return (not status.root_cause, status.status != "unhealthy", not status.blocked_by)

    kept = set(sorted(names, key=weight)[:_MOST_NODES])
    return [name for name in names if name in kept]


def _node(status: IntegrationStatus, needs: tuple[str, ...], x: int, y: int) -> Node:
    label = status.id if len(status.id) <= 19 else f"{status.id[:18]}…"
    return Node(
        id=status.id,
        label=label,
        type=status.integration_type,
        health=status.health,
        root_cause=status.root_cause,
        blocked_by=status.blocked_by,
        needs=needs,
        x=x,
        y=y,
    )


def _edge(
    source: str, target: str, known: Mapping[str, IntegrationStatus], places: Mapping[str, tuple[int, int]]
) -> Edge:
    (from_x, from_y), (to_x, to_y) = places[source], places[target]
    start_x, start_y, end_x, end_y = from_x + WIDTH, from_y + HEIGHT // 2, to_x - 7, to_y + HEIGHT // 2
    bend = max(30, (end_x - start_x) // 2)
    path = f"M{start_x} {start_y} C{start_x + bend} {start_y} {end_x - bend} {end_y} {end_x} {end_y}"
    cause = known[source].blocked_by
    return Edge(source, target, path, bool(cause) and cause in (target, known[target].blocked_by))


def _places(needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, int]]:
    """Where each node stands: its layer counted from those that need nothing, which stand rightmost."""
    layers = _layers(needs)
    columns = max(len(layers), 1)
    tallest = max(map(len, layers))
    places = {}
    for depth, layer in enumerate(layers):
        x = MARGIN + (columns - 1 - depth) * (WIDTH + GAP_X)
        top = MARGIN + (tallest - len(layer)) * (HEIGHT + GAP_Y) // 2
        for row, name in enumerate(layer):
            places[name] = (x, top + row * (HEIGHT + GAP_Y))
    return places


def _layers(needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depths: dict[str, int] = {}

    def depth(name: str, path: frozenset[str]) -> int:
        if name not in depths:
            # A circle is an error of the declaration; should records hold one, the picture is still drawn.
            below = [depth(other, path | {name}) for other in needs[name] if other not in path]
            depths[name] = 1 + max(below, default=-1)
        return depths[name]

    for name in needs:
        depth(name, frozenset({name}))
    layers: list[list[str]] = [[] for _ in range(max(depths.values()) + 1)]
    for name in needs:
        layers[depths[name]].append(name)
    return _untangled(layers, needs)


def _untangled(layers: list[list[str]], needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each layer in the order of the middle of its neighbours, a few times over: fewer arrows cross."""
    neighbours: dict[str, list[str]] = {name: list(others) for name, others in needs.items()}
    for name, others in needs.items():
        for other in others:
            neighbours[other].append(name)
    for _ in range(4):
        heights = {name: row - len(layer) / 2 for layer in layers for row, name in enumerate(layer)}
        for layer in layers:
            middle = {name: _mean([heights[other] for other in neighbours[name]], heights[name]) for name in layer}
            layer.sort(key=middle.__getitem__)
            heights.update({name: row - len(layer) / 2 for row, name in enumerate(layer)})
    return layers


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
