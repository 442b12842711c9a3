"""A stand-in for the NHS Personal Demographics Service (PDS FHIR R4), with its token endpoint.

    with served(mode="application") as pds:
        pds.simulator.fault("503", times=1)
        pds.simulator.requests(x_request_id="...")

The mode is `application` (application-restricted: a token is needed, nothing can be changed, one result a search) or
`sandbox` (open and without memory, as the public sandbox). Control endpoints beside those that every simulator has:

    POST /_simulator/keys    {"kid", "api_key", "public_key"}: an application that may ask for tokens
    POST /_simulator/tokens  {"api_key"}: a token of a health worker, who may also change what is there
"""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pytest_sysint.core.errors import UsageError, did_you_mean
from pytest_sysint.core.provisioning import Place, Running
from pytest_sysint.simulators import _serve
from pytest_sysint.simulators._app import Answered, Asked, Simulator
from pytest_sysint.simulators._faults import Fault
from pytest_sysint.simulators._pds import people, search, tokens, updates
from pytest_sysint.simulators._pds.faults import FAULTS
from pytest_sysint.simulators._pds.outcomes import FHIR, GATEWAY, invalid, missing, refuse

BASE = "/personal-demographics/FHIR/R4"
Mode = Literal["application", "sandbox"]
MODES: tuple[Mode, ...] = ("application", "sandbox")
RATE = 300
"""Requests a minute of one application, tokens counted too: five a second, as they are pooled."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PATIENT = re.compile(r"/Patient/(?P<number>[^/]+)(?P<related>/RelatedPerson)?")


@dataclass(frozen=True, slots=True)
class _Access:
    """Who asks, and what that allows."""

    api_key: str
    may_change: bool
    only_one: bool


class Pds(Simulator):
    """The simulator.

    Args:
        mode: `application` or `sandbox`.
        rate: requests a minute that one application has; 0 for no limit.
        retry_after: seconds that a 503 asks to wait.
        faults: those to start with.

    """

    name = "nhs_pds"
    own_faults: ClassVar[dict[str, str]] = FAULTS

    def __init__(
        self, mode: Mode = "application", rate: int = RATE, retry_after: int = 5, faults: Iterable[str] = ()
    ) -> None:
        super().__init__(faults)
        self.mode = mode
        self.rate = rate
        self.retry_after = retry_after
        self.people = people.everybody()
        self.tokens = tokens.Tokens()
        self._spent: dict[str, deque[float]] = defaultdict(deque)

    def know(self, kid: str, api_key: str, public_key: str) -> None:
        """Let an application ask for tokens; `public_key` is the PEM of the public half of its key."""
        with self.lock:
            self.tokens.clients[kid] = tokens.Client(api_key, public_key)

    def about(self) -> dict[str, str]:
        return {"mode": self.mode}

    def control(self, asked: Asked, path: str) -> Answered | None:
        told = asked.json()
        if asked.method != "POST" or not isinstance(told, dict):
            return None
        if path == "keys":
            self.know(*(str(told.get(key, "")) for key in ("kid", "api_key", "public_key")))
            return Answered(201, {"kid": told.get("kid")})
        if path == "tokens":
            return Answered(201, {"access_token": self.tokens.issue(str(told.get("api_key", "")), is_user=True)})
        return None

    def trouble(self, fault: Fault, asked: Asked) -> Answered:
        status = int(fault.name)
        if status == 429:
            return self._mirrored(asked, self._throttled(asked, "proxy-wide limit"))
        if status != 503:
            return self._mirrored(asked, refuse(status, "UNABLE_TO_CALL_SERVICE", media=GATEWAY))
        said = refuse(503, "SERVICE_UNAVAILABLE", "The downstream service is temporarily unavailable.", GATEWAY)
        if not self._broken("no_retry_after", asked):
            said = said.with_headers(retry_after=str(fault.values.get("retry_after", self.retry_after)))
        return self._mirrored(asked, said)

    def answer(self, asked: Asked) -> Answered:
        if asked.path == tokens.PATH:
            url = f"http://{asked.header('host')}{tokens.PATH}"
            return self.tokens.answer(asked, url, lambda name: self._broken(name, asked))
        if not asked.path.startswith(f"{BASE}/"):
            return Answered(404, {"error": "nothing is served at this path"})
        return self._mirrored(asked, self._below(asked, asked.path.removeprefix(BASE)))

    def _broken(self, name: str, asked: Asked) -> bool:
        return self.faults.met(name, asked) is not None

    def _mirrored(self, asked: Asked, answered: Answered) -> Answered:
        if self._broken("no_mirror", asked):
            return answered
        sent = {name: asked.header(name) for name in ("X-Request-ID", "X-Correlation-ID") if asked.header(name)}
        return replace(answered, headers={**answered.headers, **sent})

    def _below(self, asked: Asked, path: str) -> Answered:
        if path == "/_ping":
            return Answered(200, {"version": "simulator", "revision": "1", "releaseId": "1", "commitId": "0" * 40})
        if path == "/_status":
            return self._status(asked)
        access = self._access(asked)
        if isinstance(access, Answered):
            return self._plain(asked, access)
        if self._too_fast(access.api_key):
            return self._throttled(asked, "application quota")
        return self._plain(asked, self._serve(asked, path, access))

    def _plain(self, asked: Asked, answered: Answered) -> Answered:
        if answered.status >= 400 and self._broken("plain_errors", asked):
            return Answered(answered.status, "something went wrong", media="text/plain")
        return answered

    def _status(self, asked: Asked) -> Answered:
        if not asked.header("apikey"):
            return Answered(401, {"error": "Access Denied", "error_description": "apikey header is missing"})
        is_down = self._broken("spine_down", asked)
        word, code = ("fail", 503) if is_down else ("pass", 200)
        spine = {"status": word, "timeout": "false", "responseCode": code, "outcome": word, "links": {"self": "spine"}}
        return Answered(200, {"status": word, "checks": {"spine:status": [spine]}})

    def _access(self, asked: Asked) -> _Access | Answered:
        given = asked.header("authorization")
        is_open = self.mode == "sandbox" or self._broken("open_without_token", asked)
        if not given:
            if is_open:
                return _Access("", may_change=self.mode == "sandbox", only_one=self.mode != "sandbox")
            return refuse(401, "ACCESS_DENIED", "Missing access token", GATEWAY)
        scheme, _, text = given.partition(" ")
        token = self.tokens.find(text) if scheme.lower() == "bearer" else None
        if token is None and self._broken("any_token_accepted", asked):
            token = tokens.Token("", time.time())
        if token is None:
            return refuse(401, "ACCESS_DENIED", "Invalid Access Token", GATEWAY)
        may_change = token.is_user or self.mode == "sandbox"
        return _Access(token.api_key, may_change, only_one=not may_change)

    def _too_fast(self, api_key: str) -> bool:
        spent, now = self._spent[api_key], time.monotonic()
        while spent and spent[0] < now - 60:
            spent.popleft()
        if self.rate and len(spent) >= self.rate:
            return True
        spent.append(now)
        return False

    def _throttled(self, asked: Asked, limit: str) -> Answered:
        if self._broken("throttled_in_plain_text", asked):
            return Answered(429, "slow down", media="text/plain")
        said = f"You have exceeded the {limit}. The request has been rejected; try again later."
        return refuse(429, "TOO_MANY_REQUESTS", said, GATEWAY)

    def _serve(self, asked: Asked, path: str, access: _Access) -> Answered:
        found = _PATIENT.fullmatch(path)
        if path == "/Patient":
            return self._bad_header(asked) or self._patients(asked, access)
        if path == "/Coverage":
            return self._bad_header(asked) or self._coverage(asked, access)
        if found and asked.method == "GET":
            number = found["number"]
            bad = self._bad_header(asked) or self._bad_number(asked, number)
            return bad or (self._related(asked, number) if found["related"] else self._patient(asked, number))
        if found and asked.method == "PATCH" and not found["related"]:
            number = found["number"]
            bad = self._bad_number(asked, number) or self._bad_header(asked)
            return bad or self._change(asked, number, access)
        return refuse(400, "UNSUPPORTED_SERVICE")

    def _bad_header(self, asked: Asked) -> Answered | None:
        given = asked.header("x-request-id")
        if not given:
            lenient = self._broken("accepts_missing_request_id", asked)
            return None if lenient else missing("X-Request-ID")
        for name, is_good in (
            ("X-Request-ID", _UUID.fullmatch(given) or self._broken("accepts_any_request_id", asked)),
            ("NHSD-Session-URID", (asked.header("nhsd-session-urid") or "0").isdigit()),
        ):
            if not is_good:
                return invalid(asked.header(name), f"header '{name}'")
        return None

    def _bad_number(self, asked: Asked, number: str) -> Answered | None:
        if people.is_number(number) or self._broken("accepts_invalid_number", asked):
            return None
        return refuse(400, "INVALID_RESOURCE_ID", f"Invalid value - '{number}' in field 'id'")

    def _find(self, asked: Asked, number: str) -> dict[str, Any] | Answered:
        if number == people.INVALIDATED:
            return refuse(404, "INVALIDATED_RESOURCE")
        if number == people.SUPERSEDED:
            current = self.people[people.CURRENT]
            return {**current, "id": number} if self._broken("superseded_not_told", asked) else current
        return self.people.get(number) or refuse(404, "RESOURCE_NOT_FOUND")

    def _patient(self, asked: Asked, number: str) -> Answered:
        found = self._find(asked, number)
        if isinstance(found, Answered):
            return found
        leaks = people.restricted(found) and self._broken("restricted_leaks_address", asked)
        told = dict(found) if leaks else people.shown(found)
        if self._broken("wrong_identifier_system", asked):
            told["identifier"] = [{"system": "https://example.org/number", "value": told["id"]}]
        return self._versioned(asked, told)

    def _versioned(self, asked: Asked, told: dict[str, Any]) -> Answered:
        version = told["meta"]["versionId"] + ("0" if self._broken("etag_mismatch", asked) else "")
        media = GATEWAY if self._broken("wrong_media_type", asked) else FHIR
        return Answered(200, told, {"ETag": f'W/"{version}"'}, media)

    def _related(self, asked: Asked, number: str) -> Answered:
        found = self._find(asked, number)
        if isinstance(found, Answered):
            return found
        owner = people.JAYNE if self._broken("related_of_another", asked) else found["id"]
        entries = [
            {"fullUrl": f"{self._url(asked)}/Patient/{owner}/RelatedPerson/{each['id']}", "resource": each}
            for each in people.related_to(owner)
        ]
        told = {**search.bundle([], ""), "total": len(entries), **({"entry": entries} if entries else {})}
        return Answered(200, told, media=FHIR)

    def _url(self, asked: Asked) -> str:
        return f"http://{asked.header('host')}{BASE}"

    def _patients(self, asked: Asked, access: _Access) -> Answered:
        if asked.method == "POST":
            return self._create(asked, access)
        if asked.method != "GET":
            return refuse(400, "UNSUPPORTED_SERVICE")
        lenient = self._broken("many_results_allowed", asked)
        bad = search.refusal(asked.query, only_one=access.only_one and not lenient)
        if bad is not None:
            return bad
        found = search.matches(asked.query, self.people.values())
        most = int(asked.value("_max-results") or ("1" if access.only_one else "50"))
        if len(found) > most:
            if not self._broken("too_many_as_bundle", asked):
                return search.too_many()
            found = found[:most]
        if self._broken("unordered", asked):
            found.reverse()
        total = len(found) + (1 if self._broken("wrong_total", asked) else 0)
        return Answered(200, search.bundle(found, self._url(asked), total=total), media=FHIR)

    def _create(self, asked: Asked, access: _Access) -> Answered:
        if not access.may_change:
            return refuse(403, "FORBIDDEN_UPDATE", "Your app has insufficient permissions to use this method.")
        return updates.create(asked, self.people, keep=self.mode != "sandbox")

    def _coverage(self, asked: Asked, access: _Access) -> Answered:
        if not access.may_change:
            return refuse(403, "ACCESS_DENIED", "Your app has insufficient permissions to use this method.")
        if asked.method != "GET":
            return refuse(400, "UNSUPPORTED_SERVICE")
        return Answered(200, search.bundle([], ""), media=FHIR)

    def _change(self, asked: Asked, number: str, access: _Access) -> Answered:
        if not access.may_change and not self._broken("updates_open", asked):
            return refuse(403, "FORBIDDEN_UPDATE", "Your app has insufficient permissions to use this method.")
        found = self._find(asked, number)
        if isinstance(found, Answered):
            return found
        leniency = updates.Leniency(
            any_json=self.mode == "sandbox",
            no_precondition=self._broken("no_precondition", asked),
            stale=self._broken("stale_accepted", asked),
        )
        changed = updates.patch(asked, found, leniency)
        if isinstance(changed, Answered):
            return changed
        if self.mode != "sandbox":
            self.people[found["id"]] = changed
        return self._versioned(asked, people.shown(changed))


def from_options(place: Place) -> Pds:
    """The simulator that the words of a declaration ask for: `mode`, `rate`, `retry_after`, `faults`.

    Raises:
        UsageError: for a word that is not known.

    """
    numbers = {"rate": RATE, "retry_after": 5}
    _serve.hold_to(place.options, {*numbers, "mode", "faults"}, "nhs_pds")
    word = place.options.get("mode", "application")
    mode = next((each for each in MODES if each == word), None)
    if mode is None:
        raise UsageError(f"unknown mode '{word}'{did_you_mean(word, MODES)}")
    faults = _serve.faults_of(place.options, Pds)
    return Pds(mode, **_serve.numbers_of(place.options, numbers), faults=faults)


def start(place: Place) -> Running:
    """Serve it where provisioning wants it."""
    return _serve.start(from_options(place), place, BASE)


@contextmanager
def served(**how: Any) -> Iterator[_serve.Handle[Pds]]:
    """Serve one for a `with` block; `how` as for `Pds`."""
    with _serve.served(Pds(**how), BASE) as handle:
        yield handle


SIMULATOR = Pds
