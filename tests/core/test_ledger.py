"""The ledger: on the disk before anything is written, readable whatever happens to its writer, gone when empty."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_sysint.core.errors import UsageError
from pytest_sysint.core.ledger import Ledger, find_ledgers, is_in_use, mark_undone, read_ledger
from pytest_sysint.core.secrets import learn

CHECK = {"integration": "api", "kind": "dataflow", "slug": "f", "tenant": "oak"}
ITEMS = [{"correlation": "a-1"}, {"correlation": "a-2"}, {"correlation": "a-3"}]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(tmp_path / "reports/ledger/run1.jsonl", "run1")
    yield found
    found.close()


def test_what_is_promised_can_be_read_before_anything_else_happens(ledger: Ledger) -> None:
    ledger.promise(CHECK, {"environment": "local"}, ITEMS)
    ((entry,), broken) = read_ledger(ledger.path)
    assert broken == 0
    assert entry.check == CHECK
    assert entry.about == {"run": "run1", "environment": "local"}
    assert [item["correlation"] for item in entry.items.values()] == ["a-1", "a-2", "a-3"]


def test_what_is_learnt_and_undone_is_known_to_the_reader_too(ledger: Ledger) -> None:
    name = ledger.promise(CHECK, {}, ITEMS)
    ledger.learn(name, 1, {"server_id": "srv-2"})
    ledger.undone(name, [0, 2])
    ((entry,), _) = read_ledger(ledger.path)
    assert entry.items == {1: {"correlation": "a-2", "server_id": "srv-2"}}
    assert [each.items for each in ledger.left()] == [entry.items]


def test_it_is_gone_when_nothing_is_left(ledger: Ledger) -> None:
    name = ledger.promise(CHECK, {}, ITEMS)
    ledger.undone(name, [0, 1, 2])
    ledger.close()
    assert not ledger.path.parent.exists()
    Ledger(ledger.path, "run2").close()
    assert not ledger.path.exists()


def test_it_stays_while_something_is_left(ledger: Ledger) -> None:
    ledger.promise(CHECK, {}, ITEMS)
    assert is_in_use(ledger.path)
    ledger.close()
    assert not is_in_use(ledger.path)
    assert find_ledgers([ledger.path.parent.parent]) == [ledger.path] == find_ledgers([ledger.path])
    ((entry,), _) = read_ledger(ledger.path)
    mark_undone(ledger.path, {entry.id: [0, 1]})
    ((entry,), _) = read_ledger(ledger.path)
    assert list(entry.items) == [2]
    mark_undone(ledger.path, {entry.id: [2]})
    assert not ledger.path.exists()


def test_a_line_that_was_cut_off_spoils_no_other(ledger: Ledger) -> None:
    ledger.promise(CHECK, {}, ITEMS)
    ledger.close()
    whole = ledger.path.read_text()
    for length in range(1, len(whole), 7):
        ledger.path.write_text(whole + whole[:length])
        entries, broken = read_ledger(ledger.path)
        assert len(entries) == 1
        assert broken == (length < len(whole) - 1)
        mark_undone(ledger.path, {entries[0].id: [0]})
        assert read_ledger(ledger.path)[0][0].items.keys() == {1, 2}


@pytest.mark.parametrize("line", ["[]", "5", '{"entry": 1}', '{"entry": "x", "undone": [1]}', "\x00\xff"])
def test_nonsense_in_it_is_counted(ledger: Ledger, line: str) -> None:
    ledger.promise(CHECK, {}, ITEMS)
    ledger.close()
    ledger.path.write_text(f"{line}\n" + ledger.path.read_text())
    entries, broken = read_ledger(ledger.path)
    assert (len(entries), broken) == (1, 1)


def test_no_secret_is_in_it(ledger: Ledger) -> None:
    learn("canary-77121")
    ledger.promise(CHECK, {"places": {"api": {"url": "http://h/canary-77121"}}}, [{"correlation": "canary-77121"}])
    assert "canary" not in ledger.path.read_text()


def test_the_end_waits_for_who_has_something_to_undo(ledger: Ledger) -> None:
    name, begun, go_on = ledger.promise(CHECK, {}, ITEMS), threading.Event(), threading.Event()

    def work() -> None:
        with ledger.held():
            begun.set()
            go_on.wait(10)
            ledger.undone(name, [0, 1, 2])

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(10)
    ledger.wait(0.01)  # nothing is undone meanwhile: patience has an end
    assert ledger.left()
    go_on.set()
    ledger.wait(10)
    assert not ledger.left()
    thread.join()
    ledger.wait(10)


def test_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_ledger(tmp_path / "none.jsonl")
