"""Type `redis` on real servers, healthy and not, and against counterparts that are broken in one way each."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import (
    CallError,
    Denied,
    Garbled,
    Rejected,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from pytest_sysint.core.provisioning import free_port
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._redis import measures as m
from pytest_sysint.integrations._redis.replies import facts_of, parse_info, plain, shaped
from pytest_sysint.integrations.redis import TYPE, Command, Redis, Settings
from pytest_sysint.provision import ServiceRequest, Services


@pytest.fixture
def start(require, tmp_path):
    """`start("--requirepass", "x")` runs a server of its own and gives its port."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    require(binary, "there is no redis-server")
    running = []

    def run(*options):
        port = free_port()
        folder = tmp_path / str(port)
        folder.mkdir()
        common = ["--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--port", str(port)]
        server = subprocess.Popen([binary, *common, *options], stdout=subprocess.PIPE, text=True)
        running.append(server)
        for line in server.stdout:
            if "Ready to accept connections" in line:
                return port
        raise AssertionError(f"redis-server {options} ended with code {server.wait()}")

    yield run
    for server in running:
        server.terminate()
        server.stdout.close()
        server.wait()


@pytest.fixture
def make():
    made = []

    def live(place, read_only=False, **settings):
        url = place if isinstance(place, str) else f"redis://127.0.0.1:{place}"
        made.append(Redis(Settings.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield live
    for one in made:
        one.close()


def climb(live, timeout=2):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def run(live, command, timeout=2):
    return Command(command=command).perform(live, timeout)


def ask(live, *commands):
    return [run(live, command).payload for command in commands]


def measured(live, measure):
    seen = measure.model_validate({measure.key(): "> 0"}).perform(live, 2)
    assert seen.facts == {measure.key(): seen.payload}
    return seen.payload


# ladder


@pytest.mark.parametrize("way", ["local_binary", "embedded"])
def test_ladder_of_a_healthy_server(make, real_service, way):
    live = make(real_service("redis", way))
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
    assert (seen["authentication"], seen["ping"]) == ("no password is used", "PONG")
    assert seen["read"] == "sysint:probe is not there"


def test_ladder_over_a_socket(make, start, tmp_path):
    path = tmp_path / "redis.sock"
    start("--unixsocket", str(path))
    live = make(f"unix://{path}?db=3")
    assert list(climb(live)) == ["tcp", "authentication", "ping", "read"]
    assert ask(live, "SET a b", "GET a") == ["OK", "b"]
    assert live.reproduce() == f"redis-cli -s {path} -n 3 PING"
    with pytest.raises(Unreachable, match="there is no socket") as caught:
        climb(make(f"unix://{path}.gone"))
    assert caught.value.rung == "tcp"


def test_rung_dns(make):
    with pytest.raises(Unreachable) as caught:
        climb(make("redis://nowhere.invalid"))
    assert caught.value.rung == "dns"


def test_rung_tcp(make, dead_port):
    live = make(f"redis://u:very-secret@127.0.0.1:{dead_port}")
    for call in (lambda: climb(live), lambda: run(live, "GET a")):
        with pytest.raises(Unreachable, match="refused the connection") as caught:
            call()
        assert "very-secret" not in str(caught.value)
    assert redact("it is very-secret") == "it is ***"


@pytest.fixture
def secure(start, certificates):
    port = free_port()
    pem = certificates.server("redis")
    files = ["--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", certificates.authority]
    start("--tls-port", str(port), *files, "--tls-auth-clients", "optional")
    return port


def test_rung_tls(make, secure, certificates):
    url = f"rediss://localhost:{secure}"
    live = make(url, tls={"ca": certificates.authority})
    assert list(climb(live)) == ["dns", "tcp", "tls", "authentication", "ping", "read"]
    assert ask(live, "SET a 1") == ["OK"]
    assert live.client.get("a") == "1"
    assert "--tls --cacert" in live.reproduce()
    ours = certificates.server("ours")
    assert ask(make(url, tls={"ca": certificates.authority, "cert": ours, "minimum": "1.3"}), "PING") == ["PONG"]
    for call in (lambda: climb(make(url)), lambda: run(make(url), "PING")):
        with pytest.raises(TlsFailed) as caught:
            call()
        assert caught.value.rung == "tls"
    unverified = make(url, tls={"verify": False})
    assert ask(unverified, "PING") == ["PONG"]
    assert unverified.reproduce().endswith("--insecure PING")


def test_tls_where_there_is_none_and_the_other_way_round(make, start, secure):
    with pytest.raises(TimedOut, match="may not speak TLS") as caught:  # it waits for the end of a line
        climb(make(f"rediss://127.0.0.1:{start()}"), 0.2)
    assert caught.value.rung == "tls"
    with pytest.raises(CallError):
        climb(make(secure))


def test_rung_authentication(make, start):
    port = start("--requirepass", "the-right-one")
    assert climb(make(f"redis://:the-right-one@127.0.0.1:{port}"))["authentication"] == "as default"
    assert climb(make(port, password="the-right-one"))["ping"] == "PONG"
    with pytest.raises(Denied, match="asks for a password") as missing:
        climb(make(port))
    with pytest.raises(Denied, match="refused the credentials") as wrong:
        climb(make(port, password="the-wrong-one"))
    assert [error.value.rung for error in (missing, wrong)] == ["authentication"] * 2
    assert [error.value.code for error in (missing, wrong)] == ["NOAUTH", "WRONGPASS"]
    assert "the-wrong-one" not in str(wrong.value)
    assert "--askpass" in make(port, password="the-right-one").reproduce()


def test_authentication_is_tried_anew_each_time(make, start):
    port = start()
    live = make(port, password="first-password", username="app")
    admin = make(port)
    ask(admin, "ACL SETUSER app on >first-password ~* +@all")
    assert climb(live)["authentication"] == "as app"
    ask(admin, "ACL SETUSER app resetpass >second-password")
    with pytest.raises(Denied) as caught:
        climb(live)
    assert caught.value.rung == "authentication"


def test_rung_ping(make, listen):
    with pytest.raises(Garbled, match="answered PING with") as caught:
        climb(make(listen(server(b"+HELLO\r\n"))))
    assert caught.value.rung == "ping"


def test_rung_read_of_a_user_with_few_rights(make, start):
    port = start()
    ask(make(port), "ACL SETUSER app on >app-password ~residents:* +get +ping", "SET residents:1 Ada")
    app = {"username": "app", "password": "app-password"}
    with pytest.raises(Denied, match="does not allow this user that") as caught:
        climb(make(port, **app))
    assert (caught.value.rung, caught.value.code) == ("read", "NOPERM")
    assert "probe_key" in caught.value.hint
    assert climb(make(port, **app, probe_key="residents:1"))["read"] == "residents:1 is there"
    with pytest.raises(Denied) as caught:
        run(make(port, **app), "SET residents:1 Eve")
    assert caught.value.rung == "write"


def test_a_probe_key_of_another_sort_was_read_too(make, start):
    live = make(start(), probe_key="queue")
    ask(live, "RPUSH queue 1")
    assert climb(live)["read"] == "queue is there"


def test_rung_ping_on_a_replica_that_lost_its_primary(make, start, dead_port):
    port = start("--replicaof", f"127.0.0.1 {dead_port}", "--replica-serve-stale-data", "no")
    with pytest.raises(Rejected, match="lost its primary") as caught:
        climb(make(port))
    assert (caught.value.rung, caught.value.code) == ("ping", "MASTERDOWN")


def test_a_missing_database(make, start):
    with pytest.raises(Rejected, match="out of range") as caught:
        climb(make(f"redis://127.0.0.1:{start()}/99"))
    assert caught.value.rung == "ping"


# operations


def test_commands_and_their_replies(make, start):
    live = make(start())
    run(live, ["SET", "residents:1", '{"name": "Ada"}'])
    read = run(live, "GET residents:1")
    assert read.payload == '{"name": "Ada"}'
    assert read.facts == {"type": "string", "count": 1, "size": 15}
    assert read.phases["total"] > 0
    assert (read.exchange.sent, read.exchange.received) == ("GET residents:1", '{"name": "Ada"}')
    assert run(live, "SET 'a b' \"c d\"").payload == "OK"
    assert run(live, "GET 'a b'").payload == "c d"
    assert run(live, ["SETEX", "t", 100, 1.5]).payload == "OK"
    missing = run(live, "GET nothing")
    assert (missing.payload, missing.facts) == (None, {"type": "null", "count": 0, "size": 0})
    ask(live, "HSET h name Ada beds 2", "SADD s b a", "RPUSH l x y z", "ZADD z 1.5 one 2 two")
    assert ask(live, "HGETALL h", "SMEMBERS s", "LRANGE l 0 -1", "INCR n", "EXISTS a h") == [
        {"name": "Ada", "beds": "2"},
        ["a", "b"],
        ["x", "y", "z"],
        1,
        1,
    ]
    assert run(live, "ZRANGE z 0 -1 WITHSCORES").payload == [["one", 1.5], ["two", 2.0]]
    assert run(live, "LRANGE l 0 -1").facts == {"type": "list", "count": 3, "size": 3}
    assert run(live, "HGETALL h").facts["type"] == "map"
    info = run(live, "INFO server")
    assert info.payload["tcp_port"] == urlsplit(live.settings.url).port
    assert info.facts["type"] == "map"
    assert run(live, "CONFIG GET maxmemory").payload == {"maxmemory": "0"}


def test_bytes_that_are_no_text(make, start):
    live = make(start())
    live.client.set("blob", b"\xff\x00")
    read = run(live, "GET blob")
    assert (read.payload, read.facts) == ({"base64": "/wA="}, {"type": "string", "count": 1, "size": 2})


def test_a_command_that_the_server_refuses(make, start):
    live = make(start())
    ask(live, "RPUSH list 1")
    for command, code, said in (("GET list", "WRONGTYPE", "wrong kind"), ("NOSUCH x", "ERR", "unknown command")):
        with pytest.raises(Rejected, match=said) as caught:
            run(live, command)
        assert caught.value.code == code
        assert not caught.value.transient
    assert ask(live, "LLEN list") == [1], "the connection is used on"


def test_a_replica_takes_no_writes(make, start):
    primary = start()
    with pytest.raises(Rejected, match="takes no writes") as caught:
        run(make(start("--replicaof", f"127.0.0.1 {primary}")), "SET a b")
    assert (caught.value.rung, caught.value.code) == ("write", "READONLY")


def test_memory_that_is_used_up(make, start):
    live = make(start("--maxmemory", "100kb", "--maxmemory-policy", "noeviction"))
    with pytest.raises(Rejected, match="used up its memory") as caught:
        run(live, ["SET", "a", "x"])
    assert (caught.value.rung, caught.value.code) == ("write", "OOM")


def test_too_many_clients(make, start):
    port = start("--maxclients", "1")
    first = make(port)
    ask(first, "PING")
    with pytest.raises(Rejected, match="too many clients") as caught:
        run(make(port), "PING")
    assert caught.value.transient


def test_a_cluster_that_is_not_whole(make, start):
    with pytest.raises(Rejected, match="cluster that is down") as caught:
        climb(make(start("--cluster-enabled", "yes", "--cluster-port", str(free_port()))))
    assert caught.value.rung == "ping"


HELLO = b"%1\r\n$5\r\nproto\r\n:3\r\n"


def server(*replies):
    """Greets as a Redis does, then answers every command with the next reply, the last one for ever."""

    def handle(connection):
        left = list(replies)
        while request := connection.recv(65536):
            if b"HELLO" in request:
                reply = HELLO
            elif b"SETINFO" in request:
                reply = b"+OK\r\n"
            else:
                reply = left.pop(0) if len(left) > 1 else left[0]
            connection.sendall(reply)

    return handle


@pytest.mark.parametrize(
    ("reply", "sort", "rung", "transient"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", Rejected, "ping", True),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", Rejected, "read", False),
        (b"-ASK 3999 127.0.0.1:6381\r\n", Rejected, "read", False),
        (b"-TRYAGAIN Multiple keys\r\n", Rejected, "read", True),
        (b"-MISCONF Redis is configured to save RDB snapshots\r\n", Rejected, "write", False),
        (b"-BUSY Redis is busy running a script\r\n", Rejected, "ping", False),
        (b"-DENIED Redis is running in protected mode\r\n", Denied, "authentication", False),
        (b"-NOREPLICAS Not enough good replicas\r\n", Rejected, "write", False),
    ],
    ids=lambda value: value[1:8].decode() if isinstance(value, bytes) else None,
)
def test_errors_of_the_server(make, listen, reply, sort, rung, transient):
    with pytest.raises(sort) as caught:
        run(make(listen(server(reply))), "GET a")
    code = reply[1:].split()[0].decode()
    assert (caught.value.rung, caught.value.code, caught.value.transient) == (rung, code, transient)
    assert caught.value.hint


def test_a_server_before_version_6(make, listen):
    def handle(connection):
        while request := connection.recv(65536):
            if b"HELLO" in request or b"CLIENT" in request:
                connection.sendall(b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n")
            elif b"HGETALL" in request:
                connection.sendall(b"*2\r\n$1\r\na\r\n$1\r\nb\r\n")
            else:
                connection.sendall(b"+PONG\r\n" if b"PING" in request else b"$-1\r\n")

    live = make(listen(handle))
    assert climb(live)["ping"] == "PONG"
    assert ask(live, "HGETALL h", "GET a") == [{"a": "b"}, None]


# broken counterparts


def test_a_server_that_hangs(make, listen):
    for handler in (listen.hang, server(b"")):
        with pytest.raises(TimedOut, match="gave no answer within 50ms") as caught:
            run(make(listen(handler)), "GET a", 0.05)
        assert caught.value.transient


def test_a_server_that_breaks_off_in_a_reply(make, listen):
    with pytest.raises(TimedOut):
        run(make(listen(server(b"$100\r\nhalf"))), "GET a", 0.1)


def resetting(connection):
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("handler", [resetting, lambda connection: connection.recv(65536)], ids=["reset", "close"])
def test_a_server_that_ends_the_connection(make, listen, handler):
    with pytest.raises(Unreachable) as caught:
        run(make(listen(handler)), "GET a")
    assert caught.value.transient
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\1\2\r\n", b"220 mail ESMTP\r\n"])
def test_a_server_that_speaks_something_else(make, listen, content):
    def handle(connection):
        connection.recv(65536)
        connection.sendall(content)

    with pytest.raises(Garbled, match="does not speak the protocol of Redis"):
        climb(make(listen(handle)))


def test_a_connection_that_was_closed_while_it_rested_is_replaced(make, start):
    port = start()
    live, other = make(port), make(port)
    ask(live, "PING")
    ask(other, "CLIENT KILL TYPE normal SKIPME yes")
    assert ask(live, "PING") == ["PONG"]


def test_a_write_on_a_connection_that_was_just_closed_is_not_repeated(make, listen):
    def handle(connection):
        server(b"_\r\n")(Until(connection, b"SET"))

    live = make(listen(handle))
    ask(live, "GET a")
    with pytest.raises(Unreachable):
        run(live, "SET a b")
    ask(live, "GET a")


class Until:
    """A connection that ends when this word comes."""

    def __init__(self, connection, word):
        self.sendall = connection.sendall
        self._connection, self._word = connection, word

    def recv(self, size):
        request = self._connection.recv(size)
        return b"" if self._word in request and b"SETINFO" not in request else request


def test_a_read_on_a_connection_that_was_just_closed_is_repeated(make, listen):
    first = []

    def handle(connection):
        first.append(connection)
        server(b"+PONG\r\n")(Until(connection, b"GET") if len(first) == 1 else connection)

    live = make(listen(handle))
    assert ask(live, "PING", "GET a") == ["PONG", "PONG"]
    assert len(first) == 2


def test_a_connection_with_more_than_was_asked_for_is_not_used_again(make, listen):
    live = make(listen(server(b"+one\r\n+two\r\n")))
    assert ask(live, "GET a", "GET b") == ["one", "one"]


def test_words_that_cannot_be_sent(make, start):
    with pytest.raises(Rejected, match="cannot be sent"):
        make(start()).execute(("SET", "a", None), 2)


def test_many_threads(make, start):
    live = make(start())
    with ThreadPoolExecutor(16) as pool:
        counts = list(pool.map(lambda _: run(live, "INCR n").payload, range(200)))
    assert sorted(counts) == list(range(1, 201))
    assert measured(live, m.ConnectedClients) <= 16
    live.close()
    assert ask(live, "GET n") == ["200"], "closed connections are made again"


def test_nothing_is_written_where_only_reading_is_allowed(make, start):
    live = make(start(), read_only=True)
    assert ask(live, "GET a") == [None]
    for command in ("SET a b", "FLUSHALL"):
        with pytest.raises(Denied, match="allows reading only") as caught:
            run(live, command)
        assert caught.value.rung == "write"


# declarations


@pytest.mark.parametrize(
    ("command", "effect"),
    [
        ("GET a", "read"),
        ("get a", "read"),
        ("INFO", "read"),
        ("CONFIG GET *", "read"),
        ("XINFO STREAM s", "read"),
        ("SET a b", "write"),
        ("PUBLISH c m", "write"),
        ("MODULE.UNKNOWN a", "write"),
        ("XGROUP CREATE s g $", "write"),
        ("DEL a", "destructive"),
        ("FLUSHALL", "destructive"),
        ("CONFIG SET a b", "destructive"),
        ("SCRIPT FLUSH", "destructive"),
        ("ACL SETUSER x", "destructive"),
        (["del", "a"], "destructive"),
    ],
)
def test_effects(command, effect):
    assert Command(command=command).effect() == effect


@pytest.mark.parametrize(
    "command", ["", "SUBSCRIBE c", "auth x", "MULTI", "SELECT 1", "CLIENT REPLY OFF", "GET 'a", []]
)
def test_commands_that_cannot_be_declared(command):
    with pytest.raises(ValidationError):
        Command(command=command)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "redis://h/abc"}, "no number of a database"),
        ({"url": "redis://h/0?timeout=3"}, "'timeout' is not known"),
        ({"url": "redis://h:port"}, "port is no number"),
        ({"url": "unix://"}, "names no socket"),
        ({"url": "redis://h", "database": -1}, "greater than or equal to 0"),
        ({"url": "rediss://h", "tls": {"server_name": "x"}}, "does not know it"),
    ],
)
def test_settings_that_cannot_be_used(settings, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(settings)


def test_settings_stand_before_the_url():
    live = Redis(Settings.model_validate({"url": "redis://u:pp@h:1/2", "username": "v", "database": 3}))
    assert (live.target.username, live.target.password, live.target.database) == ("v", "pp", 3)
    assert live.target.where == "h:1"
    assert Redis(Settings(url="redis://[::1]")).target.where == "[::1]:6379"
    assert Settings(url="${integration:cache.url}").url
    with pytest.raises(Rejected, match="port is no number"):
        climb(Redis(Settings.model_construct(url="redis://h:x", username="", password=None)))


def test_titles_and_commands_by_hand(make):
    live = make("redis://app:hidden-password@h:1/2")
    assert Command(command="GET 'a b'").title() == "GET 'a b'"
    assert live.reproduce() == "redis-cli -h h -p 1 --user app --askpass -n 2 PING"
    assert Command(command="GET 'a b'").reproduce(live).endswith("-n 2 GET 'a b'")


def test_replies_as_plain_values():
    assert plain({b"a": {b"y", b"x"}, 1: float("inf")}) == {"a": ["x", "y"], "1": "inf"}
    assert plain([True, None, 2.5, b"\xff", ValueError("an error within")])[-2:] == [
        {"base64": "/w=="},
        "an error within",
    ]
    assert shaped("CONFIG GET", [b"a", b"1"]) == {"a": "1"}
    assert facts_of(True, True) == {"type": "boolean", "count": 1, "size": 0}
    assert facts_of({b"ab": b"c"}, {"ab": "c"}) == {"type": "map", "count": 1, "size": 3}
    info = parse_info(
        "# Keyspace\r\nused_memory:12\r\nratio:1.5\r\nversion:7.0.1\r\ndb0:keys=1,expires=0\r\nempty:\r\n"
    )
    assert info["db0"] == {"keys": 1, "expires": 0}
    assert (info["used_memory"], info["ratio"], info["version"], info["empty"]) == (12, 1.5, "7.0.1", "")


def test_seed(make, start, tmp_path):
    live = make(start())
    seed = tmp_path / "seed.redis"
    seed.write_text("# residents\nSET residents:1 'Ada L'\n\n  HSET beds free 2\n")
    live.seed(seed, 2)
    assert ask(live, "GET residents:1", "HGETALL beds") == ["Ada L", {"free": "2"}]
    seed.write_text("SET a 1\nNOSUCH\n")
    with pytest.raises(Rejected, match=r"seed\.redis:2: .*unknown command"):
        live.seed(seed, 2)
    with pytest.raises(Rejected, match="cannot be read"):
        live.seed(tmp_path / "missing", 2)


# measures


def test_measures_of_memory(make, start):
    live = make(start())
    used = measured(live, m.UsedMemory)
    assert used > 100_000
    assert measured(live, m.MemoryHeadroom) is None, "memory is not limited"
    ask(live, f"CONFIG SET maxmemory {used * 4}")
    assert 0.5 < measured(live, m.MemoryHeadroom) < 0.9
    ask(live, f"CONFIG SET maxmemory {used // 2}")
    assert measured(live, m.MemoryHeadroom) < 0


def test_measure_of_evictions(make, start):
    live = make(start("--maxmemory-policy", "allkeys-lru"))
    assert measured(live, m.EvictedKeys) == 0
    for number in range(20):
        run(live, ["SET", f"k{number}", "x" * 10_000])
    ask(live, f"CONFIG SET maxmemory {measured(live, m.UsedMemory) - 50_000}", "SET one more")
    assert measured(live, m.EvictedKeys) > 0


def test_measure_of_the_hit_ratio(make, start):
    live = make(start())
    assert measured(live, m.HitRatio) is None, "nothing was read"
    ask(live, "SET a 1", "GET a", "GET a", "GET a", "GET missing")
    assert measured(live, m.HitRatio) == 0.75


def test_measures_of_clients(make, start):
    port = start("--maxclients", "3")
    live, second, third = make(port), make(port), make(port)
    assert measured(live, m.ConnectedClients) == 1
    assert measured(live, m.RejectedConnections) == 0
    ask(second, "PING")
    ask(third, "PING")
    assert measured(live, m.ConnectedClients) == 3
    with pytest.raises(Rejected, match="too many clients"):
        run(make(port), "PING")
    assert measured(live, m.RejectedConnections) == 1


def test_measure_of_blocked_clients(make, start):
    live = make(start())
    assert measured(live, m.BlockedClients) == 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, live, "BLPOP queue 5", 10)
        while measured(live, m.BlockedClients) != 1:
            assert not waiting.done()
        ask(live, "RPUSH queue x")
        assert waiting.result().payload == ["queue", "x"]


def test_measure_of_unsaved_changes(make, start):
    live = make(start())
    assert measured(live, m.UnsavedChanges) == 0
    ask(live, "SET a 1", "SET b 1")
    assert measured(live, m.UnsavedChanges) == 2
    ask(live, "SAVE")
    assert measured(live, m.UnsavedChanges) == 0


def test_measure_of_the_replication_lag(make, start, dead_port):
    primary = start("--repl-diskless-sync-delay", "0")
    live = make(primary)
    assert measured(live, m.ReplicationLag) is None, "there is no replica"
    replica = make(start("--replicaof", f"127.0.0.1 {primary}"))
    while ask(replica, "INFO replication")[0]["master_link_status"] != "up":
        pass
    assert 0 <= measured(replica, m.ReplicationLag) < 10
    while measured(live, m.ReplicationLag) is None:
        pass
    assert 0 <= measured(live, m.ReplicationLag) < 10
    ask(replica, f"REPLICAOF 127.0.0.1 {dead_port}")
    with pytest.raises(Rejected, match="has lost its primary") as caught:
        measured(replica, m.ReplicationLag)
    assert caught.value.code == "link down"


def test_a_server_that_tells_nothing_of_itself(make, real_service):
    live = make(real_service("redis", "embedded"))
    assert [measured(live, measure) for measure in m.MEASURES] == [None] * len(m.MEASURES)


def test_a_measure_of_a_server_that_still_loads(make, listen):
    with pytest.raises(Rejected, match="still loading"):
        measured(make(listen(server(b"-LOADING Redis is loading\r\n"))), m.UsedMemory)


def test_an_info_that_is_none(make, listen):
    assert measured(make(listen(server(b":1\r\n"))), m.UsedMemory) is None


def test_a_measure_that_the_user_may_not_take(make, start):
    port = start()
    ask(make(port), "ACL SETUSER app on >app-password ~* +get")
    with pytest.raises(Denied, match="does not allow this user that"):
        measured(make(port, username="app", password="app-password"), m.UsedMemory)


# the type


def test_a_container(make, require, monkeypatch, tmp_path):
    image = "sysint-test/redis"
    found = shutil.which("docker") and subprocess.run(
        ["docker", "images", "--quiet", image], capture_output=True, timeout=10, check=False
    )
    require(found and found.stdout.strip(), "Docker with the images of .ci/images is needed (.ci/docker start)")
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    services = Services(logs=tmp_path)
    try:
        request = ServiceRequest(id="contained", type="redis", way="container", options={"image": image})
        provided = services.provide(request)
        assert provided.detail == f"image {image}"
        assert climb(make(provided.url))["ping"] == "PONG"
    finally:
        services.close()


def test_the_native_client(make, start):
    live = make(start())
    live.client.set("a", "text")
    assert live.client.get("a") == "text"
    assert live.client is live.client


def test_it_is_the_registered_type_and_the_module_needs_no_driver():
    assert TYPE is Redis
    code = "import sys; sys.modules['redis'] = None; import pytest_sysint.integrations.redis as m; m.Settings(url='redis://h')"
    subprocess.run([sys.executable, "-c", code], check=True)
