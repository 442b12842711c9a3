"""The keys of a reconciliation, beside those of the operations in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pytest_sysint.checks._reconcile.values import As
from pytest_sysint.core.check import Poll
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Severity
from pytest_sysint.core.units import Duration


class WholeKeys(Declared):
    """What is said of a reconciliation as a whole."""

    description: str = Field(default="", description="What it shows, in a sentence or two, for readers of the report.")
    data_type: str = Field(
        default="", description="What the rows are: `resident`, `care note`. For the report and the audit trail."
    )
    expect: dict[str, Any] | None = Field(default=None, description="What must hold in total: subject -> matcher.")
    within: Duration = Field(
        default=300.0, gt=0, description="The time in which both sides must have been read; default 5m."
    )
    poll: Poll | None = Field(
        default=None, description="Compare again until the expectations hold, or this time is over."
    )
    timeout: Duration | None = Field(
        default=None, gt=0, description="The time for one conversation before and after; default: the source's."
    )
    severity: Severity | None = Field(default=None, description="How bad a failure is; default: the source's.")
    tenants: tuple[str, ...] | None = Field(
        default=None, description="The tenants that it is for; default: all of the source's."
    )
    budget: str = Field(default="", description="The budget that its calls count against; default: the source's.")
    tags: tuple[str, ...] = Field(default=(), description="Words to find it by.")


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
