"""Where a document comes from: a file, the API itself, or a url; and what schemathesis makes of it, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pytest_sysint.contracts._generated.document import (
    Document,
    far_references,
    listed,
    lost_references,
    parse,
    read_file,
)
from pytest_sysint.contracts._generated.sending import Generated
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.secrets import learn_url, redact
from pytest_sysint.declaration.documents import find_document


class Fetched(Operation):
    """A document at a url that is not the integration's own: asked for without its credentials."""

    fetched: str
    """The url."""

    def perform(self, integration: Any, timeout: float) -> Observation:
        import httpx

        where = redact(self.fetched)
        try:
            answer = httpx.get(self.fetched, timeout=timeout, trust_env=False)
        except httpx.TimeoutException:
            raise TimedOut(f"{where} gave no answer within {timeout:g}s", rung="read") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"{where} cannot be read: {error}", rung="read") from None
        return Observation(answer.content, {"status": answer.status_code})


class Source:
    """A document that is read when the declaration is (a file) or when it is first needed (all else).

    `make(document)` is what is to be made of it; that is done once, also when many checks ask at a time.
    """

    def __init__(self, where: str, document: Document | None, make: Callable[[Document], Any]) -> None:
        self.where = where
        self.document = document
        """None until it was fetched."""
        self._make = make
        self._made: Any = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, where: str, folder: Path, make: Callable[[Document], Any]) -> Source:
        """A document by a path beside the declaration, a url, or a path of the API that begins with a slash.

        Raises:
            Mistakes: when the file is not there, or is no document that can be tested.

        """
        learn_url(where)
        if is_url(where) or (where.startswith("/") and not Path(where).is_file()):
            return cls(where, None, make)
        return cls(where, read_file(find_document(where, folder)), make)

    def get(self, context: Context) -> tuple[Document, Any]:
        """The document, and what was made of it.

        Raises:
            CallError: when it cannot be fetched, or is none.

        """
        with self._lock:
            if self.document is None:
                self.document = self._fetch(context)
            if self._made is None:
                self._made = self._make(self.document)
            return self.document, self._made

    def _fetch(self, context: Context) -> Document:
        answer = context.perform(self._operation(context.integration.settings.url))
        status, where = answer.facts.get("status"), redact(self.where)
        if status != 200:
            hint = "check the path, and whether the credentials of the integration may read it"
            raise Rejected(f"the document {where} was answered with {status}", code=str(status), hint=hint)
        try:
            found = listed(parse(bytes(answer.payload or b"").decode("utf-8-sig", "replace")))
        except ValueError as error:
            raise Rejected(f"the document {where} {_sentence(str(error))}") from None
        for reference in lost_references(found.raw):
            raise Rejected(f"the document {where} refers to {reference}, which is not there")
        for reference in far_references(found.raw):
            said = (
                f"the document {where} refers to {reference}; nothing is fetched from hosts that no declaration names"
            )
            raise Rejected(said, hint="bundle it into one file, and name that")
        return found

    def _operation(self, url: str) -> Operation:
        """Through the integration wherever the document lies under its url; else without its credentials."""
        own, there = urlsplit(url), urlsplit(self.where)
        prefix = own.path.rstrip("/")
        if not is_url(self.where):
            path = self.where
        elif (own.scheme, own.hostname, own.port) == (there.scheme, there.hostname, there.port) and (
            there.path.startswith(f"{prefix}/")
        ):
            path = there.path[len(prefix) :] + (f"?{there.query}" if there.query else "")
        else:
            return Fetched(fetched=self.where)
        return Generated(generated="GET", path=path)


def is_url(where: str) -> bool:
    """Whether a document is named by a url."""
    return where.lower().startswith(("http://", "https://"))


def _sentence(text: str) -> str:
    return text if text.startswith(("is ", "has ")) else f"is {text}"
