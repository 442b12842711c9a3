"""From the text of a flow to a `Journey`. Everything that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from pytest_sysint.checks._flows.keys import Correlate, FlowKeys, MalformedKeys, ObserveKeys, SendKeys
from pytest_sysint.checks._flows.mapping import read_map
from pytest_sysint.checks._flows.places import Place
from pytest_sysint.checks._flows.plan import ANYWHERE, Journey, Malformed, Mode, Observer
from pytest_sysint.checks._flows.rows import columns_of, read_document, read_rows
from pytest_sysint.checks._flows.spoiling import spoil
from pytest_sysint.checks._flows.steps import BODY, CONTENTS, Sample, Step, read_step, takes
from pytest_sysint.checks._flows.subjects import read_expect
from pytest_sysint.checks._flows.templates import names_in
from pytest_sysint.checks._flows.values import BUILT_IN, CORRELATION, PER_RECORD, SYNTHETIC, Source, unknown
from pytest_sysint.core.capabilities import Queryable, Watchable
from pytest_sysint.core.check import CHECK_KEYS
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import Gathered, came, choose, read_model
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
P = ParamSpec("P")
Path = tuple["str | int", ...]

PARTS = ("send", "observe", "malformed", "cleanup")
_DOCUMENTS = (".json", ".yaml", ".yml")
_ONCE = frozenset({"run", "tenant", "now"})
_OF_THE_FLOW = CHECK_KEYS - {"expect"}
_OF_ONE_READING = ("count", "from", "wait")
"""Fields of operations that bring so many messages, of which there is no talk where all are read as they come."""


def under(path: Path, read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """What `read` gives; its mistakes seen from further out."""
    try:
        return read(*arguments, **options)
    except Mistakes as error:
        raise error.under(*path) from None


def read_journey(name: str, raw: Mapping[str, Any], around: Around) -> Journey:
    """Read a flow of this form for one tenant.

    Raises:
        Mistakes: everything that is wrong with it.

    """
    gathered = Gathered()
    known = [*fields_by_key(FlowKeys), *PARTS]
    gathered.keep(*(Mistake((key,), f"unknown key{suggest(key, known)}") for key in raw if key not in known))
    own = {key: raw[key] for key in raw if key in fields_by_key(FlowKeys)}
    keys = gathered.attempt(read_model, FlowKeys, own) or FlowKeys()
    for index, tenant in enumerate(keys.tenants or ()):
        if tenant not in around.known_tenants:
            gathered.keep(Mistake(("tenants", index), choose(tenant, around.known_tenants)))
    rows = gathered.attempt(under, ("data",), read_rows, keys.data, around.folder) if keys.data else ()
    reader = _Reader(name, raw, around, keys, rows or (), gathered)
    journey = reader.read()
    if journey is None or gathered.failed:
        raise Mistakes(*gathered.found)
    return journey


@dataclass(slots=True)
class _Reader:
    """Reads the parts of one journey, the mistakes of all into one heap."""

    name: str
    raw: Mapping[str, Any]
    around: Around
    keys: FlowKeys
    rows: tuple[Any, ...]
    gathered: Gathered
    token: str = SYNTHETIC
    captured: set[str] = field(default_factory=set)
    found_at: str = ""
    """Where the token was put, for observers that do not say where it stands."""

    def read(self) -> Journey | None:
        attempt = self.gathered.attempt
        send = attempt(under, ("send",), self._send)
        observers = attempt(under, ("observe",), self._observers) or ()
        malformed = attempt(under, ("malformed",), self._malformed, send) if send and "malformed" in self.raw else None
        cleanup = attempt(under, ("cleanup",), self._cleanup) if "cleanup" in self.raw else ()
        if send is None or self.gathered.failed:
            return None
        step, capture = send
        journey = Journey(
            name=self.name,
            line=getattr(self.raw, "line", 0),
            keys=self.keys,
            records=self.keys.records or len(self.rows) or 1,
            send=step,
            capture=capture,
            observers=observers,
            token=self.token,
            rows=self.rows,
            malformed=malformed,
            cleanup=cleanup or (),
        )
        expectation = attempt(under, ("expect",), read_expect, self.keys.expect, journey, given="expect" in self.raw)
        return replace(journey, expectation=expectation) if expectation is not None else None

    # ---- what the parts share ----

    def _split(self, model: type[M], raw: Any, named: str) -> tuple[M, type[Any], dict[str, Any]]:
        """The keys of a part, the class of the integration that it names, and the operation beside them."""
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map, got {came(raw)}"))
        known = fields_by_key(model)
        gathered = Gathered()
        keys = gathered.attempt(read_model, model, {key: value for key, value in raw.items() if key in known})
        cls = gathered.attempt(under, (named,), self.around.type_of, raw[named]) if named in raw else None
        rest = {key: value for key, value in raw.items() if key not in known}
        if keys is None or cls is None:
            raise Mistakes(*gathered.found)
        return keys, cls, rest

    def _step(self, rest: Mapping[str, Any], cls: type[Any], on: str, **more: Any) -> Step:
        """The operation of a part, its documents read and its placeholders known."""
        columns = columns_of(self.rows) if self.rows else None
        raw = dict(rest)
        body = raw.get(BODY)
        if isinstance(body, str) and body.endswith(_DOCUMENTS) and "{" not in body:
            raw[BODY] = under((BODY,), read_document, body, self.around.folder)
        wrong = unknown(raw, columns=columns, more={CORRELATION, *self.captured})
        wrong += [Mistake((key,), "stands at the flow itself, and not here") for key in raw if key in _OF_THE_FLOW]
        if wrong:
            raise Mistakes(*wrong)
        values = Source("0" * 8, self.around.tenant, self.token, self.rows).record(1)
        return read_step(raw, cls, on, Sample(values, frozenset(self.captured)), **more)

    def _captures(self, raw: Mapping[str, str]) -> dict[str, Place]:
        places = {}
        for name, written in raw.items():
            if not name.isidentifier() or name in BUILT_IN | {CORRELATION, "row", "faker"}:
                said = "a name has letters, digits and underscores, and is none of the built-in ones"
                raise Mistakes(Mistake(("capture", name), said))
            places[name] = under(("capture", name), place, written)
        self.captured |= raw.keys()
        return places

    # ---- send ----

    def _send(self) -> tuple[Step, Mapping[str, Place]]:
        keys, cls, rest = self._split(SendKeys, self.raw["send"], "to")
        if self.rows and not any(key in rest for key in CONTENTS):
            rest = {**rest, BODY: "{row}"}
        at = self._token(keys)
        rest = _placed(rest, at)
        capture = under((), self._captures, keys.capture)
        self.captured -= keys.capture.keys()  # not known yet while it is sent
        step = self._step(rest, cls, keys.to)
        self.captured |= keys.capture.keys()
        if at is not None and at.in_payload:
            step = self._with_token(step, at)
        marked = keys.mark and takes(step.model, "headers")
        step = replace(step, marked=marked)
        if CORRELATION not in step.names and not names_in(step.raw) & {f"{name}" for name in PER_RECORD}:
            said = "nothing in it carries the record's token: say where by `correlate: $.id`, or write `{correlation}`"
            raise Mistakes(Mistake((), said))
        if step.effect == "read":
            raise Mistakes(Mistake((), f"'{step.title}' sends nothing: it only reads"))
        return step, capture

    def _token(self, keys: SendKeys) -> Place | None:
        """Where the token is put; and, from now on, what it looks like."""
        asked = keys.correlate
        if isinstance(asked, Correlate) and asked.as_:
            wrong = unknown(asked.as_, columns=columns_of(self.rows) if self.rows else None)
            if not wrong and not names_in(asked.as_) & PER_RECORD and not any("." in n for n in names_in(asked.as_)):
                wrong = [
                    Mistake((), f"is the same for all records: it needs {', '.join(sorted(PER_RECORD))} in braces")
                ]
            if wrong:
                raise Mistakes(*wrong).under("correlate", "as")
            self.token = asked.as_
        written = asked.at if isinstance(asked, Correlate) else asked
        if written is None:
            return None
        self.found_at = written
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
            carrying.body(Source("0" * 8, self.around.tenant, self.token, self.rows).record(1))
        except LookupError:
            said = f"'{at.written}' leads nowhere in the body that is sent"
            raise Mistakes(Mistake(("correlate",), said)) from None
        return carrying

    # ---- observe ----

    def _observers(self) -> tuple[Observer, ...]:
        raw = self.raw.get("observe")
        if not isinstance(raw, list) or not raw:
            said = f"expected a list of places where the records arrive, got {came(raw)}"
            raise Mistakes(Mistake((), said))
        gathered, found = Gathered(), dict[str, Observer]()
        for index, item in enumerate(raw):
            observer = gathered.attempt(under, (index,), self._observer, item, found)
            if observer is None:
                continue
            if observer.name in found:
                said = f"another observer is called '{observer.name}': give this one a `name`"
                gathered.keep(Mistake((index,), said))
            found[observer.name] = observer
        if gathered.failed:
            raise Mistakes(*gathered.found)
        return tuple(found.values())

    def _observer(self, raw: Any, before: Mapping[str, Observer]) -> Observer:
        keys, cls, rest = self._split(ObserveKeys, raw, "on")
        if keys.after and keys.after not in before:
            said = f"no observer before this one is called '{keys.after}'{suggest(keys.after, before)}"
            raise Mistakes(Mistake(("after",), said))
        step = self._step(rest, cls, keys.on)
        capture = self._captures(keys.capture)
        mode = self._mode(step, keys)
        fields = under(("map",), read_map, keys.map) if keys.map is not None else ()
        lists = mode != "look" or bool(keys.rows) or issubclass(cls, Queryable)
        if keys.copies > 1 and not lists:
            raise Mistakes(Mistake(("copies",), "this observer sees whether a record is there, not how often"))
        return Observer(
            name=keys.name or keys.on,
            step=step,
            mode=mode,
            within=keys.within,
            every=keys.every,
            match=self._match(keys, mode),
            by=self._by(keys),
            rows=under(("rows",), place, keys.rows) if keys.rows else None,
            fields=fields,
            capture=capture,
            after=keys.after,
            copies=keys.copies,
            counts=lists,
        )

    def _mode(self, step: Step, keys: ObserveKeys) -> Mode:
        operation: Any = step.sample
        watches = isinstance(operation, Watchable)
        if step.effect == "destructive" and not watches:
            raise Mistakes(Mistake((), f"'{step.title}' destroys what it looks at: an observer must only read"))
        if watches:
            if names_in(step.raw) - _ONCE:
                said = f"'{step.title}' is read for all records at once: `match` tells them apart, no placeholder"
                raise Mistakes(Mistake((), said))
            beside = [key for key in step.raw if key in _OF_ONE_READING]
            if beside:
                said = "has no meaning here: messages are read as they come, from before the first record is sent"
                raise Mistakes(*(Mistake((key,), said) for key in beside))
            return "watch"
        if keys.match:
            return "sweep"
        per_record = names_in(step.raw) - _ONCE
        if not per_record:
            said = (
                "asks for no record: write `{correlation}` (`:correlation` in SQL), or say by `match` where it stands"
            )
            raise Mistakes(Mistake((), said))
        return "look"

    def _match(self, keys: ObserveKeys, mode: Mode) -> Place | None:
        if mode == "look":
            return None
        written = keys.match or self.found_at
        if not written:
            raise Mistakes(Mistake((), "say by `match` where the token stands in what is read: `match: $.externalId`"))
        return None if written == ANYWHERE else under(("match",), place, written)

    def _by(self, keys: ObserveKeys) -> str:
        columns = columns_of(self.rows) if self.rows else None
        wrong = unknown(keys.by, columns=columns, more={CORRELATION, *self.captured})
        if not wrong and not names_in(keys.by):
            wrong = [Mistake((), "is the same for all records: name a placeholder, such as `{correlation}`")]
        if wrong:
            raise Mistakes(*wrong).under("by")
        return keys.by

    # ---- malformed ----

    def _malformed(self, send: tuple[Step, Mapping[str, Place]]) -> Malformed:
        good, _ = send
        raw = self.raw["malformed"]
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map, got {came(raw)}"))
        known = fields_by_key(MalformedKeys)
        keys = read_model(MalformedKeys, {key: value for key, value in raw.items() if key in known})
        rest = {key: value for key, value in raw.items() if key not in known}
        step = self._spoilt(good, keys, rest)
        letter = None
        if keys.dead_letter is not None:
            letter = under(("dead_letter",), self._observer, {"name": "dead-letter", **keys.dead_letter}, {})
        refused = keys.expect == "refused" if keys.expect else letter is None
        return Malformed(step, keys.records, refused, letter)

    def _spoilt(self, good: Step, keys: MalformedKeys, rest: Mapping[str, Any]) -> Step:
        """The operation that sends a malformed record: the good one, with what is said to be different."""
        raw = spoil(good.raw, keys, rest)
        cls = self.around.type_of(good.on)
        token = good.token if BODY in raw and isinstance(raw[BODY], Mapping) else None
        if token is not None and (token.written in keys.set or token.written in keys.remove):
            token = None
        return self._step(raw, cls, good.on, token=token, marked=good.marked)

    # ---- cleanup ----

    def _cleanup(self) -> tuple[Step, ...]:
        raw = self.raw["cleanup"]
        items = raw if isinstance(raw, list) else [raw]
        gathered = Gathered()
        paths: list[Path] = [(index,) if isinstance(raw, list) else () for index in range(len(items))]
        steps = [gathered.attempt(under, path, self._undo, item) for path, item in zip(paths, items, strict=True)]
        if not items:
            gathered.keep(Mistake((), "an empty list removes nothing: leave the key out"))
        if gathered.failed:
            raise Mistakes(*gathered.found)
        return tuple(step for step in steps if step is not None)

    def _undo(self, raw: Any) -> Step:
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map, got {came(raw)}"))
        if "on" not in raw:
            raise Mistakes(Mistake((), "'on' is missing (the integration that the records are removed from)"))
        cls = under(("on",), self.around.type_of, raw["on"])
        step = self._step({key: value for key, value in raw.items() if key != "on"}, cls, str(raw["on"]))
        if not step.names & (PER_RECORD | {CORRELATION, "run"} | self.captured):
            said = "must name what it removes, by `{correlation}` or `{run}`: it could take what is not of this flow"
            raise Mistakes(Mistake((), said))
        if step.effect == "read":
            raise Mistakes(Mistake((), f"'{step.title}' removes nothing: it only reads"))
        return step


def place(written: str) -> Place:
    """A place by its name.

    Raises:
        Mistakes: when it is none.

    """
    try:
        return Place.of(written)
    except ValueError as error:
        raise Mistakes(Mistake((), str(error))) from None


def _placed(rest: Mapping[str, Any], at: Place | None) -> dict[str, Any]:
    """The operation with the token as its key or in a header, where it is to stand there."""
    token = f"{{{CORRELATION}}}"
    if at is None or at.in_payload:
        return dict(rest)
    if at.written == "key":
        return {**rest, "key": token}
    return {**rest, "headers": {**(rest.get("headers") or {}), at.written.removeprefix("headers."): token}}
