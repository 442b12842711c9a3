"""A stand-in for a service that nobody can run here, in a process of its own. Under `auto` the last resort."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar

from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Place, Running, Simulator
from pytest_sysint.core.registry import types
from pytest_sysint.provision._helper import answer, serve_in_helper
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._ready import tcp
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._way import Declares, RecipeSettings, Type, importable, installing, recipe_of


class SimulatorWay:
    """Carries out a type's `Simulator` recipe."""

    name: ClassVar[str] = "simulator"
    settings_model: ClassVar[type[Declared]] = RecipeSettings
    of_the_machine: ClassVar[bool] = True

    def rank(self, cls: Type, _provision: Declares, /) -> int | None:
        return 70 if recipe_of(cls, Simulator) else None

    def missing(self, cls: Type, _provision: Declares, /) -> str:
        recipe = recipe_of(cls, Simulator)
        if recipe is None:
            return "declare another way: this type has no simulator"
        absent = next((module for module in (recipe.module, *recipe.needs) if not importable(module)), "")
        return installing(cls, absent) if absent else ""

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        # Not the type's ladder: a simulator may have been asked to be broken from the start.
        title, options = f"the simulator of {request.type}", request.of(self.name).options
        return serve_in_helper(__name__, title, request, options, lambda place, _: tcp(place.port), host)


def _work(question: dict[str, Any], place: Place) -> tuple[dict[str, str], Callable[[], None]]:
    recipe = recipe_of(types().get(question["type"]), Simulator)
    assert recipe is not None
    running: Running = import_module(recipe.module).start(place)
    return {"url": running.url, "detail": running.detail}, running.stop


def main() -> None:
    answer(_work)


WAY = SimulatorWay()
