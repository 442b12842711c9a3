"""Mail as text and addresses: the operations `send` and `received`, and reading a maildir."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import formatdate, getaddresses, make_msgid
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.records import Effect

_ADDRESS = re.compile(r"[^\s@<>,;:\"]+@[^\s@<>,;:\"]+")
_HEADER = re.compile(r"[!-9;-~]+")
_OURS = frozenset({"from", "to", "subject", "date", "message-id"})
_RECIPIENTS = ("x-rcptto", "delivered-to", "x-original-to", "to", "cc")


def odd(address: str) -> str:
    """Why a text cannot be an address; empty when it can."""
    fits = address.isascii() and _ADDRESS.fullmatch(address)
    return "" if fits else f"'{address}' is no address such as ada@example.org"


def _address(text: str) -> str:
    said = odd(text)
    if said:
        raise PydanticCustomError("sysint", "{text}", {"text": said})
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        said = ""
        if not _HEADER.fullmatch(name):
            said = f"'{name}' cannot be the name of a header"
        elif name.lower() in _OURS:
            said = f"'{name}' has a key of its own, or is set for each message"
        elif "\n" in value or "\r" in value:
            said = f"the value of '{name}' holds a line break"
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
    return headers


def _line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise PydanticCustomError("sysint", "{text}", {"text": "a line break cannot be part of it"})
    return text


Address = Annotated[str, AfterValidator(_address)]


class Send(Operation):
    """Send a message, and see which recipients the server took it for."""

    send: Address | list[Address] = Field(description="Who it is for.")
    subject: Annotated[str, AfterValidator(_line)] = Field("Test message", description="Its subject.")
    text: str = Field("", description="Its text.")
    html: str | None = Field(None, description="The same as HTML.")
    from_: Address | None = Field(None, alias="from", description="Who it is from; default: `sender` of the settings.")
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(
        default_factory=dict, description="More headers, such as one that carries a correlation token."
    )

    def effect(self) -> Effect:
        return "write"

    def recipients(self) -> tuple[str, ...]:
        """Who it is for, one or many."""
        return (self.send,) if isinstance(self.send, str) else tuple(self.send)

    def title(self) -> str:
        return f"send '{self.subject}' to {', '.join(self.recipients())}"

    def default_expect(self) -> dict[str, Any]:
        return {"refused": 0}

    def perform(self, integration: Any, timeout: float) -> Observation:
        message = compose(self.recipients(), self.subject, self.text, self.html, self.headers)
        sender = self.from_ or integration.settings.sender
        observation: Observation = integration.deliver(message, sender, self.recipients(), timeout)
        return observation

    def reproduce(self, integration: Any) -> str:
        command: str = integration.by_hand(self.from_ or integration.settings.sender, self.recipients())
        return command


class Received(Operation):
    """The mail for an address that lies in the mailbox which the settings name, oldest first."""

    received: Address = Field(description="Whose mail.")
    limit: int = Field(100, ge=1, description="How many at most; the newest.")

    def title(self) -> str:
        return f"mail received by {self.received}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.received(self.received, self.limit, timeout)
        return observation


def compose(
    recipients: Sequence[str],
    subject: str,
    text: str,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """A message with all that a mail server asks for, but its sender."""
    message = EmailMessage(policy=policy.SMTP)
    message["To"] = ", ".join(recipients)
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="pytest-sysint.invalid")
    message["Auto-Submitted"] = "auto-generated"  # so that no holiday notice comes back (RFC 3834)
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def read_maildir(folder: Path, address: str, limit: int) -> list[dict[str, Any]]:
    """The newest messages for an address, oldest first: from, to, subject, text, html, headers, message_id, size, age.

    Raises:
        OSError: when there is no such maildir.

    """
    wanted = address.lower()
    found: list[dict[str, Any]] = []
    for path, modified in _newest_first(folder):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue  # moved or removed meanwhile
        message = BytesParser(policy=policy.default).parsebytes(content)
        if wanted in _addresses(message):
            found.append(_described(message, len(content), max(0.0, time.time() - modified)))
            if len(found) == limit:
                break
    return found[::-1]


def _newest_first(folder: Path) -> Iterator[tuple[Path, float]]:
    files: list[tuple[float, str, Path]] = []
    for part in ("new", "cur"):
        for path in (folder / part).iterdir():
            try:
                files.append((path.stat().st_mtime, path.name, path))
            except FileNotFoundError:
                continue
    return ((path, modified) for modified, _, path in sorted(files, reverse=True))


def _addresses(message: EmailMessage) -> set[str]:
    texts = [str(value) for name in _RECIPIENTS for value in message.get_all(name, [])]
    return {address.lower() for _, address in getaddresses(texts)}


def _described(message: EmailMessage, size: int, age: float) -> dict[str, Any]:
    return {
        "from": str(message.get("from", "")),
        "to": [address for _, address in getaddresses([str(value) for value in message.get_all("to", [])])],
        "subject": str(message.get("subject", "")),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "message_id": str(message.get("message-id", "")),
        "size": size,
        "age": age,
    }


def _body(message: EmailMessage, sort: str) -> str | None:
    part = message.get_body((sort,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")
    except (LookupError, ValueError):  # an unknown or a wrong encoding
        return str(part.get_payload())
