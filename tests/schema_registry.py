"""A schema registry for the tests: a real HTTP server that speaks the part of Confluent's REST API that is used."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

USER, PASSWORD = "registrar", "correct-horse-registry"


@dataclass
class SchemaRegistry:
    """What it keeps. Compatibility is BACKWARD: a new schema must read what the latest has written."""

    url: str = ""
    subjects: dict[str, list[int]] = field(default_factory=dict)
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    locked: bool = False
    """Whether it asks for credentials."""
    broken: bool = False

    def register(self, subject: str, schema: Any, kind: str = "AVRO", references: Any = ()) -> int:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        number = len(self.schemas) + 1
        self.schemas[number] = {"schema": text, "schemaType": kind, "references": list(references)}
        self.subjects.setdefault(subject, []).append(number)
        return number

    def app(self) -> Starlette:
        routes = [
            Route("/schemas/ids/{id:int}", self._by_id),
            Route("/subjects", self._subjects),
            Route("/subjects/{subject}/versions", self._register, methods=["POST"]),
            Route("/subjects/{subject}/versions/{version}", self._version),
            Route("/config/{subject}", self._config),
            Route("/compatibility/subjects/{subject}/versions/latest", self._compatible, methods=["POST"]),
        ]
        app = Starlette(routes=routes)
        app.add_middleware(_Door, registry=self)
        return app

    async def _by_id(self, request: Request) -> Response:
        found = self.schemas.get(request.path_params["id"])
        return _shown(found) if found else _error(404, 40403, "Schema not found")

    async def _subjects(self, request: Request) -> Response:
        return JSONResponse(sorted(self.subjects))

    async def _register(self, request: Request) -> Response:
        body = await request.json()
        subject = request.path_params["subject"]
        number = self.register(subject, body["schema"], body.get("schemaType", "AVRO"), body.get("references", ()))
        return JSONResponse({"id": number})

    async def _version(self, request: Request) -> Response:
        subject, version = request.path_params["subject"], request.path_params["version"]
        versions = self.subjects.get(subject)
        if not versions:
            return _error(404, 40401, f"Subject '{subject}' not found.")
        at = len(versions) if version == "latest" else int(version)
        number = versions[at - 1]
        return _shown({"subject": subject, "version": at, "id": number, **self.schemas[number]})

    async def _config(self, request: Request) -> Response:
        return JSONResponse({"compatibilityLevel": self.levels.get(request.path_params["subject"], "BACKWARD")})

    async def _compatible(self, request: Request) -> Response:
        body = await request.json()
        latest = self.schemas[self.subjects[request.path_params["subject"]][-1]]
        if body.get("schemaType", "AVRO") != latest["schemaType"]:
            said = ["the format differs"]
        elif latest["schemaType"] == "AVRO":
            said = list(_avro_backward(json.loads(body["schema"]), json.loads(latest["schema"])))
        else:
            said = [] if body["schema"] == latest["schema"] else ["the schema differs"]
        return JSONResponse({"is_compatible": not said, "messages": said})


def _avro_backward(new: Any, old: Any) -> Iterator[str]:
    known = {each["name"]: each["type"] for each in old["fields"]}
    for each in new["fields"]:
        if each["name"] not in known and "default" not in each:
            yield f"READER_FIELD_MISSING_DEFAULT_VALUE: {each['name']}"
        elif each["name"] in known and each["type"] != known[each["name"]]:
            yield f"TYPE_MISMATCH: {each['name']}"


def _shown(found: dict[str, Any]) -> Response:
    """Avro is not named, as the real one does not."""
    seen = {key: value for key, value in found.items() if key != "schemaType" or value != "AVRO"}
    return JSONResponse({key: value for key, value in seen.items() if key != "references" or value})


def _error(status: int, code: int, said: str) -> Response:
    return JSONResponse({"error_code": code, "message": said}, status)


class _Door:
    """Refuses who has no credentials, and fails when it is told to."""

    def __init__(self, app: Any, registry: SchemaRegistry) -> None:
        self.app = app
        self.registry = registry

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer: Any = self.app
        if scope["type"] == "http" and self.registry.broken:
            answer = _error(500, 50001, "Error in the backend data store")
        elif scope["type"] == "http" and self.registry.locked:
            expected = b"Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode())
            if dict(scope["headers"]).get(b"authorization") not in (expected, b"Bearer " + PASSWORD.encode()):
                answer = _error(401, 40101, "Unauthorized")
        await answer(scope, receive, send)


class Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An ASGI application on loopback; gives its url."""
    server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.ready.wait(30)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
