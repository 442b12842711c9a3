"""The jobs of a run: what each waits for, which may start now, which must be alone, and their results as they come."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pytest_sysint.core.records import Result
from pytest_sysint.engine import recorder
from pytest_sysint.engine.plan import Planned
from pytest_sysint.engine.policy import time_limit


@dataclass(slots=True, eq=False)
class Job:
    """One check on its way to its result."""

    planned: Planned
    rank: int
    waits: set[str] = field(default_factory=set)
    """Milestones that must be reached first: `open:<id>` and `health:<id>`."""
    queued: bool = False
    awaited: bool = False
    """Somebody waits for the result: the others' need not wake anyone."""
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

    def __lt__(self, other: Job) -> bool:
        return (self.planned.order, self.rank) < (other.planned.order, other.rank)


class Queue:
    """Hands out jobs in the order of the plan, as soon as what they wait for is reached. Safe from any thread.

    Args:
        stop: set once, when nothing more may start.
        hire: called when a job becomes ready, under the queue's lock.

    """

    def __init__(self, stop: threading.Event, hire: Callable[[], None]) -> None:
        self._stop = stop
        self._hire = hire
        self._ready: list[Job] = []
        self._later: list[Job] = []
        self._waiting: dict[str, list[Job]] = {}
        self._reached: set[str] = set()
        self._running: set[Job] = set()
        self._exclusive: Job | None = None
        self._lock = threading.RLock()
        # Two conditions on one lock: who finds work does not wake those who wait for results, nor the reverse.
        self._work_there = threading.Condition(self._lock)
        self._result_there = threading.Condition(self._lock)

    # ---- what may start ----

    def add(self, job: Job, waits: set[str]) -> None:
        """A job that may start when all it waits for is reached."""
        with self._lock:
            job.queued = True
            job.waits = waits - self._reached
            for milestone in job.waits:
                self._waiting.setdefault(milestone, []).append(job)
            if not job.waits:
                self._make_ready(job)

    def reach(self, milestone: str) -> None:
        """What waits for nothing else may start now."""
        with self._lock:
            self._reached.add(milestone)
            for job in self._waiting.pop(milestone, ()):
                job.waits.discard(milestone)
                if not job.waits and job.result is None:
                    self._make_ready(job)

    def reached(self, milestone: str) -> bool:
        """Whether it lies behind."""
        return milestone in self._reached

    def _make_ready(self, job: Job) -> None:
        heapq.heappush(self._ready, job)
        self._hire()
        self._work_there.notify()

    # ---- the worker threads' side ----

    def take(self) -> Job | None:
        """Wait for a job that may start; None when nothing more may."""
        with self._lock:
            while not self._stop.is_set():
                if job := self._next():
                    self._begin(job)
                    return job
                self._work_there.wait()
        return None

    def _begin(self, job: Job) -> None:
        self._running.add(job)
        if len(self._running) > 1:
            for each in self._running:
                each.crowded = True
        job.started, job.trace.started_at = time.monotonic(), datetime.now(UTC)
        job.limit = time_limit(job.planned.check)

    def _next(self) -> Job | None:
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

    def give(self, job: Job, result: Result | None) -> bool:
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
            if job.awaited or self._stop.is_set():
                self._result_there.notify_all()
        return True

    def late(self) -> list[Job]:
        """Those that have run for longer than they may."""
        now = time.monotonic()
        with self._lock:
            return [job for job in self._running if now - job.started > job.limit]

    # ---- pytest's side ----

    def wait(self, job: Job, patience: float) -> bool:
        """Until it has a result, nothing more may start, or `patience` seconds have passed: whether it has one."""
        with self._lock:
            job.awaited = True
            self._result_there.wait_for(lambda: job.result is not None or self._stop.is_set(), patience)
            return job.result is not None

    def waited_for(self, job: Job) -> str:
        """Why there is no result yet, in words."""
        with self._lock:
            if job.waits:
                return f"it waits for {', '.join(sorted(job.waits))}"
            since = f"for {time.monotonic() - job.started:.0f}s" if job in self._running else "not yet"
            return f"running {since}{f': {job.progress}' if job.progress else ''}"

    def drain(self, seconds: float) -> None:
        """After `stop` was set: wake everyone, and give what runs a moment to come to its end."""
        with self._lock:
            self._work_there.notify_all()
            self._result_there.notify_all()
            self._result_there.wait_for(lambda: not self._running, timeout=seconds)
