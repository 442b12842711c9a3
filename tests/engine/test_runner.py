from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from pytest_sysint.core.check import Outcome, Poll, RetryPolicy
from pytest_sysint.core.errors import Denied, Rejected, TimedOut, Unreachable
from pytest_sysint.core.integration import Observation, Operation
from pytest_sysint.core.records import Assertion
from pytest_sysint.engine.board import Board
from pytest_sysint.engine.runner import Runner, Stopped

ONCE = RetryPolicy.model_validate({"attempts": 1, "initial": "1ms"})
HELD = Outcome((Assertion(name="held", status="passed", message="held"),))
BROKE = Outcome((Assertion(name="n", status="failed", message="n was 0, expected 1"),))
WARNED = Outcome((Assertion(name="latency", status="failed", message="slow", severity="warn"),))


def failing(error: BaseException, times: int = 1000) -> Any:
    left = [times]

    def run(_: Any) -> Outcome:
        if left[0]:
            left[0] -= 1
            raise error
        return HELD

    return run


def test_a_check_passes_fails_warns_or_judges_nothing(bench: Any) -> None:
    bench.integration("db")
    passed = bench.check("db", "passes")
    failed = bench.check("db", "fails", lambda _: BROKE)
    warned = bench.check("db", "warns", lambda _: WARNED)
    nothing = bench.check("db", "judges nothing", lambda _: Outcome(()))
    results = bench.run()
    assert results[passed].status == "passed", results[passed].logs
    assert (results[failed].status, results[failed].error_message) == ("failed", "n was 0, expected 1")
    assert (results[warned].status, results[warned].degraded) == ("passed", True)
    assert results[nothing].status == "error"


def test_an_unforeseen_exception_is_an_error_with_its_traceback(bench: Any) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "crashes", failing(ZeroDivisionError("by zero")))
    result = bench.run()[nodeid]
    assert result.status == "error"
    assert "ZeroDivisionError: by zero" in result.error_message
    assert "Traceback" in result.logs[0]


def test_connection_errors_are_tried_again_and_a_late_pass_is_flaky(bench: Any) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "recovers", failing(Unreachable("refused"), times=2))
    result = bench.run()[nodeid]
    assert (result.status, result.flaky) == ("passed", True)
    assert [attempt.status for attempt in result.attempts] == ["failed", "failed", "passed"]


def test_the_timeout_is_doubled_on_the_second_try(bench: Any) -> None:
    bench.integration("db")
    seen: list[float] = []

    def run(context: Any) -> Outcome:
        seen.append(context.timeout)
        if len(seen) == 1:
            raise TimedOut("no answer")
        return HELD

    bench.check("db", "slow", run, timeout=0.5)
    bench.run()
    assert seen == [0.5, 1.0]


def test_a_refusal_is_not_tried_again(bench: Any) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "denied", failing(Denied("wrong password")))
    result = bench.run()[nodeid]
    assert (result.status, result.rung, len(result.attempts)) == ("failed", "authentication", 1)
    assert result.assertions[-1].name == "authentication"


def test_what_is_down_blocks_what_needs_it_under_the_name_of_the_root(bench: Any) -> None:
    bench.integration("cache")
    bench.integration("api", "cache")
    bench.integration("site", "api")
    bench.integration("apart")
    root = bench.check("cache", "reachable", failing(Unreachable("refused")), decisive=True)
    own = bench.check("cache", "contract", order=10)
    near = bench.check("api", "reachable")
    far = bench.check("site", "pages", order=10)
    apart = bench.check("apart", "reachable")
    results = bench.run()
    assert (results[root].status, results[root].rung) == ("failed", "tcp")
    assert {results[each].status for each in (own, near, far)} == {"blocked"}
    assert {results[each].blocked_by for each in (own, near, far)} == {"cache"}
    assert results[apart].status == "passed"


def test_an_answer_that_displeases_blocks_nobody(bench: Any) -> None:
    bench.integration("db")
    bench.integration("api", "db")
    bench.check("db", "reachable", decisive=True)
    failed = bench.check("db", "rows", lambda _: BROKE)
    rejected = bench.check("db", "table", failing(Rejected("no such table")))
    after = bench.check("api", "reachable")
    results = bench.run()
    assert {results[failed].status, results[rejected].status} == {"failed"}
    assert results[after].status == "passed"


def test_being_down_for_one_tenant_does_not_block_another(bench: Any) -> None:
    for tenant in ("oakwood", "elmhurst"):
        bench.integration("api", tenant=tenant)
    bench.check("api", "reachable", failing(Denied("bad token")), decisive=True, tenant="oakwood")
    bench.check("api", "reachable", decisive=True, tenant="elmhurst")
    blocked = bench.check("api", "pages", order=10, tenant="oakwood")
    runs = bench.check("api", "pages", order=10, tenant="elmhurst")
    results = bench.run()
    assert (results[blocked].status, results[runs].status) == ("blocked", "passed")


def test_health_comes_before_the_rest(bench: Any) -> None:
    bench.integration("db")
    order: list[str] = []

    def note(name: str) -> Any:
        def run(_: Any) -> Outcome:
            order.append(name)
            return HELD

        return run

    bench.check("db", "later", note("contract"), order=10)
    bench.check("db", "first", note("health"))
    bench.run()
    assert order == ["health", "contract"]


def test_the_time_of_waiting_for_another_is_not_its_own(bench: Any) -> None:
    bench.integration("db")
    first = bench.check("db", "takes its time", lambda context: context.sleep(0.05) or HELD)
    second = bench.check("db", "waits for its health", order=10)
    results = bench.run()
    assert results[second].started_at >= results[first].timestamp


def test_what_cannot_be_provided_is_skipped_with_its_line_and_so_is_what_needs_it(bench: Any) -> None:
    bench.integration("queue")
    bench.integration("worker", "queue")
    bench.missing["queue"] = "apt install rabbitmq-server"
    own = bench.check("queue", "reachable")
    other = bench.check("worker", "reachable")
    results = bench.run()
    assert results[own].status == results[other].status == "skipped"
    assert "apt install rabbitmq-server" in results[own].skip_reason
    assert results[other].skip_reason.startswith("needs 'queue'")


def test_a_type_that_cannot_be_set_up_hangs_nobody(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.integration("odd")
    nodeid = bench.check("odd", "reachable")
    monkeypatch.setattr(bench.declared["odd", "shared"].cls, "driver", "no_such_module_here")
    result = bench.run()[nodeid]
    assert result.status == "skipped"
    assert "ModuleNotFoundError" in result.skip_reason


def test_a_refused_check_never_connects(bench: Any) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "writes", failing(AssertionError("it ran")), refused="production allows read only")
    runner = bench.runner()
    runner.start()
    assert runner.result(nodeid).skip_reason == "production allows read only"
    assert not runner._connections.records()


def test_a_refused_health_check_does_not_hold_back_the_rest(bench: Any) -> None:
    bench.integration("db")
    bench.check("db", "writes", refused="read only")
    after = bench.check("db", "reads", order=10)
    assert bench.run()[after].status == "passed"


def test_a_hanging_check_is_left_behind(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_sysint.engine.policy._LIMIT_MARGIN", 0.05)
    monkeypatch.setattr("pytest_sysint.engine.runner._WATCH_INTERVAL", 0.02)
    release = threading.Event()
    bench.integration("db")
    hangs = bench.check("db", "hangs", lambda _: (release.wait(30), HELD)[1], timeout=0.01)
    other = bench.check("db", "other")
    results = bench.run(concurrency=1)
    release.set()
    assert results[hangs].status == "error"
    assert "left behind" in results[hangs].error_message
    assert results[other].status == "passed"


def test_a_dead_connection_in_the_middle_opens_the_breaker(bench: Any) -> None:
    bench.integration("db")
    bench.check("db", "reachable", decisive=True)
    for number in range(12):
        bench.check("db", f"c{number}", failing(Unreachable("reset")), order=10, retry=ONCE)
    results = bench.run(concurrency=1)
    statuses = [result.status for nodeid, result in results.items() if "contract" in nodeid]
    assert "blocked" in statuses
    assert {result.blocked_by for result in results.values() if result.status == "blocked"} == {"db"}


def test_what_was_unreachable_is_tried_again_at_the_end_of_its_phase(bench: Any) -> None:
    bench.integration("late")
    bench.integration("other")
    done = threading.Event()

    def starts_late(_: Any) -> Outcome:
        if not done.is_set():
            raise Unreachable("refused")
        return HELD

    late = bench.check("late", "reachable", starts_late)

    def slow(_: Any) -> Outcome:
        time.sleep(0.1)
        done.set()
        return HELD

    bench.check("other", "reachable", slow)
    result = bench.run()[late]
    assert (result.status, result.flaky, len(result.attempts)) == ("passed", True, 4)


def test_a_latency_that_fails_beside_others_is_measured_again_alone(bench: Any) -> None:
    bench.integration("db")
    crowd: list[int] = []
    running = [0]
    barrier = threading.Barrier(2)

    def measured(_: Any) -> Outcome:
        crowd.append(running[0])
        if len(crowd) == 1:
            barrier.wait(5)
            return Outcome((Assertion(name="latency", status="failed", message="latency was 900ms"),))
        return HELD

    def neighbour(_: Any) -> Outcome:
        running[0] = 1
        barrier.wait(5)
        running[0] = 0
        return HELD

    nodeid = bench.check("db", "fast", measured)
    bench.check("db", "neighbour", neighbour)
    result = bench.run()[nodeid]
    assert (result.status, result.measured_alone) == ("passed", True)
    assert crowd[1] == 0


def test_checks_that_want_to_be_alone_are(bench: Any) -> None:
    bench.integration("db")
    running: set[str] = set()
    seen: list[set[str]] = []

    def run(name: str, alone: bool) -> Any:
        def body(_: Any) -> Outcome:
            running.add(name)
            if alone:
                seen.append(set(running))
            time.sleep(0.01)
            running.discard(name)
            return HELD

        return body

    for number in range(4):
        bench.check("db", f"c{number}", run(f"c{number}", False), order=10)
        bench.check("db", f"load{number}", run(f"load{number}", True), order=30, alone=True)
    bench.run()
    assert len(seen) == 4
    assert all(len(names) == 1 for names in seen)


class Calls(Operation):
    calls: str = ""

    def perform(self, integration: Any, timeout: float) -> Observation:
        return Observation({}, {"status": 200})


def test_a_budget_is_shared_and_counted(bench: Any) -> None:
    bench.integration("api")
    began = time.monotonic()

    def run(context: Any) -> Outcome:
        context.perform(Calls())
        return HELD

    for number in range(6):
        bench.check("api", f"c{number}", run, budget="nhs")
    runner = bench.runner(budgets={"nhs": 20.0})
    runner.start()
    for nodeid in bench.planned:
        runner.result(nodeid)
    assert runner.budgets["nhs"].spent == 6
    assert time.monotonic() - began >= 0  # spacing itself is held in test_budget.py, on a clock of its own


def test_stop_starts_nothing_more_and_wakes_who_waits(bench: Any) -> None:
    bench.integration("db")
    started = threading.Event()
    ran: list[int] = []

    def run(_: Any) -> Outcome:
        started.set()
        ran.append(1)
        time.sleep(0.05)
        return HELD

    nodeids = [bench.check("db", f"c{number}", run) for number in range(50)]
    runner = bench.runner(concurrency=1)
    runner.start()
    started.wait(5)
    runner.stop()
    count = len(ran)
    assert count < 50
    with pytest.raises(Stopped):
        runner.result(nodeids[-1])
    assert len(ran) == count


def test_a_polling_check_sleeps_until_the_run_is_stopped(bench: Any) -> None:
    bench.integration("db")
    waiting = threading.Event()

    def run(context: Any) -> Outcome:
        waiting.set()
        context.sleep(60)
        return HELD

    nodeid = bench.check("db", "polls", run, poll=Poll.model_validate({"timeout": "60s"}))
    runner = bench.runner()
    runner.start()
    waiting.wait(5)
    runner.stop()
    assert runner._jobs[nodeid].result is not None


def test_two_processes_share_what_they_know_of_health(bench: Any, tmp_path: Any) -> None:
    bench.integration("cache")
    bench.integration("api", "cache")
    root = bench.check("cache", "reachable", failing(Unreachable("refused")), decisive=True)
    near = bench.check("api", "reachable")
    one, two = (bench.runner(board=Board(tmp_path), worker=name) for name in ("gw0", "gw1"))
    two.start([near])
    one.start([root])
    assert one.result(root).status == "failed"
    assert two.result(near).blocked_by == "cache"
    assert two.result(near).status == "blocked"


def test_a_check_of_another_share_is_run_when_it_is_asked_for(bench: Any) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "left by a dead worker")
    runner: Runner = bench.runner()
    runner.start([])
    assert runner.result(nodeid).status == "passed"


@pytest.mark.parametrize("error", [SystemExit(3), pytest.fail.Exception("no"), KeyboardInterrupt()])
def test_a_check_that_ends_its_thread_is_an_error_at_once(bench: Any, error: BaseException) -> None:
    bench.integration("db")
    nodeid = bench.check("db", "exits", failing(error), alone=True)
    after = bench.check("db", "other", order=10)
    results = bench.run(concurrency=1)
    assert results[nodeid].status == "error"
    assert results[nodeid].error_message.startswith(type(error).__name__)
    assert [attempt.status for attempt in results[nodeid].attempts] == ["failed"]
    assert results[after].status == "passed"


def test_a_type_that_ends_its_thread_hangs_nobody(bench: Any) -> None:
    bench.integration("odd")
    nodeid = bench.check("odd", "reachable")
    cls = type("Ends", (bench.declared["odd", "shared"].cls,), {"__init__": lambda *_, **__: sys.exit(3)})
    bench.declared["odd", "shared"] = replace(bench.declared["odd", "shared"], cls=cls)
    result = bench.run()[nodeid]
    assert result.status == "skipped"
    assert "SystemExit" in result.skip_reason
