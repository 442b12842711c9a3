"""What the built-in checks of external services share: one look at an answer of any form, and provoked faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pytest_sysint.core.check import Context
from pytest_sysint.core.integration import Observation

if TYPE_CHECKING:
    from pytest_sysint.integrations._simulated import Control


def body_of(seen: Observation) -> Mapping[str, Any]:
    """The body of an answer; empty when it is no JSON map."""
    return seen.payload if isinstance(seen.payload, Mapping) else {}


def found_at(value: Any, *names: str) -> Any:
    """What stands in a map of maps; None where the way ends before."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def items_at(value: Any, *names: str) -> list[Mapping[str, Any]]:
    """The maps of the list that stands there; none without a list."""
    found = found_at(value, *names)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def first_answer(context: Context, path: str, **options: Any) -> Observation:
    """One GET without patience, kept for the report."""
    seen: Observation = cast("Any", context.integration).once("GET", path, timeout=context.timeout, **options)
    context.note(seen.exchange)
    return seen


def needs_simulator(integration: Any) -> str:
    """Why a fault cannot be provoked."""
    if integration.control is not None:
        return ""
    return "it provokes a fault, which the simulator can be asked for and a service that others use must not be"


def control_of(context: Context) -> Control:
    """How the simulator is told what to do, for checks that need one."""
    control: Control | None = cast("Any", context.integration).control
    assert control is not None  # the obstacle has said so
    return control
