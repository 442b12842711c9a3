"""What consumers expect of a provider of care, a provider that keeps it, and pacts verified against it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.contracts.http_bench import Answer, Asked, Desk, Ran

PACTS = Path(__file__).parent / "pacts"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOOKS = {"provider_states": {"request": "POST /_pact/states"}, "messages_from": {"request": "POST /_pact/messages"}}


def message(body: Any, topic: str = "residents") -> Answer:
    metadata = base64.b64encode(json.dumps({"topic": topic}).encode()).decode()
    return 200, body, {"Pact-Message-Metadata": metadata}


FOUND = {
    "id": 12, "name": "Bob", "weight": 70.5, "age": 88, "active": False, "left": None,
    "seen": "2026-02-01T08:30:00Z", "day": "2026-02-01", "hour": "08:30:00",
}  # fmt: skip


@dataclass
class Provider:
    """What the consumers expect. `changed` replaces what is answered at one place."""

    changed: dict[str, Any] = field(default_factory=dict)
    states: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/_pact/states":
            self.states.append(asked.body)
            return self.changed.get("states") or (200, {"room": 31})
        if asked.path == "/_pact/messages":
            return self.changed.get(asked.body["description"]) or self.messages[asked.body["description"]]
        place = f"{asked.method} {asked.path}"
        if place == "GET /private":
            return (200, {}) if asked.headers.get("authorization") == "Bearer right" else (401, {})
        return self.changed.get(place) or self.answers.get(place, (404, {"error": "nothing here"}))

    messages: ClassVar[dict[str, Answer]] = {
        "a resident was admitted": message({"event": "admitted", "id": 12}),
        "a resident left": message({"event": "left", "id": 3}),
        "a question about a resident": (200, {"name": "Ada"}),
    }
    answers: ClassVar[dict[str, Answer]] = {
        "GET /residents/7": (
            200,
            {"id": 9, "name": "Ada", "born": "1930-01-31", "room": None, "notes": [{"text": "x"}, {"text": "y"}]},
        ),
        "GET /residents": (200, {"items": [FOUND], "greeting": "oh hello Bob", "kind": "page"}, {"x-total": "44"}),
        "POST /residents": (201, {"id": 4, "tags": {"a": 2, "b": 3}, "steps": ["told", "made"], "flag": False}),
        "GET /photo": (200, PNG, {"content-type": "image/png"}),
    }


@dataclass
class Verified:
    desk: Desk
    url: str

    def all(self, pact: Any = str(PACTS), hooks: Any = None, **keys: Any) -> dict[str, Ran]:
        declared = self.desk.declare({"pact": pact, **(HOOKS if hooks is None else hooks)}, self.url, **keys)
        return {check.slug: self.desk.run(check, declared) for check in self.desk.checks(declared)}

    def one(self, slug: str, hooks: Any = None, pact: Any = str(PACTS), **keys: Any) -> Ran:
        declared = self.desk.declare({"pact": pact, **(HOOKS if hooks is None else hooks)}, self.url, **keys)
        (check,) = [each for each in self.desk.checks(declared) if slug in each.slug]
        return self.desk.run(check, declared)
