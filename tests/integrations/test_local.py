"""Type `local` on real folders: healthy ones, and folders broken in each way that it must see."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from pytest_sysint.core.capabilities import Stores
from pytest_sysint.core.errors import CallError, Denied, Rejected
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.provisioning import Embedded, Place
from pytest_sysint.integrations.local import TYPE, FreeRatio, FreeSpace, Local, Settings, explain

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can get to, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom permissions bind: root may do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def local(folder: Path, **settings: object) -> Local:
    return Local(Settings.model_validate({"url": folder.as_uri(), **settings}))


def climb(rungs: Iterator[Rung] | list[Rung]) -> list[str]:
    return [f"{rung.name}: {rung.climb(1.0)}" for rung in rungs]


def test_it_is_the_registered_type_and_stores() -> None:
    assert TYPE is Local
    assert isinstance(local(Path("/")), Stores)
    assert Local.category == "file_system"


def test_the_module_needs_no_driver(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None; import pytest_sysint.integrations.local as m; m.Settings(url='/x')"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


def test_ladder_of_a_healthy_folder(folder: Path) -> None:
    seen = climb(list(local(folder).rungs()))
    assert seen[:2] == [f"ping: folder {folder}", "read: empty"]
    assert seen[2].startswith("write: ")
    assert seen[2].endswith(" free")
    (folder / "a.txt").write_text("a")
    assert "read: it holds files or folders" in climb(list(local(folder).rungs()))
    assert [path.name for path in folder.iterdir()] == ["a.txt"], "a health check leaves no traces"


def test_ladder_says_that_the_folder_is_missing(folder: Path) -> None:
    with pytest.raises(Rejected, match="there is no such folder") as caught:
        climb(list(local(folder / "missing").rungs()))
    assert (caught.value.rung, caught.value.code) == ("ping", "ENOENT")


def test_ladder_says_that_it_is_a_file(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(Rejected, match="is no folder") as caught:
        climb(list(local(folder / "file").rungs()))
    assert caught.value.rung == "ping"


def test_ladder_says_that_it_cannot_be_read(folder: Path) -> None:
    folder.chmod(0o311)
    with unprivileged(), pytest.raises(Denied, match="may not read") as caught:
        climb(list(local(folder).rungs()))
    folder.chmod(0o755)
    assert caught.value.rung == "read"


def test_ladder_says_that_it_cannot_be_written(folder: Path) -> None:
    folder.chmod(0o555)
    with unprivileged(), pytest.raises(Denied, match="may not write") as caught:
        climb(list(local(folder).rungs()))
    assert caught.value.rung == "write"
    assert "writable: false" in caught.value.hint


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc, which nobody can write to")
def test_ladder_of_what_is_mounted_read_only_or_unwritable() -> None:
    with unprivileged(), pytest.raises(CallError) as caught:
        climb(list(local(Path("/proc")).rungs()))
    assert caught.value.rung == "write"


def test_the_write_rung_is_left_out_where_nothing_need_be_written(folder: Path) -> None:
    assert [rung.name for rung in local(folder, writable=False).rungs()] == ["ping", "read"]
    only_reading = Local(Settings(url=str(folder)), read_only=True)
    assert [rung.name for rung in only_reading.rungs()] == ["ping", "read"]


@pytest.mark.parametrize("url", ["http://x/y", "file://otherhost/x", "s3://b"])
def test_urls_of_another_sort_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="expected file:///path"):
        Settings(url=url)
    with pytest.raises(Rejected, match="expected file:///path"):
        climb(list(Local(Settings.model_construct(url=url)).rungs()))


def test_forms_of_the_url(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    spaced = folder / "with space"
    spaced.mkdir()
    assert local(spaced).root == spaced
    assert Local(Settings(url="with space")).root == spaced
    assert Local(Settings(url="file:with space")).root == spaced
    assert Settings(url="${integration:x.url}").url.startswith("$")


def test_measures(folder: Path) -> None:
    live = local(folder)
    space = FreeSpace(free_space="> 1B").perform(live, 1)
    ratio = FreeRatio(free_ratio="> 1%").perform(live, 1)
    assert space.facts["free_space"] == space.payload > 0
    assert 0 < ratio.facts["free_ratio"] <= 1
    with pytest.raises(Rejected) as caught:
        FreeSpace(free_space="> 1B").perform(local(folder / "missing"), 1)
    assert caught.value.code == "ENOENT"


def test_there_is_no_ratio_where_there_is_no_room() -> None:
    assert FreeRatio(free_ratio="> 1%").perform(local(Path("/proc")), 1).payload is None


def test_links_are_followed_only_within_the_folder(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner/real.txt").write_text("inside")
    (folder / "good").symlink_to(folder / "inner/real.txt")
    (folder / "bad").symlink_to("/etc/hostname")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder)
    live = local(folder)
    assert live.get("good", 1).payload == "inside"
    for verb in (live.get, live.stat, live.delete):
        with pytest.raises(Rejected, match="leads out of the folder"):
            verb("bad", 1)
    with pytest.raises(Rejected, match="leads out of the folder"):
        live.put("bad", b"x", 1)
    assert [row["path"] for row in live.list("", 1).payload] == ["good", "inner/real.txt"]


def test_what_is_no_file_is_said(folder: Path) -> None:
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    live = local(folder)
    for path in ("sub", "pipe"):
        with pytest.raises(Rejected, match="is no file but a") as caught:
            live.get(path, 1)
        assert caught.value.code == "EISDIR"
    assert live.get("sub/under/file", 1).facts["exists"] is False
    assert live.list("", 1).payload == []


def test_listing_goes_by_the_beginning_of_the_path(folder: Path) -> None:
    live = local(folder)
    for path in ("a/one.txt", "a/two.txt", "ab.txt", "b/c/three.txt"):
        live.put(path, b"12", 1)
    listed = {prefix: [row["path"] for row in live.list(prefix, 1).payload] for prefix in ("a", "a/", "a/o", "b", "z/")}
    assert listed == {
        "a": ["a/one.txt", "a/two.txt", "ab.txt"],
        "a/": ["a/one.txt", "a/two.txt"],
        "a/o": ["a/one.txt"],
        "b": ["b/c/three.txt"],
        "z/": [],
    }
    assert live.list("ab.txt/", 1).payload == []
    with pytest.raises(Rejected, match="no such folder"):
        local(folder / "missing").list("", 1)


def test_writing_where_it_is_not_allowed(folder: Path) -> None:
    live = local(folder)
    (folder / "kept.txt").write_text("x")
    folder.chmod(0o555)
    with unprivileged():
        with pytest.raises(Denied) as put:
            live.put("new.txt", b"x", 1)
        with pytest.raises(Denied) as delete:
            live.delete("kept.txt", 1)
    assert {put.value.rung, delete.value.rung} == {"write"}


def test_what_is_written_and_taken_away_at_once_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = local(folder)
    monkeypatch.setattr(live.client, "pipe_file", lambda *_: None)
    with pytest.raises(Rejected, match="is not there"):
        live.put("a", b"x", 1)


def test_a_file_system_that_is_mounted_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list(os.statvfs(folder))
    seen[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(seen))
    with pytest.raises(Rejected, match="mounted read-only") as caught:
        climb(list(local(folder).rungs()))
    assert (caught.value.rung, caught.value.code) == ("write", "EROFS")


def test_a_folder_within_that_cannot_be_read_is_said(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    with unprivileged(), pytest.raises(Denied, match="may not read"):
        local(folder).list("", 1)


def test_errors_of_the_system_in_words() -> None:
    import errno

    full = explain(OSError(errno.ENOSPC, "No space left on device"), Path("/x"), "write")
    assert (full.message, full.code) == ("/x: no space is left", "ENOSPC")
    assert explain(TimeoutError(errno.ETIMEDOUT, "x"), Path("/x"), "read").transient
    odd = explain(OSError(errno.ELOOP, "Too many levels of symbolic links"), Path("/x"), "read")
    assert "Too many levels" in odd.message


def test_the_native_client_is_an_fsspec_file_system_of_that_folder(folder: Path) -> None:
    live = local(folder)
    live.client.pipe_file("deep/down.txt", b"x")
    assert (folder / "deep/down.txt").read_bytes() == b"x"
    assert live.client is live.client


def test_by_hand(folder: Path) -> None:
    live = local(folder)
    assert live.reproduce() == f"ls -la {folder}"
    assert live.by_hand("get", "a b.txt") == f"cat '{folder}/a b.txt'"


def test_the_recipe_gives_a_folder_that_can_be_used(tmp_path: Path) -> None:
    (recipe,) = TYPE.recipes
    assert isinstance(recipe, Embedded)
    running = recipe.start(Place("documents", tmp_path, 0))
    live = Local(Settings(url=running.url))
    assert len(climb(list(live.rungs()))) == 3
    assert live.put("a/b.json", b"{}", 1).facts["size"] == 2
    running.stop()
