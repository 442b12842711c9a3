"""What is known of patients must not get into a report: real ones, or people that a test environment calls so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_sysint.core.records import Exchange
from pytest_sysint.core.secrets import learn
from pytest_sysint.integrations._pds.numbers import is_made_up
from pytest_sysint.integrations._pds.outcomes import issues

_TELLING = frozenset(
    {"family", "given", "prefix", "line", "postalCode", "birthDate", "deceasedDateTime", "text", "city", "district"}
)
_VALUES = frozenset({"identifier", "telecom"})
"""Where `value` is personal."""
_HARMLESS = frozenset({"gender", "_max-results", "_exact-match", "_fuzzy-match", "_history"})


def learn_search(query: Mapping[str, Any]) -> None:
    """Mask what a search asked for."""
    for name, value in query.items():
        if name not in _HARMLESS:
            for text in value if isinstance(value, (list, tuple)) else [value]:
                learn(str(text))
                learn(str(text)[2:] if str(text)[:2] in ("eq", "ge", "le") else None)


def learn_people(payload: Any) -> None:
    """Mask what an answer tells of people, wherever it would be shown."""
    for text in _personal(payload, ""):
        learn(text)


def _personal(value: Any, key: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, child in value.items():
            inner = key if name == "value" and key in _VALUES else name
            if name == "id" and value.get("resourceType") == "Patient":
                inner = "family"
            yield from _personal(child, inner)
    elif isinstance(value, list):
        for child in value:
            yield from _personal(child, key)
    elif isinstance(value, str) and key in _TELLING | _VALUES:
        yield value


def without_people(exchange: Exchange, payload: Any) -> Exchange:
    """The conversation without its body, unless that says what went wrong."""
    if issues(payload):
        return exchange
    head = exchange.received.partition("\n\n")[0]
    sort = payload.get("resourceType", "a body") if isinstance(payload, Mapping) else "a body"
    said = f"({sort}; not shown, because it may be about a person)"
    return exchange.model_copy(update={"received": f"{head}\n\n{said}"})


def learn_number(number: str) -> None:
    """Mask an NHS number, unless it is one that nobody has."""
    learn("" if is_made_up(number) else number)
