"""The way `simulator`: in a process of its own, told by options how to behave, the last resort under `auto`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.provisioning import Embedded, LocalBinary, Running, Simulator
from pytest_sysint.core.registry import types, ways
from pytest_sysint.provision import Provided, ServiceRequest, Services
from pytest_sysint.provision._choose import in_turn

Provide = Callable[..., Provided]
BASES = {"nhs_pds": "/personal-demographics/FHIR/R4", "cqc": "/public/v1"}


def faults(provided: Provided) -> list[str]:
    origin = httpx.URL(provided.url).copy_with(path="/")
    return [each["fault"] for each in httpx.get(origin.join("/_simulator/faults")).json()["faults"]]


def test_auto_comes_to_it_and_its_process_ends_with_the_services(services: Services, provide: Provide) -> None:
    origins = []
    for type_name, base in BASES.items():
        provided = provide(type_name, type=type_name)
        assert (provided.way, provided.detail) == ("simulator", f"simulator {type_name}")
        assert provided.url.startswith("http://127.0.0.1:")
        assert provided.url.endswith(base)
        assert faults(provided) == []
        origins.append(httpx.URL(provided.url).copy_with(path="/_simulator"))
        assert httpx.get(origins[-1]).json()["simulator"] == type_name
    services.close()
    for origin in origins:
        with pytest.raises(httpx.ConnectError):
            httpx.get(origin)


def test_it_starts_with_the_faults_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, services: Services, provide: Provide
) -> None:
    monkeypatch.setenv("PYTEST_SYSINT_SIMULATOR_FAULTS", "duplicate_page,unordered")
    options = {"options": {"faults": "no_mirror, 503", "mode": "sandbox"}}
    provided = provide(type="nhs_pds", way="simulator", options=options)
    assert faults(provided) == ["no_mirror", "503", "unordered"]
    assert httpx.get(f"{provided.url}/Patient/9000000009").status_code == 503


def test_words_that_it_does_not_know_are_said(provide: Provide) -> None:
    with pytest.raises(Unavailable) as caught:
        provide(type="nhs_pds", way="simulator", options={"options": {"mode": "sandboxed"}})
    assert caught.value.message.startswith("unknown mode 'sandboxed', did you mean 'sandbox'?")


def test_a_type_without_one_says_so(provide: Provide) -> None:
    with pytest.raises(Unavailable, match="this type has no simulator"):
        provide(type="rest", way="simulator")


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = types().get("cqc")
    monkeypatch.setattr(cls, "recipes", (Simulator("pytest_sysint.simulators.cqc", ("absent_package",)),))
    request = ServiceRequest(id="register", type="cqc", way="simulator")
    assert ways().get("simulator").missing(cls, request) == "pip install 'pytest-sysint[cqc]'"


def test_it_is_the_last_resort(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: Any) -> Running:
        raise AssertionError

    cls = types().get("cqc")
    others = (Embedded("json", start), LocalBinary(("sh",), lambda *_: [], lambda _: ""))
    monkeypatch.setattr(cls, "recipes", (*cls.recipes, *others))
    names = [way.name for way in in_turn(cls, ServiceRequest(id="register", type="cqc"))]
    assert names == ["existing", "local_binary", "embedded", "simulator"]
