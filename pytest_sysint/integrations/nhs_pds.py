"""Type `nhs_pds`: the NHS Personal Demographics Service (PDS FHIR R4), open (sandbox) or application-restricted.

It signs its assertions, keeps its token, sends a request id and keeps it on another try, waits when it is told to, and
takes a 200 that is an OperationOutcome for what it is. On a simulator it makes a key pair of its own.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, model_validator

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Observation, Operation, Rung, with_facts
from pytest_sysint.core.model import Secret
from pytest_sysint.core.provisioning import Simulator
from pytest_sysint.core.secrets import MASK, learn, reveal
from pytest_sysint.core.units import Rate
from pytest_sysint.integrations._external import External, ExternalSettings, misfit
from pytest_sysint.integrations._http import CertificateExpiresIn, HttpIntegration, HttpSettings
from pytest_sysint.integrations._patience import BUSY, persist
from pytest_sysint.integrations._pds.checks import BUILT_IN
from pytest_sysint.integrations._pds.operations import Patient, RelatedPersons, Request, Search, Status, number_in
from pytest_sysint.integrations._pds.outcomes import facts_of
from pytest_sysint.integrations._pds.privacy import learn_number, learn_people, learn_search, without_people
from pytest_sysint.integrations._pds.tokens import Key, Tokens, generated_pem, read_pem

_PATH = "/personal-demographics/FHIR/R4"
URLS = {
    "sandbox": f"https://sandbox.api.service.nhs.uk{_PATH}",
    "int": f"https://int.api.service.nhs.uk{_PATH}",
    "prod": f"https://api.service.nhs.uk{_PATH}",
}
_PRODUCTION = "api.service.nhs.uk"
SANDBOX_PATIENT, SANDBOX_RESTRICTED, SIMULATED_SUPERSEDED = "9000000009", "9000000025", "9990000026"


class Settings(ExternalSettings):
    """Where PDS is, and who we are there."""

    urls: ClassVar[Mapping[str, str]] = URLS

    environment: Literal["", "sandbox", "int", "prod"] = Field(
        "", description="Which PDS it is: gives the url. Without it and without a url, a simulator is started."
    )
    api_key: Secret | None = Field(None, description="The key of the application: `iss` and `sub` of its assertions.")
    key_id: str = Field("", description="The `kid` under which the public key is published.")
    private_key: Secret | None = Field(
        None, description="The private RSA key in PEM, or the path of its file. Without one on a simulator, it is made."
    )
    token_url: str = Field("", description="The token endpoint; default: /oauth2/token at the url's host.")
    ods: str = Field("", description="Our organisation's ODS code, for applications that several use.")
    session_urid: str = Field("", description="The role of a health worker (NHSD-Session-URID), with their own token.")
    rate: Rate = Field(
        5.0, gt=0, description="How fast the application may ask; all that share its key share this. Default 5/s."
    )
    test_patient: str = Field("", description="NHS number of a patient whom checks may read.")
    restricted_patient: str = Field("", description="NHS number of one whose address must not be shown.")
    superseded_patient: str = Field("", description="An NHS number that has been replaced by another.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = [bool(self.api_key), bool(self.key_id), bool(self.private_key)]
        if self.private_key and not all(given):
            raise misfit("private_key belongs to an api_key and a key_id: give all three")
        if self.environment in ("int", "prod") and not (all(given) or self.auth):
            raise misfit(f"PDS {self.environment} needs api_key, key_id and private_key, or a token in `auth`")
        return self


def _signature(method: str, path: str, options: Mapping[str, Any]) -> str:
    """Tells whether two requests ask for the same."""
    return f"{method} {path} { {name: value for name, value in options.items() if name != 'headers'} }"


class Pds(External[Settings]):
    """PDS as one application sees it."""

    simulator = "nhs_pds"
    settings_model = Settings
    driver = "jwt"
    operations: ClassVar[tuple[type[Operation], ...]] = (
        Patient,
        Search,
        RelatedPersons,
        Status,
        Request,
        CertificateExpiresIn,
    )
    recipes = (Simulator("pytest_sysint.simulators.nhs_pds", ("uvicorn", "jwt", "cryptography")),)
    built_in = BUILT_IN

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        self._last = threading.local()

    @property
    def is_open(self) -> bool:
        """Whether no token is needed."""
        return self.settings.environment == "sandbox" or (
            self.control is not None and self.control.about.get("mode") == "sandbox"
        )

    @property
    def is_synthetic(self) -> bool:
        """Whether nobody that it tells of is, or could be taken for, a person."""
        return self.settings.environment == "sandbox" or self.control is not None

    @property
    def is_production(self) -> bool:
        """Whether it tells of real people."""
        return self.settings.environment == "prod" or self.base.host == _PRODUCTION

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return self.settings.token_url or f"{self.base.scheme}://{self.base.authority}/oauth2/token"

    @property
    def tokens(self) -> Tokens | None:
        """Who gets our tokens; None when there are none to get: an open PDS, or a token that is declared."""
        with self._making:
            return self._tokens

    @cached_property
    def _tokens(self) -> Tokens | None:
        settings = self.settings
        if settings.auth is not None:
            return None
        simulator = self.control
        if settings.private_key is not None:
            key = Key(reveal(settings.api_key), settings.key_id, read_pem(reveal(settings.private_key)))
        elif simulator is not None and not self.is_open:
            key = Key(f"simulated-{uuid.uuid4().hex}", f"kid-{uuid.uuid4().hex}", generated_pem())
        else:
            return None
        if simulator is not None:
            simulator.tell("keys", {"kid": key.kid, "api_key": key.api_key, "public_key": key.public_pem()})
        return Tokens(key, self.token_url, self._post_form)

    @cached_property
    def _token_link(self) -> HttpIntegration[HttpSettings]:
        settings = self.settings
        return HttpIntegration(HttpSettings(url=self.token_url, tls=settings.tls, proxy=settings.proxy))

    def _post_form(self, form: dict[str, str], timeout: float) -> Observation:
        def send(left: float) -> Observation:
            return self._token_link.request("POST", "", timeout=left, form=form)

        return persist(send, timeout, self.limiter)

    @property
    def application(self) -> str:
        """The key of the application; empty where there is none."""
        known = self.tokens
        return known.key.api_key if known else reveal(self.settings.api_key)

    @property
    def rated_as(self) -> str:
        return reveal(self.settings.api_key)

    def close(self) -> None:
        link = self.__dict__.pop("_token_link", None)
        if link is not None:
            link.close()
        super().close()

    def _complete(self, request: Any) -> None:
        """Add ids and the token."""
        for name, value in self._headers({}, "").items():
            request.headers.setdefault(name, value)
        known = self.tokens
        if known is not None:
            request.headers.setdefault("authorization", f"Bearer {known.get(30.0)}")

    def request(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation:
        """As every HTTP type, with what PDS wants: ids, a token, patience with 429 and 503.

        A header that is given as an empty text is left out: `headers: {X-Request-ID: ""}`. More facts: `outcome` (the
        Spine code), `total`, `etag`, `version`, `superseded_by`, `retries`, `waited` (seconds).
        """
        signature = _signature(method, path, options)
        sent, known = self._prepared(signature, options)
        self._last.pending = (signature, sent["headers"].get("x-request-id", ""))
        seen = persist(lambda left: self._try(method, path, left, sent, known), timeout, self.limiter)
        if seen.facts["status"] not in BUSY:
            self._last.pending = None
        return seen

    def once(self, method: str, path: str, *, timeout: float, **options: Any) -> Observation:
        """The same without patience: the first answer, whatever it is."""
        sent, known = self._prepared(_signature(method, path, options), options)
        return self._try(method, path, timeout, sent, known)

    def _prepared(self, signature: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], Tokens | None]:
        """What is sent, and who gets the token that goes with it; None where none does."""
        headers = self._headers(options.get("headers") or {}, signature)
        known = None if "auth" in options or "authorization" in headers else self.tokens
        return {**options, "headers": headers}, known

    def _try(
        self, method: str, path: str, timeout: float, options: Mapping[str, Any], known: Tokens | None
    ) -> Observation:
        token = known.get(timeout) if known else ""
        seen = self._ask(method, path, timeout, options, token)
        if known and seen.facts["status"] == 401 and known.drop(token):
            # It was taken back before its end: another one is worth a try, once.
            seen = self._ask(method, path, timeout, options, known.get(timeout))
        return seen

    def _ask(self, method: str, path: str, timeout: float, options: Mapping[str, Any], token: str) -> Observation:
        headers = dict(options["headers"])
        if token:
            headers["authorization"] = f"Bearer {token}"
        number = number_in(path)
        if not self.is_synthetic:
            learn_number(number)
            learn_search({**parse_qs(urlsplit(path).query), **(options.get("query") or {})})
        seen = super().request(method, path, timeout=timeout, **{**options, "headers": headers})
        seen = with_facts(seen, **facts_of(seen.payload, seen.facts["status"], seen.facts["headers"], number))
        if self.is_synthetic:
            return seen
        learn_people(seen.payload)
        return replace(seen, exchange=seen.exchange and without_people(seen.exchange, seen.payload))

    def _headers(self, given: Mapping[str, str], signature: str) -> dict[str, str]:
        own = {
            "x-request-id": self._request_id(signature),
            "x-correlation-id": str(uuid.uuid4()),
            "nhsd-end-user-organisation-ods": self.settings.ods,
            "nhsd-session-urid": self.settings.session_urid,
        }
        lowered = {name.lower(): value for name, value in given.items()}
        return {name: value for name, value in {**own, **lowered}.items() if value}

    def _request_id(self, signature: str) -> str:
        """A new one; or that of the same request of this thread, when that brought no answer, or a 'not now'."""
        pending = getattr(self._last, "pending", None)
        return str(pending[1]) if pending and pending[0] == signature and pending[1] else str(uuid.uuid4())

    def curl(self, method: str, path: str, options: Mapping[str, Any]) -> str:
        headers = {"x-request-id": str(uuid.uuid4()), **(options.get("headers") or {})}
        if not self.settings.auth and self.settings.environment != "sandbox":
            headers["authorization"] = f"Bearer {MASK}"
        return super().curl(method, path, {**options, "headers": headers})

    def reproduce(self) -> str:
        return self.curl("GET", "/_ping", {})

    def worker_token(self) -> str:
        """A health worker's token, with which patients can be changed; empty where it needs none, or has none."""
        if self.settings.auth is not None or self.is_open or self.control is None:
            return ""
        with self._making:
            return self._worker_token

    @cached_property
    def _worker_token(self) -> str:
        assert self.control is not None
        token = str(self.control.tell("tokens", {"api_key": self.application})["access_token"])
        learn(token)
        return token

    @property
    def test_patient(self) -> str:
        """Whom checks may read; empty when nobody is known."""
        return self.settings.test_patient or (SANDBOX_PATIENT if self.is_synthetic else "")

    @property
    def restricted_patient(self) -> str:
        """Whose address must not be shown; empty when nobody is known."""
        return self.settings.restricted_patient or (SANDBOX_RESTRICTED if self.is_synthetic else "")

    @property
    def superseded_patient(self) -> str:
        """A number that was replaced; empty when none is known."""
        return self.settings.superseded_patient or (SIMULATED_SUPERSEDED if self.control is not None else "")

    def rungs(self) -> Iterable[Rung]:
        yield from super().rungs()
        yield Rung("authentication", self._authenticate)
        yield Rung("ping", self._ping)

    def _authenticate(self, timeout: float) -> str:
        known = self.tokens
        if known is None:
            return "a token is declared" if self.settings.auth else "open: no token is needed"
        known.get(timeout)
        return "a token was given"

    def _ping(self, timeout: float) -> str:
        seen = HttpIntegration.request(self, "GET", "/_ping", timeout=timeout)
        told = seen.payload
        if seen.facts["status"] != 200 or not isinstance(told, dict) or "version" not in told:
            raise Rejected(
                f"/_ping at {self.transport.where} says {seen.facts['status']} and no version",
                rung="ping",
                code=str(seen.facts["status"]),
                hint="is the url that of PDS? It ends in /personal-demographics/FHIR/R4",
            )
        return f"PDS {told['version']}"


TYPE = Pds
