"""Where a mail server is, how we log on to it, and where its mail can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote

from pydantic import Field

from pytest_sysint.core.model import Secret
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations import _settings
from pytest_sysint.integrations._net import place
from pytest_sysint.integrations._smtp.mail import odd
from pytest_sysint.integrations._tls import Tls


class Settings(_settings.Settings):
    """A mail server: `url: smtp://user:password@mail.example:587`, or `smtps://` where TLS comes first."""

    schemes = ("smtp", "smtps")

    username: str = Field("", description="Who we are, instead of the url's.")
    password: Secret | None = Field(None, description="The password, instead of the url's.")
    starttls: Literal["auto", "required", "off"] = Field(
        "auto", description="Whether an smtp:// conversation changes over to TLS: where it is offered, always, never."
    )
    tls: Tls = Field(Tls(), description="How the encrypted channel is made.")
    sender: str = Field("", description="The address that mail comes from; empty for the null sender of bounces.")
    hello: str = Field("[127.0.0.1]", description="The name by which we greet the server.")
    mailbox: str = Field("", description="A maildir folder where delivered mail can be read, for `received`.")

    def misfit(self) -> str:
        said = odd(self.sender) if self.sender and "${" not in self.sender else ""
        return said or _settings.unreadable(self.url, lambda: target_of(self))


@dataclass(frozen=True, slots=True)
class Target:
    """What the settings name. `secure`: TLS comes before the first word."""

    host: str
    port: int
    secure: bool
    username: str
    password: str
    mailbox: str

    @property
    def where(self) -> str:
        """The server in words."""
        return place(self.host, self.port)


def target_of(settings: Settings) -> Target:
    """Read the url, and what the settings say instead of it.

    Raises:
        ValueError: when the url cannot be used.

    """
    parts, port = _settings.taken_apart(settings.url)
    secure = parts.scheme == "smtps"
    if secure and settings.starttls == "required":
        raise ValueError("smtps:// is encrypted from the start; leave `starttls` out, or write smtp://")
    options = dict(parse_qsl(parts.query))
    mailbox = options.pop("mailbox", "")
    if options:
        raise ValueError(f"the url's '{next(iter(options))}' is not known; only ?mailbox=/folder is")
    username = settings.username or unquote(parts.username or "")
    password = reveal(settings.password) or unquote(parts.password or "")
    if bool(username) != bool(password):
        raise ValueError("a user name and a password belong together")
    host = parts.hostname or "localhost"
    return Target(host, port or (465 if secure else 25), secure, username, password, settings.mailbox or mailbox)
