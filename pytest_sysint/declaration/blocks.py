"""One entry of `integrations:`, seen from outside: its type, the keys that every integration has, its tenants."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import Field

from pytest_sysint.core.errors import MissingDriver
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import SHARED, Severity
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.core.units import Duration
from pytest_sysint.declaration.explain import came, choose, read_what_holds
from pytest_sysint.declaration.files import Source
from pytest_sysint.declaration.frame import Frame, Path
from pytest_sysint.declaration.kind_keys import claimed
from pytest_sysint.declaration.model import Category, DeclaredIntegration, IntegrationClass, Position
from pytest_sysint.declaration.resolving import bare, schemes_below
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.values import RetryKeys
from pytest_sysint.declaration.words import suggest
from pytest_sysint.declaration.yaml_nodes import Node

PLANNED_KINDS = ("health", "contract", "dataflow", "security", "resilience", "load")
"""The kinds of the format. One that this version does not have is accepted, and said to be left out."""


class CommonKeys(Declared):
    """The keys that every integration has, whatever its type."""

    name: str = Field(default="", description="What it is called in reports; default: its id.")
    description: str = Field(default="", description="What it is for, in a sentence, for readers of the report.")
    category: Category | None = Field(default=None, description="Where it is counted; default: the type's category.")
    severity: Severity | None = Field(default=None, description="How bad a failure is; default: that of `defaults`.")
    owner: str = Field(default="", description="The team or person to ask.")
    tenants: Literal["all"] | tuple[str, ...] | None = Field(
        default=None,
        description="`all`, or a list of ids; left out, it belongs to no tenant unless it uses ${tenant:}.",
    )
    tags: tuple[str, ...] = Field(default=(), description="Words to find it by.")
    depends_on: str | tuple[str, ...] = Field(
        default=(), description="The integrations without which this one cannot work."
    )
    timeout: Duration | None = Field(default=None, gt=0, description="The time for one conversation.")
    retry: RetryKeys | None = Field(default=None, description="How connection errors and timeouts are tried again.")
    budget: str = Field(default="", description="The budget that its calls count against.")


OUTER_KEYS = ("type", "provision")
"""Keys of every integration that are read on their own."""
_NAMING_KEYS = ("tenants", "depends_on", "budget")
_NO_REFERENCE = "a name stands in the file itself; a reference cannot stand here"


@dataclass(slots=True)
class Block:
    """One entry of `integrations:` while it is read."""

    frame: Frame
    source: Source
    id: str
    node: Node
    type: str = ""
    cls: IntegrationClass | None = None
    """None when the type is not known: what can be checked without it still is."""
    common: CommonKeys = field(default_factory=CommonKeys)
    belongs_to: tuple[str, ...] = (SHARED,)
    """The tenants that it is declared for."""
    late: dict[str, Path] = field(default_factory=dict)
    """The integrations that it names by `${integration:...}`, with the first place that does."""
    lacking: dict[tuple[Path, str], Source] = field(default_factory=dict)
    """What is missing outside the file (path, sentence, and where): told when the integration is needed."""
    instances: list[DeclaredIntegration] = field(default_factory=list)
    shared_parts: dict[str, Any] = field(default_factory=dict)
    """Parts that are the same for every tenant, once they were read."""

    @property
    def path(self) -> Path:
        """The way to it from the root of its file."""
        return ("integrations", self.id)

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants that it is read for."""
        taking_part = {*self.frame.selected, SHARED}
        return tuple(tenant for tenant in self.belongs_to if tenant in taking_part)

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The ids that it names itself."""
        named = self.common.depends_on
        return (named,) if isinstance(named, str) else named

    @property
    def position(self) -> Position:
        """Where it is declared."""
        return Position(self.source.shown, *self.source.node.place(*self.path))

    def problem(self, path: Path, message: str) -> None:
        """Report a problem at a path from this integration."""
        self.frame.problem(self.source, (*self.path, *path), message)

    def child(self, *path: str | int) -> Node | None:
        """What stands at a path below it."""
        return self.node.find(*path)


def read_block(frame: Frame, source: Source, name: str, node: Node) -> Block | None:
    """Read what all integrations have in common; None when it is no map."""
    block = Block(frame, source, name, node)
    if not isinstance(node.value, dict):
        block.problem((), f"expected a map with at least a `type`, got {came(bare(node))}")
        return None
    _read_type(block)
    _check_keys(block)
    _read_common(block)
    _read_tenants(block)
    if block.common.budget and block.common.budget not in frame.budgets:
        block.problem(("budget",), choose(block.common.budget, tuple(frame.budgets)))
    return block


def _read_type(block: Block) -> None:
    node = block.child("type")
    if node is None:
        block.problem((), f"'type' is missing (known: {', '.join(types().names())})")
        return
    word = node.value
    if node.refers:
        block.problem(("type",), _NO_REFERENCE)
    elif not isinstance(word, str):
        block.problem(("type",), f"expected the word of a type, got {came(bare(node))}")
    elif word not in types():
        block.problem(("type",), f"unknown type '{word}'{suggest(word, types().names())}")
    else:
        block.type = word
        _find_class(block)


def _find_class(block: Block) -> None:
    try:
        block.cls = types().get(block.type)
    except ImportError as error:
        block.problem(("type",), str(MissingDriver(block.type, error.name or "?")).replace("\n ", ":"))
        return
    assert block.cls is not None
    missing = missing_driver(block.cls, block.type)
    if missing:
        block.lacking[(*block.path, "type"), missing] = block.source


def missing_driver(cls: IntegrationClass, word: str) -> str:
    """What to install before a type can be used; empty when its library is there."""
    if not cls.driver or _importable(cls.driver):
        return ""
    if cls.__module__.startswith("pytest_sysint."):
        return str(MissingDriver(word, cls.driver)).replace("\n ", ":")
    return f"type '{word}' needs the Python module '{cls.driver}', which is not installed"


@cache
def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _check_keys(block: Block) -> None:
    elsewhere = {kind: key for key, kind in claimed().items()}
    known = {*fields_by_key(CommonKeys), *OUTER_KEYS, *PLANNED_KINDS, *kinds().names()} - elsewhere.keys()
    if block.cls is None:
        return
    allowed = known | fields_by_key(block.cls.settings_model).keys()
    for key in block.node.value:
        if key in elsewhere:
            block.problem((key,), f"{key} checks are declared at the top level, under `{elsewhere[key]}:`")
        elif key not in allowed:
            block.problem((key,), f"unknown key{suggest(key, allowed)}")
        elif key in PLANNED_KINDS and key not in kinds():
            said = f"{block.id}: {key} checks are declared, and this version does not run that kind"
            block.frame.notice(block.source, (*block.path, key), said)


def _read_common(block: Block) -> None:
    keys = [key for key in block.node.value if key in fields_by_key(CommonKeys)]
    for key in _NAMING_KEYS:
        node = block.child(key)
        if node is not None and node.refers:
            block.problem((key,), _NO_REFERENCE)
            keys.remove(key)
    raw = {key: block.frame.value(block.source, (*block.path, key)) for key in keys}
    found, mistakes = read_what_holds(CommonKeys, raw)
    block.frame.mistakes(block.source, block.path, mistakes)
    block.common = found or block.common


def _read_tenants(block: Block) -> None:
    asked, known = block.common.tenants, dict.fromkeys(block.frame.tenants)
    if asked is None:
        uses_tenant = "tenant" in schemes_below(block.node) | schemes_below(block.frame.urls.get(block.id))
        block.belongs_to = tuple(known) if uses_tenant and known else (SHARED,)
    elif asked == "all":
        block.belongs_to = tuple(known) or (SHARED,)
        if not known:
            block.problem(("tenants",), "no tenants are declared: add `tenants: [...]` at the top of the declaration")
    else:
        # After a mistake it is read for everybody, so that whatever else is wrong with it is told too.
        block.belongs_to = tuple(name for name in asked if name in known) or (*known, SHARED)
        _check_named_tenants(block, asked, known)


def _check_named_tenants(block: Block, asked: Iterable[str], known: Collection[str]) -> None:
    for index, name in enumerate(asked):
        if name not in known:
            block.problem(("tenants", index), f"unknown tenant '{name}'{suggest(name, known)}")
    if not asked:
        block.problem(("tenants",), "an empty list: name tenants, write `all`, or leave the key out")
