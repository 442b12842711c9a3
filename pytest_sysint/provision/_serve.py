"""Starting a process and waiting until it serves: what the ways with a process have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.provision._host import Child, Host
from pytest_sysint.provision._output import as_hint, port_taken, read
from pytest_sysint.provision._ready import Ready, until

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one process and when it is there."""

    title: str
    """What it is called in messages: `redis-server`."""
    launch: Callable[[Place], Child]
    url: Callable[[Place], str]
    ready: Callable[[Place, str], Ready]
    detail: str = ""


def serve(server: Server, service: str, options: Mapping[str, str], timeout: float, host: Host) -> Running:
    """Start it in a new place, and return when it answers; with another port when somebody was faster.

    Raises:
        Unavailable: when it ends or is not ready in time, with its last lines.

    """
    for _ in range(_TRIES):
        place = host.place(service, options)
        child = server.launch(place)
        try:
            url = server.url(place)
            why = until(server.ready(place, url), child.ended, timeout)
        except BaseException:
            child.stop()
            raise
        if not why:
            return Running(url, child.stop, server.detail, child.ended)
        output, has_ended = read(place.log), child.ended()
        child.stop()
        failure = Unavailable(f"{service}: {server.title} {why}", hint=as_hint(output))
        if not (has_ended and port_taken(output)):
            break
    raise failure
