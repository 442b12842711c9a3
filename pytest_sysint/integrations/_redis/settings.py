"""Where a Redis is and how we log on to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from pydantic import Field

from pytest_sysint.core.model import Secret
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations import _settings
from pytest_sysint.integrations._net import place
from pytest_sysint.integrations._tls import Tls

PORT = 6379


class Settings(_settings.Settings):
    """A server: `url: redis://user:password@host:6379/0`; `rediss://` for TLS, `unix:///path/of.sock` for a socket."""

    schemes = ("redis", "rediss", "unix")

    username: str = Field("", description="Who we are, for servers with ACLs; instead of the url's.")
    password: Secret | None = Field(None, description="The password, instead of the url's.")
    database: int | None = Field(None, ge=0, description="The number of the database, instead of the url's; default 0.")
    probe_key: str = Field("sysint:probe", description="A key that the health check may read; it need not exist.")
    tls: Tls = Field(Tls(), description="How the encrypted channel of rediss:// is made.")

    def misfit(self) -> str:
        if self.tls.server_name:
            return "tls.server_name cannot be used with redis: its library does not know it"
        return _settings.unreadable(self.url, lambda: target_of(self))


@dataclass(frozen=True, slots=True)
class Target:
    """What the settings name. `path` is that of a socket, and empty for a host."""

    host: str
    port: int
    path: str
    secure: bool
    username: str
    password: str
    database: int

    @property
    def where(self) -> str:
        """The server in words."""
        return self.path or place(self.host, self.port)


def target_of(settings: Settings) -> Target:
    """Read the url, and what the settings say instead of it.

    Raises:
        ValueError: when the url cannot be used.

    """
    parts, port = _settings.taken_apart(settings.url)
    local = parts.scheme == "unix"
    if local and not parts.path:
        raise ValueError("the url names no socket; write unix:///path/of.sock")
    return Target(
        host=parts.hostname or "localhost",
        port=port or PORT,
        path=unquote(parts.path) if local else "",
        secure=parts.scheme == "rediss",
        username=settings.username or unquote(parts.username or ""),
        password=reveal(settings.password) or unquote(parts.password or ""),
        database=_database(settings, parts.query, "" if local else parts.path.strip("/")),
    )


def _database(settings: Settings, query: str, path: str) -> int:
    options = dict(parse_qsl(query))
    said: Any = options.pop("db", path) or "0"
    if options:
        raise ValueError(f"the url's '{next(iter(options))}' is not known; only ?db=1 is")
    if not said.isdecimal():
        raise ValueError("the url's path is no number of a database; write redis://host:6379/0")
    return int(said) if settings.database is None else settings.database
