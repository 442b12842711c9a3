"""What stands around the integrations of one declaration, and how its blocks are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import Field

from pytest_sysint.core.errors import Mistake
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import SHARED, Severity
from pytest_sysint.core.units import Duration
from pytest_sysint.declaration.explain import came, read_what_holds
from pytest_sysint.declaration.files import Report, Source
from pytest_sysint.declaration.model import Environment, Raw
from pytest_sysint.declaration.resolving import Notes, bare, resolve
from pytest_sysint.declaration.scope import Nowhere, Scope
from pytest_sysint.declaration.values import RetryKeys
from pytest_sysint.declaration.yaml_nodes import Node

Path = tuple["str | int", ...]
D = TypeVar("D", bound=Declared)

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LONGEST = 80


class Defaults(Declared):
    """What holds for every integration that does not say otherwise."""

    timeout: Duration = Field(default=5.0, gt=0, description="The time for one conversation; default 5s.")
    retry: RetryKeys = Field(
        default_factory=RetryKeys, description="How connection errors and timeouts are tried again."
    )
    severity: Severity = Field(default="high", description="How bad a failure is; default high.")


@dataclass(slots=True)
class Frame:
    """The frame of one declaration, as far as it could be read."""

    sources: list[Source]
    """The declaration file itself first."""
    report: Report
    env: Mapping[str, str]
    system: str = ""
    tenants: tuple[str, ...] = ()
    """Every declared tenant."""
    selected: tuple[str, ...] = ()
    """Those that take part in the run."""
    environments: tuple[str, ...] = ()
    """The names of the declared environments."""
    environment: Environment = field(default_factory=Environment)
    urls: Mapping[str, Node] = field(default_factory=dict)
    """Integration id -> its url in the chosen environment, not yet looked up."""
    defaults: Defaults = field(default_factory=Defaults)
    budgets: dict[str, float] = field(default_factory=dict)
    gate: Raw | None = None
    notices: dict[str, None] = field(default_factory=dict)
    instances: int = 0
    """How many integrations there are so far, counted once per tenant."""
    _scopes: dict[tuple[str, str], Scope] = field(default_factory=dict)

    @property
    def root(self) -> Source:
        """The declaration file itself."""
        return self.sources[0]

    def scope(self, source: Source, tenant: str = SHARED) -> Scope:
        """Where references of a file are looked up, for one tenant."""
        key = (source.shown, tenant)
        if key not in self._scopes:
            self._scopes[key] = Scope(self.env, source.path.parent, tenant, self._tenant_key)
        return self._scopes[key]

    def _tenant_key(self, tenant: str, key: str) -> str | None:
        """A key of the tenants map. It may hold references itself, which are looked up only now."""
        node = self.root.node.find("tenants", tenant, key)
        if node is None or node.value is None or isinstance(node.value, (dict, list)):
            return None
        notes = Notes()
        value = resolve(node, self.scope(self.root), notes)
        if notes.troubles or notes.late:
            said = notes.troubles[0].message if notes.troubles else "`${integration:...}` cannot stand here"
            raise Nowhere(f"'{key}' of tenant '{tenant}': {said}")
        if isinstance(value, str):
            return value
        return str(value).lower() if isinstance(value, bool) else str(value)

    def problem(self, source: Source, path: Path, message: str) -> None:
        """Report a problem at a path from the root of a file."""
        self.report.add(source, path, message)

    def notice(self, source: Source, path: Path, said: str) -> None:
        """Something to be said beside the results, with its position."""
        line, _ = source.node.place(*path)
        self.notices[f"{source.shown}:{line}: {said}"] = None

    def entries(self, source: Source, key: str) -> Iterator[tuple[str, Node]]:
        """The entries of a map of the top level whose keys are names."""
        node = source.node.find(key)
        if node is None:
            return
        if not isinstance(node.value, dict):
            self.problem(source, (key,), f"expected a map of names, got {came(bare(node))}")
            return
        for name, child in node.value.items():
            self.slug(source, (key, name), name)
            yield name, child

    def slug(self, source: Source, path: Path, name: str) -> bool:
        """Whether a name may stand in a node id and in a reference; reported when it may not."""
        fits = len(name) <= _LONGEST
        if fits and _SLUG.fullmatch(name):
            return True
        rule = (
            "small letters, digits, and single hyphens or underscores between them" if fits else "80 characters at most"
        )
        self.problem(source, path, f"a name has {rule}")
        return False

    def value(self, source: Source, path: Path) -> Any:
        """The plain value at a path, looked up outside any tenant; what leads nowhere is reported."""
        node = source.node.find(*path)
        if node is None:
            return None
        notes = Notes()
        value = resolve(node, self.scope(source), notes)
        for trouble in notes.troubles:
            self.problem(source, (*path, *trouble.path), trouble.message)
        for name, at in notes.late.items():
            self.problem(source, (*path, *at), f"`${{integration:{name}...}}` can stand only within an integration")
        return value

    def block(self, source: Source, path: Path, model: type[D], omit: tuple[str, ...] = ()) -> D | None:
        """A map at a path as its model, from the keys that are right; the mistakes of the others are reported."""
        node = source.node.find(*path)
        if node is None:
            return None
        if not isinstance(node.value, dict):
            self.problem(source, path, f"expected a map, got {came(bare(node), path)}")
            return None
        raw = {key: self.value(source, (*path, key)) for key in node.value if key not in omit}
        found, mistakes = read_what_holds(model, raw)
        self.mistakes(source, path, mistakes)
        return found

    def mistakes(self, source: Source, under: Path, mistakes: tuple[Mistake, ...]) -> None:
        """Report mistakes of the value that stands at a path."""
        for mistake in mistakes:
            self.problem(source, (*under, *mistake.path), mistake.message)
