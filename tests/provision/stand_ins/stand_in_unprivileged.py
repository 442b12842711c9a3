"""A type whose server refuses to run as root, as far as its recipe says: a redis-server, asked over TCP alone."""

from __future__ import annotations

import os
import socket
from typing import Any

from pytest_sysint.core.errors import Garbled, Unreachable
from pytest_sysint.core.integration import Integration, Rung, Settings
from pytest_sysint.core.provisioning import LocalBinary, Place


def info(url: str) -> str:
    """What the server says about itself, and its folder."""
    host, _, port = url.removeprefix("redis://").partition(":")
    try:
        with socket.create_connection((host, int(port)), 5) as connection:
            connection.sendall(b"CONFIG GET dir\r\nINFO server\r\nQUIT\r\n")
            said = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    except OSError as error:
        raise Unreachable(str(error)) from None
    if "redis_version" not in said:
        raise Garbled("it said nothing")
    return said


class Unprivileged(Integration[Settings]):
    category = "database"
    settings_model = Settings

    @property
    def client(self) -> Any:
        return None

    def rungs(self) -> list[Rung]:
        return [Rung("ping", lambda _: info(self.settings.url))]


def _prepare(_: str, place: Place) -> None:
    (place.folder / "prepared-by").write_text(f"{os.geteuid()} {os.environ['HOME']}")


Unprivileged.recipes = (
    LocalBinary(
        binaries=("redis-server",),
        argv=lambda binary, place: (binary, "--port", str(place.port), "--dir", str(place.folder), "--save", ""),
        url=lambda place: f"redis://127.0.0.1:{place.port}",
        prepare=_prepare,
        unprivileged=True,
    ),
)
TYPE = Unprivileged
