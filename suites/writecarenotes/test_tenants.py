"""What belongs to one home does not exist for the other: in the database, the API, the cache, the bucket."""

from __future__ import annotations

from typing import Any

import pytest

OTHER = {"oakwood": "elmhurst", "elmhurst": "oakwood"}
FIRST = {"oakwood": "OAK-0001", "elmhurst": "ELM-0001"}


@pytest.mark.critical
@pytest.mark.sysint(ids=["residents-db"])
def test_the_database_shows_a_session_its_own_rows_only(postgresql_integration: Any) -> None:
    """By the policies of the schema, whatever the query says."""
    tenant = postgresql_integration.tenant
    client = postgresql_integration.client
    with client.transaction():
        client.execute("SELECT set_config('role', 'care_app', true), set_config('app.tenant', %s, true)", [tenant])
        homes = [tenant_id for (tenant_id,) in client.execute("SELECT tenant_id FROM residents").fetchall()]
        foreign = client.execute("SELECT 1 FROM care_notes WHERE tenant_id <> %s", [tenant]).fetchall()
    postgresql_integration.expect({"homes": homes}, {"$.homes": {"each": tenant, "length": ">= 8"}})
    postgresql_integration.expect(foreign, {"$": {"length": 0}})


@pytest.mark.critical
def test_the_api_does_not_know_the_other_homes_residents(rest_integration: Any) -> None:
    """Neither to read nor to erase: 404, not 403, so that nobody learns who lives where."""
    mine, foreign = FIRST[rest_integration.tenant], FIRST[OTHER[rest_integration.tenant]]
    rest_integration.execute(request=f"GET /residents/{mine}").expect({"status": 200})
    refused = {"status": 404, "headers.content-type": "application/problem+json", "$.type": "~ no-such-resident$"}
    for request in (f"GET /residents/{foreign}", f"GET /residents/{foreign}/notes", f"DELETE /residents/{foreign}"):
        rest_integration.execute(request=request).expect(refused)


def test_a_read_fills_the_cache_and_the_next_one_uses_it(rest_integration: Any, redis_integration: Any) -> None:
    """The cache is read through, and its keys begin with the tenant."""
    tenant = rest_integration.tenant
    reference = {"oakwood": "OAK-0003", "elmhurst": "ELM-0003"}[tenant]
    key = f"care:{tenant}:resident:{reference}"
    redis_integration.execute(command=["DEL", key])
    first = rest_integration.execute(request=f"GET /residents/{reference}")
    first.expect({"status": 200, "headers.x-cache": "miss"})
    second = rest_integration.execute(request=f"GET /residents/{reference}")
    second.expect({"status": 200, "headers.x-cache": "hit", "$": {"equals": first.payload}})
    redis_integration.execute(command=["TTL", key]).expect({"$": {"between": [1, 60]}})


@pytest.mark.sysint(ids=["notification-service", "audit-service"])
def test_mails_and_audit_events_are_shown_to_their_home_only(service_integration: Any) -> None:
    """A token of one home opens nothing of the other."""
    path = "/sent" if service_integration.id == "notification-service" else "/events"
    own, foreign = service_integration.tenant, OTHER[service_integration.tenant]
    service_integration.execute(request=f"GET {path}?tenant={own}").expect({"status": 200, "$.tenant": own})
    service_integration.execute(request=f"GET {path}?tenant={foreign}").expect({"status": 403})
