"""What redis-py raises, in words."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import system_error, translate_os_error


@dataclass(frozen=True, slots=True)
class _Known:
    """An error code of the server: its meaning, and where it stands on the ladder (empty: where the command stood)."""

    said: str
    hint: str
    rung: str = ""
    sort: type[CallError] = Rejected
    transient: bool = False


_ACL = "see `ACL GETUSER`: the user needs the command and the key"
_KNOWN = {
    "NOAUTH": _Known("asks for a password", "set `password`, or put it in the url", "authentication", Denied),
    "WRONGPASS": _Known(
        "refused the credentials", "is the password right, and the user name?", "authentication", Denied
    ),
    "NOPERM": _Known("does not allow this user that", _ACL, "", Denied),
    "DENIED": _Known(
        "is in protected mode: it takes no connections from elsewhere without a password",
        "set a password on the server, or bind it to the address that we come from",
        "authentication",
        Denied,
    ),
    "LOADING": _Known("is still loading its data", "wait until it has started", "ping", transient=True),
    "READONLY": _Known("is a replica and takes no writes", "write to its primary", "write"),
    "MISCONF": _Known(
        "takes no writes because it cannot save to disk", "see its log: is the disk full, or not writable?", "write"
    ),
    "OOM": _Known("has used up its memory", "raise `maxmemory`, or choose a policy that evicts", "write"),
    "MOVED": _Known("is part of a cluster, and the key is on another node", "use the url of that node"),
    "ASK": _Known("is part of a cluster, and the key is moving to another node", "use the url of that node"),
    "CLUSTERDOWN": _Known("is part of a cluster that is down", "see `CLUSTER INFO`", "ping"),
    "MASTERDOWN": _Known("is a replica that lost its primary", "see `INFO replication`", "ping"),
    "NOREPLICAS": _Known("takes no writes: too few replicas are connected", "see `min-replicas-to-write`", "write"),
    "TRYAGAIN": _Known("is part of a cluster that moves the keys just now", "ask again later", transient=True),
    "BUSY": _Known("is busy with a script", "see `SCRIPT KILL`", "ping"),
}
_BY_CLASS = {
    "NoPermissionError": "NOPERM",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "TryAgainError": "TRYAGAIN",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
}
"""redis-py takes the code off the texts of errors that it knows."""
_CODE = re.compile(r"-?([A-Z]{3,})\b")


def explain(error: Exception, where: str, rung: str, timeout: float) -> CallError:
    """An error of redis-py as the right CallError. `where` names the server, `rung` where the conversation stood."""
    import redis

    if isinstance(error, redis.InvalidResponse):
        hint = "does a Redis listen there, or something else? Is TLS needed (rediss://)?"
        return Garbled(f"{where} does not speak the protocol of Redis: {redact(str(error))[:200]}", hint=hint)
    if isinstance(error, (redis.TimeoutError, TimeoutError)):
        return translate_os_error(TimeoutError(), where, rung=rung, timeout=timeout)
    if isinstance(error, redis.ResponseError) or code_of(error) in _KNOWN:
        return _refused(error, where, rung)
    if isinstance(error, redis.DataError):
        return Rejected(f"the command cannot be sent: {redact(str(error))}", rung=rung)
    return _lost(error, where, rung, timeout)


def _lost(error: Exception, where: str, rung: str, timeout: float) -> CallError:
    if "max number of clients" in str(error):
        full = Rejected(
            f"{where} has too many clients", rung="ping", hint="raise `maxclients`, or find who leaves them"
        )
        full.transient = True
        return full
    if system_error(error) is None:
        found = translate_os_error(ConnectionResetError(errno.ECONNRESET, "closed"), where, rung=rung, timeout=timeout)
        found.message = f"{where} closed the connection"
        return found
    return translate_os_error(error, where, rung=rung, timeout=timeout)


def code_of(error: Exception) -> str:
    """The code with which the server's error began: WRONGPASS, NOPERM, ERR, ..."""
    name = type(error).__name__
    if name in _BY_CLASS:
        return _BY_CLASS[name]
    said = str(error)
    if name.startswith("Authentication"):
        return "NOAUTH" if "required" in said.lower() or "HELLO must be called" in said else "WRONGPASS"
    found = _CODE.match(said)
    return found[1] if found else "ERR"


def _refused(error: Exception, where: str, rung: str) -> CallError:
    code = code_of(error)
    known = _KNOWN.get(code)
    text = redact(str(error))[:300]
    if known is None:
        return Rejected(f"{where}: {text}", rung=rung, code=code)
    made = known.sort(f"{where} {known.said}: {text}", rung=known.rung or rung, code=code, hint=known.hint)
    made.transient = known.transient
    return made
