"""What an examination found: a check of schemathesis that did not hold, with the lightest request that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sysint.contracts._generated.sending import Generated
from pytest_sysint.core.integration import Observation, clip
from pytest_sysint.core.records import Assertion

_LONGEST = 700
_PROMISES = {
    "not_a_server_error": "no answer is a server error",
    "status_code_conformance": "each status is one that the document names",
    "content_type_conformance": "each content type is one that the document names",
    "response_headers_conformance": "each header that the document requires is there, and as it says",
    "response_schema_conformance": "each body is as the document says",
    "negative_data_rejection": "what the document forbids is refused",
    "positive_data_acceptance": "what the document allows is accepted",
    "missing_required_header": "a request without a required header is refused",
    "ignored_auth": "no or wrong credentials are refused",
    "unsupported_method": "methods that the document does not name are answered with 405",
    "allow_header_conformance": "the Allow header names the methods of the document",
    "use_after_free": "what was deleted is gone",
    "ensure_resource_availability": "what was created is there",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that did not hold."""

    check: str
    text: str
    """What was seen, in a line."""
    operation: Generated
    observation: Observation
    before: tuple[Generated, ...] = ()
    """The requests that led to it, oldest first."""

    @property
    def weight(self) -> int:
        """The lighter, the easier to read."""
        return self.operation.weight + sum(each.weight for each in self.before)


@dataclass(slots=True)
class Tally:
    """What is known of one check: to how many answers it applied, and where it did not hold."""

    applied: int = 0
    finding: Finding | None = None

    def keep(self, finding: Finding) -> None:
        """Of two that show the same, the lighter stays."""
        if self.finding is None or finding.weight < self.finding.weight:
            self.finding = finding


def promise(check: str) -> str:
    """What a check of schemathesis expects, in words."""
    return _PROMISES.get(check, check.replace("_", " "))


def said(title: str, message: str) -> str:
    """What schemathesis says of a failure, in one line: without the schemas and values that it prints below."""
    lines = [line.strip().lstrip("- ") for line in message.splitlines() if not line.startswith("    ")]
    text = "; ".join(
        line.rstrip(".") for line in lines if line and not line.startswith(("Schema at", "Schema:", "Value:"))
    )
    return clip(f"{title}: {text}" if text else title, _LONGEST).replace("\n", " ")


def assertions_of(tallies: Mapping[str, Tally], tenant: str, seed: int) -> list[Assertion]:
    """A judgement per check that applied at least once."""
    return [_assertion(name, tally, tenant, seed) for name, tally in tallies.items() if tally.applied or tally.finding]


def _assertion(name: str, tally: Tally, tenant: str, seed: int) -> Assertion:
    common: dict[str, Any] = {"name": name, "expected": promise(name), "tenant_id": tenant}
    finding = tally.finding
    if finding is None:
        answers = f"{tally.applied} answer{'s' if tally.applied != 1 else ''}"
        return Assertion(status="passed", message=f"held for {answers}", actual=f"held for {answers}", **common)
    status = finding.observation.facts.get("status", "no answer")
    led = "".join(f"{each.title()}, then " for each in finding.before)
    shown = f"seen with {led}{clip(finding.operation.title(), 200)}, answered {status}"
    return Assertion(status="failed", message=f"{finding.text} ({shown}; seed {seed})", actual=finding.text, **common)
