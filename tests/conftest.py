"""What the tests of all rooms share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import settings

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import free_port
from pytest_sysint.core.registry import types
from pytest_sysint.core.secrets import REDACTOR
from pytest_sysint.provision import ServiceRequest, Services
from pytest_sysint.provision._choose import choose

# The same examples at every run of CI: a new one is found, and mended, where somebody is at work.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Where cores are shared, RabbitMQ loads its modules in half the time when Erlang does not spread that over all of them.
os.environ.setdefault("ERL_AFLAGS", "+S 1:1")
# Hundreds of tests run pytest in a process of its own. Where nothing compiled may be kept, each of them would compile
# anew what pytest rewrites of its plugins, which is most of the time that it takes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: our children would ignore Ctrl-C too, and some tests send it to them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _secrets_of_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins knowing no secret: what another taught the redactor must not mask its texts."""
    monkeypatch.setattr(REDACTOR, "_values", set())
    monkeypatch.setattr(REDACTOR, "_forms", set())


def require(condition: object, reason: str) -> None:
    """Skip a test that this machine cannot run; where everything must be there (`SYSINT_REQUIRE_SERVERS=1`), fail."""
    if condition:
        return
    if os.environ.get("SYSINT_REQUIRE_SERVERS") == "1":
        pytest.fail(f"SYSINT_REQUIRE_SERVERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", name="require")
def require_() -> Callable[[object, str], None]:
    """`require(condition, reason)`: skips, or fails where everything must be there."""
    return require


@cache
def _options(type_name: str) -> dict[str, dict[str, str]]:
    """What the one server of a type is started with, so that it can be that of all tests."""
    return {"options": {"management_port": str(free_port())}} if type_name == "rabbitmq" else {}


@pytest.fixture(scope="session")
def real_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """`real_service("redis")` gives the url of a real server of that type, started once for the whole session.

    What `auto` comes to is the same server as that way by its name: a broker takes many seconds to start.
    """
    services = Services(logs=tmp_path_factory.mktemp("service-logs"))

    def provide(type_name: str, way: str = "auto") -> str:
        asked = ServiceRequest(type_name, type_name, way=way, options=_options(type_name), timeout=120)
        try:
            chosen = choose(asked, types().get(type_name)).name
        except Unavailable as error:
            require(False, str(error))
        return services.provide(replace(asked, id=f"{type_name}-{chosen}", way=chosen)).url

    try:
        yield provide
    finally:
        services.close()


@pytest.fixture(scope="session")
def management_url(real_service: Callable[..., str]) -> str:
    """The management API of `real_service("rabbitmq", "local_binary")`."""
    real_service("rabbitmq", "local_binary")
    return f"http://127.0.0.1:{_options('rabbitmq')['options']['management_port']}"
