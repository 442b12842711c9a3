"""Changing patients: JSON Patch under a precondition, and creating them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.simulators._app import Answered, Asked
from pytest_sysint.simulators._pds.outcomes import FHIR, missing, outcome, refuse
from pytest_sysint.simulators._pds.people import fresh_number, identified, shown

_TAG = re.compile(r'W/"(\d+)"')
_FIXED = frozenset({"id", "meta", "identifier", "resourceType"})
_OPERATIONS = frozenset({"add", "replace", "remove", "test"})


@dataclass(frozen=True, slots=True)
class Leniency:
    """What is not looked at."""

    any_json: bool = False
    """Every content type that begins with application/json is taken, as the public sandbox does."""
    no_precondition: bool = False
    stale: bool = False


def patch(asked: Asked, patient: Mapping[str, Any], lenient: Leniency) -> dict[str, Any] | Answered:
    """The patient as changed, or why not."""
    bad = _bad_precondition(asked, patient, lenient) or _bad_type(asked, lenient)
    if bad is not None:
        return bad
    told = asked.json()
    patches = told.get("patches") if isinstance(told, dict) else None
    if not isinstance(patches, list) or not patches:
        return refuse(400, "INVALID_UPDATE", "Invalid update with error - Invalid patch - Missing 'patches'")
    changed = copy.deepcopy(dict(patient))
    for step in patches:
        try:
            _apply(changed, step)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return refuse(400, "INVALID_UPDATE", f"Invalid update with error - Invalid patch - {error}")
    changed["meta"]["versionId"] = str(int(patient["meta"]["versionId"]) + 1)
    return changed


def _bad_precondition(asked: Asked, patient: Mapping[str, Any], lenient: Leniency) -> Answered | None:
    given = asked.header("if-match")
    if lenient.no_precondition and not given:
        return None
    found = _TAG.fullmatch(given)
    if found is None:
        why = f"Invalid value - '{given}' in header 'If-Match'"
        said = why if given else "Invalid request with error - If-Match header must be supplied to update this resource"
        return refuse(412, "PRECONDITION_FAILED", said)
    version = patient["meta"]["versionId"]
    if found[1] == version or lenient.stale:
        return None
    said = f"Resource version mismatch - the current version is not {found[1]}"
    return refuse(409, "RESOURCE_VERSION_MISMATCH", said)


def _bad_type(asked: Asked, lenient: Leniency) -> Answered | None:
    media = asked.header("content-type").partition(";")[0].strip().lower()
    if not media:
        return missing("Content-Type", "update")
    if media == "application/json-patch+json" or (lenient.any_json and media.startswith("application/json")):
        return None
    return refuse(400, "UNSUPPORTED_SERVICE", f"Invalid value - '{media}' in header 'Content-Type'")


def _apply(patient: dict[str, Any], step: Any) -> None:
    """One operation of RFC 6902."""
    operation, path = step["op"], str(step["path"])
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    if operation not in _OPERATIONS or not parts or parts[0] in _FIXED:
        raise ValueError(f"operation '{operation}' of '{path}' is not allowed")
    place: Any = patient
    for part in parts[:-1]:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if isinstance(place, list):
        _apply_to_list(place, parts[-1], operation, step)
    else:
        _apply_to_map(place, parts[-1], operation, step)


def _apply_to_list(place: list[Any], last: str, operation: str, step: Mapping[str, Any]) -> None:
    if operation == "add":
        place.insert(len(place) if last == "-" else int(last), step["value"])
    elif operation == "replace":
        place[int(last)] = step["value"]
    elif operation == "remove":
        del place[int(last)]
    elif place[int(last)] != step["value"]:
        raise ValueError(f"'{step['path']}' is not what was tested for")


def _apply_to_map(place: dict[str, Any], last: str, operation: str, step: Mapping[str, Any]) -> None:
    if operation == "remove":
        del place[last]
    elif operation == "test":
        if place.get(last) != step["value"]:
            raise ValueError(f"'{step['path']}' is not what was tested for")
    elif operation == "add" or last in place:
        place[last] = step["value"]
    else:
        raise ValueError(f"'{step['path']}' is not there to be replaced")


def create(asked: Asked, people: dict[str, dict[str, Any]], *, keep: bool) -> Answered:
    """A new patient, unless there are some who may be the same."""
    told: Any = asked.json()
    try:
        family, born = told["name"][0]["family"], told["birthDate"]
    except (TypeError, KeyError, IndexError):
        return refuse(400, "MISSING_VALUE", "Missing value - 'name/0/family' and 'birthDate'")
    alike = [each for each in people.values() if _is_alike(each, family, born)]
    if alike:
        return Answered(200, outcome("SINGLE_MATCH" if len(alike) == 1 else "MULTIPLE_MATCHES"), media=FHIR)
    number = fresh_number(len(people))
    while number in people:
        number = fresh_number(int(number[4:9]))
    patient = {**told, **identified(number, "1")}
    if keep:
        people[number] = patient
    return Answered(201, shown(patient), {"ETag": 'W/"1"'}, FHIR)


def _is_alike(patient: Mapping[str, Any], family: str, born: str) -> bool:
    try:
        return (patient["name"][0]["family"], patient["birthDate"]) == (family, born)
    except (KeyError, IndexError, TypeError):
        return False
