"""The checks that the type brings along: what every client of the CQC API relies on."""

from __future__ import annotations

import math
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pytest_sysint.core.built_in import BuiltIn, Findings
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Garbled
from pytest_sysint.core.integration import Observation
from pytest_sysint.integrations._cqc.operations import Changes, Request, Window, stamp
from pytest_sysint.integrations._cqc.privacy import family_names
from pytest_sysint.integrations._simulated import Control

if TYPE_CHECKING:
    from pytest_sysint.integrations.cqc import Cqc

HEADER = "Ocp-Apim-Subscription-Key"
_PAGES = 3
_MOST_PER_PAGE = 1000
_ID = re.compile(r"1-\d+|[A-Z][A-Z0-9]{2,9}")
"""The number of a registration; trusts of the NHS have their ODS code instead."""
_STATUSES = frozenset({"Registered", "Deregistered"})
_RATINGS = frozenset(
    {
        "Outstanding", "Good", "Requires improvement", "Inadequate",
        "Inspected but not rated", "Not rated", "No published rating", "Insufficient evidence to rate",
    }
)  # fmt: skip
_PAUSE = 1


def cqc_of(context: Context) -> Cqc:
    """The live integration."""
    return cast("Cqc", context.integration)


def _ask(context: Context, request: str, **options: Any) -> Observation:
    return context.perform(Request.model_validate({"request": request, **options}))


def _body(seen: Observation) -> Mapping[str, Any]:
    return seen.payload if isinstance(seen.payload, Mapping) else {}


def _items(seen: Observation, key: str) -> list[Mapping[str, Any]]:
    found = _body(seen).get(key)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _page(context: Context, page: int, size: int) -> Observation:
    return _ask(context, "GET /locations", query={"page": page, "perPage": size})


def _sample(context: Context) -> Observation:
    """The location that checks look at."""
    number = cqc_of(context).settings.sample
    if not number:
        listed = _items(_page(context, 1, 1), "locations")
        number = str(listed[0].get("locationId", "")) if listed else ""
    if not number:
        raise Garbled("there is no location to look at: the first page of /locations is empty", rung="read")
    return _ask(context, f"GET /locations/{number}")


def _envelope(context: Context, findings: Findings) -> None:
    seen = _page(context, 1, 10)
    body, items = _body(seen), _items(seen, "locations")
    findings.equal("status", seen.facts["status"], 200)
    total = body.get("total")
    is_number = isinstance(total, int) and not isinstance(total, bool)
    if not findings.holds("total", is_number, repr(total), expected="a whole number"):
        return
    findings.equal("page", body.get("page"), 1)
    findings.equal("perPage", body.get("perPage"), 10)
    findings.equal("totalPages", body.get("totalPages"), math.ceil(cast("int", total) / 10))
    findings.equal("items", len(items), min(10, cast("int", total)))
    has_previous = bool(body.get("previousPageUri"))
    shown = "there is one" if has_previous else "there is none"
    findings.holds("previousPageUri", not has_previous, shown, expected="none on the first page")


def _paging(context: Context, findings: Findings) -> None:
    """Three pages, all of the list where a page can hold a third of it."""
    total = int(_body(_page(context, 1, 1)).get("total", 0))
    size = min(_MOST_PER_PAGE, max(1, math.ceil(total / _PAGES)))
    pages = [_page(context, number, size) for number in range(1, _PAGES + 1)]
    ids = [str(item.get("locationId")) for page in pages for item in _items(page, "locations")]
    twice = [each for each, count in Counter(ids).items() if count > 1]
    shown = f"{twice[:3]} stand on two pages" if twice else f"{len(ids)} items, each once"
    findings.holds("no item twice", not twice, shown, expected="each item on one page")
    findings.equal("items", len(ids), min(total, size * _PAGES))
    is_end = size * _PAGES >= total
    has_next = bool(_body(pages[-1]).get("nextPageUri"))
    words = {True: "a next page", False: "no next page"}
    findings.holds("end", has_next is not is_end, words[has_next], expected=words[not is_end])
    findings.metrics["items"] = len(ids)


def _ids(context: Context, findings: Findings) -> None:
    seen = _page(context, 1, 50)
    odd = [item.get("locationId") for item in _items(seen, "locations") if not _is_id(item.get("locationId"))]
    shown = f"{len(odd)} of another form, such as {odd[0]!r}" if odd else "all of them"
    findings.holds("locationId", not odd, shown, expected="like 1-123456789, or an ODS code")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _shape(context: Context, findings: Findings) -> None:
    seen = _sample(context)
    body = _body(seen)
    asked = (seen.exchange.title if seen.exchange else "").rpartition("/")[2]
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("locationId", body.get("locationId"), asked)
    findings.holds("providerId", _is_id(body.get("providerId")), repr(body.get("providerId")), expected="an id")
    status = body.get("registrationStatus")
    findings.holds("registrationStatus", status in _STATUSES, repr(status), expected=f"one of {sorted(_STATUSES)}")
    home = body.get("careHome")
    findings.holds("careHome", home in ("Y", "N"), repr(home), expected="Y or N")
    beds = body.get("numberOfBeds", 0)
    is_number = isinstance(beds, int) and not isinstance(beds, bool)
    shown = f"{type(beds).__name__} {beds!r}"
    findings.holds("numberOfBeds", is_number, shown, expected="a number, as documented", severity="warn")


def _ratings(context: Context, findings: Findings) -> None:
    body = _body(_sample(context))
    current, historic = body.get("currentRatings") or {}, body.get("historicRatings") or []
    words = [_word(current), *(_word(each) for each in historic)]
    said = [word for word in words if word]
    new = sorted(set(said) - _RATINGS)
    shown = f"new words {new}" if new else f"{len(said)} ratings"
    findings.holds("ratings", not new, shown, expected=f"of {sorted(_RATINGS)}", severity="warn")


def _word(ratings: Any) -> str:
    overall = ratings.get("overall") if isinstance(ratings, Mapping) else None
    return str(overall.get("rating", "")) if isinstance(overall, Mapping) else ""


def _belonging(context: Context, findings: Findings) -> None:
    location = _body(_sample(context))
    seen = _ask(context, f"GET /providers/{location.get('providerId')}")
    findings.equal("status", seen.facts["status"], 200)
    own = _body(seen).get("locationIds") or []
    is_named = location.get("locationId") in own
    shown = "it is named" if is_named else f"it is not among the {len(own)} that are named"
    findings.holds("locationIds", is_named, shown, expected="the provider names the location that names it")


def _private(context: Context, findings: Findings) -> None:
    seen = _sample(context)
    names = family_names(seen.payload)
    evidence = seen.exchange.received if seen.exchange else ""
    found = [name for name in names if name in evidence]
    shown = f"{len(found)} of {len(names)} names stand outside the fields of contacts" if found else (
        f"{len(names)} names, none in the evidence"
    )  # fmt: skip
    findings.holds("names of people", not found, shown, expected="none in the evidence that a report keeps")


def _refused(findings: Findings, seen: Observation, word: str) -> str:
    findings.equal("status", seen.facts["status"], 401)
    findings.equal("statusCode", _body(seen).get("statusCode"), 401)
    said = str(_body(seen).get("message", ""))
    findings.holds("message", word in said, said or "nothing", expected=f"it says '{word}'")
    return said


def _no_key(context: Context, findings: Findings) -> None:
    seen = cqc_of(context).once("GET", "/locations", timeout=context.timeout, headers={HEADER: ""})
    context.note(seen.exchange)
    _refused(findings, seen, "missing subscription key")


def _wrong_key(context: Context, findings: Findings) -> None:
    wrong = uuid.uuid4().hex
    seen = cqc_of(context).once("GET", "/locations", timeout=context.timeout, headers={HEADER: wrong})
    context.note(seen.exchange)
    _refused(findings, seen, "invalid subscription key")
    is_echoed = wrong in str(seen.payload) or wrong in str(seen.facts["headers"])
    shown = "the answer repeats it" if is_echoed else "the answer does not repeat it"
    findings.holds("key", not is_echoed, shown, expected="the answer does not repeat it")


def _needs_secondary(cqc: Cqc) -> str:
    return "" if len(cqc.keys) > 1 else "declare `secondary_key`"


def _secondary(context: Context, findings: Findings) -> None:
    cqc = cqc_of(context)
    seen = cqc.once("GET", "/inspection-areas", timeout=context.timeout, headers={HEADER: cqc.keys[1]})
    context.note(seen.exchange)
    findings.equal("secondary key alone: status", seen.facts["status"], 200)


def _fails_over(context: Context, findings: Findings) -> None:
    name = f"sysint-{uuid.uuid4()}"
    control = _control(context)
    control.tell("faults", {"fault": "primary_refused", "headers": {"user-agent": name}})
    again = cqc_of(context).anew(name)
    try:
        seen = again.request("GET", "/inspection-areas", timeout=context.timeout)
        context.note(seen.exchange)
        findings.equal("status", seen.facts["status"], 200)
        findings.equal("key", seen.facts["key"], "secondary")
        again.request("GET", "/inspection-areas", timeout=context.timeout)
    finally:
        again.close()
    statuses = [each["status"] for each in control.requests("user-agent", name)]
    findings.equal("answers", statuses, [401, 200, 200])


def _three_times(cqc: Cqc) -> list[str]:
    """The bounds of two windows: of the simulator's own days, or of the day before yesterday."""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    if cqc.control is None:
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    return [stamp(day + timedelta(hours=hours)) for hours in (0, 6, 12)]


def _windows(context: Context, findings: Findings) -> None:
    begin, middle, end = _three_times(cqc_of(context))
    whole = _changes(context, begin, end)
    halves = [*_changes(context, begin, middle), *_changes(context, middle, end)]
    lost = sorted(set(whole) - set(halves))
    shown = f"{len(lost)} are in no window" if lost else f"{len(whole)} changes, each in a window"
    findings.holds("none lost", not lost, shown, expected="two windows hold what the whole one holds")
    twice = [each for each, count in (Counter(halves) - Counter(whole)).items() if count]
    shown = f"{len(twice)} are in both windows" if twice else "none is in both windows"
    findings.holds("none twice", not twice, shown, expected="none is in both windows", severity="warn")
    findings.metrics["changes"] = len(whole)


def _changes(context: Context, begin: str, end: str) -> list[str]:
    found = context.perform(Changes(changes=Window(of="location", since=begin, until=end)))
    return list(found.payload)


def _control(context: Context) -> Control:
    control = cqc_of(context).control
    assert control is not None  # the obstacle has said so
    return control


def _needs_simulator(cqc: Cqc) -> str:
    if cqc.control is not None:
        return ""
    return "it provokes a fault, which the simulator can be asked for and a service that others use must not be"


def _throttled(context: Context, findings: Findings) -> None:
    name = f"sysint-{uuid.uuid4()}"
    control = _control(context)
    values = {"retry_after": _PAUSE}
    control.tell("faults", {"fault": "429", "times": 2, "headers": {"user-agent": name}, "values": values})
    first = cqc_of(context).once("GET", "/inspection-areas", timeout=context.timeout, headers={"user-agent": name})
    context.note(first.exchange)
    findings.equal("status", first.facts["status"], 429)
    findings.equal("Retry-After", first.facts["headers"].get("retry-after"), str(_PAUSE))
    said = str(_body(first).get("message", ""))
    findings.holds("message", "Rate limit is exceeded" in said, said or "nothing", expected="it says so")
    findings.equal(
        "in the end", _ask(context, "GET /inspection-areas", headers={"user-agent": name}).facts["status"], 200
    )
    at = [each["at"] for each in control.requests("user-agent", name)]
    waited = at[-1] - at[-2]
    findings.holds("pause", waited >= _PAUSE, f"{waited:.2f}s", expected=f"{_PAUSE}s at least, as was asked for")


BUILT_IN = (
    BuiltIn("contract", "a page tells its place", _envelope, "total, page, perPage and totalPages agree."),
    BuiltIn("contract", "pages hold every item once", _paging, "No item is on two pages, none is lost, and they end."),
    BuiltIn("contract", "ids have their form", _ids, "Like 1-123456789; trusts have their ODS code."),
    BuiltIn("contract", "a location has the promised shape", _shape, "Ids, status, care home; the type of its beds."),
    BuiltIn("contract", "ratings are of the known words", _ratings, "A new one is a warning: clients must not break."),
    BuiltIn("contract", "a provider names its locations", _belonging, "Both sides of the relation agree."),
    BuiltIn("contract", "names of people stay out of the evidence", _private, "Contacts are masked in what is kept."),
    BuiltIn("contract", "no key is no access", _no_key, "401 that says so."),
    BuiltIn("contract", "a wrong key is no access", _wrong_key, "401 that says so, and does not repeat the key."),
    BuiltIn(
        "contract", "the secondary key is as good", _secondary, "Else there is none when the primary is renewed.",
        obstacle=_needs_secondary,
    ),
    BuiltIn(
        "contract", "a refused primary key is replaced", _fails_over, "This client goes on with the secondary key.",
        obstacle=lambda cqc: _needs_simulator(cqc) or _needs_secondary(cqc),
    ),
    BuiltIn("contract", "changes follow window by window", _windows, "What changed is in one of two windows."),
    BuiltIn(
        "contract", "the rate limit is waited for", _throttled, "429 says how long: this client waits so long.",
        obstacle=_needs_simulator,
    ),
)  # fmt: skip
