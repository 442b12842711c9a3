"""Plain YAML scalars by the rules of 1.2, without its surprises."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sysint.declaration.scalars import plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None),
        ("true", True), ("False", False), ("TRUE", True),
        ("0", 0), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("0.0", 0.0),
    ],
)  # fmt: skip
def test_what_yaml_1_2_reads_as_a_value(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "no", "yes", "on", "off", "y", "n", "No", "tRue", "nULL",  # words of YAML 1.1
        "2026-12-31", "12:30:00", "1_000", "007", "-01", "1:30",  # dates, times and numbers of YAML 1.1
        ".inf", "-.inf", ".nan", "1e999", "9" * 40, "0x" + "f" * 17,  # what JSON has no room for
        ".", "-", "+", "1.2.3", "0x", "1e", "½", "٣",
    ],
)  # fmt: skip
def test_what_stays_a_text(text: str) -> None:
    assert plain(text) == text


@given(st.text(max_size=200))
def test_any_text_is_a_finite_value(text: str) -> None:
    value = plain(text)
    assert not isinstance(value, float) or math.isfinite(value)
