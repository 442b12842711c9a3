from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_sysint.core.integration import Observation
from pytest_sysint.expectations.subjects import dimension_of, subject
from pytest_sysint.expectations.verdicts import MISSING, Many

STORE = {
    "store": {"book": [{"title": "a", "price": 8}, {"title": "b", "price": 12}, {"title": "c"}], "name": None},
    "it's": 1,
}


def select(path: str, payload: object) -> object:
    return subject(path).select(Observation(payload)).value


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", STORE),
        ("$.store.name", None),
        ("$.store.book[0].title", "a"),
        ("$.store.book[-1].title", "c"),
        ("$['it\\'s']", 1),
        ('$["store"]["name"]', None),
    ],
)
def test_a_path_to_one_place_gives_its_value(path: str, expected: object) -> None:
    found = select(path, STORE)
    assert not isinstance(found, Many)
    assert found == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.store.book[*].title", ["a", "b", "c"]),
        ("$.store.book[0:2].price", [8, 12]),
        ("$.store.book[0,2].title", ["a", "c"]),
        ("$..price", [8, 12]),
        ("$.store.book[?@.price > 10].title", ["b"]),
        ("$.store.book[?@.price].title", ["a", "b"]),
        ("$.store.book[?match(@.title, '[ab]')].title", ["a", "b"]),
        ("$.store.book[?length(@.title) == 1 && @.price == 8].price", [8]),
        ("$.nothing[*]", []),
    ],
)
def test_a_path_that_may_select_several_gives_many(path: str, expected: list[object]) -> None:
    found = select(path, STORE)
    assert isinstance(found, Many)
    assert list(found) == expected


@pytest.mark.parametrize(
    "path", ["$.a |$.b", "$.", "$.a[", "$a", "$ ", "$.a[#]", "$.~a", "$[?foo(@)]", "$[?" + "(" * 3000]
)
def test_what_rfc_9535_does_not_know_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        subject(path)


@pytest.mark.parametrize("path", ["", " status", "status ", "a..b", ".a", "a."])
def test_facts_are_names_joined_by_dots(path: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        subject(path)


@pytest.mark.parametrize(
    ("path", "payload", "said"),
    [
        ("$.stor.book", STORE, "$ has the keys store, it's"),
        ("$.store.books", STORE, "$.store has the keys book, name"),
        ("$.store.book[7].title", STORE, "$.store.book is a list of 3"),
        ("$.store.name.first", STORE, "$.store.name is null"),
        ("$.a", {}, "$ is an empty map"),
        ("$[0]", [], "$ is an empty list"),
        ("$[*].a", [], "$ is an empty list"),
        ("$.a", "plain text", '$ is a text: "plain text"'),
        ("$.a", '{"a": 1}', "$ is a text"),
        ("$[0]", b"bytes", "$ is "),
        ("$.a", None, "$ is null"),
        ("$.a", 3, "$ is a number: 3"),
        ("$.*.a", {"x": {"b": 1}}, "$[*] has the keys b"),
    ],
)
def test_a_path_that_selects_nothing_says_what_is_nearest(path: str, payload: object, said: str) -> None:
    found = subject(path).select(Observation(payload))
    assert found.value is MISSING or found.value == []
    assert found.lacking.startswith(f"'{path}' selects nothing: {said}")


def test_a_text_is_not_parsed() -> None:
    assert select("$", '{"a": 1}') == '{"a": 1}'
    assert select("$", "[") == "["
    assert select("$", b"\x00") == b"\x00"


def test_a_payload_that_is_nested_too_deep_is_no_exception() -> None:
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    found = subject("$..a").select(Observation(deep))
    assert found.value is MISSING
    assert "nested too deep" in found.lacking


def test_facts_and_phases() -> None:
    observation = Observation(
        facts={"status": 200, "headers": {"content-type": "text/html", "x.y": "z"}, "latency.p95": 3},
        phases={"connect": 0.1, "total": 0.5},
    )
    expected = {
        "status": 200,
        "latency": 0.5,
        "phases.connect": 0.1,
        "phases.total": 0.5,
        "headers.content-type": "text/html",
        "headers.Content-Type": "text/html",
        "headers.x.y": "z",
        "latency.p95": 3,
    }
    assert {path: subject(path).select(observation).value for path in expected} == expected


def test_a_fact_that_is_not_there_says_what_is() -> None:
    observation = Observation(facts={"status": 200, "headers": {"date": "x"}}, phases={"total": 1.0})
    found = subject("statu").select(observation)
    assert found.value is MISSING
    assert found.lacking == (
        "there is no 'statu', did you mean 'status'? (there is: headers.date, latency, phases.total, status)"
    )
    assert subject("status.code").select(observation).value is MISSING
    assert subject("latency").select(Observation()).lacking == "there is no 'latency' (there is: nothing)"


def test_dimensions() -> None:
    names = ("latency", "latency.p95", "phases.tls", "age", "size", "status", "headers.x", "$.a", "lag", "other")
    found = [dimension_of(name, {"lag": "duration"}) for name in names]
    assert found == [
        "duration", "duration", "duration", "duration", "size", "number", "number", "number", "duration", None,
    ]  # fmt: skip


def test_one_path_serves_many_threads() -> None:
    path = subject("$[?search(@.id, '^a') && @.n == $[0].n].id")
    payloads = [[{"id": f"a{n}", "n": n}, {"id": "b", "n": n}] for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda payload: path.select(Observation(payload)).value, payloads))
    assert json.dumps(found) == json.dumps([[f"a{n}"] for n in range(40)])
