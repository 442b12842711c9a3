"""The encrypted channel to PostgreSQL: our settings and libpq's words for them, and how it is asked for."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

from pytest_sysint.core.errors import Garbled, TlsFailed
from pytest_sysint.core.secrets import reveal
from pytest_sysint.integrations._tls import Tls, trust_file

WITH_TLS = frozenset({"require", "verify-ca", "verify-full"})
"""The values of `sslmode` that ask for it."""


def words_of(tls: Tls | None) -> dict[str, str]:
    """Our settings in libpq's words."""
    if tls is None:
        return {}
    words = {"sslmode": "verify-full" if tls.verify else "require", "ssl_min_protocol_version": f"TLSv{tls.minimum}"}
    if tls.verify:
        words["sslrootcert"] = tls.ca or trust_file()
    if tls.cert:
        words |= {"sslcert": tls.cert, "sslkey": tls.key or tls.cert, "sslpassword": reveal(tls.key_password)}
    return words


def tls_of(words: Mapping[str, str]) -> Tls:
    """The words of libpq in our settings."""
    ca, cert = words.get("sslrootcert", ""), words.get("sslcert", "")
    return Tls(
        ca="" if ca == "system" else ca,
        cert=cert,
        key=words.get("sslkey", "") if cert else "",
        verify=words.get("sslmode") == "verify-full",
    )


def ask_for_tls(connection: socket.socket) -> None:
    """Begin TLS on a new connection, as PostgreSQL wants to be asked.

    Raises:
        TlsFailed, Garbled: when it does not take it.

    """
    connection.sendall(struct.pack("!ii", 8, 80877103))
    said = connection.recv(1)
    if said == b"N":
        raise TlsFailed("the server does not offer TLS", hint="set `ssl = on` there, or another sslmode in the url")
    if said != b"S":
        hint = "what listens there is not PostgreSQL"
        raise Garbled(f"the question for TLS was answered with {said!r}", rung="tls", hint=hint)
