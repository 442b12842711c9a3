"""What a model looks like from outside: the keys it takes, and the models below it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


@cache
def fields_by_key(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model under the keys by which they are declared."""
    return {_key(name, field): field for name, field in model.model_fields.items()}


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias if isinstance(field.validation_alias, str) else field.alias
    return alias or name


@cache
def secret_fields(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """(key, field name) of each field of a model that is a secret, or may hold one further down."""
    names = zip(fields_by_key(model), model.model_fields.items(), strict=True)
    return tuple((key, name) for key, (name, field) in names if _may_hold_secret(field.annotation, (model,)))


def _may_hold_secret(annotation: Any, within: tuple[Any, ...]) -> bool:
    if annotation is SecretStr or annotation in within:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        below = (*within, annotation)
        return any(_may_hold_secret(field.annotation, below) for field in annotation.model_fields.values())
    return any(_may_hold_secret(part, within) for part in get_args(annotation))


def models_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that may stand at `path` below a model: several where a field takes one of several."""
    found: list[type[BaseModel]] = [model]
    for step in path:
        fields = [fields_by_key(each)[step] for each in found if isinstance(step, str) and step in fields_by_key(each)]
        if fields:
            found = [each for field in fields for each in _models_in(field.annotation)]
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model, complete in itself: what pydantic puts under `$defs` stands where it is used."""
    schema = model.model_json_schema()
    inlined: dict[str, Any] = _inline(schema, schema.pop("$defs", {}), ())
    return inlined


def _inline(part: Any, definitions: dict[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(part, list):
        return [_inline(item, definitions, within) for item in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    if not name:
        return {key: _inline(value, definitions, within) for key, value in part.items()}
    rest = {key: _inline(value, definitions, within) for key, value in part.items() if key != "$ref"}
    # A model that holds itself has no end: below its second occurrence the schema takes anything.
    return rest if name in within else {**_inline(definitions[name], definitions, (*within, name)), **rest}
