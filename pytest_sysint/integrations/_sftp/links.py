"""The connection to an SFTP server that all threads share: SSH carries many requests at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_sysint.core.errors import CallError, Unreachable
from pytest_sysint.integrations._loop import Loop
from pytest_sysint.integrations._net import Route, too_late
from pytest_sysint.integrations._sftp.settings import Settings, Target
from pytest_sysint.integrations._sftp.trouble import HOST_KEY, explain
from pytest_sysint.integrations._sftp.trust import Trust, Trusted, credentials, watching_client

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection, SSHKey

T = TypeVar("T")
_FAREWELL = 1.0


class Link:
    """A connection that is logged on. Once a call on it took too long, no new ones begin on it."""

    def __init__(self, connection: SSHClientConnection, sftp: SFTPClient, root: str) -> None:
        self.connection = connection
        self.sftp = sftp
        self.root = root
        """The folder that the url names, as the server spells it out."""
        self.users = 0
        self.spent = False

    @property
    def usable(self) -> bool:
        """Whether new calls may begin on it."""
        return not (self.spent or self.connection.is_closed())


class Talk:
    """One call's use of a link: the time that it has, and the words for what goes wrong."""

    def __init__(self, loop: Loop, link: Link, deadline: float) -> None:
        self._loop = loop
        self.link = link
        self.sftp = link.sftp
        self.deadline = deadline

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Carry it out in what is left of the time; raises what asyncssh raises, or TimeoutError."""
        return self._loop.run(work, self.deadline - time.monotonic())


class Links:
    """The connection to one server; safe for threads. What they wait for runs on a loop of its own."""

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target
        self._trust = Trust(settings, target)
        self._route = Route(target.host, target.port)
        self._current: Link | None = None
        self._loop: Loop | None = None
        self._opening = threading.Lock()
        """Held while a connection is made, so that one is made for all who wait."""
        self._lock = threading.Lock()
        self.shown: SSHKey | None = None
        """The key that the server showed last, and that was trusted."""

    @contextmanager
    def use(self, where: str, rung: str, timeout: float) -> Iterator[Talk]:
        """The connection, for one call. `where` is what the errors of the call name.

        Raises:
            CallError: of the given rung, or of the step that went wrong on the way to a connection.

        """
        import asyncssh

        deadline = time.monotonic() + timeout
        loop, link = self._taken(timeout, deadline)
        try:
            yield Talk(loop, link, deadline)
        except (asyncssh.Error, OSError) as error:
            if isinstance(error, (OSError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)):
                link.spent = True
            raise explain(error, where, rung, timeout) from None
        finally:
            self._give_back(loop, link)

    def close(self) -> None:
        """End the connection and the loop."""
        with self._lock:
            link, loop, self._current, self._loop = self._current, self._loop, None, None
        if loop is None:
            return
        if link is not None:
            _abort(loop, link)
        loop.close()

    def _taken(self, timeout: float, deadline: float) -> tuple[Loop, Link]:
        if not self._opening.acquire(timeout=max(deadline - time.monotonic(), 0)):
            raise too_late(self._target.where, HOST_KEY, timeout)
        try:
            with self._lock:
                if self._loop is None:
                    self._loop = Loop(f"sysint-sftp-{self._target.host}")
                loop = self._loop
                if self._current is not None and self._current.usable:
                    self._current.users += 1
                    return loop, self._current
            link = self._open(loop, timeout, deadline)
            with self._lock:
                former, self._current = self._current, link
                link.users = 1
                stale = former is not None and former.users == 0
            if former is not None and stale:
                _abort(loop, former)
            return loop, link
        finally:
            self._opening.release()

    def _give_back(self, loop: Loop, link: Link) -> None:
        with self._lock:
            link.users -= 1
            over = link.users == 0 and not link.usable
        if over:
            _abort(loop, link)

    def _open(self, loop: Loop, timeout: float, deadline: float) -> Link:
        import asyncssh

        ours = credentials(self._settings, self._target)
        known = self._trust.known()
        client = watching_client(self._trust)
        sock = self._route.open(deadline - time.monotonic())
        try:
            work = _connect(sock, client, self._target, known, ours)
            return loop.run(work, deadline - time.monotonic())
        except (asyncssh.Error, OSError) as error:
            raise self._why(error, client, bool(known[0]), timeout) from None

    def _why(self, error: Exception, client: Any, known: bool, timeout: float) -> CallError:
        import asyncssh

        if client.refused is not None:
            return self._trust.refusal(client.refused, known=known)
        shown = client.connection.get_server_host_key() if client.connection is not None else None
        if shown is not None:
            self.shown = shown
        if known and isinstance(error, asyncssh.KeyExchangeFailed):
            return self._trust.no_such_kind(str(error))
        found = explain(error, self._target.where, "authentication" if shown is not None else HOST_KEY, timeout)
        if known and shown is None and isinstance(found, Unreachable):
            found.hint = f"{found.hint}; or it has no host key of the kind that is known"
        return found


async def _connect(sock: socket.socket, client: Any, target: Target, known: Trusted, ours: dict[str, Any]) -> Link:
    """Log on, begin SFTP, and ask what the folder of the url is called there."""
    import asyncssh

    try:
        connection = await asyncssh.connect(
            target.host,
            target.port,
            sock=sock,
            config=None,
            known_hosts=known,
            client_factory=lambda: client,
            keepalive_interval=0,
            **ours,
        )
    except BaseException:
        if client.connection is not None:
            client.connection.abort()
        else:
            sock.close()
        raise
    try:
        # A name that is no UTF-8 is shown with its bytes spelt out: one odd name must not hide all others.
        sftp = await connection.start_sftp_client(path_errors="backslashreplace")
        return Link(connection, sftp, str(await sftp.realpath(target.folder or ".")))
    except BaseException:
        connection.abort()
        raise


def _abort(loop: Loop, link: Link) -> None:
    with suppress(TimeoutError, ConnectionError, RuntimeError):
        loop.run(_aborted(link.connection), _FAREWELL)


async def _aborted(connection: SSHClientConnection) -> None:
    connection.abort()
    await connection.wait_closed()
