"""The rungs dns, tcp and tls, each shown to hold and to break; and the words for what breaks."""

from __future__ import annotations

import errno
import queue
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_sysint.core.errors import CallError, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.integration import Rung
from pytest_sysint.integrations._net import Route, host_port, network_rungs, resolve, translate_os_error
from pytest_sysint.integrations._tls import Tls, _make, certificate_until, context_for, explain_tls, trust_file


def climb(rungs: list[Rung], timeout: float = 2) -> list[str]:
    return [rung.climb(timeout) for rung in rungs]


def test_all_rungs_hold(listen, certificates):
    port = listen(listen.hang, certificates.context(certificates.server(days=40)))
    context = context_for(Tls(ca=certificates.authority))
    names, seen = zip(
        *[(rung.name, rung.climb(2)) for rung in network_rungs("localhost", port, tls=context)], strict=True
    )
    assert names == ("dns", "tcp", "tls")
    assert "127.0.0.1" in seen[0]
    assert seen[1] == f"127.0.0.1:{port}"
    assert seen[2] == "TLSv1.3, certificate expires in 40 days"


def test_each_rung_stands_alone(listen):
    port = listen(listen.hang)
    assert network_rungs("localhost", port)[1].climb(2) == f"127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["name.invalid", "a" * 70 + ".example"])
def test_dns_breaks(host):
    with pytest.raises(Unreachable) as caught:
        network_rungs(host, 80)[0].climb(5)
    assert caught.value.rung == "dns"
    assert host in caught.value.message
    assert caught.value.hint


def test_resolver_that_hangs_is_left_behind(monkeypatch):
    never: queue.SimpleQueue[list[object]] = queue.SimpleQueue()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.get())
    begin = time.monotonic()
    with pytest.raises(TimedOut, match=r"resolver gave no answer for 'slow\.example' within 50ms") as caught:
        resolve("slow.example", 80, 0.05)
    assert caught.value.rung == "dns"
    assert time.monotonic() - begin < 5
    never.put([])


def test_addresses_need_no_resolver(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked the resolver"))
    assert resolve("127.0.0.1", 5, 1) == [(socket.AF_INET, ("127.0.0.1", 5))]
    assert resolve("::1", 5, 1) == [(socket.AF_INET6, ("::1", 5, 0, 0))]


def test_tcp_refused(dead_port):
    with pytest.raises(Unreachable, match=f"127.0.0.1:{dead_port} refused the connection") as caught:
        network_rungs("127.0.0.1", dead_port)[1].climb(2)
    assert (caught.value.rung, caught.value.code, caught.value.transient) == ("tcp", "ECONNREFUSED", True)
    assert "is the service started" in caught.value.hint


def test_tcp_refused_tells_more_than_another_address_without_a_way(monkeypatch, dead_port):
    addresses = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("100::1", dead_port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", dead_port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    with pytest.raises(Unreachable, match="refused"):
        Route("both.example", dead_port).open(0.5)


def test_tcp_times_out():
    # A queue of one that nobody empties: later connections get no answer to their first packet.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        host, port = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex((host, port))
        with pytest.raises(TimedOut, match="did not take the connection within 200ms") as caught:
            network_rungs(host, port)[1].climb(0.2)
        assert caught.value.rung == "tcp"
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("name", "made", "said"),
    [
        ("expired", {"days": -2}, "has expired"),
        ("elsewhere", {"host": "other.example"}, "is for another host name"),
        ("selfsigned", {"signed": False}, "is self-signed"),
    ],
)
def test_tls_breaks_on_a_bad_certificate(listen, certificates, name, made, said):
    port = listen(listen.hang, certificates.context(certificates.server(name, **made)))
    rungs = network_rungs("localhost", port, tls=context_for(Tls(ca=certificates.authority)))
    with pytest.raises(TlsFailed, match=f"the certificate of localhost:{port} {said}") as caught:
        climb(rungs)
    assert caught.value.rung == "tls"
    assert caught.value.code.startswith("verify ")
    assert caught.value.hint


def test_tls_breaks_on_an_unknown_authority(listen, certificates):
    port = listen(listen.hang, certificates.context(certificates.server()))
    with pytest.raises(TlsFailed, match="authority that is not known here"):
        climb(network_rungs("localhost", port, tls=context_for()))


def test_unverified_tls_still_tells_the_expiry(listen, certificates):
    port = listen(listen.hang, certificates.context(certificates.server("expired", days=-2)))
    seen = climb(network_rungs("localhost", port, tls=context_for(Tls(verify=False))))
    assert seen[2] == "TLSv1.3, certificate expired 2 days ago"


def test_server_name_is_verified_instead_of_the_host(listen, certificates):
    port = listen(listen.hang, certificates.context(certificates.server("elsewhere", host="other.example")))
    context = context_for(Tls(ca=certificates.authority))
    assert climb(network_rungs("localhost", port, tls=context, server_name="other.example"))[2].startswith("TLSv1")


def test_tls_against_plain_text(listen):
    def plain(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(TlsFailed, match="does not speak TLS on this port"):
        climb(network_rungs("localhost", listen(plain), tls=context_for()))


def test_tls_against_a_server_that_hangs_up(listen):
    with pytest.raises((TlsFailed, Unreachable)) as caught:
        climb(network_rungs("localhost", listen(lambda connection: connection.recv(1) and None), tls=context_for()))
    assert caught.value.rung == "tls"


def test_tls_against_silence(listen):
    with pytest.raises(TimedOut, match=r"no TLS handshake with .* within 100ms") as caught:
        climb(network_rungs("127.0.0.1", listen(listen.hang), tls=context_for()), 0.1)
    assert caught.value.rung == "tls"


def test_tls_version_too_old(listen, certificates):
    context = certificates.context(certificates.server())
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = listen(listen.hang, context)
    with pytest.raises(TlsFailed, match="offers no TLS version that is accepted here"):
        climb(network_rungs("localhost", port, tls=context_for(Tls(ca=certificates.authority, minimum="1.3"))))


def test_starttls_comes_before_the_handshake(listen, certificates):
    context = certificates.context(certificates.server())

    def server(connection: socket.socket) -> None:
        if not connection.recv(8):
            return  # the rung below only knocked
        connection.sendall(b"go")
        with context.wrap_socket(connection, server_side=True):
            listen.over.wait(30)

    def ask(connection: socket.socket) -> None:
        connection.sendall(b"STARTTLS")
        assert connection.recv(2) == b"go"

    ours = context_for(Tls(ca=certificates.authority))
    rungs = network_rungs("localhost", listen(server), tls=ours, starttls=ask)
    assert climb(rungs)[2].startswith("TLSv1.3")


def test_certificate_until(listen, certificates):
    port = listen(listen.hang, certificates.context(certificates.server(days=10)))
    until = Route("localhost", port).certificate_until(context_for(Tls(verify=False)), "localhost", 2)
    assert until is not None
    assert 9.9 < (until.timestamp() - time.time()) / 86400 < 10.1


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x30\x01\x00"])
def test_certificate_that_cannot_be_read(der):
    assert certificate_until(SimpleNamespace(getpeercert=lambda binary_form: der)) is None


@pytest.mark.parametrize("days", [20_000, 60_000], ids=["two digits of a year", "four digits of a year"])
def test_dates_far_away(listen, certificates, days):
    port = listen(listen.hang, certificates.context(certificates.server(f"days{days}", days=days)))
    until = Route("localhost", port).certificate_until(context_for(Tls(verify=False)), "localhost", 2)
    assert until is not None
    assert round((until.timestamp() - time.time()) / 86400) == days


def test_reasons_without_words_of_ours():
    assert explain_tls(ssl.SSLError(1, "odd"), "db:1").message.startswith("no encrypted channel with db:1")


class TestContexts:
    def test_one_for_all_who_ask_for_the_same(self):
        assert context_for() is context_for(Tls())
        assert context_for(Tls(verify=False)) is not context_for()
        assert context_for(None, ("http/1.1",)) is not context_for()

    def test_a_renewed_file_is_read_again(self, certificates, tmp_path):
        path = tmp_path / "ca.pem"
        text = (certificates.folder / "authority.pem").read_text()
        path.write_text(text)
        first = context_for(Tls(ca=str(path)))
        path.write_text(text + "\n")
        assert context_for(Tls(ca=str(path))) is not first

    @pytest.mark.parametrize(
        ("content", "said"), [(None, "there is no file"), ("hello", "cannot be used")], ids=["missing", "no PEM"]
    )
    def test_bad_files(self, tmp_path, content, said):
        path = tmp_path / "ca.pem"
        if content:
            path.write_text(content)
        for tls, key in ((Tls(ca=str(path)), "tls.ca"), (Tls(cert=str(path)), "tls.cert")):
            with pytest.raises(TlsFailed, match=f"{key}: .*{said}"):
                context_for(tls)

    def test_a_machine_without_a_trust_store(self, monkeypatch):
        nothing = ssl.get_default_verify_paths()._replace(cafile=None, capath=None)
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
        monkeypatch.setattr(Path, "is_file", lambda _: False)
        assert trust_file().endswith("cacert.pem")
        assert _make(Tls(), ()).cert_store_stats()["x509_ca"] > 50

    def test_client_certificate(self, listen, certificates):
        server = certificates.context(certificates.server())
        server.load_verify_locations(certificates.authority)
        server.verify_mode = ssl.CERT_REQUIRED
        server.maximum_version = ssl.TLSVersion.TLSv1_2  # later versions tell it only with the first byte read
        port = listen(listen.hang, server)
        with pytest.raises((TlsFailed, Unreachable)):
            climb(network_rungs("localhost", port, tls=context_for(Tls(ca=certificates.authority))))
        ours = context_for(Tls(ca=certificates.authority, cert=certificates.server("client")))
        assert climb(network_rungs("localhost", port, tls=ours))[2].startswith("TLSv1.2")


class TestHostPort:
    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("redis://:pass@[::1]:3/0", ("::1", 3)),
            ("http://db.example", ("db.example", 7)),
            ("broker:9092", ("broker", 9092)),
            ("sqlite:///x", ("localhost", 7)),
        ],
    )
    def test_reads(self, url, expected):
        assert host_port(url, 7) == expected

    @pytest.mark.parametrize("url", ["redis://u:sec/ret@h:1", "http://h:99999", "http://[::1", "http://u:p@h:abc"])
    def test_bad_urls_never_show_what_they_hold(self, url):
        with pytest.raises(CallError, match="cannot be read") as caught:
            host_port(url, 7)
        assert "sec" not in str(caught.value)


class TestTranslation:
    @pytest.mark.parametrize(
        ("error", "sort", "code", "said"),
        [
            (ConnectionRefusedError(errno.ECONNREFUSED, "x"), Unreachable, "ECONNREFUSED", "refused"),
            (ConnectionResetError(errno.ECONNRESET, "x"), Unreachable, "ECONNRESET", "reset"),
            (OSError(errno.EHOSTUNREACH, "x"), Unreachable, "EHOSTUNREACH", "no way to"),
            (OSError(errno.EMFILE, "x"), Unreachable, "EMFILE", "no file handle"),
            (OSError(errno.EIO, "x"), Unreachable, "", "Input/output error"),
            (TimeoutError("timed out"), TimedOut, "", "gave no answer within 2s"),
            (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Unreachable, "EAI_NONAME", "'db'"),
            (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] x"), TlsFailed, "", "db:1"),
            (ValueError("a driver's own"), Unreachable, "", "a driver's own"),
        ],
    )
    def test_words(self, error, sort, code, said):
        found = translate_os_error(error, "db:1", rung="read", timeout=2)
        assert type(found) is sort
        assert found.code == code
        assert said in found.message

    def test_looks_through_what_drivers_wrap(self):
        def fail() -> None:
            try:
                raise ConnectionResetError(errno.ECONNRESET, "x")
            except OSError as error:
                raise RuntimeError("driver says no") from error

        found = _caught(fail)
        assert translate_os_error(found, "db:1").code == "ECONNRESET"

    def test_call_errors_stay(self):
        error = TimedOut("x")
        assert translate_os_error(error, "db:1") is error


def _caught(run: Callable[[], None]) -> Exception:
    try:
        run()
    except RuntimeError as error:
        return error
    raise AssertionError
