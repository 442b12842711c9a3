"""The providers and locations of the simulator. All are made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

PROVIDERS = 3
FIRST_CHANGE = datetime(2026, 1, 1, tzinfo=UTC)
"""From then on something changes every hour."""
_RATINGS = ("Outstanding", "Good", "Requires improvement", "Inadequate")
_QUESTIONS = ("Safe", "Effective", "Caring", "Responsive", "Well-led")
_AUTHORITIES = (("Leeds", "Yorkshire and The Humber"), ("Camden", "London"), ("Cornwall", "South West"))


def provider_id(index: int) -> str:
    """The id of the provider with that number, from 0."""
    return f"1-{101_000_001 + index}"


def location_id(index: int) -> str:
    """The id of the location with that number, from 0."""
    return f"1-{201_000_001 + index}"


def location(index: int) -> dict[str, Any]:
    """A location. Every fifth is deregistered, every seventh has lost its current ratings and kept the old ones."""
    authority, region = _AUTHORITIES[index % len(_AUTHORITIES)]
    is_home, is_gone = index % 2 == 0, index % 5 == 4
    rating = _rating(index)
    return {
        "locationId": location_id(index),
        "providerId": provider_id(index % PROVIDERS),
        "organisationType": "Location",
        "type": "Social Care Org",
        "name": f"Example House {index + 1}",
        "odsCode": f"VX{index:03d}",
        "registrationStatus": "Deregistered" if is_gone else "Registered",
        "registrationDate": "2015-04-01",
        **({"deregistrationDate": "2024-03-31"} if is_gone else {}),
        "onspdLatitude": 53.8 + index / 1000,
        "onspdLongitude": -1.55,
        "careHome": "Y" if is_home else "N",
        "inspectionDirectorate": "Adult social care",
        "postalAddressLine1": f"{index + 1} Sample Street",
        "postalAddressTownCity": authority,
        "postalAddressCounty": region,
        "postalCode": f"ZZ{index % 10} {index % 9}AA",
        "region": region,
        "mainPhoneNumber": f"01632960{index:03d}",
        "numberOfBeds": 20 + index if is_home else 0,
        "constituency": f"{authority} Central",
        "localAuthority": authority,
        "lastInspection": {"date": "2025-02-03"},
        "lastReport": {"publicationDate": "2025-03-04"},
        "relationships": [],
        "locationTypes": [{"type": "Social Care Org"}],
        "regulatedActivities": [_activity(index)],
        "gacServiceTypes": [{"name": "Residential homes", "description": "Care home service without nursing"}],
        "specialisms": [{"name": "Dementia"}],
        "inspectionCategories": [{"code": "S1", "primary": "true", "name": "Residential social care"}],
        "inspectionAreas": [],
        "currentRatings": {} if index % 7 == 6 else {"overall": rating},
        "historicRatings": [{"reportLinkId": f"old-{index}", "reportDate": "2021-05-06", "overall": rating}],
        "reports": [
            {
                "linkId": f"report-{index}",
                "reportDate": "2025-03-04",
                "firstVisitDate": "2025-02-03",
                "reportUri": f"/reports/report-{index}",
                "reportType": "Location",
                "relatedDocuments": [],
            }
        ],
    }


def _activity(index: int) -> dict[str, Any]:
    contact = {
        "personTitle": "Ms",
        "personGivenName": f"Marigold{index}",
        "personFamilyName": f"Testington{index}",
        "personRoles": ["Registered Manager"],
    }
    return {"name": "Accommodation for persons who require nursing care", "code": "RA2", "contacts": [contact]}


def _rating(index: int) -> dict[str, Any]:
    word = _RATINGS[index % len(_RATINGS)]
    return {
        "rating": word,
        "reportDate": "2025-03-04",
        "reportLinkId": f"report-{index}",
        "keyQuestionRatings": [{"name": name, "rating": word} for name in _QUESTIONS],
    }


def provider(index: int, locations: int) -> dict[str, Any]:
    """A provider, with the ids of those of so many locations that are its own."""
    return {
        "providerId": provider_id(index),
        "locationIds": [location_id(each) for each in range(locations) if each % PROVIDERS == index],
        "organisationType": "Provider",
        "ownershipType": "Organisation",
        "type": "Social Care Org",
        "name": f"Example Care {index + 1} Limited",
        "companiesHouseNumber": f"0000000{index}",
        "charityNumber": "",
        "postalAddressLine1": f"{index + 1} Head Office Road",
        "postalAddressTownCity": "Leeds",
        "postalCode": "ZZ1 1ZZ",
        "region": "Yorkshire and The Humber",
        "registrationStatus": "Registered",
        "registrationDate": "2011-01-20",
        "contacts": [
            {
                "personTitle": "Mr",
                "personGivenName": f"Basil{index}",
                "personFamilyName": f"Sampleworth{index}",
                "personRoles": ["Nominated Individual"],
            }
        ],
    }


def changes(ids: list[str]) -> list[tuple[datetime, str]]:
    """When what changed: one an hour, in the order of the ids."""
    return [(FIRST_CHANGE + timedelta(hours=index), each) for index, each in enumerate(ids)]
