"""Libraries that only some formats of payloads need."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_sysint.core.errors import Mistake, Mistakes


def needed(module: str, purpose: str) -> Any:
    """A module of the extra `messages`.

    Raises:
        Mistakes: when it is not installed, with what to do.

    """
    try:
        return importlib.import_module(module)
    except ImportError:
        said = f"{purpose} needs the Python module '{module}', which is not installed"
        raise Mistakes(Mistake((), f"{said}: pip install 'pytest-sysint[messages]'")) from None
