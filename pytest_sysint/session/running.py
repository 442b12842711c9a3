"""Runs the checks of this process ahead of pytest's sequence, and puts each result on its item's report."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path

import pytest

from pytest_sysint.core.ledger import Ledger, find_ledgers, is_in_use, read_ledger
from pytest_sysint.core.masking import encode, encode_masked
from pytest_sysint.core.records import Result
from pytest_sysint.declaration import DeclaredIntegration
from pytest_sysint.engine.plan import plan, requirements
from pytest_sysint.engine.runner import Runner
from pytest_sysint.engine.trial import Stopped
from pytest_sysint.session.collect import CheckItem
from pytest_sysint.session.fixtures import USED, recorded
from pytest_sysint.session.state import State


class Running:
    """Registered in every process that runs tests: the only one, or each worker of xdist."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._runner: Runner | None = None
        self._results: dict[str, Result] = {}
        state.result_of = self.result_of
        state.down = self.down

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        option = session.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return
        items = [item for item in session.items if isinstance(item, CheckItem)]
        if not items:
            return
        state = self._state
        worker = state.worker
        self._runner = Runner(
            plan([(item.nodeid, item.declared, item.check) for item in items], state.workspace.declarations),
            state.connections,
            concurrency=state.options.concurrency,
            budgets=state.budgets(),
            board=state.board if worker else None,
            worker=worker.name if worker else "",
            ledger=state.ledger,
        )
        # What was collected stays until the end. Looking through it for garbage again and again would cost a run of
        # thousands of checks a fifth of its time.
        gc.freeze()
        share = session.items if worker is None else worker.share(session.items)
        self._runner.start([item.nodeid for item in share if isinstance(item, CheckItem)])

    def result_of(self, item: CheckItem) -> Result:
        """Wait for the result of an item."""
        if self._runner is None:
            pytest.skip("the run did not begin")
        try:
            result = self._runner.result(item.nodeid, lambda text: _say(item, text))
        except Stopped:
            pytest.skip("the run was stopped")
        self._results[item.nodeid] = result
        return result

    def down(self, declared: DeclaredIntegration) -> str:
        """The root of an integration's being down, as far as its health is known; empty when it is up."""
        if self._runner is None:
            return ""
        every = (item for each in self._state.workspace.declarations for item in each.integrations)
        return self._runner.down(declared.id, declared.tenant, requirements(every)[declared.id])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, CheckItem):
            self._attach_check(item, report)
        elif USED in item.stash and (call.when == "call" or (call.when == "setup" and not report.passed)):
            report.sysint = encode_masked(recorded(item, report))  # type: ignore[attr-defined]
        return report

    def _attach_check(self, item: CheckItem, report: pytest.TestReport) -> None:
        if report.when != "call" or item.nodeid not in self._results:
            return
        result = self._results.pop(item.nodeid)
        self._state.handed[item.nodeid] = result
        # One string, because xdist carries nothing else to the controller.
        report.sysint = encode(result)  # type: ignore[attr-defined]
        report.duration = result.execution_time / 1000
        if report.skipped:
            report.longrepr = (str(item.path), item.line, f"Skipped: {result.skip_reason}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._runner is not None:
            gc.unfreeze()
            self._runner.stop()
            self._state.notices += [*_spent(self._runner), *_left_behind(self._state.ledger)]
            if self._state.worker is None:
                self._state.notices += _left_earlier(self._state.options.reports_dir, self._state.run_id)
        if self._state.worker is not None:
            self._state.close()


def _say(item: CheckItem, text: str) -> None:
    """A line in the terminal for a check that lets pytest wait; workers of xdist have no terminal."""
    terminal = item.config.pluginmanager.getplugin("terminalreporter")
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if terminal is None:
        return
    with capture.global_and_fixture_disabled() if capture else nullcontext():
        terminal.ensure_newline()
        terminal.write_line(f"waiting for {item.nodeid}: {text}")


def _left_behind(ledger: Ledger) -> list[str]:
    found: dict[str, int] = {}
    for entry in ledger.left():
        name = "::".join(entry.check[part] for part in ("integration", "kind", "slug"))
        found[name] = found.get(name, 0) + len(entry.items)
    return [
        f"{count:,} records of {name} were left behind; `sysint cleanup` removes them" for name, count in found.items()
    ]


def _left_earlier(reports_dir: Path, run_id: str) -> list[str]:
    """What runs before this one left behind, because they were killed or could not remove it."""
    found: dict[str, int] = {}
    for path in find_ledgers([reports_dir]):
        if not path.name.startswith(run_id) and not is_in_use(path):
            entries, _ = read_ledger(path)
            found[path.stem] = sum(len(entry.items) for entry in entries)
    told = "records behind; `sysint cleanup` removes them"
    return [f"an earlier run ({run}) left {count:,} {told}" for run, count in found.items() if count]


def _spent(runner: Runner) -> list[str]:
    return [
        f"budget '{name}' ({budget.per_second:g}/s): {budget.spent} calls spent"
        for name, budget in runner.budgets.items()
        if budget.spent
    ]
