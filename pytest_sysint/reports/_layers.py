"""Places the nodes of a dependency picture in layers, and leads the arrows between them without crossing nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

HEIGHT, GAP_X, GAP_Y, MARGIN = 50, 72, 18, 10
_LANE = 16
"""The height that an arrow takes where it passes a layer."""
_SWEEPS = 6

Passage = tuple[str, str, int]
"""An arrow (source, target) where it passes through the layer of that depth."""
Place = str | Passage
Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where the upper left corner of each node is, and the SVG path of each arrow."""

    corners: Mapping[str, Point]
    arrows: Mapping[tuple[str, str], str]
    height: int


def arrange(needs: Mapping[str, Sequence[str]], width: int) -> Arrangement:
    """Lay out nodes of this width: who needs nobody stands rightmost, everyone else left of all that it needs.

    `needs`: node -> the nodes that its arrows lead to; every node is a key.
    """
    depths = _depths(needs)
    chains = {(source, target): _chain(source, target, depths) for source in needs for target in needs[source]}
    layers = _untangled(_filled(depths, chains), list(chains.values()))
    corners = _corners(layers, width)
    arrows = {
        edge: _path([corners[place] for place in chain], width) for edge, chain in chains.items()
    }  # fmt: skip
    nodes = {place: corner for place, corner in corners.items() if isinstance(place, str)}
    return Arrangement(nodes, arrows, max(_height(layer) for layer in layers) + 2 * MARGIN)


def _depths(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    depths: dict[str, int] = {}

    def depth(name: str, path: frozenset[str]) -> int:
        if name not in depths:
            # A circle is an error of the declaration; should records hold one, the picture is still drawn.
            below = [depth(other, path | {other}) for other in needs[name] if other not in path]
            depths[name] = 1 + max(below, default=-1)
        return depths[name]

    for name in needs:
        depth(name, frozenset({name}))
    return depths


def _chain(source: str, target: str, depths: Mapping[str, int]) -> list[Place]:
    passages: list[Place] = [(source, target, depth) for depth in range(depths[source] - 1, depths[target], -1)]
    return [source, *passages, target]


def _filled(depths: Mapping[str, int], chains: Mapping[tuple[str, str], Sequence[Place]]) -> list[list[Place]]:
    layers: list[list[Place]] = [[] for _ in range(max(depths.values()) + 1)]
    for name, depth in depths.items():
        layers[depth].append(name)
    for chain in chains.values():
        for place in chain:
            if not isinstance(place, str):
                layers[place[2]].append(place)
    return layers


def _untangled(layers: list[list[Place]], chains: Sequence[Sequence[Place]]) -> list[list[Place]]:
    """Each layer in the order of the middle of its neighbours, a few times to and fro: fewer arrows cross."""
    neighbours: dict[Place, list[Place]] = {place: [] for layer in layers for place in layer}
    for chain in chains:
        for one, other in pairwise(chain):
            neighbours[one].append(other)
            neighbours[other].append(one)
    heights: dict[Place, float] = {}
    for layer in layers:
        heights.update(_middles(layer))
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else reversed(layers):
            wanted = {place: _mean([heights[other] for other in neighbours[place]], heights[place]) for place in layer}
            layer.sort(key=wanted.__getitem__)
            heights.update(_middles(layer))
    return layers


def _middles(layer: Sequence[Place]) -> dict[Place, float]:
    """How far below the picture's middle line each place of a layer is."""
    y, found = -_height(layer) / 2, {}
    for place in layer:
        found[place] = y + _size(place) / 2
        y += _size(place) + GAP_Y
    return found


def _corners(layers: Sequence[Sequence[Place]], width: int) -> dict[Place, Point]:
    middle = max(map(_height, layers)) / 2 + MARGIN
    corners = {}
    for depth, layer in enumerate(layers):
        x = MARGIN + (len(layers) - 1 - depth) * (width + GAP_X)
        corners.update({place: (x, round(middle + y - _size(place) / 2)) for place, y in _middles(layer).items()})
    return corners


def _path(corners: Sequence[Point], width: int) -> str:
    """From the right side of the first, along the middle of those passed, to just before the left side of the last."""
    (x, y), *passed, (end_x, end_y) = corners
    at = (x + width, y + HEIGHT // 2)
    path = f"M{at[0]} {at[1]}"
    for corner_x, corner_y in passed:
        lane = corner_y + _LANE // 2
        path += _curve(at, (corner_x, lane)) + f" H{corner_x + width}"
        at = (corner_x + width, lane)
    return path + _curve(at, (end_x - 7, end_y + HEIGHT // 2))


def _curve(start: Point, end: Point) -> str:
    bend = max(24, (end[0] - start[0]) // 2)
    return f" C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"


def _size(place: Place) -> int:
    return HEIGHT if isinstance(place, str) else _LANE


def _height(layer: Sequence[Place]) -> int:
    return sum(map(_size, layer)) + GAP_Y * (len(layer) - 1)


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
