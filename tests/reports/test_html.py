from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core import registry, secrets
from pytest_sysint.core.records import Exchange, Result, RunRecords
from pytest_sysint.reports._cards import MOST_CARDS
from pytest_sysint.reports._document import build
from pytest_sysint.reports.html import render

RunOf = Callable[..., RunRecords]


class Page(HTMLParser):
    """What of the page can be seen without a browser."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._raw = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            self.scripts.append(data)
        elif not self._raw:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


def page(records: RunRecords) -> Page:
    return Page(render(build(records)))


def test_it_is_a_registered_format(sample: RunRecords, tmp_path: Path) -> None:
    found = registry.formats().get("html")
    assert (found.name, found.default_path) == ("html", "sysint.html")
    found.write(sample, tmp_path / "sysint.html")
    assert (tmp_path / "sysint.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_verdict_is_the_first_thing_said(sample: RunRecords) -> None:
    text = page(sample).text
    assert "Blocked: 3 critical checks failed because cache (redis) refuses connections" in text
    assert text.index("Blocked: 3 critical") < text.index("Results by status") < text.index("Likely cause")


@pytest.mark.parametrize(
    "told",
    [
        "9f2c1e7a0b44", "oakwood, elmhurst", "jenkins", "staging", "20260302T021500-4f1c",
        "2 checks need a capability that `local` does not have",
        "root cause of 18 blocked checks", "blocked by cache",
        "127.0.0.1:6390 refused the connection", "Nothing listens on that port",
        "redis-cli -h 127.0.0.1 -p 6390 PING", "every rung of the ladder holds",
        "connection refused", "3 attempts",
        "care-api: 6 health checks, 8 contract checks",
        "care-api needs residents-db, cache, care-events, documents",
        "On their own: imports, nhs-pds",
    ],
)  # fmt: skip
def test_it_tells_without_a_script(sample: RunRecords, told: str) -> None:
    assert told in page(sample).text


def test_nothing_is_fetched(sample: RunRecords) -> None:
    for _, attributes in page(sample).tags:
        for name in ("src", "srcset", "data", "action", "poster", "background", "style"):
            assert name not in attributes
        assert all(not name.startswith("on") for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in render(build(sample))


def test_hostile_texts_stay_texts(sample: RunRecords) -> None:
    found = page(sample)
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"img", "iframe", "object", "embed", "link", "base"}
    assert [tag for tag, _ in found.tags].count("script") == 2
    assert "</script><img src=x onerror=\"document.title='pwned'\">" in found.text
    assert "</script><img src=x onerror=\"document.title='pwned'\">" in "".join(found.data["texts"])


def test_the_data_hold_every_result_and_event(sample: RunRecords) -> None:
    data = page(sample).data
    assert len(data["results"]) == 76
    assert len(data["audit"]) == 77
    names = [data["texts"][row[0]] for row in data["results"]]
    assert names == [result.name for result in sample.results]
    assert len(set(data["texts"])) == len(data["texts"])


def test_there_is_a_card_per_failure_the_weightiest_first(sample: RunRecords) -> None:
    cards = [attributes for tag, attributes in page(sample).tags if "data-result" in attributes]
    severities = [re.findall(r"sev-(\w+)", str(card["class"]))[0] for card in cards]
    assert severities == ["critical", "critical", "critical", "high", "medium", "low"]
    assert ["open" in card for card in cards] == [True, False, False, True, True, True]


def test_many_failures_do_not_make_an_endless_page(sample: RunRecords, run_of: RunOf, many: RunRecords) -> None:
    failed = next(result for result in many.results if result.status == "failed")
    results = [failed.model_copy(update={"id": str(number)}) for number in range(MOST_CARDS + 20)]
    found = page(run_of(results))
    assert sum("data-result" in attributes for _, attributes in found.tags) == MOST_CARDS
    assert f"{MOST_CARDS + 20} checks failed, the weightiest first. The first {MOST_CARDS} are here" in found.text
    assert "exchanges" not in found.data["results"][0][-1]
    assert "exchanges" in found.data["results"][-1][-1]


def test_huge_exchanges_are_cut_and_it_is_said(sample: RunRecords, run_of: RunOf) -> None:
    huge = tuple(Exchange(title="t", sent="s" * 9000, received=f"{number}" * 9000) for number in range(20))
    failed = sample.results[0].model_copy(update={"exchanges": huge, "logs": ("line",) * 1000})
    text = render(build(run_of([failed.model_copy(update={"id": str(number)}) for number in range(150)])))
    assert len(text) < 6_000_000
    assert "(4,904 more characters)" in text
    assert "812 more exchange or log lines" in text
    assert "1,020 more exchange or log lines" in text  # where the page had no more room


def test_ten_thousand_results_fit(many: RunRecords, tmp_path: Path) -> None:
    registry.formats().get("html").write(many, tmp_path / "sysint.html")
    assert (tmp_path / "sysint.html").stat().st_size < 6_000_000


def test_no_secret_and_no_part_of_one(sample: RunRecords, run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    own = secrets.Redactor()
    own.learn("html-canary</b>")
    monkeypatch.setattr("pytest_sysint.core.masking.redact", own.redact)
    told = {"error_message": "with html-canary</b>", "logs": ("html-canary</b>",), "name": "html-canary</b>"}
    records = run_of([sample.results[0].model_copy(update=told)])
    assert "html-canary" not in render(build(records))


def test_odd_values_do_not_break_it(sample: RunRecords, run_of: RunOf, tmp_path: Path) -> None:
    odd = {"metrics": {"bad": float("nan")}, "execution_time": float("inf"), "timings": (), "name": "half \ud800"}
    registry.formats().get("html").write(run_of([sample.results[0].model_copy(update=odd)]), tmp_path / "x.html")
    data = Page((tmp_path / "x.html").read_text(encoding="utf-8")).data
    assert data["results"][0][-1]["metrics"] == [[data["texts"].index("bad"), None]]


def test_an_empty_run_is_a_page_too(run_of: RunOf) -> None:
    text = page(run_of([])).text
    assert "Inconclusive: no check was run" in text
    assert "No integration was part of this run." in text


def test_an_unfinished_run_and_long_reasons(sample: RunRecords) -> None:
    run = sample.run.model_copy(update={"finished_at": None, "interrupted": True})
    gate = sample.gate.model_copy(update={"reasons": tuple(f"reason {n}" for n in range(20)), "waived": ("nhs-pds",)})
    text = page(sample.model_copy(update={"run": run, "gate": gate})).text
    assert "not finished, interrupted" in text
    assert "and 12 more reasons" in text
    assert "Waived nhs-pds" in text


def test_the_templates_are_part_of_the_package() -> None:
    names = {found.name for found in (files("pytest_sysint.reports") / "templates").iterdir()}
    assert {"report.html", "base.css", "parts.css", "media.css", "data.js", "page.js"} <= names


def test_a_result_without_integration_or_node(sample: RunRecords, run_of: RunOf) -> None:
    bare: Result = sample.results[0].model_copy(update={"integration_id": "", "nodeid": "only", "type": ""})
    text = page(run_of([bare])).text
    assert "(hand-written tests)" in text


def test_time_that_no_step_accounts_for_is_shown_too(sample: RunRecords, run_of: RunOf) -> None:
    unmeasured = sample.results[0].model_copy(update={"timings": (), "execution_time": 1234.0})
    text = page(run_of([unmeasured])).text
    assert "1.23 s" in text
    assert "other" in text
