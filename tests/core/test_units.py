from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pytest_sysint.core.units import (
    EXAMPLES,
    Dimension,
    Duration,
    Quantity,
    Rate,
    Ratio,
    Size,
    parse,
    quantity,
    show,
)

relaxed = settings(deadline=None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", Quantity("duration", 0.25)),
        ("5s", Quantity("duration", 5)),
        ("10us", Quantity("duration", 1e-5)),
        ("2m", Quantity("duration", 120)),
        ("2min", Quantity("duration", 120)),
        ("1h30m", Quantity("duration", 5400)),
        (" 1 h  30 m ", Quantity("duration", 5400)),
        ("14d", Quantity("duration", 14 * 86400)),
        ("1w", Quantity("duration", 7 * 86400)),
        ("1.5s", Quantity("duration", 1.5)),
        ("1e3ms", Quantity("duration", 1)),
        ("-2s", Quantity("duration", -2)),
        ("512B", Quantity("size", 512)),
        ("2MiB", Quantity("size", 2**21)),
        ("1GB", Quantity("size", 10**9)),
        ("1kB", Quantity("size", 1000)),
        ("1_000B", Quantity("size", 1000)),
        ("99.9%", Quantity("ratio", 0.999)),
        ("200/s", Quantity("rate", 200)),
        ("30/m", Quantity("rate", 0.5)),
        ("36/h", Quantity("rate", 0.01)),
        ("3", Quantity("number", 3)),
        ("+0.5", Quantity("number", 0.5)),
    ],
)
def test_parse(text: str, expected: Quantity) -> None:
    found = parse(text)
    assert found.dimension == expected.dimension
    assert found.value == pytest.approx(expected.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty text is not a quantity"),
        ("  ", "is not a quantity"),
        ("fast", "'fast' is not a quantity such as 250ms"),
        ("5 parsecs", "unknown unit 'parsecs' (known: us, ms, s,"),
        ("5S", "unknown unit 'S'"),
        ("1s2MiB", "'1s2MiB' mixes units"),
        ("5s5", "mixes units"),
        ("5 5", "mixes units"),
        ("5s!", "is not a quantity"),
        ("0x10", "unknown unit 'x'"),
        (".5s", "is not a quantity"),
        ("1__0s", "unknown unit"),
    ],
)
def test_what_is_no_quantity(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse(text)
    if text != "1__0s" and text.strip():
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "dimension", "said"),
    [
        (250, "duration", "'250' has no unit; write a duration such as 250ms, 5s"),
        ("1.5", "size", "'1.5' has no unit; write a size such as 512B"),
        ("5s", "size", "'5s' is a duration; expected a size such as 512B"),
        ("5%", "rate", "'5%' is a ratio; expected a rate"),
        (True, "duration", "expected a duration such as"),
        (None, "ratio", "expected a ratio such as 99.9%"),
        ([1], "number", "expected a number such as 3"),
        (float("nan"), "number", "is not a quantity"),
    ],
)
def test_the_unit_must_be_there_and_be_right(value: Any, dimension: Dimension, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        quantity(value, dimension)
    assert said in str(caught.value)


def test_zero_needs_no_unit() -> None:
    assert quantity(0, "duration") == quantity("0", "size") == quantity(0.0, "rate") == 0.0


def test_examples_are_true() -> None:
    for dimension, examples in EXAMPLES.items():
        for example in examples.split(", "):
            assert parse(example).dimension == dimension


@pytest.mark.parametrize(
    ("value", "dimension", "shown"),
    [
        (0.0123, "duration", "12.3ms"),
        (0.9996, "duration", "1000ms"),
        (0, "duration", "0us"),
        (2e-9, "duration", "0.002us"),
        (90, "duration", "1.5m"),
        (-0.25, "duration", "-250ms"),
        (100_000_000, "duration", "27778h"),
        (1536, "size", "1.5KiB"),
        (1023, "size", "1023B"),
        (1023 * 1024, "size", "1023KiB"),
        (5 * 2**40, "size", "5120GiB"),
        (0.999, "ratio", "99.9%"),
        (200, "rate", "200/s"),
        (3.0, "number", "3"),
        (float("inf"), "duration", "infus"),
    ],
)
def test_show(value: float, dimension: Dimension, shown: str) -> None:
    assert show(value, dimension) == shown


def test_show_with_more_digits() -> None:
    assert show(0.5004, "duration", 6) == "500.4ms"
    assert show(0.50000001, "duration", 15) == "500.00001ms"
    assert show(0.123456789, "ratio", 8) == "12.345679%"


@relaxed
@given(st.floats(-1e12, 1e12), st.sampled_from(["duration", "size", "ratio", "rate", "number"]))
def test_what_is_shown_can_be_read_back(value: float, dimension: Dimension) -> None:
    found = quantity(show(value, dimension), dimension)
    assert found == pytest.approx(value, rel=6e-3, abs=1e-300)
    assert quantity(show(value, dimension, 15), dimension) == pytest.approx(value, rel=1e-12, abs=1e-300)


@relaxed
@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_parts_add_up(hours: float, seconds: float) -> None:
    assert parse(f"{hours!r}h{seconds!r}s").value == pytest.approx(hours * 3600 + seconds)


@relaxed
@given(st.text())
def test_any_text_is_a_quantity_or_a_value_error(text: str) -> None:
    try:
        assert isinstance(parse(text), Quantity)
    except ValueError as error:
        assert str(error)


def test_the_field_types_say_what_they_want_and_not_what_came_of_pydantic() -> None:
    assert TypeAdapter(Duration).validate_python("250ms") == 0.25
    assert TypeAdapter(Size).validate_python("2MiB", strict=True) == 2**21
    assert TypeAdapter(Ratio).validate_python("5%") == 0.05
    assert TypeAdapter(Rate).validate_python("30/m") == 0.5
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Duration).validate_python(250)
    assert caught.value.errors()[0]["msg"].startswith("'250' has no unit; write a duration")
    schema = TypeAdapter(Size).json_schema()
    assert schema["type"] == "string"
    assert "512B" in schema["description"]
