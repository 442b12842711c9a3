"""A command that the declaration gives, run as a child process; for the team's own services."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.errors import Unavailable, did_you_mean
from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.provision._host import Child, Host
from pytest_sysint.provision._ready import Ready, answers, ladder, tcp
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._serve import Server, serve
from pytest_sysint.provision._way import Declares, Type

PLACEHOLDERS = ("port", "folder", "python")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_WORDS = ("ladder", "tcp")


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("sysint", "{text}", {"text": text})


def _known_placeholders(text: str) -> str:
    for word in _PLACEHOLDER.findall(text):
        if word not in PLACEHOLDERS:
            raise _problem(f"unknown placeholder {{{word}}}{did_you_mean(word, PLACEHOLDERS)}")
    return text


def _splits(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _problem(f"the command cannot be split into words: {error}") from None
    if text and not words:
        raise _problem("the command is empty")
    return text


def _ready(text: str) -> str:
    if text not in _WORDS and not text.startswith("/"):
        raise _problem(f"'{text}' is neither a path that begins with '/' nor one of: {', '.join(_WORDS)}")
    return text


class CommandSettings(Declared):
    """The keys of a service that is started by a command."""

    command: Annotated[str, AfterValidator(_splits), AfterValidator(_known_placeholders)] = Field(
        "", description="The command, without a shell. {port}, {folder} (temporary) and {python} are filled in."
    )
    ready: Annotated[str, AfterValidator(_ready)] = Field(
        "ladder",
        description="When it is there: a path (`/health`) that answers with a status below 500, `tcp` when the port "
        "takes connections, `ladder` when the type's own probe succeeds.",
    )
    environment: dict[str, str | int | float] = Field(
        default_factory=dict, description="Environment variables, beside those of the run; placeholders are filled in."
    )
    cwd: str = Field("", description="The folder that it runs in, from pytest's rootdir.")
    url: Annotated[str, AfterValidator(_known_placeholders)] = Field(
        "",
        description="Where it is then, such as `http://127.0.0.1:{port}/api`; default: the type's scheme and the port.",
    )

    @model_validator(mode="after")
    def _told_its_port(self) -> CommandSettings:
        texts = (self.command, *map(str, self.environment.values()))
        if self.command and not self.url and not any("{port}" in text for text in texts):
            raise _problem(
                "nothing tells the command its port: write {port} in the command or its environment, or give the `url` "
                "where it will be"
            )
        return self


class Command:
    """Runs the declared command."""

    name: ClassVar[str] = "command"
    settings_model: ClassVar[type[Declared]] = CommandSettings
    of_the_machine: ClassVar[bool] = False

    def rank(self, cls: Type, provision: Declares, /) -> int | None:
        if provision.of(self.name).command:
            return 10
        return None if cls.recipes else 60

    def missing(self, _cls: Type, provision: Declares, /) -> str:
        declared = provision.of(self.name).command
        return "" if declared else "declare how it is started (`provision: {command: ...}`)"

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        settings: CommandSettings = request.of(self.name)
        cwd = Path(request.folder, settings.cwd)
        if not cwd.is_dir():
            raise Unavailable(f"{request.id}: the folder to run its command in is not there: {cwd}")
        words = shlex.split(settings.command)

        def launch(place: Place) -> Child:
            argv = [_fill(word, place) for word in words]
            environment = {name: _fill(value, place) for name, value in _strings(settings.environment).items()}
            return host.spawn(argv, place, environment={**_defaults(), **environment}, cwd=cwd)

        def url(place: Place) -> str:
            return _fill(settings.url or f"{_scheme(cls)}://127.0.0.1:{{port}}", place)

        def ready(place: Place, at: str) -> Ready:
            if settings.ready.startswith("/"):
                return answers(at, settings.ready)
            return tcp(place.port) if settings.ready == "tcp" else ladder(cls, at)

        server = Server(Path(words[0].strip("{}")).name, launch, url, ready, settings.command)
        return serve(server, request.id, {}, request.timeout, host)


def _fill(text: str, place: Place) -> str:
    """The text with the known placeholders filled in; every other brace stays as it is."""
    values = {"port": str(place.port), "folder": str(place.folder), "python": sys.executable}
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def _strings(environment: Mapping[str, str | int | float]) -> dict[str, str]:
    return {name: str(value) for name, value in environment.items()}


def _path() -> str:
    """PATH, with the programs of the running interpreter's environment first."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _defaults() -> dict[str, str]:
    return {"PATH": _path(), "PYTHONUNBUFFERED": "1"}  # what a crash was about must be in the log


def _scheme(cls: Type) -> str:
    schemes = cls.settings_model.schemes
    return "http" if not schemes or "http" in schemes else schemes[0]


WAY = Command()
