"""JSON Schemas of a declaration: checked when they are read, and never fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from referencing import Registry as Documents


def compile_schema(raw: Mapping[str, Any], beside: Documents[Any] | None = None) -> Validator:
    """A validator for a schema, of draft 2020-12 unless `$schema` says otherwise.

    `beside` are other documents that it may refer to; whether its references lead to one is for the caller to see.

    Raises:
        ValueError: when it is no valid schema, or refers to something outside of itself.

    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    kind: Any = validator_for(raw, default=Draft202012Validator)
    try:
        kind.check_schema(raw, format_checker=kind.FORMAT_CHECKER)
    except SchemaError as error:
        raise ValueError(f"not a valid JSON Schema: {error.json_path}: {error.message}") from None
    if beside is None:
        _check_references(raw)
    registry: Documents[Any] = Registry() if beside is None else beside
    found: Validator = kind(raw, registry=registry, format_checker=_formats())
    return found


def _formats() -> Any:
    """The formats that are checked, with times of day also where the library lacks its optional parser."""
    from datetime import datetime

    from jsonschema import FormatChecker

    checker = FormatChecker()

    @checker.checks("date-time", ValueError)
    def _date_time(value: object) -> bool:
        return not isinstance(value, str) or ("T" in value.upper() and bool(datetime.fromisoformat(value)))

    return checker


def _check_references(schema: Mapping[str, Any]) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012, specification_with

    declared = schema.get("$schema")
    specification = specification_with(declared) if isinstance(declared, str) else DRAFT202012
    resource = specification.create_resource(schema)
    base = str(schema.get("$id", ""))
    resolver = Registry().with_resource(base, resource).crawl().resolver(base_uri=base)
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise ValueError(f"$ref '{reference}' points to nothing in this schema, and nothing is fetched") from None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key in ("$ref", "$dynamicRef") and isinstance(item, str):
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
