"""What all simulators share: scripted faults, the record of what was received, control endpoints, loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pytest_sysint.core.errors import Unavailable, UsageError
from pytest_sysint.core.provisioning import Place
from pytest_sysint.simulators import _serve, cqc, nhs_pds
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
        ({"fault": "500", "times": "3"}, "the fault '500' cannot be set: times: Input should be a valid integer"),
        ({"fault": "500", "times": -1}, "times"),
        ({"fault": "500", "path": 5}, "path"),
        ({"fault": "500", "headers": ["x"]}, "headers"),
        ({"fault": "slow", "values": {"seconds": "long"}}, "values.seconds"),
        ({"fault": "500", "name": "503"}, "name"),
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


@pytest.mark.parametrize(
    ("module", "options", "said"),
    [
        (nhs_pds, {"mode": "sandboxed"}, "unknown mode 'sandboxed', did you mean 'sandbox'?"),
        (nhs_pds, {"fault": "503"}, "unknown option 'fault' of the simulator of nhs_pds, did you mean 'faults'?"),
        (nhs_pds, {"faults": "503, no_miror"}, "unknown fault 'no_miror', did you mean 'no_mirror'?"),
        (nhs_pds, {"faults": "lost_item"}, "unknown fault 'lost_item'"),
        (cqc, {"rate": "fast"}, "the option 'rate' of a simulator is a whole number, and not 'fast'"),
        (cqc, {"locations": "²"}, "the option 'locations' of a simulator is a whole number, and not '²'"),
        (cqc, {"mode": "sandbox"}, "unknown option 'mode' of the simulator of cqc"),
    ],
)
def test_words_that_it_does_not_know_are_said(module, options, said, tmp_path):
    with pytest.raises(UsageError) as caught:
        module.from_options(Place("it", tmp_path, 0, options))
    assert caught.value.message.startswith(said)


def test_faults_of_the_environment_are_for_those_who_have_them(monkeypatch):
    monkeypatch.setenv(_serve.FAULTS_VARIABLE, "duplicate_page, no_mirror,503")
    assert _serve.faults_of({"faults": "slow"}, cqc.Cqc) == ["slow", "duplicate_page", "503"]
    assert _serve.faults_of({}, nhs_pds.Pds) == ["no_mirror", "503"]


def test_a_fault_of_the_environment_that_nobody_has_is_said(monkeypatch):
    monkeypatch.setenv(_serve.FAULTS_VARIABLE, "duplicate_page,no_miror")
    for simulator in (cqc.Cqc, nhs_pds.Pds):
        with pytest.raises(UsageError, match=r"SIMULATOR_FAULTS: unknown fault 'no_miror', did you mean 'no_mirror'\?"):
            _serve.faults_of({}, simulator)
