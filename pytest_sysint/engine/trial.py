"""One check, from whether it may run at all to its result: attempts, back-off, breaker, budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from tenacity import Retrying, retry_if_exception, stop_after_attempt

from pytest_sysint.core.check import Outcome
from pytest_sysint.core.errors import CallError, Unavailable
from pytest_sysint.core.ledger import Ledger
from pytest_sysint.core.records import Attempt as AttemptRecord
from pytest_sysint.core.records import Result
from pytest_sysint.engine import recorder
from pytest_sysint.engine.attempt import Attempt, LogKeeper
from pytest_sysint.engine.breaker import Breaker
from pytest_sysint.engine.budget import Budget
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.health import HealthBook
from pytest_sysint.engine.page import CheckPage
from pytest_sysint.engine.plan import HEALTH, Planned
from pytest_sysint.engine.policy import may_try_again, only_latency_failed, wait_between
from pytest_sysint.engine.queue import Job


class Stopped(Exception):
    """The run was stopped while a check waited."""


class Trials:
    """Tries one check after the other, on whichever thread asks.

    Args:
        connections: the live integrations.
        health: what is known to be down.
        budgets: calls a second, by the budget's name.
        stop: set when the run is to end.
        worker: the name of this process under xdist.
        ledger: where checks put down what they write, before they do.

    """

    def __init__(
        self,
        connections: Connections,
        health: HealthBook,
        budgets: Mapping[str, Budget],
        stop: threading.Event,
        worker: str,
        ledger: Ledger | None = None,
    ) -> None:
        self._connections = connections
        self._health = health
        self._budgets = budgets
        self._stop = stop
        self._worker = worker
        self._ledger = ledger
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self.logs = LogKeeper()

    def run(self, job: Job) -> Result | None:
        """The result, or None when the job is to be tried again at the end of its phase. Never raises."""
        try:
            return self._run(job)
        except BaseException as error:  # noqa: BLE001 - pytest.fail() and sys.exit() too: a thread that dies leaves its job
            return recorder.crashed(job.planned, job.trace, error)

    def _run(self, job: Job) -> Result | None:
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
        for needed in planned.needs:
            if reason := self._connections.unavailable(needed):
                return recorder.skipped(planned, reason if needed == own else f"needs '{needed}': {reason}")
        for needed in planned.known_first:
            if root := self._health.root(needed, planned.check.tenant):
                return recorder.blocked(planned, root)
        if planned.order != HEALTH and not self._breaker(planned).allows():
            return recorder.blocked(planned, own)
        return None

    def _attempts(self, job: Job) -> Outcome:
        check, breaker = job.planned.check, self._breaker(job.planned)
        retrying = Retrying(
            stop=stop_after_attempt(1 if job.deferred else check.retry.attempts),
            wait=wait_between(check),
            retry=retry_if_exception(lambda error: isinstance(error, CallError) and may_try_again(check, error)),
            sleep=self._sleep,
            reraise=True,
        )
        outcome: Outcome = retrying(self._attempt, job, breaker)
        return outcome

    def _attempt(self, job: Job, breaker: Breaker) -> Outcome:
        check, number = job.planned.check, len(job.trace.attempts) + 1
        began, clock = datetime.now(UTC), time.perf_counter()
        message = rung = ""

        def say(text: str) -> None:
            job.progress = text

        page = CheckPage(self._ledger, job.planned, self._connections) if self._ledger is not None else None
        budget = self._budgets.get(check.budget)
        with Attempt(check, number, self._connections, budget, self._sleep, say, page) as attempt:
            try:
                outcome = check.run(attempt)
            except CallError as error:
                message, rung = error.message, error.rung
                (breaker.failed if error.transient else breaker.succeeded)()
                raise
            except BaseException as error:
                message = f"{type(error).__name__}: {error}"
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

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped
