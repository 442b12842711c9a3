"""Whose key a server may show, and what we show of ourselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import Denied, Rejected, TlsFailed
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations._sftp.settings import ANY, Settings, Target
from pytest_sysint.integrations._sftp.trouble import HOST_KEY

if TYPE_CHECKING:
    from asyncssh import SSHKey

Trusted = tuple[list[Any], list[Any], list[Any]]
"""Keys of the server, keys of authorities that sign such keys, keys that are revoked."""


class Trust:
    """Says whether a server's key is the right one."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target

    @property
    def pinned(self) -> str:
        """What is declared of the key; empty where files of known hosts say it."""
        return self._target.host_key

    def known(self) -> Trusted:
        """The keys that are trusted without a further question.

        Raises:
            Rejected: when the file that should say it cannot be read.

        """
        import asyncssh

        if self.pinned == ANY or self.pinned.startswith("SHA256:"):
            return [], [], []
        if self.pinned:
            return [_public_key(self.pinned)], [], []
        declared = self._settings.known_hosts
        file = Path(declared).expanduser() if declared else Path("~/.ssh/known_hosts").expanduser()
        if not declared and not file.is_file():
            return [], [], []
        port = self._target.port if self._target.port != 22 else None
        try:
            keys, authorities, revoked, *_ = asyncssh.match_known_hosts(str(file), self._target.host, "", port)
        except OSError as error:
            raise Rejected(f"known_hosts '{declared}' cannot be read: {error.strerror}", rung=HOST_KEY) from None
        except ValueError as error:
            raise Rejected(f"known_hosts '{file}' cannot be used: {error}", rung=HOST_KEY) from None
        return list(keys), list(authorities), list(revoked)

    def accepts(self, key: SSHKey) -> bool:
        """Whether a key that is not among the known ones is the declared one."""
        return self.pinned == ANY or key.get_fingerprint() == self.pinned.rstrip("=")

    def refusal(self, key: SSHKey, *, known: bool) -> TlsFailed:
        """The error for a server that showed another key. `known`: other keys of that host are known."""
        shown, kind = key.get_fingerprint(), key.get_algorithm()
        where = self._target.where
        if self.pinned or known:
            hint = "was the server set up anew, or does somebody stand between? Ask its owner before trusting this key"
            expected = f"'{self.pinned[:60]}' is declared" if self.pinned else "known_hosts has another"
            return TlsFailed(f"{where} shows the {kind} key {shown}; {expected}", rung=HOST_KEY, hint=hint)
        hint = f"if its owner confirms it, declare `host_key: {shown}`; or name a file of `known_hosts`"
        return TlsFailed(f"{where} is not known: it shows the {kind} key {shown}", rung=HOST_KEY, hint=hint)

    def no_such_kind(self, said: str) -> TlsFailed:
        """The error for a server that has no key of the kinds that are known of it."""
        hint = "was the server set up anew? Ask its owner for the key that it has now"
        return TlsFailed(
            f"{self._target.where} has no host key of the kind that is known: {said}", rung=HOST_KEY, hint=hint
        )


def watching_client(trust: Trust) -> Any:
    """A client of asyncssh that asks `trust` about a key that is not known. It keeps the `connection` that it is given,
    and the key that was `refused`.
    """
    import asyncssh

    class Client(asyncssh.SSHClient):
        connection: asyncssh.SSHClientConnection | None = None
        refused: asyncssh.SSHKey | None = None

        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            self.connection = conn

        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            accepted = trust.accepts(key)
            self.refused = None if accepted else key
            return accepted

    return Client()


def credentials(settings: Settings, target: Target) -> dict[str, Any]:
    """What asyncssh needs to know of us. Without password and key, those of the user who runs this, as `sftp` does.

    Raises:
        Denied: when a private key cannot be read or used.

    """
    key = _private_key(settings, target)
    known: dict[str, Any] = {"username": target.username} if target.username else {}
    if key is None and not target.password:
        return known
    return {
        **known,
        "password": target.password or None,
        "client_keys": [key] if key is not None else None,
        "agent_path": None,
        "gss_host": None,
    }


def _private_key(settings: Settings, target: Target) -> Any:
    import asyncssh

    passphrase = reveal(settings.passphrase) or None
    text, file = reveal(settings.private_key), target.private_key_file
    named = f"private_key_file '{file}'" if file else "private_key"
    try:
        if text:
            return asyncssh.import_private_key(text.strip() + "\n", passphrase)
        return asyncssh.read_private_key(str(Path(file).expanduser()), passphrase) if file else None
    except OSError as error:
        raise Denied(f"{named} cannot be read: {error.strerror}") from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise _unusable(named, str(error), passphrase) from None


def _unusable(named: str, said: str, passphrase: str | None) -> Denied:
    if passphrase and ("decrypt" in said.lower() or "passphrase" in said.lower()):
        return Denied(f"{named} is encrypted, and the passphrase does not open it", hint="is it that of this key?")
    if "passphrase" in said.lower():
        return Denied(f"{named} is encrypted", hint="declare its `passphrase`")
    hint = "it must be the private key, in the format of OpenSSH or PEM"
    return Denied(f"{named} cannot be used: {said}", hint=hint)


def _public_key(text: str) -> Any:
    import asyncssh

    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError as error:
        raise Rejected(f"host_key '{text[:40]}...' cannot be used: {error}", rung=HOST_KEY) from None
