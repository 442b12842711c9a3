"""The OpenAPI document says what the code does, and the data is what it claims to be."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

import jsonschema
import pytest
import yaml

from fixtures.estate import care_api, imports
from fixtures.estate.models import check_digit
from fixtures.estate.names import TOPICS

FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture(scope="module")
def contract():
    return yaml.safe_load((FIXTURES / "contracts/care-api.openapi.yaml").read_text())


def test_the_document_is_openapi(contract):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(contract)


def test_paths_and_methods_are_those_of_the_code(contract):
    written = {
        (path, method.upper()) for path, item in contract["paths"].items() for method in item if method != "parameters"
    }
    served = {(route.path, method) for route in care_api.app.app.routes for method in route.methods - {"HEAD"}}
    assert written == served


def test_answers_are_as_the_document_says(estate, contract):
    def held(operation, answer):
        response = contract["paths"][operation[1]][operation[0]]["responses"][str(answer.status_code)]
        if "$ref" in response:
            response = contract["components"]["responses"][response["$ref"].rpartition("/")[2]]
        for name, header in response.get("headers", {}).items():
            assert not header.get("required") or name in answer.headers
        if "content" not in response:
            assert answer.content == b""
            return None
        (media_type, content), *_ = response["content"].items()
        assert answer.headers["content-type"].partition(";")[0] == media_type
        schema = {**content["schema"], "components": contract["components"]}
        jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(answer.json())
        return answer.json()

    care = estate.care
    admission = {
        "externalId": f"C-{uuid.uuid4().hex[:8]}",
        "name": {"given": "A", "family": "B"},
        "birthDate": "1930-01-01",
    }
    note = {"category": "handover", "text": "Quiet."}
    one, notes = "/residents/{reference}", "/residents/{reference}/notes"
    held(("get", "/me"), care.get("/me"))
    held(("get", "/health"), care.get("/health"))
    held(("get", "/health/live"), care.get("/health/live"))
    held(("get", "/residents"), care.get("/residents", params={"limit": 2}))
    held(("get", "/residents"), care.get("/residents", params={"limit": 0}))
    resident = held(("post", "/residents"), care.post("/residents", admission))
    path = f"/residents/{resident['id']}"
    held(("post", "/residents"), care.post("/residents", admission))
    held(("post", "/residents"), care.call("POST", "/residents", content=b"x"))
    held(("post", "/residents"), care.post("/residents", {}, role="carer"))
    held(("get", one), care.get(path))
    held(("get", one), care.get("/residents/nobody"))
    scan = {"name": "scan.pdf", "contentType": "application/pdf", "content": "YSBzY2Fu"}
    held(("post", notes), care.post(f"{path}/notes", note))
    held(("post", notes), care.post(f"{path}/notes", {**note, "reference": resident["id"], "attachments": [scan]}))
    held(("post", notes), care.post(f"{path}/notes", {**note, "reference": resident["id"]}))
    held(("post", notes), care.post(f"{path}/notes", {}))
    held(("get", notes), care.get(f"{path}/notes"))
    held(("post", "/exports"), care.post("/exports"))
    held(("post", "/imports"), care.post("/imports"))
    held(("post", f"{one}/pds"), care.post(f"{path}/pds"))
    held(("delete", one), care.call("DELETE", path))
    held(("delete", one), care.call("DELETE", path))


def test_nhs_numbers_are_of_the_test_range_with_valid_check_digits():
    numbers = re.findall(r"'(\d{10})'", (FIXTURES / "data/residents.sql").read_text())
    assert len(numbers) == len(set(numbers)) == 20
    assert all(number.startswith("999") and check_digit(number[:9]) == int(number[9]) for number in numbers)


def test_the_seed_may_be_sown_again(estate):
    import psycopg

    seed = (FIXTURES / "data/residents.sql").read_text()
    with psycopg.connect(estate.environment["DATABASE_URL"], autocommit=True) as connection:
        count = "SELECT (SELECT count(*) FROM residents), (SELECT count(*) FROM care_notes)"
        before = connection.execute(count).fetchone()
        connection.execute(seed)
        assert connection.execute(count).fetchone() == before


def test_what_is_told_and_kept_is_as_the_documents_say(estate, events, eventually):
    """Events by AsyncAPI, the admission document by JSON Schema: each holds, and each refuses something else."""
    asyncapi = yaml.safe_load((FIXTURES / "contracts/care-events.asyncapi.yaml").read_text())
    reference = f"A-{uuid.uuid4().hex[:8]}"
    admission = {"externalId": reference, "name": {"given": "A", "family": "B"}, "birthDate": "1930-01-01"}
    resident = estate.care.post("/residents", admission).json()
    note = {"category": "incident", "text": "Slipped.", "attachments": []}
    assert estate.care.post(f"/residents/{reference}/notes", note).status_code == 201
    told = eventually(lambda: found if len(found := events(reference)) == 2 else None)
    assert {event["type"] for event in told} == {channel["address"] for channel in asyncapi["channels"].values()}
    for event in told:
        schema = asyncapi["components"]["schemas"]["Admitted" if "admitted" in event["type"] else "Written"]
        held = _validator({**schema, "components": asyncapi["components"]})
        held.validate(event)
        assert not held.is_valid({**event, "name": "Winifred"})
    for message in asyncapi["components"]["messages"].values():
        schema = asyncapi["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
        _validator({**schema, "components": asyncapi["components"]}).validate(message["examples"][0]["payload"])
    held = _validator(json.loads((FIXTURES / "contracts/admission.schema.json").read_text()))
    held.validate(resident)
    assert not held.is_valid({**resident, "birthDate": "1930-02-30"})
    assert estate.care.call("DELETE", f"/residents/{reference}").status_code == 204


def test_the_pact_is_of_version_4_and_asks_for_what_is_there(estate):
    pact = json.loads((FIXTURES / "contracts/notification-service.pact.json").read_text())
    assert pact["metadata"]["pactSpecification"]["version"] == "4.0"
    http = [item for item in pact["interactions"] if item["type"] == "Synchronous/HTTP"]
    for item in http:
        answer = estate.care.call(item["request"]["method"], item["request"]["path"])
        assert answer.status_code == item["response"]["status"]
        assert item["response"]["body"]["content"].keys() <= answer.json().keys()
    topics = {item["metadata"]["topic"] for item in pact["interactions"] if item not in http}
    assert topics == set(TOPICS)


def test_the_layout_of_imports_has_the_columns_of_the_code():
    layout = json.loads((FIXTURES / "contracts/residents-import.tableschema.json").read_text())
    assert [field["name"] for field in layout["fields"]] == imports.COLUMNS


def _validator(schema):
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
