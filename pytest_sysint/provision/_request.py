"""What is asked of the supervisor, and what comes back. Both travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.core.registry import ways


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """One integration that must be there.

    `way` is a word or `auto`. `options` are the keys of the `provision:` block that belong to ways, as plain values
    with every reference resolved; a command's `environment` may be given apart from them. `folder` is where commands
    run and their relative paths start from; `seed` is an absolute path or empty. `timeout` (seconds) is for one start,
    until the service answers.
    """

    id: str
    type: str
    url: str = ""
    folder: str = ""
    way: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    seed: str = ""
    timeout: float = 60.0

    def of(self, way: str) -> Any:
        """The part of the `provision:` block that belongs to one way, as its settings."""
        model = ways().get(way).settings_model
        declared = {**self.options, **({"environment": dict(self.environment)} if self.environment else {})}
        return model.model_validate({key: value for key, value in declared.items() if key in model.model_fields})


@dataclass(frozen=True, slots=True)
class Provided:
    """Where the integration is, by which way it came there, and a few words for people."""

    url: str
    way: str
    detail: str = ""
