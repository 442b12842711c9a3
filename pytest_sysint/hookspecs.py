"""The hooks that other plugins and conftest files may implement. Contracts only; there is no logic here.

They exist while `--sysint` is given. Implement them as ordinary pytest hooks:

    def pytest_sysint_result(config, result): ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_sysint.core.records import Result, RunRecords
    from pytest_sysint.declaration import Declaration


@pytest.hookspec
def pytest_sysint_declared(config: pytest.Config, declarations: Sequence[Declaration]) -> None:
    """Called when all declarations of the run have been read, before anything is planned or connected.

    Called in every process of the run. Raise `pytest.UsageError` to refuse the run.
    """


@pytest.hookspec
def pytest_sysint_result(config: pytest.Config, result: Result) -> None:
    """Called for each result as it reaches the report, in the controller only, in the order in which they come.

    The result is complete and holds no secret.
    """


@pytest.hookspec
def pytest_sysint_finish(config: pytest.Config, records: RunRecords) -> None:
    """Called once at the end, in the controller only, before the reports are written."""
