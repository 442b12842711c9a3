"""What all simulators share: scripted faults, the record of what was received, control endpoints, loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pytest_sysint.core.errors import Unavailable, UsageError
from pytest_sysint.simulators import _serve, cqc
from pytest_sysint.simulators._app import Asked


@pytest.fixture(scope="module")
def handle() -> Iterator[Any]:
    with cqc.served() as found:
        found.simulator.know("the-key")
        yield found


@pytest.fixture
def client(handle) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=handle.url, headers={"Ocp-Apim-Subscription-Key": "the-key"}, timeout=5) as made:
        yield made
    handle.simulator.clear()


def test_a_fault_is_met_as_often_as_was_said(handle, client):
    handle.simulator.fault("503", times=2)
    assert [client.get("/locations").status_code for _ in range(3)] == [503, 503, 200]
    handle.simulator.fault("500")
    assert [client.get("/locations").status_code for _ in range(2)] == [500, 500]
    handle.simulator.clear()
    assert client.get("/locations").status_code == 200


def test_a_fault_is_met_where_it_fits(handle, client):
    handle.simulator.fault("502", path="/providers$")
    handle.simulator.fault("504", headers={"user-agent": "unlucky"})
    assert client.get("/locations").status_code == 200
    assert client.get("/providers").status_code == 502
    assert client.get("/locations", headers={"User-Agent": "unlucky"}).status_code == 504


def test_broken_bodies_and_connections(handle, client):
    handle.simulator.fault("malformed", times=1)
    with pytest.raises(json.JSONDecodeError):
        client.get("/locations").json()
    handle.simulator.fault("cut", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/locations")
    handle.simulator.fault("slow", times=1, values={"seconds": 2})
    with pytest.raises(httpx.ReadTimeout):
        client.get("/locations", timeout=0.2)
    assert client.get("/locations").status_code == 200


def test_faults_are_set_and_taken_back_over_http(handle, client):
    control = f"{handle.origin}/_simulator/faults"
    told = {"fault": "429", "times": 1, "path": "/locations", "values": {"retry_after": 7}}
    listed = httpx.post(control, json=told).json()["faults"]
    assert listed == [{"fault": "429", "times": 1, "path": "/locations", "headers": {}}]
    assert client.get("/locations").headers["Retry-After"] == "7"
    assert client.get("/locations").status_code == 200
    httpx.post(control, json={"fault": "500"})
    assert httpx.delete(control).json() == {"faults": []}
    assert client.get("/locations").status_code == 200


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"fault": "lost_itme"}, "did you mean 'lost_item'"),
        ({"fault": "500", "path": "("}, "no regular expression"),
        ({"fault": "500", "often": 3}, "often"),
        ({"times": 3}, "expected a JSON map with the key 'fault'"),
        ([], "expected a JSON map"),
    ],
)
def test_what_is_no_fault_is_refused(handle, client, told, said):
    answer = httpx.post(f"{handle.origin}/_simulator/faults", json=told)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert handle.simulator.faults.listed() == []


def test_what_was_received_is_kept_without_what_authorizes(handle, client):
    client.get("/locations?page=1&perPage=2", headers={"X-Mark": "one", "Authorization": "Bearer secret"})
    client.post("/providers", json={"a": 1})
    first, second = handle.simulator.requests()
    assert (first["method"], first["path"], first["query"]) == (
        "GET",
        "/public/v1/locations",
        {"page": "1", "perPage": "2"},
    )
    assert first["headers"]["x-mark"] == "one"
    assert "the-key" not in json.dumps([first, second])
    assert "secret" not in json.dumps([first, second])
    assert (second["body"], second["status"]) == ('{"a":1}', 404)
    assert handle.simulator.requests(x_mark="one") == [first]
    control = f"{handle.origin}/_simulator/requests"
    assert httpx.get(control, params={"header": "X-Mark:one"}).json() == {"requests": [first]}
    httpx.delete(control)
    assert handle.simulator.requests() == []


def test_it_says_what_it_is_and_what_it_does_not_have(handle):
    assert httpx.get(f"{handle.origin}/_simulator").json() == {"simulator": "cqc"}
    assert httpx.get(f"{handle.origin}/_simulator/nothing").status_code == 404


def test_it_listens_on_loopback_only_and_says_when_it_cannot(handle):
    assert handle.origin.startswith("http://127.0.0.1:")
    with pytest.raises(Unavailable, match="cannot listen on port"):
        _serve.serve(cqc.Cqc(), httpx.URL(handle.origin).port)


def test_it_can_be_asked_without_a_server():
    simulator = cqc.Cqc(faults=["open_without_key"])
    headers = {"user-agent": "a test"}
    answered = simulator.handle(Asked("GET", f"{cqc.BASE}/locations", (("perPage", "3"),), headers))
    assert (answered.status, len(answered.body["locations"])) == (200, 3)
    with pytest.raises(UsageError):
        cqc.Cqc(faults=["unheard_of"])
