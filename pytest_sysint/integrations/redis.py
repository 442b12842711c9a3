"""Type `redis`: Redis, Valkey, and whatever speaks their protocol."""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.description import Description
from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected
from pytest_sysint.core.integration import Integration, Observation, Operation, Rung, Stopwatch, exchange
from pytest_sysint.core.provisioning import Container, Embedded, LocalBinary, Place, Running, run_container
from pytest_sysint.core.records import Effect
from pytest_sysint.core.secrets import learn, learn_url
from pytest_sysint.integrations._net import network_rungs, unix_rung
from pytest_sysint.integrations._redis import description
from pytest_sysint.integrations._redis.effects import effect_of, why_not
from pytest_sysint.integrations._redis.measures import MEASURES
from pytest_sysint.integrations._redis.replies import facts_of, shaped
from pytest_sysint.integrations._redis.settings import PORT, Settings, Target, target_of
from pytest_sysint.integrations._redis.trouble import explain
from pytest_sysint.integrations._redis.wire import Connections
from pytest_sysint.integrations._settings import reading_only, resolved
from pytest_sysint.integrations._tls import context_for

if TYPE_CHECKING:
    import redis

__all__ = ["TYPE", "Command", "Redis", "Settings"]


def split(command: str | Sequence[str | int | float]) -> tuple[str, ...]:
    """A command as its words, as a shell would split it.

    Raises:
        ValueError: when a quote is not closed.

    """
    return tuple(shlex.split(command)) if isinstance(command, str) else tuple(map(str, command))


class Command(Operation):
    """A command: `GET residents:1`, split as a shell would; or a list of its words."""

    command: str | list[str | int | float] = Field(description="The command with its arguments.")

    @field_validator("command")
    @classmethod
    def _can_be_sent(cls, command: Any) -> Any:
        try:
            said = why_not(split(command))
        except ValueError:
            said = "a quote is not closed; a list of words needs no quotes"
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return command

    def effect(self) -> Effect:
        return effect_of(split(self.command))

    def title(self) -> str:
        return shlex.join(split(self.command))

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.execute(split(self.command), timeout)
        return observation

    def reproduce(self, integration: Any) -> str:
        return f"{integration.reproduce().removesuffix(' PING')} {self.title()}"


class Redis(Integration[Settings]):
    """One server, or one node of a cluster."""

    category = "database"
    settings_model = Settings
    driver = "redis"
    images = ("valkey", "keydb")
    operations = (Command, *MEASURES)
    sections = description.SECTIONS

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._native: redis.Redis | None = None
        self._lock = threading.Lock()

    @cached_property
    def target(self) -> Target:
        """Where it is and who we are.

        Raises:
            Rejected: when the url cannot be used.

        """
        target = resolved(self.settings.url, lambda: target_of(self.settings))
        learn(target.password)
        return target

    @property
    def client(self) -> redis.Redis:
        """A `redis.Redis` with a pool of its own, whose answers are text."""
        with self._lock:
            if self._native is None:
                self._native = self._connections.client(self.concurrency)
            return self._native

    def rungs(self) -> Iterable[Rung]:
        target = self.target
        if target.path:
            rungs = [unix_rung(target.path)]
        else:
            tls = context_for(self.settings.tls) if target.secure else None
            rungs = network_rungs(target.host, target.port, tls=tls)
        return [
            *rungs,
            Rung("authentication", self._authenticate),
            Rung("ping", self._ping),
            Rung("read", self._read),
        ]

    def execute(self, words: tuple[str, ...], timeout: float) -> Observation:
        """Send a command. The reply as payload; facts: type, count, size.

        Raises:
            CallError: when the server refused it, or did not answer.

        """
        effect = effect_of(words)
        if self.read_only and effect != "read":
            raise reading_only(f"{words[0]} is not sent to {self.target.where}")
        watch = Stopwatch()
        reply = self._ask(words, timeout, "read" if effect == "read" else "write", watch)
        payload = shaped(" ".join(words[:2]) if words[0].upper() == "CONFIG" else words[0], reply)
        received = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
        said = exchange(shlex.join(words), shlex.join(words), received, watch)
        return Observation(payload, facts_of(reply, payload), watch.phases(), said)

    def info(self, section: str, timeout: float) -> dict[str, Any]:
        """A section of INFO; empty where the server has no such command."""
        try:
            payload = self.execute(("INFO", section), timeout).payload
        except Rejected as error:
            if "unknown command" in error.message:
                return {}
            raise
        return payload if isinstance(payload, dict) else {}

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """The keys that are there now, by guessed patterns.

        Raises:
            CallError: when they cannot be read.

        """
        return {name: description.describe(self.asker(timeout)) for name in sections}

    def asker(self, timeout: float) -> description.Ask:
        """Sends reading commands, several in one round trip, until the time is over."""
        watch = Stopwatch()

        def ask(commands: description.Commands, *, lenient: bool = False) -> list[Any]:
            left = max(timeout - watch.elapsed(), 0.001)
            with self._explained("read", timeout):
                return self._connections.converse_all(commands, left, lenient=lenient)

        return ask

    def seed(self, path: Any, timeout: float) -> None:
        """Send the commands of a file, one a line, as `redis-cli < file` would; `#` begins a comment.

        Raises:
            Rejected: when it cannot be read, or the server refuses one of them.

        """
        try:
            lines = Path(path).read_text().splitlines()
        except OSError as error:
            raise Rejected(f"the seed '{path}' cannot be read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                self.execute(split(line), timeout)
            except (CallError, ValueError) as error:
                raise Rejected(f"{path}:{number}: {error}", rung="write") from None

    def reproduce(self) -> str:
        target, tls = self.target, self.settings.tls
        parts = ["-s", target.path] if target.path else ["-h", target.host, "-p", str(target.port)]
        parts += ["--user", target.username] if target.username else []
        parts += ["--askpass"] if target.password else []
        parts += ["-n", str(target.database)] if target.database else []
        if target.secure:
            options = {"--cacert": tls.ca, "--cert": tls.cert, "--key": tls.key or tls.cert}
            parts += ["--tls", *(word for pair in options.items() if pair[1] for word in pair)]
            parts += [] if tls.verify else ["--insecure"]
        return shlex.join(["redis-cli", *parts, "PING"])

    def close(self) -> None:
        if "_connections" in self.__dict__:
            self._connections.close()
        with self._lock:
            native, self._native = self._native, None
        if native is not None:
            native.connection_pool.disconnect()

    @cached_property
    def _connections(self) -> Connections:
        return Connections(self.target, self.settings.tls)

    def _authenticate(self, timeout: float) -> str:
        target = self.target
        try:
            self._ask(("PING",), timeout, "authentication", Stopwatch(), fresh=True)
        except Rejected as error:
            return f"accepted, but the server says {error.code}"  # which is the next rung's to judge
        return f"as {target.username or 'default'}" if target.password else "no password is used"

    def _ping(self, timeout: float) -> str:
        reply = self._ask(("PING",), timeout, "ping", Stopwatch())
        if reply != b"PONG":
            raise Garbled(f"{self.target.where} answered PING with {str(reply)[:100]}")
        return "PONG"

    def _read(self, timeout: float) -> str:
        key = self.settings.probe_key
        try:
            found = self._ask(("GET", key), timeout, "read", Stopwatch()) is not None
        except Denied as error:
            error.hint = f"set `probe_key` to a key that this user may read; {error.hint}"
            raise
        except Rejected as error:
            if error.code != "WRONGTYPE":
                raise
            found = True
        return f"{key} is {'there' if found else 'not there'}"

    def _ask(self, words: tuple[str, ...], timeout: float, rung: str, watch: Stopwatch, *, fresh: bool = False) -> Any:
        with self._explained(rung, timeout):
            again = effect_of(words) == "read"
            return self._connections.converse(words, timeout, watch, fresh=fresh, again=again)

    @contextmanager
    def _explained(self, rung: str, timeout: float) -> Iterator[None]:
        import redis

        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise explain(error, self.target.where, rung, timeout) from None


def _argv(binary: str, place: Place) -> list[str]:
    alone = ["--bind", "127.0.0.1", "--port", str(place.port), "--dir", str(place.folder)]
    return [binary, *alone, "--save", "", "--appendonly", "no", "--daemonize", "no"]


def _stand_in(place: Place) -> Running:
    from fakeredis import TcpFakeServer

    server = TcpFakeServer(("127.0.0.1", place.port))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return Running(f"redis://127.0.0.1:{place.port}/0", stop, "fakeredis")


def _contain(image: str, _: Place) -> Running:
    # Not RedisContainer: where it lies depends on the version, and all that it adds is waiting, which our ladder does.
    from testcontainers.core.container import DockerContainer

    def url(container: Any) -> str:
        return f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(PORT)}/0"

    return run_container(DockerContainer(image).with_exposed_ports(PORT), url, f"image {image}")


Redis.recipes = (
    LocalBinary(("redis-server", "valkey-server"), _argv, lambda place: f"redis://127.0.0.1:{place.port}/0"),
    Embedded("fakeredis", _stand_in),
    Container("redis:8", _contain),
)

TYPE = Redis
