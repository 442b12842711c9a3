"""Looking at messages: through a tap, at a stream, or by taking from a queue and giving back."""

from __future__ import annotations

import time
from typing import NamedTuple

from pytest_sysint.core.errors import Rejected
from pytest_sysint.integrations._messages import Deadline, Inbox
from pytest_sysint.integrations._rabbitmq.link import Link
from pytest_sysint.integrations._rabbitmq.operations import Sample
from pytest_sysint.integrations._rabbitmq.reading import Reading, depth, with_bytes

_QUIET = 1.0
"""Seconds without a message after which a stream counts as read: AMQP does not tell where one ends."""
_PAUSE = 0.1
"""Seconds between two looks at how much a queue holds."""
_NOT_IMPLEMENTED = "540"


class Looked(NamedTuple):
    """How it was done, and what that left behind."""

    by: str
    note: str = ""


def look(link: Link, place: str, how: Sample, inbox: Inbox, deadline: Deadline, wait: float | None) -> Looked:
    """Collect messages of an exchange, a stream or a queue. The link must be used by nobody else.

    Raises:
        CallError: when the place is not there or cannot be looked at.

    """
    if how.routing_key is not None:
        with link.talk(deadline, keep=False) as talk:
            patience = Deadline(deadline.left if wait is None else wait)
            Reading(talk, inbox, with_bytes).tap(place, how.routing_key, deadline, patience)
        return Looked("tap", "only what was published meanwhile is seen")
    if how.offset is not None:
        _read_stream(link, place, how.offset, inbox, deadline, wait or 0.0)
        return Looked("own reader")
    try:
        _browse(link, place, inbox, deadline, Deadline(wait or 0.0))
    except Rejected as error:
        if error.code != _NOT_IMPLEMENTED:
            raise
    else:
        return Looked("browse", "they were taken and given back: they are marked as redelivered now")
    raise Rejected(
        f"'{place}' is a stream, and cannot be browsed like a queue",
        rung="read",
        code=_NOT_IMPLEMENTED,
        hint="say where to read it from: `offset: last`, `first`, `next`, a number, or an interval such as 1h",
    )


def _browse(link: Link, queue: str, inbox: Inbox, deadline: Deadline, patience: Deadline) -> None:
    """Wait until there is enough, holding nothing meanwhile; then look at what is there."""
    with link.talk(deadline, keep=False) as talk:
        while patience.left and deadline.left and depth(talk, queue, deadline).message_count < inbox.missing:
            time.sleep(min(_PAUSE, patience.left))
        Reading(talk, inbox, with_bytes).look(queue, deadline)


def _read_stream(link: Link, queue: str, offset: str | int, inbox: Inbox, deadline: Deadline, wait: float) -> None:
    """Read on from an offset. `last` is as many messages as are asked for, up to the beginning of the last chunk."""
    if offset == "last":
        newest = Inbox(1, inbox.limit, queue)
        _collect(link, queue, "last", newest, deadline, wait)
        if not newest.messages:
            return
        offset = max(newest.messages[0]["offset"] - inbox.missing + 1, 0)
    _collect(link, queue, offset, inbox, deadline, wait)


def _collect(link: Link, queue: str, offset: str | int, inbox: Inbox, deadline: Deadline, wait: float) -> None:
    patience = Deadline(wait)
    with link.talk(deadline, keep=False) as talk:
        talk.listen(queue, deadline, most=inbox.missing, arguments={"x-stream-offset": offset})
        while inbox.missing:
            found = talk.next(min(max(_QUIET, patience.left), deadline.left))
            if found is None:
                break
            inbox.add(with_bytes(*found), len(found[2]))
