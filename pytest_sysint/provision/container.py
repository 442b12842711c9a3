"""A container, by the type's recipe and testcontainers."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_sysint.core.errors import SysintError, Unavailable
from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Container, Running
from pytest_sysint.provision import _docker
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._python import python
from pytest_sysint.provision._ready import ladder, until
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._way import Declares, RecipeSettings, Type, recipe_of

_PAUSE = 0.1
"""Seconds between two of testcontainers' questions whether the container is ready."""


class ContainerSettings(RecipeSettings):
    """The keys of a service that runs in a container."""

    image: str = Field("", description="The image to run; default: the type's own.")


class ContainerWay:
    """Carries out a type's `Container` recipe."""

    name: ClassVar[str] = "container"
    settings_model: ClassVar[type[Declared]] = ContainerSettings
    of_the_machine: ClassVar[bool] = True

    def rank(self, cls: Type, provision: Declares, /) -> int | None:
        if provision.of(self.name).image:
            return 20
        return 50 if recipe_of(cls, Container) else None

    def missing(self, cls: Type, _provision: Declares, /) -> str:
        if recipe_of(cls, Container) is None:
            return "declare another way: this type has no container"
        return _docker.problem()

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        recipe = recipe_of(cls, Container)
        assert recipe is not None
        settings: ContainerSettings = request.of(self.name)
        image = settings.image or recipe.image
        _be_patient(request.timeout)
        label = _docker.session()
        host.at_end(label, lambda: _docker.remove(label), [*python(_docker.__name__), label])
        try:
            running = recipe.start(image, host.place(request.id, settings.options))
        except SysintError:
            raise
        except Exception as error:
            raise Unavailable(f"{request.id}: image {image} could not be run: {error}") from error
        try:
            why = until(ladder(cls, running.url), running.ended or _unknown, request.timeout)
        except BaseException:
            running.stop()
            raise
        if why:
            running.stop()
            raise Unavailable(f"{request.id}: image {image} {why}")
        return running


def _unknown() -> str:
    return ""


def _be_patient(timeout: float) -> None:
    """Make testcontainers ask often, and for as long as the declaration allows."""
    from testcontainers.core.config import testcontainers_config

    testcontainers_config.sleep_time = _PAUSE
    testcontainers_config.max_tries = max(testcontainers_config.max_tries, int(timeout / _PAUSE))


WAY = ContainerWay()
