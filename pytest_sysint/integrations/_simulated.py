"""Whether the other side is one of our simulators, and how it is told what to do.

Only loopback is asked, and only at the path that a simulator has.
"""

from __future__ import annotations

from typing import Any

from pytest_sysint.core.errors import Rejected
from pytest_sysint.integrations._http import HttpIntegration, HttpSettings

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SECONDS = 5.0


class Control:
    """The control endpoints of a simulator."""

    def __init__(self, link: HttpIntegration[HttpSettings], about: dict[str, Any]) -> None:
        self._link = link
        self.about = about
        """What it says of itself."""

    def tell(self, path: str, what: dict[str, Any]) -> Any:
        """Post a JSON map to `/_simulator/<path>`; gives the answer's body.

        Raises:
            Rejected: when it does not understand.

        """
        seen = self._link.request("POST", f"/_simulator/{path}", timeout=_SECONDS, json=what)
        if seen.facts["status"] >= 400:
            raise Rejected(f"the simulator refused {path}: {seen.payload}", code=str(seen.facts["status"]))
        return seen.payload

    def requests(self, header: str, value: str) -> list[dict[str, Any]]:
        """What it received with that value of a header, oldest first."""
        query = {"header": f"{header}:{value}"}
        seen = self._link.request("GET", "/_simulator/requests", timeout=_SECONDS, query=query)
        found: list[dict[str, Any]] = seen.payload["requests"]
        return found

    def close(self) -> None:
        """Give the connection back."""
        self._link.close()


def find_simulator(scheme: str, host: str, port: int, name: str) -> Control | None:
    """The simulator of that name at an address; None for anything else.

    Raises:
        CallError: when nobody can be asked there.

    """
    if host not in _LOOPBACK:
        return None
    shown = f"[{host}]" if ":" in host else host
    link: HttpIntegration[HttpSettings] = HttpIntegration(HttpSettings(url=f"{scheme}://{shown}:{port}"))
    seen = link.request("GET", "/_simulator", timeout=_SECONDS)
    if isinstance(seen.payload, dict) and seen.payload.get("simulator") == name:
        return Control(link, seen.payload)
    link.close()
    return None
