"""TLS for every type: one settings model, one context per settings and process, errors that say what is wrong."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pytest_sysint.core.errors import TlsFailed
from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.secrets import reveal

_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Tls(Declared):
    """How the encrypted channel is made. Left out, the machine's own trust store is used and everything is verified."""

    ca: str = ""
    """File with the certificates to trust (PEM), instead of the machine's own."""
    cert: str = ""
    """File with our certificate (PEM), for servers that ask for one."""
    key: str = ""
    """File with the key of our certificate (PEM), where it is not in `cert`."""
    key_password: Secret | None = None
    """The password of the key."""
    verify: bool = True
    """Whether the server's certificate and host name are verified."""
    minimum: Literal["1.2", "1.3"] = "1.2"
    """The oldest TLS version that is accepted."""
    server_name: str = ""
    """The name to ask for and to verify, where it is not the url's host."""


_lock = threading.Lock()
_contexts: dict[tuple[object, ...], ssl.SSLContext] = {}


def context_for(tls: Tls | None = None, protocols: tuple[str, ...] = ()) -> ssl.SSLContext:
    """The context for these settings, shared by all who ask for the same: making one costs about 20 ms.

    `protocols` are the ALPN names to offer. A context must not be changed by who gets it.

    Raises:
        TlsFailed: when a file that the settings name cannot be read or used.

    """
    tls = tls or Tls()
    files = tuple(_stamp(path) for path in (tls.ca, tls.cert, tls.key))
    wanted = (tls.ca, tls.cert, tls.key, tls.key_password, tls.verify, tls.minimum, files, protocols)
    with _lock:
        if wanted not in _contexts:
            _contexts[wanted] = _make(tls, protocols)
        return _contexts[wanted]


def _stamp(path: str) -> tuple[int, int]:
    """Tells a file from what it is after a change: a renewed certificate must be seen in a long process."""
    try:
        status = Path(path).stat() if path else None
    except OSError:
        status = None
    return (status.st_mtime_ns, status.st_size) if status else (0, 0)


def _make(tls: Tls, protocols: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = _MINIMUM[tls.minimum]
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        _load("tls.ca", tls.ca, lambda: context.load_verify_locations(tls.ca))
    else:
        _trust_machine(context)
    if tls.cert:
        password = reveal(tls.key_password)
        _load("tls.cert", tls.cert, lambda: context.load_cert_chain(tls.cert, tls.key or None, lambda: password))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _trust_machine(context: ssl.SSLContext) -> None:
    found = ssl.get_default_verify_paths()
    if found.cafile or found.capath:
        context.load_default_certs()
    else:
        context.load_verify_locations(trust_file())


def trust_file() -> str:
    """A file with the authorities that this machine trusts, for libraries that bring a TLS of their own."""
    found = ssl.get_default_verify_paths().cafile
    usual = (found, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
    for path in usual:
        if path and Path(path).is_file():
            return path
    import certifi  # comes with httpx; for systems without a trust store

    return certifi.where()


def _load(key: str, path: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        if not Path(path).is_file():
            hint = "paths are relative to where pytest runs"
            raise TlsFailed(f"{key}: there is no file '{path}'", hint=hint) from None
        raise TlsFailed(
            f"{key}: the file '{path}' cannot be used: {error}",
            hint="it must hold PEM text (BEGIN CERTIFICATE); a key must belong to its certificate, with its password",
        ) from None


_CERTIFICATE: dict[int, tuple[str, str]] = {
    9: ("is not valid yet", "compare the clocks of both machines; the certificate may be dated ahead"),
    10: ("has expired", "renew the certificate on the server"),
    18: ("is self-signed", "name its file in `tls: {ca: ...}`, or have it signed by an authority that is trusted"),
    19: ("is signed by an authority that is not trusted here", "name that authority's file in `tls: {ca: ...}`"),
    20: (
        "is signed by an authority that is not known here",
        "name that authority's file in `tls: {ca: ...}`; or the server does not send its intermediate certificates",
    ),
    21: (
        "cannot be traced to an authority that is trusted here",
        "the server does not send its intermediate certificates, or name the authority in `tls: {ca: ...}`",
    ),
    23: ("has been revoked", "replace the certificate on the server"),
    62: ("is for another host name", "use a name that the certificate carries, or set `tls: {server_name: ...}`"),
    64: ("is for another address", "use the name that the certificate carries, or set `tls: {server_name: ...}`"),
}
_PLAIN = "does not speak TLS on this port", "use the plain scheme, or the port that has TLS"
_REASONS: tuple[tuple[str, str, str], ...] = (
    ("WRONG_VERSION_NUMBER", *_PLAIN),
    ("HTTP_REQUEST", *_PLAIN),
    ("RECORD_LAYER_FAILURE", *_PLAIN),
    ("PACKET_LENGTH_TOO_LONG", *_PLAIN),
    ("PROTOCOL_VERSION", "offers no TLS version that is accepted here", "raise the server's, see `tls.minimum`"),
    ("UNSUPPORTED_PROTOCOL", "offers no TLS version that is accepted here", "raise the server's, see `tls.minimum`"),
    ("CERTIFICATE_REQUIRED", "asks for a client certificate", "set `tls: {cert: ..., key: ...}`"),
    ("UNKNOWN_CA", "does not trust our client certificate", "have it signed by an authority that the server knows"),
    ("BAD_CERTIFICATE", "refused our client certificate", "check `tls: {cert: ..., key: ...}`"),
    ("CERTIFICATE_EXPIRED", "says that our client certificate has expired", "renew it"),
    ("HANDSHAKE_FAILURE", "found nothing in common with us", "no shared cipher, or a client certificate is needed"),
    ("DH_KEY_TOO_SMALL", "offers a key that is too weak", "give the server stronger parameters"),
    ("EE_KEY_TOO_SMALL", "has a certificate with a key that is too weak", "renew it with a longer key"),
    ("UNEXPECTED_EOF", "closed the connection during the handshake", "it may not speak TLS on this port"),
)


def explain_tls(error: ssl.SSLError, where: str) -> TlsFailed:
    """What went wrong in a handshake with `where`, in words."""
    verify_code = getattr(error, "verify_code", 0)  # errors that a library raises in Python have no details
    if verify_code:
        message = getattr(error, "verify_message", "")
        said, hint = _CERTIFICATE.get(verify_code, (f"was not accepted: {message}", ""))
        if verify_code in (62, 64):
            said = f"{said} ({message})"
        return TlsFailed(f"the certificate of {where} {said}", code=f"verify {verify_code}", hint=hint)
    reason = getattr(error, "reason", "") or ("UNEXPECTED_EOF" if isinstance(error, ssl.SSLEOFError) else "")
    for part, said, hint in _REASONS:
        if part in reason:
            return TlsFailed(f"{where} {said}", code=reason, hint=hint)
    return TlsFailed(f"no encrypted channel with {where}: {reason or error}", code=reason)


def describe_tls(channel: ssl.SSLSocket | ssl.SSLObject) -> str:
    """A made channel in a few words: `TLSv1.3, certificate expires in 89 days`."""
    version = channel.version() or "TLS"
    until = certificate_until(channel)
    if until is None:
        return f"{version}, no certificate"
    days = (until - datetime.now(UTC)).days
    return f"{version}, certificate " + (f"expires in {days} days" if days >= 0 else f"expired {-days} days ago")


def certificate_until(channel: ssl.SSLSocket | ssl.SSLObject) -> datetime | None:
    """When the other side's certificate ends; None when it shows none.

    Python tells it of verified certificates only, so that the certificate is read here.
    """
    der = channel.getpeercert(binary_form=True)
    if not der:
        return None
    try:
        body = _children(_children(der)[0][1])[0][1]
        parts = _children(body)
        validity = parts[4 if parts[0][0] == 0xA0 else 3][1]
        tag, text = _children(validity)[1]
        digits = text.decode("ascii").rstrip("Z")
        if tag == 0x17:  # UTCTime has two digits for the year: 50 and above are of the last century
            digits = ("19" if digits[:2] >= "50" else "20") + digits
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None


def _children(data: bytes) -> list[tuple[int, bytes]]:
    """The DER elements that stand one after the other in `data`: tag and content."""
    found, at = [], 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(data[at : at + count], "big"), at + count
        found.append((tag, data[at : at + size]))
        at += size
    return found
