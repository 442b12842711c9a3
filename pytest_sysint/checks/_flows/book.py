"""What is known of each record while a journey goes on: sent when, seen where, how often, how, in which order.

Everything is kept in arrays by the record's number, so that a hundred thousand records cost a few megabytes, and no
message is held after it was looked at.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.checks._flows.plan import Journey, Observer
from pytest_sysint.checks._flows.steps import Step
from pytest_sysint.checks._flows.templates import fill, names_in
from pytest_sysint.checks._flows.values import BUILT_IN, CORRELATION, Source, Values
from pytest_sysint.core.errors import CallError

UNSENT, SENDING, ACCEPTED, REFUSED, BROKEN = range(5)
"""How it is with the sending of a record: not tried, on its way, taken, turned away, no answer."""
_STRAYS = 1000
"""By how many values messages that belong to no known record are remembered, where their record may be known later."""
_TEXTS = 20
"""Of how many records it is kept in words what is wrong with them."""

clock = time.perf_counter


class Records:
    """The records of a journey; those that are malformed come after the good ones."""

    def __init__(self, journey: Journey, source: Source) -> None:
        self.good = journey.records
        self.malformed = journey.malformed.records if journey.malformed is not None else 0
        total = self.good + self.malformed
        self.started = array("d", bytes(8 * total))
        """When its sending began; 0 while it has not."""
        self.answered = array("d", bytes(8 * total))
        self.state = bytearray(total)
        self.reasons: dict[int, str] = {}
        """Why some were turned away."""
        self.captured: dict[int, dict[str, Any]] = {}
        self.order_keys: list[str] = []
        """What each good record must keep its order with, where the order is judged by keys."""
        self._source = source

    def __len__(self) -> int:
        return self.good + self.malformed

    def values(self, at: int) -> Values:
        """The values of a record, with what was captured of it."""
        values = self._source.record(at + 1)
        values.keep(self.captured.get(at, {}))
        return values

    def token(self, at: int) -> str:
        """The token of a record."""
        return str(self._source.record(at + 1)(CORRELATION))

    def is_good(self, at: int) -> bool:
        """Whether it is not one of the malformed."""
        return at < self.good

    def keep(self, at: int, captured: Mapping[str, Any]) -> None:
        """Learn more of a record."""
        if captured:
            self.captured.setdefault(at, {}).update(captured)

    def refuse(self, at: int, reason: str, state: int = REFUSED) -> None:
        """It was turned away, or not answered."""
        self.started[at] = self.started[at] or clock()
        self.state[at] = state
        if len(self.reasons) < _TEXTS:
            self.reasons[at] = reason

    def in_state(self, *states: int, good: bool = True) -> list[int]:
        """The records that are in one of these states."""
        span = range(self.good) if good else range(self.good, len(self))
        return [at for at in span if self.state[at] in states]


@dataclass(slots=True)
class Sight:
    """What one observer has seen so far. Safe to use from many threads."""

    observer: Observer
    records: Records
    before: Sight | None = None
    """The observer that sees the records before this one."""
    sent: Callable[[Values], Any] = lambda _: None
    """What was sent as a value for a record."""
    seen_at: array[float] = field(init=False)
    counts: array[int] = field(init=False)
    wrong: dict[int, str] = field(default_factory=dict)
    """Records of which a field is not as it must be, with what is wrong, in words for the first of them."""
    displaced: dict[int, int] = field(default_factory=dict)
    """Records that came after one that was sent behind them -> that one."""
    foreign: int = 0
    """How many messages belonged to nobody."""
    asked: int = 0
    """How often it was answered when it looked."""
    trouble: CallError | None = None
    """What went wrong last."""
    blind: CallError | None = None
    """Why it cannot see."""
    last: float = 0.0
    """When it saw something new last."""
    _may_be_known_later: bool = False
    """Records are recognised by what is captured of them: a message may be here before its record is known."""
    _known: dict[str, int] = field(default_factory=dict)
    _strays: OrderedDict[str, list[tuple[float, Any]]] = field(default_factory=OrderedDict)
    _furthest: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        named = names_in(self.observer.by)
        self._may_be_known_later = not all(name in BUILT_IN or name == CORRELATION or "." in name for name in named)
        self.seen_at = array("d", bytes(8 * len(self.records)))
        self.counts = array("I", bytes(4 * len(self.records)))

    # ---- what it looks for ----

    def expect(self, at: int, values: Values) -> None:
        """A record is on its way, or more is known of it: from now on it is recognised."""
        try:
            wanted = str(fill(self.observer.by, values))
        except KeyError:
            return  # what it is recognised by is not known yet
        with self._lock:
            self._known[wanted] = at
            for moment, item in self._strays.pop(wanted, ()):
                self._note(at, moment, item)

    def recognised(self) -> Iterable[str]:
        """What records are recognised by."""
        with self._lock:
            return tuple(self._known)

    # ---- what it sees ----

    def take(self, found: Any, item: Any, moment: float) -> None:
        """A message came whose place for the token holds `found`."""
        with self._lock:
            at = self._known.get(str(found)) if found is not None else None
            if at is not None:
                self._note(at, moment, item)
                return
            self.foreign += 1
            if self._may_be_known_later and isinstance(found, (str, int)):
                self._strays.setdefault(str(found), []).append((moment, item))
                if len(self._strays) > _STRAYS:
                    self._strays.popitem(last=False)

    def sweep(self, found: Iterable[tuple[Any, Any]], moment: float, *, judge: bool) -> None:
        """All that is there now, as pairs of what stands in the place for the token, and the row."""
        with self._lock:
            rows: dict[int, list[Any]] = {}
            foreign = 0
            for token, item in found:
                at = self._known.get(str(token)) if token is not None else None
                if at is None:
                    foreign += 1
                else:
                    rows.setdefault(at, []).append(item)
            self.foreign = foreign
            for at, items in rows.items():
                self.look(at, items, moment, judge=judge)

    def look(self, at: int, items: list[Any], moment: float, *, judge: bool = False) -> None:
        """What is there of one record now."""
        with self._lock:
            is_new = len(items) > self.counts[at]
            if is_new:
                self.counts[at] = len(items)
                self._arrived(at, moment)
            if (is_new or judge) and items:
                self.wrong.pop(at, None)
                for item in items:
                    self._judge(at, item)

    def _note(self, at: int, moment: float, item: Any) -> None:
        is_first = not self.counts[at]
        self.counts[at] += 1
        self._arrived(at, moment)
        if is_first and self.records.is_good(at):
            self._order(at)  # what is read as it comes, and that alone, tells in which order it came
        self._judge(at, item)

    def _arrived(self, at: int, moment: float) -> None:
        self.last = max(self.last, moment)
        if not self.seen_at[at]:
            self.seen_at[at] = moment

    def _order(self, at: int) -> None:
        keys = self.records.order_keys
        key = keys[at] if at < len(keys) else ""
        ahead = self._furthest.get(key, -1)
        if at < ahead:
            self.displaced[at] = ahead
        else:
            self._furthest[key] = at

    def _judge(self, at: int, item: Any) -> None:
        observer = self.observer
        if not (observer.fields or observer.capture) or not self.records.is_good(at):
            return
        captured = {name: place.find(item) for name, place in observer.capture.items()}
        self.records.keep(at, {name: value for name, value in captured.items() if value is not None})
        if observer.fields and at not in self.wrong:
            values = self.records.values(at)
            sent = self.sent(values)
            said = "; ".join(filter(None, (each.differs(item, sent, values) for each in observer.fields)))
            if said:
                self.wrong[at] = said if len(self.wrong) < _TEXTS else ""

    # ---- what follows ----

    def complete(self, at: int) -> bool:
        """Whether the record was seen as often as it must be."""
        return self.counts[at] >= self.observer.copies

    def base(self, at: int) -> float:
        """When its way to this observer began; 0 while it has not."""
        return self.records.started[at] if self.before is None else self.before.seen_at[at]

    def due(self, at: int) -> float:
        """Until when it must be seen. Where the observer before has not seen it, that one's time comes first."""
        base = self.base(at)
        if not base and self.before is not None:
            base = self.before.due(at)
        return base + self.observer.within

    def is_late(self, at: int) -> bool:
        """Whether it was seen after its time."""
        seen = self.seen_at[at]
        return bool(seen) and seen > self.due(at)


class Book:
    """All that is known of a journey."""

    def __init__(self, journey: Journey, source: Source) -> None:
        self.journey = journey
        self.records = Records(journey, source)
        self.sights: list[Sight] = []
        by_name: dict[str, Sight] = {}
        for observer in journey.watchers():
            sight = Sight(observer, self.records, by_name.get(observer.after), journey.send.body)
            by_name[observer.name] = sight
            self.sights.append(sight)
        self.order_by = journey.order_key
        self.sending_began = self.sending_ended = 0.0

    @property
    def letter(self) -> Sight | None:
        """What was seen where malformed records must end."""
        malformed = self.journey.malformed
        return self.sights[-1] if malformed is not None and malformed.dead_letter is not None else None

    @property
    def outlooks(self) -> list[Sight]:
        """The observers of the good records."""
        return self.sights[: len(self.journey.observers)]

    def step(self, at: int) -> Step:
        """What sends a record."""
        malformed = self.journey.malformed
        return self.journey.send if malformed is None or self.records.is_good(at) else malformed.step

    def prepare(self, at: int) -> Values:
        """A record is about to be sent: its values, and what it keeps its order with."""
        values = self.records.values(at)
        if self.order_by and self.records.is_good(at):
            self.records.order_keys.append(str(fill(self.order_by, values)))
        for sight in self.sights:
            sight.expect(at, values)
        return values

    def learn(self, at: int, captured: Mapping[str, Any]) -> None:
        """More is known of a record than when it was sent."""
        self.records.keep(at, captured)
        if captured:
            values = self.records.values(at)
            for sight in self.sights:
                if names_in(sight.observer.by) & captured.keys():
                    sight.expect(at, values)
