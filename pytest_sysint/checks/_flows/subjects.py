"""What can be expected of a journey: its subjects, what holds when nothing is said, and what can be judged at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.units import Dimension
from pytest_sysint.declaration.explain import came
from pytest_sysint.declaration.words import suggest
from pytest_sysint.expectations import Expectation, compile_expectation

if TYPE_CHECKING:
    from pytest_sysint.checks._flows.plan import Journey

TIMES = ("p50", "p95", "p99", "max")
COUNTS = ("lost", "duplicated", "altered", "reordered", "late")
"""Verdicts on records: in all, and at each observer."""
_SHARE = "%"


def subjects(journey: Journey) -> dict[str, Dimension]:
    """Every subject that can be judged in this journey, with what it is measured in."""
    found: dict[str, Dimension] = dict.fromkeys(("sent", "refused", "observed", "leaked"), "number")
    found["throughput"] = "rate"
    found |= dict.fromkeys((f"latency.{name}" for name in TIMES), "duration")
    found |= dict.fromkeys(_judged(journey.observers), "number")
    for observer in journey.observers:
        found |= dict.fromkeys((f"{observer.name}.{name}" for name in ("seen", *_judged([observer]))), "number")
        found |= dict.fromkeys((f"{observer.name}.latency.{name}" for name in TIMES), "duration")
    if any(observer.counts for observer in journey.observers):
        found["effects"] = "number"
    if journey.malformed is not None:
        found |= dict.fromkeys(("malformed.refused", "malformed.leaked"), "number")
        found |= {"malformed.dead_lettered": "number"} if journey.malformed.dead_letter is not None else {}
    if journey.cleanup:
        found["leftovers"] = "number"
    return found


def _judged(observers: Any) -> Iterator[str]:
    """The verdicts that these observers can give: whoever cannot see something must not vouch for it."""
    sees = {
        "lost": True,
        "duplicated": any(each.counts for each in observers),
        "altered": any(each.fields for each in observers),
        "reordered": any(each.mode == "watch" for each in observers),
        "late": True,
    }
    return (name for name in COUNTS if sees[name])


def defaults(journey: Journey, named: Any) -> dict[str, Any]:
    """What must hold where the flow does not say otherwise."""
    wanted: dict[str, Any] = {"refused": 0, "leaked": 0}
    if "observed" not in named:
        known = subjects(journey)
        judged = ["lost", "late", "altered", "effects" if journey.keys.repeat > 1 else "duplicated"]
        judged += ["reordered"] if journey.order_key else []
        wanted |= {name: 0 for name in judged if name in known}
        wanted |= {"effects": 1} if "effects" in wanted else {}
    if journey.malformed is not None:
        wanted["malformed.leaked"] = 0
        wanted |= {"malformed.refused": journey.malformed.records} if journey.malformed.refused else {}
        letter = journey.malformed.dead_letter is not None
        wanted |= {"malformed.dead_lettered": journey.malformed.records} if letter else {}
    wanted |= {"leftovers": {"warn": 0}} if journey.cleanup else {}
    return {name: matcher for name, matcher in wanted.items() if name not in named}


def read_expect(raw: Mapping[str, Any] | None, journey: Journey, *, given: bool) -> Expectation:
    """Read `expect:`, and add what must hold anyway.

    Raises:
        Mistakes: for subjects that nothing in the journey can judge, and matchers that cannot be read.

    """
    if given and not raw:
        raise Mistakes(Mistake((), f"expected a map, subject -> matcher, got {came(raw) if raw else 'nothing in it'}"))
    known, expect = subjects(journey), dict(raw or {})
    wrong = [Mistake((name,), _unknown(name, journey, known)) for name in expect if name not in known]
    if wrong:
        raise Mistakes(*wrong)
    whole = {**expect, **defaults(journey, expect)}
    dimensions = {name: "ratio" if _is_share(whole.get(name)) else known[name] for name in known}
    return compile_expectation(whole, dimensions)


_NEEDS = {
    "altered": "is judged by `map:`, and no observer has one",
    "reordered": "is judged by observers that read messages as they come, and there is none",
    "duplicated": "cannot be seen by these observers: they see whether a record is there, not how often",
    "effects": "cannot be counted by these observers: they see whether a record is there, not how often",
    "leftovers": "is judged by `cleanup:`, and there is none",
}


def _unknown(name: str, journey: Journey, known: Mapping[str, Any]) -> str:
    last = name.rpartition(".")[2]
    own = {"", *(observer.name for observer in journey.observers)}
    if last in _NEEDS and name.rpartition(".")[0] in own:
        return f"'{name}' {_NEEDS[last]}"
    return f"unknown subject{suggest(name, known)}"


def _is_share(matcher: Any) -> bool:
    """Whether a number of records is held to a share of all: `lost: "< 0.1%"`."""
    if isinstance(matcher, Mapping):
        return any(_is_share(part) for part in matcher.values())
    if isinstance(matcher, list):
        return any(map(_is_share, matcher))
    return isinstance(matcher, str) and matcher.rstrip().endswith(_SHARE)


def shares(expectation: Expectation) -> frozenset[str]:
    """The subjects that are held to a share of all records."""
    return frozenset(clause.name for clause in expectation.clauses if clause.dimension == "ratio")
