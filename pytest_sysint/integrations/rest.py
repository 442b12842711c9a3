"""REST and other plain HTTP APIs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Operation, Rung
from pytest_sysint.integrations._http import CertificateExpiresIn, HttpIntegration, HttpSettings, Request


class Settings(HttpSettings):
    """Where the API is, and how it is talked to."""

    probe: str = ""
    """A path that must be readable with GET. Left out, any answer below 500 at the url is enough."""


class Rest(HttpIntegration[Settings]):
    """An HTTP API."""

    category = "api"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (Request, CertificateExpiresIn)

    @property
    def probe(self) -> str:
        return self.settings.probe

    def rungs(self) -> Iterable[Rung]:
        yield from super().rungs()
        if self.settings.probe:
            yield Rung("read", self._read)

    def _read(self, timeout: float) -> str:
        seen = self.request("GET", self.probe, timeout=timeout)
        status = seen.facts["status"]
        if status >= 400:
            raise Rejected(
                f"GET {self.probe} at {self.transport.where} gave {status} {seen.facts['reason']}".rstrip(),
                code=str(status),
                hint="check the path in `probe`, and whether the credentials may read it",
            )
        return f"{status}, {seen.facts['size']} bytes"


TYPE = Rest
