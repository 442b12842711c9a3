"""How HTTP requests are authenticated."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pydantic import model_validator

from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.secrets import reveal


class Basic(Declared):
    """User and password."""

    username: str
    """The user."""
    password: Secret
    """The user's password."""


class ApiKey(Declared):
    """A key that goes with every request, in a header or in the query."""

    value: Secret
    """The key itself."""
    header: str = ""
    """The name of the header that carries it."""
    query: str = ""
    """The name of the query parameter that carries it."""

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if bool(self.header) == bool(self.query):
            raise ValueError("give either `header` or `query`: where the key goes")
        return self


class Auth(Declared):
    """How requests are authenticated: one of these."""

    bearer: Secret | None = None
    """A token, sent as `Authorization: Bearer`."""
    basic: Basic | None = None
    """User and password, sent as `Authorization: Basic`."""
    api_key: ApiKey | None = None
    """A key in a header or in the query."""

    @model_validator(mode="after")
    def _one_sort(self) -> Auth:
        if sum(sort is not None for sort in (self.bearer, self.basic, self.api_key)) != 1:
            raise ValueError("give exactly one of `bearer`, `basic`, `api_key`")
        return self


@dataclass(frozen=True, slots=True)
class Credentials:
    """What goes with a request so that it is let in."""

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    """Already encoded: `key=value`."""

    def __bool__(self) -> bool:
        return bool(self.headers or self.query)


def credentials(auth: Auth | None) -> Credentials:
    """What the settings come to; nothing without any."""
    if auth is None:
        return Credentials()
    if auth.bearer is not None:
        return Credentials((("authorization", f"Bearer {reveal(auth.bearer)}"),))
    if auth.basic is not None:
        return _basic(auth.basic.username, reveal(auth.basic.password))
    assert auth.api_key is not None
    key = reveal(auth.api_key.value)
    if auth.api_key.header:
        return Credentials(((auth.api_key.header.lower(), key),))
    return Credentials(query=f"{quote(auth.api_key.query, safe='')}={quote(key, safe='')}")


def from_userinfo(userinfo: str) -> Credentials:
    """The credentials of a url's `user:password`; nothing without any."""
    user, _, password = userinfo.partition(":")
    return _basic(unquote(user), unquote(password)) if userinfo else Credentials()


def _basic(user: str, password: str) -> Credentials:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Credentials((("authorization", f"Basic {token}"),))
