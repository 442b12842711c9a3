"""Application-restricted access: a signed JWT for an access token, kept while it lives."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.secrets import learn, redact

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIVES = 240
"""Seconds; five minutes are allowed, and clocks differ."""
_MARGIN = 60.0
"""Seconds before its end at which a token is renewed, or a fifth of its life."""
_UNKNOWN_LIFE = 300.0
"""Seconds that a token is used whose life nobody told."""

_HINTS = (
    (
        "'kid'",
        "check `key_id`: it must be that of a public key which is published for this application and environment",
    ),
    ("'aud'", "check `token_url`: it must be exactly the token endpoint of the environment"),
    ("'iss'", "check `api_key`: it must be the key of this application in this environment"),
    ("'exp'", "the clock of this machine, or that of the service, is wrong"),
    ("Malformed", "check `private_key`: it does not belong to the public key that `key_id` names"),
)


@dataclass(frozen=True, slots=True)
class Key:
    """Who we are: an application's key, and the private key that its assertions are signed with."""

    api_key: str
    kid: str
    pem: str
    """The private key."""

    def public_pem(self) -> str:
        """The public half."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = _loaded(self.pem).public_key()
        return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())

    def assertion(self, audience: str, *, lives: float = _ASSERTION_LIVES, **changes: Any) -> str:
        """A signed JWT that says who we are to the token endpoint `audience`, never the same twice.

        `changes` replace claims, or leave them out when they are None; `header` changes the header alike, `algorithm`
        and `pem` what it is signed with: for what must be refused.

        Raises:
            Denied: when the private key cannot be used.

        """
        import jwt

        header = _changed({"kid": self.kid, "typ": "JWT"}, changes.pop("header", {}))
        algorithm, pem = changes.pop("algorithm", "RS512"), changes.pop("pem", self.pem)
        claims = {
            "iss": self.api_key,
            "sub": self.api_key,
            "aud": audience,
            "jti": str(uuid.uuid4()),
            "exp": int(time.time() + lives),
        }
        payload = json.dumps(_changed(claims, changes), separators=(",", ":")).encode()
        signed = jwt.PyJWS().encode(payload, _loaded(pem), algorithm=algorithm, headers=header)
        learn(signed)
        return signed


def _changed(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not None}


def read_pem(text: str) -> str:
    """A private key as it is declared: its PEM text, with line breaks or two signs for each, or the path of its file.

    Raises:
        Denied: when the file cannot be read.

    """
    if "-----BEGIN" in text:
        return text.replace("\\n", "\n")
    try:
        pem = Path(text.strip()).read_text()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Denied(f"`private_key` is neither a key in PEM nor the path of a file that can be read: {why}") from None
    learn(pem)
    return pem


@cache
def _loaded(pem: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        # The library's own text may repeat a part of the key.
        hint = "it must be an RSA key in PEM, without a password"
        raise Denied("`private_key` is no private key that can be used", hint=hint) from None


def make_pem() -> str:
    """A new private key."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    learn(pem)
    return pem


generated_pem = cache(make_pem)
"""This process's own private key, for simulators."""


class Tokens:
    """The access token of one integration. Safe to use from many threads: one renews it, the others use what there is.

    Args:
        key: who we are.
        url: the token endpoint, which is also the audience of the assertion.
        post: sends a form there within so many seconds, and is patient with 429 and 503.

    """

    def __init__(self, key: Key, url: str, post: Callable[[dict[str, str], float], Observation]) -> None:
        self.key = key
        self.url = url
        self._post = post
        self._lock = threading.Lock()
        self._token = ""
        self._until = self._renew_at = 0.0

    def get(self, timeout: float) -> str:
        """A token that lives at least a few seconds longer.

        Raises:
            Denied: when we are not believed.
            CallError: when there is no answer that can be used.

        """
        now = time.monotonic()
        if now < self._renew_at or (now + timeout < self._until and self._lock.locked()):
            return self._token
        if not self._lock.acquire(timeout=timeout):
            raise TimedOut(f"{self.url} gave no token within {timeout:g}s to another check", rung="authentication")
        try:
            if time.monotonic() >= self._renew_at:
                self._renew(now + timeout - time.monotonic())
            return self._token
        finally:
            self._lock.release()

    def drop(self, token: str) -> bool:
        """Do not use this token any more; whether it was the one in use."""
        with self._lock:
            is_current = self._token == token
            if is_current:
                self._until = self._renew_at = 0.0
            return is_current

    def ask(self, assertion: str, timeout: float, **changes: str) -> Observation:
        """Ask the token endpoint with an assertion; `changes` replace fields of the form, empty ones are left out."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
            **changes,
        }
        return self._post({name: value for name, value in form.items() if value}, timeout)

    def _renew(self, timeout: float) -> None:
        seen = self.ask(self.key.assertion(self.url), timeout)
        told, status = seen.payload, seen.facts["status"]
        if status != 200:
            raise refusal(self.url, status, told)
        token = told.get("access_token") if isinstance(told, Mapping) else None
        if not isinstance(token, str) or not token:
            raise Garbled(f"{self.url} answered without an access token", rung="authentication")
        learn(token)
        life = life_of(told)
        self._until = time.monotonic() + life
        self._renew_at = self._until - min(_MARGIN, life / 5)
        self._token = token


def life_of(told: Mapping[str, Any]) -> float:
    """Seconds that a token lives: a number, or a text that is one, as this service writes it."""
    try:
        return float(told.get("expires_in", _UNKNOWN_LIFE))
    except (TypeError, ValueError):
        return _UNKNOWN_LIFE


def refusal(url: str, status: int, told: Any) -> CallError:
    """The error for an answer that is no token."""
    said = told if isinstance(told, Mapping) else {}
    words = ": ".join(str(said[name]) for name in ("error", "error_description") if said.get(name))
    message = redact(f"{url} gave no token: status {status}{', ' + words if words else ''}")
    if status in (400, 401, 403):
        hint = next((text for word, text in _HINTS if word in words), "")
        return Denied(message, code=str(status), hint=hint)
    return Rejected(message, rung="authentication", code=str(status))
