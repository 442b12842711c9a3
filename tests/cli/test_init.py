"""`sysint init`: a declaration to start from that is valid, says what the project says, and holds no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_sysint.cli import main
from pytest_sysint.cli._found import _words, slug
from pytest_sysint.core.registry import types

COMPOSE = """\
x-common: &common {restart: always}
services:
  db:
    <<: *common
    image: postgres:16-alpine
    environment: {POSTGRES_PASSWORD: canary-compose}
    ports: ["5432:5432"]
  Cache_1: {image: "docker.io/bitnami/redis:7", ports: ["127.0.0.1:6380:6379/tcp"]}
  bus: {image: "confluentinc/cp-kafka:7.5@sha256:0", ports: [{target: 9092, published: "9092"}]}
  rabbit: {image: "rabbitmq:${VERSION:-3}-management", ports: [5672, "${PORT}:5672"]}
  files: {image: minio/minio}
  mail: {image: axllent/mailpit}
  app: {build: ., ports: ["8000:8000"], depends_on: {db: {condition: service_healthy}, Cache_1: {}, weird: {}}}
  worker: {build: .}
  weird: {image: "foo/bar:1"}
"""
ENV = """\
# comment
DATABASE_URL=postgresql://u:canary-env@localhost/db
export CACHE_1_URL='redis://:canary-env@localhost'
PARTNER_API_URL=https://api.example.org/?token=canary-env
BROKER_DSN=amqp://g:canary-env@h
SECRET=canary-env
ODD_URL=whatever
"""


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Types that say which images serve them."""
    for word, names in {"s3": ("minio",), "smtp": ("mailpit",)}.items():
        monkeypatch.setattr(types().get(word), "images", names)
    _words.cache_clear()
    yield
    _words.cache_clear()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "My Project!"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def written(folder: Path, name: str = "sysint.yaml") -> dict[str, Any]:
    text = (folder / name).read_text()
    assert "canary" not in text
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def test_from_nothing_it_is_an_example(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert written(folder)["system"] == "my-project"
    assert list(written(folder)["integrations"]) == ["my-api"]
    assert "no integrations found here" in capsys.readouterr().out
    assert main(["validate"]) == 0


def test_from_a_compose_file_and_an_env_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "docker-compose.yml").write_text(COMPOSE)
    (folder / ".env").write_text(ENV)
    assert main(["init"]) == 0
    said = capsys.readouterr().out
    found = written(folder)["integrations"]
    assert {name: (each["type"], each["url"]) for name, each in found.items()} == {
        "db": ("postgresql", "${env:DATABASE_URL}"),
        "cache-1": ("redis", "${env:CACHE_1_URL}"),
        "bus": ("kafka", "${env:BUS_URL}"),
        "rabbit": ("rabbitmq", "${env:BROKER_DSN}"),
        "files": ("s3", "${env:FILES_URL}"),
        "mail": ("smtp", "${env:MAIL_URL}"),
        "app": ("service", "${env:APP_URL}"),
        "partner-api": ("rest", "${env:PARTNER_API_URL}"),
    }
    assert found["db"]["provision"] == {"image": "postgres:16-alpine"}
    assert "provision" not in found["rabbit"]
    assert found["app"]["depends_on"] == ["db", "cache-1"]
    text = (folder / "sysint.yaml").read_text()
    assert "published at redis://localhost:6380" in text
    assert "published at kafka://localhost:9092" in text
    assert "service 'worker'" in said
    assert "service 'weird'" in said
    assert "canary" not in said
    assert main(["validate", "--unset-ok"]) == 0


@pytest.mark.parametrize(
    "compose",
    [
        "",
        "- x",
        "a: [",
        "a: !reset 1",
        "services: [a]",
        "services:\n  a: &x {b: *x}\n",
        "services: {a: {image: [1]}, b: 5, c: {ports: 5}}",
    ],
)
def test_a_compose_file_that_cannot_be_used_is_left_out(folder: Path, compose: str) -> None:
    (folder / "compose.yaml").write_text(compose)
    assert main(["init"]) == 0
    assert list(written(folder)["integrations"]) == ["my-api"]
    assert main(["validate"]) == 0


def test_odd_names_become_ids(folder: Path) -> None:
    (folder / "compose.yml").write_text('services: {"_%9 Ä.b\\n#": {image: "redis:7\\"#"}, "1": {image: redis}}\n')
    assert main(["init"]) == 0
    assert list(written(folder)["integrations"]) == ["9-b", 1]
    assert main(["validate", "--unset-ok"]) == 0
    assert slug("!!!") == "service"


def test_it_does_not_overwrite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sysint.yaml").write_text("mine")
    assert main(["init"]) == 2
    assert "`--force` overwrites it" in capsys.readouterr().err
    assert (folder / "sysint.yaml").read_text() == "mine"
    assert main(["init", "--output", "other.sysint.yaml"]) == 0
    assert main(["init", "--force"]) == 0
    assert written(folder) == written(folder, "other.sysint.yaml")


def test_it_says_what_to_install(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(types().get("redis"), "driver", "no_such_module_here")
    (folder / "compose.yml").write_text("services: {cache: {image: redis}}\n")
    assert main(["init"]) == 0
    assert "install: pip install 'pytest-sysint[redis]'" in capsys.readouterr().out


def test_the_folder_must_be_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "nowhere"]) == 2
    assert "no folder nowhere" in capsys.readouterr().err
