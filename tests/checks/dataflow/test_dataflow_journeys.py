"""What a journey can be: data from files and Faker, tokens anywhere, chains of observers, one look for all records."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import pytest

from pytest_sysint.checks._flows.book import Book
from pytest_sysint.checks._flows.values import Source, nhs_number
from pytest_sysint.engine.plan import Selection, checks_of

OBSERVE = """\
    observe: [{on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", within: 20s}]
    settle: 50ms
"""


def test_each_row_of_a_file_is_a_record(admission: Any, care: Any) -> None:
    (care.folder / "residents.csv").write_text("given,born\nAnn,1931-01-01\nBen,1932-02-02\n")
    result = admission.run(
        """\
  from-a-file:
    data: residents.csv
    send:
      to: api
      request: POST /residents
      json: {name: {given: "{row.given}"}, born: "{row.born}"}
      correlate: $.externalId
"""
        + OBSERVE.replace("within: 20s", "within: 20s, map: {given_name: $.name.given, born: {from: $.born, as: date}}")
    )
    assert result.status == "passed", result.error_message
    assert sorted(each["name"]["given"] for each in care.received) == ["Ann", "Ben"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.jsonl", '{"given": "Ann"}\n\n{"given": "Ben"}\n'),
        ("rows.json", '[{"given": "Ann"}, {"given": "Ben"}]'),
        ("rows.yaml", "- {given: Ann}\n- {given: Ben}\n"),
    ],
)
def test_a_row_may_be_what_is_sent(admission: Any, care: Any, name: str, text: str) -> None:
    (care.folder / name).write_text(text)
    flow = f"  f:\n    data: {name}\n    records: 3\n"
    result = admission.run(
        flow + "    send: {to: api, request: POST /residents, correlate: {at: $.externalId, as: '{uuid}'}}\n" + OBSERVE
    )
    assert result.status == "passed", result.error_message
    assert sorted(each["given"] for each in care.received) == ["Ann", "Ann", "Ben"]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each["externalId"]) for each in care.received)


def test_a_document_is_a_template(admission: Any, care: Any) -> None:
    template = {
        "name": {"given": "{faker.first_name}"},
        "nhsNumber": "{nhs_number}",
        "n": "{index}",
        "note": "{{index}}",
    }
    (care.folder / "resident.json").write_text(json.dumps(template))
    flow = "  f:\n    records: 3\n    seed: 7\n    concurrency: 1\n"
    send = "    send: {to: api, request: POST /residents, json: resident.json, correlate: $.externalId}\n"
    assert admission.run(flow + send + OBSERVE).status == "passed"
    first = list(care.received)
    assert [each["n"] for each in first] == [1, 2, 3]
    assert {each["note"] for each in first} == {"{index}"}
    assert all(each["nhsNumber"].startswith("999") for each in first)
    assert [each["externalId"][-2:] for each in first] == ["-1", "-2", "-3"]
    care.received.clear()
    assert admission.run(flow + send + OBSERVE).status == "passed"
    assert [each["name"] for each in care.received] == [each["name"] for each in first]
    assert {each["externalId"] for each in care.received}.isdisjoint(each["externalId"] for each in first)


def test_records_are_marked_as_synthetic(admission: Any, care: Any) -> None:
    flow = "  f:\n    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    admission.run(flow + OBSERVE)
    assert re.fullmatch(r"[0-9a-f]{8}", care.headers[-1]["x-sysint-synthetic"])
    admission.run(flow.replace("$.externalId}", "$.externalId, mark: false}") + OBSERVE)
    assert "x-sysint-synthetic" not in care.headers[-1]


def test_a_token_may_be_in_a_header_too(admission: Any, care: Any) -> None:
    send = "{to: api, request: POST /residents, json: {externalId: '{correlation}'}, correlate: headers.x-id}"
    flow = f"  f:\n    send: {send}\n"
    assert admission.run(flow + OBSERVE).status == "passed"
    assert care.headers[-1]["x-id"] == care.received[-1]["externalId"]


def test_what_is_learnt_on_the_way_leads_to_the_next_place(admission: Any, care: Any) -> None:
    result = admission.run(
        """\
  chain:
    records: 4
    send:
      {to: api, request: POST /residents, json: {name: {given: Ann}}, correlate: $.externalId, capture: {found: $.id}}
    observe:
      - {on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", capture: {seen: external_id}}
      - {name: document, on: files, get: "{seen}.json", after: db, map: {$.externalId: "{correlation}"}}
      - {name: shown, on: api, request: "GET /residents/{seen}", after: document, map: {$.given: {equals: Ann}}}
    settle: 50ms
    cleanup: [{on: api, request: "DELETE /residents/{seen}"}]
"""
    )
    assert result.status == "passed", result.error_message
    assert result.metrics["shown.seen"] == 4
    assert care.rows() == []


def test_a_record_that_is_lost_early_is_lost_at_the_first_place(admission: Any, care: Any) -> None:
    care.faults.add("drop")
    result = admission.run(
        """\
  chain:
    records: 5
    send: {to: api, request: POST /residents, json: {name: {given: Ann}}, correlate: $.externalId}
    observe:
      - {on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", within: 500ms}
      - {name: document, on: files, get: "{correlation}.json", after: db, within: 500ms}
    settle: 50ms
"""
    )
    failed = admission.failed(result)
    assert "lost was 1, expected 0" in failed["lost"]
    assert "(between the source and db)" in failed["lost"]


def test_one_question_may_be_about_all_records(admission: Any, care: Any) -> None:
    flow = """\
  swept:
    records: 50
    send: {to: api, request: POST /residents, json: {name: {given: Ann}, born: "{index}"}, correlate: $.externalId}
    observe:
      - on: db
        query: SELECT * FROM residents WHERE external_id LIKE 'sysint-{run}-%'
        match: external_id
        within: 20s
        map: {given_name: $.name.given}
    settle: 50ms
    cleanup: {on: db, query: "DELETE FROM residents WHERE external_id LIKE 'sysint-{run}-%'"}
"""
    result = admission.run(flow)
    assert result.status == "passed", result.error_message
    assert care.rows() == []
    care.faults |= {"duplicate", "alter"}
    failed = admission.failed(admission.run(flow))
    assert set(failed) == {"duplicated", "altered"}
    assert "altered was 10, expected 0" in failed["altered"]
    assert "duplicated was 10, expected 0" in failed["duplicated"]


def test_a_record_may_have_to_be_there_more_than_once(admission: Any, care: Any) -> None:
    flow = "  f:\n    records: 3\n    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    twice = OBSERVE.replace("within: 20s", "within: 300ms, copies: 2")
    care.every = 1
    care.faults.add("duplicate")
    assert admission.run(flow + twice).status == "passed"
    care.faults.clear()
    failed = admission.failed(admission.run(flow + twice))
    assert "(1 of 2 at db)" in failed["lost"]


def test_a_share_of_losses_may_be_allowed(admission: Any, care: Any) -> None:
    care.faults.add("drop")
    flow = "  f:\n    records: 20\n    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    flow += OBSERVE.replace("within: 20s", "within: 1s")
    result = admission.run(flow + '    expect: {lost: "<= 20%"}\n')
    assert "lost" not in admission.failed(result)
    assert result.metrics["lost"] == 4
    assert "lost" in admission.failed(admission.run(flow + '    expect: {lost: "< 20%"}\n'))


def test_they_are_sent_at_the_rate_that_is_asked_for(admission: Any) -> None:
    flow = "  f:\n    records: 10\n    rate: 20/s\n"
    flow += "    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    result = admission.run(flow + OBSERVE + '    expect: {throughput: "<= 23/s"}\n')
    assert result.status == "passed", result.error_message


def test_what_takes_the_source_away_is_told_as_what_it_is(admission: Any) -> None:
    admission.around["api"] = "type: rest, url: 'http://127.0.0.1:1'"
    flow = "  f:\n    records: 50\n    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    result = admission.run(flow + OBSERVE)
    assert (result.status, result.rung) == ("failed", "tcp")
    assert "refused the connection" in result.error_message


def test_many_records_take_little_memory(admission: Any) -> None:
    flow = (
        "  f:\n    records: 20000\n    send: {to: api, request: POST /residents, json: {}, correlate: $.externalId}\n"
    )
    declaration = admission.declare(flow + OBSERVE)
    ((_, check),) = checks_of(declaration, "dataflow", "api", Selection())
    tracemalloc.start()
    try:
        book = Book(check.run.journey, check.run.journey.source("0a1b2c3d", "shared"))  # type: ignore[attr-defined]
        (sight,) = book.sights
        for at in range(20_000):
            book.prepare(at)
            sight.take(book.records.token(at), {"externalId": "x" * 1000}, 1.0)
            sight.take(f"foreign-{at}", {"externalId": "y" * 1000}, 1.0)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(sight.counts) == 20_000
    assert held < 8 * 2**20, f"{held / 2**20:.0f} MiB"


@pytest.mark.parametrize("number", [0, 1, 8, 9, 899_999, 900_000, 2**32])
def test_nhs_numbers_have_a_check_digit_and_are_of_the_test_range(number: int) -> None:
    found = nhs_number(number)
    total = sum(int(digit) * weight for digit, weight in zip(found[:9], range(10, 1, -1), strict=True))
    assert re.fullmatch(r"999\d{7}", found)
    assert (11 - total % 11) % 11 == int(found[9])


def test_no_two_records_of_a_run_have_the_same_values() -> None:
    records = [Source("0a1b2c3d", "oak").record(index) for index in range(1, 2001)]
    for name in ("correlation", "uuid", "nhs_number", "index"):
        assert len({record(name) for record in records}) == 2000
