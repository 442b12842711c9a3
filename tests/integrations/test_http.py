"""What the HTTP types share: exchanges with a deadline, connections, bodies, credentials, reproduction."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import ssl
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from pytest_sysint.core.errors import CallError, Garbled, Rejected, TimedOut, TlsFailed, TooLarge, Unreachable
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations import _wire
from pytest_sysint.integrations._auth import ApiKey, Auth, Basic
from pytest_sysint.integrations._http import Request
from pytest_sysint.integrations._rest import Rest as RestingPlace
from pytest_sysint.integrations._tls import Tls
from pytest_sysint.integrations.rest import Rest, Settings

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n" + b'{"ok":true}'


class Web:
    """A small HTTP server over `listen`: routes give bytes, or do as they like with the connection."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        """Every request as text, head and body."""
        self.connections = 0
        self.routes: dict[str, object] = {}

    def __call__(self, connection: socket.socket) -> None:
        self.connections += 1
        while text := _read_request(connection):
            self.seen.append(text)
            answer = self.routes.get(text.split()[1].partition("?")[0], OK)
            if callable(answer):
                answer = answer(connection)
            if answer is None:
                return
            assert isinstance(answer, bytes)
            connection.sendall(answer)


def _read_request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return ""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    sizes = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while sizes and len(body) < int(sizes[0]):
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *lines])
    return head.encode() + b"\r\n\r\n" + body


@pytest.fixture
def web(listen):
    made = Web()
    made.port = listen(made)
    return made


@pytest.fixture
def api():
    """`api(port, ...)` makes a `rest` integration for a port of loopback, closed at the end."""
    made = []

    def make(port: int, path: str = "", scheme: str = "http", host: str = "127.0.0.1", **settings) -> Rest:
        integration = Rest(Settings(url=f"{scheme}://{host}:{port}{path}", **settings))
        made.append(integration)
        return integration

    yield make
    for integration in made:
        integration.close()


def perform(integration: Rest, timeout: float = 5, **fields):
    return Request.model_validate(fields).perform(integration, timeout)


class TestAnswers:
    def test_what_comes_back(self, web, api):
        web.routes["/residents"] = answer(b'[{"id": 1}]', content_type="application/json; charset=utf-8", x_Total="1")
        seen = perform(api(web.port), request="GET /residents")
        assert seen.payload == [{"id": 1}]
        assert dict(seen.facts) == {
            "status": 200,
            "reason": "OK",
            "headers": {
                "content-length": "11",
                "content-type": "application/json; charset=utf-8",
                "x-total": "1",
            },
            "size": 11,
            "content_type": "application/json",
            "http_version": "HTTP/1.1",
            "redirects": 0,
        }
        assert set(seen.phases) == {"connect", "first_byte", "total"}
        assert 0 < seen.phases["connect"] <= seen.phases["first_byte"] <= seen.phases["total"]
        assert seen.exchange is not None
        assert seen.exchange.title == f"GET http://127.0.0.1:{web.port}/residents"
        assert seen.exchange.sent.startswith("GET /residents HTTP/1.1\nhost: 127.0.0.1")
        assert seen.exchange.received.endswith('[{"id": 1}]')

    @pytest.mark.parametrize(
        ("body", "kind", "payload"),
        [
            (b"", "application/json", None),
            (b'{"type":"about:blank"}', "application/problem+json", {"type": "about:blank"}),
            (b"hello", "text/plain", "hello"),
            ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
            (b"<a/>", "application/xml", "<a/>"),
            (b"\xff\xfe", "text/plain; charset=nobody-knows", "��"),
            (b"plain after all", "application/octet-stream", "plain after all"),
        ],
    )
    def test_payloads(self, web, api, body, kind, payload):
        web.routes["/"] = answer(body, content_type=kind)
        assert perform(api(web.port), request="GET /").payload == payload

    def test_binary_has_a_digest_and_no_payload(self, web, api):
        web.routes["/"] = answer(b"\x89PNG\xff", content_type="image/png")
        seen = perform(api(web.port), request="GET /")
        assert seen.payload is None
        assert len(seen.facts["sha256"]) == 64

    def test_json_that_is_none(self, web, api):
        web.routes["/ok"] = answer(b'{"a": ', content_type="application/json")
        web.routes["/bad"] = answer(b"oops", "500 Internal Server Error", content_type="application/json")
        with pytest.raises(Garbled, match="says that its answer is JSON, but it is not"):
            perform(api(web.port), request="GET /ok")
        assert perform(api(web.port), request="GET /bad").payload == "oops"

    def test_headers_that_repeat(self, web, api):
        web.routes["/"] = (
            b"HTTP/1.1 200 OK\r\nvary: a\r\nVary: b\r\nset-cookie: x=1\r\nset-cookie: y=2\r\ncontent-length: 0\r\n\r\n"
        )
        headers = perform(api(web.port), request="GET /").facts["headers"]
        assert headers["vary"] == "a, b"
        assert headers["set-cookie"] == "x=1\ny=2"

    def test_no_cookie_is_kept(self, web, api):
        web.routes["/login"] = answer(set_cookie="session=abc")
        integration = api(web.port)
        perform(integration, request="GET /login")
        perform(integration, request="GET /next")
        assert "cookie" not in web.seen[1].lower()

    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
    def test_methods(self, web, api, method):
        web.routes["/x"] = b"HTTP/1.1 204 No Content\r\n\r\n"
        assert perform(api(web.port), request=f"{method} /x").facts["status"] == 204
        assert web.seen[0].startswith(f"{method} /x HTTP/1.1")


class TestEncodings:
    @pytest.mark.parametrize(
        ("name", "encode"),
        [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", lambda body: zlib.compress(body)[2:-4])],
    )
    def test_decoded(self, web, api, name, encode):
        web.routes["/"] = answer(encode(b'{"a":1}'), content_type="application/json", content_encoding=name)
        seen = perform(api(web.port), request="GET /")
        assert seen.payload == {"a": 1}
        assert seen.facts["size"] == 7

    @pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"x" * 999)[:-9]], ids=["other", "cut"])
    def test_garbled(self, web, api, body):
        web.routes["/"] = answer(body, content_encoding="gzip")
        with pytest.raises(Garbled, match="says that its answer is gzip, but it is not, or not whole"):
            perform(api(web.port), request="GET /")

    def test_not_asked_for(self, web, api):
        web.routes["/"] = answer(b"x", content_encoding="br")
        with pytest.raises(Garbled, match="'br', which was not asked for"):
            perform(api(web.port), request="GET /")

    def test_a_bomb_is_not_unpacked(self, web, api):
        web.routes["/"] = answer(gzip.compress(bytes(50_000_000)), content_encoding="gzip")
        with pytest.raises(TooLarge, match="larger than the 1MiB"):
            perform(api(web.port, max_body="1MiB"), request="GET /")


class TestRequests:
    def test_the_path_continues_that_of_the_url(self, web, api):
        integration = api(web.port, "/base/?v=1")
        for request in ("GET /x?a=b", "GET", "/y", "GET ?z=1"):
            perform(integration, request=request)
        targets = [text.split()[1] for text in web.seen]
        assert targets == ["/base/x?a=b&v=1", "/base/?v=1", "/base/y?v=1", "/base/?z=1&v=1"]

    def test_odd_characters(self, web, api):
        perform(api(web.port), request="GET /a b/grün/%41", query={"q": ["x y", 1], "on": True, "none": None})
        assert web.seen[0].split("\r\n")[0] == "GET /a%20b/gr%C3%BCn/%41?q=x+y&q=1&on=true HTTP/1.1"

    @pytest.mark.parametrize(
        ("fields", "kind", "body"),
        [
            ({"json": {"a": [1, "ü"]}}, "application/json", '{"a":[1,"ü"]}'),
            ({"json": None}, "application/json", "null"),
            ({"form": {"a": "x y", "b": [1, 2]}}, "application/x-www-form-urlencoded", "a=x+y&b=1&b=2"),
            ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, "text/xml", "<a/>"),
        ],
    )
    def test_bodies(self, web, api, fields, kind, body):
        perform(api(web.port), request="POST /", **fields)
        head, _, sent = web.seen[0].partition("\r\n\r\n")
        assert sent == body
        assert f"content-type: {kind}" in head
        assert f"content-length: {len(body.encode())}" in head

    def test_headers_of_the_request_replace_those_of_the_integration(self, web, api):
        perform(api(web.port, headers={"X-A": "1", "X-B": "1"}), request="GET /", headers={"x-b": "2"})
        assert "x-a: 1\r\nx-b: 2" in web.seen[0]

    @pytest.mark.parametrize("text", ["", "get /x", "GET x", "GET http://elsewhere/", "FETCH  x"])
    def test_what_is_no_request(self, text):
        with pytest.raises(ValidationError, match="expected a method and a path"):
            Request(request=text)

    @pytest.mark.parametrize(
        ("request_", "effect"), [("GET /", "read"), ("HEAD /", "read"), ("/x", "read"), ("DELETE /x", "write")]
    )
    def test_effects(self, request_, effect):
        assert Request(request=request_).effect() == effect

    def test_default_expectation(self):
        assert Request(request="GET /").default_expect() == {"status": "< 400"}

    def test_a_header_that_http_forbids_is_not_repeated(self, web, api):
        with pytest.raises(CallError, match="breaks the rules of HTTP") as caught:
            perform(api(web.port), request="GET /", headers={"x-token": "abc\r\nevil: 1"})
        assert "abc" not in str(caught.value)
        with pytest.raises(CallError, match="not plain ASCII"):
            perform(api(web.port), request="GET /", headers={"grün": "1"})

    def test_the_capability(self, web, api):
        assert api(web.port).request("GET", "/x", timeout=5, query={"a": 1}).facts["status"] == 200
        assert web.seen[0].startswith("GET /x?a=1 ")


class TestCredentials:
    @pytest.mark.parametrize(
        ("auth", "sent"),
        [
            (Auth(bearer=SecretStr("t0ken-one")), "authorization: Bearer t0ken-one"),
            (
                Auth(basic=Basic(username="ann", password=SecretStr("p4ss-word"))),
                "authorization: Basic YW5uOnA0c3Mtd29yZA==",
            ),
            (Auth(api_key=ApiKey(header="X-Key", value=SecretStr("k3y-one"))), "x-key: k3y-one"),
            (Auth(api_key=ApiKey(query="key", value=SecretStr("k/y one"))), "GET /?key=k%2Fy%20one HTTP"),
        ],
        ids=["bearer", "basic", "header", "query"],
    )
    def test_sent_and_not_shown(self, web, api, auth, sent):
        integration = api(web.port, auth=auth)
        seen = perform(integration, request="GET /")
        assert sent in web.seen[0]
        secret = sent.split()[-1] if "GET" not in sent else "k%2Fy"
        assert seen.exchange is not None
        shown = f"{seen.exchange} {Request(request='GET /').reproduce(integration)} {integration.reproduce()}"
        assert secret not in shown
        assert "***" in seen.exchange.sent
        perform(integration, request="GET /", auth="none")
        assert sent not in web.seen[1]

    def test_user_and_password_of_the_url(self, web, api):
        integration = api(web.port, host="ann:s3cr%40t@127.0.0.1")
        perform(integration, request="GET /")
        assert "authorization: Basic YW5uOnMzY3JAdA==" in web.seen[0]
        assert redact("s3cr@t") == "***"
        assert "s3cr" not in integration.reproduce()

    def test_other_credentials_for_one_request(self, web, api):
        integration = api(web.port, headers={"X-Api-Key": "house-key"})
        perform(integration, request="GET /", auth={"bearer": "other-token"})
        assert "Bearer other-token" in web.seen[0]
        assert "house-key" not in web.seen[0]

    @pytest.mark.parametrize("auth", [{}, {"bearer": "a", "basic": {"username": "u", "password": "p"}}])
    def test_exactly_one_sort(self, auth):
        with pytest.raises(ValidationError, match="exactly one of"):
            Auth.model_validate(auth)

    def test_a_key_goes_to_one_place(self):
        with pytest.raises(ValidationError, match="either `header` or `query`"):
            ApiKey(value=SecretStr("x"))


class TestRedirects:
    @pytest.fixture
    def moved(self, web):
        web.routes["/old"] = answer(b"", "302 Found", location="/new?a=1")
        web.routes["/kept"] = answer(b"", "307 Temporary Redirect", location="/new")
        web.routes["/loop"] = answer(b"", "301 Moved Permanently", location="/loop")
        web.routes["/away"] = answer(b"", "301 Moved Permanently", location="http://elsewhere.example/x?token=abcd")
        web.routes["/nowhere"] = answer(b"", "302 Found")
        return web

    def test_off_by_default(self, moved, api):
        assert perform(api(moved.port), request="GET /old").facts["status"] == 302

    def test_followed(self, moved, api):
        seen = perform(api(moved.port, follow_redirects=True), request="POST /old", json={"a": 1})
        assert (seen.facts["status"], seen.facts["redirects"]) == (200, 1)
        assert moved.seen[1].startswith("GET /new?a=1 ")
        assert "content-length" not in moved.seen[1]

    def test_method_and_body_are_kept_where_they_must_be(self, moved, api):
        perform(api(moved.port), request="POST /kept", json={"a": 1}, follow_redirects=True)
        assert moved.seen[1].startswith("POST /new ")
        assert moved.seen[1].endswith('{"a":1}')

    def test_without_end(self, moved, api):
        with pytest.raises(Rejected, match="redirected without end"):
            perform(api(moved.port, follow_redirects=True), request="GET /loop")

    def test_never_to_another_host(self, moved, api):
        with pytest.raises(Rejected, match=r"redirected to http://elsewhere\.example, which the declaration") as caught:
            perform(api(moved.port, follow_redirects=True), request="GET /away")
        assert "abcd" not in str(caught.value)

    def test_without_a_place(self, moved, api):
        assert perform(api(moved.port, follow_redirects=True), request="GET /nowhere").facts["status"] == 302


class TestBroken:
    """Every way in which a counterpart can be broken."""

    def test_refuses(self, api, dead_port):
        with pytest.raises(Unreachable, match="refused the connection") as caught:
            perform(api(dead_port), request="GET /")
        assert caught.value.rung == "tcp"

    def test_hangs(self, listen, api):
        with pytest.raises(TimedOut, match="gave no answer within 100ms") as caught:
            perform(api(listen(listen.hang)), 0.1, request="GET /")
        assert caught.value.rung == "ping"

    def test_resets(self, listen, api):
        def reset(connection: socket.socket) -> None:
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        with pytest.raises(Unreachable, match="reset the connection") as caught:
            perform(api(listen(reset)), request="GET /")
        assert caught.value.transient

    def test_closes(self, listen, api):
        with pytest.raises(Unreachable, match="closed the connection without an answer"):
            perform(api(listen(lambda connection: connection.recv(99999) and None)), request="GET /")

    def test_answers_garbage(self, web, api):
        web.routes["/"] = b"220 mail.example ESMTP ready\r\n\r\n"
        with pytest.raises(Garbled, match="does not answer in HTTP"):
            perform(api(web.port), request="GET /")

    def test_breaks_off(self, web, api):
        def half(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")

        web.routes["/"] = half
        with pytest.raises(Unreachable, match="in the middle of its answer") as caught:
            perform(api(web.port), request="GET /")
        assert caught.value.rung == "read"

    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"], ids=["head", "body"])
    def test_drips(self, listen, web, api, head):
        def drip(connection: socket.socket) -> None:
            connection.sendall(head)
            text = b"HTTP/1.1 200 OK\r\nx: " if not head else b""
            for byte in text + b"y" * 100_000:
                connection.sendall(bytes([byte]))
                if listen.over.wait(0.02):
                    return

        web.routes["/"] = drip
        begin = time.monotonic()
        with pytest.raises(TimedOut, match="within 200ms"):
            perform(api(web.port), 0.2, request="GET /")
        assert time.monotonic() - begin < 5  # without a deadline it would be half an hour

    def test_floods_with_interim_answers(self, listen, web, api):
        def flood(connection: socket.socket) -> None:
            while not listen.over.is_set():
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)

        web.routes["/"] = flood
        with pytest.raises(TimedOut):
            perform(api(web.port), 0.2, request="GET /")

    def test_200_mb_are_not_read(self, web, api):
        sent = []

        def flood(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 209715200\r\n\r\n")
            for _ in range(200):
                connection.sendall(bytes(2**20))
                sent.append(1)

        web.routes["/"] = flood
        with pytest.raises(TooLarge, match="larger than the 10MiB that are allowed") as caught:
            perform(api(web.port), request="GET /")
        assert caught.value.rung == "read"
        assert "max_body" in caught.value.hint
        assert len(sent) < 50

    def test_does_not_take_the_request(self, listen, api):
        with pytest.raises(TimedOut):
            perform(api(listen(listen.hang)), 0.2, request="POST /", body="x" * 20_000_000)

    def test_refuses_a_large_request_early(self, listen, api):
        def refuse(connection: socket.socket) -> None:
            connection.recv(10)
            connection.sendall(answer(b"", "413 Content Too Large", connection="close"))
            while connection.recv(2**20):
                pass

        assert perform(api(listen(refuse)), request="POST /", body="x" * 3_000_000).facts["status"] == 413

    @pytest.mark.parametrize("url", ["ftp://host/", "host:80", "http://", "http://h:p4ss/word@x/"])
    def test_bad_urls(self, url):
        with pytest.raises(CallError) as caught:
            perform(Rest(Settings(url=url)), request="GET /")
        assert "p4ss" not in str(caught.value)
        integration = Rest(Settings(url=url))
        assert integration.reproduce() == Request(request="GET /").reproduce(integration) == ""


class TestTls:
    def test_over_tls(self, listen, api, certificates):
        web = Web()
        port = listen(web, certificates.context(certificates.server()))
        integration = api(port, scheme="https", host="localhost", tls=Tls(ca=certificates.authority))
        first, second = (perform(integration, request="GET /") for _ in range(2))
        assert first.payload == {"ok": True}
        assert first.phases["tls"] > 0
        assert second.phases["tls"] == second.phases["connect"] == 0
        assert web.connections == 1
        assert f"--cacert {certificates.authority}" in integration.reproduce()

    def test_bad_certificate(self, listen, api, certificates):
        port = listen(Web(), certificates.context(certificates.server("expired", days=-2)))
        with pytest.raises(TlsFailed, match="has expired"):
            perform(api(port, scheme="https", tls=Tls(ca=certificates.authority)), request="GET /")
        assert perform(api(port, scheme="https", tls=Tls(verify=False)), request="GET /").facts["status"] == 200

    def test_client_certificate_that_is_missing(self, listen, api, certificates):
        context = certificates.context(certificates.server())
        context.load_verify_locations(certificates.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        port = listen(Web(), context)
        with pytest.raises(CallError) as caught:
            perform(api(port, scheme="https", tls=Tls(ca=certificates.authority)), request="GET /")
        assert isinstance(caught.value, (TlsFailed, Unreachable))
        ours = Tls(ca=certificates.authority, cert=certificates.server("client"))
        assert perform(api(port, scheme="https", tls=ours), request="GET /").facts["status"] == 200

    def test_silence_in_the_handshake(self, listen, api):
        with pytest.raises(TimedOut) as caught:
            perform(api(listen(listen.hang), scheme="https"), 0.1, request="GET /")
        assert caught.value.rung == "tls"


class TestConnections:
    def test_are_reused(self, web, api):
        integration = api(web.port)
        for _ in range(5):
            perform(integration, request="GET /")
        assert web.connections == 1

    def test_one_for_each_thread(self, web, api):
        integration = api(web.port)
        together = threading.Barrier(8)
        web.routes["/"] = lambda _: (together.wait(10) and OK) or OK
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(lambda _: perform(integration, request="GET /"), range(8)))
        assert [one.facts["status"] for one in seen] == [200] * 8
        assert web.connections == 8

    def test_closed_while_it_rested(self, web, api):
        closed = threading.Event()
        web.routes["/last"] = lambda it: it.sendall(OK) or it.shutdown(socket.SHUT_RDWR) or closed.set()
        integration = api(web.port)
        perform(integration, request="GET /last")
        assert closed.wait(5)
        assert perform(integration, request="POST /").facts["status"] == 200

    def test_closed_just_as_it_is_used(self, web, api):
        """A read is tried again on a new connection, a write is not: it might have been carried out."""
        web.routes["/gone"] = lambda _: None if web.connections == 1 else OK
        integration = api(web.port)
        perform(integration, request="GET /")
        assert perform(integration, request="GET /gone").facts["status"] == 200
        web.connections = 1
        with pytest.raises(Unreachable, match="without an answer"):
            perform(integration, request="POST /gone")

    def test_no_more_rest_than_allowed(self, web, api, monkeypatch):
        rest: RestingPlace[_wire.Wire] = RestingPlace(2)
        monkeypatch.setattr(_wire, "REST", rest)
        several = [api(web.port) for _ in range(4)]
        for integration in several:
            perform(integration, request="GET /")
        assert len(rest) == 2
        perform(several[0], request="GET /")
        assert web.connections == 5
        for integration in several:
            integration.close()
        assert len(rest) == 0

    def test_old_answers_do_not_mix(self, web, api):
        """What a server sends unasked is not taken for the answer to the next request."""
        web.routes["/"] = OK + b"HTTP/1.1 500 Late\r\ncontent-length: 0\r\n\r\n"
        integration = api(web.port)
        assert [perform(integration, request="GET /").facts["status"] for _ in range(3)] == [200] * 3


class TestProxy:
    @pytest.fixture
    def proxy(self, listen, web):
        heads = []

        def serve(connection: socket.socket) -> None:
            head = _read_request(connection)
            if not head:
                return
            heads.append(head)
            if head.startswith("CONNECT refused"):
                connection.sendall(answer(b"", "407 Proxy Authentication Required"))
            elif head.startswith("CONNECT"):
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _pump(connection, int(head.split()[1].rpartition(":")[2]))
            else:
                connection.sendall(OK)

        return listen(serve), heads

    def test_plain(self, proxy, api):
        port, heads = proxy
        integration = Rest(Settings(url="http://inner.example/base", proxy=f"http://ann:pr0xy-pass@127.0.0.1:{port}"))
        assert perform(integration, request="GET /x").facts["status"] == 200
        assert heads[0].startswith("GET http://inner.example:80/base/x HTTP/1.1\r\nhost: inner.example\r\n")
        assert "proxy-authorization: Basic " in heads[0]
        assert [rung.climb(5) for rung in integration.rungs()][-1] == "HTTP/1.1 200 OK"
        integration.close()

    def test_tunnel(self, proxy, listen, certificates):
        port, heads = proxy
        inner = listen(Web(), certificates.context(certificates.server()))
        tls = Tls(ca=certificates.authority)
        integration = Rest(Settings(url=f"https://localhost:{inner}", proxy=f"http://127.0.0.1:{port}", tls=tls))
        assert perform(integration, request="GET /").payload == {"ok": True}
        assert heads[0].startswith(f"CONNECT localhost:{inner} HTTP/1.1")
        integration.close()

    def test_refused(self, proxy):
        integration = Rest(Settings(url="https://refused", proxy=f"http://127.0.0.1:{proxy[0]}"))
        with pytest.raises(Rejected, match=r"the proxy .* refused the way to refused:443: status 407"):
            perform(integration, request="GET /")

    def test_of_the_environment_only_when_asked_and_never_for_loopback(self, monkeypatch, web, api, dead_port):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{dead_port}")
        assert perform(api(web.port), request="GET /").facts["status"] == 200
        assert perform(api(web.port, proxy="environment"), request="GET /").facts["status"] == 200
        with pytest.raises(Unreachable, match=f"127.0.0.1:{dead_port} refused"):
            perform(Rest(Settings(url="http://inner.example", proxy="environment")), request="GET /")
        monkeypatch.setenv("no_proxy", "inner.invalid")
        with pytest.raises(Unreachable, match="could not be resolved"):
            perform(Rest(Settings(url="http://inner.invalid", proxy="environment")), request="GET /")


def _pump(connection: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as other:
        back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
        back.start()
        _copy(connection, other)
        back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


class TestReproduction:
    def test_curl(self, web, api):
        integration = api(web.port, "/v1", auth=Auth(bearer=SecretStr("t0ken-two")), headers={"X-Tenant": "oak"})
        request = Request.model_validate({"request": "POST /residents", "json": {"name": "O'Neil"}})
        assert request.reproduce(integration) == (
            "curl -sS -i -X POST -H 'x-tenant: oak' -H \"authorization: Bearer $TOKEN\" "
            "-H 'content-type: application/json' --data-raw '{\"name\":\"O'\"'\"'Neil\"}' "
            f"http://127.0.0.1:{web.port}/v1/residents"
        )

    def test_switches(self, web, api):
        key = Auth(api_key=ApiKey(query="api-key", value=SecretStr("k3y-two")))
        integration = api(web.port, auth=key, follow_redirects=True, tls=Tls(verify=False), headers={"X-Token": "abcd"})
        assert Request(request="HEAD /?a=$b").reproduce(integration) == (
            'curl -sS -i --head -L --insecure -H "x-token: $X_TOKEN" '
            f'"http://127.0.0.1:{web.port}/?a=\\$b&api-key=$API_KEY"'
        )


class TestNativeClient:
    def test_talks_as_declared(self, web, api, caplog):
        caplog.set_level(logging.DEBUG)
        key = Auth(api_key=ApiKey(query="key", value=SecretStr("k3y-three")))
        client = api(web.port, "/v1", auth=key, headers={"X-Tenant": "oak"}).client
        assert isinstance(client, httpx.Client)
        web.routes["/v1/x"] = answer(gzip.compress(b'{"a":1}'), content_encoding="gzip")
        assert client.post("/x", json={"b": 2}, params={"p": 1}).json() == {"a": 1}
        assert web.seen[0].startswith("POST /v1/x?p=1&key=k3y-three HTTP/1.1")
        assert "x-tenant: oak" in web.seen[0]
        assert json.loads(web.seen[0].partition("\r\n\r\n")[2]) == {"b": 2}
        assert "k3y-three" not in caplog.text

    def test_own_headers_win(self, web, api):
        client = api(web.port, auth=Auth(bearer=SecretStr("t0ken-three"))).client
        client.get("/", headers={"Authorization": "Bearer mine"})
        assert "Bearer mine" in web.seen[0]
        assert "t0ken-three" not in web.seen[0]

    def test_talks_to_nobody_else(self, web, api):
        with pytest.raises(httpx.UnsupportedProtocol, match=r"talks to http://127\.0\.0\.1:.* only"):
            api(web.port).client.get("http://elsewhere.example/")

    def test_errors_are_those_of_httpx(self, listen, web, api, dead_port):
        web.routes["/garbage"] = b"hello\r\n\r\n"
        web.routes["/large"] = answer(bytes(5000))
        client = api(web.port, max_body="1KiB").client
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/garbage")
        with pytest.raises(httpx.ReadError):
            client.get("/large")
        with pytest.raises(httpx.ReadTimeout):
            api(listen(listen.hang)).client.get("/", timeout=0.05)
        with pytest.raises(httpx.ConnectError, match="refused the connection"):
            api(dead_port).client.get("/")

    def test_closing_twice_is_fine(self, web, api):
        integration = api(web.port)
        assert integration.client is integration.client
        integration.close()
        integration.close()
