"""Which way a service takes: the named one alone, or under `auto` the first that is possible here."""

from __future__ import annotations

from pytest_sysint.core.errors import SysintError, Unavailable
from pytest_sysint.core.registry import ways
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._way import Declares, Type, Way

AUTO = "auto"


def in_turn(cls: Type, provision: Declares) -> list[Way]:
    """The ways that have to do with a type, in the order in which `auto` looks at them."""
    ranked = []
    for name in ways().names():
        way: Way = ways().get(name)
        rank = way.rank(cls, provision)
        if rank is not None:
            ranked.append((rank, name, way))
    return [way for _, _, way in sorted(ranked, key=lambda entry: entry[:2])]


def choose(request: ServiceRequest, cls: Type) -> Way:
    """The way to provide it.

    Raises:
        Unavailable: when there is none, with one line on what would make it run.

    """
    if request.way != AUTO:
        way: Way = ways().get(request.way)
        missing = way.missing(cls, request)
        if missing:
            raise _unavailable(request, f" as '{request.way}'", [missing])
        return way
    gaps = []
    for way in in_turn(cls, request):
        missing = way.missing(cls, request)
        if not missing:
            return way
        gaps.append(missing)
    raise _unavailable(request, "", gaps)


def _unavailable(request: ServiceRequest, how: str, gaps: list[str]) -> SysintError:
    message = f"{request.id} ({request.type}) cannot be provided{how} on this machine"
    return Unavailable(message, hint=f"to have it: {'; or '.join(gaps)}")
