"""What a user sees of `pytest --sysint`: selection, order, verdict, exit code, reports."""

from __future__ import annotations

from typing import Any

import pytest


def estate(url: str, more: str = "") -> str:
    return f"""sysint: 1
system: demo
tenants: [oakwood, elmhurst]
integrations:
  api:
    type: rest
    url: {url}
    tenants: all
    severity: critical
    health:
      - {{name: says ok, request: GET /health, expect: {{status: 200, $.status: ok}}}}
  files:
    type: local
    url: .
{more}"""


def test_a_healthy_estate_passes_and_leaves_both_reports(project: Any, api: Any) -> None:
    project.declare(estate(api.url))
    result = project.run()
    assert result.ret == 0
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*= integrations =*", "api *rest *4*existing", "files *local *1*", "verdict: passed*"])
    report = project.report
    assert report["summary"]["total"] == 5
    assert report["gate"]["verdict"] == "passed"
    assert set(project.statuses()) == {
        "api::health::reachable[oakwood]",
        "api::health::reachable[elmhurst]",
        "api::health::says-ok[oakwood]",
        "api::health::says-ok[elmhurst]",
        "files::health::reachable",
    }
    assert (project.path / "reports/sysint.html").read_text().startswith("<!doctype html>")
    assert {event["entityType"] for event in report["audit"]} >= {"Initialization", "SystemHealth", "IntegrationTest"}


def test_a_failed_expectation_blocks_the_gate_and_shows_the_card(project: Any, api: Any) -> None:
    api.answers["/health"] = (200, '{"status": "sad"}')
    project.declare(estate(api.url))
    result = project.run("--sysint-tenant", "oakwood")
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    output = result.stdout.str()
    assert "health: says ok" in output
    assert "sad" in output
    assert "GET" in output
    assert "curl" in output
    result.stdout.fnmatch_lines(["verdict: blocked*", "FAILED sysint.yaml::api::health::says-ok[[]oakwood] - *sad*"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sysint-integration", "files"], {"files::health::reachable"}),
        (["--sysint-type", "local"], {"files::health::reachable"}),
        (["--sysint-tenant", "elmhurst", "-k", "says"], {"api::health::says-ok[elmhurst]"}),
        (
            ["-m", "critical and rest", "-k", "reachable"],
            {"api::health::reachable[oakwood]", "api::health::reachable[elmhurst]"},
        ),
        (["--sysint-tenant", "elmhurst", "-m", "low or high"], {"files::health::reachable"}),
        (["-m", "file_system"], {"files::health::reachable"}),
        (["sysint.yaml::files"], {"files::health::reachable"}),
        (["sysint.yaml::files::health"], {"files::health::reachable"}),
        (["sysint.yaml::api::health::says-ok[oakwood]"], {"api::health::says-ok[oakwood]"}),
    ],
)
def test_selection(project: Any, api: Any, arguments: list[str], expected: set[str]) -> None:
    project.declare(estate(api.url))
    result = project.run(*arguments)
    assert result.ret == 0, result.stdout.str()
    assert set(project.statuses()) == expected


def test_what_is_not_selected_is_not_contacted(project: Any, api: Any) -> None:
    project.declare(estate(api.url))
    assert project.run("--sysint-integration", "files").ret == 0
    assert api.seen == []


def test_collect_only_connects_to_nothing_and_writes_nothing(project: Any, api: Any) -> None:
    project.declare(estate(api.url))
    result = project.run("--collect-only", "-q")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["sysint.yaml::api::health::reachable[[]oakwood]"])
    assert api.seen == []
    assert not (project.path / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sysint-integration", "filse"], "did you mean 'files'?"),
        (["--sysint-type", "postgres"], "did you mean 'postgresql'?"),
        (["--sysint-kind", "helth"], "did you mean 'health'?"),
        (["--sysint-tenant", "okwood"], "did you mean 'oakwood'?"),
        (["--sysint-env", "nowhere"], "nowhere"),
        (["--sysint-report", "htlm"], "did you mean 'html'?"),
        (["--sysint-provision", "containr"], "did you mean 'container'?"),
        (["--sysint-concurrency", "many"], "'many' is not a number from 1 to 1000"),
    ],
)
def test_an_unknown_word_is_a_usage_error(project: Any, arguments: list[str], said: str) -> None:
    project.declare(estate("http://127.0.0.1:1"))
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str() + result.stdout.str()
    assert "Traceback" not in result.stderr.str()


def test_no_declaration_says_how_to_make_one(project: Any) -> None:
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "sysint init" in result.stderr.str()


def test_every_mistake_of_every_file_is_said_at_once(project: Any) -> None:
    project.declare(
        "sysint: 1\nintegrations:\n  a: {type: rset, url: 'http://x'}\n  b: {type: rest, ulr: 'http://x'}\n"
    )
    project.declare("sysint: 1\nintegrations:\n  c: {type: redis, url: 'http://x'}\n", "other/sysint.yaml")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    output = result.stdout.str()
    for said in (
        "sysint.yaml:3:",
        "did you mean 'rest'",
        "sysint.yaml:4:",
        "did you mean 'url'",
        "other/sysint.yaml:3:",
    ):
        assert said in output
    assert "Traceback" not in output


def test_unset_variables_are_said_all_at_once(project: Any) -> None:
    project.declare(
        "sysint: 1\nenvironments: {local: {provision: existing}}\nintegrations:\n"
        "  a: {type: rest, url: '${env:SYSINT_NOT_SET_A}'}\n"
        "  b: {type: rest, url: 'http://x', headers: {x: '${env:SYSINT_NOT_SET_B}'}}\n"
    )
    output = project.run("--sysint-env", "local").stdout.str()
    assert "SYSINT_NOT_SET_A" in output
    assert "SYSINT_NOT_SET_B" in output


def down(port: int, url: str) -> str:
    return f"""sysint: 1
integrations:
  cache:
    type: redis
    url: redis://:s3cret-pa55@127.0.0.1:{port}/0
    retry: {{attempts: 2, initial: 1ms}}
    health:
      - {{name: pings, command: PING}}
  api: {{type: rest, url: '{url}', depends_on: [cache]}}
  site: {{type: rest, url: '{url}', depends_on: [api]}}
"""


def test_one_root_cause_instead_of_many_failures(project: Any, api: Any, closed_port: int) -> None:
    project.declare(down(closed_port, api.url))
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(failed=2, skipped=2)
    assert api.seen == []
    results = {item["nodeid"].partition("::")[2]: item for item in project.report["results"]}
    assert {results[f"cache::health::{name}"]["rung"] for name in ("reachable", "pings")} == {"tcp"}
    for dependent in ("api", "site"):
        assert results[f"{dependent}::health::reachable"]["status"] == "blocked"
        assert results[f"{dependent}::health::reachable"]["blockedBy"] == "cache"
    result.stdout.fnmatch_lines(["'cache' is down and blocks 2 checks of api, site: tcp: *"])
    assert "s3cret-pa55" not in result.stdout.str() + result.stderr.str() + project.written


def test_with_two_workers_the_results_are_the_same(project: Any, api: Any, closed_port: int) -> None:
    project.declare(down(closed_port, api.url))
    project.declare(estate(api.url).replace("  api:", "  shop:"), "more/sysint.yaml")
    assert project.run().ret == 1
    alone = project.statuses()
    result = project.run("-n", "2")
    assert result.ret == 1
    assert project.statuses() == alone
    assert len(project.report["results"]) == len(alone)
    result.stdout.fnmatch_lines(["'cache' is down and blocks 2 checks of api, site: tcp: *"])


def test_x_stops_at_the_first_failure(project: Any, api: Any) -> None:
    api.answers["/bad"] = (500, "{}")
    checks = "".join(f"      - {{name: c{n}, request: GET /{'bad' if n == 1 else 'good'}}}\n" for n in range(30))
    project.declare(f"sysint: 1\nintegrations:\n  api:\n    type: rest\n    url: {api.url}\n    health:\n{checks}")
    result = project.run("-x", "--sysint-concurrency", "1")
    assert result.ret == 1
    assert len(project.report["results"]) == 3
    assert len(api.seen) < 32


def test_last_failed_runs_only_what_failed(project: Any, api: Any) -> None:
    api.answers["/health"] = (500, "{}")
    project.declare(estate(api.url))
    first = project.pytester.runpytest_subprocess("--sysint")
    first.assert_outcomes(passed=3, failed=2)
    again = project.pytester.runpytest_subprocess("--sysint", "--lf")
    again.assert_outcomes(failed=2)
    assert len(project.report["results"]) == 2


def test_zero_evidence_is_never_green(project: Any) -> None:
    project.declare(
        "sysint: 1\nenvironments: {production: {allow: [write]}}\nintegrations:\n  files: {type: local, url: .}\n"
    )
    result = project.run("--sysint-env", "production")
    assert result.ret == 7
    assert project.report["gate"]["verdict"] == "inconclusive"
    result.stdout.fnmatch_lines(["verdict: inconclusive*"])


def test_production_refuses_writes_before_any_connection(project: Any, api: Any) -> None:
    project.declare(
        f"sysint: 1\nenvironments: {{production: {{allow: [read]}}}}\nintegrations:\n  api:\n    type: rest\n"
        f"    url: {api.url}\n    health:\n      - {{name: writes, request: POST /residents}}\n"
    )
    result = project.run("--sysint-env", "production", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    assert {method for method, *_ in api.seen} == {"GET"}
    assert "its effect is 'write'" in result.stdout.str()


def test_an_existing_service_is_only_read_until_more_is_declared(project: Any, api: Any) -> None:
    project.declare(
        f"sysint: 1\nintegrations:\n  api:\n    type: rest\n    url: {api.url}\n"
        "    health:\n      - {name: writes, request: POST /residents}\n"
    )
    result = project.run()
    result.assert_outcomes(passed=1, skipped=1)


def test_each_option_is_also_in_the_configuration_file(project: Any, api: Any) -> None:
    project.pytester.makeini(
        "[pytest]\nsysint = true\nsysint_tenant = oakwood\nsysint_integration = api\nsysint_kind = health\n"
        "sysint_type = rest\nsysint_concurrency = 2\nsysint_report = json:out/my.json\nsysint_provision = existing\n"
        "sysint_reports_dir = out\n"
    )
    project.declare(estate(api.url))
    result = project.pytester.runpytest_subprocess()
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    assert {path.name for path in (project.path / "out").iterdir()} == {"my.json", "sysint.journal.jsonl"}


def test_a_folder_that_cannot_be_written_is_said_and_the_run_goes_on(project: Any, api: Any) -> None:
    (project.path / "reports").write_text("a file is in the way")
    project.declare(estate(api.url))
    result = project.run()
    result.assert_outcomes(passed=5)
    output = result.stdout.str()
    assert "could not be written" in output
    assert "Traceback" not in output


def test_other_tests_run_beside_the_checks(project: Any, api: Any) -> None:
    project.declare(estate(api.url))
    project.pytester.makepyfile(test_plain="def test_one(): pass\ndef test_two(): assert 0\n")
    result = project.run()
    result.assert_outcomes(passed=6, failed=1)
    assert result.ret == 1
    assert project.report["summary"]["total"] == 5
