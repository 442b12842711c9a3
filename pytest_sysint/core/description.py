"""What a type can tell of the things that it holds: tables, topics, queues, keys. The ground of contracts and drift.

A description is plain JSON, section -> name -> properties:
`{"tables": {"residents": {"columns": {"id": {"type": "uuid"}}}}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_sysint.core.model import Declared

Description = Mapping[str, Mapping[str, Mapping[str, Any]]]
Drift = Literal["breaking", "additive", "cosmetic"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two descriptions.

    `path` leads to it from the section's item, `("columns", "born", "type")`; empty for the whole item. `before` is
    None for what came, `after` for what went.
    """

    section: str
    name: str
    path: tuple[str, ...]
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Section:
    """One sort of thing that a type holds, under the key that it has in `contract:` and in snapshots.

    `item` is the model of what can be declared of one of them: every field is optional, and what is left out is not
    judged. A leaf holds a matcher, as in `expect:` (`partitions: ">= 3"`); a map goes on. `drift` says how grave a
    change is where the general rule would be wrong (what went or changed is breaking, what came is additive); None
    leaves it to the rule.
    """

    name: str
    item: type[Declared]
    description: str
    drift: Callable[[Change], Drift | None] = lambda _: None
