"""Keys of the top level that a kind reads: `flows:` for checks that span several integrations.

A kind claims one by its attribute `claims`. Each entry under the key belongs to one integration, its source, and is
read once for each of that integration's tenants; what the kind reads of it is found under `DeclaredIntegration.kinds`,
name by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Protocol

from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.records import SHARED
from pytest_sysint.core.registry import kinds
from pytest_sysint.declaration.blocks import Block
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.files import Source
from pytest_sysint.declaration.frame import Frame, Path
from pytest_sysint.declaration.kind_keys import claimed
from pytest_sysint.declaration.model import DeclaredIntegration, IntegrationClass
from pytest_sysint.declaration.parts import masked
from pytest_sysint.declaration.resolving import Notes, bare, resolve
from pytest_sysint.declaration.words import suggest
from pytest_sysint.declaration.yaml_nodes import Node


@dataclass(frozen=True, slots=True)
class Around:
    """What an entry may refer to, for one tenant."""

    folder: FilePath
    """Where the file stands that declares it."""
    tenant: str
    classes: Mapping[str, IntegrationClass]
    """Integration id -> its type's class; those whose type is not known are left out."""
    tenants: Mapping[str, tuple[str, ...]]
    """Integration id -> the tenants that it is declared for."""
    known_tenants: tuple[str, ...] = ()
    """Every declared tenant."""

    def type_of(self, named: Any) -> IntegrationClass:
        """The class of the integration of that id.

        Raises:
            Mistakes: when there is none, or none for this tenant; without any mistake when its own declaration is at
                fault.

        """
        if not isinstance(named, str) or named not in self.tenants:
            raise Mistakes(Mistake((), f"there is no integration '{named}'{suggest(str(named), self.tenants)}"))
        if not {self.tenant, SHARED} & set(self.tenants[named]):
            whom = "no tenant" if self.tenant == SHARED else f"tenant {self.tenant}"
            has = ", ".join(self.tenants[named])
            raise Mistakes(Mistake((), f"'{named}' is declared for {has}, and the source for {whom}"))
        if named not in self.classes:
            raise Mistakes
        return self.classes[named]


class Claiming(Protocol):
    """What a kind with a key of its own at the top level has, beside what every kind has."""

    claims: str
    """The key."""

    def source(self, raw: Mapping[str, Any]) -> tuple[Path, Any]:
        """Where an entry names the integration that it belongs to, and the id that stands there.

        Raises:
            Mistakes: when it names none.

        """

    def read_entry(self, name: str, raw: Mapping[str, Any], around: Around) -> Any:
        """Read one entry.

        Raises:
            Mistakes: everything that is wrong with it, with paths from the entry.

        """

    def entry_schema(self) -> dict[str, Any]:
        """The JSON Schema of one entry, with a description."""


def read_claims(frames: Iterable[Frame], by_id: Mapping[str, Block]) -> None:
    """Give each entry of a claimed key to the integration that it belongs to; problems go to the report."""
    tenants = {name: block.belongs_to for name, block in by_id.items()}
    classes = {name: block.cls for name, block in by_id.items() if block.cls is not None}
    for frame in frames:
        for entry in _entries(frame):
            entry.read(by_id, classes, tenants)


def _entries(frame: Frame) -> Iterator[_Entry]:
    for key, kind in claimed().items():
        taken: set[str] = set()
        for source in frame.sources:
            for name, node in frame.entries(source, key):
                if name in taken:
                    frame.problem(source, (key, name), "this name is declared twice")
                elif not isinstance(node.value, dict):
                    frame.problem(source, (key, name), f"expected a map, got {came(bare(node))}")
                else:
                    yield _Entry(frame, source, key, kind, name, node)
                taken.add(name)


@dataclass(frozen=True, slots=True)
class _Entry:
    frame: Frame
    source: Source
    key: str
    kind: str
    name: str
    node: Node

    @property
    def path(self) -> Path:
        return (self.key, self.name)

    def read(
        self,
        by_id: Mapping[str, Block],
        classes: Mapping[str, IntegrationClass],
        tenants: Mapping[str, tuple[str, ...]],
    ) -> None:
        block = self._block(by_id)
        if block is None:
            return
        for index, instance in enumerate(block.instances):
            around = Around(self.source.path.parent, instance.tenant, classes, tenants, self.frame.tenants)
            block.instances[index] = self._given_to(instance, block, around)

    def _block(self, by_id: Mapping[str, Block]) -> Block | None:
        """The integration that it belongs to; None, with the problem reported, when there is none."""
        try:
            path, named = kinds().get(self.kind).source(bare(self.node))
        except Mistakes as error:
            self.frame.mistakes(self.source, self.path, error.mistakes)
            return None
        block = by_id.get(named) if isinstance(named, str) else None
        if block is None:
            said = f"there is no integration '{named}'{suggest(str(named), by_id)}"
        elif block.frame is not self.frame:
            said = f"'{named}' is declared in {block.source.shown}: declare what begins there in that declaration"
        else:
            return block
        self.frame.problem(self.source, (*self.path, *path), said)
        return None

    def _given_to(self, instance: DeclaredIntegration, block: Block, around: Around) -> DeclaredIntegration:
        notes = Notes()
        raw = resolve(self.node, self.frame.scope(self.source, instance.tenant), notes, self.path)
        raw.line, _ = self.source.node.place(*self.path)  # that of its name, not of what stands under it
        for name, at in notes.late.items():
            said = f"`${{integration:{name}...}}` can stand in settings and `provision` only"
            self.frame.problem(self.source, at, said)
        for trouble in notes.troubles:
            if trouble.soft:
                block.lacking[trouble.path, trouble.message] = self.source
            else:
                self.frame.problem(self.source, trouble.path, trouble.message)
        try:
            value = kinds().get(self.kind).read_entry(self.name, raw, around)
        except Mistakes as error:
            self.frame.mistakes(self.source, self.path, tuple(masked(mistake, raw) for mistake in error.mistakes))
            return instance
        entries = {**instance.kinds.get(self.kind, {}), self.name: value}
        return replace(instance, kinds={**instance.kinds, self.kind: entries})
