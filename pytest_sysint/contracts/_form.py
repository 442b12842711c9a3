"""What a form of contract is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from pytest_sysint.core.check import Check
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.model import DeclaredIntegration

Type = type[Integration[Any]]


class Form(Protocol):
    """One key under `contract:`. A module of this folder names its own in `FORM`."""

    def suits(self, cls: Type) -> bool:
        """Whether an integration of that type can have such a contract; ask for a capability, not for a name."""

    def needs(self) -> str:
        """What a type must be able to do, for the message when one cannot: `an HTTP API`."""

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> Any:
        """Read the value of the key. `folder` is where the declaration stands (see `declaration.documents`); `whole`
        is all of the `contract:` map, for keys that belong to more than one form (`examples`, `seed`).

        Raises:
            Mistakes: everything that is wrong with it, with paths from the value.

        """

    def schema(self, cls: Type) -> dict[str, Any]:
        """The JSON Schema of the key's value for that type, with descriptions."""

    def checks(self, value: Any, declared: DeclaredIntegration) -> Iterable[Check]:
        """The checks of one integration and tenant, of the kind `contract`. Slugs begin with what tells forms apart."""
