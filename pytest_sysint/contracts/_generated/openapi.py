"""What the checks of an OpenAPI document do when they run: one operation, or all operations of one effect."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.contracts._generated import outcome as judged
from pytest_sysint.contracts._generated.bridge import Bridge, Halt
from pytest_sysint.contracts._generated.cases import examine, other_methods, warm_up
from pytest_sysint.contracts._generated.coverage import Coverage
from pytest_sysint.contracts._generated.document import Document, Listed, base_path
from pytest_sysint.contracts._generated.exam import Clock, Examiner
from pytest_sysint.contracts._generated.finding import Finding, assertions_of
from pytest_sysint.contracts._generated.library import (
    BaseSchema,
    InvalidSchema,
    Ok,
    Override,
    ParameterLocation,
    Tested,
    bridged,
)
from pytest_sysint.contracts._generated.links import Walk
from pytest_sysint.contracts._generated.options import OpenApiOptions, conformance_names
from pytest_sysint.contracts._generated.source import Source
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.records import Assertion, Effect

ELSEWHERE = frozenset({"use_after_free", "ensure_resource_availability", "unsupported_method"})
"""Checks that one request of one operation cannot tell anything of."""
NOT_IN_WALKS = frozenset({"unsupported_method", "negative_data_rejection", "missing_required_header"})
_LARGEST_SEED = 2**31


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as schemathesis has it."""

    schema: BaseSchema
    operations: Mapping[str, Tested | InvalidSchema]
    """By label, `GET /residents`; an error where it cannot be read."""


def load(document: Document, mode: str = "all", headers: Mapping[str, str] | None = None) -> Loaded:
    """Hand the document to schemathesis; see `library.bridged`."""
    warm_up()
    schema = bridged(document.raw, mode, headers)
    if document.path is not None:
        schema.location = document.path.as_uri()
    operations: dict[str, Tested | InvalidSchema] = {}
    for found in schema.get_all_operations():
        if isinstance(found, Ok):
            operation = found.ok()
            operations[operation.label] = operation
        else:
            error = found.err()
            operations[f"{str(error.method or '').upper()} {error.path}".strip()] = error
    return Loaded(schema, operations)


def seed_of(options: OpenApiOptions) -> int:
    """The seed of this run."""
    return random.SystemRandom().randrange(_LARGEST_SEED) if options.seed == "random" else options.seed


def prefix(options: OpenApiOptions, document: Document, url: str) -> str:
    """What the paths of the document continue, beside the url: the path of its server, where the url has none."""
    if options.base_path is not None:
        return options.base_path.rstrip("/")
    return "" if urlsplit(url).path.strip("/") else base_path(document.raw)


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
class Examination:
    """Tests operations of one document."""

    source: Source
    options: OpenApiOptions
    tenant: str
    conversations: int

    def one(self, label: str, context: Context) -> Outcome:
        """Test one operation: an assertion per check.

        Raises:
            CallError: when a conversation went wrong, with what was found before in its `partial`.

        """
        document, loaded = self.source.get(context)
        clock = self._clock(context)
        examiner = self._examiner(label, document, loaded, context, clock)
        seed = seed_of(self.options)
        try:
            self._examine(label, loaded, examiner, clock, seed)
        except CallError as error:
            error.partial = self._outcome(context, examiner, seed, [], broken=error)
            raise
        short = []
        if clock.over and examiner.bridge.sent < self.options.examples:
            short = [judged.cut_short(examiner.bridge.sent, self.options.examples, clock.seconds, self.tenant)]
        return self._outcome(context, examiner, seed, short)

    def all(self, effect: Effect, context: Context) -> Outcome:
        """Test every chosen operation of that effect: an assertion per operation.

        Raises:
            CallError: when a conversation went wrong.
            Unavailable: when the document has no such operation.

        """
        document, loaded = self.source.get(context)
        chosen = [each for each in document.operations if each.effect == effect and self._takes(each)]
        if not chosen:
            raise Unavailable(f"the document {self.source.where} has no operation that is to be tested here")
        clock, seed = self._clock(context), seed_of(self.options)
        assertions: list[Assertion] = []
        findings: list[Finding] = []
        metrics: dict[str, float] = {"operations": len(chosen), "seed": seed}
        for number, each in enumerate(chosen):
            context.progress(f"{number} of {len(chosen)} operations")
            examiner = self._examiner(each.label, document, loaded, context, clock)
            try:
                self._examine(each.label, loaded, examiner, clock, seed)
            except CallError as error:
                error.partial = judged.outcome_of(context, assertions, findings, cause=cause_of_error(error))
                raise
            assertions.append(judged.summary(each.label, examiner, seed, self.tenant))
            findings += judged.found_by(examiner)
            for name, count in examiner.coverage.metrics().items():
                metrics[name] = metrics.get(name, 0) + count
        return judged.outcome_of(context, assertions, findings, metrics=metrics)

    def links(self, context: Context) -> Outcome:
        """Walk along the links of the document: an assertion per check.

        Raises:
            CallError: when a conversation went wrong.
            Unavailable: when the document has no links.

        """
        document, loaded = self.source.get(context)
        clock, seed = self._clock(context), seed_of(self.options)
        examiner = self._judge(document, context, clock, Coverage((), ()), without=NOT_IN_WALKS)
        own = examiner.bridge.own(*(each for each in loaded.operations.values() if not isinstance(each, InvalidSchema)))
        copied = replace(document, raw=deepcopy(document.raw))  # links that are inferred are written into it
        schema = load(copied, "positive", own).schema
        wanted = {each.label for each in document.operations if self._takes(each)}
        schema = schema.include(lambda each: each.operation.label in wanted)
        if not schema.apply_stateful_inference(None).selected:
            raise Unavailable(
                f"the document {self.source.where} has no links between operations, and none can be inferred"
            )
        walk = Walk(schema, examiner, clock)
        broken: CallError | None = None
        try:
            walk.go(self.options.examples, seed)
        except Halt as halt:
            if not isinstance(halt.error, CallError):
                raise halt.error or halt from None
            broken = halt.error
        more = {"walks": walk.walks, "steps": walk.steps}
        outcome = self._outcome(context, examiner, seed, [], broken, more)
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
        clock, seed = self._clock(context), seed_of(self.options)
        firsts = {each.path: each.label for each in reversed(document.operations) if self._takes(each)}
        assertions: list[Assertion] = []
        findings: list[Finding] = []
        for path, label in reversed(firsts.items()):
            operation = loaded.operations.get(label)
            if operation is None or isinstance(operation, InvalidSchema):
                continue
            examiner = self._judge(document, context, clock, Coverage((), ()), only="unsupported_method")
            try:
                other_methods(operation, examiner, pinned(operation, self.options.parameters))
            except CallError as error:
                error.partial = judged.outcome_of(context, assertions, findings, cause=cause_of_error(error))
                raise
            assertions += [
                each.model_copy(update={"name": path}) for each in assertions_of(examiner.tallies, self.tenant, seed)
            ]
            findings += judged.found_by(examiner)
        return judged.outcome_of(context, assertions, findings, metrics={"paths": len(assertions), "seed": seed})

    def _takes(self, operation: Listed) -> bool:
        return self.options.operations.takes(operation.names)

    def _clock(self, context: Context) -> Clock:
        return Clock(self.conversations * context.timeout, context.timeout)

    def _examiner(self, label: str, document: Document, loaded: Loaded, context: Context, clock: Clock) -> Examiner:
        operation = loaded.operations.get(label)
        statuses: tuple[str, ...] = ()
        parameters: list[str] = []
        if operation is not None and not isinstance(operation, InvalidSchema):
            statuses = tuple(str(each) for each in operation.responses.status_codes)
            parameters = [f"{each.location.value} {each.name}" for each in operation.iter_parameters()]
            parameters += ["body"] if list(operation.body) else []
        return self._judge(document, context, clock, Coverage(statuses, tuple(parameters)), without=ELSEWHERE)

    def _judge(
        self,
        document: Document,
        context: Context,
        clock: Clock,
        coverage: Coverage,
        without: Collection[str] = (),
        only: str = "",
    ) -> Examiner:
        names = (only,) if only else self.options.chosen(conformance_names())
        base = prefix(self.options, document, context.integration.settings.url)
        return Examiner(Bridge(context, clock), base, [each for each in names if each not in without], coverage)

    def _examine(self, label: str, loaded: Loaded, examiner: Examiner, clock: Clock, seed: int) -> None:
        operation = loaded.operations.get(label)
        if operation is None or isinstance(operation, InvalidSchema):
            examiner.trouble.append(str(operation or "the operation cannot be read"))
            return
        fixed = pinned(operation, self.options.parameters)
        arguments = examiner.arguments(operation)
        fixed.headers.update(arguments["headers"])
        fixed.query.update(arguments["params"] or {})
        examine(operation, examiner, clock, examples=self.options.examples, seed=seed, fixed=fixed)

    def _outcome(
        self,
        context: Context,
        examiner: Examiner,
        seed: int,
        more: Iterable[Assertion],
        broken: CallError | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Outcome:
        assertions = [
            *judged.trouble(examiner.trouble, self.tenant),
            *assertions_of(examiner.tallies, self.tenant, seed),
            *([examiner.coverage.assertion(self.tenant)] if examiner.bridge.sent else []),
            *more,
        ]
        cause = cause_of_error(broken) if broken is not None else ""
        last = examiner.bridge.last[0] if broken is not None and examiner.bridge.last else None
        return judged.outcome_of(
            context,
            assertions,
            judged.found_by(examiner),
            exchanges=examiner.telling.values(),
            metrics={**examiner.coverage.metrics(), "seed": seed, **(metrics or {})},
            cause=cause,
            broken_by=last,
        )
