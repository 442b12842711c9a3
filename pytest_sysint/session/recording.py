"""Keeps the records of the run, in the one process that leads it: journal, reports, verdict, exit code."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.records import Gate, IntegrationRecord, Result, Run, RunRecords
from pytest_sysint.core.registry import formats
from pytest_sysint.core.secrets import redact
from pytest_sysint.gate import EXIT_CODES, judge
from pytest_sysint.results.journal import DEFAULT_NAME, Journal
from pytest_sysint.session import audit
from pytest_sysint.session.state import State
from pytest_sysint.session.terminal import Summary

_COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION")


class Recording:
    """Registered where the results come together: the only process, or xdist's controller."""

    def __init__(self, config: pytest.Config, state: State) -> None:
        self._config = config
        self._state = state
        self._results: dict[str, Result] = {}
        self._integrations: dict[str, IntegrationRecord] = {}
        self._journal: Journal | None = None
        self._run = _begin(config, state)
        self._records: RunRecords | None = None
        self._written: list[tuple[str, Path]] = []
        self.notices = state.notices

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        text = getattr(report, "sysint", None)
        if text is None:
            return
        result = self._state.handed.pop(report.nodeid, None) or Result.model_validate_json(text)
        self._results[result.nodeid] = result
        self._note_integration(result.integration_id)
        self._open_journal().add(result)
        self._config.hook.pytest_sysint_result(config=self._config, result=result)

    def _note_integration(self, integration_id: str) -> None:
        """Into the journal at its first result, so that a run that is killed can be read with what it ran on."""
        opened = self._state.opened
        if integration_id not in self._integrations and opened and (record := opened.record(integration_id)):
            self.join([record], [])

    def _open_journal(self) -> Journal:
        if self._journal is None:
            self._run = self._run.model_copy(update=_declared(self._state))
            self._journal = Journal(self._state.options.reports_dir / DEFAULT_NAME, self._run)
            if self._journal.notice:
                self.notices.append(self._journal.notice)
        return self._journal

    def join(self, integrations: list[IntegrationRecord], notices: list[str]) -> None:
        """Take in what is known of integrations, here or in a worker of xdist, and what is to be said."""
        for item in integrations:
            known = self._integrations.get(item.id)
            if known is None or (item.provision and not known.provision):
                self._integrations[item.id] = item
                self._open_journal().add(item)
        self.notices += [notice for notice in notices if notice not in self.notices]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        try:
            if not session.config.option.collectonly and exitstatus not in (3, 4):
                self._finish(session, int(exitstatus))
        finally:
            self._state.close()
            shutil.rmtree(self._state.shared, ignore_errors=True)

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self._state.workspace.declarations:
            return
        journal = self._open_journal()
        opened = self._state.opened
        self.join(list(opened.records()) if opened else [], [])
        provisioning_ms = opened.provisioning_ms if opened else 0.0
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        ended = {"finished_at": datetime.now(UTC), "interrupted": interrupted, "provisioning_ms": provisioning_ms}
        run = self._run.model_copy(update=ended)
        records = RunRecords(
            run=run,
            gate=Gate(verdict="inconclusive"),
            integrations=tuple(self._integrations.values()),
            results=tuple(self._results.values()),
            notices=tuple(dict.fromkeys([*_declared_notices(self._state), *self.notices])),
        )
        records = records.model_copy(update={"audit": tuple(audit.events(records))})
        records = records.model_copy(update={"gate": judge(run, records.results, records.integrations)})
        self._config.hook.pytest_sysint_finish(config=self._config, records=records)
        for event in records.audit:
            journal.add(event)
        if problem := journal.close(run, records.gate, records.notices):
            records = records.model_copy(update={"notices": (*records.notices, problem)})
        self._records = self._write(records)
        session.exitstatus = exit_code(exitstatus, records.gate)

    def _write(self, records: RunRecords) -> RunRecords:
        troubles = []
        for name, path in self._state.options.reports:
            try:
                formats().get(name).write(records, path)
                self._written.append((name, path))
            except SysintError as error:
                troubles.append(str(error))
        return records.model_copy(update={"notices": (*records.notices, *troubles)}) if troubles else records

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._records is not None:
            Summary(self._records, self._written).write(terminalreporter)

    def pytest_report_header(self) -> Iterator[str]:
        options, folder = self._state.options, _relative(self._state.options.reports_dir)
        yield f"sysint: run {self._state.run_id}, {options.concurrency} at once, reports in {folder}"


def exit_code(exitstatus: int, gate: Gate) -> int:
    """Pytest's own exit code, unless it says that all went well (or that there was nothing) and the gate does not."""
    fine = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return EXIT_CODES[gate.verdict] if fine else exitstatus


def _begin(config: pytest.Config, state: State) -> Run:
    return Run(
        id=state.run_id,
        started_at=datetime.now(UTC),
        environment=state.options.environment or "",
        user=_user(),
        commit=_commit(config.rootpath),
        versions={
            "pytest-sysint": version("pytest-sysint"),
            "pytest": pytest.__version__,
            "python": platform.python_version(),
        },
        arguments=tuple(redact(arg) for arg in config.invocation_params.args),
    )


def _declared(state: State) -> dict[str, object]:
    declarations = state.workspace.declarations
    return {
        "system": ", ".join(dict.fromkeys(each.system for each in declarations if each.system)),
        "environment": ", ".join(dict.fromkeys(each.environment.name for each in declarations)),
        "tenants": tuple(dict.fromkeys(item.tenant for each in declarations for item in each.integrations)),
        "declaration_digest": "+".join(each.digest for each in declarations),
        "declarations": tuple(_relative(each.path) for each in declarations),
    }


def _declared_notices(state: State) -> list[str]:
    return [notice for each in state.workspace.declarations for notice in each.notices]


def _relative(path: Path) -> str:
    return os.path.relpath(path)


def _user() -> str:
    try:
        return os.environ.get("SYSINT_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container may run under a uid that has no name
        return str(os.getuid())


def _commit(root: Path) -> str:
    for name in _COMMIT_VARIABLES:
        if found := os.environ.get(name):
            return found
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
