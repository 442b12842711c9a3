"""Internal services: HTTP with a health endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Observation, Operation, Rung, Stopwatch
from pytest_sysint.integrations._http import CertificateExpiresIn, HttpIntegration, HttpSettings, Request

CONVENTIONAL = ("/health", "/healthz", "/actuator/health", "/_health", "/livez")
"""Where services have their health endpoint, most common first."""
_GOOD = frozenset(
    {"up", "ok", "okay", "pass", "passed", "passing", "healthy", "good", "green", "serving", "alive", "true"}
)
_WORSE = frozenset({"warn", "warning", "degraded", "yellow"})
_BAD = frozenset(
    {
        "down",
        "fail",
        "failed",
        "failing",
        "unhealthy",
        "error",
        "critical",
        "red",
        "out_of_service",
        "not_serving",
        "false",
    }
)
_WORDS = ("status", "state", "health", "healthy", "ok")
_PARTS = ("checks", "components", "details", "dependencies", "services", "entries", "results")


class Settings(HttpSettings):
    """Where the service is, and how it is talked to."""

    health_path: str = ""
    """Its health endpoint. Left out, /health, /healthz, /actuator/health, /_health and /livez are tried."""


class Service(HttpIntegration[Settings]):
    """A service of one's own system."""

    category = "internal_service"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (Request, CertificateExpiresIn)
    _found: str | None = None

    @property
    def probe(self) -> str:
        return self.settings.health_path or self._found or ""

    def rungs(self) -> Iterable[Rung]:
        yield from super().rungs()
        yield Rung("read", self._read)

    def _read(self, timeout: float) -> str:
        if self.settings.health_path:
            return self._judge(
                self.settings.health_path, self.request("GET", self.settings.health_path, timeout=timeout)
            )
        watch = Stopwatch()
        for path in (self._found,) if self._found else CONVENTIONAL:
            seen = self.request("GET", path, timeout=max(timeout - watch.elapsed(), 0.001))
            if not 400 <= seen.facts["status"] < 500:
                self._found = path
                return self._judge(path, seen)
        return f"no health endpoint at {', '.join(CONVENTIONAL)}; set `health_path` to have one read"

    def _judge(self, path: str, seen: Observation) -> str:
        status = seen.facts["status"]
        word, failing = health_of(seen.payload)
        told = f"; not well: {', '.join(failing)}" if failing else ""
        if status >= 400 or word in _BAD:
            said = f"status {status}" if status >= 400 else f"'{word}'"
            hint = "check `health_path`" if status in (404, 405) else "the service itself says so: see its log"
            where = self.transport.where
            raise Rejected(f"{path} at {where} says {said}{told}", code=str(status), hint=hint)
        return f"{path}: {word or status}{told}"


def health_of(payload: Any) -> tuple[str, list[str]]:
    """The word for its health that a body holds, in lower case and empty without one; and the parts that are not well.

    Understands what Spring, ASP.NET, MicroProfile, the health+json draft and plain texts write.
    """
    if isinstance(payload, str):
        word = payload.strip().lower()
        return (word if word in _GOOD | _WORSE | _BAD else ""), []
    if not isinstance(payload, Mapping):
        return "", []
    return _word(payload), [name for name, part in _parts(payload) if _word(part) in _BAD | _WORSE]


def _word(value: Any) -> str:
    """The word in `{"status": "UP"}`, in a bare `"UP"`, or of the worst of a list."""
    if isinstance(value, (str, bool)):
        return str(value).strip().lower()
    if isinstance(value, list):
        words = [_word(item) for item in value]
        return next((word for rank in (_BAD, _WORSE, _GOOD) for word in words if word in rank), "")
    if isinstance(value, Mapping):
        found = {str(key).lower(): item for key, item in value.items()}
        return next((_word(found[key]) for key in _WORDS if isinstance(found.get(key), (str, bool))), "")
    return ""


def _parts(payload: Mapping[Any, Any]) -> Iterable[tuple[str, Any]]:
    """The named parts that a health document speaks of: a map of them, or a list with names."""
    for key, value in payload.items():
        if str(key).lower() not in _PARTS:
            continue
        if isinstance(value, Mapping):
            yield from ((str(name), part) for name, part in value.items())
        elif isinstance(value, list):
            yield from ((str(part.get("name", "?")), part) for part in value if isinstance(part, Mapping))


TYPE = Service
