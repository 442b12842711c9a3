"""What the loader says of exchanges, and what it makes of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_sysint.declaration.schema import declaration_schema
from tests.contracts.http_bench import Desk, Server, declaring, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


def one(**keys: Any) -> dict[str, Any]:
    return {"exchanges": [{"request": "GET /x", **keys}]}


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"exchanges": []}, "exchanges: expected a list of exchanges"),
        ({"exchanges": {"request": "GET /x"}}, "expected a list of exchanges"),
        ({"exchanges": ["GET /x"]}, "exchanges[0]: expected an exchange"),
        ({"exchanges": [{"name": "x", "steps": []}]}, "exchanges[0].steps: expected a list of steps"),
        ({"exchanges": [{"steps": [{"request": "GET /x"}]}]}, "an exchange of several steps needs a `name`"),
        ({"exchanges": [{"name": "x", "steps": ["GET /x"]}]}, "expected a step, a map with one operation"),
        (one(capturee={"id": "$.id"}), "did you mean 'capture'?"),
        (one(capture="$.id"), "expected names and what they take"),
        (one(capture={"a-b": "$.id"}), "'a-b' is no name"),
        (one(capture={"unique": "$.id"}), "'unique' is always there"),
        (one(capture={"id": 3}), "expected a path such as $.id"),
        (one(capture={"id": "$.["}), "is not a JSONPath"),
        (one(query={"a": "{id}"}), "exchanges[0].query.a: nothing is captured as 'id' before this"),
        ({"exchanges": [{"request": "GET /{id}"}]}, "exchanges[0].request: nothing is captured as 'id' before this"),
        (one(cleanup=[{"request": "DELETE /{idd}"}], capture={"id": "$.id"}), "did you mean 'id'?"),
        (one(severity="grave"), "unknown word 'grave'"),
        (one(problem=False), "problem: expected true"),
        (one(expect={}), "an empty expectation"),
        (
            {"exchanges": [{"name": "x", "steps": [{"request": "GET /x"}], "expect": {"status": 1}}]},
            "put `expect` into",
        ),
        ({"exchanges": [{"name": "x", "steps": [{"request": "GET /x"}], "stepps": 1}]}, "did you mean 'steps'?"),
        (
            {"exchanges": [{"name": "x", "steps": [{"request": "GET /x", "severity": "low"}]}]},
            "steps[0].severity: `severity` is of the whole exchange",
        ),
        ({"exchanges": [{"name": "a b", "request": "GET /"}, {"name": "A B", "request": "GET /"}]}, "has this name"),
        ({"exchanges": [{"request": "GET x"}]}, "expected a method and a path"),
        (
            {
                "exchanges": [
                    {"name": "x", "steps": [{"request": "GET /", "capture": {"id": 1}}, {"request": "GET /{id}"}]}
                ]
            },
            "1 problem",
        ),
    ],
)
def test_what_is_wrong_is_said_when_it_is_read(desk: Desk, contract: Any, said: str) -> None:
    assert said in desk.refused(contract)


def test_unnamed_exchanges_are_told_apart(desk: Desk) -> None:
    declared = desk.declare({"exchanges": [{"request": "GET /x"}, {"request": "GET /x"}]}, "http://127.0.0.1:1")
    assert [check.slug for check in desk.checks(declared)] == ["exchange-get-x", "exchange-get-x-2"]


def test_an_exchange_may_be_for_some_tenants(desk: Desk) -> None:
    path = desk.write(
        "tenants.sysint.yaml",
        """sysint: 1
tenants: [oakwood, elmhurst]
integrations:
  api:
    type: rest
    url: http://127.0.0.1:1
    tenants: all
    contract:
      exchanges:
        - {request: GET /everyone}
        - {request: GET /oakwood, tenants: [oakwood], timeout: 1s, tags: [slow], retry: {attempts: 1}}
""",
    )
    from pytest_sysint.declaration import load

    (declaration,) = load([path])
    found = [(check.tenant, check.name) for each in declaration.integrations for check in desk.checks(each)]
    assert found == [("oakwood", "GET /everyone"), ("oakwood", "GET /oakwood"), ("elmhurst", "GET /everyone")]
    last = desk.checks(declaration.integrations[0])[1]
    assert (last.timeout, last.tags, last.retry.attempts, last.line) == (1.0, ("slow",), 1, 11)


@pytest.mark.parametrize("page", ["exchanges", "pact"])
def test_editors_take_what_the_docs_show(page: str) -> None:
    text = (Path(__file__).parents[2] / f"docs/contracts/{page}.md").read_text()
    shown = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    validator = Draft202012Validator(declaration_schema())
    assert shown
    for each in shown:
        assert [error.message for error in validator.iter_errors(yaml.safe_load(each))] == []
    broken = yaml.safe_load(shown[-1])
    broken["integrations"]["care-api"]["contract"]["pakt"] = 1
    assert not validator.is_valid(broken)
