"""Hand-written tests over the fixtures: what they get, and what of them is in the reports."""

from __future__ import annotations

from typing import Any

DECLARED = """sysint: 1
tenants: [oakwood, elmhurst]
integrations:
  api:
    type: rest
    url: {url}
    tenants: all
    health:
      - {{name: says ok, request: GET /health}}
  files: {{type: local, url: .}}
"""


def test_fixtures_are_parametrized_over_what_is_declared_and_recorded(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.pytester.makepyfile(
        """
        def test_by_type(rest_integration):
            "the api says ok"
            seen = rest_integration.execute(request="GET /health").expect({"status": 200, "$.status": "ok"})
            assert seen.payload == {"status": "ok"}
            assert rest_integration.tenant in ("oakwood", "elmhurst")
            assert rest_integration.client is not None

        def test_by_category(api_integration):
            api_integration.execute("says ok").expect({"latency": "< 10s"})

        def test_any(integration):
            assert integration.id in ("api", "files")

        def test_none_declared(kafka_integration):
            raise AssertionError
        """
    )
    result = project.run("-rs")
    result.assert_outcomes(passed=5 + 2 + 2 + 3, skipped=1)
    assert "no kafka is declared" in result.stdout.str()
    own = [item for item in project.report["results"] if item["kind"] == "handwritten"]
    assert len(own) == 7
    by_type = next(item for item in own if "test_by_type[api-oakwood]" in item["nodeid"])
    assert by_type["integrationId"] == "api"
    assert by_type["tenantId"] == "oakwood"
    assert [item["name"] for item in by_type["assertions"]] == ["status", "$.status"]
    assert by_type["exchanges"]
    assert all(item["assertions"] for item in own)


def test_a_failed_expectation_fails_the_test_and_is_in_the_report(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.pytester.makepyfile(
        """
        import pytest

        pytestmark = [pytest.mark.sysint(ids=["api"], tenants=["oakwood"]), pytest.mark.contract, pytest.mark.low]

        def test_expectation(integration):
            integration.execute(request="GET /health").expect({"status": 201})

        def test_assertion(integration):
            assert integration.id == "something else"

        def test_eventually(integration):
            integration.eventually({"$.status": "never"}, within="100ms", request="GET /health")
        """
    )
    result = project.run("-k", "test_")
    result.assert_outcomes(failed=3)
    results = {item["name"].partition("[")[0]: item for item in project.report["results"]}
    assert {item["status"] for item in results.values()} == {"failed"}
    assert {item["severity"] for item in results.values()} == {"low"}
    assert results["test_expectation"]["assertions"][0]["actual"] == 200
    assert "something else" in results["test_assertion"]["errorMessage"]
    assert "not within 100ms" in results["test_eventually"]["errorMessage"]


def test_the_environment_holds_for_hand_written_operations(project: Any, api: Any) -> None:
    project.declare(DECLARED.format(url=api.url))
    project.pytester.makepyfile(
        """
        import pytest
        from pytest_sysint.core.errors import UsageError

        def test_writing(rest_integration):
            with pytest.raises(UsageError, match="its effect is 'write'"):
                rest_integration.execute(request="POST /residents")
            with pytest.raises(UsageError, match="did you mean 'request'"):
                rest_integration.execute(reqest="GET /")
            with pytest.raises(UsageError, match="declares no check named"):
                rest_integration.execute("say ok")
        """
    )
    project.run("-k", "test_writing").assert_outcomes(passed=2)
    assert {method for method, *_ in api.seen} <= {"GET"}


def test_a_test_sees_the_declarations_beside_and_above_it(project: Any, api: Any) -> None:
    project.declare("sysint: 1\nintegrations:\n  one: {type: local, url: .}\n", "a/sysint.yaml")
    project.declare("sysint: 1\nintegrations:\n  two: {type: local, url: .}\n", "b/sysint.yaml")
    for folder, expected in (("a", "one"), ("b", "two")):
        (project.path / folder / f"test_{folder}.py").write_text(
            f"def test_it(integration): assert integration.id == {expected!r}\n"
        )
    project.run().assert_outcomes(passed=4)
    project.run("a/test_a.py").assert_outcomes(passed=1)
