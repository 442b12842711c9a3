"""What a run leaves behind. Records are all that leaves the engine: journal, reports, store, gate and server read
nothing else. All times of day are UTC, all durations are milliseconds (the unit of the published JSON).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from pytest_sysint.core.model import Record

SCHEMA_VERSION = "1.0"

Status = Literal["passed", "failed", "error", "skipped", "blocked"]
Severity = Literal["critical", "high", "medium", "low"]
Effect = Literal["read", "write", "destructive", "load"]
Health = Literal["healthy", "degraded", "unhealthy", "unknown"]
Verdict = Literal["passed", "blocked", "inconclusive"]

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
EFFECTS: tuple[Effect, ...] = ("read", "write", "destructive", "load")
SHARED = "shared"
"""The tenant of what belongs to no tenant in particular."""


class Assertion(Record):
    """One judgement: what was expected of one subject, and what was seen."""

    name: str
    """What was judged, such as `status`, `latency` or `$[0].n`."""
    status: Literal["passed", "failed"]
    message: str
    expected: Any = None
    actual: Any = None
    severity: Literal["fail", "warn"] = "fail"
    """A failed assertion of severity `warn` degrades the result; one of severity `fail` fails it."""
    tenant_id: str = SHARED


class Timing(Record):
    """One phase of a conversation: dns, tcp, tls, authentication, ping, first_byte, total, ..."""

    phase: str
    ms: float


class Exchange(Record):
    """One conversation with an integration as it went over the wire, redacted and cut to a readable size."""

    title: str
    """One line, such as `GET http://127.0.0.1:8000/health`."""
    sent: str = ""
    received: str = ""
    at: datetime | None = None
    ms: float | None = None


class Attempt(Record):
    """One try of a check. More than one means that the first met a connection error or a timeout."""

    number: int
    started_at: datetime
    ms: float
    status: Status
    message: str = ""
    rung: str = ""


class Covered(Record):
    """What a check met with of a document that it tests a part of: over all checks `met` adds up, towards `total`."""

    document: str
    """By the name that it was declared with."""
    what: str
    """operations, statuses, parameters."""
    met: int
    total: int
    """In the whole document, also in what no check tests."""


class Result(Record):
    """The outcome of one check, or of one hand-written test."""

    id: str
    test_id: str
    """Stable over runs: the same check of the same declaration has the same."""
    nodeid: str
    name: str
    kind: str
    integration_id: str
    type: str
    category: str
    tenant_id: str
    severity: Severity
    owner: str = ""
    effect: Effect = "read"
    status: Status
    degraded: bool = False
    """Passed, with at least one warning."""
    flaky: bool = False
    """Passed, but not at the first attempt."""
    measured_alone: bool = False
    """The latency failed beside other checks and was measured again on its own."""
    started_at: datetime
    timestamp: datetime
    """When it ended."""
    execution_time: float
    error_message: str = ""
    rung: str = ""
    """The step that broke: start (of a service provisioned for the run), dns, tcp, tls, host_key, authentication, ping,
    read, write."""
    cause: str = ""
    """The likely cause of a failure, in a sentence."""
    reproduce: str = ""
    """A command to see the same by hand."""
    blocked_by: str = ""
    """The id of the integration at the root of a blocked result."""
    skip_reason: str = ""
    assertions: tuple[Assertion, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    timings: tuple[Timing, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    logs: tuple[str, ...] = ()
    worker: str = ""
    description: str = ""
    data_type: str = ""
    """Of a check that moves records from one system to others: what they are."""
    source_system: str = ""
    """The integration that they went in at; empty for checks that move nothing."""
    target_system: str = ""
    """The integrations where they were awaited."""
    processing_time: float | None = None
    """Milliseconds from the sending of the first record until the last was seen; None for checks that move nothing."""
    covered: tuple[Covered, ...] = ()
    """Of a check that tests a part of a document: what it met with."""
    origin: Literal["declared", "handwritten"] = "declared"


class IntegrationRecord(Record):
    """One declared integration in a run: where it was and how it came to be there."""

    id: str
    name: str
    type: str
    category: str
    url: str = ""
    """Redacted. Empty when it was not available."""
    severity: Severity = "high"
    owner: str = ""
    tenants: tuple[str, ...] = (SHARED,)
    depends_on: tuple[str, ...] = ()
    provision: str = ""
    """existing, container, local_binary, embedded, command, simulator; empty when it was not available."""
    provision_detail: str = ""
    unavailable: str = ""
    """Why it could not be provided, and what would make it run."""
    declared_at: str = ""
    """file:line"""


class AuditEvent(Record):
    """SystemIntegrationAuditEvent of the reference module, with the tenant and room for the hash chain."""

    resource: Literal["SystemIntegration"] = "SystemIntegration"
    entity_type: str
    entity_id: str
    action: Literal["CREATE", "READ", "UPDATE", "DELETE"]
    details: dict[str, Any] = Field(default_factory=dict)
    user_id: str
    timestamp: datetime
    tenant_id: str = SHARED
    previous_hash: str = ""
    hash: str = ""


class Run(Record):
    """Who ran what, where, when, with which versions."""

    id: str
    started_at: datetime
    finished_at: datetime | None = None
    environment: str = ""
    system: str = ""
    tenants: tuple[str, ...] = ()
    user: str = ""
    commit: str = ""
    declaration_digest: str = ""
    declarations: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    interrupted: bool = False
    provisioning_ms: float = 0.0


class Gate(Record):
    """The verdict on a run and its reasons."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()


class RunRecords(Record):
    """Everything of one run: what every report is made from."""

    run: Run
    gate: Gate
    integrations: tuple[IntegrationRecord, ...] = ()
    results: tuple[Result, ...] = ()
    audit: tuple[AuditEvent, ...] = ()
    notices: tuple[str, ...] = ()
    """What must be said beside the results: skipped pairs, things that could not be written, ..."""
