"""The OpenAPI document says what the code does, and the data is what it claims to be."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import jsonschema
import pytest
import yaml

from fixtures.estate import care_api
from fixtures.estate.models import check_digit

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
    held(("post", notes), care.post(f"{path}/notes", note))
    held(("post", notes), care.post(f"{path}/notes", {}))
    held(("get", notes), care.get(f"{path}/notes"))
    held(("post", "/exports"), care.post("/exports"))
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
