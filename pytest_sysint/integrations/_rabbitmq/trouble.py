"""What pika and the broker say when something is wrong, in the words of the product."""

from __future__ import annotations

import re
from typing import Any

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import clip
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import translate_os_error

_HANDSHAKE = "authentication"
_RIGHTS = "give the user the right: `rabbitmqctl set_permissions -p VHOST USER CONFIGURE WRITE READ`"
_OTHER = "something else than RabbitMQ listens there, or a proxy changes what is sent"
_REPLIES: dict[int, tuple[type[CallError], str]] = {
    311: (Rejected, "send less, or raise `max_message_size` of the broker"),
    312: (Rejected, "declare the queue or the binding, or check the names for a slip; `mandatory: false` allows it"),
    320: (Unreachable, "the broker is being stopped, or an operator closed the connection"),
    403: (Denied, _RIGHTS),
    404: (Rejected, "declare it (a `seed:` can), or check its name and the vhost for a slip"),
    405: (Rejected, "another connection has it for itself"),
    406: (Rejected, "it is there, but was declared otherwise"),
    501: (Garbled, _OTHER),
    502: (Garbled, _OTHER),
    505: (Garbled, _OTHER),
    506: (Rejected, "the broker has reached a limit: see its log"),
    540: (Rejected, "this broker, or this type of queue, does not do that"),
    541: (Rejected, "the broker failed within itself: see its log"),
}
_QUOTED_REPLY = re.compile(r"ClosedByBroker: \((\d{3})\) (['\"])(.*)\2")
"""The broker's last words, in the text of another error."""
_NOT_AMQP = re.compile(
    r"InvalidFrame|ProtocolSyntax|UnexpectedFrame|ProtocolVersion|BodyTooLong|FieldType"
    r"|lost: (?:struct\.)?(?:error|KeyError|IndexError|ValueError|TypeError|AttributeError|AssertionError|Unicode)"
)
"""What pika stumbles over when it is sent something else."""
_HUNG_UP = re.compile(r"StreamLost|IncompatibleProtocol|ProbableAccessDenied|OpenAborted|AMQPConnectionError")


def reply(code: int, text: str, where: str, *, opening: bool = False) -> CallError:
    """What the broker said when it closed a channel or a connection. `opening` is before the connection was there."""
    said = redact(text)
    if code == 530:
        return _vhost(said, where)
    if code == 403 and opening:
        hint = "check user and password; `guest` may connect from the broker's own machine only"
        return Denied(f"RabbitMQ at {where} refused the credentials: {said}", code="403", hint=hint)
    if code == 403 and "exclusive use" in text:
        return Rejected(f"RabbitMQ at {where}: {said}", code="403", hint="a consumer has it for itself")
    kind, hint = _REPLIES.get(code, (Rejected, ""))
    return kind(f"RabbitMQ at {where}: {said}", rung=_HANDSHAKE if opening else "", code=str(code), hint=hint)


def _vhost(said: str, where: str) -> CallError:
    if "refused" in said:
        return Denied(f"RabbitMQ at {where}: {said}", code="530", hint=_RIGHTS)
    hint = "check the url's path: it names the vhost, and the vhost / is written as %2F"
    return Rejected(f"RabbitMQ at {where}: {said}", rung=_HANDSHAKE, code="530", hint=hint)


def lost(error: BaseException | None, where: str) -> CallError:
    """Why a connection ended that was open."""
    if isinstance(error, CallError):
        return error
    code, text = getattr(error, "reply_code", None), getattr(error, "reply_text", "")
    if code is not None:
        return reply(code, text, where)
    said = _said(error)
    if _NOT_AMQP.search(f"{type(error).__name__} {said}"):
        return Garbled(f"{where} sent what is not AMQP: {said}", rung="ping", hint=_OTHER)
    return Unreachable(
        f"the connection to RabbitMQ at {where} was lost: {said}",
        rung="ping",
        hint="the broker was stopped or crashed, or a proxy closed the connection",
    )


def not_sent(error: BaseException, where: str) -> CallError:
    """Why pika could not send a request: the connection has just gone, or it takes no such thing."""
    if "WrongState" in type(error).__name__ or hasattr(error, "reply_code"):
        return lost(error, where)
    said = clip(f"{type(error).__name__}: {_said(error)}", 200)
    hint = "names and headers have at most 255 bytes, and headers AMQP's types only"
    return Rejected(f"the request to RabbitMQ at {where} cannot be sent: {said}", rung="write", hint=hint)


def not_opened(error: BaseException | None, where: str, waited: str) -> CallError:
    """Why a connection could not be opened. Looks through what pika wraps the error of an attempt in."""
    cause = _innermost(error)
    name, said = type(cause).__name__, _said(cause)
    if isinstance(cause, OSError):
        return translate_os_error(cause, where, rung="tcp")
    code, text = getattr(cause, "reply_code", None), getattr(cause, "reply_text", "")
    if code is not None:
        return reply(code, text, where, opening=True)
    quoted = _QUOTED_REPLY.search(said)
    if quoted:
        return reply(int(quoted[1]), quoted[3], where, opening=True)
    if name == "AuthenticationError":
        hint = "enable the mechanism PLAIN on the broker (`auth_mechanisms`)"
        return Denied(f"RabbitMQ at {where} offers no login with user and password", hint=hint)
    if name == "ProbableAuthenticationError":
        hint = "check user and password; old brokers hang up when they are wrong"
        return Denied(f"RabbitMQ at {where} hung up after user and password were sent", hint=hint)
    if "Timeout" in f"{name} {said}":
        return no_answer(where, waited, _HANDSHAKE)
    if _NOT_AMQP.search(f"{name} {said}"):
        return not_amqp(where, said)
    if _HUNG_UP.search(f"{name} {said}"):
        hint = "it may not speak AMQP 0-9-1 on this port, want TLS (amqps://), or not let this user into the vhost"
        return Unreachable(f"{where} closed the connection during the AMQP handshake", rung=_HANDSHAKE, hint=hint)
    return Rejected(f"no connection to RabbitMQ at {where}: {name}: {said}", rung=_HANDSHAKE)


def not_amqp(where: str, said: str) -> Garbled:
    """Something answers there in another language."""
    return Garbled(f"{where} does not speak AMQP 0-9-1: {redact(said)}", rung=_HANDSHAKE, hint=_OTHER)


def no_answer(where: str, waited: str, rung: str) -> TimedOut:
    """Nobody answered within a time."""
    hint = "the broker hangs or is overloaded, or something else listens there"
    return TimedOut(f"RabbitMQ at {where} gave no answer within {waited}", rung=rung, hint=hint)


def blocked(where: str, reason: str) -> Rejected:
    """The broker takes no messages for the time being."""
    return Rejected(
        f"RabbitMQ at {where} takes no messages for now: {redact(reason)}",
        rung="write",
        code="BLOCKED",
        hint="an alarm is on: free memory or disk space on the broker; what was sent may still be taken later",
    )


def _innermost(error: BaseException | None) -> BaseException | None:
    """What lies under the list of errors in which pika gives the tries of a connection, each of them wrapped."""
    while error is not None:
        under: Any = getattr(error, "exceptions", None) or getattr(error, "exception", None) or error.args[:1]
        inner = under[-1] if isinstance(under, (list, tuple)) and under else under
        if not isinstance(inner, BaseException):
            return error
        error = inner
    return None


def _said(error: BaseException | None) -> str:
    return redact(str(error)) or type(error).__name__
