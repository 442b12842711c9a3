"""What is used of schemathesis, in one place: beside its documented interface, the parts that make its cases.

Importing this imports schemathesis, requests and Hypothesis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import requests
import schemathesis
from schemathesis import Config, GenerationMode, Response
from schemathesis.checks import CHECKS, CheckContext
from schemathesis.core.errors import InvalidSchema, SchemathesisError
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation.coverage import GenerationSession
from schemathesis.generation.drivers import CoverageGenerator, ExamplesGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.meta import CoveragePhaseData, CoverageScenario
from schemathesis.generation.overrides import Override
from schemathesis.graphql.checks import GraphQLServerError
from schemathesis.schemas import APIOperation, BaseSchema
from schemathesis.specs.graphql.schemas import GraphQLSchema
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

Case: TypeAlias = schemathesis.Case[Any]
Tested: TypeAlias = APIOperation[Any, Any, Any, Any]

THROUGH = "session_of_ours"
"""The argument that carries our session: schemathesis' own probes leave out one that is called `session`."""


class Through(RequestsTransport):
    """Sends by the session that is handed on, and by no other: schemathesis never opens a connection of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)

    def send(self, case: Any, *, session: requests.Session | None = None, **kwargs: Any) -> Response:
        return super().send(case, session=kwargs.pop(THROUGH), **kwargs)


_THROUGH = Through()


class BridgedGraphql(GraphQLSchema):
    """A GraphQL schema whose requests all go through the integration."""

    @property
    def transport(self) -> Through:
        return _THROUGH


def bridged_graphql(told: dict[str, Any]) -> BridgedGraphql:
    """The answer to an introspection query, as schemathesis has it."""
    return BridgedGraphql(told, config=Config().projects.get(told))


class BridgedSchema(OpenApiSchema):
    """An OpenAPI document whose requests all go through the integration."""

    @property
    def transport(self) -> Through:
        return _THROUGH


def bridged(raw: dict[str, Any], mode: str = "all", headers: Mapping[str, str] | None = None) -> BridgedSchema:
    """The document as schemathesis has it, for requests that are `positive` (valid), `negative` or `all`.

    `headers` go with each request that is made from it; they do not count as generated ones. No configuration file of
    schemathesis is looked for.
    """
    config = Config.from_dict({"generation": {"mode": mode}, "headers": dict(headers or {})})
    return BridgedSchema(raw_schema=raw, config=config.projects.get(raw))


__all__ = [
    "CHECKS",
    "NO_FEEDBACK",
    "THROUGH",
    "APIOperation",
    "BaseSchema",
    "Case",
    "CheckContext",
    "Config",
    "CoverageGenerator",
    "CoveragePhaseData",
    "CoverageScenario",
    "ExamplesGenerator",
    "Failure",
    "FailureGroup",
    "GenerationMode",
    "GenerationSession",
    "GraphQLServerError",
    "InvalidSchema",
    "Ok",
    "Override",
    "ParameterLocation",
    "Response",
    "SchemathesisError",
    "Tested",
    "bridged",
    "bridged_graphql",
]
