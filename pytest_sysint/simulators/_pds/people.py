"""The people of the simulator. All are made up; their NHS numbers are those of the public sandbox, or of the range
999 000 0000, which is never given to anybody.
"""

from __future__ import annotations

import copy
from typing import Any

NUMBERS = "https://fhir.nhs.uk/Id/nhs-number"
PLACES = "https://fhir.nhs.uk/Id/ods-organization-code"
_SECURITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
_DISPLAYS = {"U": "unrestricted", "R": "restricted", "V": "very restricted"}
HIDDEN = ("address", "telecom", "contact", "generalPractitioner")
"""What a restricted patient does not show."""

JANE, JAYNE, JANET, MINIMAL = "9000000009", "9000000017", "9000000025", "9000000033"
CURRENT, SUPERSEDED, SECRET, INVALIDATED = "9990000018", "9990000026", "9990000034", "9990000042"
NOBODY = "9111231130"


def is_number(text: str) -> bool:
    """Whether a text is an NHS number: ten digits, the last of which checks the others (modulus 11)."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    return str(check_digit(text[:9])) == text[9]


def check_digit(nine: str) -> int:
    """The tenth digit of an NHS number; 10 for nine digits that never begin one."""
    rest = sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    return 0 if rest == 0 else 11 - rest


def fresh_number(taken: int) -> str:
    """An NHS number of the test range for one who is created, the next after `taken`."""
    while True:
        taken += 1
        nine = f"9991{taken:05d}"
        if check_digit(nine) < 10:
            return f"{nine}{check_digit(nine)}"


def restricted(patient: dict[str, Any]) -> bool:
    """Whether where a patient lives must not be told."""
    return bool(patient["meta"]["security"][0]["code"] in ("R", "V"))


def shown(patient: dict[str, Any]) -> dict[str, Any]:
    """The patient as others may see them."""
    hidden = HIDDEN if restricted(patient) else ()
    return {key: copy.deepcopy(value) for key, value in patient.items() if key not in hidden}


def identified(number: str, version: str, security: str = "U") -> dict[str, Any]:
    """What every patient has."""
    coding = {"system": _SECURITY, "code": security, "display": _DISPLAYS[security]}
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": NUMBERS, "value": number}],
        "meta": {"versionId": version, "security": [coding]},
    }


def _person(
    number: str, given: str, family: str, gender: str, born: str, postcode: str, *, version: str = "2", code: str = "U"
) -> dict[str, Any]:
    period = {"start": "2020-01-01"}
    practice = {"system": PLACES, "value": "Y12345", "period": period}
    return {
        **identified(number, version, code),
        "name": [{"id": "123", "use": "usual", "period": period, "given": [given], "family": family}],
        "gender": gender,
        "birthDate": born,
        "address": [
            {
                "id": "456",
                "use": "home",
                "period": period,
                "line": ["1 Example Square", "Sample Lane", "Leeds"],
                "postalCode": postcode,
            }
        ],
        "telecom": [
            {"id": "789", "use": "home", "system": "phone", "period": period, "value": "01632960587"},
            {
                "id": "790",
                "use": "home",
                "system": "email",
                "period": period,
                "value": f"{given}.{family}@example.com".lower(),
            },
        ],
        "generalPractitioner": [{"id": "254406A3", "type": "Organization", "identifier": practice}],
    }


def everybody() -> dict[str, dict[str, Any]]:
    """All patients by their NHS numbers, as a simulator starts."""
    people = (
        _person(JANE, "Jane", "Smith", "female", "2010-10-22", "LS1 6AE"),
        _person(JAYNE, "Jayne", "Smyth", "female", "2010-10-22", "LS1 6AE"),
        _person(JANET, "Janet", "Smythe", "female", "2005-06-16", "LS1 4AP", code="R"),
        identified(MINIMAL, "1"),
        _person(CURRENT, "Idris", "Example", "male", "1948-07-05", "CF10 1EP", version="7"),
        _person(SECRET, "Una", "Hidden", "female", "1961-02-28", "M1 1AE", code="V"),
    )
    return {person["id"]: person for person in people}


def related_to(number: str) -> list[dict[str, Any]]:
    """The people related to a patient."""
    count = {JANE: 2, JAYNE: 1}.get(number, 0)
    return [_related(number, index) for index in range(count)]


def _related(number: str, index: int) -> dict[str, Any]:
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": ("MTH", "FTH")[index]}
    return {
        "resourceType": "RelatedPerson",
        "id": f"B3380E9{index}",
        "active": True,
        "patient": {
            "type": "Patient",
            "reference": f"https://api.service.nhs.uk/personal-demographics/FHIR/R4/Patient/{number}",
            "identifier": {"system": NUMBERS, "value": number},
        },
        "relationship": [{"coding": [role]}],
        "period": {"start": "2020-01-01"},
    }
