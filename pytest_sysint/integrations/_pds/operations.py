"""What can be asked of PDS."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import Field, field_validator

from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.integrations import _http
from pytest_sysint.integrations._pds.numbers import is_made_up
from pytest_sysint.integrations._pds.outcomes import NO_OUTCOME

_IN_PATH = re.compile(r"/Patient/(\d{10})(?:[/?]|$)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUCCESS = {"status": "< 400", **NO_OUTCOME}


def number_in(path: str) -> str:
    """The NHS number in a path; empty without one."""
    found = _IN_PATH.search(path)
    return found[1] if found else ""


def _shown(number: str) -> str:
    """A number as a name of a check may show it."""
    return number if is_made_up(number) else "***"


def _ten_digits(text: str) -> str:
    if not re.fullmatch(r"[0-9]{10}", text):
        raise ValueError("an NHS number is ten digits, in quotes: '9000000009'")
    return text


class _Read(Operation):
    """One GET."""

    @abstractmethod
    def path(self) -> str:
        """What is asked for."""

    def query(self) -> dict[str, Any]:
        """Its parameters."""
        return {}

    def default_expect(self) -> dict[str, Any]:
        return _SUCCESS

    def perform(self, integration: Any, timeout: float) -> Observation:
        seen: Observation = integration.request("GET", self.path(), timeout=timeout, **self._options())
        return seen

    def reproduce(self, integration: Any) -> str:
        return str(integration.curl("GET", self.path(), self._options()))

    def _options(self) -> dict[str, Any]:
        query = self.query()
        return {"query": query} if query else {}


class Patient(_Read):
    """Reads a patient by NHS number. Facts: `outcome`, `etag`, `version`, `superseded_by`."""

    patient: str
    """The NHS number, in quotes."""

    _digits = field_validator("patient")(_ten_digits)

    def title(self) -> str:
        return f"patient {_shown(self.patient)}"

    def path(self) -> str:
        return f"/Patient/{self.patient}"

    def default_expect(self) -> dict[str, Any]:
        # A superseded number is answered with the current one: whoever keeps the old number must hear of it.
        return {**_SUCCESS, "superseded_by": {"warn": {"equals": None}}}


class RelatedPersons(_Read):
    """Reads the people related to a patient. Facts: `total`, `outcome`."""

    related_persons: str
    """The NHS number of the patient, in quotes."""

    _digits = field_validator("related_persons")(_ten_digits)

    def title(self) -> str:
        return f"related to patient {_shown(self.related_persons)}"

    def path(self) -> str:
        return f"/Patient/{self.related_persons}/RelatedPerson"


class Search(_Read):
    """Searches for patients. Facts: `total`, and `outcome`: `TOO_MANY_MATCHES` is no success."""

    search: dict[str, str | int | bool | list[str]] = Field(min_length=1)
    """The parameters: `{family: Smith, gender: female, birthdate: 2010-10-22}`; a date without a prefix is `eq`."""

    def title(self) -> str:
        return f"search by {', '.join(self.search)}"

    def path(self) -> str:
        return "/Patient"

    def query(self) -> dict[str, Any]:
        return {name: _dated(value) for name, value in self.search.items()}


def _dated(value: Any) -> Any:
    if isinstance(value, list):
        return [_dated(item) for item in value]
    return f"eq{value}" if isinstance(value, str) and _DAY.fullmatch(value) else value


class Status(Operation):
    """Asks PDS whether it and what it stands on are well."""

    status: Literal["pass", "warn", "fail"]
    """What it must say: `pass`."""

    def title(self) -> str:
        return f"status is {self.status}"

    def default_expect(self) -> dict[str, Any]:
        return {"status": 200, "$.status": self.status}

    def perform(self, integration: Any, timeout: float) -> Observation:
        headers: Mapping[str, str] = {"apikey": integration.application}
        seen: Observation = integration.request("GET", "/_status", timeout=timeout, headers=headers)
        return seen


class Request(_http.Request):
    """One HTTP request to PDS, with the ids and the token that it wants; see the type `rest` for the fields."""

    request: str
    """Method and path, such as `GET /Patient/9000000009`; the path continues that of the url."""

    def default_expect(self) -> dict[str, Any]:
        return _SUCCESS

    def title(self) -> str:
        head, _, query = self.request.partition("?")
        number = number_in(head)
        shown = head.replace(number, _shown(number)) if number else head
        return f"{shown} by {', '.join(dict(parse_qsl(query, keep_blank_values=True)))}" if query else shown
