"""The type `rest`: its ladder rung by rung, its measure, its settings."""

from __future__ import annotations

import socket

import pytest
from pydantic import SecretStr, ValidationError

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._auth import Auth
from pytest_sysint.integrations._http import CertificateExpiresIn
from pytest_sysint.integrations._tls import Tls
from pytest_sysint.integrations.rest import Rest, Settings


def respond(status: str = "200 OK", path: str = "", other: str = "404 Not Found", body: bytes = b"{}"):
    """A handler that answers one path in one way, and all others in another."""

    def handle(connection: socket.socket) -> None:
        while text := connection.recv(65536).decode():
            said = status if not path or text.split()[1] == path else other
            allowed = "authorization" not in text or "Bearer right" in text
            head = f"HTTP/1.1 {said if allowed else '401 Unauthorized'}\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    return handle


@pytest.fixture
def api(listen):
    made = []

    def make(handler=None, port=None, **settings) -> Rest:
        port = port or listen(handler or respond())
        made.append(Rest(Settings.model_validate({"url": f"http://127.0.0.1:{port}", **settings})))
        return made[-1]

    yield make
    for integration in made:
        integration.close()


def climb(integration: Rest, timeout: float = 2) -> dict[str, str]:
    return {rung.name: rung.climb(timeout) for rung in integration.rungs()}


def test_it_is_registered():
    assert types().get("rest") is Rest
    assert Rest.category == "api"


def test_ladder_holds(api):
    seen = climb(api(auth=Auth(bearer=SecretStr("right-one")), probe="/ready"))
    assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
    assert seen["authentication"] == "not refused (200)"
    assert seen["ping"] == "HTTP/1.1 200 OK"
    assert seen["read"] == "200, 2 bytes"


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "401 Unauthorized", "404 Not Found"])
def test_any_answer_below_500_is_a_ping(api, status):
    assert list(climb(api(respond(status)))) == ["dns", "tcp", "ping"]


def test_ping_breaks(api, listen):
    with pytest.raises(Rejected, match=r"answered HTTP/1\.1 503 Service Unavailable") as caught:
        climb(api(respond("503 Service Unavailable")))
    assert (caught.value.rung, caught.value.code, caught.value.transient) == ("ping", "503", False)
    with pytest.raises(Garbled):
        climb(api(lambda connection: connection.sendall(b"hello\r\n\r\n")))
    with pytest.raises(TimedOut) as late:
        climb(api(listen.hang), 0.1)
    assert late.value.rung == "ping"


def test_tcp_breaks(api, dead_port):
    with pytest.raises(CallError) as caught:
        climb(api(port=dead_port))
    assert caught.value.rung == "tcp"


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_authentication_breaks(api, status):
    with pytest.raises(Denied, match="refused the credentials") as caught:
        climb(api(respond(status), auth=Auth(bearer=SecretStr("wrong-token"))))
    assert caught.value.rung == "authentication"
    assert "wrong-token" not in str(caught.value)


def test_authentication_is_tried_where_it_matters(api):
    handler = respond("401 Unauthorized", path="/private", other="200 OK")
    with pytest.raises(Denied):
        climb(api(handler, headers={"Authorization": "Bearer right"}, probe="/private"))


def test_read_breaks(api):
    with pytest.raises(Rejected, match=r"GET /ready at .* gave 404 Not Found") as caught:
        climb(api(respond("200 OK", path="/"), probe="/ready"))
    assert caught.value.rung == "read"


def test_ladder_over_tls(api, listen, certificates):
    port = listen(respond(), certificates.context(certificates.server(days=30)))
    tls = Tls(ca=certificates.authority)
    seen = climb(api(url=f"https://localhost:{port}", tls=tls))
    assert list(seen) == ["dns", "tcp", "tls", "ping"]
    assert "certificate expires in 30 days" in seen["tls"]


@pytest.mark.parametrize("days", [30, -3])
def test_certificate_expires_in(api, listen, certificates, days):
    port = listen(respond(), certificates.context(certificates.server(f"for{days}", days=days)))
    integration = api(url=f"https://localhost:{port}")
    seen = CertificateExpiresIn(certificate_expires_in="> 14d").perform(integration, 2)
    assert abs(seen.payload / 86400 - days) < 0.1
    assert seen.facts["certificate_expires_in"] == seen.payload


def test_certificate_without_tls(api):
    assert CertificateExpiresIn(certificate_expires_in="> 14d").perform(api(), 2).payload is None


def test_reproduce(api):
    integration = api(port=9, probe="/ready", auth=Auth(bearer=SecretStr("right-one")))
    assert integration.reproduce() == 'curl -sS -i -H "authorization: Bearer $TOKEN" http://127.0.0.1:9/ready'


def test_settings():
    read = Settings.model_validate({"url": "http://x", "max_body": "2MiB", "auth": {"bearer": "abcd"}})
    assert read.max_body == 2 * 2**20
    assert "abcd" not in repr(read)
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": "http://x", "max_body": 5})
    assert all("description" in field for field in Settings.model_json_schema()["properties"].values())
