"""Type `smtp`: a server that takes mail."""

from __future__ import annotations

import shlex
import smtplib
import threading
from collections.abc import Collection, Iterable, Sequence
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from pytest_sysint.core.description import Description, Section
from pytest_sysint.core.errors import CallError, Denied, Rejected
from pytest_sysint.core.integration import Integration, Observation, Rung, Stopwatch, exchange
from pytest_sysint.core.provisioning import Embedded, Place, Running
from pytest_sysint.core.secrets import learn, learn_url
from pytest_sysint.integrations._net import network_rungs
from pytest_sysint.integrations._settings import reading_only, resolved
from pytest_sysint.integrations._smtp.description import SECTIONS, describe_extensions
from pytest_sysint.integrations._smtp.mail import Received, Send, compose, odd, read_maildir
from pytest_sysint.integrations._smtp.sessions import Session, Sessions, Step
from pytest_sysint.integrations._smtp.settings import Settings, Target, target_of
from pytest_sysint.integrations._smtp.trouble import reply_error, text_of
from pytest_sysint.integrations._tls import context_for

__all__ = ["TYPE", "Received", "Send", "Settings", "Smtp"]


class Smtp(Integration[Settings]):
    """A mail server: satisfies `core.capabilities.Sends`."""

    category = "external_service"
    images = ("mailpit", "mailhog", "maildev", "greenmail")
    settings_model = Settings
    operations = (Send, Received)
    sections: ClassVar[tuple[Section, ...]] = SECTIONS

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._native: Session | None = None
        self._lock = threading.Lock()

    @cached_property
    def target(self) -> Target:
        """Where it is and who we are.

        Raises:
            Rejected: when the url cannot be used.

        """
        target = resolved(self.settings.url, lambda: target_of(self.settings))
        learn(target.password)
        return target

    @property
    def client(self) -> smtplib.SMTP:
        """A `smtplib.SMTP`, connected and logged on. It is for one thread at a time, as smtplib is."""
        with self._lock:
            if self._native is None or self._native.smtp.sock is None:
                self._native = self._sessions.open(5.0)
            return self._native.smtp

    def rungs(self) -> Iterable[Rung]:
        target = self.target
        tls = context_for(self.settings.tls) if target.secure else None
        rungs = network_rungs(target.host, target.port, tls=tls, server_name=self.settings.tls.server_name)
        rungs.append(Rung("ping", self._greet))
        if not target.secure and self.settings.starttls != "off":
            rungs.append(Rung("tls", self._encrypt))
        if target.username:
            rungs.append(Rung("authentication", self._authenticate))
        return [*rungs, Rung("read", self._offer)]

    def send(self, to: str, subject: str, text: str, timeout: float) -> Observation:
        """Send a text to one recipient; as `deliver`."""
        self._may_send(self.settings.sender, [to])
        try:
            message = compose([to], subject, text)
        except ValueError as error:
            raise Rejected(f"the message cannot be written: {error}", rung="write") from None
        return self.deliver(message, self.settings.sender, [to], timeout)

    def deliver(self, message: EmailMessage, sender: str, recipients: Sequence[str], timeout: float) -> Observation:
        """Send a message. Payload: accepted (addresses), refused (reply by address), reply (the server's last words).

        Facts: accepted, refused (counts), message_id, code, size.

        Raises:
            CallError: when the server took it for nobody. After the text was sent, a lost connection is not worth
                another try: the message may be on its way.

        """
        self._may_send(sender, recipients)
        if "From" not in message:
            message["From"] = sender or "pytest-sysint@pytest-sysint.invalid"
        content = message.as_bytes()
        watch = Stopwatch()
        with self._sessions.use("authenticated", timeout, "write") as session:
            watch.lap("session")
            refused = self._address(session, sender, recipients)
            watch.lap("addresses")
            code, said = self._hand_over(session, content)
            watch.lap("content")
        accepted = [recipient for recipient in recipients if recipient not in refused]
        facts = {
            "accepted": len(accepted),
            "refused": len(refused),
            "message_id": message["Message-ID"],
            "code": code,
            "size": len(content),
        }
        payload = {"accepted": accepted, "refused": refused, "reply": said}
        title = f"mail to {', '.join(recipients)}"
        kept = exchange(title, content.decode("utf-8", "replace"), f"{code} {said}", watch)
        return Observation(payload, facts, watch.phases(), kept)

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """What the server offers.

        Raises:
            CallError: when it cannot be asked.

        """
        return {"extensions": describe_extensions(*self._sessions.offered(timeout))} if sections else {}

    def received(self, address: str, limit: int, _timeout: float) -> Observation:
        """The mail for an address in the mailbox, oldest first; facts: count, newest_age.

        Raises:
            CallError: when no mailbox is named, or it cannot be read.

        """
        watch = Stopwatch()
        folder = self.target.mailbox
        if not folder:
            hint = "set `mailbox` to a maildir folder, or provision the server: the embedded one has a mailbox"
            raise Rejected(f"nobody said where the mail of {self.target.where} can be read", hint=hint)
        try:
            messages = read_maildir(Path(folder), address, limit)
        except PermissionError as error:
            raise Denied(f"the mailbox {folder} cannot be read: {error.strerror}", rung="read") from None
        except OSError as error:
            hint = "a maildir is a folder with the folders new, cur and tmp"
            raise Rejected(f"the mailbox {folder} cannot be read: {error.strerror}", hint=hint) from None
        shown = "\n".join(f"{message['from']}: {message['subject']}" for message in messages[-50:])
        facts = {"count": len(messages), "newest_age": min((message["age"] for message in messages), default=None)}
        return Observation(messages, facts, watch.phases(), exchange(f"mail for {address}", folder, shown, watch))

    def reproduce(self) -> str:
        return f"curl -v {self._options()} -X NOOP"

    def by_hand(self, sender: str, recipients: Sequence[str]) -> str:
        """The command that sends a message, typed in, to these."""
        to = " ".join(f"--mail-rcpt {shlex.quote(recipient)}" for recipient in recipients)
        return f"curl -v {self._options()} --mail-from {shlex.quote(sender)} {to} --upload-file -"

    def close(self) -> None:
        if "_sessions" in self.__dict__:
            self._sessions.close()
        with self._lock:
            native, self._native = self._native, None
        if native is not None:
            native.close()

    @cached_property
    def _sessions(self) -> Sessions:
        settings = self.settings
        return Sessions(self.target, settings.tls, settings.starttls, settings.hello)

    def _may_send(self, sender: str, recipients: Sequence[str]) -> None:
        said = next(filter(None, map(odd, [sender, *recipients] if sender else recipients)), "")
        if said or not recipients:
            raise Rejected(said or "the message is for nobody", rung="write")
        if self.read_only:
            raise reading_only(f"no mail is sent by {self.target.where}")

    def _address(self, session: Session, sender: str, recipients: Sequence[str]) -> dict[str, str]:
        """Name sender and recipients; gives the replies of refusal. Raises when all are refused."""
        smtp = session.smtp
        code, said = smtp.mail(sender)
        if code != 250:
            raise reply_error(code, text_of(said), self.target.where, "write")
        refused: dict[str, str] = {}
        for recipient in recipients:
            session.limit()
            code, said = smtp.rcpt(recipient)
            if code not in (250, 251):
                refused[recipient] = f"{code} {text_of(said)}"
        if len(refused) == len(recipients):
            raise reply_error(code, text_of(said), self.target.where, "write")
        return refused

    def _hand_over(self, session: Session, content: bytes) -> tuple[int, str]:
        session.limit()
        try:
            code, said = session.smtp.data(content)
        except smtplib.SMTPServerDisconnected as error:
            found = CallError(
                f"the connection to {self.target.where} was lost while the message was sent", rung="write"
            )
            found.hint = "it may be on its way or not, so that it is not sent again"
            raise found from error
        if code != 250:
            raise reply_error(code, text_of(said), self.target.where, "write")
        return code, text_of(said)

    def _step(self, step: Step, timeout: float, rung: str) -> tuple[str, str]:
        with self._sessions.use(step, timeout, rung) as session:
            return session.banner, session.channel

    def _greet(self, timeout: float) -> str:
        return self._step("greeted", timeout, "ping")[0]

    def _encrypt(self, timeout: float) -> str:
        return self._step("encrypted", timeout, "tls")[1] or "not offered"

    def _authenticate(self, timeout: float) -> str:
        self._step("authenticated", timeout, "authentication")
        return f"as {self.target.username}"

    def _offer(self, timeout: float) -> str:
        """Whether it would take mail from us: the sender is named, and nothing more; the next user begins anew."""
        sender = self.settings.sender
        with self._sessions.use("authenticated", timeout, "read") as session:
            code, said = session.smtp.mail(sender)
            if code != 250:
                raise reply_error(code, text_of(said), self.target.where, "read")
        return f"takes mail from <{sender}>"

    def _options(self) -> str:
        target, tls = self.target, self.settings.tls
        parts = [f"{'smtps' if target.secure else 'smtp'}://{target.where}"]
        if not target.secure and self.settings.starttls != "off":
            parts.append("--ssl-reqd" if self.settings.starttls == "required" else "--ssl")
        parts += ["--user", target.username] if target.username else []
        parts += ["--cacert", tls.ca] if tls.ca else []
        parts += [] if tls.verify else ["--insecure"]
        return shlex.join(parts)


def _serve(place: Place) -> Running:
    """Start aiosmtpd, which puts all mail into a maildir."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Mailbox

    folder = place.folder / "mail"
    controller = Controller(Mailbox(folder), hostname="127.0.0.1", port=place.port)
    controller.start()
    url = f"smtp://127.0.0.1:{place.port}?mailbox={quote(str(folder))}"
    return Running(url, controller.stop, "aiosmtpd")


Smtp.recipes = (Embedded("aiosmtpd", _serve),)

TYPE = Smtp
