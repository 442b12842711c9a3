"""The audit trail: append-only, each event known once, changes are seen."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest

from fixtures.estate.audit_chain import AuditChain, NewAuditEvent


def event(tenant="oakwood", **changes):
    told = {
        "eventId": str(uuid.uuid4()),
        "tenantId": tenant,
        "userId": "nurse@oakwood.example",
        "action": "CREATE",
        "entityType": "Resident",
        "entityId": "1",
        "timestamp": datetime.now(UTC),
        **changes,
    }
    return NewAuditEvent(**told)


@pytest.fixture
def chain(tmp_path):
    chain = AuditChain(tmp_path / "audit.db")
    yield chain
    chain.close()


def test_each_tenant_has_its_own_chain(chain):
    first, second, other = event(), event(), event("elmhurst")
    assert chain.append([first, other, second]) == 3
    assert [row["sequence"] for row in chain.events("oakwood", 0, 10)] == [1, 2]
    assert [row["sequence"] for row in chain.events("elmhurst", 0, 10)] == [1]
    assert chain.broken_at("oakwood") == (2, None)
    assert chain.broken_at("nobody") == (0, None)


def test_a_repetition_is_left_out(chain):
    told = event()
    assert (chain.append([told]), chain.append([told, event()])) == (1, 1)


def test_nothing_is_changed_or_taken_away(chain, tmp_path):
    chain.append([event()])
    with closing(sqlite3.connect(tmp_path / "audit.db")) as other, other:
        for sql in ("UPDATE audit_events SET user_id = 'x'", "DELETE FROM audit_events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(sql)
    other.close()


@pytest.mark.parametrize("change", ["user_id = 'x'", "details = '{}'", "sequence = 9", "hash = 'x'"])
def test_a_change_past_the_triggers_is_seen(chain, tmp_path, change):
    chain.append([event(details={"n": n}) for n in range(3)])
    with closing(sqlite3.connect(tmp_path / "audit.db")) as other, other:
        other.execute("DROP TRIGGER audit_events_keep")
        other.execute(f"UPDATE audit_events SET {change} WHERE sequence = 2")
    other.close()
    assert chain.broken_at("oakwood") == (3, 2)


def test_the_service_proves_and_refuses(estate, secret):
    told = event().model_dump(mode="json", by_alias=True)
    added = estate.audit.post("/events", [told], tenant="*", role="service")
    assert (added.status_code, added.json()) == (201, {"received": 1, "added": 1})
    assert estate.audit.post("/events", [told], role="manager").status_code == 403
    assert estate.audit.post("/events", [{**told, "action": "EAT"}], tenant="*", role="service").status_code == 422
    proof = estate.audit.get("/chain", params={"tenant": "oakwood"}, role="auditor").json()
    assert proof["intact"] and proof["events"] >= 1 and proof["brokenAt"] is None
