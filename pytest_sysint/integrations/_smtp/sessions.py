"""Conversations with a mail server that are kept and used again: greeted, encrypted, logged on."""

from __future__ import annotations

import smtplib
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from pytest_sysint.integrations._net import Route
from pytest_sysint.integrations._smtp.settings import Target
from pytest_sysint.integrations._smtp.trouble import explain, in_the_open, no_starttls, reply_error, text_of
from pytest_sysint.integrations._tls import Tls, context_for, describe_tls

Step = Literal["greeted", "encrypted", "authenticated"]
_STEPS: tuple[Step, ...] = ("greeted", "encrypted", "authenticated")
_LEAST = 0.001


class Session:
    """One conversation, up to some step. For one thread at a time."""

    def __init__(self, smtp: smtplib.SMTP, deadline: float) -> None:
        self.smtp = smtp
        self.deadline = deadline
        self.banner = ""
        self.step: Step = "greeted"

    def limit(self) -> None:
        """What is left until the deadline is what the next answer may take."""
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(_left(self.deadline))

    @property
    def channel(self) -> str:
        """The encryption in a few words; empty without."""
        sock = self.smtp.sock
        return describe_tls(sock) if isinstance(sock, ssl.SSLSocket) else ""

    def close(self) -> None:
        """Say goodbye, but do not wait for the answer."""
        with suppress(OSError):
            self.smtp.putcmd("quit")
        self.smtp.close()


class Sessions:
    """The conversations with one server. Safe for threads."""

    def __init__(self, target: Target, tls: Tls, starttls: str, hello: str) -> None:
        self._target = target
        self._tls = tls
        self._starttls = starttls
        self._hello = hello
        self._route = Route(target.host, target.port)
        self._resting: list[Session] = []
        self._lock = threading.Lock()

    @contextmanager
    def use(self, step: Step, timeout: float, rung: str) -> Iterator[Session]:
        """A conversation that is at least that far. It is kept for the next, unless something went wrong.

        Raises:
            CallError: of the given rung, or of the step that went wrong on the way.

        """
        session = self._greeted(timeout)
        try:
            for wanted in _STEPS[_STEPS.index(session.step) + 1 : _STEPS.index(step) + 1]:
                self._advance(session, wanted, timeout)
            session.limit()
            yield session
        except (smtplib.SMTPException, OSError) as error:
            session.close()
            raise explain(error, self._target.where, rung, timeout) from None
        except BaseException:
            session.close()
            raise
        with self._lock:
            self._resting.append(session)

    def open(self, timeout: float) -> Session:
        """A new conversation, logged on, that is the caller's to close.

        Raises:
            CallError: of the step that went wrong.

        """
        session = self._greeted(timeout, fresh=True)
        try:
            for wanted in _STEPS[1:]:
                self._advance(session, wanted, timeout)
        except BaseException:
            session.close()
            raise
        return session

    def offered(self, timeout: float) -> tuple[dict[str, str], dict[str, str]]:
        """What the server offers before the channel is encrypted and once it is; the same twice where it never is.

        Raises:
            CallError: of the step that went wrong.

        """
        session = self._greeted(timeout, fresh=True)
        try:
            before = dict(session.smtp.esmtp_features)
            self._advance(session, "encrypted", timeout)
            return before, dict(session.smtp.esmtp_features)
        finally:
            session.close()

    def close(self) -> None:
        """Close those that rest."""
        with self._lock:
            sessions, self._resting = self._resting, []
        for session in sessions:
            session.close()

    def _greeted(self, timeout: float, *, fresh: bool = False) -> Session:
        deadline = time.monotonic() + timeout
        try:
            return (None if fresh else self._rested(deadline)) or self._open(deadline)
        except (smtplib.SMTPException, OSError) as error:
            raise explain(error, self._target.where, "ping", timeout) from None

    def _rested(self, deadline: float) -> Session | None:
        while True:
            with self._lock:
                if not self._resting:
                    return None
                session = self._resting.pop()
            session.deadline = deadline
            session.limit()
            try:
                if session.smtp.rset()[0] == 250:
                    return session
            except (smtplib.SMTPException, OSError):
                pass  # the server closed it while it rested
            session.close()

    def _open(self, deadline: float) -> Session:
        target = self._target
        smtp = smtplib.SMTP(local_hostname=self._hello)
        smtp.sock = self._route.open(_left(deadline))
        try:
            if target.secure:
                self._encrypt(smtp, deadline)
            session = Session(smtp, deadline)
            session.limit()
            code, said = smtp.getreply()
            if code != 220:
                raise reply_error(code, text_of(said), target.where, "ping")
            session.banner = text_of(said)
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return session

    def _advance(self, session: Session, step: Step, timeout: float) -> None:
        rung = "tls" if step == "encrypted" else "authentication"
        session.limit()
        try:
            if step == "encrypted":
                self._change_over(session)
            elif self._target.username:
                self._log_on(session)
        except (smtplib.SMTPException, OSError) as error:
            raise explain(error, self._target.where, rung, timeout) from None
        session.step = step

    def _change_over(self, session: Session) -> None:
        smtp = session.smtp
        if self._target.secure or self._starttls == "off":
            return
        if not smtp.has_extn("starttls"):
            if self._starttls == "required":
                raise no_starttls(self._target.where)
            return
        code, said = smtp.docmd("STARTTLS")
        if code != 220:
            raise reply_error(code, text_of(said), self._target.where, "tls")
        self._encrypt(smtp, session.deadline)
        smtp.ehlo_or_helo_if_needed()

    def _encrypt(self, smtp: smtplib.SMTP, deadline: float) -> None:
        """As smtplib's own starttls does; but with the name that the settings say."""
        assert smtp.sock is not None
        smtp.sock.settimeout(_left(deadline))
        name = self._tls.server_name or self._target.host
        smtp.sock = context_for(self._tls).wrap_socket(smtp.sock, server_hostname=name)
        smtp.file = None
        smtp.helo_resp = smtp.ehlo_resp = None
        smtp.esmtp_features = {}
        smtp.does_esmtp = False

    def _log_on(self, session: Session) -> None:
        if not session.channel and self._starttls != "off":
            raise in_the_open(self._target.where)
        session.smtp.login(self._target.username, self._target.password)


def _left(deadline: float) -> float:
    return max(_LEAST, deadline - time.monotonic())
