"""A real HTTP API that keeps its document, and breaks it in one way each when it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DOCUMENTS = Path(__file__).parent / "documents"
TOKEN = "a-token-of-oakwood"
TENANTS = ("oakwood", "elmhurst")


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application on loopback; gives its url."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    # By its protocol number asyncio knows that it is TCP, and sends small answers at once.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


class Stage:
    """A server that stays: each test puts its own application on it, which is quicker than a server of its own."""

    app: Any = None
    url: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def put(self, app: Any) -> str:
        """Serve that one from now on; gives its url."""
        self.app = app
        return self.url


@dataclass
class CareApi:
    """Residents under `/v1`. `fault` names the one promise that it breaks."""

    fault: str = ""
    residents: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.residents = {"r1": {"id": "r1", "name": "Ann"}, "r2": {"id": "r2", "name": "Bo", "room": 4}}

    @property
    def app(self) -> Starlette:
        methods = ["GET", "POST", "OPTIONS", *(["PUT"] if self.fault == "takes any method" else [])]
        routes = [
            Route("/v1/residents", self.all, methods=methods),
            Route("/v1/residents/{id:path}", self.one, methods=["GET", "DELETE"]),
            Route("/v1/openapi.json", self.document),
        ]
        return Starlette(routes=routes, exception_handlers={404: nowhere, 405: not_so})

    async def document(self, request: Request) -> Response:
        return Response((DOCUMENTS / "care-3.0.yaml").read_bytes(), media_type="application/yaml")

    def refusal(self, request: Request, anybody: bool = False) -> Response | None:
        self.seen.append(request)
        anybody = anybody or self.fault == "open to everybody"
        if request.headers.get("authorization") != f"Bearer {TOKEN}" and not anybody:
            return problem(401, "who are you?")
        if request.headers.get("x-tenant") not in TENANTS and self.fault != "needs no tenant":
            return problem(400, "whose?")
        return None

    async def all(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            more = ", DELETE" if self.fault == "allows what it has not" else ""
            if self.refusal(request, anybody=True):
                return problem(400, "whose?")
            return Response(status_code=204, headers={"allow": f"GET, POST, OPTIONS{more}"})
        if refusal := self.refusal(request):
            return refusal
        if request.method == "PUT":
            return JSONResponse({})
        return await self.admit(request) if request.method == "POST" else self.list(request)

    def list(self, request: Request) -> Response:
        lenient = self.fault == "takes any limit"
        values, sort = request.query_params.getlist("limit"), request.query_params.getlist("sort")
        limit = int(values[0]) if len(values) == 1 and plain_number(values[0]) else None
        wrong = (values and (limit is None or not 1 <= limit <= 100)) or any(
            each not in ("name", "-name") for each in sort
        )
        if (wrong or len(sort) > 1) and not lenient:
            return problem(422, "limit")
        answers = {
            "crashes on large limits": (500, "sorry"),
            "refuses large limits": (422, "too many"),
        }
        if self.fault in answers and (limit or 0) > 50:
            return problem(*answers[self.fault])
        residents: list[dict[str, Any]] = list(self.residents.values())[: limit or 10]
        if self.fault == "writes numbers for ids":
            residents = [{**each, "id": 7} for each in residents]
        headers = {} if self.fault == "counts no more" else {"x-total-count": str(len(self.residents))}
        if self.fault == "answers in html":
            return Response(json.dumps(residents), headers=headers, media_type="text/html")
        status = 202 if self.fault == "has another status" and limit == 100 else 200
        return JSONResponse(residents, status, headers)

    async def admit(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return problem(415, "JSON")
        try:
            body = json.loads(await request.body())
        except ValueError:
            return problem(422, "not JSON")
        if not is_resident(body):
            return problem(422, "not a resident")
        new = {"id": f"n{len(self.seen)}", "name": body["name"]}
        if self.fault != "forgets what it took":
            self.residents[new["id"]] = new
        return JSONResponse(new, 201)

    async def one(self, request: Request) -> Response:
        if refusal := self.refusal(request):
            return refusal
        name = request.path_params["id"]
        if name not in self.residents:
            return problem(404, "nobody")
        if request.method == "DELETE":
            if self.fault != "only marks what is deleted":
                del self.residents[name]
            return Response(status_code=204)
        return JSONResponse(self.residents[name])


def problem(status: int, title: str, headers: Any = None) -> Response:
    body = json.dumps({"title": title, "status": status})
    return Response(body, status, headers, media_type="application/problem+json")


async def nowhere(request: Request, error: Any) -> Response:
    return problem(404, "no such path")


async def not_so(request: Request, error: Any) -> Response:
    return problem(405, "not so", error.headers)


def plain_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def is_resident(body: Any) -> bool:
    if not isinstance(body, dict) or set(body) - {"name", "room"} or not isinstance(body.get("name"), str):
        return False
    room = body.get("room", 1)
    whole = isinstance(room, int | float) and not isinstance(room, bool) and room == int(room)
    return 1 <= len(body["name"]) <= 40 and whole and 1 <= room <= 60
