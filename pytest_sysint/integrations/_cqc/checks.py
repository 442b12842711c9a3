"""The checks that the type brings along: what every client of the CQC API relies on."""

from __future__ import annotations

import math
import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from pytest_sysint.core.built_in import BuiltIn, Findings, first_of
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Garbled
from pytest_sysint.core.integration import Observation
from pytest_sysint.integrations._cqc.operations import Changes, Request, Window, stamp
from pytest_sysint.integrations._cqc.privacy import family_names
from pytest_sysint.integrations._probing import (
    body_of,
    control_of,
    first_answer,
    found_at,
    items_at,
    needs_simulator,
)

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


def _page(context: Context, page: int, size: int) -> Observation:
    return _ask(context, "GET /locations", query={"page": page, "perPage": size})


def _sample(context: Context) -> Observation:
    """The location that checks look at."""
    number = cqc_of(context).settings.sample
    if not number:
        listed = items_at(_page(context, 1, 1).payload, "locations")
        number = str(listed[0].get("locationId", "")) if listed else ""
    if not number:
        raise Garbled("there is no location to look at: the first page of /locations is empty", rung="read")
    return _ask(context, f"GET /locations/{number}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _total(findings: Findings, seen: Observation) -> int | None:
    """How many there are, as the service says; None, and a failure, where it does not."""
    total = body_of(seen).get("total")
    is_told = findings.holds("total", _is_whole(total), repr(total), expected="a whole number")
    return cast("int", total) if is_told else None


def _envelope(context: Context, findings: Findings) -> None:
    seen = _page(context, 1, 10)
    body = body_of(seen)
    findings.equal("status", seen.facts["status"], 200)
    total = _total(findings, seen)
    if total is None:
        return
    findings.equal("page", body.get("page"), 1)
    findings.equal("perPage", body.get("perPage"), 10)
    findings.equal("totalPages", body.get("totalPages"), math.ceil(total / 10))
    findings.equal("items", len(items_at(body, "locations")), min(10, total))
    has_none = not body.get("previousPageUri")
    findings.either("previousPageUri", has_none, "there is none", "there is one", expected="none on the first page")


def _paging(context: Context, findings: Findings) -> None:
    """Three pages, all of the list where a page can hold a third of it."""
    total = _total(findings, _page(context, 1, 1))
    if total is None:
        return
    size = min(_MOST_PER_PAGE, max(1, math.ceil(total / _PAGES)))
    pages = [_page(context, number, size) for number in range(1, _PAGES + 1)]
    ids = [str(item.get("locationId")) for page in pages for item in items_at(page.payload, "locations")]
    twice = [each for each, count in Counter(ids).items() if count > 1]
    once, wrong = f"{len(ids)} items, each once", f"{twice[:3]} stand on two pages"
    findings.either("no item twice", not twice, once, wrong, expected="each item on one page")
    findings.equal("items", len(ids), min(total, size * _PAGES))
    is_end = size * _PAGES >= total
    has_next = bool(body_of(pages[-1]).get("nextPageUri"))
    words = {True: "a next page", False: "no next page"}
    findings.holds("end", has_next is not is_end, words[has_next], expected=words[not is_end])
    findings.metrics["items"] = len(ids)


def _ids(context: Context, findings: Findings) -> None:
    seen = _page(context, 1, 50)
    ids = [item.get("locationId") for item in items_at(seen.payload, "locations")]
    if not findings.holds("items", bool(ids), f"{len(ids)} on the page", expected="some, to look at their ids"):
        return
    odd = [each for each in ids if not _is_id(each)]
    wrong = f"{len(odd)} of another form, such as {next(iter(odd), None)!r}"
    findings.either("locationId", not odd, "all of them", wrong, expected="like 1-123456789, or an ODS code")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _shape(context: Context, findings: Findings) -> None:
    seen = _sample(context)
    body = body_of(seen)
    asked = (seen.exchange.title if seen.exchange else "").rpartition("/")[2]
    findings.equal("status", seen.facts["status"], 200)
    findings.equal("locationId", body.get("locationId"), asked)
    findings.holds("providerId", _is_id(body.get("providerId")), repr(body.get("providerId")), expected="an id")
    status = body.get("registrationStatus")
    findings.holds("registrationStatus", str(status) in _STATUSES, repr(status), expected=f"one of {sorted(_STATUSES)}")
    home = body.get("careHome")
    findings.holds("careHome", home in ("Y", "N"), repr(home), expected="Y or N")
    beds = body.get("numberOfBeds", 0)
    shown = f"{type(beds).__name__} {beds!r}"
    findings.holds("numberOfBeds", _is_whole(beds), shown, expected="a number, as documented", severity="warn")


def _ratings(context: Context, findings: Findings) -> None:
    body = body_of(_sample(context))
    rated = [body.get("currentRatings"), *items_at(body, "historicRatings")]
    said = [str(word) for each in rated if (word := found_at(each, "overall", "rating"))]
    new = sorted(set(said) - _RATINGS)
    good, bad, expected = f"{len(said)} ratings", f"new words {new}", f"of {sorted(_RATINGS)}"
    findings.either("ratings", not new, good, bad, expected=expected, severity="warn")


def _belonging(context: Context, findings: Findings) -> None:
    location = body_of(_sample(context))
    seen = _ask(context, f"GET /providers/{location.get('providerId')}")
    findings.equal("status", seen.facts["status"], 200)
    told = body_of(seen).get("locationIds")
    own = told if isinstance(told, list) else []
    findings.either(
        "locationIds",
        location.get("locationId") in own,
        "it is named",
        f"it is not among the {len(own)} that are named",
        expected="the provider names the location that names it",
    )


def _private(context: Context, findings: Findings) -> None:
    seen = _sample(context)
    names = family_names(seen.payload)
    evidence = seen.exchange.received if seen.exchange else ""
    found = [name for name in names if name in evidence]
    findings.either(
        "names of people",
        not found,
        f"{len(names)} names, none in the evidence",
        f"{len(found)} of {len(names)} names stand outside the fields of contacts",
        expected="none in the evidence that a report keeps",
    )


def _says(findings: Findings, seen: Observation, word: str) -> None:
    said = str(body_of(seen).get("message", ""))
    findings.holds("message", word in said, said or "nothing", expected=f"it says '{word}'")


def _refused(findings: Findings, seen: Observation, word: str) -> None:
    findings.equal("status", seen.facts["status"], 401)
    findings.equal("statusCode", body_of(seen).get("statusCode"), 401)
    _says(findings, seen, word)


def _no_key(context: Context, findings: Findings) -> None:
    _refused(findings, first_answer(context, "/locations", headers={HEADER: ""}), "missing subscription key")


def _wrong_key(context: Context, findings: Findings) -> None:
    wrong = uuid.uuid4().hex
    seen = first_answer(context, "/locations", headers={HEADER: wrong})
    _refused(findings, seen, "invalid subscription key")
    is_echoed = wrong in str(seen.payload) or wrong in str(seen.facts["headers"])
    findings.either("key", not is_echoed, "the answer does not repeat it", "the answer repeats it")


def _needs_secondary(cqc: Cqc) -> str:
    return "" if len(cqc.keys) > 1 else "declare `secondary_key`"


def _secondary(context: Context, findings: Findings) -> None:
    seen = first_answer(context, "/inspection-areas", headers={HEADER: cqc_of(context).keys[1]})
    findings.equal("secondary key alone: status", seen.facts["status"], 200)


def _fails_over(context: Context, findings: Findings) -> None:
    name = f"sysint-{uuid.uuid4()}"
    control = control_of(context)
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
    good, bad = f"{len(whole)} changes, each in a window", f"{len(lost)} are in no window"
    findings.either("none lost", not lost, good, bad, expected="two windows hold what the whole one holds")
    twice = [each for each, count in (Counter(halves) - Counter(whole)).items() if count]
    bad = f"{len(twice)} are in both windows"
    findings.either("none twice", not twice, "none is in both windows", bad, severity="warn")
    findings.metrics["changes"] = len(whole)


def _changes(context: Context, begin: str, end: str) -> list[str]:
    found = context.perform(Changes(changes=Window(of="location", since=begin, until=end)))
    return list(found.payload)


def _throttled(context: Context, findings: Findings) -> None:
    name = f"sysint-{uuid.uuid4()}"
    control = control_of(context)
    values = {"retry_after": _PAUSE}
    control.tell("faults", {"fault": "429", "times": 2, "headers": {"user-agent": name}, "values": values})
    first = first_answer(context, "/inspection-areas", headers={"user-agent": name})
    findings.equal("status", first.facts["status"], 429)
    findings.equal("Retry-After", first.facts["headers"].get("retry-after"), str(_PAUSE))
    _says(findings, first, "Rate limit is exceeded")
    findings.equal(
        "in the end", _ask(context, "GET /inspection-areas", headers={"user-agent": name}).facts["status"], 200
    )
    at = [each["at"] for each in control.requests("user-agent", name)]
    if not findings.equal("requests", len(at), 3):
        return
    waited = at[2] - at[1]
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
        obstacle=first_of(needs_simulator, _needs_secondary),
    ),
    BuiltIn("contract", "changes follow window by window", _windows, "What changed is in one of two windows."),
    BuiltIn(
        "contract", "the rate limit is waited for", _throttled, "429 says how long: this client waits so long.",
        obstacle=needs_simulator,
    ),
)  # fmt: skip
