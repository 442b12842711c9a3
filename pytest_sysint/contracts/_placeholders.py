"""`{id}` in a text of an exchange stands for what an earlier step captured; `{{id}}` is a plain `{id}`.

A text that is nothing but one placeholder takes the value with its type; within a longer text it is written out. In the
path of an HTTP request it is percent-encoded, unless it is the whole path: then it may be the url of a `Location`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from pytest_sysint.declaration.references import Referenced

# `\p{Lu}` and `\N{DASH}` belong to regular expressions.
_PLACEHOLDER = re.compile(r"(?<!\\[pPN])\{(?P<escape>\{)?(?P<name>[A-Za-z_]\w*)\}(?(escape)\})")
_REQUEST = "request"
_WHOLE_PATH = re.compile(r"[A-Z]+\s+(?P<path>\{[A-Za-z_]\w*\})")

UNIQUE = "unique"
"""The placeholder that is always there: a text of 12 letters and digits that no other run has."""

Values = Mapping[str, Any]
Path = tuple["str | int", ...]


def placeholders(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every placeholder below a plain value, with the way to its text. What came from a reference holds none."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from placeholders(key, (*path, key))
            yield from placeholders(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from placeholders(child, (*path, index))
    elif isinstance(value, str) and not isinstance(value, Referenced):
        for found in _PLACEHOLDER.finditer(value):
            if not found["escape"]:
                yield path, found["name"]


def fill(raw: Mapping[str, Any], values: Values, url: str = "") -> dict[str, Any]:
    """An operation's keys with every placeholder filled. `url` is where the integration is.

    Raises:
        ValueError: when a captured url leads to another host.

    """
    return {
        key: _request(child, values, url) if key == _REQUEST else _fill(child, values) for key, child in raw.items()
    }


def as_text(value: Any, places: Collection[Path], path: Path = ()) -> Any:
    """The same with what stands at some places written out: those that take nothing but texts, such as headers."""
    if path in places and not isinstance(value, str):
        return written(value)
    if isinstance(value, dict):
        return {key: as_text(child, places, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [as_text(child, places, (*path, index)) for index, child in enumerate(value)]
    return value


def _fill(value: Any, values: Values) -> Any:
    if isinstance(value, dict):
        return {_text(key, values): _fill(child, values) for key, child in value.items()}
    if isinstance(value, list):
        return [_fill(child, values) for child in value]
    if not isinstance(value, str) or isinstance(value, Referenced):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and not whole["escape"]:
        return values[whole["name"]]
    return _text(value, values)


def _text(text: str, values: Values, encode: Callable[[str], str] = str) -> str:
    def put(found: re.Match[str]) -> str:
        return f"{{{found['name']}}}" if found["escape"] else encode(written(values[found["name"]]))

    return _PLACEHOLDER.sub(put, text) if isinstance(text, str) and "{" in text else text


def _request(value: Any, values: Values, url: str) -> Any:
    if not isinstance(value, str) or isinstance(value, Referenced):
        return value
    whole = _WHOLE_PATH.fullmatch(value.strip())
    if whole is None:
        return _text(value, values, lambda text: quote(text, safe=""))
    return value.strip().replace(whole["path"], path_of(written(values[whole["path"][1:-1]]), url))


def written(value: Any) -> str:
    """A captured value within a text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def path_of(link: str, url: str) -> str:
    """The path, as a request of the integration at `url` names it, that a link leads to: its own prefix is left out.

    Raises:
        ValueError: when the link leads to another host.

    """
    here, there = urlsplit(url), urlsplit(link)
    if there.netloc and (there.scheme or here.scheme, _host(there)) != (here.scheme, _host(here)):
        raise ValueError(f"'{link}' leads to another host than the integration's")
    path, prefix = there.path, here.path.rstrip("/")
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        path = path[len(prefix) :]
    return path + (f"?{there.query}" if there.query else "")


def _host(parts: Any) -> tuple[str | None, int | None]:
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
