"""What the parts of one process share: options, declarations, services, connections."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.core.ledger import LEDGERS, SUFFIX, Ledger
from pytest_sysint.core.records import Effect, Result
from pytest_sysint.declaration import DeclaredIntegration
from pytest_sysint.engine.board import Board
from pytest_sysint.engine.connections import Connections, Provided
from pytest_sysint.provision import ServiceRequest, Services
from pytest_sysint.session.options import Options
from pytest_sysint.session.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Worker:
    """The place of this process among xdist's workers, as the controller told it."""

    name: str
    index: int | None
    """None for one that took the place of a worker that died."""
    count: int

    def share(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """What of all tests this process will be given: every n-th, see `session.xdist.Shares`."""
        return [] if self.index is None else items[self.index :: self.count]


@dataclass(frozen=True, slots=True)
class Existing:
    """An integration that was there before the run."""

    url: str
    way: str = "existing"
    detail: str = ""


@dataclass
class State:
    """One process of a run."""

    root: Path
    options: Options
    workspace: Workspace
    run_id: str
    shared: Path
    """A temporary folder that all processes of the run see."""
    supervisor: str = ""
    """Where the controller's supervisor listens; empty in the controller itself."""
    worker: Worker | None = None
    notices: list[str] = field(default_factory=list)
    result_of: Callable[[Any], Result] = field(init=False)
    """Waits for the result of a check item; set by the part that runs them."""
    handed: dict[str, Result] = field(default_factory=dict)
    """Results on their way from the runner to the records within this process, by node id."""
    down: Callable[[DeclaredIntegration], str] = lambda _: ""
    """The root of an integration's being down, empty when it is up; set by the part that runs the checks."""

    @classmethod
    def of(cls, config: pytest.Config) -> State:
        """The state of this process: its own, or what xdist's controller handed to a worker."""
        options = Options.of(config)
        workspace = Workspace(config, options)
        handed = getattr(config, "workerinput", {}).get("sysint")
        if handed is None:
            run_id = uuid.uuid4().hex[:12]
            shared = Path(tempfile.mkdtemp(prefix=f"sysint-{run_id}-"))
            return cls(config.rootpath, options, workspace, run_id, shared)
        told: dict[str, Any] = json.loads(handed)
        return cls(
            config.rootpath,
            options,
            workspace,
            told["run_id"],
            Path(told["shared"]),
            told["supervisor"],
            Worker(told["name"], told["index"], told["count"]),
        )

    def handover(self, name: str, index: int | None, count: int) -> str:
        """What the controller tells one worker: plain JSON, as xdist takes nothing else."""
        return json.dumps(
            {
                "run_id": self.run_id,
                "shared": str(self.shared),
                "supervisor": self.services.address(),
                "name": name,
                "index": index,
                "count": count,
            }
        )

    @cached_property
    def services(self) -> Services:
        """The run's started services; the supervisor process starts at the first need."""
        return Services(logs=self.options.reports_dir / "logs", address=self.supervisor)

    @cached_property
    def board(self) -> Board:
        """Where the workers of xdist tell each other about health."""
        return Board(self.shared / "board")

    @cached_property
    def connections(self) -> Connections:
        """The live integrations of all declarations, as far as their tenants are asked for."""
        allow: Mapping[str, frozenset[Effect] | None] = {
            item.id: each.environment.allow for each in self.workspace.declarations for item in each.integrations
        }
        return Connections(
            [item for each in self.workspace.declarations for item in each.integrations],
            self.provide,
            allow=allow,
            concurrency=self.options.concurrency,
            obituary=self._obituary,
        )

    @cached_property
    def ledger(self) -> Ledger:
        """What checks of this process have written and must undo; a file of its own for each process of a run."""
        name = f"{self.run_id}-{self.worker.name}" if self.worker else self.run_id
        return Ledger(self.options.reports_dir / LEDGERS / f"{name}{SUFFIX}", self.run_id)

    @property
    def opened(self) -> Connections | None:
        """The connections, when somebody has asked for them."""
        return self.__dict__.get("connections")

    def _obituary(self, integration_id: str) -> str:
        ended = self.services.died(integration_id)
        if not ended:
            return ""
        last = self.services.log_tail(integration_id, lines=5)
        return f"the service that was started for it {ended}" + (f"; its last lines: {last}" if last else "")

    def provide(self, declared: DeclaredIntegration) -> Provided:
        """Say where an integration is, or have it started.

        Raises:
            Unavailable: when it can be neither found nor started; the message says what would make it run.

        """
        if declared.settings.url:
            return Existing(declared.settings.url)
        provision = declared.provision.under(self.options.provision or "auto")
        if provision.way == "existing":
            raise Unavailable(f"integration '{declared.id}' has no url, and nothing may be started for it")
        # As in a command, paths start from pytest's rootdir: the declaration may stand anywhere below it.
        seed = str(self.root / provision.seed) if provision.seed else ""
        return self.services.provide(
            ServiceRequest(
                id=declared.id,
                type=declared.type,
                folder=str(self.root),
                way=provision.way,
                options=dict(provision.declared),
                seed=seed,
                timeout=provision.timeout,
            )
        )

    def budgets(self) -> dict[str, float]:
        """Calls a second by budget; the workers of xdist share each evenly."""
        among = self.worker.count if self.worker else 1
        return {name: rate / among for each in self.workspace.declarations for name, rate in each.budgets.items()}

    def close(self) -> None:
        """Close the clients, and in the process that began the run stop what was started."""
        if "ledger" in self.__dict__:
            self.ledger.close()
        if self.opened is not None:
            self.opened.close()
        if "services" in self.__dict__:
            self.services.close()


STATE = pytest.StashKey[State]()
