"""Type `rabbitmq` on a real server, through a proxy that fails on demand, and against what is no broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pika
import pytest
from pydantic import ValidationError

from pytest_sysint.core.capabilities import Consumes, Publishes
from pytest_sysint.core.errors import (
    CallError,
    Denied,
    Garbled,
    Mistakes,
    Rejected,
    TimedOut,
    TlsFailed,
    TooLarge,
    Unreachable,
    UsageError,
)
from pytest_sysint.core.integration import Measure
from pytest_sysint.core.provisioning import free_port
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration.checks import read_check
from pytest_sysint.integrations._messages import Deadline
from pytest_sysint.integrations._rabbitmq import by_hand
from pytest_sysint.integrations._rabbitmq.link import Link
from pytest_sysint.integrations._rabbitmq.settings import Access
from pytest_sysint.integrations.rabbitmq import RabbitMQ, Settings
from pytest_sysint.provision import ServiceRequest, Services

SHORT = 0.5
PASSWORD = "correct-horse-rabbit"


class Broker:
    """The real server, with a second vhost and users without rights."""

    def __init__(self, url, management_url):
        self.url = url
        self.management_url = management_url
        parts = urlsplit(url)
        self.port = parts.port
        with httpx.Client(auth=(parts.username, parts.password), base_url=management_url) as admin:
            self.put(admin, "vhosts/care")
            for user in ("carol", "dave"):
                self.put(admin, f"users/{user}", password=PASSWORD, tags="")
            self.put(admin, "permissions/%2F/carol", configure="^$", write="^$", read="^$")
            self.put(admin, f"permissions/care/{parts.username}", configure=".*", write=".*", read=".*")

    def put(self, admin, path, **body):
        admin.put(f"/api/{path}", json=body).raise_for_status()

    def through(self, port, **more):
        """The url of the same broker by way of another port."""
        return self.url.replace(f":{self.port}/", f":{port}/").replace("amqp:", more.get("scheme", "amqp") + ":")

    def of(self, user, vhost="%2F"):
        return f"amqp://{user}:{PASSWORD}@127.0.0.1:{self.port}/{vhost}"


@pytest.fixture(scope="module")
def broker(real_service, management_url):
    return Broker(real_service("rabbitmq", "local_binary"), management_url)


@pytest.fixture
def make(listen):
    """Depends on `listen` so that connections are closed before what they go through."""
    made = []

    def live(url, read_only=False, **settings):
        made.append(RabbitMQ(Settings.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield live
    for one in made:
        one.close()


@pytest.fixture
def live(make, broker):
    return make(broker.url)


@pytest.fixture
def names(live, tmp_path):
    """An exchange `care.X` from which `resident.*` goes to a queue `admissions.X`; gives both names."""
    tail = uuid.uuid4().hex
    exchange, queue = f"care.{tail}", f"admissions.{tail}"
    path = tmp_path / "definitions.json"
    path.write_text(
        json.dumps(
            {
                "exchanges": [{"name": exchange, "type": "topic", "vhost": "/"}],
                "queues": [{"name": queue}],
                "bindings": [{"source": exchange, "destination": queue, "routing_key": "resident.*"}],
            }
        )
    )
    live.seed(path, 5)
    return exchange, queue


@pytest.fixture
def exchange(names):
    return names[0]


@pytest.fixture
def queue(names):
    return names[1]


def operation(raw):
    """What a declaration of a check comes to."""
    return read_check(raw, RabbitMQ).operation


def run(live, raw, timeout=5):
    return operation(raw).perform(live, timeout)


def climb(live, timeout=5):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def broken_rung(live, timeout=SHORT):
    """The rung that breaks, and its error."""
    name = "before the first rung"
    try:
        for rung in live.rungs():
            name = rung.name
            rung.climb(timeout)
    except CallError as error:
        return name, error
    raise AssertionError("no rung is broken")


def payloads(observation):
    return [message["payload"] for message in observation.payload]


class Proxy:
    """Between a client and the broker; `frozen` passes nothing on, `tell` says something in the broker's name."""

    def __init__(self, port):
        self.frozen = threading.Event()
        self._port = port
        self._clients = []

    def __call__(self, connection):
        self._clients.append(connection)
        with socket.create_connection(("127.0.0.1", self._port)) as broker:
            back = threading.Thread(target=self._pass, args=(broker, connection), daemon=True)
            back.start()
            self._pass(connection, broker)
            broker.shutdown(socket.SHUT_RDWR)
            back.join()

    def _pass(self, source, target):
        try:
            while data := source.recv(65536):
                if not self.frozen.is_set():
                    target.sendall(data)
        except OSError:
            return

    def tell(self, data):
        for client in self._clients:
            with suppress(OSError):
                client.sendall(data)

    def hang_up(self):
        for client in self._clients:
            client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()


@pytest.fixture
def proxy(broker):
    return Proxy(broker.port)


# the ladder


def test_ladder_of_a_healthy_broker(live):
    for _ in range(2):
        seen = climb(live)
        assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
        assert seen["authentication"] == "sysint in vhost /"
        assert seen["ping"].startswith("RabbitMQ ")
        assert seen["read"] == "exchange amq.topic is there"


def test_ladder_with_tls(make, broker, proxy, listen, certificates):
    port = listen(proxy, certificates.context(certificates.server("rabbit")))
    live = make(broker.through(port, scheme="amqps"), tls={"ca": certificates.authority})
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "tls", "authentication", "ping", "read"]
    assert seen["tls"].startswith("TLSv1.3")


def test_ladder_of_another_vhost(make, broker):
    assert climb(make(broker.url.replace("%2F", "care")))["authentication"] == "sysint in vhost care"


def test_rung_dns(make):
    rung, error = broken_rung(make("amqp://no-such-host.invalid"))
    assert (rung, type(error)) == ("dns", Unreachable)


def test_rung_tcp(make, dead_port):
    rung, error = broken_rung(make(f"amqp://127.0.0.1:{dead_port}"))
    assert (rung, type(error), error.code) == ("tcp", Unreachable, "ECONNREFUSED")


def test_rung_tls(make, broker, proxy, listen, certificates):
    rung, error = broken_rung(make(broker.through(broker.port, scheme="amqps")))
    assert (rung, type(error)) == ("tls", TlsFailed)
    port = listen(proxy, certificates.context(certificates.server("rabbit")))
    rung, error = broken_rung(make(broker.through(port, scheme="amqps")))
    assert (rung, type(error)) == ("tls", TlsFailed)


def test_rung_authentication(make, broker):
    wrong = "wrong-horse-rabbit"
    rung, error = broken_rung(make(broker.url, password=wrong))
    assert (rung, type(error), error.code) == ("authentication", Denied, "403")
    assert wrong not in str(error)
    rung, error = broken_rung(make(broker.url.replace("%2F", "no-such-vhost")))
    assert (rung, type(error), error.code) == ("authentication", Rejected, "530")
    assert "vhost no-such-vhost not found" in str(error)
    rung, error = broken_rung(make(broker.of("dave")))
    assert (rung, type(error), error.code) == ("authentication", Denied, "530")


def reset(connection):
    connection.recv(8)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def web_server(connection):
    connection.recv(8)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def another_version(connection):
    connection.recv(8)
    connection.sendall(b"AMQP\x00\x01\x00\x00")


def flood(connection):
    connection.recv(8)
    while True:
        connection.sendall(b"\x01\x00\x00" * 65536)


def method(class_id, method_id, rest=b""):
    body = struct.pack(">HH", class_id, method_id) + rest
    return struct.pack(">BHI", 1, 0, len(body)) + body + b"\xce"


def says(data):
    def handler(connection):
        connection.recv(8)
        connection.sendall(data)
        connection.recv(8)

    return handler


MECHANISMS = b"\x00\x09\x00\x00\x00\x00" + b"\x00\x00\x00\x08EXTERNAL" + b"\x00\x00\x00\x05en_US"


def old_broker(connection):
    """Hangs up when user and password do not please, as brokers did before they could say so."""
    connection.recv(8)
    connection.sendall(method(10, 10, MECHANISMS.replace(b"\x08EXTERNAL", b"\x05PLAIN")))
    connection.recv(4096)


@pytest.mark.parametrize(
    ("handler", "kind", "said"),
    [
        (reset, Unreachable, "closed the connection during the AMQP handshake"),
        (web_server, Garbled, "it says 'HTTP/1.1 400 Bad Request"),
        (another_version, Garbled, "does not speak AMQP 0-9-1"),
        (says(method(99, 99)), Garbled, "does not speak AMQP 0-9-1"),
        (says(method(10, 10, b"\x00")), Garbled, "does not speak AMQP 0-9-1"),
        (says(method(10, 10, MECHANISMS)), Denied, "offers no login with user and password"),
        (says(method(10, 50, b"\x01\x40\x04gone\x00\x00\x00\x00")), Unreachable, "gone"),
        (old_broker, Denied, "hung up after user and password were sent"),
        (flood, (Garbled, TimedOut), "amqp|AMQP|answer"),
    ],
)
def test_what_is_no_broker(make, listen, handler, kind, said):
    live = make(f"amqp://127.0.0.1:{listen(handler)}")
    rung, error = broken_rung(live)
    assert rung == "authentication"
    with pytest.raises(kind, match=said):
        raise error


def test_a_broker_that_hangs(make, listen):
    live = make(f"amqp://127.0.0.1:{listen(listen.hang)}")
    rung, error = broken_rung(live)
    assert (rung, type(error)) == ("authentication", TimedOut)
    with pytest.raises(TimedOut, match="gave no answer within 300ms"):
        run(live, {"queue": "x"}, 0.3)


def test_rungs_ping_and_read(make, broker, proxy, listen):
    live = make(broker.through(listen(proxy)))
    for last in ("ping", "read"):
        proxy.frozen.clear()
        for rung in live.rungs():
            if rung.name == last:
                proxy.frozen.set()
                with pytest.raises(TimedOut):
                    rung.climb(SHORT)
                break
            rung.climb(5)


# publish


def test_publish_to_an_exchange(live, exchange, queue):
    raw = {"publish": exchange, "routing_key": "resident.admitted", "json": {"id": 7}, "headers": {"tenant": "oakwood"}}
    sent = run(live, raw)
    assert sent.facts == {"exchange": exchange, "routing_key": "resident.admitted", "size": 8}
    assert set(sent.phases) == {"open", "confirm", "total"}
    assert "tenant: oakwood" in sent.exchange.sent
    assert run(live, {"consume": queue}).payload == [
        {
            "payload": {"id": 7},
            "key": "resident.admitted",
            "headers": {"tenant": "oakwood"},
            "exchange": exchange,
            "routing_key": "resident.admitted",
            "redelivered": False,
            "timestamp": None,
            "content_type": "application/json",
        }
    ]


def test_publish_to_a_queue(live, queue):
    assert run(live, {"publish": queue, "text": "12"}).facts == {"exchange": "", "routing_key": queue, "size": 2}
    assert payloads(run(live, {"consume": queue})) == ["12"]


def test_persistent_or_not(live, queue):
    run(live, {"publish": queue, "text": "x"})
    run(live, {"publish": queue, "text": "x", "persistent": False})
    channel = live.client.channel()
    modes = [channel.basic_get(queue, auto_ack=True)[1].delivery_mode for _ in range(2)]
    assert modes == [2, 1]


def test_capabilities(live, exchange, queue):
    assert isinstance(live, Publishes)
    assert isinstance(live, Consumes)
    live.publish(exchange, ["a"], key="resident.x", headers={}, timeout=5)
    live.publish(queue, "b", key=None, headers={}, timeout=5)
    live.publish(queue, b"\xff", key=None, headers={}, timeout=5)
    assert payloads(live.consume(queue, count=3, timeout=5)) == [["a"], "b", {"base64": "/w=="}]


def test_messages_that_nobody_takes(live, exchange):
    with pytest.raises(Rejected, match="no queue takes what is sent to exchange") as caught:
        run(live, {"publish": exchange, "routing_key": "nobody", "text": "x"})
    assert caught.value.code == "312"
    with pytest.raises(Rejected, match="sent to the queue 'no-such-queue'"):
        run(live, {"publish": "no-such-queue", "text": "x"})
    run(live, {"publish": exchange, "routing_key": "nobody", "text": "x", "mandatory": False})
    with pytest.raises(Rejected, match="no exchange 'no-such-exchange'") as caught:
        run(live, {"publish": "no-such-exchange", "routing_key": "", "text": "x"})
    assert caught.value.code == "404"


def test_a_queue_that_is_full(live, tmp_path):
    name = f"full.{uuid.uuid4().hex}"
    path = tmp_path / "full.yaml"
    path.write_text(f"queues: [{{name: {name}, arguments: {{x-max-length: 1, x-overflow: reject-publish}}}}]\n")
    live.seed(path, 5)
    run(live, {"publish": name, "text": "x"})
    with pytest.raises(Rejected, match="did not take the message") as caught:
        run(live, {"publish": name, "text": "x"})
    assert caught.value.code == "NACK"


def test_messages_that_cannot_be_sent(live, queue):
    with pytest.raises(Rejected, match="cannot be sent"):
        run(live, {"publish": "x" * 300, "routing_key": "", "text": "x"})
    run(live, {"publish": queue, "text": "still open"})


def test_rights(make, broker, live, names):
    exchange, queue = names
    carol = make(broker.of("carol"))
    for raw in (
        {"publish": exchange, "routing_key": "resident.x", "text": "x"},
        {"consume": queue},
        {"tap": exchange},
    ):
        with pytest.raises(Denied, match="ACCESS_REFUSED") as caught:
            run(carol, raw, 2)
        assert (caught.value.code, caught.value.rung) == ("403", "authentication")
        assert "set_permissions" in caught.value.hint


def test_read_only(make, broker, tmp_path):
    live = make(broker.url, read_only=True)
    for raw in ({"publish": "q", "text": "x"}, {"consume": "q"}, {"peek": "q"}, {"tap": "e"}):
        with pytest.raises(Denied, match="reading only"):
            run(live, raw)
    with pytest.raises(Denied, match="reading only"):
        live.seed(tmp_path, 5)


# consume, peek, tap


@pytest.fixture
def numbers(live, queue):
    for number in range(5):
        run(live, {"publish": queue, "json": number})
    return queue


def test_consuming_takes(live, numbers):
    seen = run(live, {"consume": numbers, "count": 3})
    assert payloads(seen) == [0, 1, 2]
    assert seen.facts == {"count": 3, "size": 3}
    assert set(seen.phases) == {"open", "read", "settle", "total"}
    assert run(live, {"queue_depth": 2, "queue": numbers}).payload == 2
    assert payloads(run(live, {"consume": numbers, "count": 9, "wait": "0s"})) == [3, 4]
    assert run(live, {"consume": numbers, "wait": "0s"}).facts["count"] == 0
    assert run(live, {"consume": numbers, "wait": "100ms"}).facts["count"] == 0


@pytest.fixture(params=["classic", "quorum"])
def either(request, live, tmp_path):
    """A queue of each type that keeps order, with the numbers 0 to 4."""
    name, path = f"either.{uuid.uuid4().hex}", tmp_path / "either.json"
    path.write_text(json.dumps({"queues": [{"name": name, "arguments": {"x-queue-type": request.param}}]}))
    live.seed(path, 5)
    for number in range(5):
        run(live, {"publish": name, "json": number})
    yield name
    live.client.channel().queue_delete(name)


def test_peeking_gives_back(live, either):
    seen = run(live, {"peek": either, "count": 2})
    assert payloads(seen) == [0, 1]
    assert set(seen.phases) == {"open", "read", "total"}
    assert run(live, {"queue_depth": 5, "queue": either}).payload == 5
    assert payloads(run(live, {"peek": either, "count": 9})) == [0, 1, 2, 3, 4]
    seen = run(live, {"consume": either, "count": 5})
    assert payloads(seen) == [0, 1, 2, 3, 4]
    assert [message["redelivered"] for message in seen.payload] == [True] * 5
    assert run(live, {"peek": either}).facts == {"count": 0, "size": 0}


def test_only_what_was_looked_at_is_marked_as_redelivered(live, either):
    run(live, {"peek": either, "count": 2})
    seen = run(live, {"consume": either, "count": 5})
    assert [(each["payload"], each["redelivered"]) for each in seen.payload] == [
        (0, True), (1, True), (2, False), (3, False), (4, False)
    ]  # fmt: skip


def test_peeking_beside_a_consumer(live, either):
    channel = live.client.channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(either, lambda *_: None)
    seen = run(live, {"peek": either, "count": 2})
    assert payloads(seen) == [1, 2]
    channel.close()
    assert sorted(payloads(run(live, {"consume": either, "count": 5}))) == [0, 1, 2, 3, 4]


def test_what_is_shown_by_hand_leaves_a_queue_as_it_was(live, either):
    command = operation({"peek": either, "count": 2}).reproduce(live)
    password = urlsplit(live.settings.url).password
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "RABBITMQ_PASSWORD": password}
    shown = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=20, check=True
    )
    assert [line.rpartition(" ")[2] for line in shown.stdout.splitlines()] == ["b'0')", "b'1')"]
    while run(live, {"queue": either}).facts["messages"] < 5:
        pass
    assert payloads(run(live, {"consume": either, "count": 5})) == [0, 1, 2, 3, 4]


def test_what_comes_while_waiting(live, numbers):
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": numbers, "count": 6}, 20)
        while run(live, {"queue_depth": 0, "queue": numbers}).payload:
            pass
        run(live, {"publish": numbers, "json": 5})
        assert payloads(reading.result()) == [0, 1, 2, 3, 4, 5]
    assert run(live, {"queue": numbers}).facts == {"name": numbers, "messages": 0, "consumers": 0}


@pytest.mark.parametrize("key", ["consume", "peek"])
def test_more_than_may_be_held_is_not_taken(make, broker, live, either, key):
    with pytest.raises(TooLarge, match="more than 3B"):
        run(make(broker.url, max_size="3B"), {key: either, "count": 5})
    assert payloads(run(live, {"consume": either, "count": 5})) == [0, 1, 2, 3, 4]


def test_queues_that_cannot_be_read(live, queue):
    for key in ("consume", "peek", "queue"):
        with pytest.raises(Rejected, match="no queue 'no-such-queue'") as caught:
            run(live, {key: "no-such-queue"})
        assert caught.value.code == "404"
    channel = live.client.channel()
    channel.basic_consume(queue, lambda *_: None, exclusive=True)
    with pytest.raises(Rejected, match="exclusive use"):
        run(live, {"consume": queue})


def test_a_queue_that_is_deleted_while_it_is_read(live, queue):
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": queue}, 20)
        while not run(live, {"consumers": 0, "queue": queue}).payload:
            pass
        live.client.channel().queue_delete(queue)
        with pytest.raises(Rejected, match="ended the reading"):
            reading.result()


def test_headers_of_all_types(live, queue):
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    headers = {"n": 1, "b": b"\xff", "t": "x", "d": moment, "c": Decimal("1.5"), "l": [True, None], "m": {"k": 2}}
    properties = pika.BasicProperties(
        headers=headers, timestamp=int(moment.timestamp()), message_id="m1", correlation_id="c1"
    )
    live.client.channel().basic_publish("", queue, b"\xfe", properties)
    (message,) = run(live, {"consume": queue}).payload
    assert json.loads(json.dumps(message)) == message
    assert message["headers"] == {
        "n": 1,
        "b": {"base64": "/w=="},
        "t": "x",
        "d": "2026-01-02T00:00:00+00:00",
        "c": "1.5",
        "l": [True, None],
        "m": {"k": 2},
    }
    assert (message["payload"], message["timestamp"]) == ({"base64": "/g=="}, "2026-01-02T00:00:00+00:00")
    assert (message["message_id"], message["correlation_id"]) == ("m1", "c1")


def test_tap(live, exchange, queue):
    with ThreadPoolExecutor(1) as pool:
        tapping = pool.submit(run, live, {"tap": exchange, "routing_key": "resident.*"}, 20)
        while not tapping.done():
            run(live, {"publish": exchange, "routing_key": "resident.x", "json": {"a": 1}})
            run(live, {"publish": exchange, "routing_key": "other", "json": {"b": 1}, "mandatory": False})
        assert payloads(tapping.result()) == [{"a": 1}]
    assert run(live, {"queue_depth": 0, "queue": queue}).payload > 0
    assert run(live, {"tap": exchange, "wait": "50ms"}).facts == {"count": 0, "size": 0}
    with pytest.raises(Rejected, match="no exchange"):
        run(live, {"tap": "no-such-exchange"})


# measures


def test_measures(live, numbers):
    assert run(live, {"queue_depth": 5, "queue": numbers}).facts == {"queue_depth": 5}
    assert run(live, {"dead_letters": 0, "queue": numbers}).facts == {"dead_letters": 5}
    assert run(live, {"consumers": 0, "queue": numbers}).facts == {"consumers": 0}
    live.client.channel().basic_consume(numbers, lambda *_: None)
    assert run(live, {"consumers": 1, "queue": numbers}).payload == 1
    for measure in ("queue_depth", "dead_letters", "consumers"):
        with pytest.raises(Rejected, match="no queue"):
            run(live, {measure: 0, "queue": "no-such-queue"})


def test_unacked(make, broker, numbers):
    live = make(broker.url, management_url=f"{broker.management_url}/")
    live.client.channel().basic_get(numbers)
    for _ in range(200):
        if run(live, {"unacked": 1, "queue": numbers}).payload == 1:
            return
        threading.Event().wait(0.05)
    raise AssertionError("the management API never told of the message")


def test_unacked_cannot_be_known(make, broker, live, listen, dead_port):
    def unacked(management_url, **more):
        return run(make(broker.url, management_url=management_url, **more), {"unacked": 0, "queue": "q"}, SHORT)

    with pytest.raises(Rejected, match="only the management API does") as caught:
        run(live, {"unacked": 0, "queue": "q"})
    assert "management_url" in caught.value.hint
    with pytest.raises(Rejected, match="answered 404") as caught:
        unacked(broker.management_url)
    assert caught.value.code == "404"
    with pytest.raises(Denied, match="answered 401"):
        unacked(broker.management_url, password="wrong-horse-rabbit")
    with pytest.raises(Unreachable):
        unacked(f"http://127.0.0.1:{dead_port}")
    with pytest.raises(TimedOut):
        unacked(f"http://127.0.0.1:{listen(listen.hang)}")
    with pytest.raises(Garbled, match="something else than JSON"):
        unacked(f"http://127.0.0.1:{listen(page)}")
    with pytest.raises(TlsFailed):
        unacked(broker.management_url.replace("http:", "https:"))


def page(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<a/>")


# seeds


def test_seed(live, tmp_path):
    tail = uuid.uuid4().hex
    path = tmp_path / "definitions.json"
    exported = {
        "rabbit_version": "3.10.8",
        "users": [{"name": "guest"}],
        "policies": [],
        "exchanges": [
            {"name": f"in.{tail}", "vhost": "/", "type": "fanout", "durable": True, "auto_delete": False},
            {"name": f"out.{tail}", "vhost": "/", "type": "topic", "internal": False, "arguments": {}},
        ],
        "queues": [{"name": f"dead.{tail}", "vhost": "/", "durable": True, "arguments": {"x-queue-type": "quorum"}}],
        "bindings": [
            {"source": f"in.{tail}", "destination": f"out.{tail}", "destination_type": "exchange"},
            {"source": f"out.{tail}", "destination": f"dead.{tail}", "destination_type": "queue", "routing_key": "#"},
        ],
    }
    path.write_text(json.dumps(exported))
    live.seed(path, 10)
    live.seed(path, 10)
    run(live, {"publish": f"in.{tail}", "routing_key": "", "text": "x"})
    assert payloads(run(live, {"consume": f"dead.{tail}"})) == ["x"]
    exported["queues"][0]["durable"] = False
    exported["queues"][0]["arguments"] = {}
    path.write_text(json.dumps(exported))
    with pytest.raises(Rejected, match="PRECONDITION_FAILED") as caught:
        live.seed(path, 5)
    assert caught.value.code == "406"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "neither YAML nor JSON"),
        ("[]", "expected a map of exchanges"),
        ("{}", "holds no exchanges, queues or bindings"),
        ("queues: [{durable: true}]", r"queues\.0\.name"),
        ("bindings: [{source: a, destination: b, destination_type: topic}]", "destination_type"),
        ("{queues: [{name: a}], policies: [{name: ttl}]}", "holds policies, which AMQP cannot set"),
        ("queues: [{name: a, vhost: other}]", "is for vhost other; the url names /"),
    ],
)
def test_seeds_that_cannot_be_used(make, tmp_path, written, said):
    path = tmp_path / "definitions.yaml"
    path.write_text(written)
    with pytest.raises(UsageError, match=said):
        make("amqp://127.0.0.1:1").seed(path, 5)


# faults


def test_a_link_whose_stream_is_gone_is_given_to_nobody(make, broker):
    """Channels hear of it first, and who waits on one may be back before the link itself has ended."""
    live = make(broker.url)
    link = live._links.get("read", Deadline(5))
    seen = []
    with link.talk(Deadline(5), keep=False) as talk:
        talk._done = lambda *answer: seen.append(link.alive)
        talk._on_close(None, ConnectionResetError())
    assert seen == [False]
    assert live._links.get("read", Deadline(5)) is not link


def test_a_connection_that_is_lost(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))
    run(live, {"publish": queue, "text": "x"})
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": queue, "count": 2}, 20)
        while not run(live, {"consumers": 0, "queue": queue}).payload:
            pass
        proxy.hang_up()
        with pytest.raises(Unreachable, match="was lost") as caught:
            reading.result()
    assert caught.value.transient
    assert payloads(run(live, {"consume": queue})) == ["x"]
    run(live, {"publish": queue, "text": "x"})


def test_a_broker_that_stops_answering(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))
    run(live, {"publish": queue, "text": "x"})
    run(live, {"queue": queue})
    proxy.frozen.set()
    for raw in ({"publish": queue, "text": "y"}, {"queue": queue}):
        with pytest.raises(TimedOut, match="gave no answer within 300ms"):
            run(live, raw, 0.3)
    proxy.frozen.clear()
    assert payloads(run(live, {"consume": queue, "count": 2, "wait": "0s"})) == ["x"]
    run(live, {"publish": queue, "text": "z"})


def test_a_broker_with_an_alarm(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))
    run(live, {"publish": queue, "text": "x"})
    proxy.frozen.set()
    proxy.tell(method(10, 60, b"\x0dlow on memory"))
    with pytest.raises(Rejected, match="takes no messages for now: low on memory") as caught:
        run(live, {"publish": queue, "text": "y"}, 0.3)
    assert caught.value.code == "BLOCKED"
    proxy.frozen.clear()


def test_an_alarm_that_comes_and_goes(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))

    def blocked():
        try:
            run(live, {"publish": queue, "text": "x"})
        except Rejected as error:
            assert "out of disk" in str(error)
            return True
        return False

    assert not blocked()
    proxy.tell(method(10, 60, b"\x0bout of disk"))
    while not blocked():
        pass
    assert run(live, {"queue": queue}).facts["messages"] > 0
    proxy.tell(method(10, 61))
    while blocked():
        pass


def test_a_broker_that_talks_nonsense(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))
    run(live, {"queue": queue})
    proxy.frozen.set()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(run, live, {"queue": queue}, 20)
        while not asking.done():
            proxy.tell(b"\x00" * 64)
        with pytest.raises(Garbled, match="not AMQP"):
            asking.result()


def test_a_broker_that_is_stopped(make, broker, proxy, listen, queue):
    live = make(broker.through(listen(proxy)))
    run(live, {"queue": queue})
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": queue}, 20)
        while not run(live, {"consumers": 0, "queue": queue}).payload:
            pass
        proxy.tell(method(10, 50, b"\x01\x40\x0fbroker shutdown\x00\x00\x00\x00"))
        with pytest.raises(Unreachable, match="broker shutdown") as caught:
            reading.result()
    assert caught.value.code == "320"


def test_whatever_pika_stumbles_over(make, broker, queue):
    live = make(broker.url)
    run(live, {"queue": queue})
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": queue}, 20)
        while not run(live, {"consumers": 0, "queue": queue}).payload:
            pass
        live._links.get("read", Deadline(5)).post(lambda: [][0])
        with pytest.raises(Unreachable, match="list index out of range"):
            reading.result()
    assert run(live, {"queue": queue}).facts["name"] == queue


def test_a_link_that_cannot_even_begin():
    link = Link(SimpleNamespace(stack_timeout=1.0), "nowhere", confirms=False)
    with pytest.raises(Rejected, match="no connection to RabbitMQ at nowhere: ValueError"):
        link.wait_open(Deadline(5))
    with pytest.raises(Rejected):
        link.post(lambda: None)
    link.close()


def test_a_link_is_closed_while_it_opens(listen):
    settings = Settings(url=f"amqp://127.0.0.1:{listen(listen.hang)}")
    link = Link(Access.of(settings).parameters(Deadline(20)), "nowhere", confirms=False)
    link.close()
    with pytest.raises(CallError):
        link.wait_open(Deadline(5))


def test_threads_that_wait_for_the_same_connection(make, listen):
    live = make(f"amqp://127.0.0.1:{listen(listen.hang)}")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, live, {"queue": "q"}, SHORT)
        second = pool.submit(run, live, {"queue": "q"}, SHORT / 5)
        for each in (first, second):
            with pytest.raises(TimedOut):
                each.result()


def test_many_threads(live, queue):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: run(live, {"publish": queue, "json": n}), range(64)))
        assert run(live, {"queue_depth": 64, "queue": queue}).payload == 64
        read = pool.map(lambda _: run(live, {"consume": queue, "count": 4}), range(16))
        assert sorted(number for each in read for number in payloads(each)) == list(range(64))


def test_errors_while_others_talk(live, queue):
    def ask(name):
        try:
            return run(live, {"queue": name}).facts["name"]
        except Rejected as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(ask, [queue, "no-such-queue"] * 16))
    assert seen == [queue, "404"] * 16


# the client for hand-written tests


def test_the_client(make, broker, live, queue):
    client = live.client
    assert live.client is client
    client.channel().basic_publish("", queue, b"x")
    client.close()
    assert live.client is not client
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: live.client).result() is not live.client
    with pytest.raises(Denied):
        _ = make(broker.url, password="wrong-horse-rabbit").client


def test_close_may_come_early_and_twice(make, broker, proxy, listen):
    live = make(broker.through(listen(proxy)))
    live.close()
    run(live, {"tap": "amq.topic", "wait": "0s"})
    assert live.client.is_open
    proxy.frozen.set()
    live.close()
    live.close()


def test_pika_is_silent(make, listen, capfd, caplog):
    broken_rung(make(f"amqp://127.0.0.1:{listen(reset)}"))
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name.startswith("pika")]


# provisioning


def test_the_server_leaves_no_daemon_behind(broker):
    """Erlang's epmd would outlive the server, because it leaves the process group."""
    mark = f"sysint-{broker.port}@localhost".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found[(process / "comm").read_text().strip()] = os.getpgid(int(process.name))
        except OSError:
            continue
    assert "beam.smp" in found
    assert "epmd" not in found


def test_a_container(make, require, monkeypatch, tmp_path):
    image = "sysint-test/rabbitmq"
    found = shutil.which("docker") and subprocess.run(
        ["docker", "images", "--quiet", image], capture_output=True, timeout=10, check=False
    )
    require(found and found.stdout.strip(), "Docker with the images of .ci/images is needed (.ci/docker start)")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    options = {"image": image, "options": {"management_port": str(free_port())}}
    request = ServiceRequest("contained", "rabbitmq", way="container", options=options, timeout=120)
    services = Services(logs=tmp_path)
    try:
        live = make(services.provide(request).url)
        run(live, {"tap": "amq.topic", "wait": "0s"})
    finally:
        services.close()


# settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://host"},
        {"url": "amqp://"},
        {"url": "amqp://host:port"},
        {"url": "amqp://host/a/b"},
        {"url": "amqp://host", "management_url": "host:15672"},
        {"url": "amqp://host", "management_url": "http://host:port"},
        {"url": "amqp://host", "management_url": "http://"},
        {"url": "amqp://host", "vhost": "x"},
    ],
)
def test_settings_that_are_refused(wrong):
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://host", ("host", 5672, "/", "guest", "guest")),
        ("amqp://host/", ("host", 5672, "/", "guest", "guest")),
        ("amqps://u:p%40ss@[::1]/%2F", ("::1", 5671, "/", "u", "p@ss")),
        ("amqp://u@host:1/a%2Fb", ("host", 1, "a/b", "u", "")),
    ],
)
def test_urls(make, url, expected):
    access = make(url).access
    assert (access.host, access.port, access.vhost, access.username, access.password) == expected


def test_a_url_that_was_not_resolved(make):
    rung, error = broken_rung(make("${integration:broker.url}"))
    assert rung == "before the first rung"
    assert "cannot be used" in str(error)


def test_secrets_are_learnt(make):
    live = make("amqp://user:learnt%21rabbit@[::1]:1/care", management_url="https://host")
    assert live.access.password == "learnt!rabbit"
    shown = redact(
        f"learnt%21rabbit learnt!rabbit {live.reproduce()} {live.access} {by_hand.rabbitmqadmin(live, 'list')}"
    )
    assert "learnt" not in shown
    assert 'AMQP_URL="amqp://user:$RABBITMQ_PASSWORD@[::1]:1/care"' in live.reproduce()


# declared checks

AMQP = '--url="amqp://guest:$RABBITMQ_PASSWORD@one:1/%2F"'
ADMIN = 'rabbitmqadmin -H one -P 15672 -V / -u guest -p "$RABBITMQ_PASSWORD"'


@pytest.mark.parametrize(
    ("raw", "title", "effect", "command"),
    [
        (
            {"publish": "e", "routing_key": "k", "json": {"a": "it's"}, "headers": {"h": "v"}},
            "publish to e",
            "write",
            f"amqp-publish {AMQP} -e e -r k -p -H 'h: v' -C application/json -b " + """'{"a":"it'"'"'s"}'""",
        ),
        (
            {"publish": "q", "text": "x", "persistent": False},
            "publish to q",
            "write",
            f"amqp-publish {AMQP} -r q -C text/plain -b x",
        ),
        ({"consume": "q", "count": 5}, "consume 5 from q", "destructive", f"amqp-get {AMQP} -q q"),
        ({"tap": "e"}, "tap 1 from e", "write", f"amqp-consume {AMQP} -e e -r '#' -c 1 cat"),
        ({"queue": "q"}, "queue q", "read", f"{ADMIN} list queues vhost name messages consumers"),
        (
            {"queue_depth": "< 5", "queue": "q"},
            "queue depth of q",
            "read",
            f"{ADMIN} list queues vhost name messages consumers",
        ),
    ],
)
def test_what_is_said_of_an_operation(make, raw, title, effect, command):
    found = operation(raw)
    assert (found.title(), found.effect()) == (title, effect)
    assert found.reproduce(make("amqp://one:1", management_url="http://one:15672")) == command


def test_without_the_management_api_there_is_no_command_for_it(make):
    assert operation({"queue": "q"}).reproduce(make("amqp://one:1")) == ""


@pytest.mark.parametrize(
    "raw",
    [
        {"publish": "q"},
        {"publish": "q", "json": 1, "text": "x"},
        {"consume": "q", "count": 0},
        {"consume": "q", "wait": 5},
        {"queue_depth": 0},
        {"tap": ""},
    ],
)
def test_operations_that_are_refused(raw):
    with pytest.raises(Mistakes):
        read_check(raw, RabbitMQ)


def test_every_measure_is_declared_with_its_matcher():
    measures = [each for each in RabbitMQ.operations if issubclass(each, Measure)]
    assert [each.key() for each in measures] == ["queue_depth", "consumers", "unacked", "dead_letters"]
