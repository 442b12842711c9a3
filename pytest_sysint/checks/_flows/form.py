"""What a form of flow is: a journey of records, a reconciliation of two sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pytest_sysint.core.check import Check
from pytest_sysint.core.integration import Integration
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.model import DeclaredIntegration

Path = tuple["str | int", ...]
Type = type[Integration[Any]]


class Form(Protocol):
    """One way to declare a flow. A module of this folder gives its own as `FORM`; the kind knows it by its key."""

    key: str
    """The key of an entry of `flows:` that makes it one of this form: `send`, `reconcile`."""

    def source(self, raw: Mapping[str, Any]) -> tuple[Path, Any]:
        """Where the entry names the integration whose check it becomes, and what stands there; it may be no id yet."""

    def read(self, name: str, raw: Mapping[str, Any], around: Around) -> Any:
        """Read an entry for one tenant.

        Raises:
            Mistakes: everything that is wrong with it, with paths from the entry.

        """

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of an entry of this form, with descriptions."""

    def checks(self, name: str, value: Any, declared: DeclaredIntegration) -> Iterable[Check]:
        """The checks of an entry as it was read, for its source and one tenant; none for a tenant that it leaves out.

        They are of the kind `dataflow`, and `slug_of(name)` is, or begins, the slug of each.
        """
