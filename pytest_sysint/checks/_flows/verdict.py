"""From what was seen to a verdict: numbers, assertions that name records and places, and the likely cause."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from pytest_sysint.checks._flows.book import ACCEPTED, BROKEN, REFUSED, UNSENT, Book, Sight
from pytest_sysint.checks._flows.cleaning import Cleaner
from pytest_sysint.checks._flows.subjects import COUNTS, TIMES, shares
from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import redact

_EXAMPLES = 5
_ROOM = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """The records of one verdict: which, and what is to be said of each."""

    records: Sequence[int]
    say: Callable[[int], str] = lambda _: ""

    def examples(self, book: Book) -> str:
        """The first of them, by their tokens."""
        shown = []
        for at in self.records[:_EXAMPLES]:
            said = self.say(at)
            shown.append(f"{book.records.token(at)}{f' ({_cut(said)})' if said else ''}")
        more = len(self.records) - len(shown)
        return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _cut(text: str) -> str:
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}..."


NOTHING = Finding(())


@dataclass(frozen=True, slots=True)
class Seen:
    """The verdicts on the good records at one observer."""

    sight: Sight
    lost: Finding
    duplicated: Finding
    altered: Finding
    reordered: Finding
    late: Finding
    times: tuple[float, ...]
    """Seconds from the observer before (or the sending) to this one, in order of size."""

    @property
    def name(self) -> str:
        """The observer's."""
        return self.sight.observer.name


def _see(book: Book, sight: Sight, accepted: Sequence[int]) -> Seen:
    name, copies = sight.observer.name, sight.observer.copies
    token = book.records.token

    def times_of(at: int) -> str:
        return f"{sight.counts[at]} times at {name}" if copies == 1 else f"{sight.counts[at]} of {copies} at {name}"

    def behind(at: int) -> str:
        return f"came to {name} after {token(sight.displaced[at])}, which was sent later"

    def overdue(at: int) -> str:
        took = sight.seen_at[at] - sight.due(at) + sight.observer.within
        return f"{took:.3g}s to {name}, {sight.observer.within:g}s allowed"

    lost = [at for at in accepted if sight.counts[at] < copies]
    times = (sight.seen_at[at] - base for at in accepted if sight.seen_at[at] and (base := sight.base(at)))
    return Seen(
        sight=sight,
        lost=Finding(lost, lambda at: _last_seen(sight, at)),
        duplicated=Finding([at for at in accepted if sight.counts[at] > copies], times_of),
        altered=Finding([at for at in accepted if at in sight.wrong], lambda at: f"at {name}: {sight.wrong[at]}"),
        reordered=Finding([at for at in accepted if at in sight.displaced], behind),
        late=Finding([at for at in accepted if sight.is_late(at)], overdue),
        times=tuple(sorted(max(each, 0.0) for each in times)),
    )


def _last_seen(sight: Sight, at: int) -> str:
    """Between which two places a record was lost."""
    hop = sight
    while hop.before is not None and not hop.before.counts[at]:
        hop = hop.before
    origin = hop.before.observer.name if hop.before is not None else "the source"
    if hop.counts[at]:
        return f"{hop.counts[at]} of {hop.observer.copies} at {hop.observer.name}"
    return f"between {origin} and {hop.observer.name}"


def _merged(findings: Iterable[Finding]) -> Finding:
    """The records of several findings, each once, with what the first says of it."""
    by_record: dict[int, Finding] = {}
    for finding in findings:
        for at in finding.records:
            by_record.setdefault(at, finding)
    return Finding(sorted(by_record), lambda at: by_record[at].say(at))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below or at which that share of the ordered values lies; not a number without values."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.nan


def _times(ordered: Sequence[float]) -> dict[str, float]:
    shares_of = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: percentile(ordered, shares_of[name]) for name in TIMES} if ordered else {}


@dataclass
class Verdict:
    """Draws the conclusions."""

    book: Book
    cleaner: Cleaner
    tenant: str

    def __post_init__(self) -> None:
        records = self.book.records
        self.accepted = records.in_state(ACCEPTED)
        self.seen = [_see(self.book, sight, self.accepted) for sight in self.book.outlooks]
        self.findings: dict[str, Finding] = {
            name: _merged(getattr(each, name) for each in self.seen) for name in COUNTS
        }
        for each in self.seen:
            self.findings |= {f"{each.name}.{name}": getattr(each, name) for name in COUNTS}
        self.findings["refused"] = Finding(records.in_state(REFUSED, BROKEN), lambda at: records.reasons.get(at, ""))
        self.findings["leaked"] = self._leaked(records.in_state(REFUSED, BROKEN))
        self.findings["observed"] = _merged(
            Finding([at for at in range(records.good) if sight.counts[at]], _at(sight)) for sight in self.book.outlooks
        )
        self.findings["leftovers"] = Finding(sorted(self.cleaner.left), lambda at: self.cleaner.left[at])
        if self.book.journey.malformed is not None:
            self._malformed(records.in_state(ACCEPTED, REFUSED, BROKEN, good=False))

    def _leaked(self, refused: Sequence[int]) -> Finding:
        """Those that were turned away, and were seen all the same."""
        return _merged(Finding([at for at in refused if sight.counts[at]], _at(sight)) for sight in self.book.outlooks)

    def _malformed(self, sent: Sequence[int]) -> None:
        records, letter = self.book.records, self.book.letter
        self.findings["malformed.leaked"] = self._leaked(sent)
        taken = [at for at in sent if records.state[at] == ACCEPTED]
        not_refused = [at for at in sent if records.state[at] != REFUSED]
        self.findings["malformed.refused"] = Finding(
            not_refused, lambda at: "was accepted" if at in taken else records.reasons.get(at, "")
        )
        if letter is not None:
            missing = [at for at in sent if not letter.counts[at]]
            self.findings["malformed.dead_lettered"] = Finding(
                missing, lambda _: f"not at {letter.observer.step.title}"
            )

    # ---- numbers ----

    def facts(self) -> dict[str, Any]:
        """Every subject with its value; seconds and records."""
        records = self.book.records
        numbers: dict[str, Any] = {name: len(finding.records) for name, finding in self.findings.items()}
        numbers["sent"] = len(self.accepted)
        numbers["observed"] = len(self.findings["observed"].records)
        numbers["effects"] = max((max(each.sight.counts[: records.good], default=0) for each in self.seen), default=0)
        for name in ("malformed.refused", "malformed.dead_lettered"):
            if name in numbers:
                numbers[name] = records.malformed - numbers[name]
        took = self.book.sending_ended - self.book.sending_began
        if self.accepted and took > 0:
            numbers["throughput"] = len(self.accepted) / took
        for each in self.seen:
            numbers[f"{each.name}.seen"] = sum(1 for at in self.accepted if each.sight.counts[at])
            numbers |= {f"{each.name}.latency.{name}": value for name, value in _times(each.times).items()}
        numbers |= {f"latency.{name}": value for name, value in _times(self._end_to_end()).items()}
        return numbers

    def _end_to_end(self) -> list[float]:
        """Seconds from the sending of a record until its last observer had it."""
        started, sights = self.book.records.started, self.book.outlooks
        whole = (at for at in self.accepted if all(sight.seen_at[at] for sight in sights))
        return sorted(max(sight.seen_at[at] for sight in sights) - started[at] for at in whole)

    # ---- words ----

    def assertions(self, facts: Mapping[str, Any]) -> tuple[Assertion, ...]:
        """What was expected, judged; those that failed name records and places."""
        expectation = self.book.journey.expectation
        held_to_a_share = {name: facts.get(name, 0) / max(len(self.accepted), 1) for name in shares(expectation)}
        judged = expectation.judge(Observation(None, {**facts, **held_to_a_share}), self.tenant)
        told = tuple(self._told(each) for each in judged)
        return (*self._sent(), *told)

    def _told(self, assertion: Assertion) -> Assertion:
        finding = self.findings.get(assertion.name, NOTHING)
        if assertion.name == "effects" and assertion.status == "failed":
            finding = self.findings["duplicated"]
        if assertion.status == "passed" or not finding.records:
            return assertion
        return assertion.model_copy(update={"message": redact(f"{assertion.message}: {finding.examples(self.book)}")})

    def _sent(self) -> list[Assertion]:
        """That all were sent; said only where it is not so."""
        records = self.book.records
        missing = len(records.in_state(UNSENT)) + len(records.in_state(UNSENT, good=False))
        if not missing:
            return []
        said = f"only {len(records) - missing:,} of {len(records):,} records were sent: nobody answered any longer"
        return [
            Assertion(
                name="sent",
                status="failed",
                message=said,
                expected=len(records),
                actual=len(records) - missing,
                tenant_id=self.tenant,
            )
        ]

    def blind(self) -> str:
        """Why nothing of what was or was not seen can be believed; empty when it can."""
        if not self.accepted:
            why = self.findings["refused"].examples(self.book)
            return redact(f"nothing was sent: no record was accepted{f': {why}' if why else ''}")
        blind = [(sight, error) for sight in self.book.sights if (error := _blindness(sight))]
        if blind:
            told = "; ".join(f"{sight.observer.name} could not be looked at: {error.message}" for sight, error in blind)
            return redact(told)
        return ""

    def unseen(self) -> list[str]:
        """The observers that saw nothing at all, where something was to be seen."""
        if "observed" in self.book.journey.expectation.subjects:
            return []
        return [each.name for each in self.seen if not any(each.sight.counts)]

    def cause(self, failed: Iterable[str]) -> str:
        """Where to look first."""
        names = {name.rpartition(".")[2] for name in failed}
        told = [text for name, text in _CAUSES.items() if name in names]
        if "lost" in names and (unseen := self.unseen()):
            told[0] = (
                f"nothing at all came to {', '.join(unseen)}: it is not delivered, or looked for in the wrong place"
            )
        elif "lost" in names and self.book.journey.malformed is not None:
            told[0] = "the malformed record may hold up those behind it: is it taken out of the queue?"
        elif "lost" in names:
            told[0] = _pattern(self.findings["lost"].records, len(self.accepted)) or told[0]
        return "; ".join(told[:2])

    def target(self) -> str:
        """Where the records were to arrive."""
        return ", ".join(dict.fromkeys(sight.observer.step.on for sight in self.book.outlooks))


_CAUSES = {
    "lost": "an error on the way that nobody tried again, or a consumer that is not running",
    "duplicated": "something is sent again after a timeout, or read again before it was acknowledged",
    "effects": "the second delivery of the same record is not recognised: is there an idempotency key or a unique key?",
    "altered": "the mapping between the two formats changed, or a field is cut, converted or filled by default",
    "reordered": "several consumers or producers share one key, or retries overtake: one key needs one writer",
    "late": "a consumer that lags behind, a batch that waits to be full, or an overloaded machine",
    "leaked": "it is written or published before it is checked, or outside its transaction",
    "refused": "what is refused, and what must not be, is decided at the source: see the answers",
    "dead_lettered": "nothing routes what cannot be read to the dead-letter place: is it declared, and bound?",
    "observed": "it is published before, or outside, the transaction that was to be rolled back",
}


_KNOWN_TO_THE_SENDER = frozenset({"sent", "refused", "malformed.refused", "leftovers"})
"""What can be judged although an observer saw nothing."""


def _pattern(lost: Sequence[int], total: int) -> str:
    """What the numbers of the lost records have in common."""
    if len(lost) < 3:
        return ""
    gaps = {later - earlier for earlier, later in pairwise(lost)}
    if gaps == {1} and lost[-1] == total - 1:
        return f"everything after record {lost[0]} is missing: the way broke down then"
    if len(gaps) == 1 and gaps != {1}:
        return f"every {gaps.pop()}th record is missing: something drops at a fixed rate"
    return ""


def _at(sight: Sight) -> Callable[[int], str]:
    return lambda at: (
        f"seen {sight.counts[at]} times at {sight.observer.name}"
        if sight.counts[at] > 1
        else (f"seen at {sight.observer.name}")
    )


def _blindness(sight: Sight) -> CallError | None:
    """Why an observer cannot be believed."""
    if sight.blind is not None:
        return sight.blind
    return sight.trouble if not sight.asked else None


def conclude(outcome: Outcome, book: Book, cleaner: Cleaner, tenant: str) -> Outcome:
    """The outcome with its verdict, numbers and causes."""
    verdict = Verdict(book, cleaner, tenant)
    facts = verdict.facts()
    assertions, blind = verdict.assertions(facts), verdict.blind()
    if blind:
        assertions = tuple(each for each in assertions if each.name in _KNOWN_TO_THE_SENDER)
    failed = [each.name for each in assertions if each.status == "failed" and each.severity == "fail"]
    if not blind and not failed and (unseen := verdict.unseen()):
        blind = f"nothing at all was seen at {', '.join(unseen)}"
    cause = verdict.cause(failed) if failed else ""
    return replace(
        outcome,
        assertions=assertions,
        metrics=_metrics(facts),
        cause="; ".join(filter(None, (cause, outcome.cause))),
        inconclusive=blind,
        data_type=book.journey.keys.data_type,
        source_system=book.journey.send.on,
        target_system=verdict.target(),
        processing_time=max(max(sight.last for sight in book.sights) - book.sending_began, 0.0),
    )


def _metrics(facts: Mapping[str, Any]) -> dict[str, float]:
    """The numbers for the record: times in milliseconds."""
    return {
        (f"{name}_ms" if ".latency." in f".{name}" else name): float(value) * (1000 if ".latency." in f".{name}" else 1)
        for name, value in facts.items()
        if isinstance(value, (int, float))
    }
