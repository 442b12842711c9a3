"""What a type can tell of the things that it holds: tables, topics, queues, keys. The ground of contracts and drift.

A description is plain JSON, section -> name -> properties:
`{"tables": {"residents": {"columns": {"id": {"type": "uuid"}}}}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pytest_sysint.core.model import Declared
from pytest_sysint.core.units import Dimension

Description = Mapping[str, Mapping[str, Mapping[str, Any]]]
Drift = Literal["breaking", "additive", "cosmetic"]
NOT_KNOWN = "not_known"
"""A key of an item, beside its properties: property -> why the other side does not tell it; `*` for all that the item
does not have. Beside the items of a section, `{"*": why}`: which there are is not known. What is promised of such a
property fails as not known; it is never taken for absent."""


@dataclass(frozen=True, slots=True)
class Measured:
    """On a leaf of a section's item: what the property is measured in, so that `retention: 7d` can be read."""

    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Spelled:
    """On a leaf of a section's item: how what means the same is written in the description (`int` is `integer`).

    Called with each text and list that the matcher holds; gives it back as it is, or as the description has it.
    """

    canonical: Callable[[Any], Any]


Leaf = Any
"""A property of an item, as it is declared: a matcher."""
DurationLeaf = Annotated[Any, Measured("duration")]
"""The same of a duration; the description gives seconds."""
SizeLeaf = Annotated[Any, Measured("size")]
"""The same of a size; the description gives bytes."""
RatioLeaf = Annotated[Any, Measured("ratio")]
"""The same of a share; the description gives a fraction of 1."""


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
    judged. The model says what stands where, nothing is validated by it:

    - `type: Leaf` is a leaf: it holds a matcher, as in `expect:` (`partitions: ">= 3"`). See `DurationLeaf`, ...
    - `primary_key: PrimaryKey | None`, another `Declared` model, is a map that goes on.
    - `columns: dict[str, Column]`, or a `Mapping`, is a map of names that goes on for each of them.
    - `config: dict[str, Leaf]` is a map of names with a leaf each.

    A model's `shorthand: ClassVar[str]` names the field that a value which is no map stands for (`id: uuid`).
    `absent` and `only` are keys of the format (must not be there; holds nothing else), no model has them.

    `drift` says how grave a change is where the general rule would be wrong (what went or changed is breaking, what
    came is additive, comments are cosmetic); None leaves it to the rule.
    """

    name: str
    item: type[Declared]
    description: str
    drift: Callable[[Change], Drift | None] = lambda _: None
    left_out: frozenset[str] = frozenset()
    """What of an item a snapshot leaves out, as dotted paths in which `*` stands for any name: what changes by mere use
    (counts, offsets), and what follows from something else that is there. A contract may judge it all the same."""
    look: Callable[[Any, str, float], Mapping[str, Any] | None] | None = None
    """(integration, name, timeout) -> the item of that name, None when there is none. Only where the declaration
    chooses the names (patterns of keys); else items are found in what `describe` gives."""
    by_hand: Callable[[Any, str], str] | None = None
    """(integration, name) -> a shell command that shows that item, without secrets."""
