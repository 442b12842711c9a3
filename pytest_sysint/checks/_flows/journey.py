"""The form `send`/`observe`: records go in at one integration and are awaited at others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_sysint.checks._flows.check import flow_check
from pytest_sysint.checks._flows.form import Path
from pytest_sysint.checks._flows.plan import Journey
from pytest_sysint.checks._flows.reading import read_journey
from pytest_sysint.checks._flows.run import Run
from pytest_sysint.checks._flows.schemas import journey_schema
from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.model import DeclaredIntegration


class JourneyForm:
    """Records that are sent, and awaited wherever they must arrive."""

    key = "send"

    def source(self, raw: Mapping[str, Any]) -> tuple[Path, Any]:
        """The integration that they are sent to."""
        send = raw["send"]
        if not isinstance(send, Mapping):
            raise Mistakes(Mistake(("send",), f"expected a map with `to` and an operation, got {came(send)}"))
        if "to" not in send:
            raise Mistakes(Mistake(("send",), "'to' is missing (the integration that the records are sent to)"))
        return ("send", "to"), send["to"]

    def read(self, name: str, raw: Mapping[str, Any], around: Around) -> Journey:
        """Read a flow for one tenant."""
        return read_journey(name, raw, around)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of such a flow."""
        return journey_schema()

    def checks(self, name: str, value: Journey, declared: DeclaredIntegration) -> Iterable[Check]:
        """The one check that it is."""
        return flow_check(
            name,
            value.keys,
            declared,
            Run(value, declared.tenant),
            title=f"{value.send.title} -> {', '.join(observer.name for observer in value.observers)}",
            effects=value.effects(),
            takes=value.longest,
            cleanup=value.cleanup,
            line=value.line,
        )


FORM = JourneyForm()
