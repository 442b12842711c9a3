"""Ten thousand records through a relay between two topics of a real Kafka: exact counts, whatever the relay does."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.records import Result
from pytest_sysint.core.registry import types

Relay = Callable[..., Callable[[], int]]
RECORDS = 10_000
FLOW = """\
  passed-on:
    records: RECORDS
    concurrency: 16
    data: keys.csv
    send: {to: bus, publish: SOURCE, key: "{row.key}", json: {name: Ann, born: "1931"}, correlate: $.id}
    observe: [{on: bus, consume: TARGET, within: 60s, map: {$.name: $.name, born: $.born}}]
    settle: 500ms
"""


@pytest.fixture
def bus(flows: Any, real_service: Callable[[str], str]) -> tuple[Any, str, str, str]:
    """Flows around a Kafka with two topics of this test's own: (flows, url, source, target)."""
    url = real_service("kafka")
    name = f"flow-{uuid.uuid4().hex[:8]}"
    topics = [f"{name}-in", f"{name}-out", f"{name}-out.dead"]
    (flows.folder / "topics.json").write_text(json.dumps([{"name": topic, "partitions": 3} for topic in topics]))
    cls = types().get("kafka")
    with closing(cls(cls.settings_model(url=url))) as live:
        live.seed(flows.folder / "topics.json", 30)
    flows.around = {"bus": f"type: kafka, url: '{url}'"}
    (flows.folder / "keys.csv").write_text("key\n" + "".join(f"resident-{number}\n" for number in range(7)))
    return flows, url, topics[0], topics[1]


def travel(bus: tuple[Any, str, str, str], relay: Relay, fault: str) -> tuple[Result, int]:
    """The result, and how many records the relay has really treated so."""
    flows, url, source, target = bus
    end = relay("kafka", url, source, target, fault)
    text = FLOW.replace("RECORDS", str(RECORDS)).replace("SOURCE", source).replace("TARGET", target)
    found: Result = flows.run(text if fault != "drop" else text.replace("within: 60s", "within: 15s"))
    return found, end()


def test_ten_thousand_through_a_healthy_relay(bus: Any, relay: Relay) -> None:
    result, _ = travel(bus, relay, "none")
    assert result.status == "passed", result.error_message
    assert {each.name for each in result.assertions} == {
        "refused", "leaked", "lost", "late", "altered", "duplicated", "reordered",
    }  # fmt: skip
    assert result.metrics["sent"] == result.metrics["bus.seen"] == RECORDS


@pytest.mark.parametrize(
    ("fault", "subject"),
    [("drop", "lost"), ("duplicate", "duplicated"), ("alter", "altered"), ("swap", "reordered")],
)
def test_ten_thousand_through_a_relay_that_is_broken(bus: Any, relay: Relay, fault: str, subject: str) -> None:
    result, count = travel(bus, relay, fault)
    assert count == 200 or (fault == "swap" and 190 <= count <= 200)
    failed = bus[0].failed(result)
    # What a short time is allowed for may be late on a busy machine too.
    assert {subject} <= set(failed) <= {subject, *(["late"] if fault == "drop" else [])}
    assert result.metrics[subject] == count
    assert failed[subject].startswith(f"{subject} was {count}, expected 0: sysint-")
    assert failed[subject].endswith(f"and {count - 5} more")


def test_what_is_no_json_reaches_the_dead_letters_and_holds_up_nobody(bus: Any, relay: Relay, tmp_path: Path) -> None:
    flows, url, source, target = bus
    relay("kafka", url, source, target, "none")
    text = FLOW.replace("RECORDS", "20").replace("SOURCE", source).replace("TARGET", target)
    text += f"""\
    malformed:
      text: "no JSON: {{correlation}}"
      records: 3
      dead_letter: {{on: bus, consume: {target}.dead, match: anywhere}}
"""
    result = flows.run(text)
    assert result.status == "passed", result.error_message
    assert result.metrics["malformed.dead_lettered"] == 3


def test_a_dead_letter_place_that_stays_empty_fails(bus: Any, relay: Relay) -> None:
    flows, url, source, target = bus
    relay("kafka", url, source, target, "none")
    text = FLOW.replace("RECORDS", "20").replace("SOURCE", source).replace("TARGET", target)
    text += f"""\
    malformed:
      set: {{$.born: "never"}}
      dead_letter: {{on: bus, consume: {target}.dead, match: $.id, within: 500ms}}
"""
    failed = flows.failed(flows.run(text))
    assert set(failed) == {"malformed.dead_lettered", "malformed.leaked"}
    assert "malformed.dead_lettered was 0, expected 1" in failed["malformed.dead_lettered"]


def test_what_the_source_made_may_be_what_a_message_is_known_by(bus: Any, relay: Relay, care: Any) -> None:
    flows, url, source, target = bus
    relay("kafka", url, source, target, "none")
    cls = types().get("kafka")
    with closing(cls(cls.settings_model(url=url))) as live:

        def tell(number: int) -> None:
            """Like an outbox that is quicker than the answer: the message is there before its record is known."""
            token = care.received[number - 1]["externalId"]
            live.publish(target, {"resident": f"srv-{token}", "n": number}, key=None, headers={}, timeout=10)

        care.on_receive = tell
        flows.around["api"] = f"type: rest, url: '{care.url}'"
        result = flows.run(f"""\
  by-its-id:
    records: 30
    send: {{to: api, request: POST /residents, json: {{}}, correlate: $.externalId, capture: {{id: $.id}}}}
    observe: [{{on: bus, consume: {target}, match: $.resident, by: "{{id}}", within: 20s, map: {{n: ">= 1"}}}}]
    settle: 50ms
""")
    assert result.status == "passed", result.error_message
    assert result.metrics["bus.seen"] == 30
