"""Which places of a broker a channel is: its address with parameters filled in, or as a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.contracts._asyncapi.document import Channel
from pytest_sysint.core.capabilities import Sampling

_PARAMETER = re.compile(r"\{([^{}]*)\}")


def suits(channel: Channel, protocols: tuple[str, ...], server: str) -> bool:
    """Whether a channel is for a broker of one of these protocols; on that server, where one is named."""
    if server and server not in channel.servers:
        return False
    bound = not channel.bindings or any(each in channel.bindings for each in protocols)
    return bound and (not channel.servers or bool(channel.protocols & set(protocols)))


def binding_of(channel: Channel, protocols: tuple[str, ...]) -> Mapping[str, Any]:
    """What the channel says for one of these protocols."""
    return next((channel.bindings[each] for each in protocols if each in channel.bindings), {})


def filled(text: str, channel: Channel, given: Mapping[str, str]) -> str:
    """An address with the parameters that are given, or have a default; the others stay."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return str(given.get(name, channel.parameters.get(name, {}).get("default", found[0])))

    return _PARAMETER.sub(value, text)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The names that a place with parameters may have."""

    text: str
    expression: re.Pattern[str]

    @classmethod
    def of(cls, place: str, channel: Channel) -> Pattern | None:
        """None when no parameter is left in it. One with an `enum` has those values only."""
        if not _PARAMETER.search(place):
            return None
        parts = []
        for index, piece in enumerate(_PARAMETER.split(place)):
            values = channel.parameters.get(piece, {}).get("enum") if index % 2 else None
            known = "|".join(re.escape(str(each)) for each in values or ())
            parts.append((f"(?:{known})" if known else "[^./]+") if index % 2 else re.escape(piece))
        return cls(_PARAMETER.sub("*", place), re.compile("".join(parts)))


def placed(channel: Channel, sampling: type[Sampling], given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The place that a channel is, parameters that nobody gave still in it, and the keys to look at it with."""
    address = filled(channel.address, channel, given)
    place, keys = sampling.placed(address, binding_of(channel, sampling.protocols))
    return filled(place, channel, given), keys
