"""What PostgreSQL says when it says no, in the product's errors."""

from __future__ import annotations

import re

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.secrets import redact

_BUSY = "raise max_connections, close what is left open, or put a pooler before it"
_POOLER = "behind PgBouncer, add the parameter to its `ignore_startup_parameters`"
_OTHER = "what listens there is not PostgreSQL"
_STARTING = "it will be there shortly, or recovers from a crash: see its log"
_REFUSALS: tuple[tuple[str, type[CallError], str, str, str], ...] = (
    ("password authentication failed", Denied, "authentication", "28P01", "check user and password"),
    ("no password supplied", Denied, "authentication", "28P01", "set `password`, or put it in the url"),
    ("no pg_hba.conf entry", Denied, "authentication", "28000", "allow this user, database and address in pg_hba.conf"),
    ("pg_hba.conf rejects", Denied, "authentication", "28000", "allow this user, database and address in pg_hba.conf"),
    (r"role \".*\" does not exist", Denied, "authentication", "28000", "create the user, or check its name in the url"),
    ("authentication failed", Denied, "authentication", "28000", "check user, password and pg_hba.conf"),
    ("certificate required|requires a valid client cert", TlsFailed, "tls", "", "set `tls: {cert: ..., key: ...}`"),
    (r"database \".*\" does not exist", Rejected, "authentication", "3D000", "create it, or check its name in the url"),
    ("permission denied for database", Denied, "authentication", "42501", "GRANT CONNECT ON DATABASE to this user"),
    ("is starting up|in recovery mode|not yet accepting", Unreachable, "ping", "57P03", _STARTING),
    ("is shutting down|terminating connection", Unreachable, "ping", "57P01", "the server is being stopped"),
    ("too many clients|too many connections|remaining connection slots", Unreachable, "authentication", "53300", _BUSY),
    ("server does not support SSL", TlsFailed, "tls", "", "set `ssl = on` there, or another sslmode in the url"),
    ("certificate verify failed|root certificate file", TlsFailed, "tls", "", "name the authority in `tls: {ca: ...}`"),
    ("server certificate for", TlsFailed, "tls", "", "use a name that the certificate carries, see `tls.server_name`"),
    ("expected authentication|invalid response|lost synchronization|protocol", Garbled, "ping", "", _OTHER),
    ("SSL|TLS", TlsFailed, "tls", "", "see sslmode in the url, and the server's ssl settings"),
    ("unsupported startup parameter", Rejected, "authentication", "08P01", _POOLER),
    ("closed the connection unexpectedly", Unreachable, "ping", "", f"it crashed, or {_OTHER}"),
    ("Connection refused", Unreachable, "tcp", "ECONNREFUSED", "nothing listens on that port: is the server started?"),
    ("No such file", Unreachable, "tcp", "ENOENT", "there is no such socket: is the server started?"),
    ("reset by peer", Unreachable, "tcp", "ECONNRESET", "the server crashed, or a proxy stands between"),
)  # fmt: skip


def explain_refusal(text: str, where: str) -> CallError:
    """Why no session could be had: libpq gives a text only, without a code."""
    said = _last_words(text)
    for pattern, sort, rung, code, hint in _REFUSALS:
        if re.search(pattern, text):
            return sort(f"{where}: {said}", rung=rung, code=code, hint=hint)
    return Rejected(f"{where}: {said}", rung="authentication")


def _last_words(text: str) -> str:
    """`connection to server at ... failed: FATAL:  database "x" does not exist` without what is known already."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    said = " ".join(re.sub(r"^(connection failed: )?connection to server .*? failed: ", "", line) for line in lines)
    return redact(re.sub(r"^(FATAL|ERROR): +", "", said)) or "the connection failed"


_HINTS = {
    "42P01": "is the schema right? see `search_path`, and whether migrations have been run",
    "3F000": "is the schema right? see `search_path`, and whether migrations have been run",
    "42703": "has the column been renamed, or a migration not been run?",
    "42501": "GRANT the user of this integration what it needs",
    "25006": "this session may only read: the environment allows no more, or the server is a replica",
    "55P03": "another session holds the lock: see pg_stat_activity",
    "40P01": "two sessions waited for each other: see the server's log",
}


def explain_state(state: str, primary: str, detail: str = "", hint: str = "") -> CallError:
    """Why a statement failed: by its SQLSTATE."""
    said = redact(primary + (f" ({detail})" if detail else ""))
    words = {"code": state, "hint": _HINTS.get(state, hint)}
    if state == "57014":
        slow = "it waits for a lock, lacks an index, or the server is overloaded"
        return TimedOut(said, rung="read", code=state, hint=slow) if "timeout" in said else Rejected(said, **words)
    if state == "42501":
        return Denied(said, rung="read", **words)
    if state == "55P03":
        return TimedOut(said, rung="read", **words)
    if state.startswith("28"):
        return Denied(said, **words)
    if state.startswith(("08", "57P")) or state == "53300":
        return Unreachable(said, rung="read", **words)
    return Rejected(said, **words)
