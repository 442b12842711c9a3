"""What is declared of a RabbitMQ broker, and what that comes to for pika."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field

from pytest_sysint.core.model import Secret
from pytest_sysint.core.secrets import learn, reveal
from pytest_sysint.core.units import Size
from pytest_sysint.integrations import _settings
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._net import place
from pytest_sysint.integrations._tls import Tls, context_for

_PORTS = {"amqp": 5672, "amqps": 5671}
_HEARTBEAT = 30
_EXPECTED = "expected amqp://user:password@host:port/vhost, or amqps:// for TLS; the vhost / is written %2F"


class Settings(_settings.Settings):
    """A RabbitMQ broker: `url: amqp://user:password@host:5672/vhost`, `amqps://` for TLS."""

    schemes = ("amqp", "amqps")

    username: str = Field("", description="The user, where the url does not name one; default: guest.")
    password: Secret | None = Field(None, description="The user's password, where the url does not hold it.")
    tls: Tls = Field(Tls(), description="How the encrypted channel is made, where the url is amqps:// or https://.")
    management_url: str = Field(
        "", description="The management API, such as http://host:15672, for what AMQP does not tell (`unacked`)."
    )
    max_size: Size = Field(16 * 2**20, description="How much one reading may bring, all messages together.")

    def misfit(self) -> str:
        url = self.management_url
        return _settings.unreadable(self.url, lambda: _read(self.url)) or _settings.unreadable(
            url, lambda: _check_management(url)
        )


def _check_management(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError("management_url: expected http://host:15672")


def _read(url: str) -> tuple[str, str, int, str, str, str]:
    """Scheme, host, port, vhost, user, password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_EXPECTED) from None
    path = parts.path.removeprefix("/")
    if parts.scheme not in _PORTS or not parts.hostname or "/" in path:
        raise ValueError(_EXPECTED)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return parts.scheme, parts.hostname, port or _PORTS[parts.scheme], unquote(path) or "/", user, password


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is and how we are let in."""

    host: str
    port: int
    vhost: str
    username: str
    password: str
    tls: Tls | None
    """None where the url is amqp://."""

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """What the settings come to.

        Raises:
            Rejected: when the url cannot be used.

        """
        scheme, host, port, vhost, user, password = _settings.resolved(settings.url, lambda: _read(settings.url))
        learn(password)
        user = settings.username or user or "guest"
        password = reveal(settings.password) or password or ("guest" if user == "guest" else "")
        return cls(host, port, vhost, user, password, settings.tls if scheme == "amqps" else None)

    def __repr__(self) -> str:
        return f"Access({self.where}, vhost {self.vhost})"

    @property
    def where(self) -> str:
        """host:port"""
        return place(self.host, self.port)

    @property
    def shell_url(self) -> str:
        """The url for a shell, in double quotes; `$RABBITMQ_PASSWORD` stands where the password must be put in."""
        scheme = "amqps" if self.tls else "amqp"
        user, vhost = quote(self.username, safe=""), quote(self.vhost, safe="")
        return f'"{scheme}://{user}:$RABBITMQ_PASSWORD@{self.where}/{vhost}"'

    def parameters(self, deadline: Deadline | None = None) -> Any:
        """The `ConnectionParameters` of pika, with the time to open the connection.

        Raises:
            TlsFailed: when the TLS settings cannot be used.

        """
        import pika

        seconds = max(deadline.left if deadline else 30.0, 0.05)
        tls = self.tls
        options = pika.SSLOptions(context_for(tls), tls.server_name or self.host) if tls else None
        return pika.ConnectionParameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=pika.PlainCredentials(self.username, self.password),
            ssl_options=options,
            connection_attempts=1,
            retry_delay=0,
            socket_timeout=seconds,
            stack_timeout=seconds,
            heartbeat=_HEARTBEAT,
            client_properties={"connection_name": "pytest-sysint"},
        )
