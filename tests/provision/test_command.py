"""The way `command`: the team's own services."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import Provided
from pytest_sysint.provision.command import CommandSettings

Provide = Callable[..., Provided]
Ask = Callable[[str], dict[str, Any]]

SERVER = str(Path(__file__).with_name("stand_ins") / "stand_in_server.py")
HTTP = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    seen = 0

    def do_GET(self):
        Handler.seen += self.path == "/health"
        self.send_response(503 if Handler.seen < 3 else 404)
        self.end_headers()
        self.wfile.write(str(Handler.seen).encode())

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_it_runs_with_its_environment_in_its_folder(provide: Provide, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    provided = provide(
        type="stand_in_bare",
        options={"command": f"{{python}} {SERVER} {{port}} 'two words' {{}} '{{\"a\": 1}}'", "cwd": "app"},
        environment={"DATABASE_URL": "postgresql://127.0.0.1:1/x", "HERE": "{folder}", "OTHER": "{name}"},
        folder=str(tmp_path),
    )
    about = ask(provided.url)
    assert provided.way == "command"
    assert provided.url.startswith("stand-in://127.0.0.1:"), "the scheme is the type's"
    assert about["cwd"] == str(tmp_path / "app")
    assert about["words"] == ["two words", "{}", '{"a": 1}']
    assert about["environment"]["DATABASE_URL"] == "postgresql://127.0.0.1:1/x"
    assert about["environment"]["OTHER"] == "{name}"
    assert Path(about["environment"]["HERE"]).is_dir()
    assert about["environment"]["PATH"].startswith(str(Path(sys.executable).parent))


def test_it_comes_before_the_recipes_of_the_type(provide: Provide) -> None:
    assert provide(options={"command": f"{{python}} {SERVER} {{port}}", "ready": "tcp"}).way == "command"


def test_it_is_there_when_its_path_answers_below_500(provide: Provide, tmp_path: Path) -> None:
    import urllib.error
    import urllib.request

    (tmp_path / "app.py").write_text(HTTP)
    provided = provide(
        type="stand_in_bare",
        options={"command": "{python} app.py", "ready": "/health", "url": "http://127.0.0.1:{port}"},
        environment={"PORT": "{port}"},
        folder=str(tmp_path),
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{provided.url}/other", timeout=5)
    with caught.value as answer:
        assert answer.read() == b"3", "asked until it answered with something below 500"


def test_one_that_is_never_ready_says_what_it_answered(provide: Provide, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HTTP.replace("seen < 3", "seen < 3000"))
    with pytest.raises(Unavailable, match=r"python was not ready within 1s: GET /health: status 503\n"):
        provide(
            type="stand_in_bare",
            options={"command": "{python} app.py", "ready": "/health", "url": "http://127.0.0.1:{port}"},
            environment={"PORT": "{port}"},
            folder=str(tmp_path),
            timeout=1.0,
        )


@pytest.mark.parametrize(
    ("options", "folder", "message"),
    [
        ({"command": "absent-program {port}"}, "", "'absent-program' cannot be started: No such file or directory"),
        ({"command": "./absent-program {port}"}, "", "'./absent-program' cannot be started"),
        (
            {"command": "{python} {port}", "cwd": "absent"},
            "/",
            "the folder to run its command in is not there: /absent",
        ),
        ({}, "", "declare how it is started (`provision: {command: ...}`)"),
    ],
)
def test_what_cannot_be_started_says_why(provide: Provide, options: dict[str, str], folder: str, message: str) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(type="stand_in_bare", options=options, folder=folder)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            {"command": "serve {prot}"},
            "unknown placeholder {prot}, did you mean 'port'? (allowed: folder, port,",
        ),
        ({"command": "serve 'open {port}"}, "the command cannot be split into words: No closing quotation"),
        ({"command": "  "}, "the command is empty"),
        ({"command": "serve"}, "nothing tells the command its port"),
        ({"command": "serve {port}", "ready": "health"}, "'health' is neither a path that begins with '/' nor one of"),
    ],
)
def test_mistakes_are_found_when_the_declaration_is_read(declared: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CommandSettings.model_validate(declared)
    assert message in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "declared",
    [
        {"command": "serve", "environment": {"PORT": "{port}"}},
        {"command": "serve", "url": "http://127.0.0.1:8000"},
        {"command": "serve {port} {} {{x: 1}}"},
        {},
    ],
)
def test_what_is_right_is_let_through(declared: dict[str, Any]) -> None:
    CommandSettings.model_validate(declared)
