"""Sample runs that reports are made from in these tests: a bad day in a care system, and ten thousand results."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_sysint.core.records import (
    Assertion,
    Attempt,
    AuditEvent,
    Exchange,
    IntegrationRecord,
    Result,
    Run,
    RunRecords,
    Timing,
)
from pytest_sysint.gate import judge

START = datetime(2026, 3, 2, 2, 15, tzinfo=UTC)
TENANTS = ("oakwood", "elmhurst")
NASTY = "</script><img src=x onerror=\"document.title='pwned'\">"
LADDER = {
    "postgresql": ("dns", "tcp", "authentication", "ping", "read"),
    "redis": ("dns", "tcp", "ping", "read"),
    "rest": ("dns", "tcp", "tls", "ping", "read"),
}

_ESTATE: tuple[tuple[str, str, str, str, tuple[str, ...], str], ...] = (
    ("residents-db", "postgresql", "database", "critical", (), "postgresql://app@127.0.0.1:54132/residents"),
    ("cache", "redis", "database", "critical", (), "redis://127.0.0.1:6390/0"),
    ("reporting-db", "sql", "database", "medium", ("residents-db",), "sqlite:////srv/reporting.db"),
    ("care-events", "kafka", "message_queue", "high", (), "kafka://127.0.0.1:39092"),
    ("care-tasks", "rabbitmq", "message_queue", "high", (), "amqp://care@127.0.0.1:35672/care"),
    ("documents", "s3", "file_system", "high", (), "s3://admissions"),
    ("imports", "local", "file_system", "low", (), "file:///srv/imports"),
    ("care-api", "rest", "internal_service", "critical", ("residents-db", "cache", "care-events", "documents"),
     "http://127.0.0.1:8801"),
    ("notification-service", "service", "internal_service", "high", ("care-events", "care-tasks", "mail", "care-api"),
     "http://127.0.0.1:8802"),
    ("audit-service", "service", "internal_service", "critical", ("residents-db", "care-events"),
     "http://127.0.0.1:8803"),
    ("mail", "smtp", "external_service", "medium", (), "smtp://127.0.0.1:2525"),
    ("nhs-pds", "rest", "external_service", "high", (), ""),
)  # fmt: skip


def estate() -> tuple[IntegrationRecord, ...]:
    return tuple(
        IntegrationRecord(
            id=name,
            name=name.replace("-", " ").capitalize(),
            type=type_name,
            category=category,
            url=url,
            severity=severity,
            owner="platform-team" if category == "database" else "care-team",
            tenants=TENANTS if severity == "critical" else ("shared",),
            depends_on=depends_on,
            provision="" if not url else "existing" if name == "cache" else "embedded",
            provision_detail="" if not url else "redis-server 7.0.15" if name == "cache" else "embedded",
            unavailable="" if url else "no url is set; export NHS_PDS_URL, or declare `provision: simulator`",
            declared_at=f"suites/writecarenotes/sysint.yaml:{number * 14 + 12}",
        )
        for number, (name, type_name, category, severity, depends_on, url) in enumerate(_ESTATE)
    )


class Sampler:
    """Makes results that look as the engine's do."""

    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.results: list[Result] = []
        self.at = START

    def add(self, on: IntegrationRecord, name: str, kind: str = "health", tenant: str = "shared", **more: Any) -> None:
        slug = name.lower().replace(" ", "-")
        nodeid = f"suites/writecarenotes/sysint.yaml::{on.id}::{kind}::{slug}[{tenant}]"
        timings = more.pop("timings", None) or self.ladder(on.type)
        took = timings[-1].ms + 0.4 if timings else 0.0
        start = self.at = self.at + timedelta(milliseconds=self.random.uniform(1, 9))
        status = more.get("status", "passed")
        defaults: dict[str, Any] = {
            "id": f"r-{len(self.results):05}",
            "test_id": hashlib.sha256(nodeid.encode()).hexdigest()[:16],
            "nodeid": nodeid,
            "name": name,
            "kind": kind,
            "integration_id": on.id,
            "type": on.type,
            "category": on.category,
            "tenant_id": tenant,
            "severity": on.severity,
            "owner": on.owner,
            "status": "passed",
            "started_at": start,
            "timestamp": start + timedelta(milliseconds=took),
            "execution_time": round(took, 3),
            "timings": timings,
            "attempts": (Attempt(number=1, started_at=start, ms=took, status=status),) if timings else (),
            "assertions": self.judged(took) if status == "passed" else (),
            "exchanges": (self.exchange(on, start, took),) if status == "passed" else (),
        }
        self.results.append(Result(**{**defaults, **more}))

    def ladder(self, type_name: str, until: str = "", base: float = 1.0) -> tuple[Timing, ...]:
        timings = []
        for rung in LADDER.get(type_name, ("dns", "tcp", "ping", "read")):
            timings.append(Timing(phase=rung, ms=round(base * self.random.lognormvariate(0.2, 0.9), 3)))
            if rung == until:
                break
        return (*timings, Timing(phase="total", ms=round(sum(timing.ms for timing in timings), 3)))

    def judged(self, took: float) -> tuple[Assertion, ...]:
        return (
            Assertion(name="reachable", status="passed", message="every rung of the ladder held"),
            Assertion(
                name="latency", status="passed", message=f"{took:.1f}ms < 500ms", expected="< 500ms", actual=took / 1000
            ),
        )

    def exchange(self, on: IntegrationRecord, at: datetime, took: float) -> Exchange:
        number = self.random.randrange(10**6)
        return Exchange(
            title=f"GET {on.url}/residents/{number}",
            sent=f"GET /residents/{number} HTTP/1.1\naccept: application/json\nauthorization: ***\n",
            received=f'HTTP/1.1 200 OK\ncontent-type: application/json\n\n{{"id": {number}, "status": "admitted"}}',
            at=at,
            ms=took,
        )


def _refused(sampler: Sampler, cache: IntegrationRecord) -> None:
    start = START + timedelta(milliseconds=40)
    for tenant, name in (("oakwood", "answers"), ("elmhurst", "answers"), ("oakwood", "sessions are kept")):
        sampler.add(
            cache,
            name,
            tenant=tenant,
            status="failed",
            rung="tcp",
            timings=(Timing(phase="dns", ms=0.31), Timing(phase="tcp", ms=0.12), Timing(phase="total", ms=0.43)),
            error_message="127.0.0.1:6390 refused the connection",
            cause="Nothing listens on that port: the server is not running, or its url is wrong.",
            reproduce="redis-cli -h 127.0.0.1 -p 6390 PING",
            attempts=tuple(
                Attempt(
                    number=number,
                    started_at=start + timedelta(milliseconds=wait),
                    ms=0.5,
                    status="failed",
                    message="127.0.0.1:6390 refused the connection",
                    rung="tcp",
                )
                for number, wait in ((1, 0), (2, 118), (3, 342))
            ),
            assertions=(
                Assertion(
                    name="reachable",
                    status="failed",
                    message="127.0.0.1:6390 refused the connection",
                    expected="every rung of the ladder holds",
                    actual="tcp broke",
                    tenant_id=tenant,
                ),
            ),
            logs=("DEBUG redis: connecting to 127.0.0.1:6390", "WARNING redis: \x1b[31mconnection refused\x1b[0m"),
        )


def _other_failures(sampler: Sampler, by_id: dict[str, IntegrationRecord]) -> None:
    start = START + timedelta(seconds=2)
    sampler.add(
        by_id["residents-db"],
        "the application may not change the schema",
        kind="security",
        tenant="oakwood",
        status="failed",
        severity="high",
        error_message="CREATE TABLE was allowed",
        cause="The role `app` owns the schema `public`.",
        reproduce='psql "postgresql://app@127.0.0.1:54132/residents" -c "CREATE TABLE sysint_probe (n int)"',
        assertions=(
            Assertion(
                name="sqlstate", status="failed", message="expected 42501, got 00000", expected="42501", actual="00000"
            ),
            Assertion(name="connected", status="passed", message="as app", expected=True, actual=True),
        ),
        exchanges=(
            Exchange(
                title="CREATE TABLE sysint_probe (n int)",
                sent="CREATE TABLE sysint_probe (n int)",
                received="CREATE TABLE",
                at=start,
                ms=3.2,
            ),
        ),
    )
    sampler.add(
        by_id["documents"],
        f"admission letters are listed {NASTY}",
        kind="contract",
        status="failed",
        severity="medium",
        error_message=f"the content type is {NASTY}",
        description="Every admission leaves a letter as JSON.",
        assertions=(
            Assertion(
                name="headers.content-type",
                status="failed",
                message=f"expected application/json, got {NASTY}",
                expected={"equals": "application/json", "of": ["admissions/1.json", None, 3.5, True]},
                actual=NASTY,
            ),
        ),
        exchanges=(Exchange(title=f"GET {NASTY}", sent=NASTY, received=f"<b>{NASTY}</b>\n" + "x" * 3000, ms=12.5),),
        logs=(NASTY, "\u202ereversed", "snowman \u2603 and nul \x00"),
        reproduce=f"aws s3 ls 's3://admissions' # {NASTY}",
    )
    sampler.add(
        by_id["care-tasks"],
        "the dead letter queue is empty",
        status="error",
        severity="low",
        error_message="NOT_FOUND - no queue 'care.dead' in vhost 'care'",
        rung="read",
        cause="The queue was never declared.",
    )


def _blocked(sampler: Sampler, by_id: dict[str, IntegrationRecord]) -> None:
    for name, kind, count in (
        ("care-api", "health", 3),
        ("care-api", "contract", 4),
        ("notification-service", "health", 2),
    ):
        for number in range(count):
            for tenant in TENANTS:
                sampler.add(
                    by_id[name],
                    f"step {number + 1} of the admission",
                    kind=kind,
                    tenant=tenant,
                    status="blocked",
                    blocked_by="cache",
                    timings=(),
                )


def bad_day() -> RunRecords:
    """Redis is down: 12 integrations, two tenants, every status there is, and hostile texts."""
    integrations = estate()
    by_id = {integration.id: integration for integration in integrations}
    sampler = Sampler()
    _refused(sampler, by_id["cache"])
    for name in (
        "residents-db",
        "reporting-db",
        "care-events",
        "care-tasks",
        "documents",
        "imports",
        "audit-service",
        "mail",
    ):
        for check in ("answers", "is current", "has room", "tells its version"):
            for tenant in by_id[name].tenants:
                sampler.add(by_id[name], check, tenant=tenant)
    for tenant in TENANTS:
        sampler.add(by_id["residents-db"], "tables are as declared", kind="contract", tenant=tenant)
        sampler.add(by_id["audit-service"], "refuses a wrong token", kind="security", tenant=tenant)
        sampler.add(by_id["care-events"], "an admission reaches its readers", kind="dataflow", tenant=tenant)
    sampler.add(by_id["residents-db"], "lookups at 200/s", kind="load", metrics={"latency.p95": 14.2, "rate": 199.8})
    _other_failures(sampler, by_id)
    _blocked(sampler, by_id)
    slow = Assertion(
        name="latency",
        status="failed",
        severity="warn",
        message="212ms is not < 150ms",
        expected="< 150ms",
        actual=0.212,
    )
    sampler.add(
        by_id["mail"], "takes a letter", degraded=True, timings=sampler.ladder("smtp", base=40), assertions=(slow,)
    )
    sampler.add(by_id["care-events"], "replicas are in step", flaky=True, attempts=(
        Attempt(number=1, started_at=START, ms=5000, status="failed", message="no answer within 5s", rung="ping"),
        Attempt(number=2, started_at=START, ms=8.1, status="passed"),
    ))  # fmt: skip
    for name in ("answers", "finds a patient"):
        reason = by_id["nhs-pds"].unavailable
        sampler.add(by_id["nhs-pds"], name, status="skipped", skip_reason=reason, timings=())
    sampler.add(
        by_id["care-events"], "by hand", kind="health", origin="handwritten", description="A hand-written test."
    )
    return finished(sampler.results, integrations, notices=("2 checks need a capability that `local` does not have",))


def finished(results: Iterable[Result], integrations: tuple[IntegrationRecord, ...] = (), **more: Any) -> RunRecords:
    """The records of a run with these results."""
    results = tuple(results)
    ended = max((result.timestamp for result in results), default=START) + timedelta(seconds=1)
    run = Run(
        id="20260302T021500-4f1c",
        started_at=START,
        finished_at=ended,
        environment="staging",
        system="writecarenotes",
        tenants=TENANTS,
        user="jenkins",
        commit="9f2c1e7a0b44d1a7c3e05f6688aa01b2c3d4e5f6",
        declaration_digest=hashlib.sha256(b"declaration").hexdigest(),
        declarations=("suites/writecarenotes/sysint.yaml",),
        versions={"python": "3.11.7", "pytest": "8.3.4", "pytest-sysint": "0.1.0", "platform": "Linux 6.1 x86_64"},
        arguments=("--sysint", "--sysint-env", "staging", "suites"),
        provisioning_ms=1840.0,
    )
    return RunRecords(
        run=run, gate=judge(run, results, integrations), integrations=integrations, results=results,
        audit=tuple(_events(results)), **more,
    )  # fmt: skip


def _events(results: Iterable[Result]) -> Iterable[AuditEvent]:
    previous = ""
    yield AuditEvent(
        entity_type="Initialization", entity_id="20260302T021500-4f1c", action="CREATE", user_id="jenkins",
        timestamp=START, details={"success": False, "totalServices": 12, "failedServices": ["nhs-pds"]},
    )  # fmt: skip
    for result in results:
        digest = hashlib.sha256((previous + result.id).encode()).hexdigest()
        yield AuditEvent(
            entity_type="SystemHealth" if result.kind == "health" else "IntegrationTest",
            entity_id=result.integration_id,
            action="READ",
            user_id="jenkins",
            timestamp=result.timestamp,
            tenant_id=result.tenant_id,
            details={"testId": result.test_id, "status": result.status, "processingTime": result.execution_time},
            previous_hash=previous,
            hash=digest,
        )
        previous = digest


def nightly(count: int = 10_000) -> RunRecords:
    """Many results over 40 integrations: one in a hundred failed, each with its exchange."""
    kinds = ("health", "contract", "dataflow", "security", "resilience", "load")
    types = ("postgresql", "redis", "rest", "kafka", "s3")
    integrations = tuple(
        IntegrationRecord(
            id=f"service-{number:02}", name=f"Service {number}", type=types[number % 5], category="internal_service",
            url=f"http://127.0.0.1:{9000 + number}", tenants=TENANTS, provision="existing",
            severity=("critical", "high", "medium", "low")[number % 4],
            depends_on=(f"service-{number // 3:02}",) if number > 2 else (),
        )
        for number in range(40)
    )  # fmt: skip
    sampler = Sampler()
    wrong = Assertion(name="status", status="failed", message="expected 200, got 503", expected=200, actual=503)
    for number in range(count):
        on, tenant = integrations[number % 40], TENANTS[number // 40 % 2]
        name = f"answers request number {number}"
        if number % 100 == 41:
            sampler.add(
                on, name, kinds[number // 80 % 6], tenant, status="failed", rung="read",
                error_message=f"expected 200, got 503 for request {number}", reproduce=f"curl -i {on.url}/{number}",
                cause="The service is starting or overloaded.",
                exchanges=(sampler.exchange(on, START, 3.0),), assertions=(wrong,),
                logs=tuple(f"line {line} of {number}" for line in range(20)),
            )  # fmt: skip
        else:
            sampler.add(on, name, kinds[number // 80 % 6], tenant, flaky=number % 997 == 0)
    return finished(sampler.results, integrations)


@pytest.fixture(scope="session")
def sample() -> RunRecords:
    return bad_day()


@pytest.fixture(scope="session")
def green() -> RunRecords:
    """The same estate on a good day."""
    day = bad_day()
    good = [result for result in day.results if result.status == "passed" and not (result.flaky or result.degraded)]
    return finished(good, tuple(found for found in day.integrations if found.url))


@pytest.fixture(scope="session")
def many() -> RunRecords:
    return nightly()


@pytest.fixture
def run_of() -> Callable[..., RunRecords]:
    """Makes the records of a run from results and integrations."""
    return finished
