"""A server that comes as a Python package, run in a process of its own so that it slows nothing else down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Embedded, Place, Running
from pytest_sysint.core.registry import types
from pytest_sysint.provision._helper import answer, serve_in_helper
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._ready import ladder
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._way import Declares, RecipeSettings, Type, importable, installing, recipe_of


class EmbeddedWay:
    """Carries out a type's `Embedded` recipe."""

    name: ClassVar[str] = "embedded"
    settings_model: ClassVar[type[Declared]] = RecipeSettings
    of_the_machine: ClassVar[bool] = True

    def rank(self, cls: Type, _provision: Declares, /) -> int | None:
        return 40 if recipe_of(cls, Embedded) else None

    def missing(self, cls: Type, _provision: Declares, /) -> str:
        recipe = recipe_of(cls, Embedded)
        if recipe is None:
            return "declare another way: this type has no embedded server"
        if importable(recipe.module):
            return ""
        return installing(cls, recipe.module)

    def start(self, request: ServiceRequest, cls: Type, host: Host, /) -> Running:
        recipe = recipe_of(cls, Embedded)
        assert recipe is not None
        title = f"the embedded server ({recipe.module})"
        options = request.of(self.name).options
        return serve_in_helper(__name__, title, request, options, lambda _, url: ladder(cls, url), host)


def _work(question: dict[str, Any], place: Place) -> tuple[dict[str, str], Callable[[], None]]:
    recipe = recipe_of(types().get(question["type"]), Embedded)
    assert recipe is not None
    running = recipe.start(place)
    return {"url": running.url, "detail": running.detail or recipe.module}, running.stop


def main() -> None:
    answer(_work)


WAY = EmbeddedWay()
