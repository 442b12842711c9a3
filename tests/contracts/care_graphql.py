"""A real GraphQL API of residents, that breaks its schema in one way each when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from strawberry.extensions import DisableIntrospection

TOKEN = "a-token-of-elmhurst"


@strawberry.type
class Resident:
    id: strawberry.ID
    name: str


@dataclass
class CareGraphql:
    """Residents at `/graphql`. `fault` names the one promise that it breaks."""

    fault: str = ""
    residents: dict[str, str] = field(default_factory=lambda: {"r1": "Ann", "r2": "Bo"})
    seen: list[Any] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/graphql", self.answer, methods=["GET", "POST"])])

    @property
    def schema(self) -> strawberry.Schema:
        residents, fault = self.residents, self.fault

        @strawberry.type
        class Query:
            @strawberry.field
            def residents(self, limit: int = 10) -> list[Resident]:
                if fault == "crashes":
                    raise GraphQLError("division by zero")
                if fault == "gives null":
                    return [Resident(id=strawberry.ID("r1"), name=None)]  # type: ignore[arg-type]
                found = [Resident(id=strawberry.ID(id_), name=name) for id_, name in residents.items()]
                return found[: max(limit, 0)]

            @strawberry.field
            def resident(self, id: strawberry.ID) -> Resident:  # noqa: A002
                if id not in residents:
                    raise GraphQLError(f"no resident '{id}'", extensions={"code": "NOT_FOUND"})
                return Resident(id=id, name=residents[id])

            @strawberry.field
            def count(self) -> int:
                return len(residents)

        @strawberry.type
        class Mutation:
            @strawberry.mutation
            def admit(self, name: str, room: int = 1) -> Resident:
                if fault == "refuses empty names" and not name:
                    raise GraphQLError("a name", extensions={"code": "BAD_USER_INPUT"})
                id_ = f"n{len(residents)}"
                residents[id_] = name
                return Resident(id=strawberry.ID(id_), name=name)

        extensions = [DisableIntrospection] if fault == "tells nothing of itself" else []
        return strawberry.Schema(query=Query, mutation=Mutation, extensions=extensions)

    async def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"errors": [{"message": "who are you?"}]}, 401)
        body = await request.json()
        self.seen.append(body)
        if self.fault == "answers in text":
            return Response("sorry", media_type="application/json")
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return JSONResponse({"errors": [{"message": "no query"}]}, 400)
        result = await self.schema.execute(
            body["query"], variable_values=body.get("variables"), operation_name=body.get("operationName")
        )
        errors = [error.formatted for error in result.errors or ()]
        if self.fault == "takes anything" and errors:
            return JSONResponse({"data": {}})
        return JSONResponse({"data": result.data, **({"errors": errors} if errors else {})})
