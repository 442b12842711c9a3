"""The gate: what the results of a run come to. Passed, blocked, or inconclusive: zero evidence is never green.

The verdict follows from failures and errors alone. A check that was blocked counts with the failure at its root, once.
What was not available or skipped is said, and does not block.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from pytest_sysint.core.records import SEVERITIES, Gate, IntegrationRecord, Result, Run, Severity, Verdict

EXIT_CODES: dict[Verdict, int] = {"passed": 0, "blocked": 1, "inconclusive": 7}
"""What the process ends with for each verdict."""


_LONGEST = 300


def judge(
    run: Run,
    results: Sequence[Result],
    integrations: Iterable[IntegrationRecord] = (),
    *,
    block_on: Severity = "low",
) -> Gate:
    """The verdict on a run, and its reasons as sentences, the weightiest first.

    `block_on`: a failure or error of this severity or above blocks.
    """
    known = {integration.id: integration for integration in integrations}
    failed = [result for result in results if result.status in ("failed", "error")]
    passed = [result for result in results if result.status == "passed"]
    held_up = _held_up(results)
    reach = SEVERITIES.index(block_on)
    # A failure below the threshold still blocks when it kept a check above the threshold from running.
    blocking = [
        result
        for result in failed
        if min(map(_rank, (result, *held_up.get(result.integration_id, ())))) <= reach
    ]  # fmt: skip
    tolerated = len(failed) - len(blocking)
    reasons = [
        *_failures(blocking, held_up, known),
        *_if(tolerated, f"{_checks(tolerated)} failed below the severity that blocks ({block_on})"),
        *_unfinished(run),
        *_evidence(results, passed, failed),
        *_absent(known.values()),
        *_unchecked(known, results),
        *_skipped(results),
    ]
    return Gate(verdict=_verdict(run, bool(blocking), bool(passed or failed)), reasons=tuple(reasons))


def exit_code(gate: Gate) -> int:
    """What the process ends with: 0 passed, 1 blocked, 7 inconclusive."""
    return EXIT_CODES[gate.verdict]


def _verdict(run: Run, blocked: bool, judged: bool) -> Verdict:
    if blocked:
        return "blocked"
    return "passed" if judged and not run.interrupted else "inconclusive"


def _rank(result: Result) -> int:
    return SEVERITIES.index(result.severity)


def _held_up(results: Iterable[Result]) -> dict[str, list[Result]]:
    """The blocked results by the integration at their root."""
    found = defaultdict(list)
    for result in results:
        if result.status == "blocked":
            found[result.blocked_by].append(result)
    return dict(found)


def _failures(
    blocking: Iterable[Result], held_up: dict[str, list[Result]], known: dict[str, IntegrationRecord]
) -> list[str]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in blocking:
        groups[result.integration_id].append(result)
    heaviest_first = sorted(groups.items(), key=lambda group: (min(map(_rank, group[1])), -len(group[1])))
    return [_failure(name, group, held_up.get(name, []), known) for name, group in heaviest_first]


def _failure(
    integration_id: str, failed: list[Result], waiting: list[Result], known: dict[str, IntegrationRecord]
) -> str:
    worst = min(failed, key=_rank)
    type_name = known[integration_id].type if integration_id in known else worst.type
    place = (
        f"{integration_id} ({type_name})" if integration_id and type_name else integration_id or "hand-written tests"
    )
    severity = worst.severity if len({result.severity for result in failed}) == 1 else f"the worst {worst.severity}"
    message = " ".join(worst.error_message.split()) or worst.name
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    text = f"{place}: {_checks(len(failed))} failed ({severity}): {message}"
    return text + _then(waiting)


def _then(waiting: list[Result]) -> str:
    if not waiting:
        return ""
    others = sorted({result.integration_id for result in waiting})
    return f"; {_checks(len(waiting))} of {_listed(others)} could not run because of it"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _unfinished(run: Run) -> list[str]:
    return _if(run.interrupted, "the run was interrupted: what was left to do is not known to work")


def _evidence(results: Sequence[Result], passed: list[Result], failed: list[Result]) -> list[str]:
    if not results:
        return ["no check was run"]
    if not passed and not failed:
        counts = Counter(result.status for result in results)
        shown = " and ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))
        return [f"nothing was judged: {_checks(len(results))}, {shown}"]
    if failed:
        return []
    places = len({result.integration_id for result in passed if result.integration_id})
    where = f" on {places:,} integration{'s' if places != 1 else ''}" if places else ""
    return [f"{_checks(len(passed))}{where} passed, none failed"]


def _absent(integrations: Iterable[IntegrationRecord]) -> list[str]:
    return [f"{found.id} was not available: {found.unavailable}" for found in integrations if found.unavailable]


def _unchecked(known: dict[str, IntegrationRecord], results: Iterable[Result]) -> list[str]:
    checked = {result.integration_id for result in results}
    names = [name for name, found in known.items() if name not in checked and not found.unavailable]
    return _if(names and checked, f"without any check: {_listed(names)}")


def _skipped(results: Iterable[Result]) -> list[str]:
    count = sum(result.status == "skipped" for result in results)
    return _if(count, f"{_checks(count)} skipped")


def _checks(count: int) -> str:
    return f"{count:,} check{'' if count == 1 else 's'}"


def _if(said: object, sentence: str) -> list[str]:
    return [sentence] if said else []
