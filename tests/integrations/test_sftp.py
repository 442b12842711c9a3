"""Type `sftp` against asyncssh's server and OpenSSH, and against counterparts that are broken in each way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import asyncssh
import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._file_operations import FreeRatio, FreeSpace
from pytest_sysint.integrations._loop import Loop
from pytest_sysint.integrations.sftp import TYPE, Settings, Sftp

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
OUR_KEY = asyncssh.generate_private_key("ssh-ed25519")
FINGERPRINT = HOST_KEY.get_fingerprint()
LOCKED = OUR_KEY.export_private_key("pkcs8-pem", passphrase="open-sesame").decode()
PUBLIC = HOST_KEY.export_public_key().decode().strip()


class Login(asyncssh.SSHServer):
    """Lets `ada` in by the password `correct-horse` or by our key."""

    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return (username, password) == ("ada", "correct-horse")

    def public_key_auth_supported(self):
        return True

    def validate_public_key(self, username, key):
        return username == "ada" and key == OUR_KEY.convert_to_public()


class Served:
    """A server on a loop of its own, which ends with all of its connections."""

    def __init__(self, root, sftp, login, options):
        self.loop = Loop("test-sftp-server")
        self.connections = []
        self.over = getattr(sftp, "over", asyncio.Event())
        offers = {"server_host_keys": [HOST_KEY], **options}
        if sftp is not None:
            offers["sftp_factory"] = lambda channel: sftp(channel, chroot=str(root).encode())

        class Counted(login):
            def connection_made(counted, connection):
                self.connections.append(connection)

        async def listen():
            return await asyncssh.create_server(Counted, "127.0.0.1", 0, gss_host=None, **offers)

        self.acceptor = self.loop.run(listen(), 10)
        self.port = self.acceptor.get_port()

    def close(self):
        async def end():
            self.over.set()
            for _ in range(20):  # asyncio loses a connection that it took just before its server was closed
                await asyncio.sleep(0)
            self.acceptor.close()
            for connection in self.connections:
                connection.close()
            for connection in self.connections:
                await connection.wait_closed()
            await self.acceptor.wait_closed()

        self.loop.run(end(), 10)
        self.loop.close()


@pytest.fixture
def server(tmp_path):
    """Starts a server over a folder of the test; gives its port."""
    served = []

    def start(sftp=asyncssh.SFTPServer, login=Login, **options):
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        served.append(Served(root, sftp, login, options))
        return served[-1].port

    yield start
    for one in served:
        one.close()


@pytest.fixture
def make():
    made = []

    def live(port, path="/", user="ada:correct-horse@", **settings):
        known = {} if "known_hosts" in settings else {"host_key": FINGERPRINT}
        url = f"sftp://{user}127.0.0.1:{port}{path}"
        made.append(Sftp(Settings.model_validate({"url": url, **known, **settings})))
        return made[-1]

    yield live
    for one in made:
        one.close()


def climb(live, timeout=5):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def broken_rung(live, timeout=5):
    """The error of the first rung that breaks, with that rung as the ladder gives it."""
    for rung in live.rungs():
        try:
            rung.climb(timeout)
        except CallError as error:
            return rung.name, error
    raise AssertionError("all rungs held")


def test_ladder_of_a_healthy_server(make, server, tmp_path):
    live = make(server())
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "host_key", "authentication", "ping", "read"]
    assert seen["host_key"] == f"ssh-ed25519 {FINGERPRINT}"
    assert seen["authentication"] == "as ada"
    assert seen["ping"] == "folder /, SFTP version 3"
    assert seen["read"] == "empty"
    (tmp_path / "root/file").write_text("1")
    assert climb(live)["read"] == "it holds files or folders"


@pytest.mark.parametrize("way", ["local_binary", "embedded"])
def test_each_server_that_is_provisioned_can_be_used(real_service, way, tmp_path):
    live = Sftp(Settings(url=real_service("sftp", way)))
    try:
        assert list(climb(live)) == ["dns", "tcp", "host_key", "authentication", "ping", "read"]
        live.put("deep/down/a.json", b'{"a": 1}', 5)
        live.put("deep/down/a.json", b'{"a": 2}', 5)
        assert live.get("deep/down/a.json", 5).payload == {"a": 2}
        assert [row["path"] for row in live.list("deep", 5).payload] == ["deep/down/a.json"], (
            "no temporary file is left"
        )
        assert live.get("deep/nothing/at.all", 5).facts["exists"] is False
        with pytest.raises(Rejected, match="is no file"):
            live.get("deep/down", 5)
        assert FreeSpace(free_space="> 1B").perform(live, 5).payload > 0
        assert 0 < FreeRatio(free_ratio="> 1%").perform(live, 5).payload <= 1
        live.delete("deep/down/a.json", 5)
        assert live.list("deep", 5).payload == []
    finally:
        live.close()


def test_rung_dns(make):
    live = Sftp(Settings(url="sftp://nowhere.invalid/x"))
    name, error = broken_rung(live)
    assert (name, type(error)) == ("dns", Unreachable)
    with pytest.raises(Unreachable):
        live.list("", 2)
    live.close()


def test_rung_tcp(make, dead_port):
    name, error = broken_rung(make(dead_port))
    assert (name, type(error)) == ("tcp", Unreachable)
    assert "refused the connection" in error.message
    with pytest.raises(Unreachable, match="refused the connection"):
        make(dead_port).get("a", 2)


def test_a_server_that_says_nothing(make, listen):
    live = make(listen(listen.hang))
    begun = time.monotonic()
    name, error = broken_rung(live, 0.3)
    assert (name, type(error)) == ("host_key", TimedOut)
    with pytest.raises(TimedOut):
        live.put("a", b"x", 0.3)
    assert time.monotonic() - begun < 10


def test_what_does_not_speak_ssh(make, listen):
    def http(connection):
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" * 40)
        connection.recv(100)

    name, error = broken_rung(make(listen(http)))
    assert name == "host_key"
    assert isinstance(error, (Garbled, Unreachable))
    name, error = broken_rung(make(listen(lambda connection: connection.sendall(b"SSH-1.5-old\r\n"))))
    assert (name, type(error)) == ("host_key", Garbled)
    assert "does not speak SSH" in error.message


def test_another_key_than_the_declared_one(make, server):
    other = asyncssh.generate_private_key("ssh-ed25519")
    port = server()
    for declared in (other.get_fingerprint(), other.export_public_key().decode().strip()):
        live = make(port, host_key=declared)
        name, error = broken_rung(live)
        assert (name, type(error)) == ("host_key", TlsFailed)
        assert FINGERPRINT in error.message
        assert "declared" in error.message
        with pytest.raises(TlsFailed):
            live.get("a", 5)


def test_the_declared_key_in_each_form(make, server):
    port = server()
    for declared in (FINGERPRINT, PUBLIC, f"{PUBLIC} a comment"):
        assert FINGERPRINT in climb(make(port, host_key=declared))["host_key"]
    assert climb(make(port, host_key="any"))["host_key"].endswith("not verified")
    assert climb(make(port, f"/?host_key={quote(FINGERPRINT, safe='')}", host_key=""))


def test_a_key_of_another_kind_than_the_declared_one(make, server):
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    name, error = broken_rung(make(server(), host_key=other.export_public_key().decode().strip()))
    assert name == "host_key"
    assert isinstance(error, (TlsFailed, Unreachable)), "either side may be the first to give up"
    assert "no host key of the kind that is known" in str(error)


def test_known_hosts(make, server, tmp_path, monkeypatch):
    port, known = server(), tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {PUBLIC}\n")
    assert climb(make(port, known_hosts=str(known)))["host_key"] == f"ssh-ed25519 {FINGERPRINT}"

    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known.write_text(f"[127.0.0.1]:{port} {other}\n")
    assert "known_hosts has another" in broken_rung(make(port, known_hosts=str(known)))[1].message

    known.write_text("")
    error = broken_rung(make(port, known_hosts=str(known)))[1]
    assert "is not known" in error.message
    assert f"host_key: {FINGERPRINT}" in error.hint
    with pytest.raises(Rejected, match="cannot be read"):
        make(port, known_hosts=str(tmp_path / "missing")).get("a", 5)
    known.write_text(f"@revoked * {PUBLIC}\n")
    assert broken_rung(make(port, known_hosts=str(known)))[0] == "host_key"

    monkeypatch.setenv("HOME", str(tmp_path))
    assert "is not known" in broken_rung(make(port, host_key=""))[1].message
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{port} {PUBLIC}\n")
    assert climb(make(port, host_key=""))["host_key"] == f"ssh-ed25519 {FINGERPRINT}"


def test_credentials(make, server, tmp_path):
    port = server()
    plain = OUR_KEY.export_private_key().decode()
    file = tmp_path / "key"
    file.write_text(LOCKED)
    for good in (
        {"private_key": plain.strip()},
        {"private_key": LOCKED, "passphrase": "open-sesame"},
        {"private_key_file": str(file), "passphrase": "open-sesame"},
    ):
        assert climb(make(port, user="ada@", **good))["authentication"] == "as ada"
    assert climb(make(port, user="", username="ada", password="correct-horse"))["authentication"] == "as ada"
    assert redact("the word correct-horse") == "the word ***"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"password": "wrong-password"}, "refused the credentials"),
        (
            {"private_key": asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()},
            "refused the cred",
        ),
        ({"private_key": LOCKED, "passphrase": "b"}, "does not open it"),
        ({"private_key": LOCKED}, "declare its `passphrase`"),
        ({"private_key": "no key at all"}, "cannot be used"),
        ({"private_key_file": "/no/such/key"}, "cannot be read: No such file"),
    ],
)
def test_credentials_that_are_refused(make, server, settings, said):
    live = make(server(), user="ada@", **settings)
    name, error = broken_rung(live)
    assert (name, type(error)) == ("authentication", Denied)
    assert said in str(error)
    for secret in settings.values():
        assert secret not in str(error) or secret.startswith("/no")
    with pytest.raises(Denied):
        live.get("a", 5)


def test_with_neither_password_nor_key_those_of_the_user_are_tried(make, server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    port = server()
    assert broken_rung(make(port, user="ada@"))[0] == "authentication"
    (tmp_path / ".ssh").mkdir()
    OUR_KEY.write_private_key(str(tmp_path / ".ssh/id_ed25519"))
    assert climb(make(port, user="ada@"))["authentication"] == "as ada"


def test_a_server_without_sftp(make, server):
    name, error = broken_rung(make(server(sftp=None)))
    assert name == "authentication"
    assert isinstance(error, (Rejected, Unreachable))


def test_a_folder_that_is_missing_or_none(make, server, tmp_path):
    port = server()
    (tmp_path / "root/file").write_text("")
    for path, said in (("/missing", "there is no such folder"), ("/file", "is no folder")):
        live = make(port, path)
        name, error = broken_rung(live)
        assert (name, type(error)) == ("ping", Rejected)
        assert said in error.message
        with pytest.raises(Rejected, match=said):
            live.list("", 5)
    with pytest.raises(Rejected, match="there is no such folder"):
        make(port, "/missing").get("a", 5)


class Forbidding(asyncssh.SFTPServer):
    """Allows neither listing, reading nor writing."""

    def scandir(self, path):
        raise asyncssh.SFTPPermissionDenied("no")

    def open(self, path, pflags, attrs):
        raise asyncssh.SFTPPermissionDenied("no")

    def remove(self, path):
        raise asyncssh.SFTPPermissionDenied("no")


def test_what_the_rights_do_not_allow(make, server, tmp_path):
    live = make(server(Forbidding))
    (tmp_path / "root/kept").write_text("1")
    assert broken_rung(live)[0] == "read"
    rungs = {}
    for verb, call in {
        "list": lambda: live.list("", 5),
        "get": lambda: live.get("kept", 5),
        "put": lambda: live.put("new", b"x", 5),
        "delete": lambda: live.delete("kept", 5),
    }.items():
        with pytest.raises(Denied, match=r"this user may not") as caught:
            call()
        rungs[verb] = caught.value.rung
    assert rungs == {"list": "read", "get": "read", "put": "write", "delete": "write"}


class Full(asyncssh.SFTPServer):
    """Takes half of what is written, and then has no space."""

    def write(self, file_obj, offset, data):
        super().write(file_obj, offset, data[: len(data) // 2])
        raise asyncssh.SFTPFailure("No space left on device")


def test_an_upload_that_fails_leaves_nothing_and_harms_nothing(make, server, tmp_path):
    live = make(server(Full))
    (tmp_path / "root/export.csv").write_text("whole")
    with pytest.raises(Rejected, match="No space left") as caught:
        live.put("export.csv", b"new content", 5)
    assert caught.value.rung == "write"
    assert (tmp_path / "root/export.csv").read_text() == "whole"
    assert [file.name for file in (tmp_path / "root").iterdir()] == ["export.csv"]


def test_without_atomic_the_file_itself_is_written(make, server, tmp_path):
    live = make(server(Full), atomic=False)
    (tmp_path / "root/export.csv").write_text("whole")
    with pytest.raises(Rejected):
        live.put("export.csv", b"new content", 5)
    assert (tmp_path / "root/export.csv").read_text() == "new c"
    good = make(server(), atomic=False)
    good.put("export.csv", b"new", 5)
    assert (tmp_path / "root/export.csv").read_text() == "new"


class NoPosixRename(asyncssh.SFTPServer):
    def posix_rename(self, oldpath, newpath):
        raise asyncssh.SFTPOpUnsupported("no")


def test_a_server_that_cannot_rename_over_a_file(make, server, tmp_path):
    live = make(server(NoPosixRename))
    live.put("a", b"1", 5)
    live.put("a", b"2", 5)
    assert [(file.name, file.read_text()) for file in (tmp_path / "root").iterdir()] == [("a", "2")]


def hanging_at(name):
    """A server that answers everything but one request; that only when the test is over."""
    over = asyncio.Event()

    async def hang(self, *arguments):
        await over.wait()
        raise asyncssh.SFTPFailure("too late")

    return type("Hanging", (asyncssh.SFTPServer,), {name: hang, "over": over})


@pytest.mark.parametrize(
    ("request_name", "verb"),
    [("stat", "get"), ("read", "get"), ("open", "get"), ("write", "put"), ("posix_rename", "put")],
)
def test_a_server_that_hangs_is_given_up_in_time(make, server, tmp_path, request_name, verb):
    live = make(server(hanging_at(request_name)))
    (tmp_path / "root/file").write_text("1")
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="gave no answer within"):
        live.get("file", 0.3) if verb == "get" else live.put("other", b"x", 0.3)
    assert time.monotonic() - begun < 5
    live.stat("file", 5) if request_name != "stat" else None  # another connection takes over


def test_a_login_that_hangs(make, server):
    class Slow(Login):
        async def validate_password(self, username, password):
            await asyncio.sleep(3600)

    name, error = broken_rung(make(server(login=Slow)), 0.5)
    assert (name, type(error)) == ("authentication", TimedOut)


async def end_connection(sftp):
    """As a server that ends it while nobody asks anything."""
    connection = sftp._handler._writer.channel.get_connection()
    connection.abort()
    await connection.wait_closed()


def test_a_connection_that_dies_is_made_anew(make, server, tmp_path):
    live = make(server())
    live.put("a", b"1", 5)
    live.client.run(end_connection)
    assert live.get("a", 5).payload == "1"


def test_one_slow_call_does_not_end_those_beside_it(make, server, tmp_path):
    class Slow(asyncssh.SFTPServer):
        async def read(self, file_obj, offset, size):
            await asyncio.sleep(0.2)
            return super().read(file_obj, offset, size)

    live = make(server(Slow))
    (tmp_path / "root/file").write_text("1")
    climb(live)
    with ThreadPoolExecutor(2) as pool:
        patient = pool.submit(live.get, "file", 5)
        with pytest.raises(TimedOut):
            live.get("file", 0.1)
        assert patient.result().payload == "1"


def test_a_connection_on_which_a_call_hung_is_not_used_again_whatever_others_say(make, server):
    live = make(server())
    with pytest.raises(Rejected, match="no such file"), live.talk("file", "read", 5) as talk:
        with pytest.raises(TimedOut), live.talk("other", "read", 5):
            raise TimeoutError
        assert not talk.link.usable
        talk.run(talk.sftp.stat("/no/such"))
    assert not talk.link.usable


def test_many_threads_share_one_connection(make, server):
    live = make(server())
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: live.put(f"t/{number}", b"%d" % number, 10), range(48)))
        read = list(pool.map(lambda number: live.get(f"t/{number}", 10).payload, range(48)))
    assert read == [str(number) for number in range(48)]
    assert live.list("t/", 5).facts["count"] == 48


def test_links_are_followed_only_within_the_folder(make, server, tmp_path):
    live = make(server(), "/inside")
    inside = tmp_path / "root/inside"
    inside.mkdir()
    (tmp_path / "root/secret").write_text("x")
    (inside / "real").write_text("1")
    (inside / "good").symlink_to("real")
    (inside / "bad").symlink_to("../secret")
    (inside / "dangling").symlink_to("nowhere")
    assert live.get("good", 5).payload == "1"
    for call in (lambda: live.get("bad", 5), lambda: live.stat("bad", 5), lambda: live.put("bad", b"", 5)):
        with pytest.raises(Rejected, match="leads out of the folder") as caught:
            call()
        assert caught.value.code == "outside"
    assert [row["path"] for row in live.list("", 5).payload] == ["good", "real"]


def test_listing_goes_by_the_beginning_of_the_path(make, server):
    live = make(server())
    for path in ("a/one", "a/b/two", "ab", "b/three"):
        live.put(path, b"1", 5)
    listed = {
        prefix: [row["path"] for row in live.list(prefix, 5).payload] for prefix in ("", "a", "a/", "a/b", "z/", "ab/")
    }
    assert listed == {
        "": ["a/b/two", "a/one", "ab", "b/three"],
        "a": ["a/b/two", "a/one", "ab"],
        "a/": ["a/b/two", "a/one"],
        "a/b": ["a/b/two"],
        "z/": [],
        "ab/": [],
    }


def test_a_folder_with_more_names_than_are_fetched_at_once(make, server, tmp_path):
    port = server()
    for number in range(450):
        (tmp_path / f"root/{number:03}").write_text("")
    live = make(port)
    assert live.list("", 5).facts["count"] == 450
    assert live.list("", 5, 10).facts["truncated"] is True


def test_a_name_that_is_no_utf8_hides_no_others(make, server, tmp_path):
    port = server()
    Path(os.fsdecode(os.fsencode(tmp_path / "root") + b"/\xff")).write_text("")
    (tmp_path / "root/good").write_text("")
    assert [row["path"] for row in make(port).list("", 5).payload] == ["\\xff", "good"]


def test_the_client_for_hand_written_tests(make, server, tmp_path):
    live = make(server(), "/sub")
    (tmp_path / "root/sub").mkdir()
    assert live.client.root == "/sub"
    live.client.run(lambda sftp: sftp.mkdir("/sub/deep"))
    assert sorted(live.client.run(lambda sftp: sftp.listdir("/sub"))) == [".", "..", "deep"]
    with pytest.raises(Rejected, match="no such file or folder"):
        live.client.run(lambda sftp: sftp.readlink("/sub/none"))


def test_nothing_is_left_when_it_is_closed(make, server):
    live = make(server())
    live.put("a", b"1", 5)
    assert "sysint-sftp-127.0.0.1" in {thread.name for thread in threading.enumerate()}
    live.close()
    live.close()
    assert "sysint-sftp-127.0.0.1" not in {thread.name for thread in threading.enumerate()}
    Sftp(Settings(url="sftp://h")).close()


def test_forms_of_the_url():
    def folder(url):
        return Sftp(Settings(url=url)).target.folder

    assert [folder(f"sftp://h{path}") for path in ("", "/", "/a/b/", "/~/a", "/~", "/~a")] == [
        "",
        "/",
        "/a/b",
        "a",
        "",
        "/~a",
    ]
    target = Sftp(Settings(url="sftp://u%40x:p%2Fw@[::1]:2222/a%20b")).target
    assert (target.username, target.password, target.where, target.folder) == ("u@x", "p/w", "[::1]:2222", "/a b")
    assert Settings(url="${integration:x.url}").url.startswith("$")
    with pytest.raises(Rejected, match="is not known"):
        Sftp(Settings.model_construct(url="sftp://h/?x=1")).get("a", 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "sftp://h/a/../b"}, "holds a"),
        ({"url": "sftp://h:port/"}, "port is no number"),
        ({"url": "sftp://h/?x=1"}, "'x' is not known"),
        ({"url": "sftp://h/?host_key=odd"}, "host_key is none"),
        ({"url": "sftp://h", "host_key": "SHA256:short"}, "host_key is none"),
        ({"url": "sftp://h", "host_key": "any", "known_hosts": "f"}, "exclude each other"),
        ({"url": "sftp://h", "private_key": "k", "private_key_file": "f"}, "exclude each other"),
        ({"url": "sftp://h", "passphrase": "pppp"}, "belongs to a private_key"),
    ],
)
def test_settings_that_do_not_fit_together(settings, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(settings)


def test_by_hand():
    live = Sftp(Settings(url="sftp://u:hidden-secret@h:2222/in box", private_key_file="k"))
    assert live.reproduce() == "echo 'ls -la '\"'\"'/in box/'\"'\"'' | sftp -P 2222 -i k u@h"
    assert "hidden" not in live.by_hand("get", "a")
    assert Sftp(Settings(url="sftp://h")).by_hand("get", "a.csv") == "echo 'get a.csv' | sftp h"
    assert Sftp(Settings(url="sftp://h")).by_hand("roundtrip", "") == ""


def test_what_is_done_by_hand_works(real_service, tmp_path):
    live = Sftp(Settings(url=real_service("sftp", "local_binary")))
    live.put("by hand.txt", b"found by hand", 5)
    trusting = "sftp -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -P"
    command = live.by_hand("get", "by hand.txt").replace("sftp -P", trusting)
    live.close()
    subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, check=True, cwd=tmp_path)
    assert (tmp_path / "by hand.txt").read_text() == "found by hand"


def test_the_embedded_server_has_another_password_each_time(tmp_path, make):
    from pytest_sysint.core.errors import Unavailable
    from pytest_sysint.core.provisioning import Place, free_port

    embedded = TYPE.recipes[0]
    running = embedded.start(Place("files", tmp_path, free_port()))
    parts = urlsplit(running.url)
    try:
        (tmp_path / "second").mkdir()
        with pytest.raises(Unavailable, match="did not start"):
            embedded.start(Place("files", tmp_path / "second", parts.port))
        wrong = running.url.replace(parts.password, "another-password")
        assert broken_rung(make(0, host_key="", url=wrong))[0] == "authentication"
    finally:
        running.stop()
    assert "SHA256:" in unquote(parts.query)


def test_it_is_the_registered_type_and_the_module_needs_no_driver():
    assert TYPE is Sftp
    code = "import sys; sys.modules['asyncssh'] = None\nimport pytest_sysint.integrations.sftp as m; m.Settings(url='sftp://h')"
    subprocess.run([sys.executable, "-c", code], check=True)
