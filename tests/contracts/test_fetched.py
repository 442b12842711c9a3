"""Documents at a url that is not the integration's own: all of it, within the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pytest_sysint.contracts import _fetched
from pytest_sysint.contracts._fetched import Fetched
from pytest_sysint.core.errors import TimedOut, TooLarge, Unreachable
from tests.contracts.care_api import Stage


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"# more\n"
        await asyncio.sleep(0.01)


def test_a_document_comes_with_its_status(stage: Stage) -> None:
    seen = Fetched(fetched=stage.put(Response(b"openapi: 3.0.0", 203))).perform(None, 5.0)
    assert (seen.payload, seen.facts) == (b"openapi: 3.0.0", {"status": 203})


def test_what_kinds_of_document_are_understood_is_said(stage: Stage) -> None:
    async def answer(scope: object, receive: object, send: object) -> None:
        request = Request(scope)  # type: ignore[arg-type]
        await Response(request.headers["accept"])(scope, receive, send)  # type: ignore[arg-type]

    url = stage.put(answer)
    assert Fetched(fetched=url, accept="application/hal+json").perform(None, 5.0).payload == b"application/hal+json"


def test_a_document_without_an_end(stage: Stage) -> None:
    with pytest.raises(TimedOut, match=r"was not there within 0\.3s"):  # although each piece of it comes at once
        Fetched(fetched=stage.put(StreamingResponse(endless()))).perform(None, 0.3)


def test_a_document_that_is_too_large(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetched, "_LARGEST", 100)
    with pytest.raises(TooLarge, match="is larger than"):
        Fetched(fetched=stage.put(StreamingResponse(endless()))).perform(None, 5.0)


def test_a_place_where_nobody_is() -> None:
    with pytest.raises(Unreachable, match="cannot be read"):
        Fetched(fetched="http://127.0.0.1:9/care.json").perform(None, 5.0)
