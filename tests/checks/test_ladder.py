"""The ladder on its own, with rungs made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from pytest_sysint.checks._ladder import Ladder
from pytest_sysint.core.errors import CallError, TimedOut, Unreachable
from pytest_sysint.core.integration import Integration, Rung, Settings


class Rungs(Integration[Settings]):
    """An integration with the rungs that it is given."""

    category = "api"
    settings_model = Settings

    def __init__(self, make: Callable[[], Iterable[Rung]]) -> None:
        super().__init__(Settings(url="test://user:hunter22@there"))
        self._make = make

    @property
    def client(self) -> None:
        return None

    def rungs(self) -> Iterable[Rung]:
        return self._make()

    def reproduce(self) -> str:
        return f"nc {self.settings.url}"


def climb(talk: Any, *rungs: Rung) -> Any:
    return Ladder("oakwood")(talk(Rungs(lambda: rungs), timeout=4.0))


def hold(timeout: float) -> str:
    return "there"


def test_a_type_without_rungs_judges_nothing_and_fails(talk: Any) -> None:
    outcome = climb(talk)
    assert [(item.name, item.status) for item in outcome.assertions] == [("reachable", "failed")]
    assert "nothing was judged" in outcome.assertions[0].message


def test_rungs_above_a_broken_one_are_not_tried(talk: Any) -> None:
    tried: list[str] = []

    def lost(timeout: float) -> str:
        raise TimedOut("no greeting")

    def never(timeout: float) -> str:
        tried.append("ping")
        return ""

    with pytest.raises(TimedOut) as caught:
        climb(talk, Rung("tcp", hold), Rung("authentication", lost), Rung("ping", never))
    assert tried == []
    assert caught.value.rung == "authentication", "the rung that was climbed, whatever the error says of itself"
    assert [item.name for item in caught.value.partial.assertions] == ["tcp"]
    assert caught.value.partial.reproduce == "nc test://user:***@there"


def test_every_rung_has_at_least_a_quarter_of_the_time(talk: Any) -> None:
    given: list[float] = []

    def note(timeout: float) -> str:
        given.append(timeout)
        return "there"

    climb(talk, *(Rung(name, note) for name in ("dns", "tcp", "tls", "ping")))
    assert all(1.0 <= seconds <= 4.0 for seconds in given)
    assert given == sorted(given, reverse=True)


def test_an_error_while_the_ladder_is_made_keeps_its_own_rung(talk: Any) -> None:
    def make() -> Iterable[Rung]:
        yield Rung("dns", hold)
        raise CallError("the url cannot be read", rung="tls", hint="look at it")

    with pytest.raises(CallError) as caught:
        Ladder()(talk(Rungs(make)))
    assert caught.value.rung == "tls"
    assert [item.name for item in caught.value.partial.assertions] == ["dns"]
    assert caught.value.partial.cause == "look at it"


def test_what_was_seen_and_how_long_it_took(talk: Any) -> None:
    (tcp,) = climb(talk, Rung("tcp", hold)).assertions
    assert tcp.message.startswith("tcp: there, in ")
    assert (tcp.expected, tcp.actual, tcp.tenant_id) == ("tcp holds", "there", "oakwood")


def test_a_lost_connection_without_a_hint_still_has_a_cause(talk: Any) -> None:
    def refuse(timeout: float) -> str:
        raise Unreachable("refused")

    with pytest.raises(Unreachable) as caught:
        climb(talk, Rung("tcp", refuse))
    assert "nothing listens there" in caught.value.partial.cause
