"""One conversation with a broker: a channel, and who waits for its answers."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.errors import CallError, Rejected
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq.trouble import lost, reply

if TYPE_CHECKING:
    from pytest_sysint.integrations._rabbitmq.link import Link

_LEAST = 0.01

Done = Callable[..., None]
"""Takes the answer: whatever pika gives to a callback."""


class Talk:
    """One channel, used by one thread at a time."""

    def __init__(self, link: Link, deadline: Deadline) -> None:
        self.link = link
        self._done: Done | None = None
        """Who waits for an answer on this channel."""
        self._returned: Any = None
        self._closing = False
        self.arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        """Deliveries to a consumer: (method, properties, body), or the error that ended them."""
        (self._channel,) = link.ask(self._open, deadline)
        if link.confirms:
            self._ask(lambda channel, done: channel.confirm_delivery(self._on_confirm, callback=done), deadline)

    def _open(self, connection: Any, done: Done) -> None:
        from pika.spec import Basic

        def opened(channel: Any) -> None:
            channel.add_on_close_callback(self._on_close)
            channel.add_on_return_callback(self._on_return)
            channel.add_on_cancel_callback(self._on_cancel)
            channel.add_callback(self._on_empty, [Basic.GetEmpty], one_shot=False)
            done(channel)

        connection.channel(on_open_callback=opened)

    # What follows happens on the link's thread.

    def _on_close(self, _channel: Any, reason: BaseException) -> None:
        from pika.exceptions import AMQPChannelError

        if self._closing and self._done is not None:
            self._done()
            return
        code = getattr(reason, "reply_code", None)
        text = getattr(reason, "reply_text", "")
        if not isinstance(reason, AMQPChannelError):
            self.link.ends()  # before anybody hears of it: who tries again at once must not be given this link
        self._fail(lost(reason, self.link.where) if code is None else reply(code, text, self.link.where))

    def _on_cancel(self, _frame: Any) -> None:
        hint = "was it deleted, or did its leader move?"
        self._fail(Rejected(f"RabbitMQ at {self.link.where} ended the reading of the queue", hint=hint))

    def _fail(self, error: CallError) -> None:
        self.arrived.put(error)
        if self._done is not None:
            self._done(error)

    def _on_empty(self, _frame: Any) -> None:
        if self._done is not None:
            self._done()

    def _on_return(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        self._returned = method

    def _on_confirm(self, frame: Any) -> None:
        if self._done is not None:
            self._done(frame)

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self.arrived.put((method, properties, body))

    # What follows happens on the thread that talks.

    def _ask(self, request: Callable[[Any, Done], object], deadline: Deadline, rung: str = "read") -> tuple[Any, ...]:
        def start(_connection: Any, done: Done) -> None:
            self._done = done
            request(self._channel, done)

        return self.link.ask(start, deadline, rung)

    def call(self, method: str, deadline: Deadline, **arguments: Any) -> Any:
        """A request of the protocol that has an answer, such as `queue_declare`; gives the answer's method.

        Raises:
            CallError: when the broker refuses it or does not answer.

        """
        (frame,) = self._ask(lambda channel, done: getattr(channel, method)(callback=done, **arguments), deadline)
        return frame.method

    def send(self, deadline: Deadline, **message: Any) -> None:
        """Publish a message, and wait until the broker has taken it.

        Raises:
            Rejected: when no queue is there for it, or the broker refuses it.
            CallError: when it is not confirmed in time.

        """
        self._returned = None
        (frame,) = self._ask(lambda channel, _done: channel.basic_publish(**message), deadline, "write")
        if self._returned is not None:
            raise reply(self._returned.reply_code, _unroutable(self._returned), self.link.where)
        if type(frame.method).__name__ != "Ack":
            raise Rejected(
                f"RabbitMQ at {self.link.where} did not take the message",
                rung="write",
                code="NACK",
                hint="a queue that is full refuses it (`x-overflow: reject-publish`), or its replicas are down",
            )

    def get(self, queue_name: str, deadline: Deadline) -> tuple[Any, Any, bytes] | None:
        """The message at the head of a queue, not acknowledged; None when the queue is empty.

        Raises:
            CallError: when the queue cannot be read.

        """

        def request(channel: Any, done: Done) -> None:
            channel.basic_get(queue_name, lambda _channel, *message: done(*message))

        answer = self._ask(request, deadline)
        return (answer[0], answer[1], answer[2]) if answer else None

    def listen(self, queue_name: str, deadline: Deadline, *, most: int, **arguments: Any) -> None:
        """Have messages delivered to `arrived`, at most so many that are not acknowledged.

        Raises:
            CallError: when the queue cannot be read.

        """
        self.call("basic_qos", deadline, prefetch_count=min(most, 65535))
        self.call("basic_consume", deadline, queue=queue_name, on_message_callback=self._on_message, **arguments)

    def next(self, seconds: float) -> tuple[Any, Any, bytes] | None:
        """The next delivery; None when none comes in time.

        Raises:
            CallError: when no more will come.

        """
        try:
            found = self.arrived.get(timeout=max(seconds, _LEAST))
        except queue.Empty:
            return None
        if isinstance(found, CallError):
            raise found
        message: tuple[Any, Any, bytes] = found
        return message

    def at_hand(self) -> tuple[Any, Any, bytes] | None:
        """The next delivery that is here already; None when there is none, or only the word that no more will come."""
        if self.arrived.empty():
            return None
        found = self.arrived.get()
        if isinstance(found, CallError):
            self.arrived.put(found)
            return None
        message: tuple[Any, Any, bytes] = found
        return message

    def acknowledge(self, tag: int) -> None:
        """Acknowledge all messages up to this one, without waiting for the broker.

        Raises:
            CallError: when the connection has ended.

        """
        self.link.post(lambda: self._channel.basic_ack(tag, multiple=True))

    def settle(self, tag: int, deadline: Deadline) -> None:
        """Acknowledge all messages up to this one; returns when the broker has done it.

        Raises:
            CallError: when it does not answer.

        """

        def request(channel: Any, done: Done) -> None:
            channel.basic_ack(tag, multiple=True)
            channel.basic_qos(prefetch_count=1, callback=done)  # has an answer, which an acknowledgement has not

        self._ask(request, deadline)

    def close(self, deadline: Deadline) -> None:
        """Close the channel, unless that was done; nothing of it is left at the broker afterwards.

        Raises:
            CallError: when the broker does not answer.

        """
        if not self._closing:
            self._closing = True
            self._ask(lambda channel, _done: channel.close(), deadline)

    def drop(self) -> None:
        """Close the channel, without waiting; what it holds goes back to its queue."""

        def request() -> None:
            if self._channel.is_open:
                self._channel.close()

        try:
            self.link.post(request)
        except CallError:
            return


def _unroutable(returned: Any) -> str:
    place = f"exchange '{returned.exchange}' with routing key" if returned.exchange else "the queue"
    return f"NO_ROUTE - no queue takes what is sent to {place} '{returned.routing_key}'"
