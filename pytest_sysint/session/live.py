"""A declared integration in a hand-written test: its native client, its operations, and expectations on record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from pytest_sysint.core import units
from pytest_sysint.core.errors import CallError, Mistakes, StartFailed, Unavailable, UsageError, did_you_mean
from pytest_sysint.core.integration import Integration, Observation, Operation, Stopwatch
from pytest_sysint.core.records import SHARED, Assertion, Exchange
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration import Declaration, DeclaredIntegration, read_check
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import refusal_of
from pytest_sysint.expectations import compile_expectation


class Live:
    """One declared integration, for one tenant. What is executed and expected here is in the run's reports."""

    def __init__(self, declared: DeclaredIntegration, declaration: Declaration, connections: Connections) -> None:
        self._declared = declared
        self._declaration = declaration
        self._connections = connections
        self._integration = self._open(connections)
        self.assertions: list[Assertion] = []
        self.exchanges: list[Exchange] = []

    def _open(self, connections: Connections) -> Integration[Any]:
        try:
            return connections.get(self._declared.id, self._declared.tenant)
        except StartFailed as error:
            pytest.fail(str(error), pytrace=False)
        except Unavailable as error:
            pytest.skip(str(error))

    @property
    def id(self) -> str:
        """The id in the declaration."""
        return self._declared.id

    @property
    def tenant(self) -> str:
        """Whose credentials are used; `shared` when the integration belongs to no tenant."""
        return self._declared.tenant

    @property
    def type(self) -> str:
        """postgresql, redis, rest, ..."""
        return self._declared.type

    @property
    def category(self) -> str:
        """database, api, message_queue, ..."""
        return self._declared.category

    @property
    def declared(self) -> DeclaredIntegration:
        """The declaration of it."""
        return self._declared

    @property
    def url(self) -> str:
        """Where it is. May hold a password: it is masked wherever the run writes."""
        return str(self._integration.settings.url)

    def other(self, integration_id: str) -> Live:
        """Another integration of the same declaration, for the same tenant; what it does is in this test's result.

        Raises:
            UsageError: when the declaration has none of that id for this tenant.
        """
        same = [item for item in self._declaration.integrations if item.tenant in (self.tenant, SHARED)]
        found = next((item for item in same if item.id == integration_id), None)
        if found is None:
            known = {item.id for item in same}
            raise UsageError(
                f"'{integration_id}' is not declared for '{self.tenant}'{did_you_mean(integration_id, known)}"
            )
        other = Live(found, self._declaration, self._connections)
        other.assertions, other.exchanges = self.assertions, self.exchanges
        return other

    @property
    def client(self) -> Any:
        """The native client: a psycopg pool, a redis.Redis, an httpx.Client, ..."""
        return self._integration.client

    def execute(self, name: str = "", /, *, timeout: float | None = None, **operation: Any) -> Seen:
        """Carry out an operation: one written here, or a declared check's, by that check's name.

            live.execute(request="GET /residents", headers={"Accept": "application/json"})
            live.execute("residents are readable")

        Args:
            timeout: seconds; the integration's own unless given.

        Raises:
            UsageError: for an operation that the type does not have, or that the environment does not allow.
            CallError: when the conversation went wrong.

        """
        chosen = self._named(name) if name else self._written(operation)
        self._hold_to_environment(chosen)
        try:
            observation = chosen.perform(self._integration, timeout or self._declared.timeout)
        except CallError as error:
            self.assertions.append(_broken(error, self.tenant))
            raise
        if observation.exchange:
            self.exchanges.append(observation.exchange)
        return Seen(self, observation)

    def expect(self, observation: Observation | Any, expectations: Mapping[str, Any]) -> None:
        """Judge an observation, or any plain value as its payload, and record each assertion.

            live.expect(rows, {"$[0].n": ">= 1"})

        Raises:
            AssertionError: when an expectation of severity `fail` does not hold.

        """
        __tracebackhide__ = True
        seen = observation if isinstance(observation, Observation) else Observation(observation)
        judged = _compile(expectations).judge(seen, self.tenant)
        self.assertions.extend(judged)
        _raise_for(judged)

    def eventually(self, expectations: Mapping[str, Any], *, within: str = "5s", **operation: Any) -> Seen:
        """Execute again and again until the expectations hold; for what becomes true later.

            live.eventually({"count": 1}, within="10s", query="SELECT * FROM residents WHERE ...")

        Raises:
            AssertionError: when they do not hold in time, with what was seen last.

        """
        __tracebackhide__ = True
        expectation = _compile(expectations)
        watch, limit, pause = Stopwatch(), units.quantity(within, "duration"), 0.05
        while True:
            seen = self.execute(**operation)
            judged = expectation.judge(seen.observation, self.tenant)
            if watch.elapsed() > limit or not _failures(judged):
                self.assertions.extend(judged)
                _raise_for(judged, f"not within {within}: ")
                return seen
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)

    def _named(self, name: str) -> Operation:
        declared = {
            check.name: check.operation
            for value in self._declared.kinds.values()
            for check in getattr(value, "declared", ())
        }
        if name not in declared:
            raise UsageError(f"'{self.id}' declares no check named '{name}'{did_you_mean(name, declared)}")
        operation: Operation = declared[name]
        return operation

    def _written(self, operation: Mapping[str, Any]) -> Operation:
        try:
            return read_check(dict(operation), self._declared.cls).operation
        except Mistakes as error:
            raise UsageError(f"{self._declared.type}: {error}") from None

    def _hold_to_environment(self, operation: Operation) -> None:
        environment = self._declaration.environment
        if reason := refusal_of(operation.effect(), self._declared, environment.allow, environment.name):
            raise UsageError(f"'{operation.title()}' is not run on '{self.id}': {reason}")


class Seen:
    """What an operation brought back, with expectations that are recorded."""

    def __init__(self, live: Live, observation: Observation) -> None:
        self._live = live
        self.observation = observation

    @property
    def payload(self) -> Any:
        """The body, the rows, the message, the object: plain JSON values."""
        return self.observation.payload

    @property
    def facts(self) -> Mapping[str, Any]:
        """status, headers, count, size, ..."""
        return self.observation.facts

    @property
    def latency(self) -> float:
        """Seconds."""
        return self.observation.phases.get("total", 0.0)

    def expect(self, expectations: Mapping[str, Any]) -> Seen:
        """Judge and record; raises AssertionError when one does not hold. Returns itself, so that it can be chained."""
        __tracebackhide__ = True
        self._live.expect(self.observation, expectations)
        return self


def _compile(expectations: Mapping[str, Any]) -> Any:
    try:
        return compile_expectation(dict(expectations))
    except Mistakes as error:
        raise UsageError(str(error)) from None


def _failures(judged: tuple[Assertion, ...]) -> list[Assertion]:
    return [item for item in judged if item.status == "failed" and item.severity == "fail"]


def _raise_for(judged: tuple[Assertion, ...], prefix: str = "") -> None:
    __tracebackhide__ = True
    if failures := _failures(judged):
        raise AssertionError(redact(prefix + "; ".join(item.message for item in failures)))


def _broken(error: CallError, tenant: str) -> Assertion:
    return Assertion(
        name=error.rung,
        status="failed",
        message=str(error),
        expected="an answer",
        actual=error.message,
        tenant_id=tenant,
    )
