"""How an SFTP server is started: asyncssh's own, or the machine's OpenSSH."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import compare_digest, token_urlsafe
from urllib.parse import quote

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Embedded, LocalBinary, Place, Running
from pytest_sysint.integrations._loop import Loop

_USER = "sysint"
_START, _END = 30.0, 2.0
_CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
# Without PAM a locked account, which that of `nobody` is, is not let in by its key either.
UsePAM yes
# The folder is a temporary one, whose parents belong to others.
StrictModes no
MaxStartups 200
MaxSessions 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {folder}/files
AllowTcpForwarding no
X11Forwarding no
"""


def _serve(place: Place) -> Running:
    """Start asyncssh's server: one user with a password, whose root is a temporary folder."""
    import asyncssh

    password, host_key = token_urlsafe(18), asyncssh.generate_private_key("ssh-ed25519")
    files = place.folder / "files"
    files.mkdir()

    connections: list[asyncssh.SSHServerConnection] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, given: str) -> bool:
            return username == _USER and compare_digest(given.encode(), password.encode())

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            Login,
            "127.0.0.1",
            place.port,
            server_host_keys=[host_key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(files).encode()),
            gss_host=None,
        )

    loop = Loop("sysint-sftp-server")
    try:
        acceptor = loop.run(listen(), _START)
    except OSError as error:
        loop.close()
        raise Unavailable(f"{place.id}: the embedded SFTP server did not start: {error.strerror}") from None

    async def end() -> None:
        acceptor.close()
        for connection in connections:
            connection.abort()
        await acceptor.wait_closed()

    def stop() -> None:
        with suppress(TimeoutError):
            loop.run(end(), _END)
        loop.close()

    known = quote(host_key.get_fingerprint(), safe="")
    url = f"sftp://{_USER}:{password}@127.0.0.1:{place.port}/?host_key={known}"
    return Running(url, stop, f"asyncssh {asyncssh.__version__}")


EMBEDDED = Embedded("asyncssh", _serve)


def _prepare(_binary: str, place: Place) -> None:
    """Make the keys of server and user, and the configuration. OpenSSH lets a server's own user in, by key."""
    folder = place.folder
    for name in ("host_key", "our_key"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sysint", "-f", str(folder / name)]
        subprocess.run(command, check=True, capture_output=True, timeout=_START)
    (folder / "our_key.pub").rename(folder / "authorized_keys")
    (folder / "sshd_config").write_text(_CONFIG.format(port=place.port, folder=folder))
    (folder / "files").mkdir()
    user = pwd.getpwuid(os.geteuid()).pw_name
    known, file = quote((folder / "host_key.pub").read_text().rpartition(" ")[0]), quote(str(folder / "our_key"))
    (folder / "url").write_text(
        f"sftp://{user}@127.0.0.1:{place.port}{quote(str(folder / 'files'))}?host_key={known}&identity_file={file}"
    )


def _argv(binary: str, place: Place) -> Sequence[str]:
    return [str(Path(binary).resolve()), "-D", "-e", "-f", str(place.folder / "sshd_config")]


OPENSSH = LocalBinary(
    binaries=("sshd",),
    argv=_argv,
    url=lambda place: (place.folder / "url").read_text(),
    prepare=_prepare,
    folders=("/usr/sbin", "/usr/local/sbin"),
    # As root it would want a folder of the system and everybody's passwords; as anybody else it needs neither.
    unprivileged=True,
)
