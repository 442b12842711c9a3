"""What must not be seen, and how it is kept from every text that leaves the process.

Secrets are opened in one place, `reveal`, which also teaches the redactor what it gave away. Whatever is printed,
recorded or sent to a report goes through `redact` first, so that a secret is masked also where a driver's own error
text repeats it: plain, URL-, JSON-, HTML-escaped or in base64.
"""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

MASK = "***"
_SHORTEST = 4  # shorter values are too common in ordinary text to be masked everywhere
_URL_PASSWORD = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@'\"]*:)(?P<password>[^\s/@'\"]+)(?=@)")
_PERCENT = re.compile("%[0-9A-F]{2}")
_TELLING = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|api[-_]?key|private[-_]?key|credential|signature)", re.IGNORECASE
)


class Redactor:
    """Knows secrets, and masks each form of them in a text. Safe to use from many threads."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: set[str] = set()
        self._lock = threading.Lock()

    def learn(self, value: str | None) -> None:
        """Mask this value from now on."""
        if not value or len(value) < _SHORTEST or value == MASK:
            return
        forms = _forms(value)
        with self._lock:
            self._values.add(value)
            self._forms |= forms

    def known(self) -> tuple[str, ...]:
        """The secrets learnt so far, for another process of ours that must mask them too."""
        with self._lock:
            return tuple(self._values)

    def learn_url(self, url: str) -> None:
        """Mask the password of a url, and the values of telling query parameters, from now on."""
        try:
            parts = urlsplit(url)
            password = parts.password
        except ValueError:
            return
        self.learn(password)
        self.learn(unquote(password) if password else None)
        for pair in parts.query.split("&"):
            name, _, value = pair.partition("=")
            if telling(name):
                self.learn(unquote(value))

    def redact(self, text: str) -> str:
        """The text with every known secret, and every password in a url, masked."""
        # A look for each form in C is many times cheaper than one pattern of all, which would also have to be compiled
        # anew for each secret learnt; and nearly all texts hold no secret.
        found = [form for form in tuple(self._forms) if form in text]
        for form in sorted(found, key=len, reverse=True):
            text = text.replace(form, MASK)
        return _URL_PASSWORD.sub(rf"\g<head>{MASK}", text) if "://" in text and "@" in text else text

    def redact_value(self, value: Any) -> Any:
        """The same for plain JSON values, through lists and maps."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {self.redact(str(key)): self.redact_value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.redact_value(item) for item in value]
        return value


REDACTOR = Redactor()
"""The process's one redactor: a secret learnt anywhere is masked everywhere."""

learn = REDACTOR.learn
learn_url = REDACTOR.learn_url
redact = REDACTOR.redact
redact_value = REDACTOR.redact_value


def reveal(secret: SecretStr | str | None) -> str:
    """Open a secret for the one who must send it; from then on it is masked everywhere. None gives an empty text."""
    value = secret.get_secret_value() if isinstance(secret, SecretStr) else (secret or "")
    learn(value)
    return value


def telling(name: str) -> bool:
    """Whether a variable, field or parameter of this name holds a secret, by its name alone."""
    return _TELLING.search(name) is not None


def _forms(value: str) -> set[str]:
    raw = _bytes(value)
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    escaped = html.escape(value)
    written = {
        value,
        *quoted,
        *(_PERCENT.sub(lambda found: found[0].lower(), text) for text in quoted),
        escaped,
        escaped.replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    }
    forms = {form for form in written | _base64_forms(raw) if len(form) >= _SHORTEST}
    return forms | {json.dumps(form)[1:-1] for form in forms}


def _bytes(value: str) -> bytes:
    """The value as it goes over the wire; what an environment variable held beside UTF-8 is given back as it was."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _base64_forms(raw: bytes) -> set[str]:
    """What of the value survives in base64, wherever it starts within the encoded text (`user:password` in Basic)."""
    forms = set()
    for offset in range(3):
        padded = b"\0" * offset + raw
        whole = padded[: len(padded) // 3 * 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            stable = encode(whole).decode()[4 if offset else 0 :]
            if len(stable) >= _SHORTEST:
                forms.add(stable)
    forms.add(base64.b64encode(raw).decode())
    return forms
