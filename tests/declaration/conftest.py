"""Declarations written for one test, and a type of their own for what no built-in type has."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.core.integration import Integration, Measure, Operation, Settings
from pytest_sysint.core.model import Declared, Secret
from pytest_sysint.core.registry import types
from pytest_sysint.core.units import Duration
from pytest_sysint.declaration import Declaration, load

Write = Callable[..., Path]


class Pool(Declared):
    size: int = Field(4, ge=1)
    idle: Duration = 1.0


class ProbeSettings(Settings):
    """Settings with a field of every sort that a declaration may hold."""

    schemes = ("probe", "probes")

    password: Secret | None = Field(None, description="How it knows us.")
    port: int = Field(0, ge=0, le=65535)
    ratio: float = 0.5
    strict: bool = True
    pool: Pool = Pool()
    hosts: tuple[str, ...] = ()
    mode: str | int | None = None


class Fetch(Operation):
    """Fetch something."""

    fetch: str
    deep: int = Field(1, ge=0)
    headers: dict[str, str] = Field(default_factory=dict)


class Store(Operation):
    store: str
    fetch: str = ""
    body: Any = None

    def effect(self) -> Any:
        return "write"


class Lag(Measure):
    """How far behind it is."""

    dimension = "duration"
    lag: Any


class Probe(Integration[ProbeSettings]):
    """A type of these tests."""

    category = "external_service"
    settings_model = ProbeSettings
    operations = (Fetch, Store, Lag)

    @property
    def client(self) -> Any:
        return None

    def rungs(self) -> Any:
        return ()


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Probe]]:
    """Registers the type `probe` as another package's entry point would."""
    monkeypatch.setitem(types()._joined, "probe", None)
    monkeypatch.setitem(types()._loaded, "probe", Probe)
    yield Probe


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """`write(text, name)` writes a declaration into a folder of its own, which is the working folder."""
    monkeypatch.chdir(tmp_path)

    def write_(text: str | bytes, name: str = "sysint.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    return write_


@pytest.fixture
def read(write: Write) -> Callable[..., Declaration]:
    """`read(text)` gives the declaration; `env` is empty unless given."""

    def read_(text: str, *, env: Mapping[str, str] | None = None, **options: Any) -> Declaration:
        (declaration,) = load([write(text)], env=env or {}, **options)
        return declaration

    return read_


@pytest.fixture
def problems(write: Write) -> Callable[..., list[str]]:
    """`problems(text)` gives what is wrong with it, each as `line:column path: message`; empty when nothing is."""

    def problems_(text: str | bytes, *, env: Mapping[str, str] | None = None, **options: Any) -> list[str]:
        try:
            load([write(text)], env=env or {}, **options)
        except DeclarationError as error:
            return [f"{each.line}:{each.column} {each.path}: {each.message}" for each in error.problems]
        return []

    return problems_
