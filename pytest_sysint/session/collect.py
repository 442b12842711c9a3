"""Declarations as pytest sees them: a file, an integration, a kind, a check; each with a node id that stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import DeclarationError, SysintError
from pytest_sysint.core.records import SEVERITIES, SHARED, Result
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration import Declaration, DeclaredIntegration
from pytest_sysint.engine.plan import checks_of, kinds_in_order
from pytest_sysint.session import card
from pytest_sysint.session.companions import tell_allure
from pytest_sysint.session.state import STATE, State

_WARNINGS_ARE_SHOWN = pytest.mark.filterwarnings("default")
CATEGORIES = ("database", "api", "message_queue", "file_system", "external_service", "internal_service")


class CheckFailed(Exception):
    """Carries the result of a failed check to pytest's report."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.error_message)
        self.result = result


class Collecting:
    """Reads the declarations and turns them into pytest's tree."""

    def __init__(self, config: pytest.Config, state: State) -> None:
        self._state = state
        words = {*kinds().names(), *types().names(), *CATEGORIES, *SEVERITIES, "handwritten"}
        for word in sorted(words):
            config.addinivalue_line("markers", f"{word}: set on declared checks (pytest-sysint)")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        try:
            self._state.workspace.read()
        except SysintError as error:
            raise pytest.UsageError(str(error)) from None
        session.config.hook.pytest_sysint_declared(
            config=session.config, declarations=self._state.workspace.declarations
        )

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        if self._state.workspace.has(file_path):
            return DeclarationFile.from_parent(parent, path=file_path)
        return None


class DeclarationFile(pytest.File):
    """One declaration."""

    def collect(self) -> Iterator[pytest.Collector]:
        state = self.config.stash[STATE]
        declaration = state.workspace.declaration(self.path)
        selection = state.options.selection
        ids = dict.fromkeys(item.id for item in declaration.integrations if selection.takes(item))
        for integration_id in ids:
            yield IntegrationNode.from_parent(self, name=integration_id, declaration=declaration)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        if isinstance(excinfo.value, DeclarationError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))


class IntegrationNode(pytest.Collector):
    """One integration with all its tenants."""

    def __init__(self, *, declaration: Declaration, **rest: Any) -> None:
        super().__init__(**rest)
        self.declaration = declaration

    def collect(self) -> Iterator[pytest.Collector]:
        for kind in kinds_in_order():
            selected = self.config.stash[STATE].options.selection
            checks = list(checks_of(self.declaration, kind, self.name, selected))
            if checks:
                yield KindNode.from_parent(self, name=kind, checks=checks)


class KindNode(pytest.Collector):
    """The checks of one kind on one integration."""

    def __init__(self, *, checks: list[tuple[DeclaredIntegration, Check]], **rest: Any) -> None:
        super().__init__(**rest)
        self.checks = checks

    def collect(self) -> Iterator[pytest.Item]:
        for declared, check in self.checks:
            name = check.slug + (f"[{check.tenant}]" if check.tenant != SHARED else "")
            # The node id as one text, so that pytest reads the bracket in it as it reads it back from its cache.
            nodeid = f"{self.nodeid}::{name}"
            yield CheckItem.from_parent(self, name=name, nodeid=nodeid, declared=declared, check=check)


class CheckItem(pytest.Item):
    """One check for one tenant. Uses no pytest fixture: the engine has all that it needs."""

    def __init__(self, *, declared: DeclaredIntegration, check: Check, **rest: Any) -> None:
        super().__init__(**rest)
        self.declared = declared
        self.check = check
        for word in dict.fromkeys((check.kind, declared.category, declared.type, check.severity)):
            self.add_marker(word)
        # The engine's threads run under the filters of whichever item pytest is at: a library that warns is no verdict.
        self.add_marker(_WARNINGS_ARE_SHOWN)
        # pytest's own JUnit report shows these as properties.
        self.user_properties += [
            ("integration", check.integration_id),
            ("kind", check.kind),
            ("tenant", check.tenant),
            ("severity", check.severity),
        ]

    def runtest(self) -> None:
        result = self.config.stash[STATE].result_of(self)
        tell_allure(self.config, result)
        if result.status in ("failed", "error"):
            raise CheckFailed(result)
        if result.status in ("skipped", "blocked"):
            pytest.skip(result.skip_reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        if isinstance(excinfo.value, CheckFailed):
            return card.text(excinfo.value.result)
        return str(super().repr_failure(excinfo))

    @property
    def line(self) -> int:
        """Where the check, or its integration, is declared; from 1."""
        return self.check.line or self.declared.position.line

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, self.nodeid.rpartition("::")[0].partition("::")[2] + f"::{self.name}"
