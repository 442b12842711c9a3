"""Finds integration types, check kinds, provisioning ways and report formats by their file name.

A module in a room's folder is registered by being there; its name is the word used in declarations and options. It
names what it offers in one constant (`TYPE`, `KIND`, `WAY`, `FORMAT`, ...) and is imported only when asked for. Other
packages join through an entry point of the group `pytest_sysint.<room>` whose value is such a module, or the object
itself (`mypackage.ldap:Ldap`).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from pytest_sysint.core.errors import SysintError, UsageError, did_you_mean


class Room:
    """One folder of the package whose modules are all of one sort."""

    def __init__(self, folder: str, constant: str, noun: str) -> None:
        self.folder = folder
        self.constant = constant
        self.noun = noun
        self._loaded: dict[str, Any] = {}

    @cached_property
    def _built_in(self) -> frozenset[str]:
        package = importlib.import_module(f"pytest_sysint.{self.folder}")
        return frozenset(found.name for found in pkgutil.iter_modules(package.__path__) if found.name[0] != "_")

    @cached_property
    def _joined(self) -> dict[str, EntryPoint]:
        joined: dict[str, EntryPoint] = {}
        for point in entry_points(group=f"pytest_sysint.{self.folder}"):
            if point.name in self._built_in or (point.name in joined and joined[point.name].value != point.value):
                raise SysintError(
                    f"{self.noun} '{point.name}' is offered twice; the second offer is '{point.value}'",
                    hint="uninstall one of the packages that offer it, or rename its entry point",
                )
            joined[point.name] = point
        return joined

    def names(self) -> tuple[str, ...]:
        """All known names, sorted, without importing any of them."""
        return tuple(sorted(self._built_in | self._joined.keys()))

    def __contains__(self, name: str) -> bool:
        return name in self._built_in or name in self._joined

    def get(self, name: str) -> Any:
        """What the module of that name offers.

        Raises:
            UsageError: for an unknown name, with the nearest known one.
            ImportError: when the module itself needs a library that is not installed.

        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Any:
        if name in self._built_in:
            found: Any = importlib.import_module(f"pytest_sysint.{self.folder}.{name}")
        elif name in self._joined:
            found = self._joined[name].load()
        else:
            raise UsageError(f"unknown {self.noun} '{name}'{did_you_mean(name, self.names())}")
        return getattr(found, self.constant) if isinstance(found, ModuleType) else found


@cache
def _rooms() -> dict[str, Room]:
    rooms = (
        Room("integrations", "TYPE", "type"),
        Room("checks", "KIND", "kind"),
        Room("contracts", "FORM", "form of contract"),
        Room("provision", "WAY", "way of provisioning"),
        Room("reports", "FORMAT", "report format"),
    )
    return {room.folder: room for room in rooms}


def types() -> Room:
    """Integration types: `integrations/<type>.py`, constant `TYPE`."""
    return _rooms()["integrations"]


def kinds() -> Room:
    """Check kinds: `checks/<kind>.py`, constant `KIND`."""
    return _rooms()["checks"]


def contract_forms() -> Room:
    """Forms of contracts: `contracts/<form>.py`, constant `FORM`."""
    return _rooms()["contracts"]


def ways() -> Room:
    """Ways of provisioning: `provision/<way>.py`, constant `WAY`."""
    return _rooms()["provision"]


def formats() -> Room:
    """Report formats: `reports/<format>.py`, constant `FORMAT`."""
    return _rooms()["reports"]
