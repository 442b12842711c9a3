"""Dataflow: does what goes in at one system come out at the others: once, in order, unaltered and in time?

Flows span several integrations, so they stand under `flows:` at the top of a declaration. The key that an entry has
says which form it is: `send` makes a journey of records, `reconcile` a comparison of two sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_sysint.checks._flows import journey, reconciliation
from pytest_sysint.checks._flows.form import Form, Path, Type
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.model import DeclaredIntegration

FORMS: Mapping[str, Form] = {form.key: form for form in (journey.FORM, reconciliation.FORM)}
"""The key that tells a form -> the form."""


class Dataflow:
    """The kind `dataflow`."""

    name = "dataflow"
    order = 10
    alone = False
    claims = "flows"

    def source(self, raw: Mapping[str, Any]) -> tuple[Path, Any]:
        """Where an entry names the integration that its checks belong to, and what stands there."""
        return _form_of(raw).source(raw)

    def read_entry(self, name: str, raw: Mapping[str, Any], around: Around) -> Any:
        """Read one flow for one tenant."""
        form = _form_of(raw)
        return form.key, form.read(name, raw, around)

    def entry_schema(self) -> dict[str, Any]:
        """The JSON Schema of one flow."""
        return {
            "description": "Checks over several integrations: what goes in at one comes out at the others.",
            "type": "object",
            "anyOf": [form.schema() for form in FORMS.values()],
        }

    def schema(self, _cls: Type) -> dict[str, Any]:
        """Nothing is declared at the integration itself."""
        return {"not": {}}

    def checks(self, declared: DeclaredIntegration) -> Iterable[Check]:
        """The checks of the flows that begin at this integration."""
        for name, (key, value) in declared.kinds.get(self.name, {}).items():
            yield from FORMS[key].checks(name, value, declared)


def _form_of(raw: Mapping[str, Any]) -> Form:
    found = [form for key, form in FORMS.items() if key in raw]
    if len(found) == 1:
        return found[0]
    words = " or ".join(f"`{key}`" for key in FORMS)
    raise Mistakes(Mistake((), f"a flow has {words}, and this has {'both' if found else 'neither'}"))


KIND = Dataflow()
