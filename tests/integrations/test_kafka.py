"""Type `kafka` on Apache Kafka, on librdkafka's stand-in, and against brokers that are broken in one way each."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import confluent_kafka
import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
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
from pytest_sysint.core.provisioning import LocalBinary, Place, free_port
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration.checks import read_check
from pytest_sysint.integrations._messages import decode
from pytest_sysint.integrations.kafka import TYPE, Kafka, Settings
from pytest_sysint.provision import ServiceRequest, Services
from pytest_sysint.provision._programs import find

PASSWORD = "correct-horse-kafka"
SHORT = 1.0


@pytest.fixture
def make():
    made = []

    def live(url, read_only=False, **settings):
        made.append(Kafka(Settings.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield live
    for one in made:
        one.close()


@pytest.fixture(params=["local_binary", "embedded"])
def url(request, real_service):
    return real_service("kafka", request.param)


@pytest.fixture
def live(make, url):
    return make(url)


@pytest.fixture
def real(make, real_service):
    """On Apache Kafka, for what the stand-in does not do."""
    return make(real_service("kafka", "local_binary"))


def new_topic(live, tmp_path, **more):
    name = f"care.{uuid.uuid4().hex}"
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps([{"name": name, **more}]))
    live.seed(path, 10)
    return name


@pytest.fixture
def topic(live, tmp_path):
    return new_topic(live, tmp_path)


@pytest.fixture
def real_topic(real, tmp_path):
    return new_topic(real, tmp_path)


def operation(raw):
    """What a declaration of a check comes to."""
    return read_check(raw, Kafka).operation


def run(live, raw, timeout=5):
    return operation(raw).perform(live, timeout)


def climb(live, timeout=5):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def broken_rung(live, timeout=SHORT):
    """The rung that breaks, and its error."""
    for rung in live.rungs():
        try:
            rung.climb(timeout)
        except CallError as error:
            return rung.name, error
    raise AssertionError("no rung is broken")


def payloads(observation):
    return [message["payload"] for message in observation.payload]


def test_a_cluster_id_that_kafka_would_take_for_an_option_is_drawn_again(require, tmp_path, monkeypatch):
    recipe = next(recipe for recipe in TYPE.recipes if isinstance(recipe, LocalBinary))
    binary = find(recipe)
    require(binary, "there is no Kafka: KAFKA_HOME is not set, and kafka-server-start.sh is not on PATH")
    dashed, good = uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=bytes(range(16)))
    drawn = iter([dashed, good])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    recipe.prepare(binary, Place("dashed", tmp_path, free_port()))
    formatted = (tmp_path / "data" / "meta.properties").read_text()
    assert "cluster.id=AAECAwQFBgcICQoLDA0ODw\n" in formatted


# a broker with users, rights and TLS


@pytest.fixture(scope="module")
def guarded(require, tmp_path_factory, certificates):
    """A Kafka with a listener for everybody, one for users, one for TLS; gives its ports."""
    recipe = next(recipe for recipe in TYPE.recipes if isinstance(recipe, LocalBinary))
    binary = find(recipe)
    require(binary, "there is no Kafka: KAFKA_HOME is not set, and kafka-server-start.sh is not on PATH")
    place = Place("guarded", tmp_path_factory.mktemp("guarded"), free_port())
    ports = {"plain": place.port, "sasl": free_port(), "ssl": free_port()}
    recipe.prepare(binary, place)
    file = place.folder / "server.properties"
    settings = dict(line.split("=", 1) for line in file.read_text().splitlines())
    for key in ("listeners", "advertised.listeners"):
        settings[key] += f",SASL_PLAINTEXT://127.0.0.1:{ports['sasl']},SSL://127.0.0.1:{ports['ssl']}"
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    settings |= {
        "listener.security.protocol.map": settings["listener.security.protocol.map"]
        + ",SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
            f'{module} required user_admin="{PASSWORD}" user_carol="{PASSWORD}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin;User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": certificates.server("kafka"),
    }
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    environment = {"PATH": "/usr/bin:/bin", **recipe.environment(binary, place)}
    with place.log.open("wb") as log:
        server = subprocess.Popen(recipe.argv(binary, place), stdout=log, stderr=log, env=environment)
    live = Kafka(Settings(url=f"kafka://127.0.0.1:{place.port}"))
    try:
        for _ in range(300):
            try:
                climb(live)
                break
            except CallError:
                assert server.poll() is None, place.log.read_text()[-2000:]
                threading.Event().wait(0.1)
        yield ports
    finally:
        live.close()
        server.terminate()
        server.wait()


# the ladder


def test_ladder_of_a_healthy_cluster(live, topic):
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "ping", "read"]
    assert seen["dns"] == "127.0.0.1"
    assert seen["tcp"] == live.access.bootstrap
    assert seen["ping"].startswith("1 broker, cluster ")
    assert "ends at" in seen["read"]


@pytest.fixture
def clusters(tmp_path):
    """Stand-ins of a test's own, in processes of their own, which `close()` ends."""
    services = Services(logs=tmp_path / "logs")
    yield services
    services.close()


def stand_in(clusters, brokers=1):
    request = ServiceRequest("own", "kafka", way="embedded", options={"options": {"brokers": str(brokers)}})
    return clusters.provide(request).url


def test_ladder_of_a_cluster_without_topics(make, clusters):
    seen = climb(make(stand_in(clusters, brokers=3)))
    assert seen["ping"].startswith("3 brokers")
    assert seen["read"] == "no topics"


def test_ladder_with_user_and_password(make, guarded):
    seen = climb(make(f"kafka://admin:{PASSWORD}@127.0.0.1:{guarded['sasl']}"))
    assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
    assert seen["authentication"] == "PLAIN as admin"


def test_ladder_with_tls(make, guarded, certificates):
    seen = climb(make(f"kafkas://127.0.0.1:{guarded['ssl']}", tls={"ca": certificates.authority}))
    assert list(seen) == ["dns", "tcp", "tls", "ping", "read"]
    assert seen["tls"].startswith("TLSv1.3, certificate expires in 90 days")


def test_one_of_two_servers_is_enough(make, real, dead_port):
    live = make(f"kafka://127.0.0.1:{dead_port},{real.access.bootstrap}")
    assert climb(live)["tcp"] == real.access.bootstrap


def test_rung_dns(make):
    rung, error = broken_rung(make("kafka://no-such-host.invalid"))
    assert (rung, type(error)) == ("dns", Unreachable)


def test_rung_tcp(make, dead_port):
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{dead_port},127.0.0.1:{dead_port}"))
    assert (rung, type(error), error.code) == ("tcp", Unreachable, "ECONNREFUSED")


def test_rung_tls(make, guarded, tmp_path):
    rung, error = broken_rung(make(f"kafkas://127.0.0.1:{guarded['plain']}"))
    assert (rung, type(error)) == ("tls", TlsFailed)
    rung, error = broken_rung(make(f"kafkas://127.0.0.1:{guarded['ssl']}"))
    assert (rung, type(error)) == ("tls", TlsFailed)
    rung, error = broken_rung(make(f"kafkas://127.0.0.1:{guarded['ssl']}", tls={"ca": str(tmp_path / "none.pem")}))
    assert (rung, type(error)) == ("tls", TlsFailed)


def test_rung_authentication(make, guarded):
    wrong = "wrong-horse-kafka"
    rung, error = broken_rung(make(f"kafka://admin:{wrong}@127.0.0.1:{guarded['sasl']}"), 5)
    assert (rung, type(error)) == ("authentication", Denied)
    assert "Invalid username or password" in str(error)
    assert wrong not in str(error)
    sasl = {"mechanism": "SCRAM-SHA-256", "username": "admin", "password": PASSWORD}
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{guarded['sasl']}", sasl=sasl), 5)
    assert (rung, type(error)) == ("authentication", Denied)
    assert "supported mechanisms: PLAIN" in str(error)


def reset(connection):
    connection.recv(4)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def web_server(connection):
    connection.recv(4)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def flood(connection):
    connection.recv(4)
    while True:
        connection.sendall(b"\x05\x00\x00\x00" * 65536)


def test_rung_ping(make, listen, guarded):
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{listen(listen.hang)}"))
    assert (rung, type(error)) == ("ping", TimedOut)
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{listen(reset)}"))
    assert (rung, type(error)) == ("ping", Unreachable)
    assert "closed the connection" in str(error)
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{listen(web_server)}"))
    assert (rung, type(error)) == ("ping", Garbled)
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{listen(flood)}"))
    assert (rung, isinstance(error, (TimedOut, Garbled))) == ("ping", True)
    rung, error = broken_rung(make(f"kafka://127.0.0.1:{guarded['sasl']}"))
    assert (rung, type(error)) == ("ping", Unreachable)
    assert "listener" in error.hint


def text(value):
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


class Crippled:
    """Speaks as much of Kafka as a cluster of which one of two brokers is down: topic `half` has lost a replica,
    topic `lost` its only one."""

    def __init__(self, *topics):
        self.topics = topics
        self.port = 0

    def __call__(self, connection):
        while head := connection.recv(4):
            (size,) = struct.unpack(">i", head)
            request = b""
            while len(request) < size:
                request += connection.recv(size - len(request))
            api, version, correlation = struct.unpack(">hhi", request[:8])
            body = {18: self.versions, 3: self.metadata}[api](version)
            answer = struct.pack(">i", correlation) + body
            connection.sendall(struct.pack(">i", len(answer)) + answer)

    def versions(self, version):
        known = [(18, 0, 0), (3, 0, 1)]
        listed = b"".join(struct.pack(">hhh", *each) for each in known)
        unsupported = 35 if version else 0
        return struct.pack(">hi", unsupported, len(known)) + listed

    def metadata(self, version):
        broker = struct.pack(">i", 1) + struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">i", self.port)
        broker += text("") if version else b""  # rack
        controller = struct.pack(">i", 1) if version else b""
        return broker + controller + struct.pack(">i", len(self.topics)) + b"".join(map(self.topic, self.topics))

    def topic(self, name):
        error, leader, in_sync = (5, -1, []) if name == "lost" else (0, 1, [1])
        partition = struct.pack(">hiiiii", error, 0, leader, 2, 1, 2)
        partition += struct.pack(f">i{len(in_sync)}i", len(in_sync), *in_sync)
        return struct.pack(">h", 0) + text(name) + b"\0" + struct.pack(">i", 1) + partition


@pytest.fixture
def crippled(listen, make):
    def live(*topics):
        handler = Crippled(*topics)
        handler.port = listen(handler)
        return make(f"kafka://127.0.0.1:{handler.port}")

    return live


def test_rung_read_and_replicas(crippled, live, topic):
    broken = crippled("half", "lost")
    rung, error = broken_rung(broken)
    assert (rung, type(error), error.code) == ("read", Rejected, "LEADER_NOT_AVAILABLE")
    assert "lost[0]" in str(error)
    assert run(broken, {"under_replicated_partitions": 0}).payload == 2
    assert run(broken, {"under_replicated_partitions": 0, "topic": "half"}).payload == 1
    assert run(live, {"under_replicated_partitions": 0, "topic": topic}).payload == 0


# publish


def test_publish_and_consume(live, topic):
    sent = run(live, {"publish": topic, "json": {"id": 7}, "key": "seven", "headers": {"tenant": "oakwood"}})
    assert sent.facts["topic"] == topic
    assert (sent.facts["offset"], sent.facts["size"]) == (0, 8)
    assert {"look_up", "deliver", "total"} == set(sent.phases)
    assert '{"id":7}' in sent.exchange.sent
    (message,) = run(live, {"consume": topic}).payload
    moment = datetime.fromisoformat(message.pop("timestamp"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 3600
    assert message == {
        "payload": {"id": 7},
        "key": "seven",
        "headers": {"tenant": "oakwood"},
        "topic": topic,
        "partition": sent.facts["partition"],
        "offset": 0,
    }


def test_bodies_of_all_sorts(live, topic):
    run(live, {"publish": topic, "text": "plain", "partition": 0})
    run(live, {"publish": topic, "text": "12", "partition": 0, "headers": {"content-type": "text/plain"}})
    run(live, {"publish": topic, "json": None, "partition": 0})
    live.send(topic, b"\xff\xfe", key=None, headers={}, partition=0, timeout=5)
    assert payloads(run(live, {"consume": topic, "count": 4})) == ["plain", "12", None, {"base64": "//4="}]


def test_a_message_without_a_body(live, topic):
    live.client.produce(topic, key=b"\xff", partition=0)
    live.client.flush(5)
    (message,) = run(live, {"consume": topic}).payload
    assert (message["payload"], message["key"]) == (None, {"base64": "/w=="})


@pytest.mark.parametrize("body", ["NaN", "{", "[" * 100_000])
def test_what_is_no_json_stays_text(body):
    assert decode(body.encode()) == body


def test_capabilities(live, topic):
    assert isinstance(live, Publishes)
    assert isinstance(live, Consumes)
    live.publish(topic, ["a"], key="k", headers={}, timeout=5)
    live.publish(topic, "b", key="k", headers={}, timeout=5)
    live.publish(topic, b"c", key="k", headers={}, timeout=5)
    assert payloads(live.consume(topic, count=3, timeout=5)) == [["a"], "b", "c"]


def test_a_topic_that_is_not_there(live):
    before = set(live.metadata(5).topics)
    for raw in ({"publish": "no-such-topic", "text": "x"}, {"consume": "no-such-topic"}):
        with pytest.raises(Rejected, match="has no topic 'no-such-topic'") as caught:
            run(live, raw)
        assert caught.value.code == "UNKNOWN_TOPIC_OR_PART"
    with pytest.raises(Rejected, match="has no topic"):
        run(live, {"partitions": 1, "topic": "no-such-topic"})
    assert "no-such-topic" not in set(live.metadata(5).topics) - before


def test_a_topic_may_be_created_by_publishing(make, url):
    name = f"care.{uuid.uuid4().hex}"
    assert run(make(url, auto_create=True), {"publish": name, "text": "x"}).facts["offset"] == 0


def test_messages_that_are_refused(live, topic):
    with pytest.raises(Rejected, match="Unknown partition"):
        run(live, {"publish": topic, "text": "x", "partition": 99})
    with pytest.raises(Rejected, match="too large") as caught:
        run(live, {"publish": topic, "text": "x" * 2_000_000})
    assert (caught.value.rung, caught.value.code) == ("write", "MSG_SIZE_TOO_LARGE")


def test_a_message_that_the_broker_refuses(real, tmp_path):
    small = new_topic(real, tmp_path, config={"max.message.bytes": "100"})
    with pytest.raises(Rejected, match=r"(?i)too large"):
        run(real, {"publish": small, "text": "x" * 200})


def test_too_many_messages_at_once(make, url, topic):
    live = make(url, options={"queue.buffering.max.messages": 1, "linger.ms": 500})
    live.client.produce(topic, b"x", partition=0)
    with pytest.raises(Rejected, match="lower the rate") as caught:
        run(live, {"publish": topic, "text": "y", "partition": 0}, 300)
    assert caught.value.code == "QUEUE_FULL"
    live.client.flush(5)


def test_rights(make, guarded, tmp_path):
    open_to_all = make(f"kafka://127.0.0.1:{guarded['plain']}")
    shown = new_topic(open_to_all, tmp_path)
    hidden = new_topic(open_to_all, tmp_path)
    rule = AclBinding(
        ResourceType.TOPIC, shown, ResourcePatternType.LITERAL, "User:carol", "*",
        AclOperation.DESCRIBE, AclPermissionType.ALLOW,
    )  # fmt: skip
    for made in open_to_all.admin.create_acls([rule]).values():
        made.result(5)
    carol = make(
        f"kafka://127.0.0.1:{guarded['sasl']}", sasl={"username": "carol", "password": PASSWORD, "mechanism": "PLAIN"}
    )
    with pytest.raises(Rejected, match="or does not show it to this user"):
        run(carol, {"consume": hidden})
    for raw in ({"publish": shown, "text": "x"}, {"consume": shown}, {"consumer_lag": 0, "group": "theirs"}):
        with pytest.raises(Denied, match="authorization failed") as caught:
            run(carol, raw)
        assert caught.value.rung == "authentication"
        assert "ACL" in caught.value.hint
    told = carol.describe(["topics"], 5)["topics"][shown]
    assert told["partitions"] >= 1
    assert "retention" not in told
    assert "this user may not look at its settings" in told["not_known"]["retention"]


def test_read_only(make, url, tmp_path):
    live = make(url, read_only=True)
    with pytest.raises(Denied, match="reading only"):
        run(live, {"publish": "x", "text": "x"})
    with pytest.raises(Denied, match="reading only"):
        live.seed(tmp_path, 5)


# consume


@pytest.fixture
def numbers(live, topic):
    for number in range(10):
        run(live, {"publish": topic, "json": number, "partition": 0})
    return topic


@pytest.mark.parametrize(
    ("start", "expected"),
    [("earliest", [0, 1, 2]), (7, [7, 8, 9]), (-2, [8, 9]), (-50, [0, 1, 2]), ("latest", []), (10, [])],
)
def test_where_reading_begins(live, numbers, start, expected):
    seen = run(live, {"consume": numbers, "count": 3, "from": start, "wait": "0s"})
    assert payloads(seen) == expected
    assert seen.facts == {"count": len(expected), "size": len(expected)}


def test_reading_from_a_time(real, real_topic):
    run(real, {"publish": real_topic, "text": "x"})
    for start, expected in (("-1h", ["x"]), ("2020-01-01", ["x"]), ("2999-01-01T00:00:00Z", [])):
        assert payloads(run(real, {"consume": real_topic, "from": start, "wait": "0s"})) == expected


def test_an_offset_that_is_not_there(live, numbers):
    with pytest.raises(Rejected, match="has no offset 500: its longest partition ends at 10"):
        run(live, {"consume": numbers, "from": 500})


def test_an_offset_that_was_removed(real, real_topic):
    for _ in range(3):
        run(real, {"publish": real_topic, "text": "x"})
    until = confluent_kafka.TopicPartition(real_topic, 0, 2)
    for removed in real.admin.delete_records([until]).values():
        removed.result(5)
    with pytest.raises(Rejected, match=r"(?i)offset out of range") as caught:
        run(real, {"consume": real_topic, "from": 0})
    assert "was removed" in caught.value.hint
    assert run(real, {"consume": real_topic, "count": 9, "wait": "0s"}).payload[0]["offset"] == 2


def test_less_than_was_asked_for(live, numbers):
    seen = run(live, {"consume": numbers, "count": 50, "wait": "0s"})
    assert seen.facts["count"] == 10
    assert run(live, {"consume": numbers, "from": "latest"}, 0.3).facts["count"] == 0


def test_what_comes_while_waiting(live, topic):
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(run, live, {"consume": topic, "from": "latest"}, 20)
        while not reading.done():
            run(live, {"publish": topic, "text": "fresh"})
        assert payloads(reading.result()) == ["fresh"]


def test_more_than_may_be_held(make, url, live, numbers):
    with pytest.raises(TooLarge, match="more than 5B") as caught:
        run(make(url, max_size="5B"), {"consume": numbers, "count": 10})
    assert "max_size" in caught.value.hint


def test_reading_disturbs_nobody(real, real_topic):
    run(real, {"publish": real_topic, "text": "one"})
    group = f"theirs-{uuid.uuid4().hex}"
    theirs = confluent_kafka.Consumer({**real.access.config, "group.id": group, "auto.offset.reset": "earliest"})
    theirs.subscribe([real_topic])
    while theirs.poll(0.1) is None:
        pass
    theirs.commit(asynchronous=False)
    run(real, {"publish": real_topic, "text": "two"})
    assert payloads(run(real, {"consume": real_topic, "count": 2})) == ["one", "two"]
    while (message := theirs.poll(0.1)) is None:
        pass
    assert message.value() == b"two"
    assert run(real, {"consumer_lag": 1, "group": group}).payload == 1
    assert run(real, {"consumer_lag": 1, "group": group, "topic": real_topic}).payload == 1
    theirs.commit(asynchronous=False)
    assert run(real, {"consumer_lag": 0, "group": group}).facts == {"consumer_lag": 0}
    theirs.close()
    groups = {each.group_id for each in real.admin.list_consumer_groups(request_timeout=5).result(6).valid}
    assert not any(each.startswith("sysint-") for each in groups)


def test_a_group_that_has_read_nothing(live, topic):
    for more in ({}, {"topic": topic}):
        with pytest.raises(Rejected, match="has committed no offset"):
            run(live, {"consumer_lag": 0, "group": "nobody", **more})


# topics and measures


def test_topics(live, tmp_path):
    first, second = new_topic(live, tmp_path), new_topic(live, tmp_path)
    seen = run(live, {"topics": f"{first}*"})
    assert [row["name"] for row in seen.payload] == [first]
    assert seen.payload[0]["replicas"] == seen.payload[0]["in_sync"] == 1
    assert seen.facts == {"count": 1}
    names = {row["name"] for row in run(live, {"topics": "*"}).payload}
    assert {first, second} <= names
    assert not any(name.startswith("__") for name in names)


def test_measures(live, real, tmp_path):
    assert run(live, {"brokers": 1}).facts == {"brokers": 1}
    wide = new_topic(real, tmp_path, partitions=6)
    assert run(real, {"partitions": 6, "topic": wide}).payload == 6


# seeds


def test_seed(real, tmp_path):
    path = tmp_path / "topics.yaml"
    path.write_text("- seeded.one\n- name: seeded.two\n  partitions: 2\n  config: {retention.ms: '60000'}\n")
    real.seed(path, 10)
    real.seed(path, 10)
    rows = {row["name"]: row["partitions"] for row in run(real, {"topics": "seeded.*"}).payload}
    assert rows == {"seeded.one": 1, "seeded.two": 2}
    resource = confluent_kafka.admin.ConfigResource("topic", "seeded.two")
    (config,) = real.admin.describe_configs([resource]).values()
    assert config.result(5)["retention.ms"].value == "60000"


def test_the_stand_in_has_partitions_of_its_own(make, real_service, tmp_path, caplog):
    live = make(real_service("kafka", "embedded"))
    name = new_topic(live, tmp_path, partitions=7)
    assert f"topic '{name}' has 4 partitions, not 7" in caplog.text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[unclosed", "neither YAML nor JSON, line 1"),
        ("topics: [a]", "expected a list of topics"),
        ("- {name: a, partitons: 3}", "partitons"),
        ("- {name: a, partitions: 0}", "partitions"),
        ("- ''", "all of it|0"),
    ],
)
def test_seeds_that_cannot_be_used(live, tmp_path, written, said):
    path = tmp_path / "topics.yaml"
    path.write_text(written)
    with pytest.raises((UsageError, Rejected), match=said):
        live.seed(path, 5)


def test_a_seed_that_is_not_there(live, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        live.seed(tmp_path / "none.yaml", 5)


def test_a_topic_that_cannot_be_created(real, tmp_path):
    with pytest.raises(Rejected, match=r"(?i)replication factor"):
        new_topic(real, tmp_path, replicas=3)


# faults


def test_operations_on_broken_brokers(make, listen, dead_port):
    for raw in ({"publish": "x", "text": "x"}, {"consume": "x"}, {"brokers": 1}, {"consumer_lag": 0, "group": "g"}):
        with pytest.raises(Unreachable, match="refused the connection"):
            run(make(f"kafka://127.0.0.1:{dead_port}"), raw, SHORT)
    hanging = make(f"kafka://127.0.0.1:{listen(listen.hang)}")
    with pytest.raises(TimedOut, match="gave no answer within 300ms"):
        run(hanging, {"publish": "x", "text": "x"}, 0.3)


def test_a_cluster_that_goes_away(make, clusters, tmp_path):
    live = make(stand_in(clusters))
    name = new_topic(live, tmp_path)
    run(live, {"publish": name, "text": "x"})
    clusters.close()
    for raw in ({"publish": name, "text": "x"}, {"consume": name}, {"topics": "*"}, {"consumer_lag": 0, "group": "g"}):
        with pytest.raises((Unreachable, TimedOut)) as caught:
            run(live, raw, 0.7)
        assert caught.value.transient


def test_brokers_that_never_answer_a_reader(crippled):
    with pytest.raises((Unreachable, TimedOut, Rejected)):
        run(crippled("half"), {"consume": "half"}, SHORT)


def test_librdkafka_is_silent(make, listen, dead_port, capfd):
    for port in (dead_port, listen(web_server)):
        live = make(f"kafka://127.0.0.1:{port}")
        broken_rung(live, 0.3)
        assert live.client.list_topics  # a producer of its own, with threads that try in vain
        live.close()
    assert capfd.readouterr() == ("", "")


def test_many_threads(live, topic):
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda n: run(live, {"publish": topic, "json": n}), range(64)))
        read = list(pool.map(lambda _: run(live, {"consume": topic, "count": 64}), range(8)))
    assert len({(each.facts["partition"], each.facts["offset"]) for each in sent}) == 64
    assert all(sorted(payloads(each)) == list(range(64)) for each in read)


def test_close_may_come_early_and_twice(make):
    live = make("kafka://127.0.0.1:1")
    live.close()
    live.close()


# provisioning


def test_a_container(make, require, monkeypatch, tmp_path):
    image = "sysint-test/kafka:7.6.0"
    found = shutil.which("docker") and subprocess.run(
        ["docker", "images", "--quiet", image], capture_output=True, timeout=10, check=False
    )
    require(found and found.stdout.strip(), "Docker with the images of .ci/images is needed (.ci/docker start)")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    request = ServiceRequest("contained", "kafka", way="container", options={"image": image}, timeout=120)
    services = Services(logs=tmp_path)
    try:
        live = make(services.provide(request).url)
        name = new_topic(live, tmp_path)
        run(live, {"publish": name, "text": "x"})
        assert payloads(run(live, {"consume": name})) == ["x"]
    finally:
        services.close()


# settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://host:9092"},
        {"url": "kafka://"},
        {"url": "kafka://one:9092,,two"},
        {"url": "kafka://one:port"},
        {"url": "kafka://one", "options": {"group.id": "x"}},
        {"url": "kafka://one", "tls": {"server_name": "x"}},
        {"url": "kafka://one", "sasl": {"mechanism": "GSSAPI"}},
    ],
)
def test_settings_that_are_refused(wrong):
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_settings(make):
    assert make("kafka://one,[::1]:1,two:2").access.servers == (("one", 9092), ("::1", 1), ("two", 2))
    assert make("kafka://[::1]:1").access.bootstrap == "[::1]:1"
    assert Settings(url="${integration:broker.url}").url
    with pytest.raises(CallError, match="cannot be used"):
        broken_rung(make("${integration:broker.url}"))


def test_settings_that_librdkafka_refuses(make, real, tmp_path):
    rung, error = broken_rung(make(real.settings.url, options={"no.such.option": 1}))
    assert (rung, type(error)) == ("ping", Rejected)
    assert "no.such.option" in str(error)
    unreadable = make("kafkas://127.0.0.1:1", tls={"ca": str(tmp_path / "none.pem")})
    with pytest.raises(TlsFailed, match=r"ssl\.ca\.location"):
        unreadable.metadata(SHORT)


def test_secrets_are_learnt(make):
    options = {"sasl.oauthbearer.client.secret": "learnt-option", "ssl.key.pem": "-----BEGIN KEY-----\nlearnt-key\n"}
    live = make("kafka://user:learnt%21kafka@host", options=options)
    assert live.access.config["sasl.password"] == "learnt!kafka"
    shown = redact(f"learnt%21kafka learnt!kafka learnt-option {live.reproduce()}")
    assert "learnt" not in shown
    assert "learnt" not in live.reproduce()
    assert "learnt" not in repr(live.access)
    assert '-X sasl.password="$KAFKA_PASSWORD"' in live.reproduce()


def test_tls_settings_reach_librdkafka(make):
    tls = {"ca": "ca.pem", "cert": "us.pem", "key_password": "key-secret", "verify": False}
    config = make("kafkas://host", tls=tls, sasl={"username": "u", "password": "pass-word"}).access.config
    assert config["security.protocol"] == "sasl_ssl"
    assert config["ssl.key.location"] == "us.pem"
    assert config["ssl.key.password"] == "key-secret"
    assert config["enable.ssl.certificate.verification"] is False
    plain = make("kafka://host", tls=tls).access.config
    assert not [name for name in plain if name.startswith("ssl.")]


# declared checks


@pytest.mark.parametrize(
    ("raw", "title", "effect", "command"),
    [
        (
            {"publish": "t", "json": {"a": "it's"}, "key": "k", "headers": {"h": "v"}, "partition": 1},
            "publish to t",
            "write",
            """printf %s '{"a":"it'"'"'s"}' | kcat -b one:1 -P -t t -c 1 -k k -p 1 -H h=v""",
        ),
        ({"consume": "t", "count": 5}, "consume 5 from t", "read", "kcat -b one:1 -C -t t -o beginning -c 5 -e"),
        ({"consume": "t", "from": -3}, "consume 1 from t", "read", "kcat -b one:1 -C -t t -o -3 -c 1 -e"),
        (
            {"consume": "t", "from": "2026-01-01T00:00:00Z"},
            "consume 1 from t",
            "read",
            "kcat -b one:1 -C -t t -o s@1767225600000 -c 1 -e",
        ),
        ({"topics": "a.*"}, "topics a.*", "read", "kcat -b one:1 -L"),
        ({"brokers": ">= 3"}, "brokers", "read", "kcat -b one:1 -L"),
        ({"partitions": 3, "topic": "t"}, "partitions of t", "read", "kcat -b one:1 -L"),
        ({"under_replicated_partitions": 0}, "under replicated partitions", "read", "kcat -b one:1 -L"),
        (
            {"consumer_lag": "< 5", "group": "g", "topic": "t"},
            "consumer lag of g on t",
            "read",
            "kafka-consumer-groups.sh --bootstrap-server one:1 --describe --group g",
        ),
    ],
)
def test_what_is_said_of_an_operation(make, raw, title, effect, command):
    found = operation(raw)
    assert (found.title(), found.effect()) == (title, effect)
    assert found.reproduce(make("kafka://one:1")) == command


@pytest.mark.parametrize(
    "raw",
    [
        {"publish": "t"},
        {"publish": "t", "json": 1, "text": "x"},
        {"publish": "", "text": "x"},
        {"consume": "t", "count": 0},
        {"consume": "t", "from": "yesterday"},
        {"consume": "t", "wait": 5},
        {"consumer_lag": 0},
        {"partitions": 3},
    ],
)
def test_operations_that_are_refused(raw):
    with pytest.raises(Mistakes):
        read_check(raw, Kafka)


def test_every_measure_is_declared_with_its_matcher():
    measures = [each for each in Kafka.operations if issubclass(each, Measure)]
    assert [each.key() for each in measures] == [
        "consumer_lag",
        "under_replicated_partitions",
        "brokers",
        "partitions",
    ]
