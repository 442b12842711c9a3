"""Where kinds are declared: under a key of each integration, or under a key of the top level that the kind claims."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pytest_sysint.core.registry import kinds


def claimed() -> Mapping[str, str]:
    """Each key of the top level that a kind claims -> the kind."""
    return _claimed(kinds().names())


@lru_cache(maxsize=4)
def _claimed(names: tuple[str, ...]) -> Mapping[str, str]:
    named = {name: getattr(kinds().get(name), "claims", "") for name in names}
    return {key: name for name, key in named.items() if key}


def own_kinds() -> list[str]:
    """The kinds that are declared under their own name at an integration."""
    return [name for name in kinds().names() if name not in claimed().values()]
