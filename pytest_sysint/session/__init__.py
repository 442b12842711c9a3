"""The pytest side: collection, items, fixtures, xdist, the terminal. Imported only when `--sysint` is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_sysint.core.errors import SysintError

if TYPE_CHECKING:
    import pytest


def begin(config: pytest.Config) -> None:
    """Register what this process of the run has to do: collect and run, keep the records, or lead xdist's workers."""
    import pytest

    from pytest_sysint.session.collect import Collecting
    from pytest_sysint.session.companions import HtmlColumns
    from pytest_sysint.session.fixtures import integration_fixtures
    from pytest_sysint.session.recording import Recording
    from pytest_sysint.session.running import Running
    from pytest_sysint.session.state import STATE, State

    try:
        state = State.of(config)
    except SysintError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[STATE] = state
    register = config.pluginmanager.register
    register(Collecting(config, state), "sysint-collecting")
    register(integration_fixtures(state), "sysint-fixtures")
    leads = _leads_workers(config)
    if not leads:
        register(Running(state), "sysint-running")
    if state.worker is None:
        register(Recording(config, state), "sysint-recording")
    if config.pluginmanager.hasplugin("html"):
        register(HtmlColumns(), "sysint-html-columns")
    if config.pluginmanager.hasplugin("xdist"):
        from pytest_sysint.session import xdist

        register(xdist.Leading(state) if leads else xdist.Joined(state), "sysint-xdist")


def _leads_workers(config: pytest.Config) -> bool:
    """Whether this is xdist's controller, which runs no test itself."""
    return bool(getattr(config.option, "tx", None)) and not hasattr(config, "workerinput")
