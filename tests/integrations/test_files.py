"""What all types that keep files share, on a folder and on a bucket: each operation shown to work and to fail."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest
from pydantic import ValidationError

from pytest_sysint.core.capabilities import Stores
from pytest_sysint.core.errors import Denied, Garbled, Rejected, TimedOut, TooLarge
from pytest_sysint.core.registry import types
from pytest_sysint.integrations._file_operations import Delete, Get, List, Put, RoundTrip, Stat
from pytest_sysint.integrations._files import decode, outside


def empty_place(cls, name, tmp_path, real_service):
    if name == "local":
        return tmp_path.as_uri()
    folder, server = uuid.uuid4().hex, real_service(name, "embedded")
    if name == "s3":
        return f"{server}/{folder}"
    root = cls(cls.settings_model.model_validate({"url": server}))
    root.client.run(lambda sftp: sftp.mkdir(f"/{folder}"))
    root.close()
    return server.replace("/?", f"/{folder}?")


@pytest.fixture(params=["local", "s3", "sftp"])
def make(request, tmp_path, real_service):
    """Makes live stores on one and the same empty place."""
    cls = types().get(request.param)
    url = empty_place(cls, request.param, tmp_path, real_service)
    made = []

    def live(*, read_only=False, **settings):
        made.append(cls(cls.settings_model.model_validate({"url": url, **settings}), read_only=read_only))
        return made[-1]

    yield live
    for one in made:
        one.close()


@pytest.fixture
def store(make):
    return make()


def perform(operation, store, timeout=5):
    return operation.perform(store, timeout)


def put(**declared):
    return Put.model_validate(declared)


def test_it_stores(store):
    assert isinstance(store, Stores)


def test_put_get_stat_list_delete(store):
    content = {"name": "Ada", "beds": [1, 2]}
    written = perform(put(put="admissions/7.json", json=content), store)
    raw = json.dumps(content).encode()
    assert written.facts["size"] == len(raw)
    assert written.facts["checksum"] == hashlib.sha256(raw).hexdigest()

    read = perform(Get(get="admissions/7.json"), store)
    assert read.payload == content
    assert read.facts["exists"] is True
    assert read.facts["size"] == len(raw)
    assert 0 <= read.facts["age"] < 60
    assert read.facts["checksum"] == written.facts["checksum"]
    assert read.phases["total"] > 0
    assert "Ada" in read.exchange.received

    seen = perform(Stat(stat="admissions/7.json"), store)
    assert seen.payload["size"] == len(raw)
    assert seen.facts["path"] == "admissions/7.json"

    perform(put(put="admissions/8.txt", text="x"), store)
    listed = perform(List(list="admissions/"), store)
    assert [row["path"] for row in listed.payload] == ["admissions/7.json", "admissions/8.txt"]
    assert listed.facts["count"] == 2
    assert listed.facts["size"] == len(raw) + 1
    assert 0 <= listed.facts["newest_age"] <= listed.facts["oldest_age"] < 60
    assert listed.facts["truncated"] is False

    assert perform(Delete(delete="admissions/7.json"), store).facts["exists"] is False
    assert perform(Delete(delete="admissions/7.json"), store).facts["exists"] is False, "twice is no error"
    assert perform(Get(get="admissions/7.json"), store).facts["exists"] is False


def test_what_is_missing_is_an_observation_that_the_default_expectation_refuses(store):
    for operation in (Get(get="not/there"), Stat(stat="not/there")):
        seen = perform(operation, store)
        assert seen.facts["exists"] is False
        assert operation.default_expect() == {"exists": True}
    assert perform(Get(get="not/there"), store).payload is None
    empty = perform(List(list="not/"), store)
    assert (empty.payload, empty.facts["count"], empty.facts["newest_age"]) == ([], 0, None)


@pytest.mark.parametrize(
    ("path", "content", "payload"),
    [
        ("a.txt", b"plain", "plain"),
        ("a.json", b"[1, 2]", [1, 2]),
        ("a.json", b"{broken", "{broken"),
        ("a", b' {"looks": "like"}', {"looks": "like"}),
        ("a.txt", b"{not json", "{not json"),
        ("a.bin", b"\xff\xfe", {"base64": "//4="}),
        ("a.txt", b"", ""),
    ],
)
def test_payload_of_content(store, path, content, payload):
    store.put(path, content, 5)
    assert store.get(path, 5).payload == payload


def test_decode_by_content_type():
    assert decode(b"3", "a", "application/problem+json") == 3
    assert decode(b"3", "a", "") == "3"


def test_content_of_a_local_file(store, tmp_path_factory):
    file = tmp_path_factory.mktemp("local") / "letter.txt"
    file.write_text("Dear all")
    perform(put(put="letter.txt", file=str(file)), store)
    assert store.get("letter.txt", 5).payload == "Dear all"
    with pytest.raises(Rejected, match="cannot be read: No such file") as caught:
        perform(put(put="letter.txt", file=str(file.with_name("missing"))), store)
    assert caught.value.rung == "write"


def test_a_listing_is_cut_and_says_so(store):
    for number in range(4):
        store.put(f"many/{number}", b"1", 5)
    cut = perform(List(list="many/", limit=3), store)
    assert (cut.facts["count"], cut.facts["truncated"]) == (3, True)
    assert perform(List(list="many/", limit=4), store).facts["truncated"] is False


def test_content_that_is_too_large_is_not_read(make):
    make().put("big", b"x" * 2000, 5)
    small = make(max_size="1kB")
    with pytest.raises(TooLarge, match="max_size") as caught:
        small.get("big", 5)
    assert caught.value.rung == "read"
    assert small.stat("big", 5).facts["size"] == 2000
    small.put("fits", b"x" * 1000, 5)
    assert small.get("fits", 5).facts["size"] == 1000


def test_a_file_that_grows_while_it_is_read_is_cut_off(make, monkeypatch):
    live = make(max_size="1kB")
    monkeypatch.setattr(live, "opened", grown(live.opened))
    live.put("log", b"x" * 900, 5)
    with pytest.raises(TooLarge):
        live.get("log", 5)


def grown(opened):
    """The same, but there is no end to what is read."""
    import contextlib

    @contextlib.contextmanager
    def endless(path, timeout):
        with opened(path, timeout) as (entry, _):
            yield entry, lambda size: b"x" * min(size, 300)

    return endless


def test_reading_ends_with_the_timeout(make, monkeypatch):
    live = make()
    monkeypatch.setattr(live, "opened", grown(live.opened))
    live.put("log", b"x", 5)
    with pytest.raises(TimedOut, match="was not read within") as caught:
        live.get("log", 0.02)
    assert caught.value.rung == "read"


def test_round_trip(store):
    done = perform(RoundTrip(roundtrip="probe", size="3KiB"), store)
    assert {"write", "read", "delete", "total"} <= set(done.phases)
    assert done.facts["size"] == 3072
    assert perform(RoundTrip(roundtrip=""), store).facts["path"].startswith("sysint-")
    assert store.list("", 5).facts["count"] == 0, "nothing is left behind"


def test_round_trip_sees_that_something_alters_what_is_kept(make, monkeypatch):
    live = make()
    write = live.write
    monkeypatch.setattr(live, "write", lambda path, content, *rest: write(path, content[:-1], *rest))
    with pytest.raises(Garbled, match="came back altered"):
        perform(RoundTrip(roundtrip="probe"), live)
    assert live.list("", 5).facts["count"] == 0


def test_round_trip_sees_that_what_was_written_is_gone(make, monkeypatch):
    live = make()
    write = live.write

    def lost(path, *rest):
        entry = write(path, *rest)
        live.remove(path, 5)
        return entry

    monkeypatch.setattr(live, "write", lost)
    with pytest.raises(Rejected, match="is not there"):
        perform(RoundTrip(roundtrip="probe"), live)


def test_round_trip_reports_the_first_error(make, monkeypatch):
    live = make()

    def broken(*_):
        raise Rejected("no space is left", rung="write")

    monkeypatch.setattr(live, "write", broken)
    monkeypatch.setattr(live, "remove", broken)
    with pytest.raises(Rejected, match="no space is left"):
        perform(RoundTrip(roundtrip="probe"), live)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a/./b", "a\0b"])
def test_paths_stay_below_the_root(store, path):
    assert outside(path)
    for operation in (Get, Stat, Delete, List, RoundTrip):
        with pytest.raises(ValidationError):
            operation.model_validate({operation.key(): path})
    for call in (store.get, store.stat, store.delete, store.list):
        with pytest.raises(Rejected) as caught:
            call(path, 5)
        assert caught.value.code == "outside"
    with pytest.raises(Rejected):
        store.put(path, b"", 5)


def test_names_that_only_look_dangerous_are_kept(store):
    for path in ("..a/b..", "a b/ü.txt", "~x", "a:b"):
        store.put(path, b"1", 5)
        assert store.get(path, 5).facts["exists"], path
        assert path in [row["path"] for row in store.list("", 5).payload]


@pytest.mark.parametrize("path", ["", "folder/"])
def test_a_file_needs_a_name(path):
    with pytest.raises(ValidationError, match="of a file is needed"):
        Get(get=path)
    assert List(list=path).list == path


@pytest.mark.parametrize("content", [{}, {"text": "a", "json": 1}, {"file": "a", "text": "b"}])
def test_exactly_one_content(content):
    with pytest.raises(ValidationError, match="exactly one of text, json, file"):
        put(put="a", **content)


def test_json_null_is_a_content():
    assert put(put="a", json=None).content() == b"null"
    assert put(put="a", text="").content() == b""


def test_effects():
    assert [Get(get="a").effect(), List(list="").effect(), Stat(stat="a").effect()] == ["read"] * 3
    assert [put(put="a", text="").effect(), RoundTrip(roundtrip="").effect()] == ["write"] * 2
    assert Delete(delete="a").effect() == "destructive"


def test_nothing_is_written_where_only_reading_is_allowed(make):
    make().put("kept", b"1", 5)
    live = make(read_only=True)
    for call in (lambda: live.put("new", b"", 5), lambda: live.delete("kept", 5)):
        with pytest.raises(Denied, match="allows reading only") as caught:
            call()
        assert caught.value.rung == "write"
    assert live.get("kept", 5).payload == "1"


def test_seed_of_a_file_and_of_a_folder(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed")
    (folder / "deep").mkdir()
    (folder / "deep/a.txt").write_text("a")
    (folder / "b.txt").write_text("b")
    store.seed(folder, 5)
    assert [row["path"] for row in store.list("", 5).payload] == ["b.txt", "deep/a.txt"]
    store.seed(folder / "deep/a.txt", 5)
    assert store.get("a.txt", 5).payload == "a"
    with pytest.raises(Rejected, match="does not exist"):
        store.seed(folder / "missing", 5)


def test_titles_and_commands(store):
    assert Get(get="a b.txt").title() == "get a b.txt"
    assert RoundTrip(roundtrip="").title() == "write, read and delete in the root"
    command = Get(get="a b.txt").reproduce(store)
    assert "a b.txt'" in command
    assert "sysint:" not in command


def test_exchanges_are_cut_and_say_what_is_no_text(store):
    store.put("text", ("ü" * 5000).encode(), 5)
    assert store.get("text", 5).exchange.received.endswith("(5,904 more bytes)")
    store.put("odd", b"x" + ("ü" * 5000).encode(), 5)
    assert store.get("odd", 5).exchange.received.startswith("xü")
    store.put("binary", b"\xff" * 10, 5)
    assert store.get("binary", 5).exchange.received == "(10 bytes, not text)"
