"""Paging: a listing in pages, healthy in each way of getting on, and broken in one way at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.http_bench import Answer, Asked, Desk, Server, declaring, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with declaring(tmp_path) as made:
        yield made


@dataclass
class Listing:
    """Seven residents, three on a page; `fault` breaks one thing."""

    way: str
    url: str = ""
    fault: str = ""
    count: int = 7
    size: int = 3

    def __call__(self, asked: Asked) -> Answer:
        start = self._start(asked.query)
        items = [{"id": f"r{n}"} for n in range(self.count)][start : start + self.size]
        following: int | None = start + self.size if start + self.size < self.count else None
        if self.fault in ("same page", "endless"):
            items = [{"id": f"e{n + (start if self.fault == 'endless' else 0)}"} for n in range(self.size)]
            following = start + self.size
        if self.fault == "loop" and following is None:
            following = self.size
        if self.fault in ("no list", "breaks") and start:
            return (200, {"error": "gone"}) if self.fault == "no list" else (500, {"items": items})
        total = {"total changes": self.count + start, "no total": None}.get(self.fault, self.count)
        return self._answer(asked, self._broken(items, start), total, following)

    def _broken(self, items: list[Any], start: int) -> list[Any]:
        if self.fault == "nameless":
            return [{"name": "x"} for _ in items]
        if self.fault == "duplicate" and start:
            return [{"id": "r0"}, *items[1:]]
        if self.fault == "missing" and start == self.size:
            return items[1:]
        return [*items, {"id": "extra"}] if self.fault == "too large" and start == self.size else items

    def _start(self, query: Any) -> int:
        if self.way == "page":
            return (int(query.get("page", 1)) - 1) * self.size
        return int(query.get("offset" if self.way == "offset" else "after") or 0)

    def _answer(self, asked: Asked, items: Any, total: Any, following: int | None) -> Answer:
        if not items and self.fault == "404 behind" and self.way in ("page", "offset"):
            return 404, {"error": "no such page"}
        body, headers = {"items": items, "total": total, "next": None}, {"x-total-count": str(total)}
        if following is not None:
            if self.way == "cursor":
                body["next"] = str(following)
            if self.way == "url":
                body["next"] = f"{asked.path}?limit=3&after={following}"
            if self.way == "link":
                first = f'<{self.url}{asked.path}?limit=3>; rel="first"'
                headers["link"] = f'{first}, <{self.url}{asked.path}?limit=3&after={following}>; rel="next"'
        return 200, body, headers


NEXT: dict[str, Any] = {
    "cursor": {"cursor": "$.next", "param": "after"},
    "url": {"url": "$.next"},
    "link": "link",
    "page": {"page": "page"},
    "offset": {"offset": "offset"},
}


def listing(way: str, **paging: Any) -> dict[str, Any]:
    keys = {"items": "$.items", "id": "$.id", "total": "$.total", "size": 3, "next": NEXT[way], "limit": 9, **paging}
    return {"name": "all residents", "request": "GET /residents", "query": {"limit": 3}, "paging": keys}


@pytest.mark.parametrize("way", NEXT)
@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("count", [7, 6])
def test_all_pages_hold_each_item_once(server: Server, desk: Desk, way: str, prefix: str, count: int) -> None:
    server.app = Listing(way, server.url, count=count)
    ran = desk.exchange(listing(way), f"{server.url}{prefix}")
    assert ran.held, ran.said
    assert not ran.failed
    assert ran.outcome.metrics == {"pages": (count + 2) // 3, "items": count}
    assert {asked.query["limit"] for asked in server.seen} == {"3"}
    assert {asked.path for asked in server.seen} == {f"{prefix}/residents"}
    names = {each.name for each in ran.outcome.assertions}
    assert {f"paging {name}" for name in ("end", "pages", "duplicates", "total", "sum", "size")} <= names


@pytest.mark.parametrize("way", ["page", "offset"])
def test_behind_the_last_page_there_may_be_a_404(server: Server, desk: Desk, way: str) -> None:
    server.app = Listing(way, fault="404 behind", count=6)
    ran = desk.exchange(listing(way), server.url)
    assert ran.held, ran.said


@pytest.mark.parametrize(
    ("way", "fault", "said"),
    [
        ("cursor", "duplicate", '2 items came twice: "r0" (pages 1 and 2), "r0" (pages 1 and 3)'),
        ("page", "duplicate", "items came twice"),
        ("cursor", "missing", "the total is 7, and 6 different items came: 1 are missing"),
        ("offset", "missing", "page 2 has 2"),
        ("page", "missing", "page 2 has 2"),
        ("link", "total changes", "the total changed from page to page: 7, 10, 13"),
        ("cursor", "no total", "no number at $.total"),
        ("url", "too large", "page 2 has 4"),
        ("cursor", "nameless", "7 of 7 items have no $.id"),
        ("cursor", "no list", "page 2 has no list at $.items"),
        ("cursor", "breaks", "page 2: status was 500, expected < 400"),
        ("cursor", "loop", "page 3 leads back to a page that was there before"),
        ("link", "loop", "page 3 leads back"),
        ("cursor", "same page", "page 2 holds nothing but items of pages before"),
        ("page", "same page", "page 2 holds nothing but items of pages before"),
        ("cursor", "endless", "there is no end after 9 pages"),
        ("page", "endless", "there is no end after 9 pages"),
    ],
)
def test_a_listing_that_is_broken(server: Server, desk: Desk, way: str, fault: str, said: str) -> None:
    server.app = Listing(way, server.url, fault)
    ran = desk.exchange(listing(way), server.url)
    assert not ran.held
    assert said in ran.said
    assert "curl" in ran.outcome.reproduce
    assert len(server.seen) <= 10


def test_the_total_may_stand_in_a_header(server: Server, desk: Desk) -> None:
    server.app = Listing("cursor")
    assert desk.exchange(listing("cursor", total="headers.x-total-count"), server.url).held
    server.app = Listing("cursor", fault="missing")
    assert "1 are missing" in desk.exchange(listing("cursor", total="headers.x-total-count"), server.url).said


def test_no_item_shows_nothing_and_one_page_shows_little(server: Server, desk: Desk) -> None:
    server.app = Listing("cursor", count=0)
    assert "there is not one item" in desk.exchange(listing("cursor"), server.url).said
    server.app = Listing("cursor", count=2)
    ran = desk.exchange(listing("cursor"), server.url)
    assert ran.held
    assert "getting on was not shown" in ran.said


def test_each_page_is_judged_by_what_the_step_expects(server: Server, desk: Desk) -> None:
    desk.write("page.json", {"properties": {"items": {"maxItems": 3}}})
    server.app = Listing("cursor", fault="too large")
    exchange = {**listing("cursor", size=None), "schema": "page.json"}
    del exchange["paging"]["size"]
    assert "page 2: the body does not fit page.json" in desk.exchange(exchange, server.url).said


def test_the_first_request_may_ask_for_any_page(server: Server, desk: Desk) -> None:
    server.app = Listing("page", count=10)
    exchange = {**listing("page", total=""), "request": "GET /residents?page=2"}
    del exchange["paging"]["total"]
    ran = desk.exchange(exchange, server.url)
    assert ran.held, ran.said
    assert [asked.query["page"] for asked in server.seen] == ["2", "3", "4", "5"]


def test_a_link_to_another_host_is_not_followed(server: Server, desk: Desk) -> None:
    from pytest_sysint.core.errors import Rejected

    server.app = Listing("link", "http://elsewhere.example")
    with pytest.raises(Rejected, match="leads to another host"):
        desk.exchange(listing("link"), server.url)


@pytest.mark.parametrize(
    ("paging", "said"),
    [
        ("link", "expected a map such as"),
        ({"items": "$.items"}, "'next' is missing"),
        ({"items": "$.items", "next": "links"}, "expected link, {cursor"),
        ({"items": "$.items", "next": {"cursor": "$.next"}}, "'param' is missing"),
        ({"items": "$.items", "next": {"cursor": "$.[", "param": "a"}}, "is not a JSONPath"),
        ({"items": "$.[", "next": "link"}, "is not a JSONPath"),
        ({"items": "$.items", "next": "link", "sise": 3}, "did you mean 'size'?"),
        ({"items": "$.items", "next": "link", "size": 0}, "size"),
    ],
)
def test_paging_that_cannot_be_is_said(desk: Desk, paging: Any, said: str) -> None:
    assert said in desk.refused({"exchanges": [{"request": "GET /x", "paging": paging}]})
