"""Which keys a Redis holds, by pattern: never by KEYS, and never more than a bounded part of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import Field

from pytest_sysint.core.description import Change, Drift, DurationLeaf, Leaf, Section
from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.model import Declared

Commands = Sequence[Sequence[str | bytes]]


class Ask(Protocol):
    """Sends commands in one round trip; `lenient`: where one is refused, the error is its reply."""

    def __call__(self, commands: Commands, *, lenient: bool = False) -> list[Any]: ...


_MOST_SCANNED = 200_000
_MOST_LOOKED_AT = 10_000
_STEP = 1000
_GONE, _LASTS = -2, -1
"""What PTTL says of a key that is not there, and of one that never expires."""
_MANY = 20
"""So many different names at one place are not names but values."""
_SEPARATORS = re.compile(r"([:/|])")
_MOST_PARTS = 16
"""What follows in a key is one part: a name may hold a whole document."""
_IS_VALUE = re.compile(r"\d|.{33,}")
_GLOB = re.compile(r"([\\*?\[\]])")


class Keys(Declared):
    """What can be promised of the keys of a pattern."""

    shorthand: ClassVar[str] = "type"

    type: Leaf = Field(None, description="string, hash, list, set, zset, stream; several are joined by ', '.")
    expires: Leaf = Field(None, description="true when every key expires, false when none does, else 'some'.")
    lasting: Leaf = Field(None, description="How many keys never expire.")
    min_ttl: DurationLeaf = Field(None, description="The shortest time that a key has left; null when none expires.")
    max_ttl: DurationLeaf = Field(None, description="The longest time that a key has left; null when none expires.")
    count: Leaf = Field(None, description="How many keys there are; null when not all were seen.")
    encoding: Leaf = Field(None, description="How they are stored (listpack, intset, ...); several are joined by ', '.")
    complete: Leaf = Field(None, description=f"Whether all were looked at: no more than {_MOST_LOOKED_AT:,} are.")


def drift_of_keys(change: Change) -> Drift | None:
    """That there is no key of a pattern just now is no break."""
    return "additive" if not change.path else None


def look(integration: Any, pattern: str, timeout: float) -> dict[str, Any] | None:
    """The keys of one pattern; None when there are none."""
    return look_by(integration.asker(timeout), pattern)


def _scan_by_hand(integration: Any, pattern: str) -> str:
    return f"{integration.reproduce().removesuffix(' PING')} --scan --pattern {shlex.quote(pattern)}"


SECTIONS = (
    Section(
        "keys",
        Keys,
        "Keys by pattern (as of SCAN: * ? [ab]); a text is their type.",
        drift_of_keys,
        frozenset({"lasting", "min_ttl", "max_ttl", "count", "encoding", "complete"}),
        look=look,
        by_hand=_scan_by_hand,
    ),
)


def look_by(ask: Ask, pattern: str) -> dict[str, Any] | None:
    """The keys of one pattern.

    Raises:
        Rejected: when none was found among those that may be scanned, and there are more.

    """
    keys, complete = _scan(ask, pattern)
    if not keys and not complete:
        said = f"none of the first {_MOST_SCANNED:,} keys is like {pattern}, and no more are looked through"
        raise Rejected(said, hint="too many keys for a contract: judge one of them by a health check with `command:`")
    return _described(ask, keys, complete)


def describe(ask: Ask) -> dict[str, dict[str, Any]]:
    """All keys by patterns that are guessed from them."""
    keys, complete = _scan(ask, "*")
    grouped = patterns_of(keys)
    described = {pattern: _described(ask, grouped[pattern], complete) for pattern in sorted(grouped)}
    return {pattern: keys for pattern, keys in described.items() if keys is not None}


def _scan(ask: Ask, pattern: str) -> tuple[list[bytes], bool]:
    """The keys of a pattern, each once, and whether these are all."""
    found: dict[bytes, None] = {}
    cursor, scanned = b"0", 0
    while True:
        ((position, keys),) = ask([("SCAN", cursor, "MATCH", pattern, "COUNT", str(_STEP))])
        cursor, scanned = bytes(position), scanned + _STEP
        found.update(dict.fromkeys(map(bytes, keys)))
        if cursor == b"0":
            return list(found), True
        if scanned >= _MOST_SCANNED:
            return list(found), False


@dataclass(frozen=True, slots=True)
class _Key:
    type: str
    left: float | None
    """Seconds until it expires; None when it never does."""
    encoding: str


def _described(ask: Ask, keys: Sequence[bytes], complete: bool) -> dict[str, Any] | None:
    """What is common to some keys; None when none of them is there any more."""
    seen = list(_looked_at(ask, keys[:_MOST_LOOKED_AT]))
    if not seen:
        return None
    left = [key.left for key in seen if key.left is not None]
    lasting = len(seen) - len(left)
    return {
        "type": _joined(key.type for key in seen),
        "expires": "some" if lasting and left else not lasting,
        "lasting": lasting,
        "min_ttl": min(left, default=None),
        "max_ttl": max(left, default=None),
        "count": len(keys) if complete else None,
        "encoding": _joined(key.encoding for key in seen),
        "complete": complete and len(keys) <= _MOST_LOOKED_AT,
    }


def _joined(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words) - {""}))


def _looked_at(ask: Ask, keys: Sequence[bytes]) -> Iterable[_Key]:
    """Each key that is still there."""
    for at in range(0, len(keys), _STEP):
        some = keys[at : at + _STEP]
        told = iter(ask([words for key in some for words in (("TYPE", key), ("PTTL", key))]))
        for sort, left, encoding in zip(told, told, _encodings(ask, some), strict=True):
            if left != _GONE:
                yield _Key(_text(sort), None if left == _LASTS else left / 1000, encoding)


def _encodings(ask: Ask, keys: Sequence[bytes]) -> list[str]:
    """How keys are stored; empty texts where the user may not ask, or the server cannot tell."""
    # One first: a stand-in for Redis ends the connection after an error, and with it all that was sent behind.
    (first,) = ask([("OBJECT", "ENCODING", keys[0])], lenient=True)
    if isinstance(first, Exception):
        return [""] * len(keys)
    found = ask([("OBJECT", "ENCODING", key) for key in keys], lenient=True)
    return ["" if each is None or isinstance(each, Exception) else _text(each) for each in found]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def patterns_of(keys: Collection[bytes]) -> dict[str, list[bytes]]:
    """The keys by a pattern for each sort: `session:8f3a2c` and `session:99ab01` are both `session:*`."""
    found: dict[str, list[bytes]] = {}
    _group([(key, _SEPARATORS.split(_text(key), _MOST_PARTS)) for key in keys], 0, "", found)
    return found


def _group(keys: list[tuple[bytes, list[str]]], depth: int, pattern: str, found: dict[str, list[bytes]]) -> None:
    """Sort keys that are alike up to a depth by their next part."""
    ended = [key for key, parts in keys if len(parts) == depth]
    if ended:
        found.setdefault(pattern, []).extend(ended)
    going = [(key, parts) for key, parts in keys if len(parts) > depth]
    many = len({parts[depth] for _, parts in going}) > _MANY
    groups: dict[str, list[tuple[bytes, list[str]]]] = {}
    for key, parts in going:
        groups.setdefault(_named(parts[depth], many), []).append((key, parts))
    for part, alike in groups.items():
        _group(alike, depth + 1, pattern + part, found)


def _named(part: str, many: bool) -> str:
    """A part of a key as it stands in a pattern: itself, or `*` for one that is a value."""
    return "*" if part and (many or _IS_VALUE.search(part)) else _GLOB.sub(r"\\\1", part)
