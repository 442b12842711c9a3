"""How one gets from one page of a listing to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit

from pydantic import Field

from pytest_sysint.contracts._placeholders import path_of
from pytest_sysint.core.errors import Mistake, Mistakes, Rejected
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.model import Declared
from pytest_sysint.declaration.explain import came, read_model
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.verdicts import MISSING, Many

_PARAMETER = r"\s*;\s*[\w!#$&+\-.^`|~*]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s\",;]*))?"
_LINK = re.compile(rf"<(?P<url>[^>]*)>(?P<parameters>(?:{_PARAMETER})*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\s\",;]*))", re.IGNORECASE)

Raw = Mapping[str, Any]


class Next(Protocol):
    """Leads from page to page."""

    @property
    def counts(self) -> bool:
        """Whether it counts pages or items itself, instead of being told."""

    def after(self, raw: Raw, page: Observation, sizes: Sequence[int], url: str) -> Raw | None:
        """The request for the page behind `page`, which `raw` asked for; None when that was the last.

        `sizes` are the numbers of items of the pages so far, `url` is where the integration is.

        Raises:
            Rejected: when it leads to another host.

        """

    def is_beyond(self, page: Observation) -> bool:
        """Whether this is how the service says that there is no such page."""


class _Cursor(Declared):
    cursor: str = Field(min_length=1)
    param: str = Field(min_length=1)


class _Url(Declared):
    url: str = Field(min_length=1)


class _Page(Declared):
    page: str = Field(min_length=1)
    start: int = 1


class _Offset(Declared):
    offset: str = Field(min_length=1)
    start: int = 0


_FORMS: Mapping[str, type[Declared]] = {"cursor": _Cursor, "url": _Url, "page": _Page, "offset": _Offset}
_EXPECTED = (
    "expected link, {cursor: $.nextCursor, param: cursor}, {url: $.links.next}, {page: page} or {offset: offset}"
)


@dataclass(frozen=True, slots=True)
class ByCursor:
    """A token in the answer goes into a parameter of the next request."""

    path: str
    param: str
    counts = False

    def after(self, raw: Raw, page: Observation, sizes: Sequence[int], url: str) -> Raw | None:
        token = _value(self.path, page)
        return None if token is None else _with_query(raw, {self.param: token})

    def is_beyond(self, page: Observation) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ByUrl:
    """A link in the body, or in the Link header, is the next request."""

    path: str
    """Where it stands in the body; empty for the header."""
    counts = False

    def after(self, raw: Raw, page: Observation, sizes: Sequence[int], url: str) -> Raw | None:
        link = _value(self.path, page) if self.path else _link_header(page)
        if link is None:
            return None
        method = str(raw["request"]).split(maxsplit=1)[0]
        # Links begin with a slash at the root of the host, requests at the integration's url.
        here = urljoin(f"{url.rstrip('/')}/", _path_of(raw).lstrip("/"))
        try:
            target = path_of(urljoin(here, str(link)), url)
        except ValueError as error:
            hint = "declare the host that it leads to; nothing is sent to other hosts"
            raise Rejected(f"the link to the next page, {error}", hint=hint) from None
        return {**{key: raw[key] for key in raw if key != "query"}, "request": f"{method} {target}"}

    def is_beyond(self, page: Observation) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ByCount:
    """The next request names the number of the page, or of its first item."""

    param: str
    start: int
    by_items: bool
    counts = True

    def after(self, raw: Raw, page: Observation, sizes: Sequence[int], url: str) -> Raw | None:
        # The page behind the last is asked for too: that it is empty shows that the listing ends.
        if not sizes[-1]:
            return None
        asked = str(_query_of(raw).get(self.param, self.start))
        here = int(asked) if asked.lstrip("-").isdigit() else self.start
        return _with_query(raw, {self.param: here + (sizes[-1] if self.by_items else 1)})

    def is_beyond(self, page: Observation) -> bool:
        return page.facts.get("status") in (404, 416)


def read_next(raw: Any) -> Next:
    """Read the value of `next`.

    Raises:
        Mistakes: when it is none of the known ways.

    """
    if raw == "link":
        return ByUrl("")
    named = [form for form in _FORMS if isinstance(raw, Mapping) and form in raw]
    if len(named) != 1:
        raise Mistakes(Mistake(("next",), f"{_EXPECTED}; got {came(raw)}"))
    try:
        found = read_model(_FORMS[named[0]], raw)
        return _made(found)
    except Mistakes as error:
        raise error.under("next") from None
    except ValueError as error:
        raise Mistakes(Mistake(("next", named[0]), str(error))) from None


def _made(found: Declared) -> Next:
    if isinstance(found, _Cursor):
        subject(found.cursor)
        return ByCursor(found.cursor, found.param)
    if isinstance(found, _Url):
        subject(found.url)
        return ByUrl(found.url)
    if isinstance(found, _Page):
        return ByCount(found.page, found.start, by_items=False)
    assert isinstance(found, _Offset)
    return ByCount(found.offset, found.start, by_items=True)


def _value(path: str, page: Observation) -> Any:
    """What stands there; None for nothing, null and an empty text."""
    found = subject(path).select(page).value
    if isinstance(found, Many):
        found = found[0] if found else MISSING
    return None if found is MISSING or found in (None, "") else found


def _link_header(page: Observation) -> str | None:
    for link in _LINK.finditer(str((page.facts.get("headers") or {}).get("link", ""))):
        rel = _REL.search(link["parameters"])
        if rel and "next" in (rel["quoted"] or rel["plain"] or "").lower().split():
            return link["url"]
    return None


def _query_of(raw: Raw) -> dict[str, Any]:
    """The parameters of a request, wherever it names them."""
    written = parse_qs(urlsplit(_path_of(raw)).query, keep_blank_values=True)
    return {
        **{name: found if len(found) > 1 else found[0] for name, found in written.items()},
        **(raw.get("query") or {}),
    }


def _path_of(raw: Raw) -> str:
    return str(raw["request"]).strip().partition(" ")[2].strip()


def _with_query(raw: Raw, more: Mapping[str, Any]) -> Raw:
    method, path = str(raw["request"]).split(maxsplit=1)[0], urlsplit(_path_of(raw)).path
    return {**raw, "request": f"{method} {path}", "query": {**_query_of(raw), **more}}
