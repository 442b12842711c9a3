"""Avro, Protobuf and schema registries: payloads on Apache Kafka, each broken in one way, and as they should be."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

from pytest_sysint.checks.contract import KIND
from pytest_sysint.contracts._messages import avro, protobuf
from pytest_sysint.contracts._messages.registry import Registry
from pytest_sysint.core.errors import Denied, Garbled, Mistakes, Rejected, Unreachable
from pytest_sysint.core.provisioning import free_port as find_port
from pytest_sysint.core.registry import types
from tests.message_bench import Bench, failed, new_name, passed
from tests.message_bench import produce as put
from tests.schema_registry import PASSWORD, USER, SchemaRegistry, serving

ADDRESS = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}
RESIDENT = {
    "type": "record",
    "name": "Resident",
    "namespace": "care",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "room", "type": ["null", "int"], "default": None},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["ADMITTED", "DISCHARGED"]}},
        {"name": "address", "type": ADDRESS},
        {"name": "born", "type": {"type": "int", "logicalType": "date"}},
    ],
}
GOOD = {"id": "R-1", "room": 7, "status": "ADMITTED", "address": {"city": "Leeds"}, "born": 0}
V1 = {"type": "record", "name": "Admission", "fields": [{"name": "id", "type": "string"}]}
V2 = {**V1, "fields": [*V1["fields"], {"name": "ward", "type": "string", "default": "none"}]}
PROTO = """
syntax = "proto3";
package care;
import "parts/address.proto";
import "google/protobuf/timestamp.proto";
enum Status { UNKNOWN = 0; ADMITTED = 1; }
message Resident {
  string id = 1;
  Status status = 2;
  Address address = 3;
  repeated Address former = 4;
  google.protobuf.Timestamp at = 5;
}
"""
ADDRESS_PROTO = 'syntax = "proto3"; package care; message Address { string city = 1; }'


@pytest.fixture(scope="module")
def url(real_service: Any) -> str:
    return str(real_service("kafka", "local_binary"))


@pytest.fixture
def bench(url: str, tmp_path: Path) -> Iterator[Bench]:
    found = Bench("kafka", url, tmp_path)
    found.file("resident.avsc", RESIDENT)
    found.file("resident.proto", PROTO)
    found.file("parts/address.proto", ADDRESS_PROTO)
    yield found
    found.close()


@pytest.fixture
def topic(bench: Bench) -> str:
    name = new_name("care")
    bench.topics({"name": name})
    return name


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    found = SchemaRegistry()
    with serving(found.app()) as found.url:
        yield found


def as_avro(value: Any, schema: Any = RESIDENT) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), value)
    return stream.getvalue()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def container(value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.writer(stream, fastavro.parse_schema(RESIDENT), [value])
    return stream.getvalue()


def single_object(value: Any) -> bytes:
    print_of = fingerprint(to_parsing_canonical_form(fastavro.parse_schema(RESIDENT)), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(print_of) + as_avro(value)


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


@pytest.mark.parametrize("write", [as_avro, single_object, container])
def test_avro_that_fits_passes_and_its_fields_can_be_expected(bench: Bench, topic: str, write: Any) -> None:
    put(bench, topic, write(GOOD))
    at = "$[0]" if write is container else "$"
    promise = {"schema": "resident.avsc", "expect": {f"{at}.id": "~ ^R-", f"{at}.born": "1970-01-01"}}
    outcome = bench.judge({"messages": {topic: promise}})
    assert failed(outcome) == {}
    assert passed(outcome) == {"messages", "payload", f"{at}.id", f"{at}.born"}


WHOLE = as_avro(GOOD)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (WHOLE[:-1], "$.born: the payload ends before it is complete"),
        (WHOLE + b"!", "1 bytes are left over after it"),
        (b"", "$.id: the payload ends before it is complete"),
        (WHOLE.replace(b"R-1", b"R\xff1"), "$.id: is no text in UTF-8"),
        (WHOLE.replace(b"Leeds", b"L\xffeds"), "$.address.city: is no text in UTF-8"),
        (WHOLE[:4] + b"\x08" + WHOLE[5:], "$.room: has a symbol, or a branch of a union, that the schema does not"),
        (WHOLE[:6] + b"\x08" + WHOLE[7:], "$.status: has a symbol"),
        (json.dumps(GOOD).encode(), "the payload ends before it is complete"),
        (b"Obj\x01 broken", "cannot be read"),
    ],
)
def test_avro_that_does_not_fit_is_said_with_the_field(bench: Bench, topic: str, body: bytes, said: str) -> None:
    put(bench, topic, WHOLE, body)
    message = failed(bench.judge({"messages": {topic: "resident.avsc"}}))["payload"]
    assert "1 of 2 messages broke it, first partition 0, offset 1: does not match resident.avsc" in message
    assert said in message


def test_avro_types_may_stand_in_files_beside_it(bench: Bench, topic: str) -> None:
    bench.file("care.Home.avsc", {"type": "record", "name": "care.Home", "fields": [{"name": "beds", "type": "int"}]})
    outer = {"type": "record", "name": "care.Estate", "fields": [{"name": "home", "type": "care.Home"}]}
    bench.file("care.Estate.avsc", outer)
    put(bench, topic, b"\x04")
    promise = {"schema": "care.Estate.avsc", "expect": {"$.home.beds": 2}}
    assert failed(bench.judge({"messages": {topic: promise}})) == {}


def resident_class(bench: Bench, text: str = PROTO) -> Any:
    """The message, compiled by another way than ours: straight by the compiler's own entry point."""
    folder = bench.folder / "other"
    bench.file("other/resident.proto", text)
    bench.file("other/parts/address.proto", ADDRESS_PROTO)
    well_known = Path(sys.modules["grpc_tools"].__path__[0]) / "_proto"
    words = ["", f"-I{folder}", f"-I{well_known}", "--include_imports", f"-o{folder / 'set.desc'}", "resident.proto"]
    assert protoc.main(words) == 0
    pool = descriptor_pool.DescriptorPool()
    for each in descriptor_pb2.FileDescriptorSet.FromString((folder / "set.desc").read_bytes()).file:
        pool.Add(each)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("care.Resident"))


def test_protobuf_that_fits_passes_and_its_fields_can_be_expected(bench: Bench, topic: str) -> None:
    resident = resident_class(bench)
    put(bench, topic, resident(id="R-1", status=1, address={"city": "Leeds"}).SerializeToString())
    promise = {"schema": "resident.proto", "expect": {"$.id": "~ ^R-", "$.address.city": "Leeds"}}
    assert failed(bench.judge({"messages": {topic: promise}})) == {}
    promise["schema"] = "other/set.desc"
    assert failed(bench.judge({"messages": {topic: promise}})) == {}
    promise["expect"]["$.address.city"] = "York"
    assert list(failed(bench.judge({"messages": {topic: promise}}))) == ["$.address.city"]


NEWER = PROTO.replace("string id = 1;", "string id = 1; string ward = 9;")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda cls: b"\xff\xff\xff", "cannot be read as care.Resident"),
        (lambda cls: cls(id="R-1").SerializeToString()[:-1], "cannot be read as care.Resident"),
        (lambda cls: cls(id="R-1", status=9).SerializeToString(), "$.status: 9 is no value of Status"),
        (lambda cls: cls(id="R-1", ward="North").SerializeToString(), "$: has a field number 9"),
        (
            lambda cls: cls(former=[{}, {}]).SerializeToString()[:-1] + b"\x02\x58\x01",
            "$.former[1]: has a field number 11",
        ),
    ],
)
def test_protobuf_that_does_not_fit_is_said_with_the_field(bench: Bench, topic: str, make: Any, said: str) -> None:
    newer = resident_class(bench, NEWER)
    put(bench, topic, newer(id="R-1").SerializeToString(), make(newer))
    message = failed(bench.judge({"messages": {topic: "resident.proto"}}))["payload"]
    assert "1 of 2 messages broke it, first partition 0, offset 1: does not match resident.proto (Resident)" in message
    assert said in message


def test_a_required_field_of_proto2_must_be_there(bench: Bench, topic: str) -> None:
    bench.file("old.proto", 'syntax = "proto2"; message Old { required string id = 1; optional int32 n = 2; }')
    put(bench, topic, b"\x10\x01")
    assert "$.id: is required, and missing" in failed(bench.judge({"messages": {topic: "old.proto"}}))["payload"]


def test_a_message_is_chosen_where_there_are_several(bench: Bench, topic: str) -> None:
    bench.file("two.proto", 'syntax = "proto3"; message A { string a = 1; message In { int32 n = 1; } } message B {}')
    put(bench, topic, b"\x08\x01")
    assert failed(bench.judge({"messages": {topic: {"schema": "two.proto", "message": "A.In"}}})) == {}
    assert "payload" in failed(bench.judge({"messages": {topic: {"schema": "two.proto", "message": "B"}}}))


WRONG = [
    ("bad.avsc", {"type": "recrod"}, {}, "'bad.avsc' is no Avro schema"),
    ("bad.avsc", {"type": "record", "name": "A", "fields": [{"name": "b", "type": "Nowhere"}]}, {}, "'Nowhere'"),
    ("torn.avsc", "{", {}, "'torn.avsc' is neither JSON nor YAML"),
    ("bad.proto", "syntax = 'proto3'; message A { strin id = 1; }", {}, 'bad.proto:1:32: "strin" is not defined'),
    ("bad.proto", 'syntax = "proto3"; import "nowhere.proto";', {}, "nowhere.proto: File not found"),
    ("two.proto", 'syntax = "proto3"; message A {} message B {}', {}, "which of its messages? say it with `message`"),
    ("one.proto", 'syntax = "proto3"; message A {}', {"message": "B"}, "message: 'one.proto': there is no one message"),
    ("none.proto", 'syntax = "proto3";', {}, "there is: none"),
    ("bad.desc", b"\xff\xff", {}, "is no descriptor set"),
    ("bad.avsc", "{}", {"message": "B"}, "only a Protobuf schema has several messages"),
]


@pytest.mark.parametrize(("name", "content", "more", "said"), WRONG)
def test_a_schema_that_is_none_is_said(tmp_path: Path, name: str, content: Any, more: Any, said: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content) if isinstance(content, dict) else ""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else text.encode())
    with pytest.raises(Mistakes) as error:
        KIND.read({"messages": {"t": {"schema": name, **more}}}, types().get("kafka"), tmp_path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("room", "module", "name"), [(avro, "fastavro.schema", "a.avsc"), (protobuf, "grpc_tools", "a.proto")]
)
def test_a_library_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, room: Any, module: str, name: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_text("")
    with pytest.raises(Mistakes, match=r"not installed: pip install 'pytest-sysint\[messages\]'"):
        room.load(tmp_path / name)


def test_framed_avro_is_read_with_the_schema_that_it_names(bench: Bench, topic: str, registry: SchemaRegistry) -> None:
    old, new = registry.register(f"{topic}-value", V1), registry.register(f"{topic}-value", V2)
    bench.file("v2.avsc", V2)
    put(bench, topic, framed(old, as_avro({"id": "A-1"}, V1)), framed(new, as_avro({"id": "A-2", "ward": "N"}, V2)))
    contract = {
        "registry": registry.url,
        "messages": {topic: {"schema": "v2.avsc", "expect": {"$.ward": {"type": "string"}}}},
    }
    checks = bench.checks(contract)
    outcomes = [bench.run(check) for check in checks.values()]
    assert [failed(outcome) for outcome in outcomes] == [{}, {}]
    assert passed(outcomes[0]) == {"messages", "payload", "$.ward"}
    assert passed(outcomes[1]) == {"registered", "compatible"}
    without = {"registry": registry.url, "messages": {topic: {"sample": 10}}}
    assert [failed(bench.run(check)) for check in bench.checks(without).values()] == [{}, {}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\0ab", "is not in the registry's wire format: it is too short"),
        (b"{'id': 1}", "is not in the registry's wire format: it begins with 7b, not 00"),
        (framed(99, b"x"), "names schema 99: the registry at 127.0.0.1 has no schema of id 99"),
        (framed(1, b"\x08x"), "$.id: the payload ends before it is complete"),
        (framed(2, b"\x02"), "was written with schema 2 of the registry, which does not resolve to this schema"),
        (framed(3, b"{}"), "names schema 3, which is JSON and not AVRO"),
        (framed(4, b"{}"), "names schema 4: schema 4 of the registry cannot be used"),
    ],
)
def test_frames_that_are_broken_are_said(
    bench: Bench, topic: str, registry: SchemaRegistry, body: bytes, said: str
) -> None:
    number = registry.register(f"{topic}-value", V1)
    registry.register("other", {**V1, "fields": [{"name": "id", "type": "int"}]})
    registry.register("json", {"type": "object"}, "JSON")
    registry.register("torn", {"type": "recrod"})
    bench.file("v1.avsc", V1)
    put(bench, topic, framed(number, as_avro({"id": "A-1"}, V1)), body)
    check = bench.checks({"messages": {topic: {"schema": "v1.avsc", "registry": registry.url}}})
    outcome = bench.run(next(iter(check.values())))
    assert "1 of 2 messages broke it, first partition 0, offset 1" in failed(outcome)["payload"]
    assert said in failed(outcome)["payload"]


def test_framed_json_must_match_both_schemas(bench: Bench, topic: str, registry: SchemaRegistry) -> None:
    number = registry.register(f"{topic}-value", {"type": "object", "required": ["ward"]}, "JSON")
    bench.file("own.json", {"type": "object", "required": ["id"]})
    contract = {"registry": {"url": registry.url}, "messages": {topic: "own.json"}}
    put(bench, topic, framed(number, as_json({"id": 1, "ward": "N"})))
    assert failed(bench.run(bench.checks(contract)[f"messages-{topic}".replace(".", "-")])) == {}
    put(bench, topic, framed(number, as_json({"id": 1})), framed(number, as_json({"ward": "N"})))
    said = failed(bench.run(bench.checks(contract)[f"messages-{topic}".replace(".", "-")]))
    assert "2 of 3 messages broke it" in said["payload"]


def test_framed_protobuf_says_which_message_it_is(bench: Bench, topic: str, registry: SchemaRegistry) -> None:
    registry.register("address", ADDRESS_PROTO, "PROTOBUF")
    text = 'syntax = "proto3"; import "a.proto"; message Other { care.Address a = 1; }'
    text += " message Admission { string id = 1; }"
    uses = [{"name": "a.proto", "subject": "address", "version": 1}]
    number = registry.register(f"{topic}-value", text, "PROTOBUF", uses)
    bench.file("admission.proto", 'syntax = "proto3"; message Admission { string id = 1; }')
    slug = f"messages-{topic}".replace(".", "-")
    contract = {"registry": registry.url, "messages": {topic: {"schema": "admission.proto", "expect": {"$.id": "A"}}}}
    put(bench, topic, framed(number, b"\x02\x02" + b"\x0a\x01A"))
    assert failed(bench.run(bench.checks(contract)[slug])) == {}
    without = {"registry": registry.url, "messages": {topic: {"none": "fail"}}}
    assert failed(bench.run(bench.checks(without)[slug])) == {}
    put(bench, topic, framed(number, b"\x00" + b"\x0a\x00"))
    put(bench, topic, framed(number, b"\x02\x08"), framed(number, b"\x02"))
    said = bench.run(bench.checks(contract)[slug]).assertions[1]
    assert "3 of 4 messages broke it" in said.message
    assert "is a message 'Other', not 'Admission'" in said.message
    assert "names message [4] of its schema, which has no such message" in str(said.actual)
    assert "ends within the list" in str(said.actual)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x02\x01", r"names message \[-1\] of its schema"),
        (b"\x01", "names -1 messages"),
        (b"\x04\x00\x00", r"names message \[0, 0\] of its schema"),
        (b"\xff" * 2**21, "ends within the list that says which message it is, or has none"),
    ],
)
def test_lists_of_indexes_that_lead_to_no_message(body: bytes, said: str) -> None:
    schema = protobuf.inline("two", 'syntax = "proto3"; message A { string id = 1; } message B {}', "A")
    with pytest.raises(ValueError, match=said):
        schema.unframed(body)


@pytest.mark.parametrize(
    ("body", "where"),
    [(b"", "$.home.city"), (b"\x02a", "$.former.city"), (b"\x02a\x02b", "$.status"), (b"\x02a\x02b\x08", "$.status")],
)
def test_the_field_that_cannot_be_read_is_named_also_behind_types_that_are_used_again(body: bytes, where: str) -> None:
    address = {"type": "record", "name": "Address", "fields": [{"name": "city", "type": "string"}]}
    status = {"type": "enum", "name": "Status", "symbols": ["ADMITTED"]}
    fields = [("home", address), ("former", "Address"), ("status", status)]
    record = {"type": "record", "name": "R", "fields": [{"name": name, "type": each} for name, each in fields]}
    (fault,) = avro.parsed("R", record).faults(body)
    assert fault.where == where


def schema_check(bench: Bench, registry: SchemaRegistry, topic: str, **promise: Any) -> Any:
    checks = bench.checks({"messages": {topic: {"registry": registry.url, **promise}}})
    return bench.run(checks[f"schema-{topic}".replace(".", "-")])


def test_the_registry_is_judged_without_any_message(bench: Bench, registry: SchemaRegistry) -> None:
    bench.file("v2.avsc", V2)
    said = failed(schema_check(bench, registry, "care.a", schema="v2.avsc"))
    assert said == {"registered": "the registry has no subject 'care.a-value'"}
    registry.register("care.a-value", {"type": "object"}, "JSON")
    said = failed(schema_check(bench, registry, "care.a", schema="v2.avsc"))
    assert "version 1 (id 1), JSON; expected subject" in said["registered"]
    registry.register("care.b-value", V1)
    assert passed(schema_check(bench, registry, "care.b", schema="v2.avsc")) == {"registered", "compatible"}
    assert passed(schema_check(bench, registry, "care.b")) == {"registered"}
    assert passed(schema_check(bench, registry, "care.c", subject="care.b-value")) == {"registered"}
    bench.file("v3.avsc", {**V1, "fields": [*V1["fields"], {"name": "ward", "type": "string"}]})
    said = failed(schema_check(bench, registry, "care.b", schema="v3.avsc"))
    assert "(BACKWARD): READER_FIELD_MISSING_DEFAULT_VALUE: ward" in said["compatible"]
    registry.levels["care.b-value"] = "NONE"
    outcome = schema_check(bench, registry, "care.b", schema="v3.avsc")
    assert failed(outcome) == {}
    assert "nothing was compared" in failed(outcome, "warn")["compatible"]


def test_a_registry_that_refuses_or_breaks_is_an_error(bench: Bench, registry: SchemaRegistry, free_port: int) -> None:
    registry.register("care.a-value", V1)
    registry.locked = True
    with pytest.raises(Denied, match="refused the credentials: status 401"):
        schema_check(bench, registry, "care.a")
    for way in ({"username": USER, "password": PASSWORD}, {"bearer": PASSWORD}):
        keys = {"url": registry.url, **way}
        (_, check) = bench.checks({"registry": keys, "messages": {"care.a": {"sample": 1}}}).values()
        assert passed(bench.run(check)) == {"registered"}
    registry.locked, registry.broken = False, True
    with pytest.raises(Unreachable, match=r"answered 500 for subject 'care\.a-value': Error in the backend"):
        schema_check(bench, registry, "care.a")
    registry.url = f"http://127.0.0.1:{free_port}"
    with pytest.raises(Unreachable, match="cannot be reached"):
        schema_check(bench, registry, "care.a")


def test_a_registry_that_breaks_is_not_the_messages_fault(bench: Bench, topic: str, registry: SchemaRegistry) -> None:
    put(bench, topic, framed(registry.register("any", V1), as_avro({"id": "A"}, V1)))
    registry.broken = True
    contract = {"registry": registry.url, "messages": {topic: {"sample": 1}}}
    with pytest.raises(Unreachable, match="answered 500 for a schema"):
        bench.run(bench.checks(contract)[f"messages-{topic}".replace(".", "-")])


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"schema": '"string"'},
        {"version": "one", "id": 1, "schema": '"string"'},
        {"version": 1, "id": 1, "schema": '"string"', "references": ["a"]},
        {"version": 1, "id": 1, "schema": '"string"', "references": [{"name": "a"}]},
    ],
)
def test_what_is_no_registry_is_said(answer: Any) -> None:
    registry = Registry(lambda *_: (200, answer), "here")
    with pytest.raises(Garbled, match="here does not answer as a schema registry does"):
        registry.latest("a")
        registry.schema(1)


def test_a_schema_is_asked_for_once_also_when_there_is_none() -> None:
    asked = []
    registry = Registry(lambda *words: (asked.append(words), (404, {}))[1], "here")
    for _ in range(3):
        with pytest.raises(Rejected, match="has no schema of id 7"):
            registry.schema(7)
    assert len(asked) == 1


def test_a_registry_may_be_a_declared_integration(bench: Bench, registry: SchemaRegistry) -> None:
    registry.register("care.a-value", V1)
    rest = types().get("rest")
    bench.others["schemas"] = rest(rest.settings_model(url=registry.url))
    contract = {"registry": {"on": "schemas"}, "messages": {"care.a": {"sample": 1}}}
    (_, check) = bench.checks(contract, depends_on=("schemas",)).values()
    assert check.uses == ("schemas",)
    assert passed(bench.run(check)) == {"registered"}
    (_, check) = bench.checks(contract).values()
    assert "which 'it' does not depend on" in failed(bench.run(check))["registry"]
    assert check.uses == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        *(
            (url, "expected a url such as https://registry:8081")
            for url in ("registry:8081", "http://", "http://[a", "http://a:b")
        ),
        ({}, "give either the `url`"),
        ({"url": "http://x", "on": "y"}, "give either the `url`"),
    ],
)
def test_a_registry_that_is_declared_wrong_is_said(bench: Bench, keys: Any, said: str) -> None:
    with pytest.raises(Mistakes, match="registry") as error:
        bench.checks({"registry": keys, "messages": {"care.a": "resident.avsc"}})
    assert said in str(error.value)


@pytest.fixture
def free_port() -> int:
    return find_port()
