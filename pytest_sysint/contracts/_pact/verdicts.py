"""From the verifier's results to assertions: one for each thing that it looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pytest_sysint.core.records import Assertion
from pytest_sysint.expectations.values import plain

_HELD = re.compile(r"^\s+(?P<what>.+?)\s+\(OK\)$")
_NAMED = re.compile(r'^"(?P<name>[^"]+)" with value "(?P<example>.*)"$')
"""A header, or a key of the metadata of a message; the value is the pact's own example."""
_ROOM = 400
_NAMES = {
    "StatusMismatch": "status",
    "MethodMismatch": "method",
    "PathMismatch": "path",
    "QueryMismatch": "query",
    "HeaderMismatch": "headers",
    "BodyMismatch": "body",
    "BodyTypeMismatch": "content type",
    "MetadataMismatch": "metadata",
}


def assertions_of(results: Mapping[str, Any], consumer: str, pending: bool, tenant: str) -> tuple[Assertion, ...]:
    """What the verifier says of its one interaction; of one that is pending, failures are warnings."""
    severity: Literal["fail", "warn"] = "warn" if pending else "fail"
    failed = tuple(_failed(results, severity, tenant))
    held = tuple(_held(results, tenant))
    if failed or results.get("result") is True:
        return (*held, *failed) or (_passed("pact", f"it is as {consumer} expects", tenant),)
    said = "; ".join(str(each) for each in results.get("notices") or ()) or str(results.get("said") or "no result")
    return (*held, _broken("pact", f"the interaction could not be verified: {said}", None, None, severity, tenant))


def _held(results: Mapping[str, Any], tenant: str) -> Iterator[Assertion]:
    for line in results.get("output") or ():
        found = _HELD.match(str(line))
        named = _NAMED.match(found["what"]) if found else None
        if named:
            yield _passed(named["name"], f"{named['name']} is as expected, such as {named['example']}", tenant)
        elif found:
            yield _passed(found["what"].split(" ", 1)[-1], f"it {found['what']}", tenant)


def _failed(results: Mapping[str, Any], severity: Literal["fail", "warn"], tenant: str) -> Iterator[Assertion]:
    for error in [*(results.get("errors") or ()), *(results.get("pendingErrors") or ())]:
        mismatch = error.get("mismatch") or {}
        for each in mismatch.get("mismatches") or ():
            where = str(each.get("key") or each.get("path") or "")
            name = " ".join(part for part in (_NAMES.get(each.get("type"), "answer"), where) if part)
            expected, actual = _value(each.get("expected")), _value(each.get("actual"))
            yield _broken(name, str(each.get("mismatch") or "does not match"), expected, actual, severity, tenant)
        if "mismatches" not in mismatch:
            said = str(mismatch.get("message") or error.get("interaction") or "it failed")
            yield _broken("interaction", said, None, None, severity, tenant)


def _value(text: Any) -> Any:
    """A value that the verifier shows as JSON text."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shorter(text: str) -> str:
    """A sentence of the verifier without its middle: it shows whole values first, and says at the end why not."""
    return text if len(text) <= _ROOM else f"{text[: _ROOM // 2]} ... {text[-_ROOM // 2 :]}"


def _passed(name: str, said: str, tenant: str) -> Assertion:
    return Assertion(name=name, status="passed", message=said, tenant_id=tenant)


def _broken(
    name: str, said: str, expected: Any, actual: Any, severity: Literal["fail", "warn"], tenant: str
) -> Assertion:
    return Assertion(
        name=name,
        status="failed",
        message=f"{name}: {_shorter(said)}",
        expected=plain(expected),
        actual=plain(actual),
        severity=severity,
        tenant_id=tenant,
    )
