"""What the settings of several types share: checks over more than one key, and words for what they do not allow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core import integration
from pytest_sysint.core.errors import Denied, Rejected
from pytest_sysint.core.secrets import learn_url
from pytest_sysint.integrations._net import beginning

T = TypeVar("T")


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


def taken_apart(url: str) -> tuple[SplitResult, int | None]:
    """The parts of a url, and its port; None without one.

    Raises:
        ValueError: when it cannot be read. What Python says may repeat the password.

    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        said = "the url cannot be read, or its port is no number; special characters in a password must be %-encoded"
        raise ValueError(said) from None
    return parts, port


def resolved(url: str, read: Callable[[], T]) -> T:
    """What a url names, as `read` says; what is secret in it is masked from then on.

    Raises:
        Rejected: when it cannot be used.

    """
    learn_url(url)
    try:
        return read()
    except ValueError as error:
        raise Rejected(f"{beginning(url)} cannot be used", rung="dns", hint=str(error)) from None


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
