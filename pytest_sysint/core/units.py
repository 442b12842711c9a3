"""Quantities as people write them: `250ms`, `5s`, `2MiB`, `99.9%`, `200/s`.

A number without a unit where one is needed is an error, because nobody agrees on what it means.
Durations are floats in seconds, sizes ints in bytes, ratios floats between 0 and 1, rates floats per second.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

Dimension = Literal["duration", "size", "ratio", "rate", "number"]

_DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES = {
    "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_RATES = {"/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}
_UNITS: dict[str, tuple[Dimension, float]] = {
    **{unit: ("duration", factor) for unit, factor in _DURATIONS.items()},
    **{unit: ("size", float(factor)) for unit, factor in _SIZES.items()},
    **{unit: ("rate", factor) for unit, factor in _RATES.items()},
    "%": ("ratio", 0.01),
}
_NUMBER = r"[+-]?(?:\d+(?:_\d+)*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PART = re.compile(rf"\s*({_NUMBER})\s*(/?[A-Za-z]+|%)?\s*")
EXAMPLES: dict[Dimension, str] = {
    "duration": "250ms, 5s, 2m, 1h30m, 14d",
    "size": "512B, 64KiB, 2MiB, 1GB",
    "ratio": "99.9%, 0.1%",
    "rate": "200/s, 30/m",
    "number": "3, 0.5",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A magnitude in the base unit of its dimension (seconds, bytes, a fraction, per second, or a bare number)."""

    dimension: Dimension
    value: float


def parse(text: str) -> Quantity:
    """Read a quantity; several parts of one dimension add up (`1h30m`).

    Raises:
        ValueError: when the text is no quantity, with a sentence that says what would be.

    """
    position, total, dimension = 0, 0.0, None
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part.end() == position:
            raise ValueError(f"'{text}' is not a quantity such as {EXAMPLES['duration']}, {EXAMPLES['size']}")
        number, unit = float(part[1].replace("_", "")), part[2]
        if unit and unit not in _UNITS:
            raise ValueError(f"unknown unit '{unit}' (known: {', '.join(_UNITS)})")
        found, factor = _UNITS[unit] if unit else ("number", 1.0)
        if dimension not in (None, found) or (dimension == "number"):
            raise ValueError(f"'{text}' mixes units")
        dimension, total, position = found, total + number * factor, part.end()
    if dimension is None:
        raise ValueError("an empty text is not a quantity")
    return Quantity(dimension, total)


def quantity(value: Any, dimension: Dimension) -> float:
    """The magnitude of `value` in the base unit of `dimension`.

    Raises:
        ValueError: when it has no unit, or one of another dimension.

    """
    example = EXAMPLES[dimension]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"expected a {dimension} such as {example}")
    found = parse(str(value))
    if found.dimension == dimension:
        return found.value
    if found.dimension == "number":
        if found.value == 0:
            return 0.0
        raise ValueError(f"'{value}' has no unit; write a {dimension} such as {example}")
    raise ValueError(f"'{value}' is a {found.dimension}; expected a {dimension} such as {example}")


def show(value: float, dimension: Dimension, digits: int = 3) -> str:
    """A magnitude as a person would write it: `show(0.0123, "duration") == "12.3ms"`."""
    if dimension == "duration":
        return _scaled(value, [(60.0 * 60, "h"), (60.0, "m"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us")], digits)
    if dimension == "size":
        return _scaled(value, [(2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")], digits)
    if dimension == "ratio":
        return f"{value * 100:.{max(digits, 4)}g}%"
    return f"{value:.{max(digits, 6)}g}" + ("/s" if dimension == "rate" else "")


def _scaled(value: float, steps: list[tuple[float, str]], digits: int) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}{steps[-1][1]}"
    factor, unit = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    scaled = value / factor
    whole = len(str(int(abs(scaled))))  # the digits before the point are never rounded away
    return f"{float(f'{scaled:.{max(digits, whole)}g}'):.15g}{unit}"


def _reader(dimension: Dimension) -> BeforeValidator:
    def read(value: Any) -> float:
        try:
            found = quantity(value, dimension)
        except ValueError as error:
            raise PydanticCustomError("sysint", "{text}", {"text": str(error)}) from None
        return round(found) if dimension == "size" else found  # sizes are strict ints

    return BeforeValidator(read)


def _schema(dimension: Dimension) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": f"a {dimension}, such as {EXAMPLES[dimension]}"})


Duration = Annotated[float, _reader("duration"), _schema("duration")]
Size = Annotated[int, _reader("size"), _schema("size")]
Ratio = Annotated[float, _reader("ratio"), _schema("ratio")]
Rate = Annotated[float, _reader("rate"), _schema("rate")]
