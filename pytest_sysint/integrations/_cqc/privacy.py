"""Names of people stand in locations and providers. They are published, and still no part of our evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_sysint.core.integration import clip
from pytest_sysint.core.records import Exchange
from pytest_sysint.core.secrets import MASK

_PERSONAL = frozenset({"personTitle", "personGivenName", "personFamilyName"})


def without_people(exchange: Exchange, payload: Any) -> Exchange:
    """The conversation with the names of contacts masked."""
    if next(_people(payload), None) is None:
        return exchange
    head = exchange.received.partition("\n\n")[0]
    return exchange.model_copy(update={"received": f"{head}\n\n{clip(json.dumps(_masked(payload)))}"})


def family_names(payload: Any) -> set[str]:
    """The family names of the contacts in a body."""
    return {value for key, value in _people(payload) if key == "personFamilyName"}


def _people(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key in _PERSONAL and isinstance(child, str):
                yield key, child
            else:
                yield from _people(child)
    elif isinstance(value, list):
        for child in value:
            yield from _people(child)


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASK if key in _PERSONAL else _masked(child) for key, child in value.items()}
    return [_masked(child) for child in value] if isinstance(value, list) else value
