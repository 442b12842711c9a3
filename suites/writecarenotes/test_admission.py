"""An admission reaches everyone whom it concerns: database, Kafka, S3, the manager's mail, the audit trail."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.critical


def at(home: str, *services: str) -> pytest.MarkDecorator:
    """Narrow a class to one home, what all homes share, and the services that it names."""
    shared = ("residents-db", "care-events", "documents", "mail")
    return pytest.mark.sysint(ids=["care-api", *shared, *services], tenants=[home, "shared"])


@pytest.fixture
def admitted(rest_integration: Any) -> Iterator[dict[str, Any]]:
    """A resident of the integration's tenant, admitted for this test and erased after it."""
    reference = f"SUITE-{uuid.uuid4().hex[:12]}"
    sent = {"externalId": reference, "name": {"given": "Winifred", "family": "Archer"}, "birthDate": "1935-04-17"}
    seen = rest_integration.execute(request="POST /residents", json=sent)
    seen.expect({"status": 201, "$.externalId": reference, "$.tenant": rest_integration.tenant})
    yield seen.payload
    rest_integration.execute(request=f"DELETE /residents/{reference}").expect({"status": 204})


class Kept:
    """Where the admission itself is kept and told."""

    def test_it_is_in_the_database(self, admitted: dict[str, Any], postgresql_integration: Any) -> None:
        """The row belongs to the home, with a number of the test range."""
        postgresql_integration.execute(
            query="SELECT tenant_id, nhs_number FROM residents WHERE external_id = :reference",
            params={"reference": admitted["externalId"]},
        ).expect({"count": 1, "$[0].tenant_id": admitted["tenant"], "$[0].nhs_number": "~ ^999\\d{7}$"})

    def test_it_is_told_to_kafka(self, admitted: dict[str, Any], kafka_integration: Any) -> None:
        """One event, without a word about the person."""
        told = f"$[?@.payload.externalId == '{admitted['externalId']}']"
        kafka_integration.eventually(
            {
                f"{told}.payload.tenant": [admitted["tenant"]],
                f"{told}.key": [admitted["externalId"]],
                f"{told}.payload.name": {"exists": False},
            },
            within="10s",
            consume="residents.admitted",
            count=10_000,
            wait="0s",
        )

    def test_its_document_is_kept(self, admitted: dict[str, Any], s3_integration: Any) -> None:
        """Under the prefix of the home."""
        path = f"{admitted['tenant']}/admissions/{admitted['externalId']}.json"
        s3_integration.eventually({"exists": True, "$.id": admitted["id"]}, within="10s", get=path)

    def test_a_mail_lies_in_the_mailbox(self, admitted: dict[str, Any], smtp_integration: Any) -> None:
        """It names the reference and not the person."""
        if "mailbox=" not in smtp_integration.url:
            pytest.skip("nobody said where the mail can be read: set `mailbox` in the url of `mail`")
        reference = admitted["externalId"]
        seen = smtp_integration.eventually(
            {"$[*].text": {"some": {"contains": reference}}},
            within="15s",
            received=f"manager@{admitted['tenant']}.example",
        )
        mine = [mail["subject"] + mail["text"] for mail in seen.payload if reference in mail["text"]]
        smtp_integration.expect(mine, {"$": {"length": 1}, "$[0]": {"not": {"contains": "Winifred"}}})


@at("oakwood")
class TestOakwood(Kept):
    """The same for one home ..."""


@at("elmhurst")
class TestElmhurst(Kept):
    """... and the other."""


class Mailed:
    """Who is told by mail."""

    def test_the_manager_gets_a_mail(self, admitted: dict[str, Any], service_integration: Any) -> None:
        """One mail, to the manager of this home."""
        service_integration.eventually(
            {"$.items": {"length": 1}, "$.items[0].to": f"manager@{admitted['tenant']}.example"},
            within="15s",
            request=f"GET /sent?tenant={admitted['tenant']}&reference={admitted['externalId']}",
        )


@at("oakwood", "notification-service")
class TestOakwoodMail(Mailed):
    """..."""


@at("elmhurst", "notification-service")
class TestElmhurstMail(Mailed):
    """..."""


class Audited:
    """What the audit trail knows."""

    def test_it_is_audited(self, admitted: dict[str, Any], service_integration: Any) -> None:
        """One event of the chain, which is whole."""
        service_integration.eventually(
            {f"$.items[?@.entityId == '{admitted['id']}'].action": ["CREATE"]},
            within="10s",
            request=f"GET /events?tenant={admitted['tenant']}&limit=500",
        )
        chain = service_integration.execute(request=f"GET /chain?tenant={admitted['tenant']}")
        chain.expect({"$.intact": True, "$.events": ">= 1"})


@at("oakwood", "audit-service")
class TestOakwoodAudit(Audited):
    """..."""


@at("elmhurst", "audit-service")
class TestElmhurstAudit(Audited):
    """..."""
