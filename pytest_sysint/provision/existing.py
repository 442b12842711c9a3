"""Something that is there already: nothing is started, nothing is stopped, nothing is seeded."""

from __future__ import annotations

from typing import ClassVar

from pytest_sysint.core.model import Declared
from pytest_sysint.core.provisioning import Running
from pytest_sysint.provision._host import Host
from pytest_sysint.provision._request import ServiceRequest
from pytest_sysint.provision._way import Declares, NoSettings, Type


class Existing:
    """Uses the declared url."""

    name: ClassVar[str] = "existing"
    settings_model: ClassVar[type[Declared]] = NoSettings
    of_the_machine: ClassVar[bool] = False

    def rank(self, _cls: Type, _provision: Declares, /) -> int | None:
        return 0

    def missing(self, _cls: Type, provision: Declares, /) -> str:
        return "" if getattr(provision, "url", "") else "set its `url:`"

    def start(self, request: ServiceRequest, _cls: Type, _host: Host, /) -> Running:
        return Running(request.url, _nothing)


def _nothing() -> None:
    return


WAY = Existing()
