"""What the settings of several types share: checks over more than one key, and words for what they do not allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core import integration
from pytest_sysint.core.errors import Denied


class Settings(integration.Settings):
    """Settings whose keys must fit together."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        said = self.misfit()
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return self

    def misfit(self) -> str:
        """What does not fit together, for people; empty when all does."""
        raise NotImplementedError(f"{type(self).__name__}.misfit")


def unreadable(url: str, read: Callable[[], object]) -> str:
    """Why a url cannot be used, as `read` says by a ValueError; empty when it can, or is not resolved yet."""
    if not url or "${" in url:
        return ""
    try:
        read()
    except ValueError as error:
        return str(error)
    return ""


def reading_only(said: str) -> Denied:
    """The error of who would write where the environment does not allow it. `said` begins its text."""
    return Denied(
        f"{said}: the environment allows reading only",
        rung="write",
        hint="`environments: {...: {allow: [...]}}` says what may be done",
    )
