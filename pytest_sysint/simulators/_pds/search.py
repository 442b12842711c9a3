"""Searching for patients: which parameters there are, and whom they fit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_sysint.simulators._app import Answered
from pytest_sysint.simulators._pds.outcomes import FHIR, invalid, outcome, refuse
from pytest_sysint.simulators._pds.people import restricted, shown

PARAMETERS = frozenset(
    {
        "family", "given", "gender", "birthdate", "death-date", "address-postalcode", "address-postcode",
        "general-practitioner", "email", "phone",
        "_fuzzy-match", "_exact-match", "_history", "_max-results",
    }
)  # fmt: skip
_DATE = re.compile(r"(eq|ge|le)?(\d{4}-\d{2}-\d{2})")
_GENDERS = frozenset({"male", "female", "other", "unknown"})
_ALIKE = 0.7
"""From here on two names are alike enough for a fuzzy search."""


def refusal(query: Iterable[tuple[str, str]], *, only_one: bool) -> Answered | None:
    """What is wrong with a search; None when nothing is. `only_one`: more than one result may not be asked for."""
    asked: dict[str, str] = {}
    for name, value in query:
        if name not in PARAMETERS:
            said = f"Invalid request with error - Additional properties are not allowed ('{name}' was unexpected)"
            return refuse(400, "ADDITIONAL_PROPERTIES", said)
        if name == "birthdate" and not _DATE.fullmatch(value):
            return invalid(value, "field 'birthdate'")
        asked[name] = value
    if "gender" in asked and asked["gender"] not in _GENDERS:
        return invalid(asked["gender"], "field 'gender'")
    if most := _misfit_of_most(asked.get("_max-results", "1"), only_one=only_one):
        return most
    if not asked.get("birthdate") or not asked.get("family"):
        if asked.keys() & {"email", "phone"} or asked.get("_fuzzy-match") == "true":
            return None
        return refuse(400, "INVALID_SEARCH_DATA", "Invalid search data provided - family and birthdate are required")
    return None


def _misfit_of_most(text: str, *, only_one: bool) -> Answered | None:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 50:
        return invalid(text, "field '_max-results'")
    if only_one and int(text) > 1:
        said = "Your app has insufficient permissions to perform this search. Please contact support."
        return refuse(403, "INVALID_VALUE", said)
    return None


def matches(query: Iterable[tuple[str, str]], people: Iterable[Mapping[str, Any]]) -> list[tuple[float, Any]]:
    """Who fits, with their scores, best first."""
    asked = list(query)
    is_fuzzy = ("_fuzzy-match", "true") in asked
    found = [(score, person) for person in people if (score := _score(asked, person, is_fuzzy)) > 0]
    return sorted(found, key=lambda each: (-each[0], each[1]["id"]))


def _score(asked: list[tuple[str, str]], person: Mapping[str, Any], is_fuzzy: bool) -> float:
    """How well somebody fits, from 0 to 1: as well as in what fits worst."""
    try:
        return round(min((_fit(name, value, person, is_fuzzy) for name, value in asked), default=0.0), 4)
    except (KeyError, IndexError, TypeError, AttributeError):
        return 0.0  # somebody who lacks what is asked for: the minimal one, or one who was created or changed so


def _fit(name: str, value: str, person: Mapping[str, Any], is_fuzzy: bool) -> float:
    usual = person["name"][0]
    if name == "family":
        return _alike(value, usual["family"], is_fuzzy)
    if name == "given":
        return max(_alike(value, each, is_fuzzy) for each in usual["given"])
    if name == "gender":
        return float(value == person["gender"])
    if name == "birthdate":
        return float(_dated(value, person["birthDate"]))
    if name in ("email", "phone"):
        return _reached(name, value, person)
    if name.startswith("address-post"):
        return 0.0 if restricted(dict(person)) else _alike(value, person["address"][0]["postalCode"], False)
    if name == "general-practitioner":
        return float(value == person["generalPractitioner"][0]["identifier"]["value"])
    return 0.0 if name == "death-date" else 1.0


def _reached(system: str, value: str, person: Mapping[str, Any]) -> float:
    if restricted(dict(person)):
        return 0.0
    known = [each["value"] for each in person["telecom"] if each["system"] == system]
    return float(value.casefold() in known)


def _alike(asked: str, known: str, is_fuzzy: bool) -> float:
    asked, known = asked.casefold(), known.casefold()
    if "*" in asked:
        pattern = ".*".join(re.escape(part) for part in asked.split("*"))
        return 0.8343 if len(asked.partition("*")[0]) >= 2 and re.fullmatch(pattern, known) else 0.0
    if asked == known:
        return 1.0
    ratio = difflib.SequenceMatcher(None, asked, known).ratio() if is_fuzzy else 0.0
    return ratio if ratio >= _ALIKE else 0.0


def _dated(asked: str, known: str) -> bool:
    found = _DATE.fullmatch(asked)
    assert found is not None
    prefix, day = found[1] or "eq", found[2]
    return {"eq": known == day, "ge": known >= day, "le": known <= day}[prefix]


def bundle(found: list[tuple[float, Any]], base: str, *, total: int | None = None) -> dict[str, Any]:
    """The Bundle that tells of them."""
    entries = [
        {"fullUrl": f"{base}/Patient/{each['id']}", "search": {"score": score}, "resource": shown(each)}
        for score, each in found
    ]
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "total": len(entries) if total is None else total,
        **({"entry": entries} if entries else {}),
    }


def too_many() -> Answered:
    """A success that holds no patient."""
    return Answered(200, outcome("TOO_MANY_MATCHES"), media=FHIR)
