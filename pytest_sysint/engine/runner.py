"""Runs the plan on worker threads, ahead of pytest's own sequence; each pytest item then waits for its own result.

A check may run when the integrations that it needs are ready and their health is known. What is found to be down blocks
everything that needs it, under the name of the one at the root.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from pytest_sysint.core.ledger import Ledger
from pytest_sysint.core.records import Result
from pytest_sysint.engine import recorder
from pytest_sysint.engine.board import Board
from pytest_sysint.engine.budget import Budget
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.health import HealthBook
from pytest_sysint.engine.plan import HEALTH, Planned
from pytest_sysint.engine.queue import Job, Queue
from pytest_sysint.engine.trial import Stopped, Trials

_BOARD_INTERVAL = 0.05
_WATCH_INTERVAL = 0.5
_LAST_MOMENT = 5.0
_PATIENCE = 10.0

_DOWN = frozenset({"start", "dns", "tcp", "tls", "host_key", "authentication", "ping"})
"""Rungs without which nothing else can be judged. An answer that merely displeases blocks nobody."""


class Runner:
    """The engine of one process.

    Args:
        planned: the whole plan, in pytest's order, node id by node id.
        connections: the live integrations.
        concurrency: how many checks run at once.
        budgets: calls a second, by the budget's name.
        board: where health is shared with the other processes of the run; None when there are none.
        worker: the name of this process under xdist.
        ledger: where checks put down what they write, before they do.

    """

    def __init__(
        self,
        planned: Mapping[str, Planned],
        connections: Connections,
        *,
        concurrency: int = 32,
        budgets: Mapping[str, float] | None = None,
        board: Board | None = None,
        worker: str = "",
        ledger: Ledger | None = None,
    ) -> None:
        self._jobs = {nodeid: Job(item, rank, alone=item.alone) for rank, (nodeid, item) in enumerate(planned.items())}
        self._connections = connections
        self._concurrency = concurrency
        self.budgets = {name: Budget(rate) for name, rate in (budgets or {}).items()}
        self._board = board
        self._health = HealthBook(planned.values())
        self._stop = threading.Event()
        self._queue = Queue(self._stop, self._hire)
        self._trials = Trials(connections, self._health, self.budgets, self._stop, worker, ledger)
        self._ledger = ledger
        self._threads = 0
        self._hiring = threading.Lock()

    # ---- called by pytest's side ----

    def start(self, nodeids: Iterable[str] | None = None) -> None:
        """Begin to run ahead: everything, or the share of this process."""
        logging.getLogger().addHandler(self._trials.logs)
        own = list(self._jobs if nodeids is None else nodeids)
        for nodeid in own:
            self._enqueue(self._jobs[nodeid])
        self._open_all(each for nodeid in own for each in self._jobs[nodeid].planned.needs)
        threading.Thread(target=self._watch, name="sysint-watch", daemon=True).start()
        if self._board is not None and (foreign := self._health.nodeids() - set(own)):
            threading.Thread(target=self._follow, args=(foreign,), name="sysint-board", daemon=True).start()

    def result(self, nodeid: str, waiting: Callable[[str], None] = lambda _: None) -> Result:
        """Wait for the result of one check; one that is not in this process's share is run now.

        `waiting` is called every few seconds of a long wait, with what is waited for.

        Raises:
            Stopped: when the run was stopped before the check was run.

        """
        job = self._jobs[nodeid]
        if job.result is None and not job.queued:
            self._enqueue(job)
            self._open_all(job.planned.needs)
        while not self._queue.wait(job, _PATIENCE):
            if self._stop.is_set():
                raise Stopped
            waiting(self._queue.waited_for(job))
        assert job.result is not None
        return job.result

    def stop(self) -> None:
        """Start nothing more, and give what runs a moment to come to its end."""
        self._stop.set()
        self._queue.drain(_LAST_MOMENT)
        if self._ledger is not None:
            self._ledger.wait(_PATIENCE)
        logging.getLogger().removeHandler(self._trials.logs)

    def down(self, integration_id: str, tenant: str, requires: Iterable[str]) -> str:
        """The root of its being down, as far as the health checks that have ended tell; empty when it is up."""
        roots = (self._health.root(each, tenant) for each in (integration_id, *requires))
        return next((root for root in roots if root), "")

    # ---- readiness ----

    def _enqueue(self, job: Job) -> None:
        planned = job.planned
        if planned.refused:
            job.result = recorder.skipped(planned, planned.refused)
            self._health_ended(planned, "")
            return
        health = {f"health:{each}" for each in planned.known_first if self._health.pending(each)}
        self._queue.add(job, {f"open:{each}" for each in planned.needs} | health)

    def _open_all(self, integration_ids: Iterable[str]) -> None:
        for each in dict.fromkeys(integration_ids):
            if not self._queue.reached(f"open:{each}"):
                threading.Thread(target=self._open, args=(each,), name=f"sysint-open-{each}", daemon=True).start()

    def _open(self, integration_id: str) -> None:
        self._connections.open(integration_id)
        self._queue.reach(f"open:{integration_id}")

    def _health_ended(self, planned: Planned, root: str) -> None:
        self._note_health(planned, root)  # first: a board that cannot be written must not hold up this process too
        if self._board is not None and planned.nodeid in self._health.nodeids():
            self._board.post(planned.nodeid, root)

    def _note_health(self, planned: Planned, root: str) -> None:
        if self._health.ended(planned, root):
            self._queue.reach(f"health:{planned.check.integration_id}")

    def _follow(self, foreign: set[str]) -> None:
        """Wait for the health checks of the other processes."""
        assert self._board is not None
        while foreign and not self._stop.wait(_BOARD_INTERVAL):
            for nodeid in list(foreign):
                if (root := self._board.read(nodeid)) is not None:
                    foreign.discard(nodeid)
                    self._note_health(self._jobs[nodeid].planned, root)

    # ---- the worker threads ----

    def _hire(self) -> None:
        """One more worker thread, while there are fewer than may run at once."""
        with self._hiring:
            if self._threads >= min(self._concurrency, len(self._jobs)) or self._stop.is_set():
                return
            self._threads += 1
            name = f"sysint-{self._threads}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (job := self._queue.take()) is not None:
            if not self._give(job, self._trials.run(job)):
                return  # it was abandoned meanwhile, and another thread has its place

    def _give(self, job: Job, result: Result | None) -> bool:
        taken = self._queue.give(job, result)
        if taken and result is not None:
            self._health_ended(job.planned, _root(job.planned, result))
        return taken

    def _watch(self) -> None:
        """Leave behind what does not end: no client library may hang the session."""
        while not self._stop.wait(_WATCH_INTERVAL):
            for job in self._queue.late():
                if self._give(job, recorder.abandoned(job.planned, job.trace, job.limit)):
                    with self._hiring:
                        self._threads -= 1
                    self._hire()


def _root(planned: Planned, result: Result) -> str:
    """The integration that this result shows to be down; empty when it shows none."""
    if result.status == "blocked":
        return result.blocked_by
    down = planned.check.decisive or result.rung in _DOWN
    if planned.order == HEALTH and result.status in ("failed", "error") and down:
        return planned.check.integration_id
    return ""
