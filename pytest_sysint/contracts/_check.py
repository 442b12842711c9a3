"""What every check of a contract has from its integration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.declaration.checks import slug_of, told_apart
from pytest_sysint.declaration.model import DeclaredIntegration


def slugs_of(names: Iterable[str]) -> list[str]:
    """The slugs of names that stand side by side: those that would be the same are told apart by `-2`, `-3`, ..."""
    return told_apart(slug_of(name) for name in names)


def contract_check(
    declared: DeclaredIntegration, name: str, run: Callable[[Context], Outcome], title: str, **more: Any
) -> Check:
    """A check of the kind `contract`. `more` are fields of `Check` that the integration does not give."""
    common: dict[str, Any] = {
        "slug": slug_of(name),
        "severity": declared.severity,
        "timeout": declared.timeout,
        "retry": declared.retry,
        "budget": declared.budget,
        "tags": declared.tags,
        "line": declared.position.line,
    }
    return Check(
        name=name,
        kind="contract",
        integration_id=declared.id,
        tenant=declared.tenant,
        run=run,
        title=title,
        **{**common, **more},
    )
