"""A type whose server is a redis in a container, asked over TCP alone."""

from __future__ import annotations

from stand_in_unprivileged import Unprivileged

from pytest_sysint.core.provisioning import Container, LocalBinary, Place, Running, run_container


def _contain(image: str, place: Place) -> Running:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    if "careless" in place.options.get("words", ""):
        raise KeyError("a mistake of the type's author")
    container = DockerContainer(image).with_exposed_ports(6379)
    if "command" in place.options:
        container.with_command(["sh", "-c", place.options["command"]])
    if place.options.get("words") != "hasty":
        container.waiting_for(LogMessageWaitStrategy("Ready to accept connections"))
    return run_container(
        container,
        lambda started: f"redis://{started.get_container_host_ip()}:{started.get_exposed_port(6379)}",
        f"image {image}",
    )


class Contained(Unprivileged):
    recipes = (
        LocalBinary(
            binaries=("redis-server",),
            argv=lambda binary, place: (binary, "--port", str(place.port), "--save", ""),
            url=lambda place: f"redis://127.0.0.1:{place.port}",
        ),
        Container("sysint-test/redis", _contain),
    )


TYPE = Contained
