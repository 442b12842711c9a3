"""`problem` and `operation_outcome`: errors have the shape that clients can read, and tell nothing of the inside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pytest_sysint.contracts._words import Subject
from pytest_sysint.core.errors import Mistake, Mistakes, did_you_mean
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.explain import came
from pytest_sysint.expectations.values import plain, show

_TRACES = re.compile(
    r"Traceback \(most recent call last\)"  # Python
    r"|File \"[^\"\n]+\", line \d+"
    r"|\bat [\w$.<>/]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)"  # the JVM
    r"|\bat [^\n]+ in [^\n]+:line \d+"  # .NET
    r"|\bat [^\n]*(?:\.[cm]?[jt]sx?|node:[\w/]+):\d+:\d+"  # JavaScript
    r"|\bgoroutine \d+ \[|\bpanic: |stack backtrace:"  # Go, Rust
    r"|\.rb:\d+:in [`']"
    r"|#\d+ [^\n]+\.php[(:]\d+"
)
_ERROR = frozenset({"error", "fatal"})
_SEVERITIES = ("fatal", "error", "warning", "information")
_CODES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden",
    "suppressed", "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long",
    "code-invalid", "extension", "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store",
    "exception", "timeout", "incomplete", "throttled", "informational",
})  # fmt: skip
"""IssueType of FHIR R4."""


def trace_in(observation: Observation) -> str:
    """What of an answer gives away the inside of the service; empty when nothing does."""
    body = observation.payload
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    # Within JSON text a line break stands as \n; patterns look for words, not for lines.
    found = _TRACES.search(text.replace('\\"', '"').replace("\\n", "\n"))
    return found[0] if found else ""


@dataclass(frozen=True, slots=True)
class _Part:
    """One thing that a shape asks for."""

    name: str
    holds: bool
    said: str
    expected: str
    actual: Any = None
    warns: bool = False

    def assertion(self, tenant: str) -> Assertion:
        return Assertion(
            name=self.name,
            status="passed" if self.holds else "failed",
            message=f"{self.said}; expected {self.expected}" if not self.holds else self.said,
            expected=self.expected,
            actual=plain(self.actual),
            severity="warn" if self.warns else "fail",
            tenant_id=tenant,
        )


def _no_trace(observation: Observation) -> _Part:
    trace = trace_in(observation)
    said = f"the body shows the inside of the service: {trace[:120]}" if trace else "no stack trace in the body"
    return _Part("stack trace", not trace, said, "an error without a stack trace", trace or None)


def _content_type(observation: Observation, wanted: tuple[str, ...], also: tuple[str, ...] = ()) -> _Part:
    media = str(observation.facts.get("content_type", ""))
    holds = media in wanted
    said = f"the content type was {media or 'not given'}"
    return _Part("content type", holds, said, " or ".join(wanted), media, warns=not holds and media in also)


@dataclass(frozen=True, slots=True)
class IsProblem:
    """Judges an error by RFC 9457."""

    def judge(self, observation: Observation, tenant: str) -> tuple[Assertion, ...]:
        """An assertion for each part of the shape."""
        return tuple(part.assertion(tenant) for part in self._parts(observation))

    def _parts(self, observation: Observation) -> Iterator[_Part]:
        yield _content_type(observation, ("application/problem+json",))
        yield _no_trace(observation)
        body = observation.payload
        if not isinstance(body, Mapping):
            yield _Part("problem", False, f"the body was {show(body, 80)}", "a problem: a map", body)
            return
        named = "title" in body or "type" in body
        keys = ", ".join(map(str, body)) or "nothing"
        yield _Part("problem", named, f"the problem has {keys}", "a `title` or a `type`", sorted(map(str, body)))
        for name, check, expected in _MEMBERS:
            if name in body:
                said = f"{name} was {show(body[name], 80)}"
                yield _Part(f"problem {name}", check(body[name]), said, expected, body[name])
        status, http = body.get("status"), observation.facts.get("status")
        if "status" in body:
            said = f"status in the body was {show(status, 40)}, and that of the answer {http}"
            yield _Part("problem status", _is_status(status) and status == http, said, "the same number twice", status)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_uri(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w\-.~:/?#\[\]@!$&'()*+,;=%]+", value, re.ASCII) is not None


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_MEMBERS = (
    ("type", _is_uri, "a URI reference"),
    ("title", _is_text, "a text for people"),
    ("detail", _is_text, "a text for people"),
    ("instance", _is_uri, "a URI reference"),
)


class ProblemWord:
    """The word `problem`."""

    schema: ClassVar[Mapping[str, Any]] = {
        "const": True,
        "description": "The answer is an error in the shape of RFC 9457 (application/problem+json).",
    }
    http: ClassVar[bool] = True
    default_expect: ClassVar[Mapping[str, Any] | None] = {"status": ">= 400"}

    def read(self, value: Any, _subject: Subject) -> IsProblem:
        """Raises Mistakes for anything but true."""
        if value is not True:
            raise Mistakes(Mistake((), f"expected true, got {came(value)}; judge its members by `expect`"))
        return IsProblem()


@dataclass(frozen=True, slots=True)
class IsOperationOutcome:
    """Judges an answer as an OperationOutcome of FHIR R4."""

    code: str = ""

    def judge(self, observation: Observation, tenant: str) -> tuple[Assertion, ...]:
        """An assertion for each part of the shape."""
        return tuple(part.assertion(tenant) for part in self._parts(observation))

    def _parts(self, observation: Observation) -> Iterator[_Part]:
        yield _content_type(observation, ("application/fhir+json",), ("application/json",))
        yield _no_trace(observation)
        body = observation.payload
        sort = body.get("resourceType") if isinstance(body, Mapping) else None
        said = f"resourceType was {show(sort, 40)}" if isinstance(body, Mapping) else f"the body was {show(body, 80)}"
        yield _Part("resourceType", sort == "OperationOutcome", said, "an OperationOutcome", sort)
        if sort != "OperationOutcome":
            return
        issues = body.get("issue")
        there = isinstance(issues, list) and bool(issues)
        yield _Part("issue", there, f"issue was {show(issues, 80)}", "a list with at least one issue", issues)
        if isinstance(issues, list) and issues:
            yield from self._of_issues(issues, observation.facts.get("status"))

    def _of_issues(self, issues: list[Any], status: Any) -> Iterator[_Part]:
        wrong = [text for index, issue in enumerate(issues) for text in _wrong(issue, f"issue[{index}]")]
        yield _Part("issues", not wrong, "; ".join(wrong) or f"{len(issues)} well formed", "issues as FHIR R4 has them")
        known = [issue for issue in issues if isinstance(issue, Mapping)]
        severities = [issue.get("severity") for issue in known]
        if isinstance(status, int) and status >= 400:
            grave = any(each in _ERROR for each in severities)
            said = f"the status was {status}, and the severities {show(severities, 80)}"
            yield _Part("severity", grave, said, "an issue of severity error or fatal", severities)
        if self.code:
            codes = [issue.get("code") for issue in known]
            said = f"the codes were {show(codes, 80)}"
            yield _Part("code", self.code in codes, said, f"an issue '{self.code}'", codes)


def _wrong(issue: Any, where: str) -> Iterator[str]:
    if not isinstance(issue, Mapping):
        yield f"{where} is no map"
        return
    if issue.get("severity") not in _SEVERITIES:
        yield f"{where}.severity was {show(issue.get('severity'), 40)}"
    if issue.get("code") not in _CODES:
        yield f"{where}.code was {show(issue.get('code'), 40)}"
    for key, kind in (("diagnostics", str), ("details", Mapping), ("expression", list), ("location", list)):
        if key in issue and not isinstance(issue[key], kind):
            yield f"{where}.{key} was {show(issue[key], 40)}"


class OperationOutcomeWord:
    """The word `operation_outcome`."""

    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The answer is an OperationOutcome of FHIR R4; `{code: not-found}` asks for an issue of it.",
        "anyOf": [
            {"const": True},
            {
                "type": "object",
                "properties": {"code": {"enum": sorted(_CODES), "description": "The code of one of its issues."}},
                "required": ["code"],
                "additionalProperties": False,
            },
        ],
    }
    http: ClassVar[bool] = True
    # FHIR answers some failures with 200: the outcome alone decides where no status is expected.
    default_expect: ClassVar[Mapping[str, Any] | None] = {}

    def read(self, value: Any, _subject: Subject) -> IsOperationOutcome:
        """Raises Mistakes for anything but true or a map with a known code."""
        if value is True:
            return IsOperationOutcome()
        if not isinstance(value, Mapping) or set(value) != {"code"}:
            raise Mistakes(Mistake((), f"expected true or {{code: ...}}, got {came(value)}"))
        code = value["code"]
        if code not in _CODES:
            guess = did_you_mean(str(code), _CODES)
            raise Mistakes(Mistake(("code",), f"FHIR R4 has no issue code '{code}'{guess}"))
        return IsOperationOutcome(code)
