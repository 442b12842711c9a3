"""Replies of the server as plain JSON, and what can be said of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

_PAIRS = frozenset({"HGETALL", "CONFIG GET"})
"""Replies that are maps, which servers before Redis 6 send as lists of names and values."""

_SETS = frozenset({"SMEMBERS", "SINTER", "SUNION", "SDIFF"})
"""Replies without an order of their own."""


def plain(reply: Any) -> Any:
    """Text as text, other bytes as `{base64: ...}`, sets as sorted lists, an error within a list as its text."""
    if isinstance(reply, bytes):
        return _text(reply)
    if isinstance(reply, dict):
        return {key if isinstance(key := plain(name), str) else str(key): plain(item) for name, item in reply.items()}
    if isinstance(reply, (list, tuple)):
        return [plain(item) for item in reply]
    if isinstance(reply, (set, frozenset)):
        return sorted((plain(item) for item in reply), key=str)
    if reply is None or isinstance(reply, (bool, int, str)) or (isinstance(reply, float) and math.isfinite(reply)):
        return reply
    return str(reply)


def shaped(command: str, reply: Any) -> Any:
    """The reply to a command: INFO as a map, maps as maps also where the server sends lists, sets in order."""
    name = command.upper()
    if name.partition(" ")[0] == "INFO" and isinstance(reply, bytes):
        return parse_info(reply.decode("utf-8", "replace"))
    if isinstance(reply, list) and name in _PAIRS:
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    found = plain(reply)
    return sorted(found, key=str) if name in _SETS and isinstance(found, list) else found


def facts_of(reply: Any, payload: Any) -> dict[str, Any]:
    """Facts: type (null, boolean, integer, number, string, list, map), count (of items), size (of its texts, bytes)."""
    count = (
        len(payload) if isinstance(payload, (list, dict)) and not isinstance(reply, bytes) else int(reply is not None)
    )
    return {"type": _type(payload, reply), "count": count, "size": _size(reply)}


def parse_info(text: str) -> dict[str, Any]:
    """The answer to INFO: numbers as numbers, and `name=value,...` as a map."""
    lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: _info_value(value) for name, _, value in lines}


def _info_value(value: str) -> Any:
    parts = value.split(",")
    if all("=" in part for part in parts):
        return {name: _number(item) for name, _, item in (part.partition("=") for part in parts)}
    return _number(value)


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _text(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _type(payload: Any, reply: Any) -> str:
    if isinstance(reply, bytes):
        return "string" if not isinstance(payload, dict) or "base64" in payload else "map"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list", dict: "map"}
    return names.get(type(payload), "null")


def _size(reply: Any) -> int:
    if isinstance(reply, (bytes, str)):
        return len(reply)
    if isinstance(reply, dict):
        return _total(reply) + _total(reply.values())
    return _total(reply) if isinstance(reply, (list, tuple, set, frozenset)) else 0


def _total(replies: Iterable[Any]) -> int:
    return sum(map(_size, replies))
