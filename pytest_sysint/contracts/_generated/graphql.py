"""What the checks of a GraphQL schema do when they run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import graphql

from pytest_sysint.contracts._generated.bridge import Bridge
from pytest_sysint.contracts._generated.cases import warm_up
from pytest_sysint.contracts._generated.coverage import Coverage, GraphqlCoverage
from pytest_sysint.contracts._generated.exam import Clock
from pytest_sysint.contracts._generated.examination import Examination, Loaded, operations_of
from pytest_sysint.contracts._generated.library import Failure, GraphQLServerError, Tested, bridged_graphql
from pytest_sysint.contracts._generated.options import Options, graphql_names
from pytest_sysint.contracts._generated.sdl import Schema, live_schema
from pytest_sysint.contracts._generated.turns import turn_of_others
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.records import Assertion

_UNFORESEEN = frozenset({"INTERNAL_SERVER_ERROR", "INTERNAL", "INTERNAL_ERROR", "DataFetchingException"})


def load(document: Schema) -> Loaded:
    """Hand the schema to schemathesis."""
    warm_up()
    schema = bridged_graphql(document.told)
    return Loaded(schema, operations_of(schema))


@dataclass(frozen=True, slots=True)
class GraphqlExamination(Examination[Schema, Options]):
    """Tests an endpoint by its schema."""

    def compare(self, context: Context) -> Outcome:
        """Hold what the endpoint tells of itself against the declared schema: an assertion per change.

        Raises:
            CallError: when it does not tell.

        """
        document, _ = self.source.get(context)
        declared = graphql.build_client_schema(document.told)
        with turn_of_others():
            there = graphql.build_client_schema(live_schema(context).told)
        breaking = [self._changed(each, "breaking") for each in graphql.find_breaking_changes(declared, there)]
        dangerous = [self._changed(each, "dangerous") for each in graphql.find_dangerous_changes(declared, there)]
        same = Assertion(
            name="schema",
            status="passed",
            message=f"no breaking change: {len(document.operations)} queries and mutations are there as declared",
            expected="the declared schema",
            actual="the declared schema, or more",
            tenant_id=self.tenant,
        )
        return Outcome(
            (*([] if breaking else [same]), *breaking, *dangerous),
            metrics={"breaking": len(breaking), "dangerous": len(dangerous)},
            reproduce=context.integration.reproduce() if breaking else "",
            cause="the endpoint was changed without this schema, or has not got what is declared yet"
            if breaking
            else "",
        )

    def _changed(self, change: Any, grave: str) -> Assertion:
        kind = str(change.type.name).lower().replace("_", " ")
        return Assertion(
            name=f"{grave}: {kind}",
            status="failed",
            severity="fail" if grave == "breaking" else "warn",
            message=f"{change.description} ({grave})",
            expected="as declared",
            actual=change.description,
            tenant_id=self.tenant,
        )

    def bridge(self, context: Context, clock: Clock) -> Bridge:
        return Bridge(context, clock, one_place=True)

    def checks(self) -> Collection[str]:
        return self.options.chosen(graphql_names())

    def coverage(self, operation: Tested) -> Coverage:
        return GraphqlCoverage()

    def pardons(self, failure: Failure) -> bool:
        """An error that the endpoint gave a code of its own is an answer (`NOT_FOUND`), not an accident."""
        if not isinstance(failure, GraphQLServerError):
            return False
        codes = [(each.get("extensions") or {}).get("code") for each in failure.errors]
        return all(code and code not in _UNFORESEEN for code in codes)

    def can_be_wrong(self, operation: Tested) -> bool | None:
        """Any document can be made one that the schema forbids, if only by a field that is not there."""
        return True


EXAMINATION = GraphqlExamination
