"""Beside our own reports: what pytest-html, Allure and JUnit say of the same run."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

DECLARED = """sysint: 1
tenants: [oakwood]
integrations:
  api:
    type: rest
    url: {url}
    tenants: all
    severity: critical
    owner: platform
    health:
      - {{name: says ok, request: GET /health, expect: {{status: 200, $.status: ok}}}}
"""


def test_allure_has_labels_steps_and_exchanges(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    assert project.run("--alluredir=allure", "-k", "says").ret == 0
    (file,) = (project.path / "allure").glob("*-result.json")
    shown = json.loads(file.read_text())
    labels = {(item["name"], item["value"]) for item in shown["labels"]}
    assert labels >= {
        ("parentSuite", "health"),
        ("suite", "api"),
        ("severity", "blocker"),
        ("tenant", "oakwood"),
        ("integration", "api"),
        ("owner", "platform"),
    }
    assert [step["name"] for step in shown["steps"]] == [
        "status was 200, expected 200",
        '$.status was "ok", expected "ok"',
    ]
    assert any("GET" in item["name"] for item in shown["attachments"])


def test_pytest_html_has_our_columns(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.pytester.makepyfile("def test_plain(): pass\n")
    assert project.run("--html=own.html").ret == 0
    page = (project.path / "own.html").read_text()
    for word in ("Integration", "Tenant", "oakwood"):
        assert word in page


def test_junit_has_properties(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    assert project.run("--junitxml=junit.xml", "-k", "says").ret == 0
    properties = {item.get("name"): item.get("value") for item in ET.parse(project.path / "junit.xml").iter("property")}
    assert properties == {"integration": "api", "kind": "health", "tenant": "oakwood", "severity": "critical"}
