"""Flows as they are declared: what is read, and what is wrong with them, with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pytest_sysint.core.errors import DeclarationError
from pytest_sysint.declaration import Declaration, load
from pytest_sysint.declaration.resolving import bare
from pytest_sysint.declaration.schema import declaration_schema
from pytest_sysint.declaration.yaml_nodes import parse
from pytest_sysint.engine.plan import Selection, checks_of, plan

AROUND = """\
sysint: 1
tenants: [oak, elm]
integrations:
  api: {type: rest, url: "http://127.0.0.1:1", tenants: all}
  db: {type: sql, url: "sqlite:///x.db"}
  oaks: {type: sql, url: "sqlite:///y.db", tenants: [oak]}
  bus: {type: kafka, url: "kafka://127.0.0.1:1"}
  tasks: {type: rabbitmq, url: "amqp://127.0.0.1:1"}
  files: {type: local, url: "file:///tmp"}
flows:
"""
PLAIN = """\
  admission:
    send: {to: api, request: POST /residents, json: {name: Ann}, correlate: $.id}
    observe:
      - {on: db, query: "SELECT * FROM residents WHERE id = :correlation"}
"""
WHOLE = """\
  admission:
    description: Everybody who needs to know does.
    data_type: resident
    records: 50
    rate: 20/s
    concurrency: 4
    repeat: 2
    order_by: "{tenant}"
    seed: 7
    settle: 1s
    severity: critical
    tags: [slow]
    tenants: [oak]
    send:
      to: api
      request: POST /residents
      json: {name: "{faker.name}", nhs: "{nhs_number}"}
      correlate: {at: $.id, as: "T-{run}-{index}"}
      capture: {server_id: $.id}
      expect: {status: 201}
    observe:
      - on: db
        query: SELECT * FROM residents WHERE id = :correlation
        within: 2s
        map: {name: $.name, x: {from: $.name, as: upper}}
      - {on: bus, consume: admitted, match: $.id, by: "{server_id}", copies: 2, capture: {document: $.document}}
      - {name: heard, on: tasks, tap: care, routing_key: "#", match: anywhere}
      - {on: files, get: "{document}.json", after: bus, rows: "$.items"}
    malformed:
      set: {$.nhs: "1"}
      remove: [$.name]
      expect: accepted
      dead_letter: {on: tasks, peek: dead, match: headers.x-id, within: 2s}
    expect:
      {lost: 0, latency.p95: "< 3s", bus.latency.p50: {warn: "< 1s"}, throughput: "> 5/s", effects: 1, db.altered: 0}
    cleanup:
      - {on: api, request: "DELETE /residents/{server_id}"}
      - {on: db, query: "DELETE FROM residents WHERE id = :correlation"}
"""


def declared(folder: Path, flows: str) -> Declaration:
    path = folder / "sysint.yaml"
    path.write_text(AROUND + flows)
    (declaration,) = load([path], env={})
    return declaration


def problems(folder: Path, flows: str) -> list[str]:
    """What is wrong, each as `line:column path: message`, lines counted from `flows:`."""
    try:
        declared(folder, flows)
    except DeclarationError as error:
        above = AROUND.count("\n")
        return [f"{each.line - above}:{each.column} {each.path}: {each.message}" for each in error.problems]
    return []


def test_a_flow_is_a_check_of_its_source_for_each_tenant(tmp_path: Path) -> None:
    declaration = declared(tmp_path, PLAIN)
    found = [check for _, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert [(check.slug, check.tenant) for check in found] == [("admission", "oak"), ("admission", "elm")]
    assert found[0].uses == ("db",)
    assert found[0].effect == "write"
    assert found[0].effects == {"db": "read"}
    assert found[0].line == AROUND.count("\n") + 1
    assert found[0].title == "POST /residents -> db"
    assert found[0].undo is None
    assert not list(checks_of(declaration, "dataflow", "db", Selection()))


def test_everything_that_can_be_said_is_read(tmp_path: Path) -> None:
    declaration = declared(tmp_path, WHOLE)
    (found,) = [check for _, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert (found.tenant, found.severity, found.tags) == ("oak", "critical", ("slow",))
    assert found.effects == {"db": "write", "bus": "read", "tasks": "write", "files": "read"}
    assert found.undo is not None
    assert found.takes > 50 / 20


def test_a_flow_is_refused_where_one_of_the_places_allows_less(tmp_path: Path) -> None:
    declaration = declared(tmp_path, PLAIN.replace("on: db, query:", "on: tasks, consume: q, match: $.id}  #"))
    found = [("n", item, check) for item, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert plan(found[:1], [declaration])["n"].refused.startswith("its effect is 'write'")
    text = declaration.path.read_text().replace(
        "tenants: [oak, elm]", "tenants: [oak, elm]\nenvironments: {local: {allow: [read, write]}}"
    )
    declaration.path.write_text(text)
    (declaration,) = load([declaration.path], env={})
    found = [("n", item, check) for item, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert plan(found[:1], [declaration])["n"].refused.startswith("on 'tasks' its effect is 'destructive'")


def test_references_are_those_of_each_tenant(tmp_path: Path) -> None:
    text = PLAIN.replace("{name: Ann}", '{home: "${tenant:id}"}')
    declaration = declared(tmp_path, text)
    found = [check for _, check in checks_of(declaration, "dataflow", "api", Selection())]
    assert [check.run.journey.send.raw["json"] for check in found] == [{"home": "oak"}, {"home": "elm"}]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    """That for editors, of all types and kinds: made once."""
    return Draft202012Validator(declaration_schema())


@pytest.mark.parametrize("flow", [PLAIN, WHOLE])
def test_the_schema_for_editors_takes_what_loads(flow: str, schema: Draft202012Validator) -> None:
    schema.validate(bare(parse((AROUND + flow).encode())))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("records: 50", "recrods: 50"),
        ("correlate: {at", "corelate: {at"),
        ("        within: 2s", "        witin: 2s"),
        ("remove:", "removed:"),
    ],
)
def test_the_schema_for_editors_refuses_slips(old: str, new: str, schema: Draft202012Validator) -> None:
    document = bare(parse((AROUND + WHOLE.replace(old, new)).encode()))
    assert not schema.is_valid(document)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("to: api", "to: apj", "2:12 flows.admission.send.to: there is no integration 'apj', did you mean 'api'?"),
        ("on: db", "on: dbs", "4:10 flows.admission.observe[0].on: there is no integration 'dbs', did you mean 'db'?"),
        ("on: db", "on: oaks",
         "4:10 flows.admission.observe[0].on: 'oaks' is declared for oak, and the source for tenant elm"),
        ("send: {to: api, ", "send: {", "flows.admission.send: 'to' is missing"),
        ("    send:", "    sned:", "flows.admission: a flow has `send`"),
        ("    send:", "    recods: 5\n    send:", "2:5 flows.admission.recods: unknown key, did you mean 'records'?"),
        ("    send:", "    records: 0\n    send:", "flows.admission.records: must be 1 or more"),
        ("    send:", "    rate: 20\n    send:", "flows.admission.rate: '20' has no unit; write a rate such as"),
        ("    send:", "    tenants: [ok]\n    send:",
         "flows.admission.tenants[0]: unknown word 'ok', did you mean 'oak'?"),
        ("    send:", "    data: rows.csv\n    send:", "flows.admission.data: there is no file 'rows.csv'"),
        ("    send:", "    data: rows.xls\n    send:", "flows.admission.data: there is no file 'rows.xls'"),
        ("request: POST", "reqest: POST", "flows.admission.send.reqest: unknown operation, did you mean 'request'?"),
        ("POST /residents", "GET /residents", "flows.admission.send: 'GET /residents' sends nothing: it only reads"),
        (", correlate: $.id", "", "flows.admission.send: nothing in it carries the record's token: say where by"),
        ("$.id}", "$..id}", "flows.admission.send.correlate: '$..id' may be several places; name one"),
        ("$.id}", "$.name.id}", "flows.admission.send.correlate: '$.name.id' leads nowhere in the body"),
        ("json: {name: Ann}, ", "",
         "flows.admission.send.correlate: '$.id' is a path into `json:`, and no `json:` is sent"),
        ("$.id}", "id}", "flows.admission.send.correlate: the token is put into the body (`$.externalId`), `key` or"),
        ("$.id}", "{at: $.id, as: x}}", "flows.admission.send.correlate.as: is the same for all records"),
        ("name: Ann", 'name: "{nam}"', "flows.admission.send.json.name: nothing is known as `{nam}`"),
        ("name: Ann", 'name: "{faker.nam}"', "Faker has no 'nam', did you mean 'faker.name'?"),
        ("name: Ann", 'name: "{row.name}"', "`{row.name}` is a column of `data`, and the flow has none"),
        ("json: {name: Ann}", "json: residnet.json", "flows.admission.send.json: there is no file 'residnet.json'"),
        ("$.id}", "$.id, capture: {index: $.id}}", "flows.admission.send.capture.index: a name has letters"),
        (":correlation", "5", "flows.admission.observe[0]: asks for no record: write `{correlation}`"),
        (":correlation", ":corelation",
         "flows.admission.observe[0]: the query uses ':corelation', but `params` has no"),
        ("SELECT *", "DELETE",
         "flows.admission.observe[0]: 'DELETE FROM residents WHERE id = :correlation' destroys what it looks at"),
        ('correlation"}', 'correlation", within: 2}', "flows.admission.observe[0].within: '2' has no unit"),
        ('correlation"}', 'correlation", after: x}', "observe[0].after: no observer before this one is called 'x'"),
        ('correlation"}', 'correlation", map: {}}', "flows.admission.observe[0].map: expected a map, field ->"),
        ('correlation"}', 'correlation", map: {a: {from: name}}}', "map.a.from: expected a path into"),
        ('correlation"}', 'correlation", map: {a: {from: $.name, as: uper}}}', "did you mean 'upper'?"),
        ('correlation"}', 'correlation", map: {a: "< x"}}', "flows.admission.observe[0].map.a: 'x' is not a quantity"),
        ('correlation"}', 'correlation"}\n      - {on: db, query: "SELECT :correlation"}', "is called 'db'"),
        ('correlation"}', 'correlation", poll: {timeout: 1s}}', "observe[0].poll: stands at the flow itself"),
        ("$.id}", "$.id, timeout: 5s}", "flows.admission.send.timeout: stands at the flow itself, and not here"),
        ("on: db, query:", "on: bus, consume: t, match: $.id, count: 5}  #", "observe[0].count: has no meaning here"),
        ("on: db, query:", "on: bus, consume: t, match: $.id, from: latest}  #", "observe[0].from: has no meaning"),
        ("on: db, query:", "on: bus, consume: t, match: $.id, by: x}  #", "observe[0].by: is the same for all records"),
        ("on: db, query:", 'on: bus, consume: "t-{index}", match: $.id}  #', "is read for all records at once"),
        ("on: db, query:", 'on: files, get: "{correlation}", copies: 2}  #',
         "sees whether a record is there, not how often"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in PLAIN
    found = problems(tmp_path, PLAIN.replace(old, new))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("expect: {}", "flows.admission.expect: expected a map, subject -> matcher, got nothing in it"),
        ("expect: {lst: 0}", "flows.admission.expect.lst: unknown subject, did you mean 'lost'?"),
        (
            "expect: {altered: 0}",
            "flows.admission.expect.altered: 'altered' is judged by `map:`, and no observer has one",
        ),
        ("expect: {db.reordered: 0}", "'db.reordered' is judged by observers that read messages as they come"),
        ("expect: {leftovers: 0}", "'leftovers' is judged by `cleanup:`, and there is none"),
        ("expect: {latency.p95: 5}", "flows.admission.expect['latency.p95']: '5' has no unit"),
        ("malformed: {}", "flows.admission.malformed: is no different from the others: say what is wrong by"),
        ("malformed: {set: {name: x}}", "flows.admission.malformed.set: 'name' is no path to one place in the body"),
        ("malformed: {remove: [$.nam]}", "flows.admission.malformed.remove: '$.nam' leads nowhere in the body"),
        ("malformed: {expect: refuse}", "malformed.expect: unknown word 'refuse', did you mean 'refused'?"),
        ("malformed: {set: {$.name: 1}, dead_letter: {consume: x}}", "malformed.dead_letter: 'on' is missing"),
        ("cleanup: {request: DELETE /x}", "flows.admission.cleanup: 'on' is missing"),
        ("cleanup: {on: api, request: DELETE /residents}", "flows.admission.cleanup: must name what it removes"),
        ('cleanup: {on: api, request: "GET /{correlation}"}', "cleanup: 'GET /sysint-00000000-1' removes nothing"),
        ("order_by: '{wrad}'", "flows.admission.order_by: nothing is known as `{wrad}`"),
        ("cleanup: []", "flows.admission.cleanup: an empty list does nothing"),
        (
            'cleanup: [{on: ap, request: "DELETE /{correlation}"}]',
            "flows.admission.cleanup[0].on: there is no integration",
        ),
    ],
)
def test_what_is_wrong_with_the_other_parts_is_told_too(tmp_path: Path, more: str, said: str) -> None:
    found = problems(tmp_path, PLAIN + f"    {more}\n")
    assert any(said in each for each in found), found


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = PLAIN.replace("to: api", "to: api, capture: {index: $.id}").replace("on: db", "on: dbs")
    found = problems(tmp_path, text + "    cleanup: {on: api, request: DELETE /x}\n    recrods: 5\n    seed: x\n")
    assert len(found) == 5, found


def test_a_kind_that_is_declared_at_the_top_is_no_key_of_an_integration(tmp_path: Path) -> None:
    path = tmp_path / "sysint.yaml"
    path.write_text("sysint: 1\nintegrations:\n  api: {type: rest, url: 'http://h', dataflow: []}\n")
    with pytest.raises(DeclarationError, match="dataflow checks are declared at the top level, under `flows:`"):
        load([path], env={})


def test_a_flow_stands_in_the_declaration_of_its_source(tmp_path: Path) -> None:
    declared(tmp_path, PLAIN)
    other = tmp_path / "other.sysint.yaml"
    other.write_text(
        "sysint: 1\nintegrations:\n  more: {type: rest, url: 'http://h'}\nflows:\n"
        + PLAIN.replace("admission", "again")
    )
    with pytest.raises(DeclarationError, match=r"again\.send\.to: 'api' is declared in .*sysint\.yaml"):
        load([tmp_path / "sysint.yaml", other], env={})


def test_a_name_may_be_there_once_over_all_included_files(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("flows:\n" + PLAIN)
    assert "this name is declared twice" in str(problems(tmp_path, PLAIN + "include: [more.yaml]\n"))


def test_secrets_in_a_flow_are_not_shown_in_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sysint.yaml"
    path.write_text(AROUND + PLAIN.replace("POST /residents", '"${env:API_TOKEN}"'))
    with pytest.raises(DeclarationError) as caught:
        load([path], env={"API_TOKEN": "canary-8812"})
    assert "canary" not in str(caught.value)
