"""Scripted faults: which are set, for which requests, and how often they are met."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from pytest_sysint.core.errors import UsageError, did_you_mean


class Request(Protocol):
    """What of a request decides whether it meets a fault."""

    @property
    def path(self) -> str: ...

    def header(self, name: str) -> str: ...


class Fault(BaseModel):
    """One fault that is set."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    name: str
    times: int | None = Field(default=None, ge=0)
    """How many more requests meet it; None for all."""
    path: str = ""
    """A regular expression that the path must contain."""
    headers: dict[str, str] = {}
    """Headers that the request must have, with these values."""
    values: dict[str, int | FiniteFloat] = {}
    """What else the fault wants to know: `retry_after`, `seconds`, ..."""

    def fits(self, asked: Request) -> bool:
        """Whether a request meets it."""
        return (
            self.times != 0
            and re.search(self.path, asked.path) is not None
            and all(asked.header(name) == value for name, value in self.headers.items())
        )


class Faults:
    """The faults of one simulator. `known` are those that it has, with what each breaks."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self._set: list[Fault] = []

    def add(self, name: str, **how: Any) -> Fault:
        """Set one.

        Raises:
            UsageError: for one that is not known, or that is told in a way that it cannot be met.

        """
        if name not in self.known:
            raise UsageError(f"unknown fault '{name}'{did_you_mean(name, self.known)}")
        try:
            fault = Fault(name=name, **how)
            re.compile(fault.path)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            raise UsageError(f"the fault '{name}' cannot be set: {said}") from None
        except re.error as error:
            raise UsageError(f"'{how['path']}' is no regular expression: {error}") from None
        self._set.append(fault)
        return fault

    def clear(self) -> None:
        """Take all back."""
        self._set.clear()

    def met(self, name: str, asked: Request) -> Fault | None:
        """The fault of that name that the request meets, which is one time less to come; None without one."""
        return self.first((name,), asked)

    def first(self, names: Sequence[str], asked: Request) -> Fault | None:
        """The same for the first that was set of several names."""
        found = next((fault for fault in self._set if fault.name in names and fault.fits(asked)), None)
        if found is not None and found.times is not None:
            found.times -= 1
        return found

    def listed(self) -> list[dict[str, Any]]:
        """Those that are set, as plain values."""
        return [
            {"fault": each.name, "times": each.times, "path": each.path, "headers": dict(each.headers)}
            for each in self._set
        ]
