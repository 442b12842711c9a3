"""What the checks of an OpenAPI document do when they run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.contracts._generated import outcome as judged
from pytest_sysint.contracts._generated.bridge import Halt
from pytest_sysint.contracts._generated.cases import other_methods, warm_up
from pytest_sysint.contracts._generated.coverage import Coverage
from pytest_sysint.contracts._generated.document import Document, base_path
from pytest_sysint.contracts._generated.exam import Examiner
from pytest_sysint.contracts._generated.examination import Examination, Loaded, operations_of, promised_by, seed_of
from pytest_sysint.contracts._generated.finding import Finding, assertions_of
from pytest_sysint.contracts._generated.library import InvalidSchema, Override, ParameterLocation, Tested, bridged
from pytest_sysint.contracts._generated.links import Walk
from pytest_sysint.contracts._generated.options import OpenApiOptions, conformance_names
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.records import Assertion

ELSEWHERE = frozenset({"use_after_free", "ensure_resource_availability", "unsupported_method"})
"""Checks that one request of one operation cannot tell anything of."""
NOT_IN_WALKS = frozenset({"unsupported_method", "negative_data_rejection", "missing_required_header"})


def load(document: Document, mode: str = "all", headers: Mapping[str, str] | None = None) -> Loaded:
    """Hand the document to schemathesis; see `library.bridged`."""
    warm_up()
    schema = bridged(document.raw, mode, headers)
    if document.path is not None:
        schema.location = document.path.as_uri()
    operations = operations_of(schema)
    readable = (each for each in operations.values() if not isinstance(each, InvalidSchema))
    return Loaded(schema, operations, promised_by(map(coverage_of, readable)))


def coverage_of(operation: Tested) -> Coverage:
    """What an operation promises, of which nothing was met yet."""
    parameters = [f"{each.location.value} {each.name}" for each in operation.iter_parameters()]
    body = ["body"] if list(operation.body) else []
    return Coverage(tuple(str(each) for each in operation.responses.status_codes), (*parameters, *body))


def pinned(operation: Tested, values: Mapping[str, Any]) -> Override:
    """The declared values of parameters, for those that the operation has."""
    fixed = Override()
    for parameter in operation.iter_parameters():
        if parameter.name in values:
            held = {
                ParameterLocation.PATH: fixed.path_parameters,
                ParameterLocation.QUERY: fixed.query,
                ParameterLocation.HEADER: fixed.headers,
                ParameterLocation.COOKIE: fixed.cookies,
            }.get(parameter.location, {})
            held[parameter.name] = values[parameter.name]
    return fixed


@dataclass(frozen=True, slots=True)
class OpenApiExamination(Examination[Document, OpenApiOptions]):
    """Tests an API by its OpenAPI document."""

    def links(self, context: Context) -> Outcome:
        """Walk along the links of the document: an assertion per check.

        Raises:
            CallError: when a conversation went wrong.
            Unavailable: when the document has no links.

        """
        document, loaded = self.source.get(context)
        clock, seed = self.clock(context), seed_of(self.options)
        checks = [name for name in self.options.chosen(conformance_names()) if name not in NOT_IN_WALKS]
        examiner = self.examiner(document, context, clock, Coverage((), ()), checks)
        own = examiner.bridge.own(*(each for each in loaded.operations.values() if not isinstance(each, InvalidSchema)))
        copied = replace(document, raw=deepcopy(document.raw))  # links that are inferred are written into it
        wanted = {each.label for each in document.operations if self.takes(each.names)}
        schema = load(copied, "positive", own).schema.include(lambda each: each.operation.label in wanted)
        if not schema.apply_stateful_inference(None).selected:
            raise Unavailable(
                f"the document {self.source.where} has no links between operations, nor can any be inferred"
            )
        walk = Walk(schema, examiner, clock)
        broken: CallError | None = None
        try:
            walk.go(self.options.examples, seed)
        except Halt as halt:
            if not isinstance(halt.error, CallError):
                raise halt.error or halt from None
            broken = halt.error
        short = self.short(clock, walk.walks, "walks")
        outcome = self.outcome(
            context, examiner, seed, short, broken=broken, metrics={"walks": walk.walks, "steps": walk.steps}
        )
        if broken is not None:
            broken.partial = outcome
            raise broken
        return outcome

    def methods(self, context: Context) -> Outcome:
        """Try each path with the methods that the document does not name: an assertion per path.

        Raises:
            CallError: when a conversation went wrong.

        """
        document, loaded = self.source.get(context)
        clock, seed = self.clock(context), seed_of(self.options)
        first_of = {each.path: each.label for each in reversed(document.operations) if self.takes(each.names)}
        assertions: list[Assertion] = []
        findings: list[Finding] = []
        for path, label in reversed(first_of.items()):
            operation = loaded.operations.get(label)
            if operation is None or isinstance(operation, InvalidSchema):
                continue
            examiner = self.examiner(document, context, clock, Coverage((), ()), ["unsupported_method"])
            try:
                other_methods(operation, examiner, self.fixed(operation, examiner))
            except CallError as error:
                error.partial = judged.outcome_of(context, assertions, findings, cause=cause_of_error(error))
                raise
            found = assertions_of(examiner.tallies, self.tenant, seed)
            assertions += [each.model_copy(update={"name": path}) for each in found]
            findings += judged.found_by(examiner)
        tried = len(assertions)
        assertions += self.short(clock, tried, "paths", len(first_of))
        return judged.outcome_of(context, assertions, findings, metrics={"paths": tried, "seed": seed})

    def prefix(self, document: Document, context: Context) -> str:
        """The path of the document's server, where the url has none of its own."""
        if self.options.base_path is not None:
            return self.options.base_path.rstrip("/")
        return "" if urlsplit(context.integration.settings.url).path.strip("/") else base_path(document.raw)

    def checks(self) -> Collection[str]:
        return [name for name in self.options.chosen(conformance_names()) if name not in ELSEWHERE]

    def coverage(self, operation: Tested) -> Coverage:
        return coverage_of(operation)

    def fixed(self, operation: Tested, examiner: Examiner) -> Override:
        """Declared values, and what the integration itself gives."""
        fixed = pinned(operation, self.options.parameters)
        arguments = examiner.arguments(operation)
        fixed.headers.update(arguments["headers"])
        fixed.query.update(arguments["params"] or {})
        return fixed


EXAMINATION = OpenApiExamination
