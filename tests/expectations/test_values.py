from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sysint.expectations.values import (
    compare,
    is_integral,
    json_values,
    moment,
    number,
    plain,
    same,
    show,
    size,
    text,
)

relaxed = settings(deadline=None)
ID = UUID("9f0c1c3e-6f5b-4d6a-8f57-0a6b1c2d3e4f")
NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1, 1.0),
        (Decimal("1.10"), "1.1"),
        (Decimal("0.1"), 0.1),
        (Decimal(3), 3),
        (ID, str(ID)),
        (ID, str(ID).upper()),
        (ID, ID),
        (NOON, "2026-01-31T12:00:00Z"),
        (NOON, "2026-01-31T13:00:00+01:00"),
        (NOON.replace(tzinfo=None), "2026-01-31 12:00:00"),
        (date(2026, 1, 31), "2026-01-31"),
        (b"abc", "abc"),
        (bytearray(b"abc"), b"abc"),
        ((1, 2), [1, 2]),
        ({"a": [Decimal(1)]}, {"a": [1.0]}),
        (None, None),
    ],
)
def test_same(actual: object, expected: object) -> None:
    assert same(actual, expected)
    assert same(expected, actual)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (True, 1),
        (False, 0),
        (True, "true"),
        ("1", 1),
        (1, "1"),
        (None, False),
        (None, ""),
        (None, 0),
        ([], {}),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, [["a", 1]]),
        (Decimal("1.10"), "one"),
        (Decimal("NaN"), 1),
        (ID, "9f0c1c3e"),
        (NOON, "tomorrow"),
        (b"\xff", "x"),
        (float("nan"), float("nan")),
    ],
)
def test_not_same(actual: object, expected: object) -> None:
    assert not same(actual, expected)
    assert not same(expected, actual)


@relaxed
@given(PLAIN)
def test_everything_is_the_same_as_its_copy(value: object) -> None:
    assert same(value, json.loads(json.dumps(value)))


@relaxed
@given(PLAIN, PLAIN)
def test_same_is_symmetric(one: object, other: object) -> None:
    assert same(one, other) == same(other, one)


@relaxed
@given(st.integers() | st.floats(), st.integers() | st.floats())
def test_compare_agrees_with_python(one: float, other: float) -> None:
    found = compare(one, other)
    assert (found == -1, found == 0, found == 1) == (one < other, one == other, one > other)


def test_a_float_meets_a_decimal_as_it_is_written() -> None:
    assert compare(0.1, Decimal("0.1")) == 0
    assert compare(Decimal("0.1"), 0.2) == -1
    assert compare(Decimal("NaN"), 0.2) is None
    assert compare(Decimal("sNaN"), Decimal(1)) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (2.5, 2.5), ("3", 3), ("-2.5e1", -25.0), (b"7", 7), (Decimal("1.5"), Decimal("1.5"))],
)
def test_number(value: object, expected: object) -> None:
    assert number(value) == expected


@pytest.mark.parametrize("value", [True, None, "", "3 apples", "0x10", "nan", "1" * 500, [1], b"\xff", "1_000"])
def test_no_number(value: object) -> None:
    assert number(value) is None


def test_integral() -> None:
    assert all(map(is_integral, (1, 1.0, Decimal("1.00"), Decimal("1E+9999"))))
    assert not any(map(is_integral, (1.5, float("inf"), Decimal("1.5"), Decimal("NaN"))))


def test_moment() -> None:
    assert moment("2026-01-31T12:00:00+00:00") == NOON
    assert moment(NOON.astimezone(timezone(timedelta(hours=5)))) == NOON
    assert moment(date(2026, 1, 31)) == datetime(2026, 1, 31, tzinfo=UTC)
    assert moment("soon") is None
    assert moment(3) is None


def test_text() -> None:
    assert [text(value) for value in ("a", b"\xc3\xa9", True, 3, 1.5, Decimal("1.0"), ID, NOON)] == [
        "a", "é", "true", "3", "1.5", "1.0", str(ID), "2026-01-31T12:00:00+00:00",
    ]  # fmt: skip
    assert [text(value) for value in (None, [], {}, 1 << 20_000)] == [None] * 4


def test_size() -> None:
    assert [size(value) for value in ("abc", b"ab", [1], {}, (1, 2), 3, None)] == [3, 2, 1, 0, 2, None, None]


def test_json_values_copies_only_what_json_has_no_word_for() -> None:
    payload = {"a": [1, {"b": None}]}
    assert json_values(payload) is payload
    rows = [{"id": ID, "n": Decimal("1.50"), "k": Decimal("2.00"), "at": NOON, "raw": b"x", "pair": (1, 2)}]
    assert json_values(rows) == [{"id": str(ID), "n": 1.5, "k": 2, "at": NOON.isoformat(), "raw": "x", "pair": [1, 2]}]
    assert json_values({1: "a"}) == {"1": "a"}
    assert json_values([Decimal("NaN"), Decimal("1E+9999")]) == ["NaN", float("inf")]
    assert json_values({1, 2}) in ("{1, 2}", "{2, 1}")


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        b"\xff" * 10_000_000,
        ["x" * 5000] * 5000,
        list(range(1_000_000)),
        {f"key{n}": "x" * 50 for n in range(100_000)},
        {"deep": [[[[[[[[[[[[["x"]]]]]]]]]]]]]},
        1 << 100_000,
        [1 << 100_000, float("inf"), float("nan"), Decimal("1.5"), ID, NOON, {3: 4}, object()],
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_lands_in_a_record_is_small_and_json(value: object) -> None:
    written = json.dumps(plain(value), allow_nan=False)
    assert 2 < len(written) < 20_000


def test_what_is_cut_says_so() -> None:
    assert plain("x" * 1500) == "x" * 1000 + "... (500 more characters)"
    assert plain(b"x" * 1500) == "x" * 1000 + "... (500 more bytes)"
    assert plain(list(range(30)))[-1] == "... (10 more items)"
    assert plain({str(n): n for n in range(30)})["..."] == "10 more keys"
    assert plain(1 << 5000) == "an integer of 5,001 bits"
    assert len(show("x" * 500)) < 170


@relaxed
@given(PLAIN)
def test_small_values_stay_as_they_are(value: object) -> None:
    if len(json.dumps(value)) < 200 and "[[[" not in json.dumps(value):
        kept = json.dumps(value, allow_nan=True)
        if "Infinity" not in kept:
            assert plain(value) == value
