"""What other report plugins of the same session learn of a check: columns for pytest-html, labels and steps for Allure.

Each part is used only where its plugin is installed and at work.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from pytest_sysint.core.records import Result

if TYPE_CHECKING:
    import pytest

_COLUMNS = ("Integration", "Kind", "Tenant", "Severity")
_ALLURE_SEVERITY = {"critical": "blocker", "high": "critical", "medium": "normal", "low": "minor"}


class HtmlColumns:
    """pytest-html: who was tested, beside the test's name."""

    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        cells[2:2] = [f"<th>{name}</th>" for name in _COLUMNS]

    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: list[str]) -> None:
        text = getattr(report, "sysint", None)
        values = [""] * len(_COLUMNS)
        if text is not None:
            result = Result.model_validate_json(text)
            values = [result.integration_id, result.kind, result.tenant_id, result.severity]
        cells[2:2] = [f"<td>{html.escape(value)}</td>" for value in values]


def tell_allure(config: pytest.Config, result: Result) -> None:
    """Allure: suites, severity, tenant, a step per assertion, the exchanges as attachments. Called within the test."""
    if not config.pluginmanager.hasplugin("allure_listener"):
        return
    import allure

    say: Any = allure.dynamic
    say.parent_suite(result.kind)
    say.suite(result.integration_id)
    say.severity(_ALLURE_SEVERITY[result.severity])
    say.description(result.description)
    for label, value in (("integration", result.integration_id), ("tenant", result.tenant_id), ("owner", result.owner)):
        if value:
            say.label(label, value)
    say.tag(result.type, result.category, result.tenant_id)
    for item in result.assertions:
        if item.status == "passed":
            with allure.step(item.message):
                pass
    for exchange in result.exchanges:
        text = f"{exchange.sent}\n\n{exchange.received}"
        allure.attach(text, name=exchange.title, attachment_type=allure.attachment_type.TEXT)
