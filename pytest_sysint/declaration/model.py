"""What a declaration is once it has been read: the objects that every other room works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pytest_sysint.core.check import RetryPolicy
from pytest_sysint.core.errors import Mistakes, Unavailable
from pytest_sysint.core.integration import Integration, Settings
from pytest_sysint.core.records import Effect, Severity
from pytest_sysint.declaration.provisioning import ProvisionSettings
from pytest_sysint.declaration.references import Late, Referenced
from pytest_sysint.declaration.scope import Nowhere, fill
from pytest_sysint.declaration.yaml_nodes import Node

Category = Literal["database", "api", "message_queue", "file_system", "external_service", "internal_service"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

IntegrationClass = type[Integration[Any]]

Urls = Mapping[str, Mapping[str, str]]
"""Integration id -> what `${integration:id.x}` can say of it; `url` is enough, the parts follow from it."""


Rebuild = Callable[[Urls], tuple[Settings, ProvisionSettings]]


@dataclass(frozen=True, slots=True)
class Position:
    """Where something is declared; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Environment:
    """The chosen environment, as one declaration describes it."""

    name: str = "local"
    allow: frozenset[Effect] | None = None
    """The effects that it allows; None when it does not say: existing services are only read then."""
    provision: str = "auto"
    """The way that it prefers; under `existing` nothing is started at all."""
    urls: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Integration id -> the url that it has in this environment, instead of its own."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A part of the declaration that this version does not run, as it is written, with its positions."""

    value: Any
    file: str
    node: Node = field(repr=False)

    def position(self, *path: str | int) -> Position:
        """Where a part of it stands."""
        return Position(self.file, *self.node.place(*path))


@dataclass(frozen=True, slots=True)
class DeclaredIntegration:
    """One integration as one tenant has it."""

    id: str
    tenant: str
    """`shared` when it belongs to none."""
    type: str
    cls: IntegrationClass
    category: str
    name: str
    description: str
    severity: Severity
    owner: str
    tags: tuple[str, ...]
    depends_on: tuple[str, ...]
    timeout: float
    """Seconds for one conversation."""
    retry: RetryPolicy
    budget: str
    """The name of the budget that its calls count against; empty for none."""
    settings: Settings = field(repr=False)
    """An instance of the type's `settings_model`. Its url is empty when there is none yet, and may still hold
    `${integration:...}`."""
    provision: ProvisionSettings
    kinds: Mapping[str, Any]
    """Kind -> what that kind read from its key."""
    references: frozenset[str]
    """The integrations that its settings and its provisioning name by `${integration:...}`."""
    position: Position
    folder: Path
    """Where its declaration stands: files that it names are looked for from here, then from where the run starts."""
    unusable: str = ""
    """Why it cannot be used, in a sentence (a variable that is not set, a library that is not installed); empty when it
    can. Only what the run does not need is ever unusable: for the rest this is a problem of the declaration."""
    rebuild: Callable[[Urls], tuple[Settings, ProvisionSettings]] | None = field(
        default=None, repr=False, compare=False
    )
    """Reads settings and provisioning once more with urls filled in; None when nothing waits for one."""

    def resolve(self, urls: Urls) -> DeclaredIntegration:
        """The same with every `${integration:id.x}` replaced.

        Raises:
            Unavailable: when a reference without a default points to an integration that has no url.

        """
        if self.rebuild is None:
            return self
        try:
            settings, provision = self.rebuild(urls)
        except Nowhere as error:
            raise Unavailable(f"integration '{self.id}' cannot be set up: {error}") from None
        except Mistakes as error:
            raise Unavailable(f"integration '{self.id}' cannot be set up: {error.message}") from None
        return replace(self, settings=settings, provision=provision, rebuild=None)

    def at(self, url: str) -> DeclaredIntegration:
        """The same at another url."""
        return replace(self, settings=self.settings.model_copy(update={"url": url}))


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declaration file with everything that it includes."""

    path: Path
    files: tuple[Path, ...]
    """The file itself first, then what it includes, in the order of reading."""
    system: str
    tenants: tuple[str, ...]
    """The tenants that take part in the run."""
    environment: Environment
    integrations: tuple[DeclaredIntegration, ...]
    budgets: Mapping[str, float] = field(default_factory=dict)
    """Name -> calls per second."""
    gate: Raw | None = None
    notices: tuple[str, ...] = ()
    """What is declared and has no effect in this version, and what should be declared otherwise."""
    digest: str = ""
    """SHA-256 over the texts of all files."""


def fill_value(value: Any, urls: Urls) -> Any:
    """A plain value with each `Late` text in it filled.

    Raises:
        Nowhere: when one leads to no value.

    """
    if isinstance(value, Late):
        return Referenced(fill(value.template, urls))
    if isinstance(value, dict):
        return {key: fill_value(child, urls) for key, child in value.items()}
    return [fill_value(child, urls) for child in value] if isinstance(value, list) else value
