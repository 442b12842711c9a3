from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sysint.core.records import IntegrationRecord, RunRecords
from pytest_sysint.reports._document import build
from pytest_sysint.reports._layers import GAP_X, HEIGHT, arrange
from pytest_sysint.reports._picture import Picture, picture

RunOf = Callable[..., RunRecords]
WIDTH = 100


def integrations(**needs: str) -> tuple[IntegrationRecord, ...]:
    return tuple(
        IntegrationRecord(id=name, name=name, type="rest", category="api", depends_on=tuple(others.split()))
        for name, others in needs.items()
    )


def drawn(records: RunRecords) -> Picture:
    found = picture(build(records))
    assert found is not None
    return found


def test_there_is_no_picture_without_a_dependency(run_of: RunOf) -> None:
    assert picture(build(run_of([], integrations(a="", b="b unknown")))) is None
    assert picture(build(run_of([]))) is None


def test_what_is_needed_stands_to_the_right(sample: RunRecords) -> None:
    found = drawn(sample)
    x = {node.id: node.x for node in found.nodes}
    assert all(x[edge.source] < x[edge.target] for edge in found.edges)
    assert len(found.edges) == 11
    assert found.alone == ("imports", "nhs-pds")
    assert found.left_out == 0


def test_the_way_of_the_trouble_is_marked(sample: RunRecords) -> None:
    found = drawn(sample)
    broken = {(edge.source, edge.target) for edge in found.edges if edge.broken}
    assert broken == {("care-api", "cache"), ("notification-service", "care-api")}
    assert [node.id for node in found.nodes if node.root_cause] == ["cache"]


def test_a_circle_is_still_drawn(run_of: RunOf) -> None:
    found = drawn(run_of([], integrations(a="b", b="c", c="a")))
    assert {node.id for node in found.nodes} == {"a", "b", "c"}
    assert len(found.edges) == 3


def test_long_names_are_cut_and_fit(run_of: RunOf) -> None:
    name = "an-integration-with-quite-a-long-name"
    found = drawn(run_of([], integrations(**{name: "b", "b": ""})))
    label = next(node.label for node in found.nodes if node.id == name)
    assert label == "an-integration-with-qui…"
    assert found.box >= 24 * 8


def test_too_many_are_cut_to_the_telling_ones(sample: RunRecords, run_of: RunOf) -> None:
    many = integrations(hub="", **{f"s{number:03}": "hub" for number in range(200)})
    failed = sample.results[0].model_copy(update={"integration_id": "s150"})
    found = drawn(run_of([failed], many))
    assert len(found.nodes) == 60
    assert found.left_out == 141
    assert "s150" in {node.id for node in found.nodes}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [f"n{number}" for number in range(draw(st.integers(1, 12)))]
    return {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=4)) if place else []
        for place, name in enumerate(names)
    }


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_nothing_overlaps_and_no_arrow_runs_through_a_node(needs: dict[str, list[str]]) -> None:
    plan = arrange(needs, WIDTH)
    columns: dict[int, list[int]] = {}
    for x, y in plan.corners.values():
        columns.setdefault(x, []).append(y)
    for ys in columns.values():
        ordered = sorted(ys)
        assert all(below - above >= HEIGHT for above, below in pairwise(ordered))
        assert ordered[0] >= 0
        assert ordered[-1] + HEIGHT <= plan.height
    for (source, target), path in plan.arrows.items():
        assert plan.corners[source][0] + WIDTH + GAP_X <= plan.corners[target][0]
        for y, end in re.findall(r" (-?\d+) H(\d+)", path):
            assert all(not top < int(y) < top + HEIGHT for top in columns.get(int(end) - WIDTH, []))


@pytest.mark.parametrize("source", ["care-api", "notification-service"])
def test_an_arrow_starts_and_ends_at_its_nodes(sample: RunRecords, source: str) -> None:
    found = drawn(sample)
    nodes = {node.id: node for node in found.nodes}
    for edge in found.edges:
        if edge.source == source:
            start, target = nodes[source], nodes[edge.target]
            assert edge.path.startswith(f"M{start.x + found.box} {start.y + HEIGHT // 2} ")
            assert edge.path.endswith(f" {target.x - 7} {target.y + HEIGHT // 2}")
