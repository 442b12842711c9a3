"""What is wrong with a declared value, in sentences of ours: what came, what is allowed, the nearest valid word.

pydantic's own texts print the values they complain about, so none of them is let through. A value is shown only when
it stands in the file itself and nothing about its place tells that it is a secret.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError

from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.secrets import redact, telling
from pytest_sysint.declaration import scalars, sentences
from pytest_sysint.declaration.references import Late, Referenced, Unset
from pytest_sysint.declaration.resolving import markers
from pytest_sysint.declaration.shapes import fields_by_key, models_at
from pytest_sysint.declaration.words import suggest

M = TypeVar("M", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")
Path = tuple["str | int", ...]

_ENCODE = json.JSONEncoder(ensure_ascii=True).encode
_SHOWN = 40
_PIECE = 4
_MOST = 2000
"""How many errors of one value are explained: nobody reads on, and a hostile file has a hundred thousand."""
_CONVERTIBLE: dict[str, tuple[type, ...]] = {"int_type": (int,), "float_type": (int, float), "bool_type": (bool,)}


def read_model(model: type[M], raw: Any) -> M:
    """A validated instance of the model from plain values.

    The values go in as JSON, so that a list may become a tuple, and a text a path or a date; nothing else is converted.
    A text that came from a reference becomes a number or a boolean where only that fits.

    Raises:
        Mistakes: everything that is wrong, with paths relative to `raw`. What merely follows from a reference that
            leads nowhere is left out, so there may be none.

    """
    found = _attempt(model, raw)
    if isinstance(found, list):
        converted = _convert(raw, found)
        if converted is not None:
            found = _attempt(model, converted)
    if isinstance(found, list):
        raise Mistakes(*explain(found, raw, model))
    return found


def read_what_holds(model: type[M], raw: Mapping[str, Any]) -> tuple[M | None, tuple[Mistake, ...]]:
    """An instance from the keys that are right, and the mistakes of the others; None when it needs one of those."""
    found: tuple[Mistake, ...] = ()
    try:
        return read_model(model, raw), found
    except Mistakes as error:
        found = error.mistakes
    broken = {mistake.path[0] for mistake in found if mistake.path} | {
        key for key, value in raw.items() if any(isinstance(text, Unset) for text in markers(value))
    }
    try:
        return read_model(model, {key: value for key, value in raw.items() if key not in broken}), found
    except Mistakes:
        return None, found


class Gathered:
    """Mistakes of several values, gathered so that all are told at once."""

    def __init__(self) -> None:
        self.found: list[Mistake] = []
        self.failed = False
        """Whether something could not be read, also when what is wrong with it is told elsewhere."""

    def attempt(self, read: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R | None:
        """What `read` gives; None, and its mistakes kept, when it raises them."""
        try:
            return read(*arguments, **options)
        except Mistakes as error:
            self.failed = True
            self.found += error.mistakes
            return None

    def keep(self, *mistakes: Mistake) -> None:
        """Keep mistakes that were met elsewhere."""
        self.failed = self.failed or bool(mistakes)
        self.found += mistakes


def _attempt(model: type[M], raw: Any) -> M | list[Mapping[str, Any]]:
    try:
        valid: M = model.__pydantic_validator__.validate_json(_ENCODE(raw))
    except ValidationError as error:
        return list(error.errors(include_input=False, include_url=False))
    return valid


def explain(errors: Sequence[Mapping[str, Any]], raw: Any, model: type[BaseModel] | None = None) -> tuple[Mistake, ...]:
    """The errors of pydantic about `raw` as mistakes. Those of one place become one, in the order of their first."""
    faults = [_fault(error, raw) for error in errors[:_MOST]]
    places: dict[Path, list[_Fault]] = {}
    for fault in faults:
        if not any(isinstance(text, Unset) for text in markers(fault.value)):
            places.setdefault(fault.path, []).append(fault)
    leads_on = {path[:length] for path in places for length in range(len(path))}
    mistakes: list[Mistake] = []
    for path, here in places.items():
        telling_more = [fault for fault in here if fault.kind not in sentences.EXPECTED]
        if telling_more:
            mistakes += [Mistake(path, text) for text in dict.fromkeys(_say(fault, model) for fault in telling_more)]
        elif path not in leads_on:
            mistakes.append(Mistake(path, _expected(here)))
    return tuple(mistakes)


@dataclass(frozen=True, slots=True)
class _Fault:
    """One of pydantic's errors, at its place in the raw value: unions put names of their own into the path."""

    kind: str
    path: Path
    value: Any
    key: str
    """The key that is missing."""
    context: Mapping[str, Any]
    text: str


def _fault(error: Mapping[str, Any], raw: Any) -> _Fault:
    kind, value, key = str(error["type"]), raw, ""
    path: Path = ()
    steps: tuple[str | int, ...] = error["loc"]
    for index, step in enumerate(steps):
        if _leads(value, step):
            value, path = value[step], (*path, step)
        elif kind == "missing" and index == len(steps) - 1:
            key = str(step)
    return _Fault(kind, path, value, key, error.get("ctx", {}), str(error["msg"]))


def _leads(value: Any, step: str | int) -> bool:
    if isinstance(value, dict):
        return step in value
    return isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)


def _say(fault: _Fault, model: type[BaseModel] | None) -> str:
    if fault.kind == "missing":
        return f"'{fault.key}' is missing{_described(fault, model)}"
    if fault.kind == "extra_forbidden":
        allowed = {key for each in _models(model, fault.path[:-1]) for key in fields_by_key(each)}
        return f"unknown key{suggest(str(fault.path[-1]), allowed)}"
    words = sentences.words(fault.kind, fault.context)
    if words is not None:
        return choose(fault.value, words, fault.path)
    if fault.kind in ("value_error", "assertion_error"):
        return mask(str(fault.context.get("error", "is not valid")), fault.value, fault.path)
    if fault.kind not in sentences.BUILT_IN:
        return mask(str(fault.context.get("text", fault.text)), fault.value, fault.path)
    return sentences.limit(fault.kind, fault.context) or f"{came(fault.value, fault.path)} cannot be used here"


def _models(model: type[BaseModel] | None, path: Path) -> list[type[BaseModel]]:
    return models_at(model, path) if model else []


def _described(fault: _Fault, model: type[BaseModel] | None) -> str:
    for each in _models(model, fault.path):
        field = fields_by_key(each).get(fault.key)
        if field is not None and field.description:
            return f" ({field.description.strip().splitlines()[0].rstrip('.')})"
    return ""


def _expected(faults: list[_Fault]) -> str:
    options = list(dict.fromkeys(sentences.EXPECTED[fault.kind] for fault in faults))
    several = f"{', '.join(options[:-1])} or {options[-1]}" if len(options) > 1 else options[0]
    return f"expected {several}, got {came(faults[0].value, faults[0].path)}"


def _is_hidden(value: Any, path: Path) -> bool:
    return isinstance(value, Referenced) or any(telling(str(step)) for step in path)


def came(value: Any, path: Path = ()) -> str:
    """What a value is, for messages: shown itself only where that is safe."""
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, Referenced):
        return "a text from a reference"
    if _is_hidden(value, path):
        return "a value that is not shown here"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"the number {value}" if isinstance(value, (int, float)) else f"the text '{_clip(redact(str(value)))}'"


def choose(value: Any, allowed: Sequence[str], path: Path = ()) -> str:
    """The sentence for a word that is not one of the allowed."""
    if isinstance(value, str) and not _is_hidden(value, path):
        return f"unknown word '{_clip(redact(value))}'{suggest(value, allowed)}"
    return f"expected one of {', '.join(sorted(allowed))}, got {came(value, path)}"


def mask(text: str, value: Any, path: Path = ()) -> str:
    """A text about `value` that was written elsewhere; another one where it repeats what must not be shown."""
    hidden = [str(marker) for marker in markers(value)]
    if _is_hidden(value, path) and isinstance(value, (str, int, float)):
        hidden.append(str(value))
    if any(piece in secret for secret in hidden for piece in _pieces(text)):
        return "the value cannot be used here (it is not shown, as it may be a secret)"
    return redact(text)


def _pieces(text: str) -> set[str]:
    """Every run of a few characters: a message may quote a part of a value only."""
    return {text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)}


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _convert(raw: Any, errors: Sequence[Mapping[str, Any]]) -> Any:
    """`raw` with each text from a reference as the number or boolean that was wanted; None when there is none."""
    wanted: dict[Path, Any] = {}
    for error in errors:
        fault = _fault(error, raw)
        types = _CONVERTIBLE.get(fault.kind)
        if types and isinstance(fault.value, Referenced):
            value = types[0](1) if isinstance(fault.value, Late) else scalars.plain(fault.value.strip())
            if isinstance(value, types) and not (isinstance(value, bool) and bool not in types):
                wanted[fault.path] = value
    return _replaced(raw, wanted) if wanted else None


def _replaced(value: Any, wanted: Mapping[Path, Any], path: Path = ()) -> Any:
    if path in wanted:
        return wanted[path]
    if isinstance(value, dict):
        return {key: _replaced(child, wanted, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [_replaced(child, wanted, (*path, index)) for index, child in enumerate(value)]
    return value
