"""The keys of flows, beside those of the operations in them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from pytest_sysint.checks._flows.rows import MOST
from pytest_sysint.core.check import Poll
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Severity
from pytest_sysint.core.units import Duration, Rate


class WholeKeys(Declared):
    """What is said of a flow of any form as a whole."""

    description: str = Field(default="", description="What it shows, in a sentence or two, for readers of the report.")
    data_type: str = Field(
        default="", description="What the records are: `resident`, `care note`. For the report and the audit trail."
    )
    expect: dict[str, Any] | None = Field(default=None, description="What must hold in total: subject -> matcher.")
    timeout: Duration | None = Field(
        default=None, gt=0, description="The time for one conversation; default: the source's."
    )
    severity: Severity | None = Field(default=None, description="How bad a failure is; default: the source's.")
    tenants: tuple[str, ...] | None = Field(
        default=None, description="The tenants that it is for; default: all of the source's."
    )
    budget: str = Field(default="", description="The budget that its calls count against; default: the source's.")
    tags: tuple[str, ...] = Field(default=(), description="Words to find it by.")


class FlowKeys(WholeKeys):
    """What is said of a journey as a whole."""

    records: int | None = Field(
        default=None, ge=1, le=MOST, description="How many records are sent; default: as many as `data` has, else 1."
    )
    rate: Rate | None = Field(
        default=None, gt=0, description="How many are sent a second; left out, as fast as they are taken."
    )
    concurrency: int = Field(
        default=8, ge=1, le=64, description="How many are on their way at once, at each integration."
    )
    data: str = Field(
        default="", description="A file with a row per record (CSV, JSON, JSON lines or YAML), beside the declaration."
    )
    seed: int = Field(default=0, description="What Faker draws its values from: the same seed gives the same records.")
    locale: str = Field(default="en_GB", description="The language and country of Faker's values.")
    repeat: int = Field(
        default=1,
        ge=1,
        le=10,
        description="How often each record is sent: 2 shows that the same twice leaves one effect.",
    )
    order_by: str = Field(
        default="",
        description="What keeps its order: a text with placeholders. Default: the key of the messages that are sent.",
    )
    settle: Duration = Field(
        default=0.5, description="How long is still watched for duplicates when all has arrived; default 500ms."
    )


class ReconciliationKeys(WholeKeys):
    """What is said of a reconciliation as a whole."""

    within: Duration = Field(
        default=300.0, gt=0, description="The time in which both sides must have been read; default 5m."
    )
    poll: Poll | None = Field(
        default=None, description="Compare again until the expectations hold, or this time is over."
    )


class Correlate(Declared):
    """Where the token of a record stands, and what it looks like."""

    at: str = Field(description="Where it is put: a path such as `$.externalId`, `key`, or `headers.x-correlation-id`.")
    as_: str = Field(
        default="", alias="as", description="What it looks like, with `{index}`, `{uuid}` or `{nhs_number}`."
    )


class SendKeys(Declared):
    """Where the records go in, beside the operation that sends one."""

    to: str = Field(description="The integration that they are sent to.")
    correlate: str | Correlate | None = Field(
        default=None,
        description="Where the record's token is put; left out, `{correlation}` must stand in the operation.",
    )
    capture: dict[str, str] = Field(
        default_factory=dict,
        description="Name -> path in the answer: what is known of the record from then on as `{name}`.",
    )
    mark: bool = Field(
        default=True, description="Whether a header says that the record is synthetic, where there are headers."
    )


class ObserveKeys(Declared):
    """Where the records come out, beside the operation that sees them."""

    on: str = Field(description="The integration that is looked at.")
    name: str = Field(default="", description="What it is called in results; default: the integration's id.")
    within: Duration = Field(default=5.0, gt=0, description="How long a record may take to get there; default 5s.")
    after: str = Field(
        default="", description="The observer that sees the record before: the time is counted from there."
    )
    match: str = Field(
        default="",
        description="Where the token stands in what is seen: a path, `key`, `headers.x`, a column, or `anywhere`.",
    )
    by: str = Field(default="{correlation}", description="What stands there; default: the record's token.")
    rows: str = Field(default="", description="The path of the hits in the answer; default: the answer itself.")
    map: dict[str, Any] | None = Field(default=None, description="Field -> what it must be, from what was sent.")
    capture: dict[str, str] = Field(
        default_factory=dict, description="Name -> place in what is seen: known to later observers as `{name}`."
    )
    copies: int = Field(default=1, ge=1, description="How often a record is seen there when all is well; default 1.")
    every: Duration = Field(
        default=0.1, gt=0, description="How often it is asked while records are missing; default 100ms."
    )


class DeadLetter(ObserveKeys):
    """Where malformed records end."""


class MalformedKeys(Declared):
    """Records that must not get through, sent before the others; beside what is different in their operation."""

    records: int = Field(default=1, ge=1, le=1000, description="How many; default 1.")
    set: dict[str, Any] = Field(
        default_factory=dict,
        description="Path in the body -> the value that makes it wrong; null removes nothing, it is sent.",
    )
    remove: tuple[str, ...] = Field(default=(), description="Paths in the body that are left out.")
    expect: Literal["refused", "accepted"] | None = Field(
        default=None,
        description="Whether the source refuses them; default: `refused`, and `accepted` with a `dead_letter`.",
    )
    dead_letter: dict[str, Any] | None = Field(
        default=None, description="Where they must end: an observer, `{on, consume, match, within}`."
    )
