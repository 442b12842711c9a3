"""`paging:`: all pages together hold each item once, add up, and come to an end.

paging: {items: $.items, id: $.id, total: $.total, size: 50, next: {cursor: $.nextCursor, param: cursor}}

`next` says how one gets on: `{cursor: path, param: name}`, `{url: path}` (a link in the body), `link` (in the header),
`{page: name}` (numbers), `{offset: name}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from pytest_sysint.contracts._next_page import Next, read_next
from pytest_sysint.contracts._words import Asked, Probed, Subject
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.explain import came, read_model
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations.subjects import subject
from pytest_sysint.expectations.values import plain, same, show
from pytest_sysint.expectations.verdicts import MISSING, Many

_TIMED = 100
"""For how many pages the check is given time; more are followed while it lasts."""
_SHOWN = 5


class PagingKeys(Declared):
    """All pages of a listing together."""

    items: str = Field(description="The list in the body: a JSONPath such as $.items.")
    id: str = Field("$.id", description="What tells items apart: a JSONPath into one item.")
    total: str = Field("", description="The number of all items, where an answer gives it: $.total or headers.x-total.")
    size: int | None = Field(None, ge=1, description="The page size that the request asks for.")
    limit: int = Field(1000, ge=2, le=100_000, description="The most pages that are followed.")
    next: Any = Field(description="How one gets on: link, {cursor, param}, {url}, {page} or {offset}.")


@dataclass(slots=True)
class _Followed:
    """What was met on the way."""

    ids: dict[str, int] = field(default_factory=dict)
    """Id -> the page that had it first."""
    twice: list[str] = field(default_factory=list)
    nameless: int = 0
    items: int = 0
    fresh: int = 0
    """How many items of the latest page had not been there before."""
    sizes: list[int] = field(default_factory=list)
    totals: list[Any] = field(default_factory=list)
    wrong: list[Assertion] = field(default_factory=list)
    ended: str = ""
    """How it ended; empty when it did not."""
    looped: str = ""
    culprit: Operation | None = None


@dataclass(frozen=True, slots=True)
class Paging:
    """Follows all pages from the first."""

    keys: PagingKeys
    next: Next
    conversations: int

    def prepare(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return raw

    def probe(self, asked: Asked) -> Probed:
        """One assertion for each promise of paging, and each that a later page breaks of the step's own."""
        met = _Followed()
        page, raw, operation = asked.observation, asked.raw, asked.operation
        seen = {_state(raw)}
        while self._take(met, page, operation, asked.tenant):
            following = self._following(met, raw, page, asked)
            if following is None:
                break
            if _state(following) in seen:
                met.looped = f"page {len(met.sizes)} leads back to a page that was there before"
                break
            raw, operation = following, asked.another(following)
            seen.add(_state(raw))
            asked.context.progress(f"page {len(met.sizes) + 1}")
            page = asked.context.perform(operation)
            if self.next.is_beyond(page):
                met.ended = f"behind page {len(met.sizes)} the status was {page.facts.get('status')}"
                break
            met.wrong += [_of_page(each, len(met.sizes) + 1) for each in asked.judge(page) if each.status == "failed"]
        met.culprit = met.culprit or (operation if met.looped or met.wrong else None)
        verdicts = _Verdicts(self.keys, self.next, met, asked.tenant).all()
        return Probed((*met.wrong, *verdicts), met.culprit, {"pages": len(met.sizes), "items": met.items})

    def _following(
        self, met: _Followed, raw: Mapping[str, Any], page: Observation, asked: Asked
    ) -> Mapping[str, Any] | None:
        """The next request; None when this was the last page, or when going on would not end."""
        if met.ended:
            return None
        following = self.next.after(raw, page, met.sizes, str(asked.context.integration.settings.url))
        if following is None:
            met.ended = f"page {len(met.sizes)} names no next one"
        elif met.sizes[-1] and not met.fresh:
            met.looped = f"page {len(met.sizes)} holds nothing but items of pages before"
        elif len(met.sizes) >= self.keys.limit:
            met.looped = f"there is no end after {len(met.sizes)} pages (`limit`)"
        return None if met.looped else following

    def _take(self, met: _Followed, page: Observation, operation: Operation, tenant: str) -> bool:
        """Count a page; False when it has no list."""
        items, lacking = _items(page, self.keys.items)
        if items is None:
            said = f"page {len(met.sizes) + 1} has no list at {self.keys.items}: {lacking}"
            met.wrong.append(_said("paging items", False, said, "a list", tenant))
            return False
        met.totals += [total] if (total := self._total(page)) is not None else []
        if self.next.counts and not items and met.sizes:
            met.ended = f"page {len(met.sizes) + 1} is empty"
            return True
        met.sizes.append(len(items))
        met.items += len(items)
        met.fresh = 0
        for item in items:
            self._name(met, item, operation)
        return True

    def _name(self, met: _Followed, item: Any, operation: Operation) -> None:
        found = subject(self.keys.id).select(Observation(item)).value
        if found is MISSING or found is None or isinstance(found, Many):
            met.nameless += 1
            met.fresh += 1
            return
        name = json.dumps(plain(found), sort_keys=True)
        if name in met.ids:
            met.twice.append(f"{name} (pages {met.ids[name]} and {len(met.sizes)})")
            met.culprit = operation
        else:
            met.ids[name] = len(met.sizes)
            met.fresh += 1

    def _total(self, page: Observation) -> Any:
        if not self.keys.total:
            return None
        value = subject(self.keys.total).select(page).value
        return None if value is MISSING else int(value) if isinstance(value, str) and value.isdigit() else value


def _state(raw: Mapping[str, Any]) -> str:
    return json.dumps([raw.get("request"), raw.get("query")], sort_keys=True, default=str)


def _items(page: Observation, path: str) -> tuple[list[Any] | None, str]:
    found = subject(path).select(page)
    if isinstance(found.value, Many):  # a path such as $.entry[*].resource
        return list(found.value), ""
    if isinstance(found.value, list):
        return found.value, ""
    return None, found.lacking or f"it was {show(found.value, 60)}"


def _of_page(assertion: Assertion, number: int) -> Assertion:
    update = {"name": f"{assertion.name} (page {number})", "message": f"page {number}: {assertion.message}"}
    return assertion.model_copy(update=update)


def _said(
    name: str, holds: bool, said: str, expected: str, tenant: str, severity: Literal["fail", "warn"] = "fail"
) -> Assertion:
    return Assertion(
        name=name,
        status="passed" if holds else "failed",
        message=said,
        expected=expected,
        actual=None if holds else said,
        severity=severity,
        tenant_id=tenant,
    )


@dataclass(frozen=True, slots=True)
class _Verdicts:
    """What is said of all pages together."""

    keys: PagingKeys
    next: Next
    met: _Followed
    tenant: str

    def all(self) -> list[Assertion]:
        """The verdicts; those that were not declared are left out."""
        met = self.met
        found = [self._ends(), self._evidence(), self._twice()]
        if self.keys.total:
            found += [self._steady(), self._adds_up()]
        if self.keys.size is not None or self.next.counts:
            found.append(self._sizes())
        return [each for each in found if each is not None and (met.sizes or each.status == "failed")]

    def _say(self, name: str, holds: bool, said: str, expected: str) -> Assertion:
        return _said(f"paging {name}", holds, said, expected, self.tenant)

    def _ends(self) -> Assertion | None:
        met = self.met
        if not met.ended and not met.looped:
            return None
        return self._say("end", not met.looped, met.looped or met.ended, "the last page names no next one")

    def _evidence(self) -> Assertion:
        met = self.met
        if not met.items:
            return self._say("items", False, "there is not one item, so nothing was shown", "at least one item")
        if len(met.sizes) == 1:
            said = f"all {met.items} items came in one page, so getting on was not shown; ask for smaller pages"
            return _said("paging pages", False, said, "more than one page", self.tenant, "warn")
        return self._say("pages", True, f"{met.items:,} items in {len(met.sizes):,} pages", "more than one page")

    def _twice(self) -> Assertion:
        met = self.met
        if met.nameless:
            said = f"{met.nameless} of {met.items} items have no {self.keys.id}"
            return self._say("duplicates", False, said, "an id in each item")
        shown = ", ".join(met.twice[:_SHOWN]) + (", ..." if len(met.twice) > _SHOWN else "")
        said = f"{len(met.twice)} items came twice: {shown}" if met.twice else "no item came twice"
        return self._say("duplicates", not met.twice, said, "each item once")

    def _steady(self) -> Assertion:
        totals = self.met.totals
        numbers = [each for each in totals if isinstance(each, int) and not isinstance(each, bool)]
        if not numbers or len(numbers) != len(totals):
            said = f"no number at {self.keys.total}: {show(totals[0], 60) if totals else 'it is not there'}"
            return self._say("total", False, said, "the number of all items")
        distinct = list(dict.fromkeys(numbers))
        if len(distinct) > 1:
            said = f"the total changed from page to page: {', '.join(map(str, distinct[: _SHOWN + 1]))}"
            return self._say("total", False, said, "the same total on each page")
        return self._say("total", True, f"the total is {distinct[0]:,} on each page", "the same total on each page")

    def _adds_up(self) -> Assertion:
        met = self.met
        total, found = met.totals[-1] if met.totals else None, len(met.ids) + met.nameless
        said = f"the total is {show(total, 40)}, and {found:,} different items came"
        if isinstance(total, int) and not same(total, found):
            said += f": {total - found:,} are missing" if total > found else f": {found - total:,} too many"
        return self._say("sum", same(total, found), said, "as many items as the total says")

    def _sizes(self) -> Assertion:
        sizes = self.met.sizes
        size = self.keys.size or (sizes[0] if sizes else 0)
        large = [number for number, count in enumerate(sizes, 1) if count > size]
        # Where pages are numbered a short one in the middle has lost something; behind a cursor it may be a filter.
        short = [n for n, count in enumerate(sizes[:-1], 1) if count < size] if self.next.counts else []
        bad = [*large, *short]
        shown = ", ".join(f"page {number} has {sizes[number - 1]}" for number in bad[:_SHOWN])
        expected = f"pages of {size}" if self.next.counts else f"at most {size} items in a page"
        return self._say("size", not bad, shown or f"no page has more than {size} items", expected)


class PagingWord:
    """The word `paging`."""

    schema: ClassVar[Mapping[str, Any]] = {
        **model_schema(PagingKeys),
        "description": "Follow all pages: each item once, as many as the total says, and an end.",
    }
    http: ClassVar[bool] = True
    default_expect: ClassVar[Mapping[str, Any] | None] = None

    def read(self, value: Any, _subject: Subject) -> Paging:
        """Raises Mistakes with everything that is wrong with it."""
        if not isinstance(value, Mapping):
            raise Mistakes(Mistake((), f"expected a map such as {{items: $.items, next: link}}, got {came(value)}"))
        keys = read_model(PagingKeys, value)
        mistakes = [*_bad_path(keys.items, "items"), *_bad_path(keys.id, "id"), *_bad_path(keys.total, "total")]
        if mistakes:
            raise Mistakes(*mistakes)
        return Paging(keys, read_next(value["next"]), min(keys.limit, _TIMED))


def _bad_path(path: str, key: str) -> list[Mistake]:
    try:
        if path:
            subject(path)
    except ValueError as error:
        return [Mistake((key,), str(error))]
    return []
