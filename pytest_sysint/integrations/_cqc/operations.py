"""What can be asked of the CQC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field, field_validator

from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.units import Duration
from pytest_sysint.integrations import _http

Filters = dict[str, str | int | bool | list[str]]


class _Listing(Operation):
    """All pages of a list, or the first of them."""

    per_page: int = Field(500, ge=1, le=1000, description="How many a page holds, 1000 at most.")
    pages: int = Field(0, ge=0, description="How many pages are read; 0 for all.")

    def title(self) -> str:
        filters = getattr(self, self.key())
        return f"{self.key()}{' by ' + ', '.join(filters) if filters else ''}"

    def default_expect(self) -> dict[str, Any]:
        return {"status": "< 400"}

    def perform(self, integration: Any, timeout: float) -> Observation:
        filters = getattr(self, self.key())
        seen: Observation = integration.listing(self.key(), filters, self.per_page, self.pages, timeout)
        return seen

    def reproduce(self, integration: Any) -> str:
        query = {**getattr(self, self.key()), "page": 1, "perPage": self.per_page}
        return str(integration.curl("GET", f"/{self.key()}", {"query": query}))


class Locations(_Listing):
    """Lists locations. The payload is all of them; facts: `count`, `total` (what the service says), `pages`."""

    locations: Filters
    """Filters, such as `{careHome: Y, localAuthority: Leeds}`; `{}` for all."""

    @classmethod
    def key(cls) -> str:
        return "locations"


class Providers(_Listing):
    """Lists providers. The payload is all of them; facts: `count`, `total` (what the service says), `pages`."""

    providers: Filters
    """Filters, such as `{region: London}`; `{}` for all."""

    @classmethod
    def key(cls) -> str:
        return "providers"


class _One(Operation):
    """One of them, by its id."""

    def title(self) -> str:
        return f"{self.key()} {getattr(self, self.key())}"

    def path(self) -> str:
        """What is asked for."""
        return f"/{self.key()}s/{getattr(self, self.key())}"

    def default_expect(self) -> dict[str, Any]:
        return {"status": "< 400"}

    def perform(self, integration: Any, timeout: float) -> Observation:
        seen: Observation = integration.request("GET", self.path(), timeout=timeout)
        return seen

    def reproduce(self, integration: Any) -> str:
        return str(integration.curl("GET", self.path(), {}))


class Location(_One):
    """Reads a location."""

    location: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    """Its id, such as `1-201000001`."""


class Provider(_One):
    """Reads a provider."""

    provider: str = Field(pattern=r"^[A-Za-z0-9-]+$")
    """Its id, such as `1-101000001`."""


class Window(Declared):
    """What changed of what, and when."""

    of: Literal["location", "provider"]
    """Of which sort."""
    since: str
    """From when on: `2026-01-31T00:00:00Z`, or a day."""
    until: str = ""
    """Before when; left out, now."""
    step: Duration = Field(
        default=86400.0, gt=0, description="The length of each window that is asked for; default 1d."
    )

    @field_validator("since", "until")
    @classmethod
    def _is_instant(cls, text: str) -> str:
        if text:
            instant(text)
        return text

    def windows(self) -> list[tuple[str, str]]:
        """The windows one after the other: each begins where the one before it ends."""
        begin = instant(self.since)
        end = instant(self.until) if self.until else datetime.now(UTC)
        found = []
        while begin < end:
            next_one = min(begin + timedelta(seconds=self.step), end)
            found.append((stamp(begin), stamp(next_one)))
            begin = next_one
        return found


def instant(text: str) -> datetime:
    """A time of day; UTC unless it says otherwise.

    Raises:
        ValueError: when it is none.

    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("write a time such as 2026-01-31T00:00:00Z, or a day") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def stamp(when: datetime) -> str:
    """A time as this service reads it."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Changes(Operation):
    """The ids of what changed, window by window. Facts: `count`, `windows`."""

    changes: Window
    """`{of: location, since: 2026-01-01, until: 2026-01-08}`."""

    def title(self) -> str:
        until = f" until {self.changes.until}" if self.changes.until else ""
        return f"changes of {self.changes.of} since {self.changes.since}{until}"

    def default_expect(self) -> dict[str, Any]:
        return {"status": "< 400"}

    def perform(self, integration: Any, timeout: float) -> Observation:
        seen: Observation = integration.changes(self.changes.of, self.changes.windows(), timeout)
        return seen


class Request(_http.Request):
    """One HTTP request to the CQC, with the key that it wants; see the type `rest` for the fields."""

    request: str
    """Method and path, such as `GET /inspection-areas`; the path continues that of the url."""
