"""One interaction while it is verified: every request of the verifier goes through the integration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pytest_sysint.checks._causes import cause_of, cause_of_error
from pytest_sysint.checks._operation import holds
from pytest_sysint.contracts._pact.documents import Interaction, State
from pytest_sysint.contracts._pact.hooks import MessagesFrom, ProviderStates, Relayed, by_command, by_python
from pytest_sysint.contracts._pact.relay import Asked, Reply, Task, verify
from pytest_sysint.contracts._pact.verdicts import assertions_of
from pytest_sysint.core.capabilities import Carries
from pytest_sysint.core.check import Context, Outcome
from pytest_sysint.core.errors import CallError, Mistakes, Rejected
from pytest_sysint.core.integration import Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration.checks import operations_of
from pytest_sysint.declaration.explain import read_model
from pytest_sysint.expectations.values import show

_JSON = {"content-type": "application/json"}
_OWN = frozenset({"host", "user-agent", "content-length", "connection", "accept-encoding", "transfer-encoding"})
"""Headers of the way to the relay."""
_NOT_BACK = frozenset({"content-length", "content-encoding", "connection", "transfer-encoding", "keep-alive"})
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is declared beside the pact."""

    states: ProviderStates | None = None
    messages: MessagesFrom | None = None
    folder: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True)
class Verification:
    """Verifies one interaction."""

    interaction: Interaction
    hooks: Hooks
    tenant: str

    @property
    def conversations(self) -> int:
        """How many conversations one try may hold."""
        return 1 + 2 * len(self.interaction.states)

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when the provider cannot be talked to."""
        running = _Running(self, context)
        interaction = self.interaction
        task = Task(
            provider=interaction.provider,
            pact=interaction.document,
            states=self.hooks.states is not None and bool(interaction.states),
            teardown=self.hooks.states is not None and self.hooks.states.teardown,
            timeout=context.timeout,
            limit=context.timeout * (self.conversations + 1),
        )
        try:
            results = verify(task, running.answer)
        except _NothingToVerify:
            return running.outcome(tuple(running.told))
        except CallError as error:
            error.partial = Outcome((), reproduce=running.reproduce(), cause=cause_of_error(error))
            raise
        judged = assertions_of(results, interaction.consumer, interaction.pending, self.tenant)
        return running.outcome((*running.told, *self._unset(), *judged))

    def _unset(self) -> tuple[Assertion, ...]:
        """A warning for each state that nobody set up."""
        if self.hooks.states is not None:
            return ()
        return tuple(
            Assertion(
                name="provider state",
                status="failed",
                message=f"the state {_shown(state)} was not set up: no `provider_states` is declared, so the provider "
                "was taken as it is",
                expected="a provider in that state",
                severity="warn",
                tenant_id=self.tenant,
            )
            for state in self.interaction.states
        )


def _shown(state: State) -> str:
    return f"'{state.name}'" + (f" {show(state.params)}" if state.params else "")


class _NothingToVerify(Exception):
    """A hook did not do its part. The verifier would ask it again and again."""


@dataclass(slots=True)
class _Running:
    of: Verification
    context: Context
    told: list[Assertion] = field(default_factory=list)
    last: Relayed | None = None
    """The request to the provider, or for the message."""
    seen: Observation | None = None

    def answer(self, asked: Asked) -> Reply:
        """What the verifier asks for, from the provider or from a hook."""
        if asked.place == "state":
            return self._state(json.loads(asked.body))
        return self._message(asked) if asked.place == "message" else self._provider(asked)

    def _provider(self, asked: Asked) -> Reply:
        headers = {name.lower(): value for name, value in asked.headers.items() if name.lower() not in _OWN}
        # Who expects to be refused sends what is refused; everybody else sends what lets him in here.
        as_it_is = self.of.interaction.status == _UNAUTHORIZED
        if not as_it_is:
            integration = self.context.integration
            known = integration.carried() if isinstance(integration, Carries) else None
            ours = {*known.secret_headers, *known.headers} if known is not None else set()
            headers = {name: value for name, value in headers.items() if name not in ours}
        self.last = Relayed(
            relayed=asked.method, path=asked.target, headers=headers, body=asked.body, as_it_is=as_it_is
        )
        self.seen = self.context.perform(self.last)
        return _reply(self.seen)

    def _message(self, asked: Asked) -> Reply:
        assert self.of.hooks.messages is not None
        method, path = self.of.hooks.messages.request.split(maxsplit=1)
        self.last = Relayed(relayed=method, path=path, headers=_JSON, body=asked.body)
        self.seen = self.context.perform(self.last)
        if self.seen.facts.get("status", 200) >= 400:
            said = f"the provider gave no message '{self.of.interaction.description}'"
            self._fail("message", f"{said}: {self.last.title()} gave {self.seen.facts['status']}")
            raise _NothingToVerify
        return _reply(self.seen)

    def _state(self, state: Mapping[str, Any]) -> Reply:
        hook = self.of.hooks.states
        if hook is None or not state.get("state"):  # it asks for no state in particular before each interaction
            return Reply(200, tuple(_JSON.items()), b"{}")
        body = {**state, "consumer": self.of.interaction.consumer}
        try:
            reply = self._by_request(hook.request, body) if hook.request else self._by_program(hook, body)
            why = f"{hook.request} gave {reply.status}" if reply.status >= 400 else ""
        except Rejected as error:
            why = error.message
        if not why:
            return reply
        if state.get("action") == "teardown":
            # What is left behind is not what the consumer relies on.
            self._fail("provider state", f"the state '{state['state']}' could not be torn down: {why}", "warn")
            return Reply(200, tuple(_JSON.items()), b"{}")
        self._fail("provider state", f"the state '{state['state']}' could not be set up: {why}")
        raise _NothingToVerify

    def _by_request(self, request: str, body: Mapping[str, Any]) -> Reply:
        method, path = request.split(maxsplit=1)
        asked = Relayed(relayed=method, path=path, headers=_JSON, body=json.dumps(body).encode())
        return _reply(self.context.perform(asked))

    def _by_program(self, hook: ProviderStates, body: Mapping[str, Any]) -> Reply:
        folder = self.of.hooks.folder
        run = by_command(hook.command, folder) if hook.command else by_python(hook.python, folder)
        return Reply(200, tuple(_JSON.items()), json.dumps(dict(run(body, self.context.timeout)), default=str).encode())

    def _fail(self, name: str, said: str, severity: Literal["fail", "warn"] = "fail") -> None:
        self.told.append(
            Assertion(
                name=name,
                status="failed",
                message=redact(said),
                expected="the hook does its part",
                severity=severity,
                tenant_id=self.of.tenant,
            )
        )

    def reproduce(self) -> str:
        """The request to the provider as a command."""
        operation = operations_of(type(self.context.integration)).get("request")
        if operation is None or self.last is None:
            return ""
        raw: dict[str, Any] = {"request": f"{self.last.relayed} {self.last.path}", "headers": self.last.headers}
        try:
            body = {"body": self.last.body.decode()} if self.last.body else {}
            auth = {"auth": "none"} if self.last.as_it_is else {}
            return redact(read_model(operation, {**raw, **body, **auth}).reproduce(self.context.integration))
        except (Mistakes, UnicodeDecodeError):
            return ""

    def outcome(self, assertions: tuple[Assertion, ...]) -> Outcome:
        """What came of it."""
        seen = self.seen or Observation()
        outcome = Outcome(assertions, seen.phases)
        if holds(assertions):
            return outcome
        unset = any(each.name == "provider state" for each in assertions if each.status == "failed")
        cause = "the provider was not in the state that the interaction needs" if unset else ""
        status = seen.facts.get("status") if self._is_surprised(seen) else None
        return replace(
            outcome,
            reproduce=self.reproduce(),
            cause=cause or cause_of(assertions, status, self.context.integration),
        )

    def _is_surprised(self, seen: Observation) -> bool:
        return seen.facts.get("status") != self.of.interaction.status


def _reply(seen: Observation) -> Reply:
    headers = [
        (name, line)
        for name, value in (seen.facts.get("headers") or {}).items()
        if name not in _NOT_BACK
        for line in str(value).split("\n")
    ]
    body = seen.payload if isinstance(seen.payload, bytes) else json.dumps(seen.payload).encode()
    return Reply(int(seen.facts.get("status", 200)), headers, body)
