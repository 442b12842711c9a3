"""From the text of a flow to a `Journey`. Everything that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_sysint.checks._flows.keys import Correlate, FlowKeys, MalformedKeys, SendKeys
from pytest_sysint.checks._flows.observers import read_observer, read_observers
from pytest_sysint.checks._flows.parts import Parts, place, read_whole, under
from pytest_sysint.checks._flows.places import Place
from pytest_sysint.checks._flows.plan import Journey, Malformed
from pytest_sysint.checks._flows.rows import read_rows
from pytest_sysint.checks._flows.spoiling import spoil
from pytest_sysint.checks._flows.steps import BODY, CONTENTS, Step, takes
from pytest_sysint.checks._flows.subjects import read_expect
from pytest_sysint.checks._flows.templates import names_in
from pytest_sysint.checks._flows.values import CORRELATION, PER_RECORD, unknown
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.shapes import fields_by_key

PARTS = ("send", "observe", "malformed", "cleanup")


def read_journey(name: str, raw: Mapping[str, Any], around: Around) -> Journey:
    """Read a flow of this form for one tenant.

    Raises:
        Mistakes: everything that is wrong with it.

    """
    gathered = Gathered()
    keys = read_whole(FlowKeys, raw, PARTS, around, gathered) or FlowKeys()
    rows = gathered.attempt(under, ("data",), read_rows, keys.data, around.folder) if keys.data else ()
    journey = _Reader(name, raw, keys, Parts(around, rows or ()), gathered).read()
    if journey is None or gathered.failed:
        raise Mistakes(*gathered.found)
    return journey


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the parts of one journey, the mistakes of all into one heap."""

    name: str
    raw: Mapping[str, Any]
    keys: FlowKeys
    parts: Parts
    gathered: Gathered

    def read(self) -> Journey | None:
        attempt = self.gathered.attempt
        send = attempt(under, ("send",), self._send)
        attempt(under, ("order_by",), self._order)
        observers = attempt(under, ("observe",), read_observers, self.raw.get("observe"), self.parts) or ()
        malformed = (
            attempt(under, ("malformed",), self._malformed, send[0]) if send and "malformed" in self.raw else None
        )
        cleanup = attempt(under, ("cleanup",), self._cleanup) if "cleanup" in self.raw else ()
        if send is None or self.gathered.failed:
            return None
        step, capture = send
        journey = Journey(
            name=self.name,
            line=getattr(self.raw, "line", 0),
            keys=self.keys,
            records=self.keys.records or len(self.parts.rows) or 1,
            send=step,
            capture=capture,
            observers=observers,
            token=self.parts.token,
            rows=self.parts.rows,
            malformed=malformed,
            cleanup=cleanup or (),
        )
        expectation = attempt(under, ("expect",), read_expect, self.keys.expect, journey, given="expect" in self.raw)
        return replace(journey, expectation=expectation) if expectation is not None else None

    # ---- send ----

    def _send(self) -> tuple[Step, Mapping[str, Place]]:
        parts = self.parts
        keys, cls, rest = parts.split(SendKeys, self.raw["send"], "to")
        if parts.rows and not any(key in rest for key in CONTENTS):
            rest = {**rest, BODY: "{row}"}
        at = self._token(keys)
        rest = _placed(rest, at)
        step = parts.step(rest, cls, keys.to)
        capture = parts.captures(keys.capture)  # after the step: while it is sent they are not known yet
        if at is not None and at.in_payload:
            step = self._with_token(step, at)
        marked = keys.mark and takes(step.model, "headers")
        step = replace(step, marked=marked)
        if CORRELATION not in step.names and not names_in(step.raw) & PER_RECORD:
            said = "nothing in it carries the record's token: say where by `correlate: $.id`, or write `{correlation}`"
            raise Mistakes(Mistake((), said))
        if step.effect == "read":
            raise Mistakes(Mistake((), f"'{step.title}' sends nothing: it only reads"))
        return step, capture

    def _token(self, keys: SendKeys) -> Place | None:
        """Where the token is put; and, from now on, what it looks like."""
        asked = keys.correlate
        if isinstance(asked, Correlate) and asked.as_:
            wrong = unknown(asked.as_, columns=self.parts.columns)
            if not wrong and not names_in(asked.as_) & PER_RECORD and not any("." in n for n in names_in(asked.as_)):
                wrong = [
                    Mistake((), f"is the same for all records: it needs {', '.join(sorted(PER_RECORD))} in braces")
                ]
            if wrong:
                raise Mistakes(*wrong).under("correlate", "as")
            self.parts.token = asked.as_
        written = asked.at if isinstance(asked, Correlate) else asked
        if written is None:
            return None
        self.parts.found_at = written
        at = under(("correlate",), place, written)
        if at.in_payload and at.steps is None:
            raise Mistakes(
                Mistake(("correlate",), f"'{written}' may be several places; name one, such as $.externalId")
            )
        if not at.in_payload and written != "key" and not written.startswith("headers."):
            said = "the token is put into the body (`$.externalId`), `key` or `headers.NAME`"
            raise Mistakes(Mistake(("correlate",), said))
        return at

    def _with_token(self, step: Step, at: Place) -> Step:
        if BODY not in step.raw:
            raise Mistakes(Mistake(("correlate",), f"'{at.written}' is a path into `json:`, and no `json:` is sent"))
        carrying = replace(step, token=at)
        try:
            carrying.body(self.parts.sample)
        except LookupError:
            said = f"'{at.written}' leads nowhere in the body that is sent"
            raise Mistakes(Mistake(("correlate",), said)) from None
        return carrying

    def _order(self) -> None:
        """Nothing that is captured may keep the order: while the records are sent it is not known."""
        wrong = unknown(self.keys.order_by, columns=self.parts.columns, more=(CORRELATION,))
        if wrong:
            raise Mistakes(*wrong)

    # ---- malformed ----

    def _malformed(self, good: Step) -> Malformed:
        raw = self.raw["malformed"]
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map, got {came(raw)}"))
        known = fields_by_key(MalformedKeys)
        keys = read_model(MalformedKeys, {key: value for key, value in raw.items() if key in known})
        rest = {key: value for key, value in raw.items() if key not in known}
        step = self._spoilt(good, keys, rest)
        letter = None
        if keys.dead_letter is not None:
            named = {"name": "dead-letter", **keys.dead_letter}
            letter = under(("dead_letter",), read_observer, named, {}, self.parts)
        refused = keys.expect == "refused" if keys.expect else letter is None
        return Malformed(step, keys.records, refused, letter)

    def _spoilt(self, good: Step, keys: MalformedKeys, rest: Mapping[str, Any]) -> Step:
        """The operation that sends a malformed record: the good one, with what is said to be different."""
        raw = spoil(good.raw, keys, rest)
        cls = self.parts.around.type_of(good.on)
        token = good.token if BODY in raw and isinstance(raw[BODY], Mapping) else None
        if token is not None and (token.written in keys.set or token.written in keys.remove):
            token = None
        return self.parts.step(raw, cls, good.on, token=token, marked=good.marked)

    # ---- cleanup ----

    def _cleanup(self) -> tuple[Step, ...]:
        return self.parts.steps_on(self.raw["cleanup"], self._undo)

    def _undo(self, raw: Any) -> Step:
        step = self.parts.step_on(raw)
        if not step.names & (PER_RECORD | {CORRELATION, "run"} | self.parts.captured):
            said = "must name what it removes, by `{correlation}` or `{run}`: it could take what is not of this flow"
            raise Mistakes(Mistake((), said))
        if step.effect == "read":
            raise Mistakes(Mistake((), f"'{step.title}' removes nothing: it only reads"))
        return step


def _placed(rest: Mapping[str, Any], at: Place | None) -> dict[str, Any]:
    """The operation with the token as its key or in a header, where it is to stand there."""
    token = f"{{{CORRELATION}}}"
    if at is None or at.in_payload:
        return dict(rest)
    if at.written == "key":
        return {**rest, "key": token}
    return {**rest, "headers": {**(rest.get("headers") or {}), at.written.removeprefix("headers."): token}}
