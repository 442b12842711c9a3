"""Where an SFTP server is, who we are there, and how we know that it is the right one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.model import Secret
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations._files import FileSettings

PORT = 22
ANY = "any"
"""The word that stands for no verification of the host key."""
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY = re.compile(r"[a-z0-9@.\-]+ [A-Za-z0-9+/]{16,}={0,3}( .*)?")


class Settings(FileSettings):
    """A folder of a server: `url: sftp://user:password@host:22/folder`; `/~/folder` is below the user's own."""

    schemes = ("sftp",)

    username: str = Field("", description="Who we are, instead of the url's; without one, the user who runs this.")
    password: Secret | None = Field(None, description="The password, instead of the url's.")
    private_key: Secret | None = Field(None, description="Our private key as text: `${file:/run/secrets/sftp_key}`.")
    private_key_file: str = Field("", description="The file of our private key, instead of its text.")
    passphrase: Secret | None = Field(None, description="What the private key is encrypted with.")
    host_key: str = Field(
        "",
        description="The server's key: `SHA256:...`, or as in known_hosts `ssh-ed25519 AAAA...`; `any` trusts each.",
    )
    known_hosts: str = Field("", description="A file of known hosts, instead of ~/.ssh/known_hosts.")
    atomic: bool = Field(
        True, description="Whether a file is written under another name and then renamed, so that nobody sees half."
    )

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        said = _misfit(self)
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return self


def _misfit(settings: Settings) -> str:
    if settings.private_key and settings.private_key_file:
        return "private_key and private_key_file exclude each other"
    if settings.passphrase and not (settings.private_key or settings.private_key_file):
        return "a passphrase belongs to a private_key or a private_key_file"
    if settings.host_key and settings.known_hosts:
        return "host_key and known_hosts exclude each other"
    if "${" not in settings.host_key and odd_host_key(settings.host_key):
        return odd_host_key(settings.host_key)
    if settings.url and "${" not in settings.url:
        try:
            target_of(settings)
        except ValueError as error:
            return str(error)
    return ""


def odd_host_key(text: str) -> str:
    """Why a text cannot be a server's key; empty when it can."""
    if not text or text == ANY or _FINGERPRINT.fullmatch(text) or _KEY.fullmatch(text):
        return ""
    return (
        "host_key is none: write `SHA256:...` (see `ssh-keyscan HOST | ssh-keygen -lf -`), `ssh-ed25519 AAAA...`, any"
    )


@dataclass(frozen=True, slots=True)
class Target:
    """What the settings name. `folder` is absolute, or relative to the user's own; empty for that itself."""

    host: str
    port: int
    folder: str
    username: str
    password: str
    host_key: str
    private_key_file: str

    @property
    def where(self) -> str:
        """The server in words."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def target_of(settings: Settings) -> Target:
    """Read the url, and what the settings say instead of it.

    Raises:
        ValueError: when the url cannot be used.

    """
    parts = urlsplit(settings.url)
    try:
        port = parts.port or PORT
    except ValueError:
        raise ValueError("the url's port is no number; special characters in a password must be %-encoded") from None
    options = dict(parse_qsl(parts.query))
    host_key, key_file = options.pop("host_key", ""), options.pop("identity_file", "")
    if options:
        raise ValueError(f"the url's '{next(iter(options))}' is not known; only host_key and identity_file are")
    if odd_host_key(host_key):
        raise ValueError(f"the url's {odd_host_key(host_key)}")
    return Target(
        host=parts.hostname or "localhost",
        port=port,
        folder=_folder(unquote(parts.path)),
        username=settings.username or unquote(parts.username or ""),
        password=reveal(settings.password) or unquote(parts.password or ""),
        host_key=settings.host_key or ("" if settings.known_hosts else host_key),
        private_key_file=settings.private_key_file or ("" if settings.private_key else key_file),
    )


def _folder(path: str) -> str:
    if any(part in (".", "..") for part in path.split("/")):
        raise ValueError(f"the url's path '{path}' holds a '.' or '..' part")
    home = path.removeprefix("/~")
    if home != path and home[:1] in ("", "/"):
        return home.strip("/")
    return path.rstrip("/") or ("/" if path else "")
