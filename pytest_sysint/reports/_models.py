"""The published shape of a run: what `sysint.json` holds, and what every other report is rendered from.

Times of day are UTC, durations milliseconds, rates fractions between 0 and 1. Names and words are those of the
reference module (SystemIntegrationStatus, EndpointStatus, SystemDependency, IntegrationTest, TestResult,
SystemIntegrationAuditEvent); what stands beside them is an addition of ours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from pytest_sysint.core.model import Record
from pytest_sysint.core.records import SCHEMA_VERSION, Assertion, AuditEvent, Gate, Health, Result, Run, Severity

CATEGORIES = ("database", "api", "message_queue", "file_system", "external_service", "internal_service")
ENTITY_TYPES = (
    "Initialization", "SystemHealth", "IntegrationTest", "DataFlowTest", "Endpoints", "Dependencies", "Tests",
    "TestResults", "Configuration", "Logs", "Statistics", "Dashboard", "Status",
)  # fmt: skip
"""What an audit event can be about."""

State = Literal["healthy", "unhealthy", "unknown"]
TestStatus = Literal["passed", "failed", "pending", "running"]
DependencyType = Literal["internal", "external", "database", "api"]


class Counts(Record):
    """How many results there are, by status. A flaky or degraded one has passed and is counted there too."""

    total: int = 0
    passed: int = 0
    failed: int = 0
    error: int = 0
    skipped: int = 0
    blocked: int = 0
    flaky: int = 0
    """Passed, but not at the first attempt."""
    degraded: int = 0
    """Passed, with at least one warning."""


class Summary(Counts):
    """The counts of the whole run, and of its parts."""

    by_kind: dict[str, Counts] = Field(default_factory=dict)
    by_tenant: dict[str, Counts] = Field(default_factory=dict)
    by_integration: dict[str, Counts] = Field(default_factory=dict)


class IntegrationStatus(Record):
    """How one integration is, by the health checks of this run (by its other checks where it has none)."""

    id: str
    name: str
    type: str = Field(description="The category.", json_schema_extra={"enum": list(CATEGORIES)})
    status: State
    last_checked: datetime
    """When its last check ended; when the run began, if it had none."""
    response_time: float
    """Milliseconds, the mean over its health checks; 0 when none was run."""
    error_message: str = ""
    url: str = ""
    integration_type: str
    """The type it is declared with, such as `postgresql`."""
    degraded: bool = False
    """Healthy, with a warning."""
    root_cause: bool = False
    """Other checks could not run because of it."""
    blocked_by: str = ""
    """The integration because of which its own checks could not run."""
    severity: Severity = "high"
    owner: str = ""
    tenants: tuple[str, ...] = ()
    provision: str = ""
    """existing, container, local_binary, embedded, command, simulator; empty when it was not available."""
    provision_detail: str = ""
    unavailable: str = ""
    """Why it could not be provided, and what would make it run."""
    declared_at: str = ""
    """file:line"""

    @property
    def health(self) -> Health:
        """The state with `degraded` as a word of its own."""
        return "degraded" if self.degraded else self.status


class SystemIntegrationStatus(Record):
    """How the system's integrations are, all together."""

    overall_status: Health
    total_integrations: int
    active_integrations: int
    """Those that are healthy."""
    inactive_integrations: int
    integrations: tuple[IntegrationStatus, ...]
    last_checked: datetime


class EndpointStatus(Record):
    """How one place that the run talked to is."""

    id: str
    name: str
    service: str
    """The id of the integration that it belongs to."""
    url: str
    status: State
    response_time: float
    last_checked: datetime
    error_message: str = ""


class SystemDependency(Record):
    """One integration as others depend on it."""

    id: str
    name: str
    type: DependencyType
    status: State
    url: str
    last_checked: datetime
    response_time: float
    error_message: str = ""
    depends_on: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()


class IntegrationTest(Record):
    """One test, with what came of it last."""

    id: str
    name: str
    suite: str
    """The node id that the test is under."""
    description: str
    status: TestStatus
    """`pending` is what was skipped or blocked."""
    last_run: datetime
    execution_time: float
    assertions: tuple[Assertion, ...]


class RootCause(Record):
    """An integration because of which checks could not run."""

    integration_id: str
    integration_type: str = ""
    rung: str = ""
    """The step of the probe ladder that broke."""
    error_message: str = ""
    cause: str = ""
    failed: int = 0
    """Checks of the integration itself that failed."""
    blocked: int = 0
    """Checks that could not run because of it."""
    integrations: tuple[str, ...] = ()
    """Whose checks those are."""


class Performance(Record):
    """Times and rates over those checks that were run."""

    count: int
    average_response_time: float
    p50: float
    p95: float
    p99: float
    maximum: float
    success_rate: float
    error_rate: float
    throughput: float
    """Checks per second, from the first start to the last end."""


class Statistics(Record):
    """Performance of the whole run, and of its parts. A part in which no check was run is left out."""

    overall: Performance | None = None
    by_integration: dict[str, Performance] = Field(default_factory=dict)
    by_kind: dict[str, Performance] = Field(default_factory=dict)
    by_tenant: dict[str, Performance] = Field(default_factory=dict)


class Coverage(Record):
    """What all checks of an integration and tenant met with of a document together."""

    integration_id: str
    tenant_id: str
    document: str
    what: str
    """operations (asked at least once), statuses (seen), parameters (sent)."""
    met: int
    total: int
    """In the whole document, also in what no check tested."""


class Document(Record):
    """One run of pytest --sysint."""

    schema_version: str = SCHEMA_VERSION
    run: Run
    summary: Summary
    gate: Gate
    status: SystemIntegrationStatus
    endpoints: tuple[EndpointStatus, ...]
    dependencies: tuple[SystemDependency, ...]
    tests: tuple[IntegrationTest, ...]
    results: tuple[Result, ...]
    statistics: Statistics
    anomalies: tuple[dict[str, Any], ...] = ()
    audit: tuple[AuditEvent, ...]
    root_causes: tuple[RootCause, ...] = ()
    notices: tuple[str, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    """Of the documents that contracts are tested by."""
