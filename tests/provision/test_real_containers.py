"""The types that have a container, each in its own, by the images that `.ci/images` makes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from pytest_sysint.provision import ServiceRequest, Services

IMAGES = {"redis": "redis", "postgresql": "postgres", "rabbitmq": "rabbitmq", "kafka": "kafka:7.6.0"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
        patch.setenv("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        patch.setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
        opened = Services(logs=tmp_path_factory.mktemp("logs"))
        opened.address()
    yield opened
    opened.close()


@pytest.mark.parametrize("type_name", IMAGES)
def test_it_runs_in_a_container(type_name: str, services: Services, require: Callable[[object, str], None]) -> None:
    image = f"sysint-test/{IMAGES[type_name]}"
    require(_is_there(image), f"Docker with the image {image} is needed (.ci/docker start, .ci/images)")
    request = ServiceRequest(id=type_name, type=type_name, way="container", options={"image": image}, timeout=120.0)
    provided = services.provide(request)
    assert provided.way == "container"
    assert provided.detail == f"image {image}"
    assert services.died(type_name) == ""


def _is_there(image: str) -> bool:
    command = ["docker", "images", "--quiet", image]
    try:
        return bool(subprocess.run(command, capture_output=True, timeout=10, check=False).stdout.strip())
    except (OSError, subprocess.TimeoutExpired):
        return False
