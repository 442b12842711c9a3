"""What databases behind SQLAlchemy say when they say no, in the product's errors."""

from __future__ import annotations

import re
from typing import Any

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, Unreachable
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import system_error, translate_os_error
from pytest_sysint.integrations._postgres_errors import explain_state

_SQLITE: tuple[tuple[str, type[CallError], str], ...] = (
    ("SQLITE_BUSY", TimedOut, "another process holds the database's lock"),
    ("SQLITE_LOCKED", TimedOut, "another connection holds the table's lock"),
    ("SQLITE_INTERRUPT", TimedOut, "it took longer than the timeout"),
    ("SQLITE_CANTOPEN", Unreachable, "is the path right, and may this user read the file and its folder?"),
    ("SQLITE_READONLY", Rejected, "the environment allows reading only, or this user may not write the file"),
    ("SQLITE_NOTADB", Garbled, "the file is no SQLite database, or is encrypted"),
    ("SQLITE_CORRUPT", Garbled, "the file is damaged: restore it from a backup"),
    ("SQLITE_IOERR", Unreachable, "the disk failed, or the file vanished"),
    ("SQLITE_FULL", Rejected, "the disk is full"),
)


def explain(error: BaseException, where: str, *, connected: bool) -> CallError:
    """An exception of SQLAlchemy or of a driver, by what the driver knows about it. SQL and values are left out."""
    original: Any = getattr(error, "orig", None) or error
    said = redact(
        str(original.args[-1] if original.args else original).strip().splitlines()[0][:500] or "no reason given"
    )
    name = getattr(original, "sqlite_errorname", "")
    for begin, sort, hint in _SQLITE:
        if name.startswith(begin):
            return sort(f"{where}: {said}", rung="read" if connected else "ping", code=name, hint=hint)
    if not connected:
        return _no_connection(error, said, where)
    state = str(getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or "")
    if state:
        return explain_state(state, said)
    if getattr(error, "connection_invalidated", False) or system_error(error) is not None:
        return Unreachable(f"{where}: {said}", rung="read", hint="the server ended the connection, or crashed")
    return Rejected(f"{where}: {said}", code=name)


def _no_connection(error: BaseException, said: str, where: str) -> CallError:
    if re.search("denied|authenticat|password|login failed|logon", said, re.IGNORECASE):
        return Denied(f"{where}: {said}", hint="check user and password in the url")
    if system_error(error) is not None:
        return translate_os_error(error, where, rung="tcp")
    return Rejected(f"{where}: {said}", rung="authentication")
