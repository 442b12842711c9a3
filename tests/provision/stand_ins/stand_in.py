"""An integration type for tests, offered to the registry by an entry point: a server that behaves as it is told."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import Garbled, Rejected, Unavailable, Unreachable
from pytest_sysint.core.integration import Integration, Rung, Settings
from pytest_sysint.core.provisioning import Embedded, LocalBinary, Place, Running

SERVER = str(Path(__file__).with_name("stand_in_server.py"))


def ask(url: str, timeout: float = 5.0) -> dict[str, Any]:
    """What the server behind a url says about itself."""
    host, _, port = url.removeprefix("stand-in://").partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout) as connection:
            line = connection.makefile("rb").readline()
    except OSError as error:
        raise Unreachable(str(error)) from None
    if not line:
        raise Garbled("it said nothing")
    found: dict[str, Any] = json.loads(line)
    return found


class StandInSettings(Settings):
    schemes = ("stand-in",)


class StandIn(Integration[StandInSettings]):
    category = "internal_service"
    settings_model = StandInSettings

    @property
    def client(self) -> None:
        return None

    def rungs(self) -> list[Rung]:
        return [Rung("ping", self._ping)]

    def _ping(self, timeout: float) -> str:
        about = ask(self.settings.url, timeout)
        if "puzzling" in about.get("words", []):
            raise TypeError("a mistake of the type's author")
        return str(about["pid"])

    def seed(self, path: Path, timeout: float) -> None:
        if "broken" in path.read_text():
            raise Rejected("line 1: there is no table 'broken'")
        Path(ask(self.settings.url)["cwd"], "seeded").write_text(path.read_text())


def _argv(binary: str, place: Place) -> list[str]:
    return [binary, SERVER, str(place.port), *place.options.get("words", "").split()]


_held: list[socket.socket] = []


def _prepare(_: str, place: Place) -> None:
    (place.folder / "prepared-by").write_text(str(os.geteuid()))
    words = place.options.get("words", "")
    if "taken" in words and len(_held) < int(place.options.get("times", "1")):
        holder = socket.socket()
        holder.bind(("127.0.0.1", place.port))
        _held.append(holder)
    if "unprepared" in words:
        subprocess.run([sys.executable, "-c", "import sys; sys.exit('no space left')"], check=True, capture_output=True)


LOCAL = LocalBinary(
    binaries=("stand-in-python",),
    argv=_argv,
    url=lambda place: f"stand-in://127.0.0.1:{place.port}",
    prepare=_prepare,
    environment=lambda _, place: {"STAND_IN_ID": place.id},
    folders=(str(Path(__file__).parent / "bin"),),
)


def _embedded(place: Place) -> Running:
    print("embedded server speaking")
    if "die" in place.options.get("words", ""):
        raise RuntimeError("the embedded server has no wings")
    if "polite" in place.options.get("words", ""):
        raise Unavailable("the embedded server needs a licence", hint="buy one")
    if "slow" in place.options.get("words", ""):
        threading.Event().wait()
    listener = socket.create_server(("127.0.0.1", place.port))
    about = json.dumps({"pid": os.getpid(), "cwd": str(Path.cwd())}).encode() + b"\n"

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(about)

    threading.Thread(target=serve, daemon=True).start()
    stopped = place.options.get("stopped", "")
    return Running(
        f"stand-in://127.0.0.1:{place.port}", lambda: Path(stopped or os.devnull).write_text("stopped"), "a thread"
    )


StandIn.recipes = (LOCAL, Embedded("json", _embedded))
TYPE = StandIn
