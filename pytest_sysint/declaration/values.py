"""Values that stand in several places of a declaration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pytest_sysint.core.check import RetryPolicy
from pytest_sysint.core.units import Duration


class RetryKeys(RetryPolicy):
    """How connection errors and timeouts are tried again. A `retry:` replaces the one it inherits as a whole."""

    attempts: int = Field(default=3, ge=1, le=100, description="Tries in all: 1 is no retry.")
    backoff: Literal["exponential", "constant"] = Field(default="exponential", description="How the pause grows.")
    initial: Duration = Field(default=0.1, description="The first pause; default 100ms.")
    max: Duration = Field(default=5.0, description="The longest pause; default 5s.")
