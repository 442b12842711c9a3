"""The way `embedded`: in a process of its own, ended through its own stop."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import Provided, Services

Provide = Callable[..., Provided]


def test_it_runs_in_a_process_of_its_own_and_is_stopped(
    services: Services, provide: Provide, ask: Callable[[str], dict[str, Any]], tmp_path: Path
) -> None:
    stopped = tmp_path / "stopped"
    provided = provide(way="embedded", recipe={"stopped": str(stopped)})
    about = ask(provided.url)
    assert (provided.way, provided.detail) == ("embedded", "a thread")
    assert about["pid"] != os.getpid()
    assert services.log_tail("service") == "embedded server speaking"
    services.close()
    assert stopped.read_text() == "stopped"


def test_one_that_fails_shows_why(services: Services, provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(way="embedded", words="die")
    assert caught.value.message == "service: the embedded server (json) exited with code 1"
    assert caught.value.hint.splitlines()[-1].strip() == "RuntimeError: the embedded server has no wings"


def test_one_that_says_why_it_cannot_be_is_believed(provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(way="embedded", words="polite")
    assert (caught.value.message, caught.value.hint) == ("the embedded server needs a licence", "buy one")


def test_one_that_takes_too_long_is_given_up(provide: Provide) -> None:
    with pytest.raises(Unavailable, match=r"the embedded server \(json\) gave no answer within 500ms"):
        provide(way="embedded", words="slow", timeout=0.5)


def test_it_says_what_to_install(provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(way="embedded", type="stand_in_absent")
    assert caught.value.hint == "to have it: install the Python module absent_package"
    with pytest.raises(Unavailable, match="this type has no embedded server"):
        provide("bare", way="embedded", type="stand_in_bare")
