"""Promises of care-api that take more than one request to see."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def test_pages_hold_every_resident_once(rest_integration: Any) -> None:
    """Small pages, joined, are the whole list."""
    whole = rest_integration.execute(request="GET /residents", query={"limit": 100}).payload["items"]
    joined: list[Any] = []
    query: dict[str, Any] = {"limit": 5}
    while True:
        page = rest_integration.execute(request="GET /residents", query=query)
        page.expect({"status": 200, "$.items": {"length": "<= 5"}})
        joined += page.payload["items"]
        if page.payload["nextCursor"] is None:
            break
        query["cursor"] = page.payload["nextCursor"]
    # Other tests admit and erase residents meanwhile: what was there from the beginning must be there once.
    seeded = [item["id"] for item in whole if not item["externalId"].startswith("SUITE-")]
    found = [item["id"] for item in joined if not item["externalId"].startswith("SUITE-")]
    rest_integration.expect({"ids": found}, {"$.ids": {"equals": seeded}})


def test_one_key_admits_once_however_often_it_is_sent(rest_integration: Any) -> None:
    """Eight at the same moment with one Idempotency-Key: one resident, eight times the same answer."""
    reference, key = f"SUITE-{uuid.uuid4().hex[:12]}", uuid.uuid4().hex
    sent = {"externalId": reference, "name": {"given": "Arthur", "family": "Penn"}, "birthDate": "1931-08-02"}

    def admit(_: int) -> Any:
        return rest_integration.execute(request="POST /residents", json=sent, headers={"Idempotency-Key": key})

    try:
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(admit, range(8)))
        answers = [{"status": one.facts["status"], "id": one.payload.get("id")} for one in seen]
        rest_integration.expect(answers, {"$[*].status": {"each": 201}, "$[*].id": {"each": answers[0]["id"]}})
    finally:
        rest_integration.execute(request=f"DELETE /residents/{reference}")


def test_an_export_appears_in_the_folder(rest_integration: Any, local_integration: Any) -> None:
    """What care-api says it wrote is there, whole, and holds nobody of the other home."""
    export = rest_integration.execute(request="POST /exports").expect({"status": 201}).payload
    seen = local_integration.execute(get=export["path"])
    seen.expect({"exists": True, "size": f"{export['size']}B", "$": "~ ^external_id,nhs_number,birth_date,room"})
    other = {"oakwood": "ELM-", "elmhurst": "OAK-"}[rest_integration.tenant]
    local_integration.expect({"text": seen.payload}, {"$.text": {"not": {"contains": other}}})


def test_the_policy_of_a_house_is_in_the_bucket(s3_integration: Any) -> None:
    """Every home has its fire policy, under its own prefix."""
    for home in ("oakwood", "elmhurst"):
        s3_integration.execute(get=f"{home}/policies/fire.txt").expect(
            {"exists": True, "$": {"matches": f"(?i)^{home}"}}
        )
