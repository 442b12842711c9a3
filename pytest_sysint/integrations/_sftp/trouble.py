"""What SSH and SFTP say when something goes wrong, in words."""

from __future__ import annotations

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TlsFailed, Unreachable
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import too_late, translate_os_error

HOST_KEY = "host_key"
"""The rung on which the server shows who it is."""


def explain(error: BaseException, where: str, rung: str, timeout: float) -> CallError:
    """The error of asyncssh or of its connection as the right CallError. `where` names the server, or the file."""
    import asyncssh

    if isinstance(error, TimeoutError):
        return too_late(where, rung, timeout)
    if isinstance(error, (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)):
        return _lost(where, rung, error.reason)
    if isinstance(error, asyncssh.SFTPError):
        return _refused(error, where, rung)
    if isinstance(error, asyncssh.ChannelOpenError):
        hint = "does the server offer SFTP (`Subsystem sftp`), and to this user?"
        return Rejected(f"{where} opens no channel for SFTP: {_text(error.reason)}", rung="ping", hint=hint)
    if isinstance(error, asyncssh.DisconnectError):
        return _disconnected(error, where, rung)
    return translate_os_error(error, where, rung=rung, timeout=timeout)


def _text(reason: str) -> str:
    return redact(reason).rstrip(".") or "no reason was given"


def _lost(where: str, rung: str, reason: str) -> Unreachable:
    hint = "the server ended it, a proxy or a limit on connections did, or it offers no SFTP"
    return Unreachable(f"the connection to {where} was lost: {_text(reason)}", rung=rung, hint=hint)


def _disconnected(error: object, where: str, rung: str) -> CallError:
    import asyncssh

    assert isinstance(error, asyncssh.DisconnectError)
    said = _text(error.reason)
    if isinstance(error, asyncssh.PermissionDenied):
        hint = "is the user right, the password or key that of this user, and does the server take this method?"
        return Denied(f"{where} refused the credentials: {said}", hint=hint)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return TlsFailed(f"the key of {where} is not trusted: {said}", rung=HOST_KEY)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        hint = "the server offers only other, probably outdated, algorithms, or other kinds of host keys than expected"
        return TlsFailed(f"no encrypted channel with {where}: {said}", rung=HOST_KEY, hint=hint)
    if isinstance(error, (asyncssh.ProtocolNotSupported, asyncssh.ProtocolError, asyncssh.MACError)):
        hint = "is it the port of the SSH server?"
        return Garbled(f"what answers at {where} does not speak SSH: {said}", rung=HOST_KEY, hint=hint)
    return _lost(where, rung, error.reason)


_NAMES = {
    "SFTPNoSuchFile": ("there is no such file or folder", "create it; is the path right?"),
    "SFTPNoSuchPath": ("there is no such file or folder", "create it; is the path right?"),
    "SFTPNoSpaceOnFilesystem": ("no space is left", "free some, or enlarge the file system"),
    "SFTPQuotaExceeded": ("the quota of this user is used up", "free some space, or raise the quota"),
    "SFTPNotADirectory": ("a part of the path is a file, not a folder", "is the path right?"),
    "SFTPFileIsADirectory": ("it is a folder, not a file", "name a file in it"),
    "SFTPOpUnsupported": ("the server does not know this operation", ""),
    "SFTPFailure": (
        "the server failed",
        "SFTP gives no reason: a full disk, a quota, a folder in the place of a file, ...; see the server's log",
    ),
}
"""What the answers mean, by the names that asyncssh has for them."""


def _refused(error: object, where: str, rung: str) -> CallError:
    import asyncssh

    assert isinstance(error, asyncssh.SFTPError)
    name = type(error).__name__
    code = f"FX_{error.code}"
    if isinstance(error, (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)):
        verb = "write" if rung == "write" else "read"
        hint = "the credentials are known; see the rights of the folder and the file, and the user's groups"
        return Denied(f"this user may not {verb} {where}: {_text(error.reason)}", rung=rung, code=code, hint=hint)
    if isinstance(error, asyncssh.SFTPBadMessage):
        return Garbled(f"{where}: the answer is not of the protocol: {_text(error.reason)}", rung=rung)
    said, hint = _NAMES.get(name, ("the server said no", ""))
    return Rejected(f"{where}: {said} ({_text(error.reason)})", rung=rung, code=code, hint=hint)
