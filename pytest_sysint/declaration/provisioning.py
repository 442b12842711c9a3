"""The `provision:` block: how an integration comes to be there.

    provision: container
    provision: {seed: data/residents.sql, timeout: 2m}
    provision: {command: "uvicorn app:api --port {port}", ready: /health}

Beside `way`, `seed` and `timeout`, the keys are those of the ways themselves. Under `auto` the keys of several ways may
stand side by side: whichever way is taken reads its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from pydantic import Field

from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.model import Declared
from pytest_sysint.core.registry import ways
from pytest_sysint.core.units import Duration
from pytest_sysint.declaration.explain import Gathered, came, choose, read_model
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest

AUTO = "auto"
EXISTING = "existing"


class ProvisionKeys(Declared):
    """The keys of a `provision:` block that do not depend on the way."""

    way: str = Field(AUTO, description="How it comes to be there; `auto` takes the first way that is possible.")
    seed: str = Field("", description="A file or folder to load into the started service.")
    timeout: Duration = Field(60.0, description="How long a start may take until the service answers; default 60s.")


@dataclass(frozen=True, slots=True)
class ProvisionSettings:
    """How an integration comes to be there."""

    way: str = AUTO
    seed: str = ""
    timeout: float = 60.0
    """Seconds."""
    declared: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The keys that belong to the ways, as plain values."""

    def of(self, way: str) -> Any:
        """The keys that belong to one way, as an instance of its `settings_model`."""
        model = ways().get(way).settings_model
        keys = fields_by_key(model)
        return read_model(model, {key: value for key, value in self.declared.items() if key in keys})

    def under(self, environment_way: str) -> ProvisionSettings:
        """The same in an environment that prefers a way.

        `existing` holds for everything there; any other way for what is on `auto` and declares no keys of other ways.
        """
        if environment_way == EXISTING:
            return replace(self, way=EXISTING)
        if environment_way == AUTO or self.way != AUTO:
            return self
        own = fields_by_key(ways().get(environment_way).settings_model)
        return replace(self, way=environment_way) if self.declared.keys() <= own.keys() else self


def way_names() -> tuple[str, ...]:
    """The words that a way may be declared by."""
    return (AUTO, *ways().names())


@cache
def _keys_of_ways() -> Mapping[str, tuple[str, ...]]:
    """Each key of any way -> the ways that it belongs to."""
    owners: dict[str, tuple[str, ...]] = {}
    for name in ways().names():
        for key in fields_by_key(ways().get(name).settings_model):
            owners[key] = (*owners.get(key, ()), name)
    return owners


def read_provision(raw: Any) -> ProvisionSettings:
    """Read a `provision:` value.

    Raises:
        Mistakes: everything that is wrong with it, with paths relative to `raw`.

    """
    if isinstance(raw, str):
        return ProvisionSettings(_way(raw, ()))
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected the word of a way or a map, got {came(raw)}"))
    mistakes = Gathered()
    common = mistakes.attempt(read_model, ProvisionKeys, {key: raw[key] for key in raw if key in _COMMON})
    declared = {key: raw[key] for key in raw if key not in _COMMON}
    way = mistakes.attempt(_way, raw.get("way", AUTO), ("way",)) if common else AUTO
    if declared:
        mistakes.attempt(_hold_to_ways, declared, way or AUTO)
    if common is None or way is None or mistakes.failed:
        raise Mistakes(*mistakes.found)
    return ProvisionSettings(way, common.seed, common.timeout, declared)


_COMMON = tuple(fields_by_key(ProvisionKeys))


def _way(word: str, path: tuple[str, ...]) -> str:
    if isinstance(word, Unset):
        raise Mistakes
    if word not in way_names():
        raise Mistakes(Mistake(path, choose(word, way_names())))
    return str(word)


def _hold_to_ways(declared: Mapping[str, Any], way: str) -> None:
    owners = _keys_of_ways()
    mistakes = Gathered()
    for key in declared:
        if key not in owners:
            mistakes.keep(Mistake((key,), f"unknown key{suggest(key, {*_COMMON, *owners})}"))
        elif way != AUTO and way not in owners[key]:
            mistakes.keep(Mistake((key,), f"belongs to the way {' or '.join(owners[key])}, and the way here is {way}"))
    candidates = [way] if way != AUTO else sorted({name for key in declared for name in owners.get(key, ())})
    for name in candidates:
        mistakes.attempt(_check_way, name, declared, is_chosen=way != AUTO)
    if mistakes.failed:
        raise Mistakes(*dict.fromkeys(mistakes.found))


def _check_way(name: str, declared: Mapping[str, Any], *, is_chosen: bool) -> None:
    """Hold the keys of one way to its model. Under `auto`, a way that lacks a key is just not the one that is taken."""
    model = ways().get(name).settings_model
    keys = fields_by_key(model)
    own = {key: value for key, value in declared.items() if key in keys}
    lacking = [key for key, info in keys.items() if info.is_required() and key not in own]
    if lacking and not is_chosen:
        return
    read_model(model, own)
