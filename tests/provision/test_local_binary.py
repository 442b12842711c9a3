"""The way `local_binary`: found, prepared, started, ready, and telling when it is not."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import LocalBinary
from pytest_sysint.provision import Provided, Services
from pytest_sysint.provision._programs import find

Provide = Callable[..., Provided]


def _program(folder: Path) -> str:
    folder.mkdir(parents=True)
    program = folder / "some-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def _recipe(*folders: str) -> LocalBinary:
    return LocalBinary(("other-server", "some-server"), lambda *_: (), lambda _: "", folders=folders)


def test_a_program_is_taken_from_path_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = _program(tmp_path / "path")
    _program(tmp_path / "lib" / "20" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert find(_recipe(f"{tmp_path}/lib/*/bin")) == on_path


def test_else_the_newest_of_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {version: _program(tmp_path / "lib" / version / "bin") for version in ("9.6", "15", "14.2")}
    assert find(_recipe(f"{tmp_path}/none/*/bin", f"{tmp_path}/lib/*/bin")) == found["15"]
    assert find(_recipe()) == ""


def test_a_service_that_dies_at_start_shows_the_end_of_its_log(
    services: Services, provide: Provide, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(words="die")
    assert caught.value.message == "service: stand-in-python exited with code 3 before it was ready"
    assert caught.value.hint.splitlines()[-1].strip() == "cannot read the licence file"
    assert "line 29" in caught.value.hint
    assert "line 0" not in caught.value.hint
    assert "line 0\n" in (tmp_path / "logs" / "service.log").read_text()


def test_a_service_that_never_answers_is_given_up(services: Services, provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(words="garble", timeout=0.5)
    assert caught.value.message.startswith("service: stand-in-python was not ready within 500ms: ")


def test_another_port_is_taken_when_somebody_was_faster(services: Services, provide: Provide) -> None:
    provided = provide(words="taken", recipe={"times": "2"})
    assert provided.url.startswith("stand-in://127.0.0.1:")


def test_the_port_is_not_sought_for_ever(services: Services, provide: Provide) -> None:
    with pytest.raises(Unavailable, match=r"exited with code 1 before it was ready\n.*\n[\s\S]*in use"):
        provide(words="taken", recipe={"times": "9"})


def test_a_preparation_that_fails_shows_what_it_said(services: Services, provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(words="unprepared")
    assert caught.value.message == "service: stand-in-python could not be prepared: python exited with code 1"
    assert caught.value.hint.splitlines()[-1].strip() == "no space left"


def test_a_server_that_refuses_root_runs_as_nobody(
    services: Services, provide: Provide, require: Callable[[object, str], None]
) -> None:
    from stand_in_unprivileged import TYPE, info

    require(find(TYPE.recipes[0]), "redis-server is not installed")
    about = info(provide(type="stand_in_unprivileged").url)
    found = re.search(r"process_id:(\d+)", about)
    assert found is not None
    folder = next(line for line in about.splitlines() if "/sysint-" in line)
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert Path("/proc", found[1]).stat().st_uid == user
    uid, home = Path(folder, "prepared-by").read_text().split()
    assert int(uid) == user
    assert home == (folder if os.geteuid() == 0 else os.environ["HOME"])


def test_a_type_without_a_program_says_so(provide: Provide) -> None:
    with pytest.raises(Unavailable, match=r"as 'local_binary'[\s\S]*this type has no server program"):
        provide(type="stand_in_bare", way="local_binary")


def test_named_alone_it_says_what_to_install(provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(type="stand_in_absent", way="local_binary")
    assert caught.value.hint == "to have it: install absent-server (not on PATH nor in /opt/absent/*/bin)"


def test_its_output_goes_to_the_log_and_its_environment_is_the_run_s(
    monkeypatch: pytest.MonkeyPatch, services: Services, provide: Provide, ask: Callable[[str], dict[str, Any]]
) -> None:
    monkeypatch.setenv("STAND_IN_TOKEN", "from the run")
    assert ask(provide().url)["environment"]["STAND_IN_TOKEN"] == "from the run"
