"""Flows of what must not happen: nonsense gets through, the same twice leaves two, a rollback is published."""

from __future__ import annotations

from typing import Any

import pytest

MALFORMED = """\
  nonsense-is-turned-away:
    records: 5
    send: {to: api, request: POST /residents, json: {nhsNumber: "{nhs_number}"}, correlate: $.externalId}
    observe: [{on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", within: 20s}]
    settle: 300ms
    malformed: {set: {$.nhsNumber: "123"}, records: 2}
"""


def test_a_malformed_record_is_refused_and_those_behind_it_arrive(admission: Any, care: Any) -> None:
    result = admission.run(MALFORMED)
    assert result.status == "passed", result.error_message
    assert [each["nhsNumber"] for each in care.received[:2]] == ["123", "123"]
    assert result.metrics["malformed.refused"] == 2
    assert result.metrics["db.seen"] == 5
    judged = {each.name: each.status for each in result.assertions}
    assert judged["malformed.refused"] == judged["malformed.leaked"] == "passed"


def test_a_malformed_record_that_is_accepted_and_passed_on_fails(admission: Any, care: Any) -> None:
    care.faults.add("accept all")
    failed = admission.failed(admission.run(MALFORMED))
    assert set(failed) == {"malformed.refused", "malformed.leaked"}
    assert "(was accepted)" in failed["malformed.refused"]
    assert "(seen at db)" in failed["malformed.leaked"]


def test_a_crash_is_no_way_to_refuse(admission: Any, care: Any) -> None:
    care.faults.add("crash")
    care.every = 2  # the second malformed record and every second good one
    failed = admission.failed(admission.run(MALFORMED))
    assert {"malformed.refused", "refused"} <= set(failed)
    assert "status was 500" in failed["malformed.refused"]


def test_what_is_no_json_at_all_is_refused(admission: Any) -> None:
    text = MALFORMED.replace('{set: {$.nhsNumber: "123"}, records: 2}', '{body: "{correlation} is no JSON"}')
    result = admission.run(text)
    assert result.status == "passed", result.error_message
    assert result.metrics["malformed.refused"] == 1


def test_a_missing_field_may_be_what_is_wrong(admission: Any, care: Any) -> None:
    result = admission.run(MALFORMED.replace('{set: {$.nhsNumber: "123"}, records: 2}', "{remove: [$.nhsNumber]}"))
    assert "nhsNumber" not in care.received[0]
    assert "malformed.refused" in admission.failed(result)  # this system takes it


TWICE = """\
  twice-is-once:
    records: 5
    repeat: 2
    send: {to: api, request: POST /residents, json: {name: {given: Ann}}, correlate: $.externalId}
    observe: [{on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", within: 20s}]
    settle: 300ms
"""


def test_the_same_twice_leaves_one_effect(admission: Any, care: Any) -> None:
    result = admission.run(TWICE)
    assert result.status == "passed", result.error_message
    assert len(care.received) == 10
    assert result.metrics["effects"] == 1
    assert "effects" in {each.name for each in result.assertions}


def test_the_same_twice_that_leaves_two_fails(admission: Any, care: Any) -> None:
    care.faults.add("forget")
    result = admission.run(TWICE)
    failed = admission.failed(result)
    assert set(failed) == {"effects"}
    assert "effects was 2, expected 1" in failed["effects"]
    assert "2 times at db" in failed["effects"]
    assert "idempotency" in result.cause


def test_a_repetition_that_nobody_answers_shows_nothing(admission: Any, care: Any) -> None:
    care.faults.add("hang up")
    result = admission.run(TWICE)
    assert result.status != "passed"
    assert "the repetition was not answered" in admission.failed(result).get("refused", result.error_message)


ROLLED_BACK = """\
  rolled-back:
    records: 3
    send:
      {to: api, request: POST /residents, json: {nhsNumber: "000"}, correlate: $.externalId, expect: {status: 422}}
    observe: [{on: db, query: "SELECT * FROM residents WHERE external_id = :correlation", within: 500ms}]
    settle: 100ms
    expect: {observed: 0}
"""


def test_what_is_rolled_back_is_seen_nowhere(admission: Any) -> None:
    result = admission.run(ROLLED_BACK)
    assert result.status == "passed", result.error_message
    assert {each.name for each in result.assertions} == {"observed", "refused", "leaked"}


def test_what_is_rolled_back_and_published_all_the_same_fails(admission: Any, care: Any) -> None:
    care.faults.add("leak")
    failed = admission.failed(admission.run(ROLLED_BACK))
    assert set(failed) == {"observed"}
    assert "observed was 3, expected 0" in failed["observed"]


def test_a_refused_record_that_is_seen_fails_without_being_asked_for(admission: Any, care: Any) -> None:
    care.faults |= {"leak", "crash"}
    failed = admission.failed(admission.run(TWICE.replace("repeat: 2", "repeat: 1")))
    assert {"refused", "leaked"} <= set(failed)


def test_nothing_sent_is_an_error_and_never_passes(admission: Any, care: Any) -> None:
    care.faults.add("down")
    result = admission.run(TWICE.replace("repeat: 2", "repeat: 1"))
    assert result.status == "error"
    assert result.error_message.startswith("nothing was sent: no record was accepted: sysint-")
    assert "status was 500" in result.error_message


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM resident WHERE external_id = :correlation", "db could not be looked at: "),
        ("SELECT * FROM residents WHERE external_id = :correlation AND 1 = 0", "nothing at all was seen at db"),
    ],
)
def test_an_observer_that_sees_nothing_is_an_error_even_where_losses_are_allowed(
    admission: Any, query: str, said: str
) -> None:
    text = TWICE.replace("SELECT * FROM residents WHERE external_id = :correlation", query)
    text = text.replace("repeat: 2", 'repeat: 1\n    expect: {lost: "<= 100%"}').replace("within: 20s", "within: 200ms")
    result = admission.run(text)
    assert result.status == "error", result.assertions
    assert result.error_message.startswith(said)


def test_nothing_seen_at_all_fails_by_what_is_lost_and_says_so(admission: Any, care: Any) -> None:
    care.faults.add("drop")
    care.every = 1
    result = admission.run(TWICE.replace("repeat: 2", "repeat: 1").replace("within: 20s", "within: 200ms"))
    assert result.status == "failed"
    assert result.cause.startswith("nothing at all came to db")
