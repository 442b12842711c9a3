"""One supervisor a run: each service once, all of them gone afterwards, whatever ended the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pytest_sysint.core.errors import Unavailable
from pytest_sysint.provision import Provided, ServiceRequest, Services

Provide = Callable[..., Provided]
Ask = Callable[[str], dict[str, Any]]
Wait = Callable[[int], None]

CLIENT = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
from pathlib import Path
from pytest_sysint.provision import ServiceRequest, Services

services = Services(logs=Path(sys.argv[2]))
first = services.provide(ServiceRequest(id="first", type="stand_in", options={"options": {"words": "daemon"}}))
second = services.provide(ServiceRequest(id="second", type="stand_in", way="embedded"))
print(json.dumps({"urls": [first.url, second.url], "address": services.address()}), flush=True)
"""
WAIT = """
try:
    sys.stdin.read()
except KeyboardInterrupt:
    services.close()
    print("closed", flush=True)
"""
FORK = """
import time
fork = os.fork()
if fork:
    print(fork, flush=True)
time.sleep(600)
"""


class Client:
    """A process like pytest's that has two services running."""

    def __init__(self, logs: Path, ask: Ask) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT + WAIT, json.dumps([path for path in sys.path if path]), str(logs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        said = json.loads(self.process.stdout.readline())
        first, second = map(ask, said["urls"])
        self.folder = Path(said["address"]).parent
        self.supervisor = _parent(first["pid"])
        self.services = [first["pid"], first["daemon"], second["pid"]]
        self.all = [*self.services, self.supervisor, *_children(self.supervisor)]

    def end(self) -> str:
        said, _ = self.process.communicate()
        return said


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children(pid: int) -> list[int]:
    stats = (entry for entry in Path("/proc").glob("[0-9]*") if entry.name != str(os.getpid()))
    return [int(entry.name) for entry in stats if entry.exists() and _parent_or_none(entry) == pid]


def _parent_or_none(entry: Path) -> int | None:
    try:
        return _parent(int(entry.name))
    except OSError:
        return None


@pytest.fixture
def client(stand_ins: Path, tmp_path: Path, ask: Ask) -> Iterator[Client]:
    opened = Client(tmp_path / "logs", ask)
    yield opened
    opened.process.kill()
    opened.end()


def test_a_service_is_started_answers_and_is_gone_after_close(
    services: Services, provide: Provide, ask: Ask, wait_for_end: Wait
) -> None:
    provided = provide()
    about = ask(provided.url)
    assert provided.way == "local_binary"
    assert about["environment"]["STAND_IN_ID"] == "service"
    assert Path(about["cwd"], "prepared-by").read_text() == str(os.geteuid())
    folder = Path(services.address()).parent
    services.close()
    wait_for_end(about["pid"])
    assert not folder.exists()


def test_kill_9_of_the_client_leaves_nothing(client: Client, wait_for_end: Wait) -> None:
    client.process.kill()
    for pid in client.all:
        wait_for_end(pid)
    assert not client.folder.exists()


def test_kill_9_of_the_supervisor_leaves_nothing(client: Client, wait_for_end: Wait) -> None:
    os.kill(client.supervisor, signal.SIGKILL)
    for pid in client.all:
        wait_for_end(pid)
    assert not client.folder.exists()


def test_ctrl_c_reaches_the_supervisor_through_the_client_alone(client: Client, wait_for_end: Wait) -> None:
    os.killpg(client.process.pid, signal.SIGINT)
    assert client.end() == "closed\n"
    for pid in client.all:
        wait_for_end(pid)
    assert not client.folder.exists()


def test_sigint_does_not_end_the_supervisor_and_sigterm_does(client: Client, ask: Ask, wait_for_end: Wait) -> None:
    os.kill(client.supervisor, signal.SIGINT)
    joined = Services(logs=Path(), address=str(client.folder / "socket"))
    url = joined.provide(ServiceRequest(id="first", type="stand_in")).url
    assert ask(url)["pid"] == client.services[0]
    os.kill(client.supervisor, signal.SIGTERM)
    for pid in client.all:
        wait_for_end(pid)
    with pytest.raises(Unavailable, match="the supervisor of services is gone"):
        joined.provide(ServiceRequest(id="first", type="stand_in"))


def test_a_fork_that_holds_the_pipe_does_not_keep_services_alive(
    stand_ins: Path, tmp_path: Path, ask: Ask, wait_for_end: Wait
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT + FORK, json.dumps([path for path in sys.path if path]), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    pid = ask(json.loads(process.stdout.readline())["urls"][0])["pid"]
    held = int(process.stdout.readline())
    process.kill()
    wait_for_end(pid)
    os.kill(held, signal.SIGKILL)
    process.communicate()


def test_many_who_ask_at_once_start_one(services: Services, stand_ins: Path, tmp_path: Path, ask: Ask) -> None:
    joined = Services(logs=tmp_path, address=services.address())
    starts = tmp_path / "starts"
    request = ServiceRequest(id="one", type="stand_in", options={"options": {"words": f"meet:{starts}:1"}})
    with ThreadPoolExecutor(16) as pool:
        askers = [pool.submit(asked.provide, request) for asked in [services, joined] * 8]
        found = {asker.result().url for asker in askers}
    assert len(found) == 1
    assert len(starts.read_text().split()) == 1
    joined.close()
    assert ask(found.pop())["pid"], "the one who joined ends nothing"


def test_independent_services_start_in_parallel(provide: Provide, tmp_path: Path) -> None:
    """Each of the three listens only when the other two have been started."""
    words = f"meet:{tmp_path / 'met'}:3"
    with ThreadPoolExecutor(3) as pool:
        urls = {provided.url for provided in pool.map(lambda name: provide(name, words), ["a", "b", "c"])}
    assert len(urls) == 3


def test_a_service_that_dies_in_the_run_is_noticed(
    services: Services, provide: Provide, ask: Ask, wait_for_end: Wait
) -> None:
    pid = ask(provide().url)["pid"]
    assert services.died("service") == ""
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)
    assert services.died("service") == "was ended by SIGKILL"
    assert services.died("never asked for") == ""


def test_logs_are_shown_and_kept(services: Services, provide: Provide, tmp_path: Path) -> None:
    provide("team/cache")
    assert services.log_tail("team/cache", 1) == "listening, token none"
    assert services.log_tail("never asked for") == ""
    services.close()
    assert (tmp_path / "logs" / "team_cache.log").read_text() == "listening, token none\n"


def test_nothing_is_started_for_what_is_there(services: Services, tmp_path: Path) -> None:
    request = ServiceRequest(
        id="db", type="stand_in", url="stand-in://127.0.0.1:1", seed=str(tmp_path / "no such file")
    )
    assert services.provide(request) == Provided("stand-in://127.0.0.1:1", "existing")
    assert services.died("db") == ""


def test_services_never_asked_start_no_process(tmp_path: Path) -> None:
    services = Services(logs=tmp_path)
    assert services.died("db") == ""
    assert services.log_tail("db") == ""
    services.close()
    services.close()
    with pytest.raises(Unavailable, match="have been stopped"):
        services.provide(ServiceRequest(id="db", type="stand_in"))


def test_a_start_under_way_is_given_up_at_close(services: Services, provide: Provide, tmp_path: Path) -> None:
    met = tmp_path / "met"
    errors: list[BaseException] = []

    def start() -> None:
        try:
            provide(words=f"meet:{met}:2")
        except Unavailable as error:
            errors.append(error)

    starter = threading.Thread(target=start)
    starter.start()
    while not met.exists():
        assert starter.is_alive()
    services.close()
    starter.join()
    assert len(errors) == 1
    assert not Path(f"/proc/{met.read_text().strip()}").exists()


def test_a_seed_is_loaded(provide: Provide, ask: Ask, tmp_path: Path) -> None:
    seed = tmp_path / "data.txt"
    seed.write_text("rows")
    assert Path(ask(provide(seed=str(seed)).url)["cwd"], "seeded").read_text() == "rows"


@pytest.mark.parametrize(("text", "why"), [("broken", "there is no table 'broken'"), (None, "No such file")])
def test_a_seed_that_fails_names_the_file_and_the_error(
    provide: Provide, tmp_path: Path, text: str | None, why: str
) -> None:
    seed = tmp_path / "data.txt"
    if text is not None:
        seed.write_text(text)
    with pytest.raises(Unavailable) as caught:
        provide(seed=str(seed))
    assert str(seed) in caught.value.message
    assert why in caught.value.message


def test_the_same_answer_for_everybody_when_it_cannot_be(provide: Provide) -> None:
    messages = set()
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            provide(type="stand_in_absent")
        messages.add(str(caught.value))
    assert len(messages) == 1
    hint = messages.pop()
    assert "set its `url:`" in hint
    assert "install absent-server (not on PATH nor in /opt/absent/*/bin)" in hint
    assert "install the Python module absent_package" in hint
    assert len(hint.splitlines()) == 2


def test_a_mistake_of_a_type_is_said_and_its_service_is_ended(
    services: Services, provide: Provide, tmp_path: Path, wait_for_end: Wait
) -> None:
    starts = tmp_path / "starts"
    with pytest.raises(Unavailable, match="unexpected TypeError: a mistake of the type's author"):
        provide(words=f"puzzling meet:{starts}:1")
    wait_for_end(int(starts.read_text()))
    assert provide("other").url


def test_a_supervisor_that_cannot_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    services = Services(logs=tmp_path)
    with pytest.raises(Unavailable, match=r"the supervisor of services did not start \(exit code 1\)"):
        services.address()
    services.close()


def test_a_secret_is_never_shown(services: Services, provide: Provide, tmp_path: Path, ask: Ask) -> None:
    secret = "correct-horse-battery"
    command = {"command": "{python} " + str(Path(__file__).with_name("stand_ins") / "stand_in_server.py") + " {port}"}
    environment = {"STAND_IN_TOKEN": secret}
    good = provide("good", options=command, environment=environment)
    assert ask(good.url)["environment"]["STAND_IN_TOKEN"] == secret
    with pytest.raises(Unavailable) as caught:
        provide("bad", options={"command": command["command"] + " die", "environment": environment})
    assert "cannot read the licence file ***" in str(caught.value)
    assert services.log_tail("good") == "listening, token ***"
    for pid in (_parent(ask(good.url)["pid"]), ask(good.url)["pid"]):
        assert secret.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    services.close()
    kept = "".join(log.read_text() for log in (tmp_path / "logs").iterdir())
    assert "licence" in kept
    assert secret not in kept
