"""What a plain YAML scalar means: the rules of YAML 1.2's core schema, without their surprises.

`no`, `on` and `yes` are texts, as in YAML 1.2. Texts are also: dates, numbers with a leading zero (`007` names
something), and numbers that JSON has no room for (`.inf`, `.nan`, `1e999`, more digits than any counter has).
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_BASED = re.compile(r"0o[0-7]{1,24}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][-+]?[0-9]{1,5})?")


def plain(text: str) -> Scalar:
    """The value of a scalar that is written without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    return text if text[0] not in "+-.0123456789" else _number(text)


def _number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text
