"""How RabbitMQ is started: the server of this machine, or an image."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Container, LocalBinary, Place, Running, free_port, run_container

IMAGE = "rabbitmq:4-management"
_USER = "sysint"
_MANAGEMENT = "management_port"
"""The option that switches the management API on, at that port of loopback."""
_MANAGEMENT_INSIDE = 15672
_COMPILE_SECONDS = 60
_PACKAGED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""The server itself, where the one on PATH is a script of the package that insists on the package's own user."""
_EPMD = """\
%% Erlang nodes find each other through a daemon, epmd, that a node starts and leaves behind. This node is alone: it
%% knows its own port, knows nobody else, and needs no daemon.
-module(sysint_epmd).
-export([start_link/0, names/0, names/1, register_node/2, register_node/3, port_please/2, port_please/3,
         address_please/3, listen_port_please/2]).

start_link() -> ignore.
names() -> {ok, []}.
names(_Host) -> {ok, []}.
register_node(Name, Port) -> register_node(Name, Port, inet).
register_node(_Name, Port, _Family) ->
    persistent_term:put(?MODULE, Port),
    {ok, rand:uniform(1 bsl 30)}.
port_please(Name, Host) -> port_please(Name, Host, infinity).
port_please(_Name, _Host, _Timeout) ->
    case persistent_term:get(?MODULE, none) of
        none -> noport;
        Port -> {port, Port, 6}
    end.
address_please(_Name, Host, Family) -> inet:getaddr(Host, Family).
listen_port_please(_Name, _Host) -> {ok, 0}.
"""
_COMPILE = """\
case compile:file("sysint_epmd", [return_errors]) of
    {ok, _} -> halt(0);
    Other -> io:format("~p~n", [Other]), halt(1)
end.
"""


def _program(binary: str) -> str:
    return str(_PACKAGED) if binary.startswith("/usr/sbin/") and _PACKAGED.exists() else binary


def _prepare(_binary: str, place: Place) -> None:
    password, management = token_hex(12), place.options.get(_MANAGEMENT)
    lines = [
        f"listeners.tcp.default = 127.0.0.1:{place.port}",
        f"default_user = {_USER}",
        f"default_pass = {password}",
        "disk_free_limit.absolute = 1MB",
    ]
    if management:
        lines += ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {management}"]
        lines += ["collect_statistics_interval = 500"]  # else what it tells is up to five seconds old
    (place.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
    (place.folder / "enabled_plugins").write_text("[rabbitmq_management].\n" if management else "[].\n")
    (place.folder / "url").write_text(f"amqp://{_USER}:{password}@127.0.0.1:{place.port}/%2F")
    (place.folder / "sysint_epmd.erl").write_text(_EPMD)
    subprocess.run(
        ["erl", "-noinput", "-boot", "no_dot_erlang", "-eval", _COMPILE],
        check=True,
        capture_output=True,
        cwd=place.folder,
        timeout=_COMPILE_SECONDS,
    )


def _environment(_binary: str, place: Place) -> Mapping[str, str]:
    folder, peers = place.folder, free_port()
    return {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"sysint-{place.port}@localhost",
        "RABBITMQ_NODE_PORT": str(place.port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(peers),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_ALLOW_INPUT": "1",  # else a shell stays in between, which does not pass every signal on
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput -kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_ZFLAGS": f"-start_epmd false -epmd_module sysint_epmd -erl_epmd_port {peers} -pa {folder}",
    }


def _argv(binary: str, _place: Place) -> Sequence[str]:
    return [_program(binary)]


def _url(place: Place) -> str:
    return (place.folder / "url").read_text()


def _testcontainer() -> Any:
    for module in ("testcontainers.community.rabbitmq", "testcontainers.rabbitmq"):  # it has moved
        try:
            return importlib.import_module(module).RabbitMqContainer
        except ModuleNotFoundError:
            continue
    raise Unavailable("testcontainers has no RabbitMQ", hint="pip install --upgrade testcontainers")


def _contain(image: str, place: Place) -> Running:
    password = token_hex(12)
    container = _testcontainer()(image, username=_USER, password=password)
    if _MANAGEMENT in place.options:
        container.with_bind_ports(_MANAGEMENT_INSIDE, int(place.options[_MANAGEMENT]))

    def url(started: Any) -> str:
        host, port = started.get_container_host_ip(), started.get_exposed_port(started.port)
        return f"amqp://{_USER}:{password}@{host}:{port}/%2F"

    return run_container(container, url, f"image {image}")


RECIPES = (
    LocalBinary(
        binaries=("rabbitmq-server",),
        argv=_argv,
        url=_url,
        prepare=_prepare,
        environment=_environment,
        folders=("/usr/lib/rabbitmq/bin", "/opt/rabbitmq*/sbin", "/usr/local/opt/rabbitmq/sbin"),
    ),
    Container(IMAGE, _contain),
)
