"""The keys of a comparison, beside those of its two sides."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pytest_sysint.checks._reconcile.values import As
from pytest_sysint.core.model import Declared


class FieldKeys(Declared):
    """One value that both sides have."""

    source: str = Field(default="", description="What the source calls it; default: what the target does.")
    as_: As = Field(
        default="text",
        alias="as",
        description="How it is read before it is compared: text, number, boolean, date, datetime (in UTC).",
    )
    tolerance: float | None = Field(default=None, gt=0, description="By how much two numbers may differ.")


class CompareKeys(Declared):
    """How the rows of two sides are told to be the same, beside `source` and `target`."""

    key: str | list[str] | dict[str, str | FieldKeys] = Field(
        default_factory=list,
        description="What makes a row: a column, several, or target's name -> source's. Without it rows are counted.",
    )
    compare: Literal["all"] | list[str] | dict[str, str | FieldKeys] = Field(
        default_factory=list,
        description="The values that must be the same: `all` that both sides have, some, or target's -> source's name.",
    )
    ignore: tuple[str, ...] = Field(default=(), description="Columns that `compare: all` leaves out.")
    checksum: bool = Field(
        default=False,
        description="Keep of each row 16 bytes in place of its values: then it is not known which value differs.",
    )
    sample: int = Field(default=0, ge=0, description="Compare the values of so many rows only; the keys of all.")
    hide: Literal["all"] | tuple[str, ...] = Field(
        default=(), description="Fields whose values are not shown in results; `all` for every one."
    )
