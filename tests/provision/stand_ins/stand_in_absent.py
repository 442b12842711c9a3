"""A type whose server program and embedded package are not on any machine."""

from __future__ import annotations

from dataclasses import replace

from stand_in import LOCAL, StandIn

from pytest_sysint.core.provisioning import Embedded


class Absent(StandIn):
    recipes = (
        replace(LOCAL, binaries=("absent-server",), folders=("/opt/absent/*/bin",)),
        Embedded("absent_package", lambda place: NotImplemented),
    )


TYPE = Absent
