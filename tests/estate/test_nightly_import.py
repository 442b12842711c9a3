"""The nightly import: files of residents from a real SFTP server, into the database, with a report each."""

from __future__ import annotations

import json
from types import SimpleNamespace

import psycopg
import pytest

from fixtures.estate import care_api

HEADER = "external_id,nhs_number,given_name,family_name,birth_date,room\n"


@pytest.fixture
def night(estate, start, tmp_path):
    with start.database(estate.environment["DATABASE_URL"]) as database, start.sftp(tmp_path) as url:
        environment = {**estate.environment, "DATABASE_URL": database, "SFTP_URL": url}
        with start.here(care_api.app, environment) as care:
            yield SimpleNamespace(care=care, folder=tmp_path, database=database)


def leave(night, name, *rows, header=HEADER):
    path = night.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((header + "".join(f"{row}\n" for row in rows)).encode("utf-8", "surrogateescape"))


def run(night, **options):
    answer = night.care.post("/imports", **options)
    assert answer.status_code == 200, answer.text
    return answer.json()["files"]


def rows(night, reference):
    with psycopg.connect(night.database) as connection:
        return connection.execute(
            "SELECT tenant_id, nhs_number, given_name, family_name, birth_date::text, room FROM residents"
            " WHERE external_id = %s",
            [reference],
        ).fetchall()


def test_a_file_is_imported_once_and_reported(night, estate, eventually):
    assert run(night) == []
    leave(night, "elmhurst/residents-1.csv", "ELM-9,,Not,Mine,1930-01-01,")
    leave(
        night,
        "oakwood/residents-1.csv",
        "IMP-1,9990001588,Zoë,Quinn,1931-05-06,E1",  # new
        "IMP-2,,Walter,Reed,1929-12-24,",  # new, without number and room
        "OAK-0001,9990001014,Ada,Marsh,1934-02-11,F7",  # moved
        "OAK-0002,9990001081,Bernard,Okafor,1939-07-30,A2",  # as it is
        "IMP-3,9990001589,Bad,Digit,1930-01-01,",
        "IMP-4,9990001154,Taken,Number,1930-01-01,",
        "IMP-5,,No,Date,30.01.1930,",
        "IMP-6,,Short,Row",
    )
    cached = night.care.get("/residents/OAK-0001").json()
    (report,) = run(night)
    assert report == json.loads((night.folder / "oakwood/reports/residents-1.csv.json").read_text())
    counts = {word: report[word] for word in ("rows", "admitted", "changed", "unchanged", "rejected")}
    assert counts == {"rows": 8, "admitted": 2, "changed": 1, "unchanged": 1, "rejected": 4}
    assert [error["line"] for error in report["errors"]] == [6, 7, 8, 9]
    assert "check digit" in report["errors"][0]["message"]
    assert report["errors"][1]["message"] == "nhsNumber belongs to another resident"
    assert "9990001589" not in json.dumps(report)

    assert rows(night, "IMP-1") == [("oakwood", "9990001588", "Zoë", "Quinn", "1931-05-06", "E1")]
    ((_, number, *_),) = rows(night, "IMP-2")
    assert number.startswith("999")
    moved = night.care.get("/residents/OAK-0001").json()
    assert (cached["room"], moved["room"]) == ("A1", "F7")
    assert rows(night, "IMP-3") == rows(night, "IMP-4") == rows(night, "ELM-9") == []
    assert run(night) == []

    def audited():
        found = estate.audit.get("/events", params={"tenant": "oakwood", "limit": 500}).json()["items"]
        return [item for item in found if item["entityType"] == "ResidentImport"]

    (event,) = eventually(audited)
    assert (event["entityId"], event["details"]["admitted"]) == ("oakwood/residents-1.csv", 2)


@pytest.mark.parametrize("header", ["external_id,name\n", "", "\udcff\n"], ids=["columns", "none", "garbled"])
def test_a_file_in_another_layout_changes_nothing(night, header):
    leave(night, "oakwood/residents-2.csv", "IMP-7,,A,B,1930-01-01,", header=header)
    (report,) = run(night)
    assert (report["admitted"], report["rejected"], report["errors"][0]["line"]) == (0, 1, 1)


def test_only_a_manager_or_a_service_of_the_home_imports(night, estate):
    assert night.care.post("/imports", role="nurse").status_code == 403
    assert run(night, role="service") == []


def test_without_a_server_the_answer_is_503(estate, start):
    with start.here(care_api.app, {**estate.environment, "SFTP_URL": "sftp://nobody@127.0.0.1:1/"}) as care:
        assert care.post("/imports").status_code == 503
        health = care.get("/health").json()
        assert (health["status"], health["dependencies"]["sftp"]["status"]) == ("degraded", "down")
    assert estate.care.post("/imports").json()["type"].endswith("/not-connected")


def test_a_server_with_another_key_is_not_believed(estate, start, tmp_path):
    with start.sftp(tmp_path) as url:
        other = url.partition("?")[0] + "?host_key=SHA256:" + "A" * 43
        with start.here(care_api.app, {**estate.environment, "SFTP_URL": other}) as care:
            assert care.post("/imports").status_code == 503


@pytest.mark.parametrize("way", ["embedded", "local_binary"])
def test_the_servers_that_a_run_provides_are_understood(estate, start, real_service, way):
    """Their urls name the server's key, and the file of ours where there is no password."""
    environment = {**estate.environment, "SFTP_URL": real_service("sftp", way)}
    with start.here(care_api.app, environment) as care:
        assert care.get("/health").json()["dependencies"]["sftp"]["status"] == "up"
        assert run(SimpleNamespace(care=care)) == []
