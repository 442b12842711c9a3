from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_sysint.engine.breaker import Breaker
from pytest_sysint.engine.budget import Budget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("time.monotonic", made.monotonic)
    return made


def test_after_the_burst_turns_are_evenly_spaced(clock: Clock) -> None:
    budget = Budget(5)
    turns = []
    for _ in range(20):
        budget.take(clock.sleep)
        turns.append(clock.now)
    assert turns[:5] == pytest.approx([100.0] * 5)
    assert [later - earlier for earlier, later in pairwise(turns[5:])] == pytest.approx([0.2] * 14)
    assert budget.spent == 20


def test_retry_after_pauses_everybody(clock: Clock) -> None:
    budget = Budget(5)
    budget.pause(3)
    budget.take(clock.sleep)
    assert clock.now == pytest.approx(103)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        Budget(0)


def test_the_breaker_opens_lets_one_try_and_closes(clock: Clock) -> None:
    breaker = Breaker(threshold=2, cool_down=5)
    for _ in range(2):
        assert breaker.allows()
        breaker.failed()
    assert not breaker.allows()
    clock.now += 5
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
