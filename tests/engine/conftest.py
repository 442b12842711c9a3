"""The engine on its own: checks made here, integrations that are nothing but a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_sysint.core.check import Check, Context, Outcome, RetryPolicy
from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.records import Assertion, Result
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import Planned, requirements
from pytest_sysint.engine.runner import Runner

FAST = RetryPolicy.model_validate({"attempts": 3, "initial": "1ms", "max": "2ms"})
HELD = Outcome((Assertion(name="held", status="passed", message="held"),))


class Nothing:
    """A live integration that talks to nobody."""

    driver = ""

    def __init__(self, settings: Any, *, read_only: bool = False, concurrency: int = 1) -> None:
        self.settings = settings
        self.closed = False

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Stub:
    """As much of a declared integration as the engine looks at."""

    id: str
    tenant: str = "shared"
    depends_on: tuple[str, ...] = ()
    references: frozenset[str] = frozenset()
    settings: Any = field(default_factory=lambda: SimpleNamespace(url="test://there"))
    provision: Any = field(default_factory=lambda: SimpleNamespace(way="auto"))
    cls: Any = Nothing
    type: str = "nothing"
    category: str = "database"
    name: str = ""
    owner: str = ""
    severity: str = "high"
    unusable: str = ""
    position: Any = field(default_factory=lambda: SimpleNamespace(file="sysint.yaml", line=1, column=1))

    def resolve(self, urls: Any) -> Stub:
        return self

    def at(self, url: str) -> Stub:
        return replace(self, settings=SimpleNamespace(url=url))


@dataclass
class Bench:
    """Builds a plan and runs it."""

    declared: dict[tuple[str, str], Stub] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    runners: list[Runner] = field(default_factory=list)

    def integration(self, name: str, *depends_on: str, tenant: str = "shared") -> None:
        self.declared[name, tenant] = Stub(name, tenant, depends_on)

    def check(
        self, on: str, name: str, run: Callable[[Context], Outcome] = lambda _: HELD, *, order: int = 0, **more: Any
    ) -> str:
        tenant = more.pop("tenant", "shared")
        planned_more = {key: more.pop(key) for key in ("refused", "alone") if key in more}
        kind = "health" if order == 0 else "contract"
        nodeid = f"{on}::{kind}::{name}[{tenant}]"
        check = Check(name, name, kind, on, tenant, run, **{"retry": FAST, "timeout": 0.2, **more})
        declared: Any = self.declared[on, tenant]
        requires = requirements(self.declared.values())[on]  # type: ignore[arg-type]
        self.planned[nodeid] = Planned(nodeid, check, declared, order, requires=requires, **planned_more)
        return nodeid

    def runner(self, **options: Any) -> Runner:
        def provide(declared: Any) -> Any:
            if declared.id in self.missing:
                raise Unavailable(f"{declared.id} cannot be started", hint=self.missing[declared.id])
            return SimpleNamespace(url="test://there", way="existing", detail="")

        allow = {name: None for name, _ in self.declared}
        connections = Connections(self.declared.values(), provide, allow=allow)  # type: ignore[arg-type]
        runner = Runner(self.planned, connections, **{"concurrency": 8, **options})
        self.runners.append(runner)
        return runner

    def run(self, **options: Any) -> dict[str, Result]:
        runner = self.runner(**options)
        runner.start()
        return {nodeid: runner.result(nodeid) for nodeid in self.planned}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for runner in made.runners:
        runner.stop()
