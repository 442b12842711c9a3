from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.records import Assertion, AuditEvent, Gate, IntegrationRecord, Result, Run
from pytest_sysint.core.secrets import learn
from pytest_sysint.results.journal import Journal, read

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = Run(id="run-1", started_at=NOW, environment="local", tenants=("oakwood",))
PASSED = Gate(verdict="passed", reasons=("all well",))


def result(number: int, **more: Any) -> Result:
    return Result(
        **{
            "id": f"r{number}", "test_id": f"t{number}", "nodeid": f"a::b{number}", "name": "answers",
            "kind": "health", "integration_id": "db", "type": "postgresql", "category": "database",
            "tenant_id": "oakwood", "severity": "high", "status": "passed", "started_at": NOW, "timestamp": NOW,
            "execution_time": 12.5, **more,
        }
    )  # fmt: skip


def journal_of(path: Path, *results: Result) -> Journal:
    journal = Journal(path, RUN)
    for each in results:
        journal.add(each)
    return journal


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "made" / "on the way" / "sysint.journal.jsonl"
    database = IntegrationRecord(id="db", name="db", type="postgresql", category="database", url="postgresql://h/db")
    event = AuditEvent(entity_type="IntegrationTest", entity_id="t1", action="READ", user_id="me", timestamp=NOW)
    journal = journal_of(path, result(1), result(2, status="failed", error_message='it\'s "so"\n\u2028 é no'))
    journal.add(database)
    journal.add(event)
    ended = RUN.model_copy(update={"finished_at": NOW})
    assert journal.close(ended, PASSED, ("said",)) == ""

    records = read(path)
    assert records.run == ended
    assert records.gate == PASSED
    assert records.integrations == (database,)
    assert records.results == (result(1), result(2, status="failed", error_message='it\'s "so"\n\u2028 é no'))
    assert records.audit == (event,)
    assert records.notices == ("said",)
    assert [json.loads(line)["record"] for line in path.read_bytes().splitlines()] == [
        "run", "result", "result", "integration", "audit", "end",
    ]  # fmt: skip


def test_each_record_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path, RUN)
    for number in range(3):
        journal.add(result(number))
        assert len(path.read_text().splitlines()) == number + 2
    journal.close(RUN, PASSED)


def test_a_killed_run_is_recovered(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    script = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from pytest_sysint.core.records import Run, Result\n"
        "from pytest_sysint.results.journal import Journal\n"
        "run = Run(id='run-1', started_at=datetime.now(UTC)); journal = Journal(Path(sys.argv[1]), run)\n"
        f"data = {result(0).model_dump_json()!r}\n"
        "result = Result.model_validate_json(data)\n"
        "for number in range(10): journal.add(result.model_copy(update={'id': str(number)}))\n"
        "print('written', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    records = read(path)
    assert len(records.results) == 10
    assert records.run.interrupted
    assert records.run.finished_at == NOW
    assert records.gate.verdict == "inconclusive"
    assert records.notices == ("the run was cut short; 10 results recovered from its journal",)


def test_a_torn_last_line_is_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal_of(path, result(1), result(2)).close(RUN, PASSED)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:-20])
    records = read(path)
    assert [found.id for found in records.results] == ["r1"]
    assert records.notices[-1] == "the last line of the journal (3) was cut short and is left out"


def test_damaged_lines_are_left_out_and_said(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal_of(path, result(1)).close(RUN, PASSED)
    good = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'\xff\xfe\0\n[1]\n{"record":"result","data":[]}\n{"record":"result","data":{"id":"x"}}\n')
        file.write(b'{"record":"later","data":{}}\n')
    records = read(path)
    assert [found.id for found in records.results] == ["r1"]
    assert len(records.notices) == 5
    assert records.notices[0] == f"line {len(good.splitlines()) + 1} of the journal is damaged and is left out"
    assert records.notices[-1].endswith("is not of this version's format and is left out")


def test_a_result_written_twice_counts_as_last_written(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal_of(path, result(1), result(2), result(1, status="failed")).close(RUN, PASSED)
    assert [(found.id, found.status) for found in read(path).results] == [("r1", "failed"), ("r2", "passed")]


def test_values_that_json_does_not_know_come_back_readable(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    odd = Assertion(name="x", status="failed", message="m", expected=float("inf"), actual={"k": object, 1: b"\xff"})
    journal_of(path, result(1, metrics={"bad": float("nan"), "good": 1.0}, assertions=(odd,))).close(RUN, PASSED)
    (found,) = read(path).results
    assert found.metrics == {"good": 1.0}
    assert found.assertions[0].actual == {"k": "<class 'object'>", "1": "base64:/w=="}


def test_no_secret_is_written(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    learn("journal-canary-7!")
    journal_of(path, result(1, error_message="with journal-canary-7! refused")).close(RUN, PASSED)
    assert "journal-canary-7!" not in path.read_text()
    assert read(path).results[0].error_message == "with *** refused"


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(path, RUN)

    def write(start: int) -> None:
        for number in range(start, start + 100):
            journal.add(result(number, logs=("x" * 5000,)))

    threads = [threading.Thread(target=write, args=(start * 100,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.close(RUN, PASSED) == ""
    assert {found.id for found in read(path).results} == {f"r{number}" for number in range(800)}


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False)
    if mounted.returncode != 0:
        pytest.skip("this system does not let root mount a tmpfs (a container without CAP_SYS_ADMIN)")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_loses_no_whole_record_and_is_said(tiny_disk: Path) -> None:
    path = tiny_disk / "j.jsonl"
    journal = journal_of(path, *(result(number, logs=("x" * 5000,)) for number in range(30)))
    written = len(path.read_bytes().splitlines()) - 1
    assert 0 < written < 30
    assert journal.close(RUN, PASSED) == (
        f"the journal {path} could not be written: No space left on device; "
        f"{30 - written} results are only in this report"
    )
    records = read(path)
    assert len(records.results) == written
    assert records.notices == (f"the run was cut short; {written} results recovered from its journal",)


def test_a_disk_that_has_room_again_gets_what_was_kept(tiny_disk: Path) -> None:
    filler = tiny_disk / "filler"
    filler.write_bytes(b"x" * 40_000)
    path = tiny_disk / "j.jsonl"
    journal = journal_of(path, *(result(number, logs=("x" * 5000,)) for number in range(8)))
    assert "No space left on device" in journal.problem
    filler.unlink()
    journal.add(result(8))
    assert journal.problem == ""
    assert journal.close(RUN, PASSED) == ""
    assert [found.id for found in read(path).results] == [f"r{number}" for number in range(9)]


def test_a_device_that_is_always_full() -> None:
    journal = journal_of(Path("/dev/full"), result(1))
    assert journal.close(RUN, PASSED) == (
        "the journal /dev/full could not be written: No space left on device; 1 result is only in this report"
    )


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = journal_of(tmp_path / "file" / "j.jsonl", result(1), result(2))
    assert journal.problem == (
        f"the journal {journal.path} could not be written: {tmp_path / 'file'} is not a folder; "
        "2 results are only in this report"
    )
    assert "2 results are only in this report" in journal.close(RUN, PASSED)


def test_what_comes_after_the_end_does_not_destroy_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = journal_of(path, result(1))
    journal.close(RUN, PASSED)
    journal.add(result(2))
    assert journal.problem.endswith("it was closed already; 1 result is only in this report")
    assert len(read(path).results) == 1


def test_the_journal_of_a_killed_run_is_kept_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal_of(path, result(1), result(2))  # and no end
    journal = journal_of(path, result(3))
    (aside,) = (found for found in tmp_path.iterdir() if found != path)
    assert journal.notice == f"an earlier run was cut short; what it had found is kept in {aside}"
    assert len(read(aside).results) == 2
    journal.close(RUN, PASSED)
    assert journal_of(path).notice == ""
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"not a journal", b'{"record":"result","data":{}}\n'])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(SysintError, match="is not a journal"):
        read(path)


def test_a_missing_journal_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SysintError, match="cannot be read: No such file or directory"):
        read(tmp_path / "none.jsonl")


def test_a_disk_that_reports_its_trouble_only_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_of(tmp_path / "j.jsonl", result(1))
    close = os.close

    def closing(file: int) -> None:
        close(file)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pytest_sysint.results.journal.os.close", closing)
    assert journal.close(RUN, PASSED).endswith("could not be written: No space left on device; all results are in it")


def test_an_earlier_journal_that_cannot_be_moved_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "j.jsonl"
    journal_of(path, result(1))

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    journal = journal_of(path, result(2))
    assert journal.notice == (
        f"an earlier run was cut short; its journal {path} could not be kept (Permission denied) and is written over"
    )
    assert [found.id for found in read(path).results] == ["r2"]
