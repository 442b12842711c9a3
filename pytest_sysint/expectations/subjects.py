"""What of an observation is judged: `$` paths into the payload, and the observation's own facts by dotted path."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, cast

from pytest_sysint.core.errors import nearest
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.units import Dimension
from pytest_sysint.expectations.leaves import kind_of
from pytest_sysint.expectations.values import show
from pytest_sysint.expectations.verdicts import MISSING, Many

if TYPE_CHECKING:
    import jsonpath

_KEYS_SHOWN = 12
_PLAIN_NAME = re.compile(r"\['([A-Za-z_]\w*)'\]")
_PHASES = "phases"
_TOTAL = "total"

_DIMENSIONS: Mapping[str, Dimension] = {
    "latency": "duration",
    "age": "duration",
    "size": "size",
    "status": "number",
    "count": "number",
}
_FAMILIES: Mapping[str, Dimension] = {"latency": "duration", _PHASES: "duration", "headers": "number"}


def dimension_of(subject: str, declared: Mapping[str, Dimension]) -> Dimension | None:
    """What a subject is measured in: `number` when it has no unit, None when nobody knows."""
    if subject in declared:
        return declared[subject]
    if subject.startswith("$"):
        return "number"
    return _DIMENSIONS.get(subject) or (_FAMILIES.get(subject.split(".")[0]) if "." in subject else None)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a subject found: a value, `Many` values, or `MISSING`; `lacking` says what is nearest when nothing is."""

    value: Any
    lacking: str = ""


class Subject(ABC):
    """Finds a value in an observation. Never raises for what the observation holds."""

    @abstractmethod
    def select(self, observation: Observation) -> Selection:
        """What is there."""


def subject(written: str) -> Subject:
    """Read a subject.

    Raises:
        ValueError: when it is no JSONPath of RFC 9535 although it begins with `$`, or no dotted path.

    """
    if written.startswith("$"):
        return _path(written)
    if not written or written != written.strip() or "" in written.split("."):
        raise ValueError("a subject is a JSONPath that begins with `$`, or names joined by single dots")
    return _Fact(tuple(written.split(".")))


def locate(written: str, payload: Any) -> list[tuple[str | int, ...]]:
    """The way to each node that a JSONPath selects: keys and indices, from the payload.

    Raises:
        ValueError: when it is no JSONPath of RFC 9535.

    """
    if not written.startswith("$"):
        raise ValueError(f"'{written}' is not a JSONPath (RFC 9535): it begins with `$`")
    if not isinstance(payload, (list, tuple, Mapping)):
        return []
    return [node.parts for node in _path(written).compiled.finditer(payload)]


@dataclass(frozen=True, slots=True)
class Given(Subject):
    """The payload itself; where nothing is there, the fact `lacking` says what is there instead."""

    def select(self, observation: Observation) -> Selection:
        lacking = str(observation.facts.get("lacking", ""))
        return Selection(MISSING, lacking) if lacking else Selection(observation.payload)


@dataclass(frozen=True, slots=True)
class _Fact(Subject):
    names: tuple[str, ...]

    def select(self, observation: Observation) -> Selection:
        found = _reach(_facts(observation), self.names)
        return Selection(found, self._lacking(observation) if found is MISSING else "")

    def _lacking(self, observation: Observation) -> str:
        written = ".".join(self.names)
        known = _fact_paths(observation)
        guess = nearest(written, known)
        shown = ", ".join(known[:_KEYS_SHOWN]) + (", ..." if len(known) > _KEYS_SHOWN else "")
        return (
            f"there is no '{written}'{f', did you mean {guess!r}?' if guess else ''} (there is: {shown or 'nothing'})"
        )


def _facts(observation: Observation) -> dict[str, Any]:
    total = {"latency": observation.phases[_TOTAL]} if _TOTAL in observation.phases else {}
    return {_PHASES: observation.phases, **total, **observation.facts}


def _fact_paths(observation: Observation) -> list[str]:
    paths: list[str] = []
    for name, value in _facts(observation).items():
        paths += [f"{name}.{key}" for key in value] if isinstance(value, Mapping) else [name]
    return sorted(paths)


def _reach(holder: Any, names: tuple[str, ...]) -> Any:
    """The value at a dotted path. A key may hold dots itself, and letters of either case, as header names do."""
    if not names:
        return holder
    if not isinstance(holder, Mapping):
        return MISSING
    for taken in range(len(names), 0, -1):
        key = ".".join(names[:taken])
        name = key if key in holder else _spelled_otherwise(key, holder)
        found = _reach(holder[name], names[taken:]) if name is not None else MISSING
        if found is not MISSING:
            return found
    return MISSING


def _spelled_otherwise(key: str, holder: Mapping[Any, Any]) -> Any:
    lower = key.lower()
    return next((other for other in holder if str(other).lower() == lower), None)


@cache
def _environment() -> jsonpath.JSONPathEnvironment:
    import jsonpath
    from jsonpath import function_extensions

    class Environment(jsonpath.JSONPathEnvironment):
        """RFC 9535 and nothing else; paths are used by many threads at once."""

        def setup_function_extensions(self) -> None:
            super().setup_function_extensions()
            self.function_extensions["match"] = function_extensions.Match(thread_safe=True)
            self.function_extensions["search"] = function_extensions.Search(thread_safe=True)

    return Environment(strict=True, filter_caching=False)


@lru_cache(maxsize=4096)
def _path(written: str) -> _Path:
    import jsonpath

    try:
        compiled = _environment().compile(written)
    except (jsonpath.JSONPathError, RecursionError, ValueError) as error:
        said = error.message if isinstance(error, jsonpath.JSONPathError) else error
        raise ValueError(f"'{written}' is not a JSONPath (RFC 9535): {said}") from None
    return _Path(written, cast("jsonpath.JSONPath", compiled))  # RFC 9535 knows no compound paths


@dataclass(frozen=True, slots=True)
class _Path(Subject):
    written: str
    compiled: jsonpath.JSONPath

    def select(self, observation: Observation) -> Selection:
        try:
            found = _nodes(self.compiled, observation.payload)
        except RecursionError:
            return Selection(MISSING, f"'{self.written}' cannot be followed: the payload is nested too deep")
        if self.compiled.singular_query():
            return Selection(found[0]) if found else Selection(MISSING, self._lacking(observation.payload))
        return Selection(Many(found), "" if found else self._lacking(observation.payload))

    def _lacking(self, payload: Any) -> str:
        """Where the path ended, and what is there instead."""
        import jsonpath

        segments = self.compiled.segments
        ends = range(len(segments) - 1, -1, -1)
        parts = (jsonpath.JSONPath(env=self.compiled.env, segments=segments[:end]) for end in ends)
        # The shortest part is `$`, which always selects something.
        part, found = next((part, nodes) for part in parts if (nodes := _nodes(part, payload)))
        where = _PLAIN_NAME.sub(r".\1", str(part))
        return f"'{self.written}' selects nothing: {where} {_inside(found[0])}"


def _nodes(path: jsonpath.JSONPath, payload: Any) -> list[Any]:
    # The library parses a text as JSON, and takes bytes for a list of numbers; a payload has been decoded already.
    if isinstance(payload, (list, tuple, Mapping)):
        return path.findall(payload)
    return [] if path.segments else [payload]


def _inside(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        shown = ", ".join(keys[:_KEYS_SHOWN]) + (", ..." if len(keys) > _KEYS_SHOWN else "")
        return f"has the keys {shown}" if keys else "is an empty map"
    if isinstance(value, (list, tuple)):
        return f"is a list of {len(value):,}" if value else "is an empty list"
    return f"is {kind_of(value)}: {show(value, 60)}" if value is not None else "is null"
