"""What the parts of any flow are read by: keys, placeholders, and the operation that stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from pytest_sysint.checks._flows.form import Path, Type
from pytest_sysint.checks._flows.keys import WholeKeys
from pytest_sysint.checks._flows.places import Place
from pytest_sysint.checks._flows.rows import columns_of, read_document
from pytest_sysint.checks._flows.steps import BODY, Sample, Step, read_step
from pytest_sysint.checks._flows.values import BUILT_IN, CORRELATION, SYNTHETIC, Source, Values, unknown
from pytest_sysint.core.check import CHECK_KEYS
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.claims import Around
from pytest_sysint.declaration.explain import Gathered, came, choose, read_model
from pytest_sysint.declaration.shapes import fields_by_key
from pytest_sysint.declaration.words import suggest

M = TypeVar("M", bound=BaseModel)
W = TypeVar("W", bound=WholeKeys)
T = TypeVar("T")
P = ParamSpec("P")

_DOCUMENTS = (".json", ".yaml", ".yml")
_OF_THE_FLOW = CHECK_KEYS - {"expect"}


def under(path: Path, read: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """What `read` gives; its mistakes seen from further out."""
    try:
        return read(*arguments, **options)
    except Mistakes as error:
        raise error.under(*path) from None


def own_keys(model: type[M], raw: Mapping[str, Any], parts: Iterable[str], gathered: Gathered) -> M | None:
    """The keys of a map that has nothing but them and some parts; None, with the mistakes kept, when they are wrong."""
    own = fields_by_key(model)
    known = [*own, *parts]
    gathered.keep(*(Mistake((key,), f"unknown key{suggest(key, known)}") for key in raw if key not in known))
    return gathered.attempt(read_model, model, {key: raw[key] for key in raw if key in own})


def read_whole(
    model: type[W], raw: Mapping[str, Any], parts: Iterable[str], around: Around, gathered: Gathered
) -> W | None:
    """What is said of a flow as a whole; None, with the mistakes kept, when that is wrong."""
    keys = own_keys(model, raw, parts, gathered)
    for index, tenant in enumerate((keys.tenants if keys else None) or ()):
        if tenant not in around.known_tenants:
            gathered.keep(Mistake(("tenants", index), choose(tenant, around.known_tenants)))
    return keys


@dataclass(slots=True)
class Parts:
    """Reads the parts of one flow for one tenant, and remembers what later ones may refer to."""

    around: Around
    rows: tuple[Any, ...] = ()
    token: str = SYNTHETIC
    """What the token of a record looks like."""
    captured: set[str] = field(default_factory=set)
    found_at: str = ""
    """Where the token was put, for observers that do not say where it stands."""

    @property
    def columns(self) -> list[str] | None:
        """Those of the data; None without data."""
        return columns_of(self.rows) if self.rows else None

    @property
    def sample(self) -> Values:
        """The values of some record."""
        return Source("0" * 8, self.around.tenant, self.token, self.rows).record(1)

    def split(self, model: type[M], raw: Any, named: str) -> tuple[M, Type, dict[str, Any]]:
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

    def step_on(self, raw: Any) -> Step:
        """An operation that names its integration by `on`."""
        if not isinstance(raw, Mapping):
            raise Mistakes(Mistake((), f"expected a map with `on` and an operation, got {came(raw)}"))
        if "on" not in raw:
            raise Mistakes(Mistake((), "'on' is missing (the integration)"))
        cls = under(("on",), self.around.type_of, raw["on"])
        return self.step({key: value for key, value in raw.items() if key != "on"}, cls, raw["on"])

    def steps_on(self, raw: Any, read: Callable[[Any], Step]) -> tuple[Step, ...]:
        """One such operation, or several in their order."""
        if not isinstance(raw, list):
            return (read(raw),)
        if not raw:
            raise Mistakes(Mistake((), "an empty list does nothing: leave the key out"))
        gathered = Gathered()
        steps = [gathered.attempt(under, (index,), read, item) for index, item in enumerate(raw)]
        if gathered.failed:
            raise Mistakes(*gathered.found)
        return tuple(step for step in steps if step is not None)

    def step(self, rest: Mapping[str, Any], cls: Type, on: str, **more: Any) -> Step:
        """The operation of a part, its documents read and its placeholders known."""
        raw = dict(rest)
        body = raw.get(BODY)
        if isinstance(body, str) and body.endswith(_DOCUMENTS) and "{" not in body:
            raw[BODY] = under((BODY,), read_document, body, self.around.folder)
        wrong = unknown(raw, columns=self.columns, more={CORRELATION, *self.captured})
        wrong += [Mistake((key,), "stands at the flow itself, and not here") for key in raw if key in _OF_THE_FLOW]
        if wrong:
            raise Mistakes(*wrong)
        return read_step(raw, cls, on, Sample(self.sample, frozenset(self.captured)), **more)

    def captures(self, raw: Mapping[str, str]) -> dict[str, Place]:
        """Places by the names under which what stands there is known from then on."""
        places = {}
        for name, written in raw.items():
            if not name.isidentifier() or name in BUILT_IN | {CORRELATION, "row", "faker"}:
                said = "a name has letters, digits and underscores, and is none of the built-in ones"
                raise Mistakes(Mistake(("capture", name), said))
            places[name] = under(("capture", name), place, written)
        self.captured |= raw.keys()
        return places


def place(written: str) -> Place:
    """A place by its name.

    Raises:
        Mistakes: when it is none.

    """
    try:
        return Place.of(written)
    except ValueError as error:
        raise Mistakes(Mistake((), str(error))) from None
