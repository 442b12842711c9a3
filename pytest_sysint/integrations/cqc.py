"""Type `cqc`: the API of the Care Quality Commission (providers, locations, ratings, changes).

It falls over to the secondary key when the primary is refused, waits when it is told to, walks pages and windows, and
keeps the names of people out of its evidence.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from pytest_sysint.core.errors import Denied, Garbled, Rejected
from pytest_sysint.core.integration import Observation, Operation, Rung, Stopwatch, with_facts
from pytest_sysint.core.model import Secret
from pytest_sysint.core.provisioning import Simulator
from pytest_sysint.core.secrets import MASK, learn, redact, reveal
from pytest_sysint.core.units import Rate
from pytest_sysint.integrations._body import write_query
from pytest_sysint.integrations._cqc.checks import BUILT_IN
from pytest_sysint.integrations._cqc.operations import Changes, Location, Locations, Provider, Providers, Request
from pytest_sysint.integrations._cqc.privacy import without_people
from pytest_sysint.integrations._external import External, ExternalSettings, misfit
from pytest_sysint.integrations._http import CertificateExpiresIn
from pytest_sysint.integrations._patience import persist

URL = "https://api.service.cqc.org.uk/public/v1"
HEADER = "ocp-apim-subscription-key"
_MOST_PAGES = 10_000


class Settings(ExternalSettings):
    """Where the API is, and by which keys it knows us."""

    urls: ClassVar[Mapping[str, str]] = {"prod": URL}

    environment: Literal["", "prod"] = Field(
        "",
        description="`prod` gives the url of the real service. Without it and without a url, a simulator is started.",
    )
    subscription_key: Secret | None = Field(None, description="The primary key of the subscription.")
    secondary_key: Secret | None = Field(None, description="The other key, for when the primary is refused.")
    user_agent: str = Field("pytest-sysint", min_length=1, description="What we call ourselves; it is asked for.")
    rate: Rate = Field(10.0, gt=0, description="How fast the subscription may ask. Default 10/s.")
    sample: str = Field("", description="The id of a location that checks read; default: the first of the list.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.secondary_key and not self.subscription_key:
            raise misfit("a secondary_key comes beside a subscription_key")
        if self.environment == "prod" and not self.subscription_key:
            raise misfit("the CQC API needs a subscription_key")
        return self


class Cqc(External[Settings]):
    """The CQC API as one subscription sees it."""

    simulator = "cqc"
    settings_model = Settings
    operations: ClassVar[tuple[type[Operation], ...]] = (
        Locations,
        Providers,
        Location,
        Provider,
        Changes,
        Request,
        CertificateExpiresIn,
    )
    recipes = (Simulator("pytest_sysint.simulators.cqc", ("uvicorn",)),)
    built_in = BUILT_IN

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._refused: set[str] = set()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, the primary first."""
        with self._making:
            return self._keys

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        keys = [reveal(key) for key in (self.settings.subscription_key, self.settings.secondary_key) if key]
        if self.control is None:
            return tuple(keys)
        keys = keys or [uuid.uuid4().hex, uuid.uuid4().hex]
        for key in keys:
            learn(key)
        self.control.tell("keys", {"primary": keys[0], "secondary": "".join(keys[1:])})
        return tuple(keys)

    @property
    def rated_as(self) -> str:
        return "".join(self.keys[:1])

    def _complete(self, request: Any) -> None:
        """Add the key, and our name."""
        request.headers["user-agent"] = self.settings.user_agent
        for key in self._hopeful()[:1]:
            request.headers.setdefault(HEADER, key)

    def request(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation:
        """As every HTTP type, with the key, fail-over to the secondary one, and patience with 429 and 503.

        More facts: `key` (`primary` or `secondary`, empty without one), `retries`, `waited` (seconds).
        """
        return persist(lambda left: self.once(method, path, timeout=left, **options), timeout, self.limiter)

    def once(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation:
        """The same without patience: the first answer, whatever it is."""
        given = {name.lower(): value for name, value in (options.get("headers") or {}).items()}
        if HEADER in given or "auth" in options or not self.keys:
            return with_facts(self._ask(method, path, timeout, options, given), key="")
        hopeful = self._hopeful()
        for key in hopeful:
            seen = self._ask(method, path, timeout, options, {**given, HEADER: key})
            if seen.facts["status"] != 401 or key == hopeful[-1]:
                break
            self._refused.add(key)
        return with_facts(seen, key="primary" if key == self.keys[0] else "secondary")

    def anew(self, user_agent: str) -> Cqc:
        """The same integration under another name, which has not been refused anything yet."""
        keys = dict(zip(("subscription_key", "secondary_key"), map(SecretStr, self.keys), strict=False))
        return Cqc(self.settings.model_copy(update={**keys, "user_agent": user_agent}))

    def _hopeful(self) -> list[str]:
        """The keys that have not been refused; all of them when there is none left."""
        return [key for key in self.keys if key not in self._refused] or list(self.keys)

    def _ask(
        self, method: str, path: str, timeout: float, options: Mapping[str, Any], given: Mapping[str, str]
    ) -> Observation:
        headers = {"user-agent": self.settings.user_agent, **given}
        headers = {name: value for name, value in headers.items() if value or name == "user-agent"}
        rest = {name: value for name, value in options.items() if name not in ("headers", "query")}
        target = _with_query(path, options.get("query") or {})
        seen = super().request(method, target, timeout=timeout, headers=headers, **rest)
        if seen.exchange is None:
            return seen
        kept = without_people(seen.exchange, seen.payload)
        return replace(seen, exchange=kept.model_copy(update={"sent": redact(kept.sent)}))

    def curl(self, method: str, path: str, options: Mapping[str, Any]) -> str:
        headers = {**(options.get("headers") or {}), HEADER: MASK}
        rest = {name: value for name, value in options.items() if name not in ("headers", "query")}
        return super().curl(method, _with_query(path, options.get("query") or {}), {**rest, "headers": headers})

    def reproduce(self) -> str:
        return self.curl("GET", "/locations", {"query": {"page": 1, "perPage": 1}})

    def pages(
        self, sort: str, filters: Mapping[str, Any], per_page: int, most: int, timeout: float
    ) -> Iterator[Observation]:
        """The pages of a list, one after the other, until one names no next; `most` of them, 0 for all.

        Raises:
            Garbled: when they never end.

        """
        for page in range(1, (most or _MOST_PAGES) + 1):
            query = {**filters, "page": page, "perPage": per_page}
            seen = self.request("GET", f"/{sort}", timeout=timeout, query=query)
            yield seen
            if not items_of(seen, sort) or not seen.payload.get("nextPageUri"):
                return
        if not most:
            raise Garbled(f"/{sort} has no end: {_MOST_PAGES:,} pages, and still a next one", rung="read")

    def listing(self, sort: str, filters: Mapping[str, Any], per_page: int, most: int, timeout: float) -> Observation:
        """The items of all pages as one payload. Facts are those of the last page, with `count`, `total`, `pages`."""
        watch, pages, total = Stopwatch(), 0, None
        items: list[dict[str, Any]] = []
        for seen in self.pages(sort, filters, per_page, most, timeout):
            items += items_of(seen, sort)
            pages += 1
            last, total = seen, seen.payload.get("total", total) if isinstance(seen.payload, dict) else total
        found = with_facts(last, count=len(items), total=total, pages=pages)
        return replace(found, payload=items, phases=watch.phases())

    def changes(self, sort: str, windows: Sequence[tuple[str, str]], timeout: float) -> Observation:
        """The ids of what changed, over all windows. A 404 says that nothing did. Facts: `count`, `windows`.

        Raises:
            Garbled: when a change is neither an id nor an object with one.

        """
        watch, ids = Stopwatch(), []
        last = Observation([], {"status": 200, "headers": {}})
        for begin, end in windows:
            query = {"startTimestamp": begin, "endTimestamp": end}
            last = self.request("GET", f"/changes/{sort}", timeout=timeout, query=query)
            status = last.facts["status"]
            if status == 404:
                last = with_facts(last, status=200)
            elif status >= 400:
                return last
            else:
                ids += [_changed(item, sort) for item in _listed(last.payload, "changes")]
        return replace(with_facts(last, count=len(ids), windows=len(windows)), payload=ids, phases=watch.phases())

    def rungs(self) -> Iterable[Rung]:
        yield from super().rungs()
        yield Rung("authentication", self._authenticate)
        yield Rung("read", self._read)

    def _authenticate(self, timeout: float) -> str:
        seen = self.request("GET", "/inspection-areas", timeout=timeout)
        if seen.facts["status"] in (401, 403):
            raise Denied(
                f"{self.transport.where} refused the subscription key{'s' if len(self.keys) > 1 else ''}: "
                f"status {seen.facts['status']}",
                code=str(seen.facts["status"]),
                hint="check `subscription_key` (and `secondary_key`) at the portal: keys are renewed there",
            )
        if seen.facts["key"] == "secondary":
            return "the secondary key is accepted; the primary one is refused"
        return "the key is accepted" if self.keys else f"not refused ({seen.facts['status']})"

    def _read(self, timeout: float) -> str:
        seen = self.request("GET", "/locations", timeout=timeout, query={"page": 1, "perPage": 1})
        if seen.facts["status"] >= 400:
            status = seen.facts["status"]
            raise Rejected(f"/locations at {self.transport.where} says {status}", code=str(status))
        return f"{seen.payload.get('total', 'no')} locations" if isinstance(seen.payload, dict) else "no list"


def _with_query(path: str, query: Mapping[str, Any]) -> str:
    """A path with its query. The service refuses escaped colons, so that they stay as they are."""
    written = write_query(query, safe=":")
    return f"{path}{'&' if '?' in path else '?'}{written}" if written else path


def _listed(payload: Any, key: str) -> list[Any]:
    found = payload.get(key) if isinstance(payload, dict) else None
    return found if isinstance(found, list) else []


def items_of(seen: Observation, sort: str) -> list[dict[str, Any]]:
    """The items of a page."""
    return [item for item in _listed(seen.payload, sort) if isinstance(item, dict)]


def _changed(item: Any, sort: str) -> str:
    """The id of what changed: sources differ whether it stands alone or in an object."""
    found = item.get(f"{sort}Id") if isinstance(item, dict) else item
    if not isinstance(found, str):
        raise Garbled(f"a change of /changes/{sort} is neither an id nor an object with {sort}Id", rung="read")
    return found


TYPE = Cqc
