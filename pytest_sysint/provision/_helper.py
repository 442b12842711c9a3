"""Parts of a start that run in a Python process of their own: one question in, one answer out, as JSON lines.

A helper stays until its standard input ends, so it never outlives the supervisor. What it and its libraries print goes
to the service's log.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import SysintError, Unavailable
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.core.units import show
from pytest_sysint.provision._host import Child, Host
from pytest_sysint.provision._output import as_hint, read
from pytest_sysint.provision._python import python
from pytest_sysint.provision._ready import Ready, until
from pytest_sysint.provision._request import ServiceRequest


@dataclass(frozen=True, slots=True)
class Answer:
    """A helper that answered and is still there."""

    child: Child
    words: dict[str, str]


def ask(module: str, question: dict[str, str], place: Place, timeout: float, host: Host) -> Answer:
    """Start `main()` of a module as a helper, and wait for its answer.

    Raises:
        Unavailable: when it reports an error, ends without an answer, or takes longer than `timeout` seconds.

    """
    child = host.spawn(python(module), place, environment={}, conversation=True)
    told = {**question, "id": place.id, "folder": str(place.folder), "port": place.port, "options": dict(place.options)}
    try:
        child.stdin.write(json.dumps(told).encode() + b"\n")
        child.stdin.flush()
        line = _read_line(child, timeout)
    except BrokenPipeError:
        line = b""
    words = json.loads(line or "{}")
    if words.get("error") is None and line:
        return Answer(child, words)
    ended = child.wait(1.0) if not line else ""
    child.stop()
    if "error" in words:
        raise Unavailable(words["error"], hint=words["hint"])
    why = ended or f"gave no answer within {show(timeout, 'duration')}"
    raise Unavailable(f"{place.id}: {question['what']} {why}", hint=as_hint(read(place.log)))


def _read_line(child: Child, timeout: float) -> bytes:
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        return child.stdout.readline() if selector.select(timeout) else b""


def serve_in_helper(
    module: str,
    title: str,
    request: ServiceRequest,
    options: Mapping[str, str],
    ready: Callable[[Place, str], Ready],
    host: Host,
) -> Running:
    """Have a helper serve, and return when it is ready: `ready(place, url)` asks.

    The module is the way's own, and `options` are the words of the declaration for it; the helper answers with the
    `url`, and a `detail` for people.

    Raises:
        Unavailable: when it does not come up in time, with its last lines.

    """
    deadline = time.monotonic() + request.timeout
    place = host.place(request.id, options)
    helper = ask(module, {"what": title, "type": request.type}, place, request.timeout, host)
    url = helper.words["url"]
    try:
        why = until(ready(place, url), helper.child.ended, deadline - time.monotonic())
    except BaseException:
        helper.child.stop()
        raise
    if why:
        helper.child.stop()
        raise Unavailable(f"{request.id}: {title} {why}", hint=as_hint(read(place.log)))
    return Running(url, helper.child.stop, helper.words["detail"], helper.child.ended)


def answer(work: Callable[[dict[str, Any], Place], tuple[dict[str, str], Callable[[], None]]]) -> None:
    """The helper's side: `work(question, place)` gives the answer, and what to do when the helper is let go."""
    question = json.loads(sys.stdin.readline())
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print is for the log, not for the conversation
    place = Place(question["id"], Path(question["folder"]), question["port"], question["options"])
    try:
        words, stop = work(question, place)
    except SysintError as error:
        words, stop = {"error": error.message, "hint": error.hint}, _nothing
    with channel:
        channel.write(json.dumps(words) + "\n")
    sys.stdin.read()
    stop()
    # A library's own threads may still run: Python's orderly end would wait for them, or take away what they use.
    os._exit(0)


def _nothing() -> None:
    return
