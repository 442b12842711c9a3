"""The fixtures for hand-written tests: `integration`, one per category, one per type.

Each is parametrized over what is declared beside or above the test's file; `@pytest.mark.sysint(ids=[...])` narrows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pytest_sysint.core.records import SEVERITIES, Assertion, Result, Severity, Status
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration import Declaration, DeclaredIntegration
from pytest_sysint.engine import recorder
from pytest_sysint.session.collect import CATEGORIES
from pytest_sysint.session.live import Live
from pytest_sysint.session.state import State

USED = pytest.StashKey[list["Use"]]()
_SUFFIX = "_integration"


@dataclass
class Use:
    """One integration in one hand-written test."""

    declared: DeclaredIntegration
    live: Live | None = None
    """None when it could not be used."""
    blocked_by: str = ""


def integration_fixtures(state: State) -> object:
    """A plugin object with every integration fixture, and the hook that parametrizes them."""
    names = {"integration": "", **{f"{word}{_SUFFIX}": word for word in (*CATEGORIES, *types().names())}}

    def pytest_generate_tests(_: object, metafunc: pytest.Metafunc) -> None:
        for name in metafunc.fixturenames:  # in their order: xdist's workers must all collect the same
            if name in names:
                _parametrize(metafunc, name, names[name], state)

    members: dict[str, Any] = {name: _fixture(name, state) for name in names}
    return type("IntegrationFixtures", (), {**members, "pytest_generate_tests": pytest_generate_tests})()


def _fixture(name: str, state: State) -> Any:
    @pytest.fixture(name=name)
    def integration(_: object, request: pytest.FixtureRequest) -> Live:
        if not hasattr(request, "param"):
            pytest.fail(f"'{name}' is parametrized over the declaration; do not ask for it by getfixturevalue")
        declared, declaration = request.param
        use = Use(declared)
        request.node.stash.setdefault(USED, []).append(use)
        use.blocked_by = state.down(declared)
        if use.blocked_by:
            pytest.skip(f"blocked: '{use.blocked_by}' is down")
        use.live = Live(declared, declaration, state.connections)
        return use.live

    integration.__doc__ = "A declared integration: .client, .execute(...), .expect(...), .eventually(...)."
    return integration


def _parametrize(metafunc: pytest.Metafunc, name: str, word: str, state: State) -> None:
    found = list(_matching(metafunc, word, state))
    if not found:
        reason = f"no {word or 'integration'} is declared for this test" if word else "no integration is declared here"
        metafunc.parametrize(name, [pytest.param(None, marks=pytest.mark.skip(reason=reason))], indirect=True)
        return
    ids = [item.id if item.tenant == "shared" else f"{item.id}-{item.tenant}" for item, _ in found]
    metafunc.parametrize(name, found, ids=ids, indirect=True)


def _matching(metafunc: pytest.Metafunc, word: str, state: State) -> Iterator[tuple[DeclaredIntegration, Declaration]]:
    ids, tenants = (_narrowed(metafunc, key) for key in ("ids", "tenants"))
    for declaration in state.workspace.around(metafunc.definition.path):
        for item in declaration.integrations:
            if (
                word in ("", item.type, item.category)
                and state.options.selection.takes(item)
                and (not ids or item.id in ids)
                and (not tenants or item.tenant in tenants)
            ):
                yield item, declaration


def _narrowed(metafunc: pytest.Metafunc, key: str) -> set[str]:
    """What the `sysint` marks name; the one closest to the test that names anything decides."""
    named = (mark.kwargs[key] for mark in metafunc.definition.iter_markers("sysint") if mark.kwargs.get(key))
    return set(next(named, ()))


def recorded(item: pytest.Item, report: pytest.TestReport) -> Result:
    """The result of a hand-written test, from what its live integrations saw."""
    uses = item.stash[USED]
    lives = [use.live for use in uses if use.live is not None]
    first = uses[0].declared
    blocked_by = next((use.blocked_by for use in uses if use.blocked_by), "")
    assertions = tuple(assertion for live in lives for assertion in live.assertions)
    status: Status = "passed" if report.passed else "skipped" if report.skipped else "failed"
    if blocked_by:
        status = "blocked"
    message = _message(report) if status == "failed" else ""
    unexplained = status == "failed" and all(each.status == "passed" for each in assertions)
    if status in ("passed", "failed") and (not assertions or unexplained):
        assertions += (_of_the_test(status, message, first.tenant),)
    ended = datetime.now(UTC)
    return Result(
        id=f"{recorder.test_id(item.nodeid)}-{ended.timestamp():.6f}",
        test_id=recorder.test_id(item.nodeid),
        nodeid=item.nodeid,
        name=item.name,
        kind=_kind(item),
        integration_id=first.id,
        type=first.type,
        category=first.category,
        tenant_id=first.tenant,
        severity=_severity(item, first.severity),
        owner=first.owner,
        status=status,
        degraded=status == "passed" and any(a.status == "failed" for a in assertions),
        started_at=ended - timedelta(seconds=report.duration),
        timestamp=ended,
        execution_time=round(report.duration * 1000, 3),
        error_message=message,
        cause="see the traceback in the logs of this result" if message else "",
        blocked_by=blocked_by,
        skip_reason=report.longrepr[2] if isinstance(report.longrepr, tuple) else "",
        assertions=assertions,
        exchanges=tuple(exchange for live in lives for exchange in live.exchanges)[-20:],
        logs=(report.longreprtext,) if message else (),
        description=(getattr(getattr(item, "obj", None), "__doc__", None) or "").strip().partition("\n")[0],
        origin="handwritten",
    )


def _of_the_test(status: Status, message: str, tenant: str) -> Assertion:
    passed = status == "passed"
    return Assertion(
        name="test",
        status="passed" if passed else "failed",
        message="the test passed" if passed else message,
        expected="no failed assertion",
        actual="none" if passed else message,
        tenant_id=tenant,
    )


def _message(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(getattr(crash, "message", "") or report.longreprtext.strip().rpartition("\n")[2])


def _kind(item: pytest.Item) -> str:
    """The kind that the test is marked with."""
    marked = [mark.name for mark in item.iter_markers() if mark.name in kinds()]
    return marked[0] if marked else "handwritten"


def _severity(item: pytest.Item, default: Severity) -> Severity:
    return next((word for word in SEVERITIES if item.get_closest_marker(word)), default)
