"""Loads what runs examinations, and schemathesis with it: only when a run needs it."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from types import ModuleType


@cache
def running(form: str) -> ModuleType:
    """The module that examines by documents of a form: `openapi`, `graphql`."""
    with warnings.catch_warnings():
        # What libraries say while they are loaded (that some other library is not there) is not about anybody's tests,
        # and would be an error where a project makes errors of warnings.
        warnings.simplefilter("ignore")
        return import_module(f"pytest_sysint.contracts._generated.{form}")
