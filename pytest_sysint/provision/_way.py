"""The shape of a way: a module `provision/<way>.py` names one in `WAY`."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import Field

from pytest_sysint.core.integration import Integration
from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Running
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._request import ServiceRequest

Type = type[Integration[Any]]
R = TypeVar("R")


def recipe_of(cls: Type, sort: type[R]) -> R | None:
    """The type's recipe of one sort, or None."""
    return next((recipe for recipe in cls.recipes if isinstance(recipe, sort)), None)


def importable(module: str) -> bool:
    """Whether a Python module is installed, without importing it (only the packages that it is in)."""
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def installing(cls: Type, module: str) -> str:
    """How a Python module is had that a type needs: by the extra of a built-in type."""
    folder, _, name = cls.__module__.partition("pytest_sysint.integrations.")
    extra = name.partition(".")[0]
    return f"pip install 'pytest-sysint[{extra}]'" if extra and not folder else f"install the Python module {module}"


class Declares(Protocol):
    """A `provision:` block, as far as a way may look at it: a `ServiceRequest`, or the declaration's own settings."""

    def of(self, way: str) -> Any: ...


class Way(Protocol):
    """One way in which an integration comes to be there."""

    name: ClassVar[str]
    settings_model: ClassVar[type[Declared]]
    """The keys of the `provision:` block that belong to this way."""
    of_the_machine: ClassVar[bool]
    """Whether it depends on what is installed here; else it needs something in the declaration."""

    def rank(self, cls: Type, provision: Declares, /) -> int | None:
        """Its turn under `auto`, lowest first; None when it has nothing to do with this type."""

    def missing(self, cls: Type, provision: Declares, /) -> str:
        """Empty when it is possible here; else what would make it possible, as a clause: `install ...`."""

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        """Start it, and return when it answers.

        Raises:
            Unavailable: with the last lines of the service's log, where there are any.

        """


class NoSettings(Declared):
    """A way without keys of its own."""


class RecipeSettings(Declared):
    """The keys of the ways that carry out a type's own recipe."""

    options: dict[str, str] = Field(
        default_factory=dict, description="Words for the type's recipe; the page of the type lists them."
    )
