"""Type `smtp` on real servers (aiosmtpd), and on counterparts that are broken in one way each."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import ValidationError

from pytest_sysint.core.capabilities import Sends
from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.provisioning import Embedded
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._smtp.mail import compose, read_maildir
from pytest_sysint.integrations.smtp import TYPE, Received, Send, Settings, Smtp


def log_on(_server, _session, _envelope, _mechanism, data):
    fits = (data.login, data.password) == (b"app", b"app-password")
    return AuthResult(success=fits, handled=False)


class Choosy(Mailbox):
    """Takes no mail for addresses that begin with `no-`, and none from spammers."""

    async def take_recipient(self, _server, _session, envelope, address, options):
        if address.startswith("no-"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later-"):
            return "451 4.7.1 greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def take_sender(self, _server, _session, envelope, address, options):
        if "spammer" in address:
            return "553 5.1.8 not from you"
        envelope.mail_from = address
        return "250 OK"


Choosy.handle_RCPT, Choosy.handle_MAIL = Choosy.take_recipient, Choosy.take_sender


class MailServers:
    """Servers of aiosmtpd on one event loop, in a thread. Its own controller leaves open connections unclosed."""

    def __init__(self, folder):
        self.handler = Choosy(folder)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.servers, self.protocols = [], []

    def __call__(self, ssl_context=None, **options):
        def protocol():
            self.protocols.append(SMTP(self.handler, loop=self.loop, hostname="test", **options))
            return self.protocols[-1]

        server = self.run(self.loop.create_server(protocol, "127.0.0.1", 0, ssl=ssl_context))
        self.servers.append(server)
        return server.sockets[0].getsockname()[1]

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    async def end(self):
        for server in self.servers:
            server.close()
        for protocol in self.protocols:
            if protocol.transport:
                protocol.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    def close(self):
        self.run(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def serve(tmp_path):
    """`serve(...)` runs a mail server with these options, mail going to tmp_path/mail, and gives its port."""
    servers = MailServers(tmp_path / "mail")
    yield servers
    servers.close()


@pytest.fixture
def make(tmp_path, serve):
    made = []

    def live(place, read_only=False, **settings):
        url = place if isinstance(place, str) else f"smtp://localhost:{place}"
        settings = {"mailbox": str(tmp_path / "mail"), **settings}
        made.append(Smtp(Settings.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield live
    for one in made:
        one.close()


def climb(live, timeout=2):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def send(live, timeout=2, **declared):
    return Send.model_validate({"send": "ada@example.org", **declared}).perform(live, timeout)


def mail_for(live, address="ada@example.org", **options):
    return Received(received=address, **options).perform(live, 2)


# ladder


def test_ladder_of_a_healthy_server(make, real_service):
    live = make(real_service("smtp"), mailbox="")
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "ping", "tls", "read"]
    assert "Python SMTP" in seen["ping"]
    assert seen["tls"] == "not offered"
    assert seen["read"] == "takes mail from <>"
    send(live, subject="From the recipe")
    assert mail_for(live).payload[0]["subject"] == "From the recipe"


def test_a_health_check_sends_no_mail(make, serve):
    live = make(serve())
    climb(live)
    assert mail_for(live).payload == []


def test_rung_dns(make):
    with pytest.raises(Unreachable) as caught:
        climb(make("smtp://nowhere.invalid"))
    assert caught.value.rung == "dns"


def test_rung_tcp(make, dead_port):
    live = make(f"smtp://app:very-secret@127.0.0.1:{dead_port}")
    for call in (lambda: climb(live), lambda: send(live)):
        with pytest.raises(Unreachable, match="refused the connection") as caught:
            call()
        assert "very-secret" not in str(caught.value)
    assert redact("very-secret") == "***"


def test_rung_tls_from_the_start(make, serve, certificates):
    port = serve(ssl_context=certificates.context(certificates.server()))
    live = make(f"smtps://localhost:{port}", tls={"ca": certificates.authority})
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "tls", "ping", "read"]
    assert send(live).facts["accepted"] == 1
    for call in (climb, send):
        with pytest.raises(TlsFailed, match="authority that is not known"):
            call(make(f"smtps://localhost:{port}"))
    named = {"ca": certificates.authority, "server_name": "localhost"}
    assert send(make(f"smtps://127.0.0.1:{port}", tls=named)).facts["accepted"] == 1
    other = {"ca": certificates.authority, "server_name": "other.example"}
    with pytest.raises(TlsFailed, match="another host name"):
        send(make(f"smtps://127.0.0.1:{port}", tls=other))


def test_tls_where_there_is_none(make, serve):
    with pytest.raises(TlsFailed, match="does not speak TLS") as caught:
        climb(make(f"smtps://localhost:{serve()}"))
    assert caught.value.rung == "tls"


def test_rung_starttls(make, serve, certificates):
    context = certificates.context(certificates.server(days=30))
    port = serve(tls_context=context, require_starttls=True)
    live = make(port, tls={"ca": certificates.authority})
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "ping", "tls", "read"]
    assert seen["tls"] == "TLSv1.3, certificate expires in 30 days"
    assert send(live).facts["accepted"] == 1
    with pytest.raises(TlsFailed, match="authority that is not known") as caught:
        climb(make(port))
    assert caught.value.rung == "tls"
    with pytest.raises(Denied, match="530") as caught:
        climb(make(port, starttls="off"))
    assert "STARTTLS" in caught.value.hint


def test_starttls_that_is_required_and_not_offered(make, serve):
    live = make(serve(), starttls="required")
    for call in (climb, send):
        with pytest.raises(TlsFailed, match="offers no STARTTLS") as caught:
            call(live)
        assert caught.value.rung == "tls"
    assert list(climb(make(serve(), starttls="off"))) == ["dns", "tcp", "ping", "read"]


def test_starttls_that_is_refused(make, listen):
    live = make(listen(answers(EHLO=b"250-x\r\n250 STARTTLS\r\n", STARTTLS=b"454 4.7.0 not now\r\n")))
    with pytest.raises(Rejected, match="454") as caught:
        climb(live)
    assert (caught.value.rung, caught.value.transient) == ("tls", True)


def test_rung_authentication(make, serve, certificates):
    context = certificates.context(certificates.server())
    port = serve(tls_context=context, authenticator=log_on, auth_required=True)
    tls = {"ca": certificates.authority}
    live = make(f"smtp://app:app-password@localhost:{port}", tls=tls)
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "ping", "tls", "authentication", "read"]
    assert seen["authentication"] == "as app"
    assert send(live).facts["accepted"] == 1
    with pytest.raises(Denied, match="535") as wrong:
        climb(make(port, tls=tls, username="app", password="not-the-password"))
    assert (wrong.value.rung, wrong.value.code) == ("authentication", "535")
    assert "not-the-password" not in str(wrong.value)
    with pytest.raises(Denied, match="530") as missing:
        climb(make(port, tls=tls))
    assert missing.value.rung == "authentication"


def test_a_password_is_not_sent_in_the_open_unless_declared(make, serve):
    port = serve(authenticator=log_on, auth_require_tls=False)
    with pytest.raises(TlsFailed, match="plain text"):
        climb(make(f"smtp://app:app-password@localhost:{port}"))
    assert climb(make(f"smtp://app:app-password@localhost:{port}", starttls="off"))["authentication"] == "as app"


def test_a_server_on_which_nobody_can_log_on(make, serve):
    with pytest.raises(CallError) as caught:
        climb(make(f"smtp://app:app-password@localhost:{serve()}", starttls="off"))
    assert caught.value.rung == "authentication"


def test_a_server_that_wants_to_be_logged_on_in_another_way(make, listen):
    port = listen(answers(EHLO=b"250-x\r\n250 AUTH XOAUTH2\r\n"))
    with pytest.raises(Denied, match="No suitable authentication method") as caught:
        climb(make(f"smtp://app:app-password@localhost:{port}", starttls="off"))
    assert caught.value.rung == "authentication"


def test_rung_read(make, serve):
    with pytest.raises(Rejected, match="553") as caught:
        climb(make(serve(), sender="spammer@example.org"))
    assert (caught.value.rung, caught.value.code) == ("read", "553")
    assert "sender" in caught.value.hint


@pytest.mark.parametrize(
    ("banner", "sort", "transient"),
    [(b"554 no mail from you\r\n", Rejected, False), (b"421 too busy\r\n", Rejected, True)],
)
def test_rung_ping(make, listen, banner, sort, transient):
    with pytest.raises(sort) as caught:
        climb(make(listen(lambda connection: connection.sendall(banner))))
    assert (caught.value.rung, caught.value.transient) == ("ping", transient)
    assert caught.value.hint


# broken counterparts


def answers(greeting=b"220 test\r\n", **replies):
    """Greets, and answers each word with its reply, `250 OK` by default."""

    def handle(connection):
        connection.sendall(greeting)
        with connection.makefile("rb") as lines:
            for line in lines:
                word = line.split(b" ")[0].strip().decode().upper()
                reply = replies.get(word, b"250 OK\r\n")
                if reply is None:
                    return
                connection.sendall(reply)

    return handle


@pytest.mark.parametrize(
    "content", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\1\2\r\n", b"+PONG\r\n", b"x" * 100_000], ids=range(4)
)
def test_a_server_that_speaks_something_else(make, listen, content):
    def handle(connection):
        connection.sendall(content)
        connection.recv(100)

    with pytest.raises((Garbled, Rejected)) as caught:
        climb(make(listen(handle)))
    assert caught.value.rung == "ping"


def test_a_server_that_hangs(make, listen):
    with pytest.raises(TimedOut, match="gave no answer within 50ms") as caught:
        send(make(listen(listen.hang)), 0.05)
    assert caught.value.transient


def resetting(connection):
    connection.sendall(b"220 x\r\n")
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("handler", [resetting, lambda connection: None], ids=["reset", "close"])
def test_a_server_that_ends_the_connection(make, listen, handler):
    live = make(listen(handler))
    for call in (lambda: climb(live), lambda: live.client):
        with pytest.raises(Unreachable) as caught:
            call()
        assert (caught.value.rung, caught.value.transient) == ("ping", True)


def test_a_connection_lost_after_the_text_is_not_worth_another_try(make, listen):
    def handle(connection):
        answers(DATA=None)(connection)
        connection.sendall(b"354 go on\r\n")
        connection.recv(65536)

    with pytest.raises(CallError, match="was lost while the message was sent") as caught:
        send(make(listen(handle)))
    assert not caught.value.transient
    assert "on its way" in caught.value.hint


@pytest.mark.parametrize(
    ("word", "reply", "code"),
    [
        ("DATA", b"554 5.7.1 no text from you\r\n", "554"),
        ("MAIL", b"452 4.3.1 out of space\r\n", "452"),
    ],
)
def test_a_server_that_refuses_in_the_middle(make, listen, word, reply, code):
    with pytest.raises(Rejected) as caught:
        send(make(listen(answers(**{word: reply}))))
    assert (caught.value.rung, caught.value.code, caught.value.transient) == ("write", code, code == "452")


def test_content_that_the_server_refuses(make, listen):
    def handle(connection):
        answers(DATA=None)(connection)
        connection.sendall(b"354 go on\r\n")
        while not connection.recv(65536).endswith(b"\r\n.\r\n"):
            pass
        connection.sendall(b"550 5.7.1 looks like spam\r\n")

    with pytest.raises(Rejected, match="looks like spam") as caught:
        send(make(listen(handle)))
    assert caught.value.rung == "write"


def test_a_session_that_was_closed_while_it_rested_is_replaced(make, listen):
    live = make(listen(answers(RSET=None)))
    assert climb(live)["read"] == "takes mail from <>"


# operations


def test_send_and_received(make, serve):
    live = make(serve(), sender="system@example.org")
    sent = send(
        live,
        send=["ada@example.org", "bob@example.org"],
        subject="Admission of Müller",
        text="Bed 7\n.hidden dot\n",
        html="<p>Bed 7</p>",
        headers={"X-Correlation": "c-17"},
    )
    assert sent.payload["accepted"] == ["ada@example.org", "bob@example.org"]
    assert sent.payload["refused"] == {}
    assert (sent.facts["accepted"], sent.facts["refused"], sent.facts["code"]) == (2, 0, 250)
    assert {"session", "addresses", "content", "total"} <= set(sent.phases)
    assert "X-Correlation: c-17" in sent.exchange.sent
    assert sent.exchange.received.startswith("250")
    seen = mail_for(live, "ADA@example.org")
    (message,) = seen.payload
    assert (message["from"], message["to"]) == ("system@example.org", ["ada@example.org", "bob@example.org"])
    assert (message["subject"], message["text"]) == ("Admission of Müller", "Bed 7\n.hidden dot")
    assert message["html"] == "<p>Bed 7</p>"
    assert message["headers"]["x-correlation"] == "c-17"
    assert message["message_id"] == sent.facts["message_id"]
    assert seen.facts["count"] == 1
    assert 0 <= seen.facts["newest_age"] < 60
    assert mail_for(live, "bob@example.org").facts["count"] == 1
    own = compose(["ada@example.org"], "Own sender", "x")
    own["From"] = "other@example.org"
    live.deliver(own, "", ["ada@example.org"], 2)
    assert mail_for(live).payload[-1]["from"] == "other@example.org"
    nobody = mail_for(live, "eve@example.org")
    assert (nobody.payload, nobody.facts) == ([], {"count": 0, "newest_age": None})


def test_mail_comes_oldest_first_and_the_newest_of_it(make, serve):
    live = make(serve())
    for number in range(5):
        send(live, subject=f"{number}")
    assert [message["subject"] for message in mail_for(live).payload] == ["0", "1", "2", "3", "4"]
    assert [message["subject"] for message in mail_for(live, limit=2).payload] == ["3", "4"]


def test_recipients_that_are_refused(make, serve):
    live = make(serve())
    partly = send(live, send=["ada@example.org", "no-one@example.org"])
    assert partly.payload["refused"] == {"no-one@example.org": "550 5.1.1 no such mailbox"}
    assert (partly.facts["accepted"], partly.facts["refused"]) == (1, 1)
    assert Send(send="a@b").default_expect() == {"refused": 0}
    with pytest.raises(Rejected, match="no such mailbox") as caught:
        send(live, send="no-one@example.org")
    assert (caught.value.rung, caught.value.code, caught.value.transient) == ("write", "550", False)
    with pytest.raises(Rejected, match="greylisted") as caught:
        send(live, send="later-one@example.org")
    assert caught.value.transient
    assert "greylists" in caught.value.hint
    with pytest.raises(Rejected, match="not from you"):
        send(live, **{"from": "spammer@example.org"})


def test_it_sends(make, serve):
    live = make(serve())
    assert isinstance(live, Sends)
    assert live.send("ada@example.org", "Hello", "Text", 2).facts["accepted"] == 1
    assert mail_for(live).payload[0]["text"] == "Text"
    for bad in ("ada", "ä@example.org", "a@b\r\nRCPT TO:<x@y>"):
        with pytest.raises(Rejected, match="is no address"):
            live.send(bad, "Hello", "Text", 2)
    with pytest.raises(Rejected, match="cannot be written"):
        live.send("ada@example.org", "two\nlines", "Text", 2)
    with pytest.raises(Rejected, match="for nobody"):
        live.deliver(compose(["a@b"], "s", "t"), "", [], 2)


def test_no_mail_is_sent_where_only_reading_is_allowed(make, serve):
    live = make(serve(), read_only=True)
    with pytest.raises(Denied, match="allows reading only") as caught:
        send(live)
    assert caught.value.rung == "write"
    assert "read" in climb(live)
    assert Send(send="a@b").effect() == "write"
    assert Received(received="a@b").effect() == "read"


def test_mailboxes_that_cannot_be_read(make, tmp_path):
    for mailbox, said in (("", "nobody said where"), (str(tmp_path / "missing"), "No such file")):
        with pytest.raises(Rejected, match=said) as caught:
            mail_for(make("smtp://h", mailbox=mailbox))
        assert caught.value.hint


def test_mail_that_is_not_well_formed(tmp_path):
    for part in ("new", "cur"):
        (tmp_path / part).mkdir()
    (tmp_path / "new/1").write_bytes(b"To: a@b\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe body")
    (tmp_path / "cur/2").write_bytes(b"\xff\xff\0")
    (tmp_path / "cur/3").write_bytes(b"Delivered-To: A@B\r\nContent-Type: image/png\r\n\r\nx")
    found = {message["text"] for message in read_maildir(tmp_path, "a@b", 10)}
    assert len(found) == 2
    assert None in found


def test_mail_that_is_removed_while_it_is_read(tmp_path, monkeypatch):
    for part in ("new", "cur"):
        (tmp_path / part).mkdir()
    (tmp_path / "new/1").symlink_to("gone")
    (tmp_path / "new/2").write_bytes(b"To: a@b\r\n\r\n")

    def gone(_):
        raise FileNotFoundError

    monkeypatch.setattr("pathlib.Path.read_bytes", gone)
    assert read_maildir(tmp_path, "a@b", 10) == []


def test_a_mailbox_that_we_may_not_read(make, tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pytest_sysint.integrations.smtp.read_maildir", denied)
    with pytest.raises(Denied, match="Permission denied"):
        mail_for(make("smtp://h", mailbox=str(tmp_path)))


def test_many_threads(make, serve):
    live = make(serve())
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda number: send(live, subject=f"{number}").facts["accepted"], range(24)))
    assert sum(sent) == 24
    assert mail_for(live).facts["count"] == 24


def test_the_native_client(make, serve, certificates):
    context = certificates.context(certificates.server())
    port = serve(tls_context=context, authenticator=log_on)
    live = make(f"smtp://app:app-password@localhost:{port}", tls={"ca": certificates.authority})
    assert live.client.noop()[0] == 250
    assert isinstance(live.client.sock, ssl.SSLSocket)
    first = live.client
    assert live.client is first
    first.quit()
    assert live.client.noop()[0] == 250
    with pytest.raises(CallError):
        _ = make(f"smtp://app:wrong-password@localhost:{port}", tls={"ca": certificates.authority}).client


# declarations


@pytest.mark.parametrize(
    "declared",
    [
        {"send": "ada"},
        {"send": "Ada <ada@example.org>"},
        {"send": "a@b", "subject": "two\nlines"},
        {"send": "a@b", "headers": {"X-A": "1\r\nBcc: x@y"}},
        {"send": "a@b", "headers": {"X A": "1"}},
        {"send": "a@b", "headers": {"To": "x@y"}},
        {"send": "a@b", "from": "nobody"},
    ],
)
def test_messages_that_cannot_be_declared(declared):
    with pytest.raises(ValidationError):
        Send.model_validate(declared)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "smtp://h:x"}, "port is no number"),
        ({"url": "smtp://h?box=1"}, "'box' is not known"),
        ({"url": "smtps://h", "starttls": "required"}, "from the start"),
        ({"url": "smtp://u@h"}, "belong together"),
        ({"url": "smtp://h", "sender": "nobody"}, "is no address"),
    ],
)
def test_settings_that_cannot_be_used(settings, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(settings)


def test_forms_of_the_url():
    def target(**settings):
        return Smtp(Settings.model_validate(settings)).target

    assert target(url="smtp://h?mailbox=/a%20b").mailbox == "/a b"
    assert (target(url="smtp://h").port, target(url="smtps://h").port) == (25, 465)
    assert target(url="smtp://u:p%40ss@h").password == "p@ss"
    assert target(url="smtp://[::1]:2525").where == "[::1]:2525"
    assert Settings(url="${integration:mail.url}").url
    with pytest.raises(Rejected, match="port is no number"):
        climb(Smtp(Settings.model_construct(url="smtp://h:x")))


def test_by_hand(make, serve):
    live = make("smtp://app:hidden-password@h:587", tls={"ca": "/ca.pem"}, starttls="required", sender="me@b")
    assert live.reproduce() == "curl -v smtp://h:587 --ssl-reqd --user app --cacert /ca.pem -X NOOP"
    command = Send(send="a@b").reproduce(live)
    assert command.endswith("-X NOOP".replace("-X NOOP", "--mail-from me@b --mail-rcpt a@b --upload-file -"))
    assert "--insecure" in make("smtps://h", tls={"verify": False}).reproduce()
    assert Send(send=["a@b", "c@d"], subject="Hi").title() == "send 'Hi' to a@b, c@d"
    assert Received(received="a@b").title() == "mail received by a@b"


def test_the_command_by_hand_works(make, serve, require):
    require(shutil.which("curl"), "there is no curl")
    command = make(serve()).reproduce()
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=10, check=False)
    assert "< 250" in done.stderr


def test_it_is_the_registered_type():
    assert TYPE is Smtp
    (recipe,) = TYPE.recipes
    assert isinstance(recipe, Embedded)
    code = "import sys; sys.modules['aiosmtpd'] = None; import pytest_sysint.integrations.smtp as m; m.Settings(url='smtp://h')"
    subprocess.run([sys.executable, "-c", code], check=True)


class TestExtensions:
    """What the server offers, and a contract of it."""

    @pytest.fixture
    def offered(self, make):
        return lambda port, **settings: make(port, **settings).describe(["extensions"], 5)["extensions"]

    def test_before_the_channel_is_encrypted_and_in_it(self, serve, offered, certificates):
        context = certificates.context(certificates.server())
        port = serve(tls_context=context, require_starttls=True, authenticator=log_on, data_size_limit=20_000_000)
        found = offered(port, tls={"ca": certificates.authority})
        assert found["STARTTLS"] == {"offered": "before_encryption", "parameters": []}
        assert found["AUTH"] == {"offered": "encrypted", "parameters": ["LOGIN", "PLAIN"]}
        assert found["SIZE"] == {"offered": "always", "parameters": ["20000000"], "limit": 20_000_000}
        assert found["8BITMIME"]["offered"] == "always"

    def test_without_encryption_all_are_always_offered(self, serve, offered):
        found = offered(serve(data_size_limit=None))
        assert {each["offered"] for each in found.values()} == {"always"}
        assert found.get("SIZE", {}).get("limit") is None
