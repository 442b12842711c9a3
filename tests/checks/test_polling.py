"""What becomes true later, and what does not."""

from __future__ import annotations

import socket
import threading
from itertools import pairwise
from typing import Any

import pytest

from pytest_sysint.checks._operation import Judged
from pytest_sysint.core.check import Poll
from pytest_sysint.core.errors import Garbled
from pytest_sysint.core.registry import types
from pytest_sysint.expectations import compile_expectation

READY = {"status": 200, "$.ready": True}


def judged(raw: Any, poll: str = "30s", **keys: Any) -> Judged:
    (request,) = [operation for operation in types().get("rest").operations if operation.key() == "request"]
    operation = request.model_validate({"request": "GET /job"})
    return Judged(operation, (compile_expectation(raw),), Poll.model_validate({"timeout": poll, **keys}))


def test_it_holds_after_some_polls(bench: Any, service: Any) -> None:
    service.answers["/job"] = [(404, {}), (200, {"ready": False}), (200, {"ready": True})]
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    outcome = judged(READY, interval="100ms", backoff=2.0)(talk)
    assert {item.status for item in outcome.assertions} == {"passed"}
    assert outcome.metrics["polls"] == 3
    assert outcome.metrics["waited_ms"] > 0
    assert talk.pauses == [0.1, 0.2]
    assert len(talk.exchanges) == 3
    assert [text.partition(": ")[2] for text in talk.said] == [
        "status was 404, expected 200",
        "$.ready was false, expected true",
    ]
    assert outcome.cause == ""


def test_it_holds_at_once(bench: Any, service: Any) -> None:
    service.answers["/job"] = (200, {"ready": True})
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    assert judged(READY)(talk).metrics["polls"] == 1
    assert talk.pauses == []


def test_it_never_holds(bench: Any, service: Any) -> None:
    service.answers["/job"] = (200, {"ready": False})
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    talk.on_sleep = threading.Event().wait
    outcome = judged(READY, "60ms", interval="10ms")(talk)
    assert [(item.name, item.status) for item in outcome.assertions] == [("status", "passed"), ("$.ready", "failed")]
    assert outcome.metrics["waited_ms"] >= 60
    assert outcome.metrics["polls"] >= 2
    assert outcome.cause.startswith("it did not hold within ")
    assert sum(talk.pauses) <= 0.06
    assert "/job" in outcome.reproduce


def test_pauses_grow_and_never_vanish(bench: Any, service: Any) -> None:
    service.answers["/job"] = [*[(404, {})] * 6, (200, {"ready": True})]
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    judged(READY, interval="0s", backoff=3.0)(talk)
    assert all(pause >= 0.01 for pause in talk.pauses)
    service.answers["/job"] = [*[(404, {})] * 6, (200, {"ready": True})]
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    judged(READY, "1h", interval="1ms", backoff=3.0)(talk)
    assert all(before <= after for before, after in pairwise(talk.pauses))


def test_a_warning_does_not_keep_it_polling(bench: Any, service: Any) -> None:
    service.answers["/job"] = (200, {"ready": True})
    talk = bench.talk(bench.declare("rest", {"url": service.url}))
    outcome = judged({"status": 200, "latency": {"warn": "< 1us"}})(talk)
    assert outcome.metrics["polls"] == 1


def test_a_service_that_is_not_up_yet_is_not_there_yet(bench: Any, service: Any, free_port: int) -> None:
    """Nothing listens at first; after the second poll the port is served."""
    talk = bench.talk(bench.declare("rest", {"url": f"http://127.0.0.1:{free_port}"}))
    servers: list[socket.socket] = []

    def serve(seconds: float) -> None:
        if len(talk.pauses) == 2:
            server = socket.create_server(("127.0.0.1", free_port))
            servers.append(server)
            threading.Thread(target=answer, args=(server,), daemon=True).start()

    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            body = b'{"ready": true}'
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    talk.on_sleep = serve
    outcome = judged(READY)(talk)
    for server in servers:
        server.close()
    assert outcome.metrics["polls"] == 3
    assert {item.status for item in outcome.assertions} == {"passed"}
    assert all("tcp: " in text for text in talk.said)


def test_a_service_that_never_comes_up_fails_at_its_rung_and_is_not_retried(bench: Any, free_port: int) -> None:
    talk = bench.talk(bench.declare("rest", {"url": f"http://127.0.0.1:{free_port}"}))
    talk.on_sleep = threading.Event().wait
    outcome = judged(READY, "30ms", interval="10ms")(talk)
    assert [(item.name, item.status) for item in outcome.assertions] == [("tcp", "failed")]
    assert outcome.rung == "tcp"
    assert outcome.cause.startswith("it did not hold within ")
    assert ";" in outcome.cause


def test_what_will_never_be_better_ends_the_polling(bench: Any, garbage: int) -> None:
    talk = bench.talk(bench.declare("rest", {"url": f"http://127.0.0.1:{garbage}"}))
    with pytest.raises(Garbled) as caught:
        judged(READY)(talk)
    assert talk.pauses == []
    assert caught.value.partial.cause
