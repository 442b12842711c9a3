"""The way `container`, with the images that `.ci/images` makes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import Provided, Services

Provide = Callable[..., Provided]
LABEL = "label=org.testcontainers"
PROBLEM = "from pytest_sysint.provision._docker import problem; print(problem())"


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _container_at(url: str) -> str:
    return _docker("ps", "--quiet", "--filter", f"publish={urlsplit(url).port}")


@pytest.fixture
def docker(require: Callable[[object, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker, with the test images, reached as on a user's own machine."""
    try:
        found = subprocess.run(["docker", "images", "--quiet", "sysint-test/redis"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        found = None
    require(found and found.stdout.strip(), "Docker with the images of .ci/images is needed (.ci/docker start)")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    monkeypatch.setenv("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
    monkeypatch.setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")


@pytest.fixture
def contain(docker: None, services: Services, provide: Provide) -> Provide:
    def call(service: str = "service", **changes: Any) -> Provided:
        return provide(service, **{"type": "stand_in_container", "way": "container", **changes})

    return call


def test_it_starts_answers_and_is_removed(contain: Provide, services: Services, tmp_path: Path) -> None:
    provided = contain()
    container = _container_at(provided.url)
    assert (provided.way, provided.detail) == ("container", "image sysint-test/redis")
    with socket.create_connection(("127.0.0.1", urlsplit(provided.url).port), 5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
    ports = json.loads(_docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", container))
    assert [bound["HostIp"] for bound in ports["6379/tcp"]] == ["127.0.0.1"]
    assert "Ready to accept connections" in services.log_tail("service")
    services.close()
    assert container not in _docker("ps", "--all", "--quiet")
    assert "Ready to accept connections" in (tmp_path / "logs" / "service.log").read_text()


def test_an_image_comes_before_the_binary_and_the_binary_before_the_default_image(contain: Provide) -> None:
    assert contain("own", way="auto", options={"image": "sysint-test/redis:latest"}).detail.endswith("redis:latest")
    assert contain("none", way="auto").way == "local_binary"


def test_one_that_dies_in_the_run_is_noticed(contain: Provide, services: Services) -> None:
    container = _container_at(contain().url)
    assert services.died("service") == ""
    _docker("kill", container)
    assert services.died("service") == "exited with code 137"


def test_one_that_dies_at_start_shows_its_last_lines(contain: Provide, services: Services) -> None:
    with pytest.raises(Unavailable) as caught:
        contain(recipe={"command": "echo cannot read the licence file; exit 4"})
    assert "image sysint-test/redis could not be run" in caught.value.message
    assert "cannot read the licence file" in caught.value.hint


def test_one_that_never_answers_is_given_up(contain: Provide, services: Services) -> None:
    with pytest.raises(Unavailable, match="image sysint-test/redis was not ready within 500ms: "):
        contain(recipe={"command": "exec sleep 600", "words": "hasty"}, timeout=0.5)


def test_a_recipe_that_fails_is_one_line(contain: Provide) -> None:
    with pytest.raises(Unavailable, match=r"redis could not be run: .*a mistake of the type's author"):
        contain(words="careless")


def test_an_image_that_cannot_be_had_is_one_line(contain: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        contain(options={"image": "127.0.0.1:9/absent/image"})
    assert "127.0.0.1:9/absent/image could not be run" in caught.value.message
    assert len(str(caught.value).splitlines()) <= 2


def test_kill_9_of_the_supervisor_leaves_no_container(contain: Provide) -> None:
    others = _supervisors()  # one may serve the whole session
    container = _container_at(contain().url)
    (supervisor,) = _supervisors() - others
    gone = subprocess.Popen(["docker", "wait", container], stdout=subprocess.PIPE)
    os.kill(supervisor, signal.SIGKILL)
    gone.communicate(timeout=60)
    assert container not in _docker("ps", "--quiet")


def _supervisors() -> set[int]:
    return {
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if b"_supervisor" in entry.read_bytes() and _parent(entry.parent) == os.getpid()
    }


def _parent(entry: Path) -> int:
    return int((entry / "stat").read_text().rpartition(")")[2].split()[1])


@pytest.fixture
def hanging() -> Iterator[str]:
    """Where something listens as Docker would, and never says a word."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        address = f"{folder}/docker.sock"
        listener.bind(address)
        listener.listen()
        yield f"unix://{address}"


def _problem(docker_host: str) -> str:
    environment = {**os.environ, "DOCKER_HOST": docker_host}
    asked = subprocess.run([sys.executable, "-c", PROBLEM], env=environment, check=True, capture_output=True, text=True)
    return asked.stdout.strip()


def test_docker_that_is_not_there_is_said_in_a_line() -> None:
    expected = "start Docker (it does not answer at unix:///nowhere/docker.sock: No such file or directory)"
    assert _problem("unix:///nowhere/docker.sock") == expected


def test_docker_that_hangs_is_said_in_a_line(hanging: str) -> None:
    assert _problem(hanging).startswith(f"start Docker (it does not answer at {hanging}: ")


def test_without_docker_a_declared_image_gives_way(
    monkeypatch: pytest.MonkeyPatch, services: Services, provide: Provide, require: Callable[[object, str], None]
) -> None:
    import shutil

    require(shutil.which("redis-server"), "redis-server is not installed")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert provide(type="stand_in_container", options={"image": "redis"}).way == "local_binary"
    with pytest.raises(Unavailable, match=r"cannot be provided as 'container' on this .*\n  to have it: start Docker"):
        provide("other", type="stand_in_container", way="container")
    with pytest.raises(Unavailable, match="this type has no container"):
        provide("bare", type="stand_in_bare", way="container")
