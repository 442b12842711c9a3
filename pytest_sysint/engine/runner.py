"""Runs the plan on worker threads, ahead of pytest's own sequence; each pytest item then waits for its own result.

A check may run when the integrations that it needs are ready and their health is known. What is found to be down blocks
everything that needs it, under the name of the one at the root.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.records import Attempt as AttemptRecord
from pytest_sysint.core.records import Result
from pytest_sysint.engine import recorder
from pytest_sysint.engine.attempt import Attempt, LogKeeper
from pytest_sysint.engine.board import Board
from pytest_sysint.engine.breaker import Breaker
from pytest_sysint.engine.budget import Budget
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.health import HEALTH, HealthBook
from pytest_sysint.engine.plan import Planned
from pytest_sysint.engine.policy import may_try_again, only_latency_failed, time_limit, wait_between

_BOARD_INTERVAL = 0.05
_WATCH_INTERVAL = 0.5
_LAST_MOMENT = 5.0
_PATIENCE = 10.0


class Stopped(Exception):
    """The run was stopped while a check waited."""


_DOWN = frozenset({"start", "dns", "tcp", "tls", "authentication", "ping"})
"""Rungs without which nothing else can be judged. An answer that merely displeases blocks nobody."""


@dataclass(slots=True, eq=False)
class _Job:
    planned: Planned
    rank: int
    waits: set[str] = field(default_factory=set)
    """Milestones that must be reached first: `open:<id>` and `health:<id>`."""
    alone: bool = False
    deferred: bool = False
    crowded: bool = False
    """Others ran at some time beside it."""
    started: float = 0.0
    limit: float = 0.0
    progress: str = ""
    """What the check says of itself while it runs."""
    trace: recorder.Trace = field(default_factory=recorder.Trace)
    result: Result | None = None
    """Set once; whatever comes later is dropped."""

    def __lt__(self, other: _Job) -> bool:
        return (self.planned.order, self.rank) < (other.planned.order, other.rank)


class Runner:
    """The engine of one process.

    Args:
        planned: the whole plan, in pytest's order, node id by node id.
        connections: the live integrations.
        concurrency: how many checks run at once.
        budgets: calls a second, by the budget's name.
        board: where health is shared with the other processes of the run; None when there are none.
        worker: the name of this process under xdist.

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
    ) -> None:
        self._jobs = {nodeid: _Job(item, rank, alone=item.alone) for rank, (nodeid, item) in enumerate(planned.items())}
        self._connections = connections
        self._concurrency = concurrency
        self.budgets = {name: Budget(rate) for name, rate in (budgets or {}).items()}
        self._board = board
        self._worker = worker
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._health = HealthBook(planned.values())
        self._ready: list[_Job] = []
        self._later: list[_Job] = []
        self._waiting: dict[str, list[_Job]] = {}
        self._reached: set[str] = set()
        self._running: set[_Job] = set()
        self._exclusive: _Job | None = None
        self._lock = threading.RLock()
        # Two conditions on one lock: who finds work does not wake those who wait for results, nor the reverse.
        self._work_there = threading.Condition(self._lock)
        self._result_there = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._threads = 0
        self._logs = LogKeeper()

    # ---- called by pytest's side ----

    def start(self, nodeids: Iterable[str] | None = None) -> None:
        """Begin to run ahead: everything, or the share of this process."""
        logging.getLogger().addHandler(self._logs)
        own = list(self._jobs if nodeids is None else nodeids)
        with self._lock:
            for nodeid in own:
                self._enqueue(self._jobs[nodeid])
            self._open_all({each for nodeid in own for each in self._needs(self._jobs[nodeid].planned)})
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
        with self._lock:
            if job.result is None and not self._is_known(job):
                self._enqueue(job)
                self._open_all(self._needs(job.planned))
            while job.result is None:
                if self._stop.is_set():
                    raise Stopped
                if not self._result_there.wait(_PATIENCE) and job.result is None:
                    waiting(self._waited_for(job))
            return job.result

    def _waited_for(self, job: _Job) -> str:
        if job.waits:
            return f"it waits for {', '.join(sorted(job.waits))}"
        since = f"for {time.monotonic() - job.started:.0f}s" if job in self._running else "not yet"
        return f"running {since}{f': {job.progress}' if job.progress else ''}"

    def stop(self) -> None:
        """Start nothing more, and give what runs a moment to come to its end."""
        self._stop.set()
        with self._lock:
            self._work_there.notify_all()
            self._result_there.notify_all()
            self._result_there.wait_for(lambda: not self._running, timeout=_LAST_MOMENT)
        logging.getLogger().removeHandler(self._logs)

    def down(self, integration_id: str, tenant: str, requires: Iterable[str]) -> str:
        """The root of its being down, as far as the health checks that have ended tell; empty when it is up."""
        roots = (self._health.root(each, tenant) for each in (integration_id, *requires))
        return next((root for root in roots if root), "")

    # ---- readiness: milestones ----

    def _needs(self, planned: Planned) -> tuple[str, ...]:
        return () if planned.refused else (planned.check.integration_id, *planned.requires)

    def _enqueue(self, job: _Job) -> None:
        planned = job.planned
        if planned.refused:
            job.result = recorder.skipped(planned, planned.refused)
            self._health_ended(planned, "")
            return
        job.waits = {f"open:{each}" for each in self._needs(planned)}
        known = planned.requires if planned.order == HEALTH else self._needs(planned)
        job.waits |= {f"health:{each}" for each in known if self._health.pending(each)}
        job.waits -= self._reached
        for milestone in job.waits:
            self._waiting.setdefault(milestone, []).append(job)
        if not job.waits:
            self._make_ready(job)

    def _is_known(self, job: _Job) -> bool:
        return bool(job.waits) or job in self._running or job in self._ready or job in self._later

    def _make_ready(self, job: _Job) -> None:
        heapq.heappush(self._ready, job)
        self._hire()
        self._work_there.notify()

    def _hire(self) -> None:
        """One more worker thread, while there are fewer than may run at once."""
        if self._threads < min(self._concurrency, len(self._jobs)) and not self._stop.is_set():
            self._threads += 1
            threading.Thread(target=self._work, name=f"sysint-{self._threads}", daemon=True).start()

    def _reach(self, milestone: str) -> None:
        with self._lock:
            self._reached.add(milestone)
            for job in self._waiting.pop(milestone, ()):
                job.waits.discard(milestone)
                if not job.waits and job.result is None:
                    self._make_ready(job)

    def _open_all(self, integration_ids: Iterable[str]) -> None:
        for integration_id in dict.fromkeys(integration_ids):
            if f"open:{integration_id}" not in self._reached:
                threading.Thread(
                    target=self._open, args=(integration_id,), name=f"sysint-open-{integration_id}", daemon=True
                ).start()

    def _open(self, integration_id: str) -> None:
        self._connections.open(integration_id)
        self._reach(f"open:{integration_id}")

    def _health_ended(self, planned: Planned, root: str) -> None:
        if self._board is not None and planned.nodeid in self._health.nodeids():
            self._board.post(planned.nodeid, root)
        self._note_health(planned, root)

    def _note_health(self, planned: Planned, root: str) -> None:
        if self._health.ended(planned, root):
            self._reach(f"health:{planned.check.integration_id}")

    def _follow(self, foreign: set[str]) -> None:
        """Wait for the health checks of the other processes."""
        assert self._board is not None
        while foreign and not self._stop.wait(_BOARD_INTERVAL):
            for nodeid in list(foreign):
                if (root := self._board.read(nodeid)) is not None:
                    foreign.discard(nodeid)
                    self._note_health(self._jobs[nodeid].planned, root)

    # ---- the worker threads ----

    def _work(self) -> None:
        while (job := self._take()) is not None:
            result = self._run(job)
            if not self._give(job, result):
                return  # it was abandoned meanwhile, and another thread has its place

    def _take(self) -> _Job | None:
        with self._lock:
            while not self._stop.is_set():
                if job := self._next():
                    self._running.add(job)
                    if len(self._running) > 1:
                        for each in self._running:
                            each.crowded = True
                    job.started = time.monotonic()
                    job.limit = time_limit(job.planned.check)
                    return job
                self._work_there.wait()
        return None

    def _next(self) -> _Job | None:
        """The next job that may start now, or None while it has to wait. Called under the lock."""
        if self._exclusive is not None:
            return None
        if not self._ready and not self._running and self._later:
            self._ready, self._later = sorted(self._later), []
            self._work_there.notify_all()
        if not self._ready:
            return None
        if self._ready[0].alone:
            if self._running:
                return None
            self._exclusive = self._ready[0]
        return heapq.heappop(self._ready)

    def _give(self, job: _Job, result: Result | None) -> bool:
        """Hand over a result; None puts the job off to the end of its phase. False when it came too late."""
        with self._lock:
            if job not in self._running:
                return False
            self._running.discard(job)
            if self._exclusive is job or (self._ready and self._ready[0].alone) or self._later:
                self._work_there.notify_all()
            if self._exclusive is job:
                self._exclusive = None
            if result is None:
                self._later.append(job)
            else:
                job.result = result
            self._result_there.notify_all()
        if result is not None:
            self._health_ended(job.planned, self._root(job.planned, result))
        return True

    def _watch(self) -> None:
        """Leave behind what does not end: no client library may hang the session."""
        while not self._stop.wait(_WATCH_INTERVAL):
            now = time.monotonic()
            with self._lock:
                late = [job for job in self._running if now - job.started > job.limit]
            for job in late:
                if self._give(job, recorder.abandoned(job.planned, job.trace, job.limit)):
                    with self._lock:
                        self._threads -= 1
                        self._hire()

    # ---- one check ----

    def _run(self, job: _Job) -> Result | None:
        planned = job.planned
        if early := self._not_runnable(planned):
            return early
        job.trace.worker = self._worker
        try:
            result = recorder.judged(planned, job.trace, self._attempts(job))
        except Unavailable as error:
            return recorder.skipped(planned, str(error))
        except CallError as error:
            if may_try_again(planned.check, error) and not job.deferred and not self._stop.is_set():
                job.deferred = True
                return None
            cause = self._connections.obituary(planned.check.integration_id) if error.transient else ""
            result = recorder.broken(planned, job.trace, error, cause)
        except Stopped:
            result = recorder.skipped(planned, "the run was stopped")
        except Exception as error:  # noqa: BLE001 - whatever a check raises must become a result
            result = recorder.crashed(planned, job.trace, error)
        if job.crowded and not job.alone and only_latency_failed(result):
            job.alone = job.trace.measured_alone = True
            return None
        return result

    def _not_runnable(self, planned: Planned) -> Result | None:
        own = planned.check.integration_id
        if root := self._connections.failed(own):
            if root == own and planned.order == HEALTH:
                return recorder.unstarted(planned, self._connections.unavailable(own))
            return recorder.blocked(planned, root)
        for needed in self._needs(planned):
            if reason := self._connections.unavailable(needed):
                return recorder.skipped(planned, reason if needed == own else f"needs '{needed}': {reason}")
        known = planned.requires if planned.order == HEALTH else self._needs(planned)
        for needed in known:
            if root := self._health.root(needed, planned.check.tenant):
                return recorder.blocked(planned, root)
        if planned.order != HEALTH and not self._breaker(planned).allows():
            return recorder.blocked(planned, own)
        return None

    def _attempts(self, job: _Job) -> Outcome:
        check, breaker = job.planned.check, self._breaker(job.planned)
        policy = check.retry
        retrying = Retrying(
            stop=stop_after_attempt(1 if job.deferred else policy.attempts),
            wait=wait_between(check),
            retry=retry_if_exception(lambda error: isinstance(error, CallError) and may_try_again(check, error)),
            sleep=self._sleep,
            reraise=True,
        )
        outcome: Outcome = retrying(self._attempt, job, breaker)
        return outcome

    def _attempt(self, job: _Job, breaker: Breaker) -> Outcome:
        check, number = job.planned.check, len(job.trace.attempts) + 1
        began, clock = datetime.now(UTC), time.perf_counter()
        budget = self.budgets.get(check.budget)
        message = rung = ""

        def say(text: str) -> None:
            job.progress = text

        with Attempt(check, number, self._connections, budget, self._sleep, say) as attempt:
            try:
                outcome = check.run(attempt)
            except CallError as error:
                message, rung = error.message, error.rung
                (breaker.failed if error.transient else breaker.succeeded)()
                raise
            else:
                breaker.succeeded()
                return outcome
            finally:
                job.trace.exchanges, job.trace.logs = attempt.exchanges, job.trace.logs + attempt.logs
                job.trace.attempts.append(
                    AttemptRecord(
                        number=number,
                        started_at=began,
                        ms=round((time.perf_counter() - clock) * 1000, 3),
                        status="failed" if message else "passed",
                        message=message,
                        rung=rung,
                    )
                )

    def _breaker(self, planned: Planned) -> Breaker:
        return self._breakers.setdefault((planned.check.integration_id, planned.check.tenant), Breaker())

    def _root(self, planned: Planned, result: Result) -> str:
        """The integration that this result shows to be down; empty when it shows none."""
        if result.status == "blocked":
            return result.blocked_by
        down = planned.check.decisive or result.rung in _DOWN
        if planned.order == HEALTH and result.status in ("failed", "error") and down:
            return planned.check.integration_id
        return ""

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
