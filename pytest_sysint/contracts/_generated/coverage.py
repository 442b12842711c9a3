"""What of an operation's promises was met with: which statuses were seen, which parameters were sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_sysint.core.records import Assertion


@dataclass(slots=True)
class Coverage:
    """Of one operation.

    `statuses` are those of the document, `2XX` and `default` as they stand there; `parameters` are `query limit` and
    the like, with `body` for a request body.
    """

    statuses: tuple[str, ...]
    parameters: tuple[str, ...]
    seen: Counter[int] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)

    def note(self, status: int, sent: Collection[str], body: bytes) -> None:
        """One answer, and the parameters that its request had."""
        self.seen[status] += 1
        self.sent.update(name for name in sent if name in self.parameters)

    @property
    def met(self) -> list[str]:
        """The statuses of the document that were seen."""
        return [each for each in self.statuses if any(_fits(status, each, self.statuses) for status in self.seen)]

    def metrics(self) -> dict[str, float]:
        """Counts for the report."""
        requests: dict[str, float] = {"requests": sum(self.seen.values())}
        if not self.statuses:
            return requests
        return {
            **requests,
            "statuses_documented": len(self.statuses),
            "statuses_seen": len(self.met),
            "parameters_documented": len(self.parameters),
            "parameters_sent": len(self.sent),
        }

    @property
    def promised(self) -> str:
        """The successes that the document promises; empty without any."""
        return ", ".join(each for each in self.statuses if each.startswith("2"))

    @property
    def reached(self) -> bool:
        """Whether one of them was seen."""
        return any(200 <= status < 300 for status in self.seen)

    def assertions(self, tenant: str) -> list[Assertion]:
        """What was met with. It warns where a success is promised and none was seen; nothing where none is."""
        if not self.promised or not self.seen:
            return []
        text = self.text()
        if not self.reached:
            text = f"no answer was a success, so what is promised of {self.promised} was not tested; {text}"
        return [
            Assertion(
                name="coverage",
                status="passed" if self.reached else "failed",
                severity="warn",
                message=text,
                expected=f"a success among the answers ({self.promised})",
                actual=text,
                tenant_id=tenant,
            )
        ]

    def text(self) -> str:
        """In one line."""
        seen = ", ".join(f"{status} ({count})" for status, count in sorted(self.seen.items())) or "none"
        never = [each for each in self.statuses if each not in self.met and each != "default"]
        unseen = f"; documented, not seen: {', '.join(never)}" if never else ""
        if not self.parameters:
            return f"statuses seen: {seen}{unseen}"
        left = [name for name in self.parameters if name not in self.sent]
        told = f", never: {', '.join(left)}" if left else ""
        return f"statuses seen: {seen}{unseen}; parameters sent: {len(self.sent)} of {len(self.parameters)}{told}"


@dataclass(slots=True)
class GraphqlCoverage(Coverage):
    """Of a query or a mutation: whether it was ever served."""

    statuses: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    served: int = 0
    """Answers with data and without errors."""

    def note(self, status: int, sent: Collection[str], body: bytes) -> None:
        """One answer."""
        self.seen[status] += 1
        try:
            told = json.loads(body)
        except ValueError:
            return
        if isinstance(told, dict) and told.get("data") is not None and not told.get("errors"):
            self.served += 1

    @property
    def promised(self) -> str:
        return "data without errors"

    @property
    def reached(self) -> bool:
        return self.served > 0

    def metrics(self) -> dict[str, float]:
        """Counts for the report."""
        return {"requests": sum(self.seen.values()), "served": self.served}

    def text(self) -> str:
        """In one line."""
        return f"{self.served} of {sum(self.seen.values())} documents were answered with data and without errors"


def sent_by(case: Any) -> set[str]:
    """The parameters of a request, as `Coverage` names them."""
    places: Mapping[str, Mapping[str, Any]] = {
        "path": case.path_parameters or {},
        "query": case.query if isinstance(case.query, Mapping) else {},
        "header": case.headers or {},
        "cookie": case.cookies or {},
    }
    found = {f"{place} {name}" for place, held in places.items() for name in held}
    return found | ({"body"} if case.body is not None and type(case.body).__name__ != "NotSet" else set())


def _fits(status: int, documented: str, all_of_them: Collection[str]) -> bool:
    word = documented.upper()
    if word == "DEFAULT":
        return not any(_fits(status, each, ()) for each in all_of_them if each.upper() != "DEFAULT")
    return len(word) == 3 and all(mark in ("X", digit) for mark, digit in zip(word, str(status), strict=True))
