"""Records on their way out of the process: as JSON text whatever their values are, and without a secret.

The engine masks what it records; this is the second lock on the same door. Masking a finished JSON text could break
it (a secret may be a number, or the word `passed`), so the texts within the record are masked: free texts, never the
closed words, numbers and times that readers rely on.
"""

from __future__ import annotations

import base64
import json
import math
import operator
import types
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from pytest_sysint.core.model import Record
from pytest_sysint.core.secrets import MASK, redact

R = TypeVar("R", bound=Record)
_DEEPEST = 64
_CUT = "... (nested too deep)"


def encode(record: Record) -> str:
    """The record as one line of JSON under its published names.

    Values that JSON has no word for are written as text, and what is nested too deep (or within itself) is cut.
    """
    try:
        return record.model_dump_json(by_alias=True)
    except ValueError:
        plain = _plain(record.model_dump(by_alias=True))
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace").decode()


def encode_masked(record: Record) -> str:
    """The same, with every known secret masked."""
    text = encode(record)
    return text if _spotless(text) else encode(_Walk().of(record))


def masked(records: Iterable[R]) -> tuple[R, ...]:
    """The records with every known secret masked; those with nothing to mask are the very same objects."""
    walk = _Walk()
    return tuple(record if _spotless(encode(record)) else walk.of(record) for record in records)


def _spotless(text: str) -> bool:
    # Without a backslash every text of the record stands in the JSON as it is. With one, the redactor knows the
    # escaped forms as long as nothing but ASCII is there; else only the walk can tell.
    readable = "\\" not in text or (text.isascii() and "\x7f" not in text)
    return readable and redact(text) == text


class _Walk:
    """Masks the texts of records. Remembers them, because thousands of results share most of theirs."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, value: Any, depth: int = 0) -> Any:
        """The value masked; the same object where nothing changed."""
        if depth > _DEEPEST:
            return _CUT
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, BaseModel):
            return self._model(value, depth + 1)
        if isinstance(value, Mapping):
            return {self._text(str(key)): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = [self.of(item, depth + 1) for item in value]
            return value if all(map(operator.is_, items, value)) else type(value)(items)
        if isinstance(value, int) and not isinstance(value, bool):
            return value if self._text(str(value)) == str(value) else MASK
        if value is None or isinstance(value, (bool, float, date)):
            return value
        return self._text(_as_text(value))

    def _text(self, text: str) -> str:
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = redact(text)
        return found

    def _model(self, model: BaseModel, depth: int) -> BaseModel:
        fields = ((name, getattr(model, name)) for name in _open_fields(type(model)))
        changed = {name: new for name, old in fields if (new := self.of(old, depth)) is not old}
        return model.model_copy(update=changed) if changed else model


@cache
def _open_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields that may hold free text somewhere within."""
    return tuple(name for name, field in model.model_fields.items() if not _closed(field.annotation))


def _closed(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        return all(map(_closed, get_args(annotation)))
    return origin is Literal or annotation in (int, float, bool, datetime, types.NoneType)


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return _CUT
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date) else _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return "base64:" + base64.b64encode(value).decode()
    return str(value)
