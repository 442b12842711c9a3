"""Where a document comes from, and what schemathesis makes of it, once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from pytest_sysint.contracts._fetched import Fetched, is_url
from pytest_sysint.contracts._generated.sending import Generated
from pytest_sysint.contracts._generated.turns import turn_of_others
from pytest_sysint.core.check import Context
from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.integration import Operation
from pytest_sysint.core.records import Effect
from pytest_sysint.core.secrets import redact


@dataclass(frozen=True, slots=True)
class Listed:
    """One operation of a document."""

    label: str
    """`GET /residents`, `Query.residents`."""
    effect: Effect
    names: tuple[str, ...]
    """What it can be chosen by: its label, its path, its operationId, its tags."""
    path: str = ""


class Lists(Protocol):
    """A document that was read."""

    @property
    def operations(self) -> Sequence[Listed]: ...


D = TypeVar("D", bound=Lists)


class Source(Generic[D]):
    """A document that is read when the declaration is (`document`), or fetched when it is first needed.

    `make(document)` is what is to be made of it. Both are done once, also when many checks ask at a time.
    """

    def __init__(self, where: str, document: D | None, fetch: Callable[[Context], D], make: Callable[[D], Any]) -> None:
        self.where = where
        self.document = document
        """None until it was fetched."""
        self._fetch = fetch
        self._make = make
        self._made: Any = None
        self._fetching = threading.Lock()

    def get(self, context: Context) -> tuple[D, Any]:
        """The document, and what was made of it; for one whose turn it is.

        Raises:
            CallError: when it cannot be fetched, or is none.

        """
        document = self.document or self._fetched(context)
        if self._made is None:  # by this one alone: it is its turn
            self._made = self._make(document)
        return document, self._made

    def _fetched(self, context: Context) -> D:
        # The turn goes first and comes back last: who waits for the lock must not keep the others waiting.
        with turn_of_others(), self._fetching:
            if self.document is None:
                self.document = self._fetch(context)
            return self.document


def fetched_text(context: Context, where: str) -> str:
    """The text of a document at a url, or at a path of the API.

    Raises:
        CallError: when it cannot be fetched.

    """
    answer = context.perform(_operation(where, context.integration.settings.url))
    status = answer.facts.get("status")
    if status != 200:
        hint = "check the path, and whether the credentials of the integration may read it"
        raise Rejected(f"the document {redact(where)} was answered with {status}", code=str(status), hint=hint)
    return bytes(answer.payload or b"").decode("utf-8-sig", "replace")


def _operation(where: str, url: str) -> Operation:
    """Through the integration wherever the document lies under its url; else without its credentials."""
    own, there = urlsplit(url), urlsplit(where)
    prefix = own.path.rstrip("/")
    if not is_url(where):
        return Generated(generated="GET", path=where)
    same = (own.scheme, own.hostname, own.port) == (there.scheme, there.hostname, there.port)
    if same and there.path.startswith(f"{prefix}/"):
        return Generated(generated="GET", path=there.path[len(prefix) :] + (f"?{there.query}" if there.query else ""))
    return Fetched(fetched=where)
