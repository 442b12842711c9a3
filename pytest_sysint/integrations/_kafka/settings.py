"""What is declared of a Kafka cluster, and what that comes to for librdkafka."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import Field

from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.secrets import learn, reveal, telling
from pytest_sysint.core.units import Size
from pytest_sysint.integrations import _settings
from pytest_sysint.integrations._net import place
from pytest_sysint.integrations._tls import Tls

PORT = 9092
_URL = re.compile(r"(?P<scheme>kafkas?)://(?:(?P<user>[^@/]*)@)?(?P<hosts>[^/?#]+)/?")
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@\s]+)(?::(?P<port>[0-9]{1,5}))?")
_OURS = (
    "bootstrap.servers", "group.id", "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username",
    "sasl.password", "enable.auto.commit", "enable.partition.eof", "auto.offset.reset", "message.timeout.ms",
    "delivery.timeout.ms", "error_cb", "logger", "log_cb", "on_delivery", "ssl.ca.location", "ssl.certificate.location",
    "ssl.key.location", "ssl.key.password", "enable.ssl.certificate.verification",
)  # fmt: skip


class Sasl(Declared):
    """How the brokers are told who we are."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """How user and password are sent."""
    username: str = ""
    """The user, where the url does not name one."""
    password: Secret | None = None
    """The user's password, where the url does not hold it."""


class Settings(_settings.Settings):
    """A Kafka cluster: `url: kafka://host:9092`, several brokers with commas between, `kafkas://` for TLS."""

    schemes = ("kafka", "kafkas")

    tls: Tls = Field(Tls(), description="How the encrypted channel is made, where the url is kafkas://.")
    sasl: Sasl = Field(Sasl(), description="How the brokers are told who we are; without a user they are not.")
    auto_create: bool = Field(
        False, description="Whether publishing to a topic that is not there may create it, where the brokers do so."
    )
    max_size: Size = Field(16 * 2**20, description="How much one `consume` may bring, all messages together.")
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Further settings of librdkafka, such as `message.max.bytes`, as they are."
    )

    def misfit(self) -> str:
        if self.tls.server_name:
            return "tls.server_name cannot be used with kafka: each broker is verified by the name that it advertises"
        taken = sorted(set(self.options).intersection(_OURS))
        if taken:
            return f"options: {', '.join(taken)} cannot be set here; the other keys of this integration say it"
        return _settings.unreadable(self.url, lambda: _read(self.url))


def _read(url: str) -> tuple[bool, str, str, tuple[tuple[str, int], ...]]:
    """Whether it is encrypted, user, password, and the servers."""
    found = _URL.fullmatch(url)
    servers = [_SERVER.fullmatch(part) for part in found["hosts"].split(",")] if found else [None]
    if found is None or None in servers:
        raise ValueError("expected kafka://host:port, several with commas between: kafka://one:9092,two:9092")
    pairs = tuple((each["host"].strip("[]"), int(each["port"] or PORT)) for each in servers if each)
    user, _, password = (found["user"] or "").partition(":")
    return found["scheme"] == "kafkas", unquote(user), unquote(password), pairs


@dataclass(frozen=True, slots=True)
class Access:
    """Where the brokers are and how we are let in."""

    servers: tuple[tuple[str, int], ...]
    encrypted: bool
    username: str
    mechanism: str
    config: dict[str, Any] = field(repr=False)
    """For librdkafka; holds the password."""

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """What the settings come to.

        Raises:
            Rejected: when the url cannot be used.

        """
        encrypted, user, password, servers = _settings.resolved(settings.url, lambda: _read(settings.url))
        learn(password)
        user = settings.sasl.username or user
        config: dict[str, Any] = {
            "client.id": "pytest-sysint",
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 1000,
            **settings.options,
            "bootstrap.servers": ",".join(place(*server) for server in servers),
            "security.protocol": ("sasl_" if user else "") + ("ssl" if encrypted else "plaintext"),
        }
        for name, value in settings.options.items():
            if _secret(name):
                learn(str(value))
        if user:
            config["sasl.mechanisms"] = settings.sasl.mechanism
            config["sasl.username"] = user
            config["sasl.password"] = reveal(settings.sasl.password) or password
        if encrypted:
            config |= _encryption(settings.tls)
        return cls(servers, encrypted, user, settings.sasl.mechanism if user else "", config)

    @property
    def bootstrap(self) -> str:
        """`one:9092,two:9092`"""
        return str(self.config["bootstrap.servers"])

    def kcat_options(self) -> list[str]:
        """What kcat must be told, without secrets."""
        shown = {name: value for name, value in self.config.items() if name.startswith(("sasl.", "ssl.", "security."))}
        if shown["security.protocol"] == "plaintext":
            return []
        words = []
        for name, value in shown.items():
            if name == "sasl.password":
                words.append('-X sasl.password="$KAFKA_PASSWORD"')
            elif not _secret(name):
                words.append(f"-X {shlex.quote(f'{name}={value}')}")
        return words


def _secret(name: str) -> bool:
    """Whether a setting of librdkafka holds a secret: `ssl.key.pem` is a private key as text."""
    return telling(name) or name.endswith("key.pem")


def _encryption(tls: Tls) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ssl.ca.location": tls.ca,
        "ssl.certificate.location": tls.cert,
        "ssl.key.location": tls.key or tls.cert,
        "ssl.key.password": reveal(tls.key_password),
    }
    return {name: value for name, value in found.items() if value} | {"enable.ssl.certificate.verification": tls.verify}
