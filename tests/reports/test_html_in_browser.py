"""The page in a real browser. All tests that need one stand in this module: a browser's event loop must not be left
running beside other tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core import registry
from pytest_sysint.core.records import RunRecords

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright, to test the page in a browser")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="install Chromium, to test the page in a browser")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, sample: RunRecords, green: RunRecords, many: RunRecords
) -> dict[str, str]:
    """The address of each sample's page."""
    folder = tmp_path_factory.mktemp("pages")
    empty = sample.model_copy(update={"results": (), "integrations": (), "audit": ()})
    for name, records in {"sample": sample, "green": green, "many": many, "empty": empty}.items():
        registry.formats().get("html").write(records, folder / f"{name}.html")
    return {path.stem: path.as_uri() for path in folder.iterdir()}


@pytest.fixture
def opened(browser: Any, pages: dict[str, str]) -> Iterator[Open]:
    """Opens a page; at the end it must have made no request, run no foreign script and met no error."""
    contexts, troubles, requests = [], [], []

    def open_page(name: str = "sample", address: str = "", width: int = 1280, **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(pages[name] + address)
        return page

    yield open_page
    titles = {page.title() for context in contexts for page in context.pages}
    for context in contexts:
        context.close()
    assert troubles == []
    assert set(requests) <= set(pages.values())
    assert "pwned" not in titles


def shown(page: Any) -> str:
    text: str = page.locator(".showing [role=status]").inner_text()
    return text


def rows(page: Any) -> Any:
    return page.locator("table.results tbody tr[data-result]")


def open_everything(page: Any) -> None:
    page.evaluate(
        "() => { for (const one of document.querySelectorAll('.opener[aria-expanded=false]')) one.click();"
        " for (const one of document.querySelectorAll('details')) one.open = true; }"
    )


def test_hostile_texts_do_nothing(opened: Open) -> None:
    page = opened()
    open_everything(page)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert page.title().startswith("Blocked · writecarenotes staging")
    assert page.locator("details.card .title", has_text="</script><img").count() == 1


def test_a_cell_opens_its_results_and_back_returns(opened: Open) -> None:
    page = opened()
    assert shown(page) == "76 results"
    page.get_by_role("link", name="cache, health: 3 failed").click()
    playwright.expect(page.locator(".showing [role=status]")).to_have_text("3 of 76 results")
    assert page.url.endswith("#integration=cache&kind=health")
    assert page.locator(".active-filter span").inner_text() == "Showing integration cache · kind health"
    assert page.locator("details.card:visible").count() == 3
    assert page.locator("#failures .shown").inner_text() == "3 of 6 shown by the filter."
    page.get_by_role("link", name="care-api, contract: 8 blocked").click()
    playwright.expect(page.locator(".showing [role=status]")).to_have_text("8 of 76 results")
    page.go_back()
    playwright.expect(page.locator(".showing [role=status]")).to_have_text("3 of 76 results")
    page.locator(".active-filter .clear").click()
    assert shown(page) == "76 results"
    assert "#" not in page.url
    assert page.locator(".active-filter").is_hidden()


def test_filters_by_tenant_kind_and_status(opened: Open) -> None:
    page = opened()
    page.get_by_label("Tenant").select_option("elmhurst")
    page.locator("select[name=kind]").select_option("health")
    page.locator("label.toggle", has_text="failed").click()
    page.locator("label.toggle", has_text="blocked").click()
    assert shown(page) == "6 of 76 results"
    assert "tenant=elmhurst" in page.url
    assert "status=failed%2Cblocked" in page.url
    assert {row.locator("td").nth(4).inner_text() for row in rows(page).all()} == {"elmhurst"}
    page.reload()
    assert shown(page) == "6 of 76 results"
    assert page.get_by_label("Tenant").input_value() == "elmhurst"


@pytest.mark.parametrize(("status", "count"), [("flaky", 1), ("degraded", 1), ("skipped", 2), ("error", 1)])
def test_a_tile_shows_its_status(opened: Open, status: str, count: int) -> None:
    page = opened()
    page.locator(f".tile.s-{status}").click()
    playwright.expect(page.locator(".showing [role=status]")).to_have_text(f"{count} of 76 results")


@pytest.mark.parametrize(
    ("words", "count"),
    [("refused", 3), ("TELLS version", 10), ("nhs_pds_url", 2), ("</script>", 1), ("nothing like it", 0)],
)
def test_search_looks_in_names_node_ids_and_errors(opened: Open, words: str, count: int) -> None:
    page = opened()
    page.get_by_label("Search").fill(words)
    playwright.expect(page.locator(".showing [role=status]")).to_have_text(f"{count} of 76 results")
    if not count:
        assert page.locator("table.results tbody").inner_text() == "No result matches."


def test_rows_open_by_keyboard(opened: Open) -> None:
    page = opened(address="#integration=care-events&kind=health")
    opener = page.get_by_role("button", name="replicas are in step")
    opener.focus()
    page.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "true"
    body = page.locator("tr.opened").inner_text()
    assert "2 attempts" in body
    assert "latency" in body
    assert "sysint.yaml::care-events::health::replicas-are-in-step[shared]" in body
    page.keyboard.press("Enter")
    assert page.locator("tr.opened").count() == 0


def test_a_failed_row_shows_its_card(opened: Open) -> None:
    page = opened(address="#integration=cache")
    page.locator(".opener").first.click()
    body = page.locator("tr.opened").inner_text()
    assert "127.0.0.1:6390 refused the connection" in body
    assert "redis-cli -h 127.0.0.1 -p 6390 PING" in body


def test_what_was_not_run_says_why(opened: Open) -> None:
    page = opened(address="#status=blocked")
    page.locator(".opener").first.click()
    assert "could not run: cache is down" in page.locator("tr.opened").inner_text()
    page.goto(page.url.split("#")[0] + "#status=skipped")
    page.locator(".opener").first.click()
    assert "export NHS_PDS_URL" in page.locator("tr.opened").inner_text()


def test_metrics_are_shown(opened: Open) -> None:
    page = opened(address="#kind=load")
    page.locator(".opener").first.click()
    assert "latency.p95\n14.2" in page.locator("tr.opened").inner_text()


def test_columns_sort_both_ways(opened: Open) -> None:
    page = opened(address="#status=passed")
    time = page.locator("th", has=page.get_by_role("button", name="Time"))
    time.get_by_role("button").click()
    assert time.get_attribute("aria-sort") == "ascending"
    first = rows(page).first.locator("td").last.inner_text()
    time.get_by_role("button").click()
    assert time.get_attribute("aria-sort") == "descending"
    assert rows(page).first.locator("td").last.inner_text() == "90.9 ms" != first
    time.get_by_role("button").click()
    assert time.get_attribute("aria-sort") is None
    for name in ("Status", "Check", "Integration", "Kind", "Tenant", "Severity"):
        page.locator("table.results").get_by_role("button", name=name, exact=True).click()
    assert "sort=severity" in page.url


def test_a_slow_check_leads_to_its_row(opened: Open) -> None:
    page = opened()
    page.locator(".bars a").first.click()
    playwright.expect(page.locator("tr.opened")).to_be_visible()
    assert page.locator(".opener[aria-expanded=true]").inner_text() == "takes a letter"


def test_copying_a_command(opened: Open) -> None:
    page = opened()
    page.locator("details.card button.copy").first.click()
    playwright.expect(page.locator("details.card button.copy").first).to_have_text("Copied")
    page.get_by_label("Search").focus()
    page.keyboard.press("Control+V")
    assert page.get_by_label("Search").input_value() == "redis-cli -h 127.0.0.1 -p 6390 PING"


def test_copying_where_the_clipboard_is_closed(opened: Open) -> None:
    page = opened()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.locator("details.card button.copy").first.click()
    playwright.expect(page.locator("details.card button.copy").first).to_have_text("Copied")
    assert page.locator("textarea").count() == 0


@pytest.mark.parametrize(
    "address",
    [
        "#integration=%3Cimg+src%3Dx%3E&q=%E0%A4%A&page=9999&sort=constructor", "#sort=__proto__", "#page=-7",
        "#result=99999", "#result=zero", "#status=", "#=", "#nowhere",
    ],
)  # fmt: skip
def test_any_address_is_survived(opened: Open, address: str) -> None:
    page = opened(address=address)
    assert re.search(r"\d+ results$", shown(page))


@pytest.mark.parametrize(("name", "width"), [("sample", 320), ("sample", 390), ("sample", 768), ("many", 390)])
def test_the_page_is_never_wider_than_the_screen(opened: Open, name: str, width: int) -> None:
    page = opened(name, width=width)
    page.locator(".opener").first.click()
    open_everything(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_ten_thousand_results_are_paged_and_searched(opened: Open) -> None:
    page = opened("many")
    assert shown(page) == "10,000 results"
    assert rows(page).count() == 50
    pages_of_results = page.locator("#results .pages")
    assert pages_of_results.locator("span").inner_text() == "Page 1 of 200"
    pages_of_results.get_by_role("button", name="Next").click()
    assert pages_of_results.locator("span").inner_text() == "Page 2 of 200"
    assert rows(page).first.get_attribute("data-result") == "50"
    page.get_by_label("Search").fill("request number 9876")
    playwright.expect(page.locator(".showing [role=status]")).to_have_text("1 of 10,000 results")
    assert pages_of_results.is_hidden()
    page.goto(page.url.split("#")[0] + "#result=7777")
    assert page.locator(".opener[aria-expanded=true]").inner_text() == "answers request number 7777"
    assert pages_of_results.locator("span").inner_text() == "Page 156 of 200"


def test_the_audit_trail_is_paged(opened: Open) -> None:
    page = opened()
    trail = page.locator("#audit")
    assert trail.locator("tbody tr").count() == 50
    assert "Initialization 20260302T021500-4f1c" in trail.locator("tbody tr").first.inner_text()
    trail.get_by_role("button", name="Next").click()
    assert trail.locator("tbody tr").count() == 27
    trail.get_by_role("button", name="Previous").click()
    assert trail.locator("tbody tr").count() == 50


def test_it_is_readable_without_a_script(opened: Open) -> None:
    page = opened(java_script_enabled=False)
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.locator("table.grid").is_visible()
    assert page.locator("details.card").count() == 6
    assert page.locator("details.card .cause").first.is_visible()
    assert page.locator("form.filters").is_hidden()
    assert page.locator("button.copy").first.is_hidden()
    assert "need JavaScript" in page.locator("noscript").inner_text()


def test_printing_opens_what_is_folded(opened: Open) -> None:
    page = opened()
    closed = page.locator("details:not([open])").count()
    assert closed > 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == closed
    page.emulate_media(media="print")
    assert page.locator("nav.top").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_keyboard_reaches_the_verdict_first(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, out of the npm registry."""
    if not os.environ.get("CI"):
        pytest.skip("set CI=1 to fetch axe-core by npm and to check the page with it")
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "pack", "axe-core@4", "--silent"], cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
        archive.extract("package/axe.min.js", folder, filter="data")
    return (folder / "package" / "axe.min.js").read_text()


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("sample", 1280, "light"), ("sample", 390, "dark"), ("green", 1280, "dark"), ("empty", 390, "light")],
)
def test_axe_finds_nothing(opened: Open, axe: str, name: str, width: int, scheme: str) -> None:
    page = opened(name, width=width, color_scheme=scheme, bypass_csp=True)
    open_everything(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run().then((all) => all.violations.map((one) => [one.id, one.nodes[0].html]))")
    assert found == []


def test_the_page_stands_alone(pages: dict[str, str], browser: Any, tmp_path: Path) -> None:
    """Moved elsewhere, with no network, it is the same."""
    moved = tmp_path / "moved.html"
    moved.write_bytes(Path(pages["sample"].removeprefix("file://")).read_bytes())
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(moved.as_uri())
    assert shown(page) == "76 results"
    context.close()
