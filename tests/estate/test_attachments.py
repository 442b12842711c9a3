"""A care note with attachments: the note in the database, the files in the object store, the event without either."""

from __future__ import annotations

import base64
import hashlib
import uuid

import boto3
import pytest

from fixtures.estate.destinations import s3_options


@pytest.fixture
def bucket(estate):
    name, _, options = s3_options(estate.environment["DOCUMENTS_URL"])
    client = boto3.client("s3", **options)

    def listed(prefix):
        return [item["Key"] for item in client.list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])]

    listed.get = lambda key: client.get_object(Bucket=name, Key=key)
    return listed


@pytest.fixture
def resident(estate):
    sent = {"externalId": f"N-{uuid.uuid4().hex[:8]}", "name": {"given": "A", "family": "B"}, "birthDate": "1930-01-01"}
    found = estate.care.post("/residents", sent).json()
    yield found
    estate.care.call("DELETE", f"/residents/{found['id']}")


def file(name, content, content_type="application/pdf"):
    return {"name": name, "contentType": content_type, "content": base64.b64encode(content).decode()}


def note(**changes):
    return {"category": "observation", "text": "See the scan.", **changes}


def test_the_files_of_a_note_are_kept_and_go_with_the_resident(estate, resident, bucket, eventually):
    reference, contents = f"NOTE-{uuid.uuid4().hex[:8]}", [b"\x00\xffpdf", b"jpeg"]
    files = [file("scan.pdf", contents[0]), file("scan.pdf", contents[1], "image/jpeg")]
    path = f"/residents/{resident['id']}/notes"
    answer = estate.care.post(path, note(reference=reference, attachments=files))
    assert answer.status_code == 201, answer.text
    written = answer.json()
    assert written["reference"] == reference
    paths = [f"oakwood/notes/{reference}/{number}-scan.pdf" for number in (1, 2)]
    assert [item["path"] for item in written["attachments"]] == paths
    assert [item["size"] for item in written["attachments"]] == [5, 4]
    assert written["attachments"][0]["sha256"] == hashlib.sha256(contents[0]).hexdigest()
    assert estate.care.get(path).json()["items"] == [written]

    eventually(lambda: bucket(f"oakwood/notes/{reference}/") == paths)
    kept = [bucket.get(each) for each in paths]
    assert [(item["Body"].read(), item["ContentType"]) for item in kept] == [
        (contents[0], "application/pdf"),
        (contents[1], "image/jpeg"),
    ]
    assert estate.care.call("DELETE", f"/residents/{resident['id']}").status_code == 204
    eventually(lambda: bucket(f"oakwood/notes/{reference}/") == [])


def test_a_reference_is_used_once(estate, resident):
    path, reference = f"/residents/{resident['id']}/notes", f"NOTE-{uuid.uuid4().hex[:8]}"
    assert estate.care.post(path, note(reference=reference)).status_code == 201
    again = estate.care.post(path, note(reference=reference))
    assert (again.status_code, again.json()["detail"]) == (409, "reference belongs to another note")
    without = estate.care.post(path, note()).json()
    assert (without["reference"], without["attachments"]) == (without["id"], [])


@pytest.mark.parametrize(
    ("attachments", "field"),
    [
        ([file("../scan.pdf", b"x")], "attachments.0.name"),
        ([file("scan.pdf", b"")], "attachments.0.content"),
        ([{**file("scan.pdf", b"x"), "content": "@@@@"}], "attachments.0.content"),
        ([file("scan.exe", b"x", "application/x-msdownload")], "attachments.0.contentType"),
        ([file("scan.pdf", b"x")] * 4, "attachments"),
    ],
    ids=["path", "empty", "no-base64", "type", "too-many"],
)
def test_what_is_no_attachment_is_refused(estate, resident, attachments, field):
    answer = estate.care.post(f"/residents/{resident['id']}/notes", note(attachments=attachments))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
