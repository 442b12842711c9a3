"""Which observers tell an order: those that read messages as they come, and no others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sysint.checks._flows.book import Sight


class Three:
    """Three good records of one order key."""

    order_keys = ("oakwood",) * 3

    def __len__(self) -> int:
        return 3

    def is_good(self, _: int) -> bool:
        return True


@pytest.fixture
def sight() -> Any:
    observer: Any = SimpleNamespace(fields=(), capture={}, by=None)
    records: Any = Three()
    found = Sight(observer, records)
    found._known.update({"a": 0, "b": 1, "c": 2})
    return found


def test_messages_that_come_in_another_order_are_reordered(sight: Any) -> None:
    for moment, token in enumerate("acb", start=1):
        sight.take(token, {}, float(moment))
    assert sight.displaced == {1: 2}


def test_looks_that_find_records_in_another_order_say_nothing_of_it(sight: Any) -> None:
    sight.look(2, [{}], 1.0)
    sight.sweep([("b", {}), ("a", {})], 2.0, judge=False)
    assert list(sight.counts) == [1, 1, 1]
    assert not sight.displaced
