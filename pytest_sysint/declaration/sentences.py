"""pydantic's error types in our words. A type that is not in these tables gets a plain sentence without details."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

Context = Mapping[str, Any]

BUILT_IN = frozenset(get_args(ErrorType))
"""Every error type of pydantic itself; the text of any other was written by the author of a type or kind."""

EXPECTED = {
    "string_type": "a text",
    "bytes_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a map",
    "mapping_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dataclass_type": "a map",
    "url_type": "a url",
    "url_parsing": "a url",
    "url_syntax_violation": "a url",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "date_type": "a date such as 2026-12-31",
    "date_parsing": "a date such as 2026-12-31",
    "date_from_datetime_parsing": "a date such as 2026-12-31",
    "datetime_type": "a time such as 2026-12-31T12:00:00Z",
    "datetime_parsing": "a time such as 2026-12-31T12:00:00Z",
    "datetime_from_date_parsing": "a time such as 2026-12-31T12:00:00Z",
    "none_required": "nothing",
}
"""What each error type says was expected."""


def _items(count: int) -> str:
    return f"{count} item{'s' if count != 1 else ''}"


_LIMITS: dict[str, Callable[[Context], str]] = {
    "greater_than": lambda c: f"must be greater than {c['gt']:g}",
    "greater_than_equal": lambda c: f"must be {c['ge']:g} or more",
    "less_than": lambda c: f"must be less than {c['lt']:g}",
    "less_than_equal": lambda c: f"must be {c['le']:g} or less",
    "multiple_of": lambda c: f"must be a multiple of {c['multiple_of']:g}",
    "finite_number": lambda _: "must be a finite number",
    "too_short": lambda c: f"needs at least {_items(c['min_length'])}, and has {c['actual_length']}",
    "too_long": lambda c: f"takes at most {_items(c['max_length'])}",
    "string_too_short": lambda c: (
        "must not be empty" if c["min_length"] == 1 else f"needs {c['min_length']} characters"
    ),
    "string_too_long": lambda c: f"takes at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda c: f"must match the pattern {c['pattern']}",
    "url_scheme": lambda c: f"must be a url of the scheme {c['expected_schemes']}",
    "union_tag_not_found": lambda c: f"the key {c['discriminator']} must say which form this has",
}


def limit(kind: str, context: Context) -> str:
    """The sentence for a value of the right type that is not allowed; empty when there is none for this error type."""
    say = _LIMITS.get(kind)
    return say(context) if say else ""


_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


def words(kind: str, context: Context) -> list[str] | None:
    """The allowed words of a choice; None when the error is about something else."""
    if kind not in ("literal_error", "enum", "union_tag_invalid"):
        return None
    listed = str(context.get("expected_tags") or context.get("expected", ""))
    quoted = _QUOTED.findall(listed)
    rest = [word for word in re.split(r", | or ", _QUOTED.sub("", listed)) if word.strip()]
    return quoted + [
        {"True": "true", "False": "false", "None": "null"}.get(word.strip(), word.strip()) for word in rest
    ]
