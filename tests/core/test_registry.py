from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_sysint.core import registry
from pytest_sysint.core.errors import SysintError, UsageError
from pytest_sysint.core.registry import Room


@pytest.fixture
def room() -> Room:
    """The kinds, with nothing remembered."""
    return Room("checks", "KIND", "kind")


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`offer("dist", name="module:object")` installs a distribution with entry points for the room of kinds."""

    def install(distribution: str, **points: str) -> None:
        site = tmp_path / distribution
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[pytest_sysint.checks]", *lines, ""]))
        (site / f"{distribution}_kind.py").write_text("class Tides:\n    name = 'tides'\n\nKIND = Tides()\n")
        monkeypatch.syspath_prepend(site)
        monkeypatch.delitem(sys.modules, f"{distribution}_kind", raising=False)

    return install


def test_a_module_is_registered_by_being_there(room: Room) -> None:
    from pytest_sysint.checks import health

    assert "health" in room
    assert "health" in room.names()
    assert room.get("health") is health.KIND
    assert room.get("health") is room.get("health")


def test_shared_parts_are_not_registered(room: Room) -> None:
    assert not [name for name in room.names() if name.startswith("_")]
    assert "_ladder" not in room


def test_asking_for_names_imports_nothing(monkeypatch: pytest.MonkeyPatch, room: Room) -> None:
    loaded = {name for name in sys.modules if name.startswith("pytest_sysint.checks.")}
    for name in loaded:
        monkeypatch.delitem(sys.modules, name)
    assert "health" in room.names()
    assert not [name for name in sys.modules if name.startswith("pytest_sysint.checks.")]


def test_another_package_joins_with_a_module_or_an_object(room: Room, offer: Any) -> None:
    offer("harbour", tides="harbour_kind", moon="harbour_kind:Tides")
    assert {"health", "moon", "tides"} <= set(room.names())
    assert "tides" in room
    assert room.get("tides").name == "tides"
    assert isinstance(room.get("moon"), type)


def test_a_name_of_ours_cannot_be_offered_again(room: Room, offer: Any) -> None:
    offer("harbour", health="harbour_kind")
    with pytest.raises(
        SysintError, match="kind 'health' is offered twice; the second offer is 'harbour_kind'"
    ) as caught:
        room.names()
    assert "rename its entry point" in caught.value.hint


def test_two_packages_cannot_offer_one_name(room: Room, offer: Any) -> None:
    offer("harbour", tides="harbour_kind")
    offer("ocean", tides="ocean_kind")
    with pytest.raises(SysintError, match="kind 'tides' is offered twice"):
        room.names()


def test_the_same_offer_seen_twice_is_one(room: Room, offer: Any) -> None:
    """An editable install beside a build of the same package shows its entry points twice."""
    offer("harbour", tides="harbour_kind")
    offer("harbour2", tides="harbour_kind")
    assert "tides" in room


def test_an_unknown_name_comes_with_the_nearest(room: Room) -> None:
    with pytest.raises(UsageError, match="unknown kind 'healt', did you mean 'health'") as caught:
        room.get("healt")
    assert "allowed:" in str(caught.value)
    assert "healt" not in room


def test_a_module_without_its_constant_is_a_defect_that_shows(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest_sysint.checks.health", ModuleType("pytest_sysint.checks.health"))
    with pytest.raises(AttributeError):
        room.get("health")


def test_the_four_rooms() -> None:
    assert {registry.types().noun, registry.kinds().noun, registry.ways().noun, registry.formats().noun} == {
        "type",
        "kind",
        "way of provisioning",
        "report format",
    }
    assert registry.types() is registry.types()
    assert "rest" in registry.types()
