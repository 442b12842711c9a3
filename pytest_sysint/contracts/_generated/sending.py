"""One generated request as an operation: how it goes out under the integration's budget, credentials and timeout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import Field

from pytest_sysint.core.capabilities import Carried, Carries
from pytest_sysint.core.integration import Integration, Observation, Operation, with_facts
from pytest_sysint.core.secrets import MASK

STAND_IN = f"sysint-{MASK}"
"""What schemathesis is given in place of a secret: where it stands in a request, the integration's own goes."""
_OURS = frozenset(
    {"user-agent", "accept-encoding", "connection", "content-length", "host", "x-schemathesis-testcaseid"}
)


class Generated(Operation):
    """A request that was made from a document."""

    generated: str
    """The method."""
    path: str
    """The path and query, already encoded."""
    headers: dict[str, str | None] = Field(default_factory=dict)
    """None takes away what would go by itself."""
    body: Any = None
    """Bytes."""
    anonymous: bool = False
    """Without the credentials."""
    shown: str = ""
    """What it is called, where method and path do not tell."""

    def title(self) -> str:
        return self.shown or f"{self.generated} {self.path}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        """The answer with its bytes as payload. Its exchange is a fact: of a hundred, the telling ones are kept."""
        seen: Observation = integration.request(self.generated, self.path, timeout=timeout, **self.options())
        return replace(with_facts(seen, exchange=seen.exchange), exchange=None)

    def reproduce(self, integration: Any) -> str:
        curl = getattr(integration, "curl", None)
        return str(curl(self.generated, self.path, self.options())) if curl else ""

    def options(self) -> dict[str, Any]:
        """What goes to `Requestable.request`."""
        given: dict[str, Any] = {"headers": self.headers, "raw": True}
        if self.body:
            given["body"] = self.body
        if self.anonymous:
            given["auth"] = "none"
        return given

    @property
    def weight(self) -> int:
        """How much there is to read in it: of two requests that show the same, the lighter is shown."""
        sent = sum(len(name) + len(value) for name, value in self.headers.items() if value is not None)
        return len(self.path) + len(self.body or b"") + sent


def carried_by(integration: Integration[Any]) -> Carried:
    """What goes with each request by itself."""
    return integration.carried() if isinstance(integration, Carries) else Carried()


def own_headers(carried: Carried, spelled: Iterable[str]) -> dict[str, str]:
    """The headers that schemathesis is told of: declared ones as they are, secrets by a stand-in.

    `spelled` are names as the document has them: schemathesis takes small and capital letters to differ.
    """
    spelling = {name.lower(): name for name in spelled}
    own = {**carried.headers, **dict.fromkeys(carried.secret_headers, STAND_IN)}
    return {spelling.get(name, name): value for name, value in own.items()}


def own_parameters(carried: Carried) -> dict[str, str]:
    """The same for query parameters."""
    return dict.fromkeys(carried.secret_parameters, STAND_IN)


def generated(method: str, path: str, headers: Mapping[str, str], body: bytes, carried: Carried) -> Generated:
    """A request as schemathesis made it. What it left out of the integration's own, stays out."""
    given = {name.lower(): value for name, value in headers.items() if name.lower() not in _OURS}
    path, kept = _without_stand_ins(path, carried.secret_parameters)
    kept += [name for name in carried.secret_headers if given.get(name) == STAND_IN]
    missing = dict.fromkeys({*carried.headers} - {*given})
    sent = {name: value for name, value in given.items() if value != STAND_IN}
    secrets = len(carried.secret_headers) + len(carried.secret_parameters)
    return Generated(
        generated=method, path=path, headers={**sent, **missing}, body=body or None, anonymous=bool(secrets - len(kept))
    )


def _without_stand_ins(path: str, names: frozenset[str]) -> tuple[str, list[str]]:
    """The path without our stand-ins for secrets in its query, and the parameters that had one."""
    where, mark, query = path.partition("?")
    if not names or not mark:
        return path, []
    ours = {f"{name}=sysint-%2A%2A%2A": name for name in names} | {f"{name}={STAND_IN}": name for name in names}
    parts = query.split("&")
    rest = [part for part in parts if part not in ours]
    return (f"{where}?{'&'.join(rest)}" if rest else where), [ours[part] for part in parts if part in ours]
