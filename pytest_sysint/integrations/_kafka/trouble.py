"""What librdkafka says when something is wrong, in the words of the product.

librdkafka tries again by itself for as long as it may, so that a call that fails says little more than that its time
was over. Why is told beside it: in the error callback, and for connections that were closed in a log line only.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, NamedTuple

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.secrets import redact

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

LOG = logging.getLogger(__name__)
CLOSED = "_CLOSED"
"""Our own code beside librdkafka's: the broker closed the connection."""


class Cause(NamedTuple):
    """What a code comes to."""

    kind: type[CallError]
    rung: str
    hint: str


_LISTENER = "is this the right listener? one for TLS, for SASL, or of another protocol hangs up so"
_ACL = "the broker's ACLs do not allow this user to do that"
_DOWN = "is the broker started, and does it advertise an address that this machine can reach?"
_STARTING = "a broker is still starting, or was just replaced"
_HEADLESS = "a partition has no leader: is a broker down?"
_SLOW = "the broker hangs, is overloaded, or advertises an address that this machine cannot reach"

_CAUSES: dict[str, Cause] = {
    "_AUTHENTICATION": Cause(Denied, "authentication", "check the user, the password and `sasl.mechanism`"),
    "SASL_AUTHENTICATION_FAILED": Cause(Denied, "authentication", "check the user, the password and `sasl.mechanism`"),
    "UNSUPPORTED_SASL_MECHANISM": Cause(Denied, "authentication", "set `sasl.mechanism` to what the broker offers"),
    "TOPIC_AUTHORIZATION_FAILED": Cause(Denied, "authentication", _ACL),
    "GROUP_AUTHORIZATION_FAILED": Cause(Denied, "authentication", _ACL),
    "CLUSTER_AUTHORIZATION_FAILED": Cause(Denied, "authentication", _ACL),
    "_SSL": Cause(TlsFailed, "tls", "does the broker speak TLS on this port, with a certificate that we trust?"),
    "_RESOLVE": Cause(Unreachable, "dns", "check the host for a slip; brokers name each other in their answers too"),
    "_BAD_MSG": Cause(Garbled, "ping", "something else than Kafka listens there"),
    "_TRANSPORT": Cause(Unreachable, "tcp", _DOWN),
    CLOSED: Cause(Unreachable, "ping", _LISTENER),
    "_TIMED_OUT": Cause(TimedOut, "ping", _SLOW),
    "_TIMED_OUT_QUEUE": Cause(TimedOut, "ping", _SLOW),
    "_MSG_TIMED_OUT": Cause(TimedOut, "write", _SLOW),
    "REQUEST_TIMED_OUT": Cause(TimedOut, "ping", "replicas are slow or down, or the broker is overloaded"),
    "COORDINATOR_LOAD_IN_PROGRESS": Cause(TimedOut, "read", _STARTING),
    "COORDINATOR_NOT_AVAILABLE": Cause(TimedOut, "read", _STARTING),
    "NOT_COORDINATOR": Cause(TimedOut, "read", _STARTING),
    "NOT_LEADER_FOR_PARTITION": Cause(TimedOut, "read", _STARTING),
    "LEADER_NOT_AVAILABLE": Cause(Rejected, "read", _HEADLESS),
    "_NOENT": Cause(Rejected, "read", _HEADLESS),
    "UNKNOWN_TOPIC_OR_PART": Cause(Rejected, "read", "create the topic, or check its name for a slip"),
    "_UNKNOWN_PARTITION": Cause(Rejected, "read", "the topic has fewer partitions"),
    "_AUTO_OFFSET_RESET": Cause(Rejected, "read", "the topic has no such offset: it is past the end, or was removed"),
    "MSG_SIZE_TOO_LARGE": Cause(Rejected, "write", "raise `max.message.bytes` of the topic, or send less"),
    "NOT_ENOUGH_REPLICAS": Cause(Rejected, "write", "too few replicas are in sync: is a broker down?"),
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": Cause(Rejected, "write", "too few replicas are in sync: is a broker down?"),
    "_QUEUE_FULL": Cause(Rejected, "write", "more is sent than the broker takes: lower the rate"),
}
_TELLING = (
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "_SSL",
    "_RESOLVE",
    "_BAD_MSG",
    "_TRANSPORT",
    CLOSED,
)
"""Codes that say why nobody answers, the most telling first."""
FINAL = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "_SSL", "_BAD_MSG"})
"""Of these, what does not get better by waiting."""
UNSETTLED = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "NOT_LEADER_FOR_PARTITION",
        "LEADER_NOT_AVAILABLE",
        "NOENT",
    }
)
"""Codes of our errors for what gets better by itself, when a broker has just come or gone."""
VAGUE = frozenset({"_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_TIMED_OUT_QUEUE", "_MSG_TIMED_OUT"})
"""What a failed call says when it does not know why."""

_PREFIX = re.compile(r"^(?:\[thrd:[^\]]*\]: )?(?:[a-z_]+://)?(\S+?:\d+)/\S+: ")
_SUFFIX = re.compile(r" \(after \d+ms in state .*$")
_DISCONNECTED = re.compile(r"Disconnected(?:: | while )(?P<why>.*)")


class Trouble:
    """Collects what one client says beside its calls: the latest text of each code. Safe to use from many threads."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._changed = threading.Condition()

    def on_error(self, error: KafkaError) -> None:
        """The `error_cb` of a client."""
        if not self._look_for_disconnection(error.str()):
            self._note(error.name(), error.str())

    def log(self, _level: int, text: str, *args: object) -> None:
        """The `logger` of a client: its lines go to our own logger as details, since calls tell their errors."""
        line = redact(text % args if args else text)
        LOG.debug("%s", line)
        self._look_for_disconnection(line)

    def _look_for_disconnection(self, text: str) -> bool:
        found = _DISCONNECTED.search(text)
        if not found or "SSL handshake failed" in text:
            return False
        self._note(CLOSED, _SUFFIX.sub("", found["why"]))
        return True

    def _note(self, code: str, text: str) -> None:
        with self._changed:
            self._said["_SSL" if "SSL handshake failed" in text else code] = text
            self._changed.notify_all()

    def clear(self) -> None:
        """The client has had an answer: what was wrong before is over."""
        with self._changed:
            self._said.clear()

    def is_final(self) -> bool:
        """Whether something was said that does not get better by waiting."""
        with self._changed:
            return not FINAL.isdisjoint(self._said)

    def wait(self, seconds: float) -> None:
        """Wait until it is said why nobody answers: a call may fail before that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._said.keys().isdisjoint(_TELLING), seconds)

    def explain(self, code: str, text: str, where: str, waited: str) -> CallError:
        """A failed call in words: its own code, or where that is vague what was said beside it."""
        if code in VAGUE:
            with self._changed:
                said = dict(self._said)
            known = next((telling for telling in _TELLING if telling in said), None)
            if known is None:
                hint = _CAUSES["_TIMED_OUT"].hint
                return TimedOut(f"Kafka at {where} gave no answer within {waited}", rung="ping", hint=hint)
            code, text = known, said[known]
        return _worded(code, text, where)


def _worded(code: str, text: str, where: str) -> CallError:
    cause = _CAUSES.get(code, Cause(Rejected, "read", ""))
    found = _PREFIX.search(text)
    at = found[1] if found else where
    said = _SUFFIX.sub("", _PREFIX.sub("", text)).removeprefix("Broker: ").removeprefix("Local: ")
    if code == CLOSED:
        said = f"closed the connection ({said})"
    return cause.kind(f"Kafka at {at}: {redact(said)}", rung=cause.rung, code=code.lstrip("_"), hint=cause.hint)
