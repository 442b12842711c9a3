from __future__ import annotations

from typing import Any

import pytest

from pytest_sysint.reports._text import clipped, duration, listed, plain, plural, value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("nul \x00 bell \x07 del \x7f", "nul \u2400 bell \u2407 del \u2421"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
    ],
)
def test_control_characters_are_visible_or_gone(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_what_is_cut_is_said() -> None:
    assert clipped("short", 5) == "short"
    assert clipped("x" * 2000, 10) == "xxxxxxxxxx... (1,990 more characters)"


@pytest.mark.parametrize(
    ("found", "subject", "shown"),
    [
        ("< 500ms", "", "< 500ms"),
        ("42501", "", '"42501"'),
        ("true", "", '"true"'),
        ("", "", '""'),
        ("[1]", "", '"[1]"'),
        (42501, "", "42501"),
        (None, "", "null"),
        (True, "latency", "true"),
        (0.212, "latency", "212ms"),
        (0.002, "phases.connect", "2ms"),
        ({"a": [1, "ü"]}, "", '{"a": [1, "ü"]}'),
    ],
)
def test_values_keep_their_type_in_sight(found: Any, subject: str, shown: str) -> None:
    assert value(found, subject) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0.43, "0.43 ms"), (412.4, "412 ms"), (5210, "5.21 s"), (200_400, "3 min 20 s"), (7_380_000, "2 h 3 min")],
)
def test_durations(ms: float, shown: str) -> None:
    assert duration(ms) == shown


def test_counts_and_lists() -> None:
    assert (plural(1, "check"), plural(1200, "check")) == ("1 check", "1,200 checks")
    assert [listed(list(names)) for names in ("", "a", "ab", "abc", "abcdefg")] == [
        "", "a", "a and b", "a, b and c", "a, b, c, d and 3 more",
    ]  # fmt: skip
