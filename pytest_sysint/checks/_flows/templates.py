"""`{correlation}`, `{index}`, `{faker.name}`: what differs from record to record, in any text of a flow.

A text that is one placeholder and nothing else becomes the value itself, a number for `{index}`. `{{name}}` stands for
a plain `{name}`. Braces around anything but a name are left alone, so JSON and regular expressions need no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{(?P<plain>[A-Za-z_][\w.-]*)\}\}|\{(?P<name>[A-Za-z_][\w.-]*)\}")

Path = tuple["str | int", ...]
Lookup = Callable[[str], Any]
"""The value of a placeholder by its name."""


def placeholders(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every placeholder in a value, with the way to the text that holds it."""
    if isinstance(value, str):
        for found in _PLACEHOLDER.finditer(value) if "{" in value else ():
            if found["name"]:
                yield path, found["name"]
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from placeholders(child, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from placeholders(child, (*path, index))


def names_in(value: Any) -> frozenset[str]:
    """The names of all placeholders in a value."""
    return frozenset(name for _, name in placeholders(value))


def fill(value: Any, lookup: Lookup) -> Any:
    """The value with every placeholder replaced; new maps and lists, so that records share nothing."""
    if isinstance(value, str):
        return _text(value, lookup)
    if isinstance(value, Mapping):
        return {key: fill(child, lookup) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(child, lookup) for child in value]
    return value


def _text(text: str, lookup: Lookup) -> Any:
    if "{" not in text:
        return text
    whole = _PLACEHOLDER.fullmatch(text)
    if whole is not None and whole["name"]:
        return lookup(whole["name"])
    return _PLACEHOLDER.sub(
        lambda found: f"{{{found['plain']}}}" if found["plain"] else str(lookup(found["name"])), text
    )
