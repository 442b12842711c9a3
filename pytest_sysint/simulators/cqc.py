"""A stand-in for the API of the Care Quality Commission (CQC Syndication), as Azure API Management serves it.

    with served() as cqc:
        cqc.simulator.know("primary-key", "secondary-key")
        cqc.simulator.fault("429", times=1, values={"retry_after": 1})

Control endpoint beside those that every simulator has:

    POST /_simulator/keys    {"primary", "secondary"}: a subscription
"""

from __future__ import annotations

import math
import re
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.simulators import _serve
from pytest_sysint.simulators._app import Answered, Asked, Simulator
from pytest_sysint.simulators._cqc import register
from pytest_sysint.simulators._cqc.faults import FAULTS
from pytest_sysint.simulators._faults import Fault

BASE = "/public/v1"
HEADER = "ocp-apim-subscription-key"
RATE = 600
"""Requests a minute of one subscription. What the real service allows is not known for sure."""
LOCATIONS = 25
_ADVICE = "Make sure to include subscription key when making requests to an API."
_MISSING = f"Access denied due to missing subscription key. {_ADVICE}"
_INVALID = "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
_PER_PAGE, _MOST_PER_PAGE = 50, 1000
_PAGING = frozenset({"page", "perPage"})
_AREAS = [{"inspectionAreaId": "RA1", "inspectionAreaName": "Residential", "inspectionAreaType": "Location"}]


class Cqc(Simulator):
    """The simulator.

    Args:
        locations: how many there are.
        rate: requests a minute that one key has; 0 for no limit.
        retry_after: seconds that a 429 asks to wait.
        faults: those to start with.

    """

    name = "cqc"
    own_faults: ClassVar[dict[str, str]] = FAULTS

    def __init__(
        self, locations: int = LOCATIONS, rate: int = RATE, retry_after: int = 5, faults: Iterable[str] = ()
    ) -> None:
        super().__init__(faults)
        self.locations = {each["locationId"]: each for each in map(register.location, range(locations))}
        providers = (register.provider(index, locations) for index in range(register.PROVIDERS))
        self.providers = {each["providerId"]: each for each in providers}
        self.rate = rate
        self.retry_after = retry_after
        self._primary: set[str] = set()
        self._secondary: set[str] = set()
        self._spent: dict[str, deque[float]] = defaultdict(deque)

    def know(self, primary: str, secondary: str = "") -> None:
        """Take the keys of a subscription from now on."""
        with self.lock:
            self._primary.add(primary)
            if secondary:
                self._secondary.add(secondary)

    def control(self, asked: Asked, path: str) -> Answered | None:
        told = asked.json()
        if path != "keys" or asked.method != "POST" or not isinstance(told, dict):
            return None
        self.know(str(told.get("primary", "")), str(told.get("secondary", "")))
        return Answered(201, {"known": True})

    def trouble(self, fault: Fault, asked: Asked) -> Answered:
        status = int(fault.name)
        seconds = int(fault.values.get("retry_after", self.retry_after))
        if status != 429:
            return _said(status, "The service is temporarily unavailable.")
        return self._throttled(asked, seconds)

    def _broken(self, name: str, asked: Asked) -> bool:
        return self.faults.met(name, asked) is not None

    def _throttled(self, asked: Asked, seconds: int) -> Answered:
        answered = _said(429, f"Rate limit is exceeded. Try again in {seconds} seconds.")
        return answered if self._broken("no_retry_after", asked) else answered.with_headers(retry_after=str(seconds))

    def answer(self, asked: Asked) -> Answered:
        if not asked.path.startswith(f"{BASE}/"):
            return _said(404, "Resource not found")
        refused = self._refusal(asked)
        if refused is not None:
            return refused
        if not asked.header("user-agent"):
            return _said(403, "Forbidden")
        if asked.method != "GET":
            return _said(404, "Resource not found")
        return self._serve(asked, asked.path.removeprefix(BASE))

    def _refusal(self, asked: Asked) -> Answered | None:
        key = asked.header(HEADER)
        if not key and not self._broken("open_without_key", asked):
            return _said(401, "no" if self._broken("unexplained_401", asked) else _MISSING)
        if key and not self._knows(key, asked) and not self._broken("any_key_accepted", asked):
            echo = f" ({key})" if self._broken("key_echoed", asked) else ""
            return _said(401, ("no" if self._broken("unexplained_401", asked) else _INVALID) + echo)
        spent, now = self._spent[key], time.monotonic()
        while spent and spent[0] < now - 60:
            spent.popleft()
        if self.rate and len(spent) >= self.rate:
            return self._throttled(asked, max(1, math.ceil(60 - (now - spent[0]))))
        spent.append(now)
        return None

    def _knows(self, key: str, asked: Asked) -> bool:
        if key in self._primary:
            return not self._broken("primary_refused", asked)
        return key in self._secondary and not self._broken("secondary_refused", asked)

    def _serve(self, asked: Asked, path: str) -> Answered:
        sort, _, rest = path.strip("/").partition("/")
        if sort == "locations":
            return self._location(asked, rest) if rest else self._page(asked, "locations", self.locations.values())
        if sort == "providers":
            return self._provider(asked, rest) if rest else self._page(asked, "providers", self.providers.values())
        if sort == "changes":
            return self._changes(asked, rest)
        if sort == "inspection-areas" and not rest:
            return Answered(200, {"inspectionAreas": _AREAS})
        return _report(asked, rest) if sort == "reports" and rest else _said(404, "Resource not found")

    def _page(self, asked: Asked, key: str, every: Iterable[Mapping[str, Any]]) -> Answered:
        filters = [(name, value) for name, value in asked.query if name not in _PAGING]
        found = [each for each in every if all(str(each.get(name, "")) == value for name, value in filters)]
        bounds = [asked.value("page") or "1", asked.value("perPage") or str(_PER_PAGE)]
        if not all(text.isascii() and text.isdigit() and int(text) for text in bounds):
            return _said(400, "page and perPage must be whole numbers above 0")
        page, size = int(bounds[0]), min(int(bounds[1]), _MOST_PER_PAGE)
        items = [_listed(each, key) for each in found[(page - 1) * size : page * size]]
        if page > 1 and items and self._broken("duplicate_page", asked):
            items = [_listed(found[(page - 1) * size - 1], key), *items[:-1]]
        if page > 1 and self._broken("lost_item", asked):
            items = items[1:]
        if self._broken("bad_ids", asked):
            items = [{name: f"{key}/{value}" for name, value in item.items()} for item in items]
        return Answered(200, self._envelope(asked, key, items, (len(found), page, size)))

    def _envelope(
        self, asked: Asked, key: str, items: list[dict[str, Any]], where: tuple[int, int, int]
    ) -> dict[str, Any]:
        total, page, size = where
        pages = math.ceil(total / size)
        is_last = page >= pages and not self._broken("endless_pages", asked)

        def uri(number: int) -> str:
            kept = [pair for pair in asked.query if pair[0] not in _PAGING]
            return f"/{key}?" + urlencode([*kept, ("page", number), ("perPage", size)])

        return {
            "total": total + (1 if self._broken("wrong_total", asked) else 0),
            "firstPageUri": uri(1),
            "page": page,
            **({"previousPageUri": uri(page - 1)} if page > 1 else {}),
            "lastPageUri": uri(max(pages, 1)),
            **({} if is_last else {"nextPageUri": uri(page + 1)}),
            "perPage": size,
            "totalPages": pages + (1 if self._broken("wrong_total_pages", asked) else 0),
            "uri": uri(page),
            key: items,
        }

    def _location(self, asked: Asked, number: str) -> Answered:
        found = self.locations.get(number)
        if found is None:
            return _said(404, "Location not found")
        told = dict(found)
        if self._broken("wrong_location", asked):
            told["locationId"] = "1-999"
        if self._broken("beds_as_text", asked):
            told["numberOfBeds"] = str(told["numberOfBeds"])
        if self._broken("contact_in_name", asked):
            told["name"] += f" ({told['regulatedActivities'][0]['contacts'][0]['personFamilyName']})"
        if self._broken("new_rating", asked):
            told["currentRatings"] = {"overall": {"rating": "Splendid", "keyQuestionRatings": []}}
        return Answered(200, told)

    def _provider(self, asked: Asked, number: str) -> Answered:
        found = self.providers.get(number)
        if found is None:
            return _said(404, "Provider not found")
        return Answered(200, {**found, "locationIds": []} if self._broken("orphaned_location", asked) else found)

    def _changes(self, asked: Asked, sort: str) -> Answered:
        every = {"location": self.locations, "provider": self.providers}.get(sort)
        if every is None:
            return _said(404, "Resource not found")
        begin, end = _instant(asked, "startTimestamp"), _instant(asked, "endTimestamp")
        if begin is None or end is None:
            return _said(400, "startTimestamp and endTimestamp must be like 2026-01-31T00:00:00Z")
        skips = self._broken("changes_gap", asked)
        found = [
            each for at, each in register.changes(list(every)) if begin <= at < end and not (skips and at == begin)
        ]
        if not found and self._broken("no_changes_as_404", asked):
            return _said(404, "No changes found")
        key = f"{sort}Id"
        if self._broken("changes_as_objects", asked):
            return Answered(200, {"total": len(found), "changes": [{key: each} for each in found]})
        if self._broken("changes_malformed", asked):
            return Answered(200, {"total": len(found), "changes": list(range(len(found)))})
        return Answered(200, {"total": len(found), "changes": found})


def _said(status: int, message: str) -> Answered:
    return Answered(status, {"statusCode": status, "message": message})


def _listed(each: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a list tells of one; everything else is in the detail alone."""
    if key == "providers":
        return {"providerId": each["providerId"], "providerName": each["name"]}
    return {"locationId": each["locationId"], "locationName": each["name"], "postalCode": each["postalCode"]}


def _instant(asked: Asked, name: str) -> datetime | None:
    """A timestamp of the query; None without one, or where its colons are escaped, which this service refuses."""
    if re.search(rf"{name}=[^&]*%3A", asked.raw_query, re.IGNORECASE):
        return None
    try:
        found = datetime.fromisoformat(asked.value(name))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _report(asked: Asked, link: str) -> Answered:
    if not re.fullmatch(r"(report|old)-\d+", link):
        return _said(404, "Report not found")
    if asked.header("accept").startswith("text/plain"):
        return Answered(200, f"Report {link}: this place does not exist.", media="text/plain")
    return Answered(200, b"%PDF-1.4\n%%EOF\n", media="application/pdf")


def from_options(place: Place) -> Cqc:
    """The simulator that the words of a declaration ask for: `locations`, `rate`, `retry_after`, `faults`.

    Raises:
        UsageError: for a word that is not known.

    """
    numbers = {"locations": LOCATIONS, "rate": RATE, "retry_after": 5}
    _serve.hold_to(place.options, {*numbers, "faults"}, "cqc")
    faults = _serve.faults_of(place.options, Cqc)
    return Cqc(**_serve.numbers_of(place.options, numbers), faults=faults)


def start(place: Place) -> Running:
    """Serve it where provisioning wants it."""
    return _serve.start(from_options(place), place, BASE)


@contextmanager
def served(**how: Any) -> Iterator[_serve.Handle[Cqc]]:
    """Serve one for a `with` block; `how` as for `Cqc`."""
    with _serve.served(Cqc(**how), BASE) as handle:
        yield handle


SIMULATOR = Cqc
