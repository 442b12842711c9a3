"""A database file of each test's own, and contracts declared against it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pika
import pytest

from pytest_sysint.core.check import Check, Outcome, RetryPolicy
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.registry import kinds, types
from pytest_sysint.declaration.model import DeclaredIntegration, Position
from pytest_sysint.declaration.provisioning import ProvisionSettings
from tests.contracts.care_api import Stage, serving
from tests.talk import Talk

HEALTHY = """
CREATE TABLE homes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE residents (
  id TEXT PRIMARY KEY,
  nhs_number VARCHAR(10) NOT NULL UNIQUE,
  home_id INTEGER NOT NULL REFERENCES homes(id) ON DELETE CASCADE,
  room INTEGER,
  born DATE DEFAULT CURRENT_DATE,
  CONSTRAINT nhs_number_length CHECK (length(nhs_number) = 10),
  UNIQUE (home_id, room)
);
CREATE INDEX residents_born ON residents (born);
CREATE VIEW occupancy AS SELECT home_id, count(*) AS n FROM residents GROUP BY home_id;
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES ('ae1027a6acf');
"""


@dataclass
class Desk:
    """Declares contracts of one integration, and runs their checks against the real thing."""

    folder: Path
    type: str
    settings: dict[str, Any]
    opened: list[Integration[Any]] = field(default_factory=list)
    talked: list[Talk] = field(default_factory=list)

    def declare(self, contract: Any, tenant: str = "shared") -> DeclaredIntegration:
        cls = types().get(self.type)
        return DeclaredIntegration(
            id="it", tenant=tenant, type=self.type, cls=cls, category=cls.category, name="It", description="",
            severity="critical", owner="", tags=("core",), depends_on=(), timeout=3.0, retry=RetryPolicy(),
            budget="calm", settings=cls.settings_model.model_validate(self.settings), provision=ProvisionSettings(),
            kinds={"contract": kinds().get("contract").read(contract, cls, self.folder)}, references=frozenset(),
            position=Position("sysint.yaml", 1, 1), folder=self.folder,
        )  # fmt: skip

    def checks(self, contract: Any, tenant: str = "shared") -> list[Check]:
        return list(kinds().get("contract").checks(self.declare(contract, tenant)))

    def run(self, contract: Any) -> Outcome:
        """The outcome of the one check of a contract, by a new client."""
        (check,) = self.checks(contract)
        return check.run(self.talk())

    def talk(self) -> Talk:
        cls = types().get(self.type)
        self.opened.append(cls(cls.settings_model.model_validate(self.settings)))
        self.talked.append(Talk(self.opened[-1]))
        return self.talked[-1]

    def judged(self, contract: Any) -> dict[str, Assertion]:
        return {each.name: each for each in self.run(contract).assertions}

    def failed(self, contract: Any) -> dict[str, str]:
        """Name -> message of each failed assertion."""
        return {name: each.message for name, each in self.judged(contract).items() if each.status == "failed"}


@dataclass
class Sqlite(Desk):
    """The same, with a database file."""

    def execute(self, sql: str) -> None:
        with closing(sqlite3.connect(self.folder / "care.db")) as connection:
            connection.executescript(sql)


@pytest.fixture
def channel(real_service: Callable[..., str]) -> Iterator[Any]:
    """A channel of somebody else's on the real RabbitMQ, which confirms what it takes."""
    with closing(pika.BlockingConnection(pika.URLParameters(real_service("rabbitmq", "local_binary")))) as connection:
        found = connection.channel()
        found.confirm_delivery()
        yield found


@pytest.fixture
def care(tmp_path: Path) -> Iterator[Sqlite]:
    """A database of homes and residents."""
    found = Sqlite(tmp_path, "sql", {"url": f"sqlite:///{tmp_path}/care.db"})
    found.execute(HEALTHY)
    yield found
    for integration in found.opened:
        integration.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """`desk("rest", url=..., ...)` is a desk for an integration of that type."""
    made: list[Desk] = []

    def make(type_name: str, folder: Path = tmp_path, **settings: Any) -> Desk:
        made.append(Desk(folder, type_name, settings))
        return made[-1]

    yield make
    for integration in (each for found in made for each in found.opened):
        integration.close()


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """One server for the applications of all tests, one at a time."""
    made = Stage()
    with serving(made) as made.url:
        yield made
