"""Declarations: YAML text -> validated model, with a position and a plain sentence for everything that is wrong."""

from pytest_sysint.declaration.checks import DeclaredCheck, check_schema, read_check, read_checks
from pytest_sysint.declaration.explain import read_model
from pytest_sysint.declaration.files import find_declarations
from pytest_sysint.declaration.loader import load
from pytest_sysint.declaration.model import (
    CATEGORIES,
    Declaration,
    DeclaredIntegration,
    Environment,
    Position,
    Raw,
)
from pytest_sysint.declaration.provisioning import ProvisionSettings, read_provision
from pytest_sysint.declaration.scope import url_parts

__all__ = [
    "CATEGORIES",
    "Declaration",
    "DeclaredCheck",
    "DeclaredIntegration",
    "Environment",
    "Position",
    "ProvisionSettings",
    "Raw",
    "check_schema",
    "find_declarations",
    "load",
    "read_check",
    "read_checks",
    "read_model",
    "read_provision",
    "url_parts",
]
