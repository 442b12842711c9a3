"""The connection to a Kafka cluster: the way to its brokers, and librdkafka's clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NoAnswer
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_sysint.core.errors import CallError, Rejected, TlsFailed
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._kafka.trouble import UNSETTLED, VAGUE, Trouble
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._net import Route
from pytest_sysint.integrations._tls import Tls, context_for

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

STAND_IN = "mockCluster"
"""How librdkafka's stand-in for Kafka names its cluster: it takes no orders, and does not tell what topics are set to.
"""
K = TypeVar("K")
T = TypeVar("T")
_SERVE = 0.05
"""Seconds after which a client's thread looks whether it is to end."""
_LOOK = 0.05
"""Seconds between two looks at whether a first call still makes sense."""
_GRACE = 0.5
_LEAST = 0.05
"""Seconds that any call is given: librdkafka takes 0 or less for something else."""
_PAUSE = 0.1
"""Seconds between two questions to a broker that is not ready."""


def library() -> Any:
    """confluent_kafka with its admin part, imported when it is needed first. It does not export what its types name."""
    import confluent_kafka.admin

    return confluent_kafka


def own_topics(metadata: Any) -> dict[str, Any]:
    """The topics by their names, sorted, without Kafka's own."""
    return {name: topic for name, topic in sorted(metadata.topics.items()) if not name.startswith("__")}


class Brokers:
    """The brokers that the url names. What holds for one of them holds: librdkafka learns the others from it."""

    def __init__(self, servers: tuple[tuple[str, int], ...], tls: Tls | None) -> None:
        self._routes = [Route(host, port) for host, port in servers]
        self._tls = tls
        self.where = ", ".join(route.where for route in self._routes)
        self.grace = _GRACE if len(servers) > 1 else 0.0
        """Seconds that the others have, when one of them has refused us for good."""

    def rungs(self) -> list[Rung]:
        """dns, tcp and, where the channel is encrypted, tls."""
        rungs = [
            Rung("dns", lambda timeout: self._one(Route.resolve, timeout)),
            Rung("tcp", lambda timeout: self._one(Route.connect, timeout)),
        ]
        return [*rungs, Rung("tls", lambda timeout: self._one(self._encrypt, timeout))] if self._tls else rungs

    def check(self, timeout: float) -> None:
        """Whether one of them takes a connection: says at once, and better than librdkafka, why not.

        Raises:
            Unreachable, TimedOut: for the first of them.

        """
        self._one(Route.connect, timeout)

    def _encrypt(self, route: Route, timeout: float) -> str:
        return route.encrypt(context_for(self._tls), route.host, timeout)

    def _one(self, climb: Callable[[Route, float], str], timeout: float) -> str:
        deadline, errors = Deadline(timeout), list[CallError]()
        for number, route in enumerate(self._routes):
            try:
                return climb(route, max(deadline.left / (len(self._routes) - number), _LEAST))
            except CallError as error:
                errors.append(error)
        raise errors[0]


def made(make: Callable[[dict[str, Any]], Any], config: Mapping[str, Any], trouble: Trouble) -> Any:
    """A client of librdkafka.

    Raises:
        Rejected, TlsFailed: when it does not take the settings.

    """
    try:
        return make({**config, "error_cb": trouble.on_error, "logger": trouble})
    except library().KafkaException as error:
        text = redact(error.args[0].str())
        if "ssl." in text:
            raise TlsFailed(f"librdkafka cannot use the TLS settings: {text}", hint="see `tls`") from None
        raise Rejected(f"librdkafka does not take the settings: {text}", rung="ping", hint="see `options`") from None


class Client:
    """One librdkafka client, with a thread that serves its callbacks, and errors in words."""

    def __init__(self, make: Callable[[dict[str, Any]], Any], config: Mapping[str, Any], brokers: Brokers) -> None:
        self.trouble = Trouble()
        self.native = made(make, config, self.trouble)
        self._brokers = brokers
        self._well = False
        """Its last call was answered."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="sysint-kafka", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended.is_set():
            self.native.poll(_SERVE)

    def stop(self) -> None:
        """Have its thread end soon."""
        self._ended.set()

    def close(self) -> None:
        """End it; what it has not sent yet is dropped."""
        self.stop()
        self._thread.join()
        if hasattr(self.native, "purge"):
            self.native.purge()
            self.native.poll(0)

    def metadata(self, deadline: Deadline) -> Any:
        """All brokers and topics. Naming none is what creates none.

        Raises:
            CallError: when nobody answers.

        """

        def ask() -> Any:
            return self.native.list_topics(timeout=max(deadline.left, _LEAST))

        answer = self._guarded(lambda: ask() if self._well else self._first(ask, deadline), deadline)
        self._well = True
        self.trouble.clear()
        return answer

    def _first(self, ask: Callable[[], T], deadline: Deadline) -> T:
        """A call that may find nobody: librdkafka would try until the time is over, also where that is of no use."""
        from confluent_kafka import KafkaException

        self.trouble.clear()
        self._brokers.check(max(deadline.left, _LEAST))
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(ask())
            except (KafkaException, RuntimeError) as error:
                future.set_exception(error)

        threading.Thread(target=run, name="sysint-kafka-first", daemon=True).start()
        while not wait([future], _LOOK).done:
            if self.trouble.is_final() and not wait([future], self._brokers.grace).done:
                raise self.explain("_TRANSPORT", "", deadline)
        return future.result()

    def call(self, start: Callable[[float], Mapping[K, Future[T]]], deadline: Deadline) -> dict[K, T]:
        """An admin call: `start` gets the seconds that are left and gives futures. Is repeated while leaders change.

        Raises:
            CallError: when one of them fails or nobody answers.

        """
        while True:
            try:
                return self._call(start, deadline)
            except CallError as error:
                if error.code not in UNSETTLED or deadline.left < _PAUSE:
                    raise
            time.sleep(_PAUSE)

    def _call(self, start: Callable[[float], Mapping[K, Future[T]]], deadline: Deadline) -> dict[K, T]:
        if not self._well:
            self.metadata(deadline)
        seconds = max(deadline.left, _LEAST)

        def talk() -> dict[K, T]:
            return {key: future.result(seconds + _GRACE) for key, future in start(seconds).items()}

        return self._guarded(talk, deadline)

    def deliver(self, topic: str, deadline: Deadline, **message: Any) -> Message:
        """Send a message, and wait until the broker has it.

        Raises:
            CallError: when the broker refuses it or does not confirm it in time.

        """
        if not self._well:
            self.metadata(deadline)
        future: Future[tuple[KafkaError | None, Message]] = Future()

        def done(error: KafkaError | None, report: Message) -> None:
            future.set_result((error, report))

        def send() -> Message:
            from confluent_kafka import KafkaException

            self.native.produce(topic, on_delivery=done, **message)
            error, report = future.result(max(deadline.left, _LEAST))
            if error is not None:
                raise KafkaException(error)
            return report

        return self._guarded(send, deadline)

    def _guarded(self, talk: Callable[[], T], deadline: Deadline) -> T:
        from confluent_kafka import KafkaException

        try:
            return talk()
        except KafkaException as error:
            found: KafkaError = error.args[0]
            raise self.explain(found.name(), found.str(), deadline) from None
        except BufferError as error:
            raise self.explain("_QUEUE_FULL", str(error), deadline) from None
        except NoAnswer:
            raise self.explain("_TIMED_OUT", "", deadline) from None

    def explain(self, code: str, text: str, deadline: Deadline) -> CallError:
        """A failed call in words."""
        self.trouble.wait(min(deadline.left, _GRACE) if code in VAGUE else 0)
        error = self.trouble.explain(code, text, self._brokers.where, str(deadline))
        if error.transient:
            self._well = False
        return error
