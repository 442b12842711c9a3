"""What types of services that others run have in common: urls by name, a rate to keep to, a simulator for each."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.integration import Rung
from pytest_sysint.core.units import Rate
from pytest_sysint.integrations._http import HttpIntegration, HttpSettings
from pytest_sysint.integrations._patience import Limiter, limiter_for
from pytest_sysint.integrations._simulated import Control, find_simulator


class ExternalSettings(HttpSettings):
    """Which of the services of that name it is, and how fast it may be asked."""

    urls: ClassVar[Mapping[str, str]] = {}
    """Environment of the service -> its url, for those who declare no `url`."""
    rate: Rate

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or raw.get("url") or str(raw.get("environment")) not in cls.urls:
            return raw
        return {**raw, "url": cls.urls[str(raw["environment"])]}


def misfit(text: str) -> PydanticCustomError:
    """The error for settings that do not fit together."""
    return PydanticCustomError("sysint", "{text}", {"text": text})


ES = TypeVar("ES", bound=ExternalSettings)


class External(HttpIntegration[ES]):
    """A service that others run, as one application sees it; or its simulator."""

    category = "external_service"
    simulator: ClassVar[str]
    """What its simulator calls itself."""

    def __init__(self, settings: ES, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._making = threading.RLock()

    @cached_property
    def _control(self) -> Control | None:
        base = self.base
        return find_simulator(base.scheme, base.host, base.port, self.simulator)

    @property
    def control(self) -> Control | None:
        """How the simulator is told what to do; None for the service. Asks it, on loopback, at the first time."""
        with self._making:
            return self._control

    @property
    @abstractmethod
    def rated_as(self) -> str:
        """By what the service counts our requests."""

    @property
    def limiter(self) -> Limiter | None:
        """Keeps to the declared rate. A simulator that was started for this run is nobody else's."""
        if self.control is not None and "rate" not in self.settings.model_fields_set:
            return None
        return limiter_for(f"{self.base.host}:{self.base.port}", self.rated_as, self.settings.rate)

    @property
    def client(self) -> Any:
        client = super().client
        client.event_hooks = {"request": [self._complete]}
        return client

    @abstractmethod
    def _complete(self, request: Any) -> None:
        """Add what a request of the native client lacks."""

    def close(self) -> None:
        control = self.__dict__.pop("_control", None)
        if control is not None:
            control.close()
        super().close()

    def rungs(self) -> Iterable[Rung]:
        """Those of the network; what comes after them is the service's own."""
        yield from (rung for rung in super().rungs() if rung.name in ("dns", "tcp", "tls"))
