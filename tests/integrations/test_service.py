"""The type `service`: the health endpoint, found and understood."""

from __future__ import annotations

import json
import socket

import pytest

from pytest_sysint.core.errors import Rejected
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._http import Request
from pytest_sysint.integrations.service import Service, Settings, health_of


@pytest.fixture
def service(listen):
    """`service({"/health": (200, {...})}, ...)`: a service with these routes, and 404 for all others."""
    made = []

    def make(routes: dict[str, tuple[int, object]], **settings) -> Service:
        def handle(connection: socket.socket) -> None:
            while text := connection.recv(65536).decode():
                asked.append(text.split()[1])
                status, body = routes.get(asked[-1], (404, ""))
                content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                kind = "text/plain" if isinstance(body, str) else "application/json"
                head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(content)}\r\n\r\n"
                connection.sendall(head.encode() + content)

        asked: list[str] = []
        made.append(Service(Settings(url=f"http://127.0.0.1:{listen(handle)}", **settings)))
        made[-1].asked = asked
        return made[-1]

    yield make
    for integration in made:
        integration.close()


def climb(integration: Service) -> dict[str, str]:
    return {rung.name: rung.climb(2) for rung in integration.rungs()}


def test_it_is_registered():
    assert types().get("service") is Service
    assert Service.category == "internal_service"
    assert Request in Service.operations


@pytest.mark.parametrize("path", ["/health", "/healthz", "/actuator/health", "/_health", "/livez"])
def test_the_usual_places(service, path):
    integration = service({path: (200, {"status": "UP"})})
    assert climb(integration)["read"] == f"{path}: up"
    integration.asked.clear()
    climb(integration)
    assert integration.asked == ["/", path]
    assert integration.reproduce().endswith(path)


def test_a_declared_place(service):
    integration = service({"/health": (200, "ok"), "/api/up": (200, {"status": "pass"})}, health_path="/api/up")
    assert climb(integration)["read"] == "/api/up: pass"


def test_without_a_health_endpoint(service):
    assert "set `health_path` to have one read" in climb(service({}))["read"]
    with pytest.raises(Rejected, match=r"/nowhere at .* says status 404"):
        climb(service({}, health_path="/nowhere"))


def test_a_place_that_others_may_not_read_is_passed_by(service):
    assert climb(service({"/health": (403, ""), "/healthz": (200, "OK")}))["read"] == "/healthz: ok"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, {"status": "DOWN", "components": {"db": {"status": "DOWN"}, "disk": {"status": "UP"}}}, "not well: db"),
        (200, {"status": "fail"}, "'fail'"),
        (200, {"healthy": False}, "'false'"),
        (200, "down\n", "'down'"),
        (500, "", "status 500"),
    ],
)
def test_a_service_that_says_it_is_not_well(service, status, body, said):
    with pytest.raises(Rejected, match=said) as caught:
        climb(service({"/health": (status, body)}))
    assert caught.value.rung == "read"


def test_degraded_holds_and_is_told(service):
    body = {"status": "degraded", "checks": [{"name": "cache", "status": "warn"}, {"name": "db", "status": "ok"}]}
    assert climb(service({"/health": (200, body)}))["read"] == "/health: degraded; not well: cache"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"status": "UP"}, ("up", [])),
        ({"Status": "Healthy", "entries": {"db": {"status": "Unhealthy"}}}, ("healthy", ["db"])),
        ({"status": "pass", "checks": {"db:time": [{"status": "pass"}, {"status": "fail"}]}}, ("pass", ["db:time"])),
        ({"ok": True, "services": {"a": "up", "b": False}}, ("true", ["b"])),
        ({"version": 1}, ("", [])),
        ([1], ("", [])),
        ("<html>", ("", [])),
        (None, ("", [])),
    ],
)
def test_health_documents(payload, expected):
    assert health_of(payload) == expected
