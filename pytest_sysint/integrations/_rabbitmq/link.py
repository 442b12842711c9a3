"""AMQP connections, each with a thread of its own, that many threads talk through.

pika's connections belong to the thread that serves them. Here that thread does nothing else: who wants something hands
it a request and waits for the answer, for as long as there is time. So heartbeats are kept while nobody talks, a lost
connection is noticed at once, and no call can hang.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from pytest_sysint.core.errors import CallError
from pytest_sysint.core.units import show
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq.talk import Done, Talk
from pytest_sysint.integrations._rabbitmq.trouble import blocked, lost, no_answer, not_opened, not_sent

_GRACE = 0.2
"""Seconds that pika has to say itself that it is too late."""
_SETTLE = 1.0
"""Seconds for closing a connection properly."""
_LEAST = 0.01


def hush() -> None:
    """Keep pika's own log quiet, unless somebody has asked for it: whatever goes wrong is told by our errors."""
    logger = logging.getLogger("pika")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)


def _settle(future: Future[Any], value: Any) -> None:
    """Give a future its value, or its error; nothing when it has one."""
    try:
        if isinstance(value, BaseException):
            future.set_exception(value)
        else:
            future.set_result(value)
    except InvalidStateError:
        return


class Link:
    """One connection, from its beginning to its end. `parameters` are pika's, with the time to open as timeouts."""

    def __init__(self, parameters: Any, where: str, *, confirms: bool) -> None:
        from pika.adapters.select_connection import IOLoop

        hush()
        self.where = where
        self.confirms = confirms
        """Its channels are for sending: the broker confirms what it takes."""
        self.blocked = ""
        """What the broker is short of while it takes no messages: `low on memory`."""
        self._ended: CallError | None = None
        self._reason: BaseException | None = None
        self._loop = IOLoop()
        self._connection: Any = None
        self._opened: Future[Any] = Future()
        self._waiting: set[Future[Any]] = {self._opened}
        self._idle: list[Talk] = []
        self._talks = 0
        self._retired = False
        self._lock = threading.Lock()
        self._waited = show(parameters.stack_timeout, "duration")
        self._thread = threading.Thread(target=self._serve, args=(parameters,), name="sysint-amqp", daemon=True)
        self._thread.start()

    # What follows happens on the link's own thread.

    def _serve(self, parameters: Any) -> None:
        from pika.adapters.select_connection import SelectConnection

        with ExitStack() as stack:
            stack.callback(self._loop.close)
            stack.push(self._end)
            self._connection = SelectConnection(
                parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=self._on_end,
                on_close_callback=self._on_end,
                custom_ioloop=self._loop,
            )
            self._loop.start()

    def _on_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        _settle(self._opened, connection)

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self.blocked = str(frame.method.reason)
        for future in self._pending():
            _settle(future, blocked(self.where, self.blocked))

    def _on_unblocked(self, _connection: Any, _frame: Any) -> None:
        self.blocked = ""

    def _on_end(self, _connection: Any, reason: BaseException) -> None:
        self._reason = reason
        self._loop.stop()

    def _end(self, _kind: Any, error: BaseException | None, _trace: Any) -> bool:
        """Tell everybody who waits. Whatever pika stumbled over has reached them then."""
        reason = error or self._reason
        opened = self._opened.done()
        with self._lock:
            self._ended = lost(reason, self.where) if opened else not_opened(reason, self.where, self._waited)
        if error is not None:
            self._clear_up(error)
        for future in self._pending():
            _settle(future, self._ended)
        return isinstance(error, Exception)

    def _abort(self, reason: BaseException | None = None) -> None:
        from pika.exceptions import AMQPConnectionError

        if self._connection is not None and not self._connection.is_closed:
            reason = reason or AMQPConnectionError("given up")
            self._connection._terminate_stream(reason)  # noqa: SLF001 - pika has no public way to just hang up

    def _clear_up(self, reason: BaseException) -> None:
        """After something that pika stumbled over its loop has ended, with the socket still open."""
        with suppress(Exception):
            self._loop.call_later(_GRACE, self._loop.stop)
            self._abort(reason)
            self._loop.start()

    def _pending(self) -> list[Future[Any]]:
        with self._lock:
            return list(self._waiting)

    # What follows may happen on any thread.

    @property
    def alive(self) -> bool:
        """Whether a new conversation may begin on it."""
        return self._ended is None and not self._retired

    def ends(self) -> None:
        """Begin nothing new on it: its stream is gone, and its end follows."""
        self._retired = True

    def wait_open(self, deadline: Deadline) -> Any:
        """The connection, when it is open; it is pika's and belongs to the link's thread.

        Raises:
            CallError: why it cannot be opened.

        """
        return self._await(self._opened, deadline, "authentication")

    def ask(self, request: Callable[[Any, Done], object], deadline: Deadline, rung: str = "read") -> tuple[Any, ...]:
        """Carry out a request on the link's thread: it gets the connection and whom to give the answer.

        Raises:
            CallError: when it cannot be sent, is refused, or is not answered in time.

        """
        from pika.exceptions import AMQPError

        future: Future[tuple[Any, ...]] = Future()

        def start() -> None:
            try:
                request(self._connection, lambda *answer: _settle(future, _answer(answer)))
            except (AMQPError, ValueError, TypeError) as error:
                _settle(future, not_sent(error, self.where))

        with self._lock:
            self._waiting.add(future)
        try:
            self.post(start)
            answer: tuple[Any, ...] = self._await(future, deadline, rung)
        finally:
            with self._lock:
                self._waiting.discard(future)
        return answer

    def post(self, request: Callable[[], object]) -> None:
        """Have something done on the link's thread, without waiting for it.

        Raises:
            CallError: when the link has ended.

        """
        with self._lock:
            if self._ended is not None:
                raise self._ended
            self._loop.add_callback_threadsafe(request)

    def _await(self, future: Future[Any], deadline: Deadline, rung: str) -> Any:
        try:
            return future.result(max(deadline.left, _LEAST) + _GRACE)
        except NoAnswer:
            self._retire()
            if self.blocked:
                raise blocked(self.where, self.blocked) from None
            raise no_answer(self.where, str(deadline), rung) from None

    @contextmanager
    def talk(self, deadline: Deadline, *, keep: bool = True) -> Iterator[Talk]:
        """A channel for one conversation. `keep` it for the next one when all went well.

        Raises:
            CallError: when none can be opened.

        """
        if self.confirms and self.blocked:
            raise blocked(self.where, self.blocked)
        with self._lock:
            self._talks += 1
            talk = self._idle.pop() if self._idle else None
        try:
            talk = talk or Talk(self, deadline)
            yield talk
            if keep:
                with self._lock:
                    self._idle.append(talk)
            else:
                with suppress(CallError):  # what was wanted is done
                    talk.close(Deadline(_SETTLE))
            talk = None
        finally:
            if talk is not None:
                talk.drop()
            with self._lock:
                self._talks -= 1
            self._hang_up_if_over()

    def _retire(self) -> None:
        """Begin nothing new on it: somebody has had no answer. It ends with the last conversation."""
        self._retired = True
        self._hang_up_if_over()

    def _hang_up_if_over(self) -> None:
        with self._lock:
            if self._retired and not self._talks and self._ended is None:
                self._loop.add_callback_threadsafe(self._abort)

    def close(self) -> None:
        """Close the connection; hang up when the broker does not take part."""
        self._retired = True
        for request in (self._close, self._abort, self._loop.stop):
            try:
                self.post(request)
            except CallError:
                return
            self._thread.join(_SETTLE)

    def _close(self) -> None:
        if self._connection.is_open:
            self._connection.close()
        elif not self._connection.is_closing:
            self._abort()


def _answer(given: tuple[Any, ...]) -> Any:
    """What a callback was given; an error stands for itself."""
    return given[0] if len(given) == 1 and isinstance(given[0], BaseException) else given
