"""The audit events of a run, in the shape of the reference module: who did what to which integration, for whom."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pytest_sysint.core.records import SHARED, AuditEvent, Result, RunRecords

_UP = ("passed", "skipped")


def events(records: RunRecords) -> Iterator[AuditEvent]:
    """Initialization, then for each tenant its health validation, each of its tests, and its tests of data flows."""
    yield _initialization(records)
    for tenant in dict.fromkeys(result.tenant_id for result in records.results):
        own = [result for result in records.results if result.tenant_id == tenant]
        health = [result for result in own if result.kind == "health"]
        if health:
            yield _health(records, tenant, health)
        yield from (_test(records, result) for result in own)
        yield from (_data_flow(records, result) for result in own if result.source_system)


def _event(
    records: RunRecords, entity: str, entity_id: str, action: str, at: datetime, tenant: str, details: dict[str, Any]
) -> AuditEvent:
    return AuditEvent.model_validate(
        {
            "entity_type": entity,
            "entity_id": entity_id,
            "action": action,
            "details": details,
            "user_id": records.run.user,
            "timestamp": at,
            "tenant_id": tenant,
        }
    )


def _initialization(records: RunRecords) -> AuditEvent:
    there = [item.id for item in records.integrations if item.provision]
    missing = [item.id for item in records.integrations if item.unavailable]
    details = {
        "success": not missing,
        "initializedServices": there,
        "failedServices": missing,
        "totalServices": len(there) + len(missing),
    }
    return _event(records, "Initialization", records.run.id, "CREATE", records.run.started_at, SHARED, details)


def _health(records: RunRecords, tenant: str, results: list[Result]) -> AuditEvent:
    ill = {result.integration_id for result in results if result.status not in _UP}
    well = {result.integration_id for result in results if result.status == "passed"} - ill
    details = {
        "success": not ill,
        "overallHealth": "unhealthy" if ill else "healthy" if well else "unknown",
        "healthyServices": sorted(well),
        "unhealthyServices": sorted(ill),
        "count": len(results),
    }
    at = max(result.timestamp for result in results)
    return _event(records, "SystemHealth", records.run.id, "READ", at, tenant, details)


def _data_flow(records: RunRecords, result: Result) -> AuditEvent:
    details = {
        "success": result.status == "passed",
        "testId": result.test_id,
        "sourceSystem": result.source_system,
        "targetSystem": result.target_system,
        "dataType": result.data_type,
        "processingTime": result.processing_time,
        "status": result.status,
        "count": int(result.metrics.get("sent", 0)),
    }
    return _event(records, "DataFlowTest", result.test_id, "CREATE", result.timestamp, result.tenant_id, details)


def _test(records: RunRecords, result: Result) -> AuditEvent:
    details = {
        "success": result.status == "passed",
        "testId": result.test_id,
        "service": result.integration_id,
        "status": result.status,
        "processingTime": result.execution_time,
    }
    return _event(records, "IntegrationTest", result.test_id, "CREATE", result.timestamp, result.tenant_id, details)
