"""`sysint validate`: every problem of every file, with its position."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sysint.cli import main

TWELVE = """\
sysint: 1
sistem: care
tenants: [oakwood, shared]
defaults: {timeout: 5}
integrations:
  api:
    type: rest
    url: htp://localhost
    tmeout: 5s
    severity: hihg
    tenants: [oakwod]
    depends_on: [databse]
    retry: {attempts: many}
    headers: {X-Api-Token: 5}
    health:
      - requst: GET /
      - request: GET /
        expect: {latency: 500}
  queue:
    type: rabitmq
"""

EXPECTED = """\
2:1: sistem: unknown key, did you mean 'system'?
3:20: tenants[1]: 'shared' is the name for what belongs to no tenant
4:12: defaults.timeout: '5' has no unit
8:5: integrations.api.url: the scheme 'htp' is not one of type 'rest', did you mean 'http'?
9:5: integrations.api.tmeout: unknown key, did you mean 'timeout'?
10:5: integrations.api.severity: unknown word 'hihg', did you mean 'high'?
11:15: integrations.api.tenants[0]: unknown tenant 'oakwod', did you mean 'oakwood'?
12:5: integrations.api.depends_on: there is no integration 'databse'
13:13: integrations.api.retry.attempts: expected a whole number, got the text 'many'
14:15: integrations.api.headers.X-Api-Token: expected a text, got a value that is not shown here
16:9: integrations.api.health[0].requst: unknown operation, did you mean 'request'?
18:18: integrations.api.health[1].expect.latency: '500' has no unit
20:5: integrations.queue.type: unknown type 'rabitmq', did you mean 'rabbitmq'?
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_twelve_mistakes_and_one_more_are_all_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "sysint.yaml").write_text(TWELVE)
    assert main(["validate"]) == 1
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "13 problems in the declaration:"
    assert len(lines) == 13
    for line, expected in zip(lines, EXPECTED.splitlines(), strict=True):
        assert line.startswith(f"  sysint.yaml:{expected}")


def test_all_files_are_told_at_once(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "a.sysint.yaml").write_text("sysint: 1\nintegrations: {a: {type: rset}}\n")
    (folder / "b.sysint.yaml").write_text("sysint: 1\nintegrations: {b: {type: rset}}\n")
    (folder / "c.sysint.yaml").write_text("sysint: 1\n\tintegrations:\n")
    assert main(["validate", "."]) == 1
    said = capsys.readouterr().out
    assert [line.strip().split(":")[0] for line in said.splitlines()[1:]] == [
        "a.sysint.yaml",
        "b.sysint.yaml",
        "c.sysint.yaml",
    ]


def test_a_valid_declaration_is_summed_up(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "sysint.yaml").write_text(
        "sysint: 1\ntenants: [oak]\nenvironments: {test: {}}\ngate: {}\n"
        "integrations: {a: {type: rest, url: 'http://u:canary@h'}, b: {type: rest, tenants: all}}\n"
    )
    assert main(["validate", "--env", "test"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "sysint.yaml: valid: 2 integrations for oak, environment test"
    assert said[1] == "  note: sysint.yaml:4: a gate is declared, and this version does not apply its policy"
    assert "a secret is written in the file" in said[2]
    assert "canary" not in "".join(said)


def test_what_is_not_set_may_be_left_open(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    text = "sysint: 1\nintegrations: {a: {type: rest, auth: {bearer: '${env:NOT_SET_TOKEN}'}, oops: 1}}\n"
    (folder / "sysint.yaml").write_text(text)
    assert main(["validate", "--unset-ok"]) == 1
    assert "NOT_SET_TOKEN" not in capsys.readouterr().out
    (folder / "sysint.yaml").write_text(text.replace(", oops: 1", ""))
    assert main(["validate"]) == 1
    assert (
        "2:39: integrations.a.auth.bearer: the environment variable NOT_SET_TOKEN is not set" in capsys.readouterr().out
    )
    assert main(["validate", "--unset-ok"]) == 0
    assert "left open: a: the environment variable NOT_SET_TOKEN is not set" in capsys.readouterr().out


def test_wrong_names_are_usage_errors(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["validate"]) == 2
    assert "`sysint init` writes one" in capsys.readouterr().err
    assert main(["validate", "nope.yaml"]) == 2
    assert "no file or folder nope.yaml" in capsys.readouterr().err
    (folder / "sysint.yaml").write_text("sysint: 1\nintegrations: {a: {type: rest}}\n")
    assert main(["validate", "--env", "prod"]) == 2
    assert capsys.readouterr().err == "sysint: unknown environment 'prod' (allowed: local)\n"
