"""What smtplib raises, in words."""

from __future__ import annotations

import errno
import smtplib

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TlsFailed
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import translate_os_error

_HINTS = {
    421: "the server is shutting down, or takes no more connections",
    450: "the mailbox is busy, or the server greylists unknown senders: ask again after some minutes",
    451: "the server has a problem of its own, or greylists unknown senders: ask again after some minutes",
    452: "the server is out of space",
    501: "the address or the name in the greeting is not well formed",
    521: "that host takes no mail",
    552: "the message is too large, or the mailbox is full",
    550: "there is no such mailbox, or the server does not deliver for us (log on, or have our address allowed)",
    553: "the server does not accept that address from us: see `sender`",
    554: "the server takes no mail from us: is our address on a blocklist?",
}
_CREDENTIALS = {
    530: "set `username` and `password`; or the server wants STARTTLS first",
    534: "the server wants another way of logging on",
    535: "are the user name and the password right? Some providers want a password made for applications",
    538: "the server wants TLS before we log on: see `starttls`",
}


def explain(error: Exception, where: str, rung: str, timeout: float) -> CallError:
    """An error of smtplib or of its connection as the right CallError. `rung` says where the conversation stood."""
    if isinstance(error, smtplib.SMTPResponseException):
        return reply_error(error.smtp_code, text_of(error.smtp_error), where, rung)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Rejected(f"{where} cannot do that: {error}", rung=rung)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return _lost(error, where, rung, timeout)
    if isinstance(error, smtplib.SMTPException):
        hint = "the server offers no way of logging on that is known here: see its answer to EHLO"
        return Denied(f"{where}: {redact(str(error))}", rung=rung, hint=hint)
    return translate_os_error(error, where, rung=rung, timeout=timeout)


def _lost(error: BaseException, where: str, rung: str, timeout: float) -> CallError:
    """A lost connection, or a timeout, which smtplib calls so too: the system's own error lies beneath."""
    at: BaseException | None = error
    while isinstance(at, smtplib.SMTPException):
        at = at.__cause__ or at.__context__
    if isinstance(at, OSError):
        return translate_os_error(at, where, rung=rung, timeout=timeout)
    found = translate_os_error(ConnectionResetError(errno.ECONNRESET, "closed"), where, rung=rung, timeout=timeout)
    found.message = f"{where} closed the connection"
    return found


def reply_error(code: int, text: str, where: str, rung: str) -> CallError:
    """The error that a reply of the server is. 4xx is worth another try; smtplib gives -1 to what is no reply."""
    said = f"{where} answered {code}: {redact(text)[:300]}"
    if not 200 <= code < 600:
        hint = "does a mail server listen there? smtps:// where TLS comes first, smtp:// where it does not"
        return Garbled(f"{where} does not speak SMTP: {redact(text)[:200]!r}", rung="ping", hint=hint)
    if code in _CREDENTIALS:
        return Denied(said, code=str(code), hint=_CREDENTIALS[code])
    rejected = Rejected(said, rung=rung, code=str(code), hint=_HINTS.get(code, ""))
    rejected.transient = code < 500
    return rejected


def no_starttls(where: str) -> TlsFailed:
    """The server offers no STARTTLS, and the declaration wants it."""
    hint = "is it switched on there, or does something between take it out? `starttls: off` does without"
    return TlsFailed(f"{where} offers no STARTTLS", code="no STARTTLS", hint=hint)


def in_the_open(where: str) -> TlsFailed:
    """Logging on would send the password in plain text, and nobody said that it may."""
    hint = "use smtps://, have STARTTLS switched on there, or allow it with `starttls: off`"
    return TlsFailed(f"{where} offers no STARTTLS, and the password would be sent in plain text", hint=hint)


def text_of(reply: bytes | str) -> str:
    """The text of a reply on one line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())
