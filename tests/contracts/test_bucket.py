"""The section `bucket` of type `s3`: each aspect kept, changed in just that way, and not told by the service."""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from pytest_sysint.cli import main
from pytest_sysint.contracts._recorded import write_snapshot
from pytest_sysint.core.errors import Denied, Unreachable

PROMISED = {
    "versioning": "enabled",
    "encryption": {"status": "aws:kms", "key": "~ records"},
    "public_access": "blocked",
    "lifecycle": {"rules": {"old exports": {"enabled": True, "prefix": "exports/", "expires_after": "<= 90d"}}},
    "policy": {"public": False},
    "acl": {"public": False},
}
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


class Bucket:
    """A bucket of its own on moto, set as it is promised; each method changes one aspect."""

    def __init__(self, desk, url, lock=False):
        name = f"care-{uuid.uuid4().hex[:12]}"
        parts = urlsplit(url)
        self.desk = desk("s3", url=f"{parts.scheme}://{parts.netloc}/{name}")
        self.name, self.client = name, self.desk.talk().integration.client
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)

    def versioning(self, status="Enabled"):
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})

    def encryption(self, algorithm="aws:kms", **key):
        default = {"SSEAlgorithm": algorithm, **key}
        rules = [{"ApplyServerSideEncryptionByDefault": default}]
        self.client.put_bucket_encryption(Bucket=self.name, ServerSideEncryptionConfiguration={"Rules": rules})

    def public_access(self, **changed):
        blocks = {**BLOCKED, **changed}
        self.client.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=blocks)

    def lifecycle(self, status="Enabled", prefix="exports/", days=30, name="old exports", **more):
        rule = {"ID": name, "Status": status, "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}, **more}
        self.client.put_bucket_lifecycle_configuration(Bucket=self.name, LifecycleConfiguration={"Rules": [rule]})

    def none(self, aspect):
        getattr(self.client, f"delete_{aspect}")(Bucket=self.name)

    def policy(self, principal):
        objects = f"arn:aws:s3:::{self.name}/*"
        statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": objects}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client.put_bucket_policy(Bucket=self.name, Policy=text)

    def failed(self, promised=PROMISED):
        found = {}
        for check in self.desk.checks({"bucket": promised}):
            for each in check.run(self.desk.talk()).assertions:
                if each.status == "failed":
                    found[f"{check.slug}.{each.name}"] = each.message
        return found


@pytest.fixture
def bucket(desk, real_service):
    made = Bucket(desk, real_service("s3", "embedded"))
    made.versioning()
    made.encryption(KMSMasterKeyID="alias/records")
    made.public_access()
    made.lifecycle()
    return made


def test_all_that_is_promised_is_there(bucket):
    assert bucket.failed() == {}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (lambda bucket: bucket.versioning("Suspended"), {"bucket-versioning.status"}),
        (lambda bucket: bucket.encryption("AES256"), {"bucket-encryption.status", "bucket-encryption.key"}),
        (lambda bucket: bucket.encryption(KMSMasterKeyID="alias/other"), {"bucket-encryption.key"}),
        (lambda bucket: bucket.none("bucket_encryption"), {"bucket-encryption.status", "bucket-encryption.key"}),
        (lambda bucket: bucket.public_access(BlockPublicPolicy=False), {"bucket-public-access.status"}),
        (lambda bucket: bucket.none("public_access_block"), {"bucket-public-access.status"}),
        (lambda bucket: bucket.lifecycle(status="Disabled"), {"bucket-lifecycle.rules.old exports.enabled"}),
        (lambda bucket: bucket.lifecycle(days=365), {"bucket-lifecycle.rules.old exports.expires_after"}),
        (lambda bucket: bucket.lifecycle(prefix="export/"), {"bucket-lifecycle.rules.old exports.prefix"}),
        (lambda bucket: bucket.lifecycle(name="other"), {"bucket-lifecycle.rules.old exports"}),
        (lambda bucket: bucket.none("bucket_lifecycle"), {"bucket-lifecycle.rules.old exports"}),
        (lambda bucket: bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read"), {"bucket-acl.public"}),
    ],
)  # fmt: skip
def test_each_change_is_seen_by_its_check_alone(bucket, change, broken):
    if "acl" in str(broken):  # else the store itself would refuse it
        bucket.client.delete_public_access_block(Bucket=bucket.name)
        broken = broken | {"bucket-public-access.status"}
    change(bucket)
    assert set(bucket.failed()) == broken


def test_a_policy_that_lets_everybody_in(bucket):
    bucket.client.delete_public_access_block(Bucket=bucket.name)
    bucket.policy("*")
    failed = bucket.failed({"policy": {"status": "set", "public": False}})
    assert set(failed) == {"bucket-policy.public"}
    assert bucket.failed({"policy": "none"})


def test_object_lock(desk, real_service):
    plain, locked = Bucket(desk, real_service("s3", "embedded")), Bucket(desk, real_service("s3"), lock=True)
    assert set(plain.failed({"object_lock": "enabled"})) == {"bucket-object-lock.status"}
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    locked.client.put_object_lock_configuration(
        Bucket=locked.name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    kept = {"status": "enabled", "mode": "COMPLIANCE", "period": ">= 30d"}
    assert locked.failed({"object_lock": kept}) == {}
    assert set(locked.failed({"object_lock": {**kept, "period": ">= 60d"}})) == {"bucket-object-lock.period"}


def test_a_new_bucket_keeps_none_of_it(desk, real_service):
    failed = Bucket(desk, real_service("s3", "embedded")).failed()
    assert {"bucket-versioning.status", "bucket-encryption.status", "bucket-public-access.status"} <= set(failed)
    assert "did you mean" not in failed["bucket-lifecycle.rules.old exports"]


def test_what_everybody_asks_at_once_is_asked_once(bucket):
    checks, talk = bucket.desk.checks({"bucket": PROMISED}), bucket.desk.talk()
    described = []
    describe = talk.integration.describe
    talk.integration.describe = lambda *arguments: described.append(arguments) or describe(*arguments)
    for check in checks:
        check.run(talk)
    assert len(described) == 1


def answering(status, code):
    """An S3 that answers each question about settings with one error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture
def serving(desk):
    servers = []

    def start(status, code):
        server = ThreadingHTTPServer(("127.0.0.1", 0), answering(status, code))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        servers.append((server, thread))
        return desk("s3", url=f"http://key:secretsecret@127.0.0.1:{server.server_address[1]}/care")

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [(501, "NotImplemented", "the service does not offer it"), (403, "AccessDenied", "this user may not look at it")],
)
def test_what_the_service_does_not_tell_is_not_known_and_no_pass(serving, status, code, why):
    place = serving(status, code)
    promised = {**PROMISED, "versioning": {}, "acl": {"absent": True}}
    for check in place.checks({"bucket": promised}):
        for each in check.run(place.talk()).assertions:
            assert each.status == "failed", each
            assert "is not known" in each.message
            assert why in each.message


def test_a_snapshot_does_not_take_what_is_not_told_for_gone(serving):
    place = serving(403, "AccessDenied")
    kept = {"versioning": {"status": "enabled", "mfa_delete": False}, "acl": {}}
    write_snapshot(place.folder / "care.yaml", "it", "s3", {"bucket": kept})
    outcome = place.run({"snapshot": "care.yaml"})
    told = {each.name: each.message for each in outcome.assertions if each.severity == "fail"}
    assert set(told) == {"bucket.versioning.status", "bucket.versioning.mfa_delete"}
    assert (
        "is not known now: this user may not look at it (AccessDenied); it was enabled"
        in told["bucket.versioning.status"]
    )
    assert "may this user still look at it?" in outcome.cause
    assert "? breaking  bucket.versioning.status" in place.talked[-1].exchanges[-1].received


def test_what_a_snapshot_could_not_record_is_said(serving, capsys, monkeypatch):
    place = serving(403, "AccessDenied")
    monkeypatch.chdir(place.folder)
    declared = {"type": "s3", "url": place.settings["url"], "contract": {"snapshot": "care.yaml"}}
    (place.folder / "sysint.yaml").write_text(json.dumps({"sysint": 1, "integrations": {"it": declared}}))
    for _ in range(2):
        assert main(["contract", "update"]) == 0
        assert "? not known, and not recorded: bucket.versioning: this user may not" in capsys.readouterr().out
    (assertion,) = place.run({"snapshot": "care.yaml"}).assertions
    assert "; not known, and not compared: bucket.versioning, " in assertion.message


def test_who_is_not_let_in_is_an_error_and_no_verdict(serving):
    place = serving(403, "SignatureDoesNotMatch")
    (check,) = place.checks({"bucket": {"versioning": "enabled"}})
    with pytest.raises(Denied, match="credentials were refused"):
        check.run(place.talk())


def test_a_service_that_is_gone(desk):
    place = desk("s3", url="http://key:secretsecret@127.0.0.1:1/care")
    (check,) = place.checks({"bucket": {"versioning": "enabled"}})
    with pytest.raises(Unreachable):
        check.run(place.talk())


def test_a_policy_that_lets_one_in(bucket):
    bucket.policy({"AWS": "arn:aws:iam::123456789012:root"})
    assert bucket.failed({"policy": {"status": "set", "public": False}}) == {}
