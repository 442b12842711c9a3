"""The token endpoint: signed JWTs in, access tokens out, with every refusal that the real one has."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from pytest_sysint.simulators._app import Answered, Asked

PATH = "/oauth2/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 599
_LONGEST = 310
"""Seconds that an assertion may still live: five minutes, and ten seconds for clocks that differ."""

Broken = Callable[[str], bool]
"""Whether a fault of that name is met."""


@dataclass(frozen=True, slots=True)
class Client:
    """An application that is known: the public half of its key, in PEM."""

    api_key: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and what it stands for."""

    api_key: str
    until: float
    is_user: bool = False
    """Whether it is a health worker's, who may also change what is there."""


class Refused(Exception):
    """An assertion that is not believed."""

    def __init__(self, status: int, description: str, error: str = "invalid_request") -> None:
        super().__init__(description)
        self.status = status
        self.error = error


@dataclass(slots=True)
class Tokens:
    """Who is known, and what was given away."""

    clients: dict[str, Client] = field(default_factory=dict)
    """kid -> client"""
    given: dict[str, Token] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def issue(self, api_key: str, *, is_user: bool = False) -> str:
        """A new access token."""
        text = f"sim-{uuid.uuid4().hex}"
        self.given[text] = Token(api_key, time.time() + LIFETIME, is_user)
        return text

    def find(self, text: str) -> Token | None:
        """What a token stands for; None when it was never given, or is too old."""
        found = self.given.get(text)
        return found if found and found.until > time.time() else None

    def answer(self, asked: Asked, url: str, broken: Broken) -> Answered:
        """The answer to a request for a token. `url` is what the assertion must be addressed to."""
        try:
            if asked.method != "POST":
                raise Refused(405, "only POST is allowed")
            client = self._believe(dict(parse_qsl(asked.body.decode("utf-8", "replace"))), url, broken)
        except Refused as error:
            said = {"error": error.error, "error_description": str(error), "message_id": f"rrt-{uuid.uuid4().hex}"}
            return Answered(error.status, said)
        told = {
            "access_token": self.issue(client.api_key),
            "expires_in": str(LIFETIME),
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
        }
        if broken("expires_in_missing"):
            del told["expires_in"]
        return Answered(200, told)

    def _believe(self, form: Mapping[str, str], url: str, broken: Broken) -> Client:
        _check_form(form)
        header, claims = _decoded(form["client_assertion"])
        _check_header(header)
        _check_lifetime(claims, broken)
        if not claims.get("iss") or claims.get("iss") != claims.get("sub"):
            raise Refused(400, "Missing or non-matching 'iss'/'sub' claims in client_assertion JWT")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise Refused(400, "Missing or invalid 'jti' claim in client_assertion JWT")
        if claims.get("aud") != url and not broken("audience_ignored"):
            raise Refused(401, "Missing or invalid 'aud' claim in client_assertion JWT")
        client = self._client(header["kid"], claims["iss"], form["client_assertion"], broken)
        if jti in self._seen and not broken("replay_accepted"):
            raise Refused(400, "Non-unique 'jti' claim in client_assertion JWT")
        self._seen.add(jti)
        return client

    def _client(self, kid: str, issuer: str, assertion: str, broken: Broken) -> Client:
        import jwt

        client = self.clients.get(kid)
        if client is None:
            if broken("unknown_key_accepted"):
                return Client(issuer, "")
            raise Refused(
                401, "Invalid 'kid' header in client_assertion JWT - no matching public key", "invalid_client"
            )
        if client.api_key != issuer:
            raise Refused(401, "Invalid 'iss'/'sub' claims in client_assertion JWT", "invalid_client")
        if broken("signature_ignored"):
            return client
        try:
            jwt.PyJWS().decode(assertion, client.public_key, algorithms=["RS512"])
        except jwt.InvalidTokenError:
            raise Refused(400, "Malformed JWT in client_assertion") from None
        return client


def _check_form(form: Mapping[str, str]) -> None:
    if not form.get("grant_type"):
        raise Refused(400, "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise Refused(400, "grant_type is invalid", "unsupported_grant_type")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise Refused(400, f"Missing or invalid client_assertion_type - must be '{ASSERTION_TYPE}'")
    if not form.get("client_assertion"):
        raise Refused(400, "Missing client_assertion")


def _decoded(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    import jwt

    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        raise Refused(400, "Malformed JWT in client_assertion") from None
    return header, claims


def _check_header(header: Mapping[str, Any]) -> None:
    if not header.get("kid"):
        raise Refused(400, "Missing 'kid' header in client_assertion JWT")
    if header.get("typ") != "JWT":
        raise Refused(400, "Invalid 'typ' header in client_assertion JWT - must be 'JWT'")
    if header.get("alg") != "RS512":
        raise Refused(400, "Invalid 'alg' header in client_assertion JWT - unsupported JWT algorithm - must be 'RS512'")


def _check_lifetime(claims: Mapping[str, Any], broken: Broken) -> None:
    exp = claims.get("exp")
    if exp is None:
        raise Refused(400, "Missing 'exp' claim in client_assertion JWT")
    if isinstance(exp, bool) or not isinstance(exp, int):
        raise Refused(400, "Invalid 'exp' claim in client_assertion JWT - must be an integer")
    now = time.time()
    if exp <= now and not broken("expired_accepted"):
        raise Refused(400, "Invalid 'exp' claim in client_assertion JWT - JWT has expired")
    if exp > now + _LONGEST:
        raise Refused(400, "Invalid 'exp' claim in client_assertion JWT - more than 5 minutes in future")
