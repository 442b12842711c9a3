"""The live integrations of a run: provided once per id, opened once per id and tenant, closed at the end."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from pytest_sysint.core.errors import StartFailed, SysintError, Unavailable
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.records import SHARED, Effect, IntegrationRecord
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration import DeclaredIntegration


class Provided(Protocol):
    """How an integration came to be there."""

    @property
    def url(self) -> str: ...

    @property
    def way(self) -> str: ...

    @property
    def detail(self) -> str: ...


Provide = Callable[[DeclaredIntegration], Provided]


class _Entry:
    """One integration id: all its tenants share one service."""

    def __init__(self, tenants: dict[str, DeclaredIntegration]) -> None:
        self.tenants = tenants
        self.lock = threading.Lock()
        self.provided: Provided | None = None
        self.resolved: dict[str, DeclaredIntegration] = {}
        self.live: dict[str, Integration[Any]] = {}
        self.unavailable: Unavailable | None = None

    @property
    def first(self) -> DeclaredIntegration:
        return next(iter(self.tenants.values()))


class Connections:
    """Provides, opens and closes what is declared. Safe to use from many threads.

    `provide` brings a service into being (or says where it is) and raises `Unavailable` when that cannot be done here.
    `allow` maps an integration id to the effects that its environment allows, None for all. `obituary` says how a
    service that was started for the run has ended, empty while it lives.
    """

    def __init__(
        self,
        declared: Iterable[DeclaredIntegration],
        provide: Provide,
        *,
        allow: Mapping[str, frozenset[Effect] | None],
        concurrency: int = 32,
        obituary: Callable[[str], str] = lambda _: "",
    ) -> None:
        grouped: dict[str, dict[str, DeclaredIntegration]] = {}
        for item in declared:
            grouped.setdefault(item.id, {})[item.tenant] = item
        self._entries = {integration_id: _Entry(tenants) for integration_id, tenants in grouped.items()}
        self._provide = provide
        self._allow = allow
        self._concurrency = concurrency
        self._obituary = obituary
        self._first_start = self._last_end = 0.0

    def open(self, integration_id: str) -> None:
        """Make it ready for use, with everything that it refers to. Returns at once when it was tried before."""
        entry = self._entries[integration_id]
        with entry.lock:
            if entry.provided or entry.unavailable:
                return
            self._first_start = self._first_start or time.perf_counter()
            try:
                self._make_ready(integration_id, entry)
            except Unavailable as error:
                entry.unavailable = error
            except SysintError as error:
                entry.unavailable = Unavailable(error.message, hint=error.hint)
            except BaseException as error:  # noqa: BLE001 - a type of another package may raise anything; nobody must hang
                entry.unavailable = Unavailable(
                    f"integration '{integration_id}' could not be set up: {type(error).__name__}: {error}",
                    hint=f"this is a mistake in the type '{entry.first.type}', or in a library that it uses",
                )
            self._last_end = time.perf_counter()

    def _make_ready(self, integration_id: str, entry: _Entry) -> None:
        if entry.first.unusable:
            raise Unavailable(entry.first.unusable)
        for needed in dict.fromkeys((*sorted(entry.first.references), *entry.first.depends_on)):
            self.open(needed)
        urls = {name: {"url": other.provided.url} for name, other in self._entries.items() if other.provided}
        resolved = {tenant: item.resolve(urls) for tenant, item in entry.tenants.items()}
        provided = self._provide(next(iter(resolved.values())))
        learn_url(provided.url)
        for tenant, item in resolved.items():
            ready = item if item.settings.url else item.at(provided.url)
            entry.resolved[tenant] = ready
            entry.live[tenant] = self._construct(ready, provided)
        entry.provided = provided

    def _construct(self, ready: DeclaredIntegration, provided: Provided) -> Integration[Any]:
        allowed = self._allow.get(ready.id)
        read_only = allowed == frozenset({"read"}) or (allowed is None and provided.way == "existing")
        if ready.cls.driver:
            importlib.import_module(ready.cls.driver)  # now, so that no check's latency has an import in it
        live: Integration[Any] = ready.cls(ready.settings, read_only=read_only, concurrency=self._concurrency)
        return live

    def get(self, integration_id: str, tenant: str) -> Integration[Any]:
        """The live integration as this tenant uses it, or as everybody does.

        Raises:
            Unavailable: when it could not be provided.

        """
        self.open(integration_id)
        entry = self._entries[integration_id]
        if entry.unavailable:
            raise entry.unavailable
        found = entry.live.get(tenant) or entry.live.get(SHARED)
        if found is None:
            raise Unavailable(f"integration '{integration_id}' is not declared for tenant '{tenant}'")
        return found

    def unavailable(self, integration_id: str) -> str:
        """Why it cannot be used, in one line; empty when it can, or was not tried."""
        error = self._entries[integration_id].unavailable
        return " ".join(part for part in (error.message, error.hint) if part) if error else ""

    def known(self, integration_id: str) -> bool:
        """Whether it is part of this run."""
        return integration_id in self._entries

    def failed(self, integration_id: str) -> str:
        """The id of the service that did not come up, its own or one that it stands on; empty when none is known."""
        entry = self._entries[integration_id]
        if isinstance(entry.unavailable, StartFailed):
            return integration_id
        below = (*sorted(entry.first.references), *entry.first.depends_on)
        return next((root for each in below if (root := self.failed(each))), "")

    def tenants(self, integration_id: str) -> tuple[str, ...]:
        """The tenants that it is declared for, as far as they take part."""
        return tuple(self._entries[integration_id].tenants)

    def way(self, integration_id: str) -> str:
        """How it came to be there; empty when it is not."""
        provided = self._entries[integration_id].provided
        return provided.way if provided else ""

    @property
    def provisioning_ms(self) -> float:
        """From the first start to the last that was ready; they run side by side."""
        return round((self._last_end - self._first_start) * 1000, 3)

    def obituary(self, integration_id: str) -> str:
        """How a service that was started for the run has ended; empty while it lives, or when it was there before."""
        return "" if self.way(integration_id) in ("", "existing") else self._obituary(integration_id)

    def record(self, integration_id: str) -> IntegrationRecord | None:
        """What a report says about an integration; None while it has not been tried."""
        entry = self._entries.get(integration_id)
        return self._record(entry) if entry and (entry.provided or entry.unavailable) else None

    def records(self) -> tuple[IntegrationRecord, ...]:
        """The same of each that was tried."""
        return tuple(found for each in self._entries if (found := self.record(each)))

    def _record(self, entry: _Entry) -> IntegrationRecord:
        first, provided = entry.first, entry.provided
        url = next(iter(entry.resolved.values())).settings.url if entry.resolved else ""
        return IntegrationRecord(
            id=first.id,
            name=first.name,
            type=first.type,
            category=first.category,
            url=redact(_without_user(url)),
            severity=first.severity,
            owner=first.owner,
            tenants=tuple(entry.tenants),
            depends_on=first.depends_on,
            provision=provided.way if provided else "",
            provision_detail=redact(provided.detail) if provided else "",
            unavailable=redact(self.unavailable(first.id)),
            declared_at=f"{first.position.file}:{first.position.line}",
        )

    def close(self) -> None:
        """Close every client. What was started is stopped by whoever provided it."""
        for entry in self._entries.values():
            for live in entry.live.values():
                live.close()


def _without_user(url: str) -> str:
    """The url without user and password: where something is, not who asks."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url
