"""A server program of this machine, run as a child process on a free port with a temporary folder."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import LocalBinary, Place, Running
from pytest_sysint.core.registry import types
from pytest_sysint.provision._helper import answer, ask
from pytest_sysint.provision._host import Child, Host
from pytest_sysint.provision._output import as_hint
from pytest_sysint.provision._programs import find
from pytest_sysint.provision._ready import ladder
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._serve import Server, serve
from pytest_sysint.provision._way import Declares, RecipeSettings, Type, recipe_of

NOBODY = "nobody"
"""Who runs a server that refuses to run as root."""


class LocalBinaryWay:
    """Carries out a type's `LocalBinary` recipe."""

    name: ClassVar[str] = "local_binary"
    settings_model: ClassVar[type[Declared]] = RecipeSettings
    of_the_machine: ClassVar[bool] = True

    def rank(self, cls: Type, _provision: Declares, /) -> int | None:
        return 30 if recipe_of(cls, LocalBinary) else None

    def missing(self, cls: Type, _provision: Declares, /) -> str:
        recipe = recipe_of(cls, LocalBinary)
        if recipe is None:
            return "declare another way: this type has no server program"
        if find(recipe):
            return ""
        return f"install {' or '.join(recipe.binaries)} (not on PATH{_looked(recipe)})"

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        recipe = recipe_of(cls, LocalBinary)
        assert recipe is not None
        binary = find(recipe)
        user = NOBODY if recipe.unprivileged and os.geteuid() == 0 else None

        def launch(place: Place) -> Child:
            _prepare(recipe, request, binary, place, user, host)
            environment = recipe.environment(binary, place) if recipe.environment else {}
            return host.spawn(recipe.argv(binary, place), place, environment=environment, user=user)

        server = Server(Path(binary).name, launch, recipe.url, lambda _, url: ladder(cls, url), binary)
        return serve(server, request.id, request.of(self.name).options, request.timeout, host)


def _looked(recipe: LocalBinary) -> str:
    return f" nor in {', '.join(recipe.folders)}" if recipe.folders else ""


def _prepare(
    recipe: LocalBinary, request: ServiceRequest, binary: str, place: Place, user: str | None, host: Host
) -> None:
    if user is not None:
        host.give(place, user)
    if recipe.prepare is None:
        return
    if user is None:
        _carry_out(recipe, binary, place)
    else:
        question = {"what": "the preparation", "type": request.type, "binary": binary, "user": user}
        ask(__name__, question, place, request.timeout, host).child.stop()


def _carry_out(recipe: LocalBinary, binary: str, place: Place) -> None:
    assert recipe.prepare is not None
    try:
        recipe.prepare(binary, place)
    except subprocess.CalledProcessError as error:
        program = error.cmd if isinstance(error.cmd, str) else Path(str(error.cmd[0])).name
        said = error.stderr or error.stdout or b""
        text = said if isinstance(said, str) else said.decode("utf-8", "replace")
        why = f"{program} exited with code {error.returncode}"
        raise Unavailable(f"{place.id}: {Path(binary).name} could not be prepared: {why}", hint=as_hint(text)) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{place.id}: {Path(binary).name} could not be prepared: {error}") from None


def _work(question: dict[str, Any], place: Place) -> tuple[dict[str, str], Callable[[], None]]:
    """The preparation as another user, in a process of its own: a thread cannot change who it is."""
    recipe = recipe_of(types().get(question["type"]), LocalBinary)
    assert recipe is not None
    entry = pwd.getpwnam(question["user"])
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=str(place.folder), USER=question["user"])
    os.chdir(place.folder)
    _carry_out(recipe, question["binary"], place)
    return {}, lambda: None


def main() -> None:
    answer(_work)


WAY = LocalBinaryWay()
