"""Type `s3` against moto's server, and against counterparts that are broken in each way that it must see."""

from __future__ import annotations

import itertools
import json
import socket
import ssl
import struct
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut, TlsFailed, Unreachable
from pytest_sysint.core.provisioning import Place, free_port
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._boto import round_up
from pytest_sysint.integrations._file_operations import RoundTrip
from pytest_sysint.integrations._s3_settings import Target, target_of
from pytest_sysint.integrations.s3 import S3, TYPE, Settings, bucket_name

KEY = "http://whoever:whatever-it-is@"
LISTING = b"""<?xml version="1.0"?><ListBucketResult><Name>docs</Name><KeyCount>0</KeyCount>
<IsTruncated>false</IsTruncated></ListBucketResult>"""


@pytest.fixture
def make():
    made = []

    def live(url, **settings):
        made.append(S3(Settings.model_validate({"url": url, **settings})))
        return made[-1]

    yield live
    for one in made:
        one.close()


@pytest.fixture
def url(real_service):
    return real_service("s3", "embedded")


def climb(live, timeout=5):
    return {rung.name: rung.climb(timeout) for rung in live.rungs()}


def answer(status, body=b"", headers=b""):
    def handle(connection):
        connection.recv(65536)
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n" % (status, len(body), headers)
        connection.sendall(head + body)

    return handle


def test_ladder_of_a_healthy_bucket(make, url):
    live = make(url)
    seen = climb(live)
    assert list(seen) == ["dns", "tcp", "authentication", "ping", "read"]
    assert seen["authentication"] == "accepted"
    assert seen["ping"] == f"bucket {live.target.bucket} in us-east-1"
    below = make(f"{url}/folder-of-the-ladder")  # other tests use the same server
    assert climb(below)["read"] == "empty"
    below.put("a", b"1", 5)
    assert climb(below)["read"] == climb(live)["read"] == "it holds objects"
    below.delete("a", 5)


def test_ladder_without_credentials_has_no_such_rung(make, url):
    public = url.replace(urlsplit(url).netloc.rpartition("@")[0] + "@", "")
    assert list(climb(make(public, anonymous=True))) == ["dns", "tcp", "ping", "read"]


def test_rung_dns(make):
    with pytest.raises(Unreachable) as caught:
        climb(make(KEY + "nowhere.invalid/docs"))
    assert caught.value.rung == "dns"


def test_rung_tcp_and_calls_on_a_dead_port(make, dead_port):
    live = make(f"{KEY}127.0.0.1:{dead_port}/docs")
    for call in (lambda: climb(live), lambda: live.get("a", 2), lambda: live.put("a", b"", 2)):
        with pytest.raises(Unreachable, match="refused the connection") as caught:
            call()
        assert "whatever-it-is" not in str(caught.value)
        assert redact("password whatever-it-is") == "password ***"


def test_rung_tls(make, listen, certificates):
    context = certificates.context(certificates.server())
    url = f"https://a:bbbb@localhost:{listen(answer(b'200 OK', LISTING), context)}/docs"
    seen = climb(make(url, tls={"ca": certificates.authority}))
    assert list(seen) == ["dns", "tcp", "tls", "authentication", "ping", "read"]
    with pytest.raises(TlsFailed, match="authority that is not known") as caught:
        climb(make(url))
    assert caught.value.rung == "tls"
    with pytest.raises(TlsFailed, match="authority that is not known") as caught:
        make(url).list("", 2)
    assert caught.value.code == "verify 20"
    assert make(url, tls={"verify": False}).list("", 2).payload == []


def test_rung_tls_on_a_plain_port(make, listen):
    live = make(f"https://a:bbbb@127.0.0.1:{listen(answer(b'400 Bad Request'))}/docs")
    for call in (lambda: climb(live), lambda: live.list("", 2)):
        with pytest.raises(TlsFailed, match="does not speak TLS"):
            call()


def test_a_client_certificate_is_sent(make, listen, certificates):
    context = certificates.context(certificates.server())
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.authority)
    url = f"https://a:bbbb@localhost:{listen(answer(b'200 OK', LISTING), context)}/docs"
    ours = certificates.server("ours")
    assert make(url, tls={"ca": certificates.authority, "cert": ours}).list("", 2).payload == []
    with pytest.raises(CallError):
        make(url, tls={"ca": certificates.authority}).list("", 2)


@pytest.fixture
def guarded(url):
    """moto asks for credentials while this lasts: gives the bucket's place and the keys of a user who may read."""
    parts = urlsplit(url)
    endpoint = f"http://127.0.0.1:{parts.port}"
    import boto3

    iam = boto3.client(
        "iam", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    iam.create_user(UserName="reader")
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=document)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    demand(endpoint, "0")
    yield f"127.0.0.1:{parts.port}{parts.path}", key["AccessKeyId"], key["SecretAccessKey"], iam
    demand(endpoint, "inf")
    for name in iam.list_user_policies(UserName="reader")["PolicyNames"]:
        iam.delete_user_policy(UserName="reader", PolicyName=name)
    iam.delete_access_key(UserName="reader", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="reader")
    iam.close()


def demand(endpoint, after):
    plain = {"Content-Type": "text/plain"}
    asked = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=after.encode(), headers=plain)
    urllib.request.urlopen(asked).close()


def test_rung_authentication(make, guarded):
    place, key, secret, _ = guarded
    assert climb(make(f"http://{place}", access_key=key, secret_key=secret))["authentication"] == "accepted"
    with pytest.raises(Denied, match="SignatureDoesNotMatch") as wrong:
        climb(make(f"http://{key}:not-the-secret@{place}"))
    with pytest.raises(Denied, match="InvalidAccessKeyId") as unknown:
        climb(make(f"http://AKIANOBODY:not-the-secret@{place}"))
    assert {wrong.value.rung, unknown.value.rung} == {"authentication"}
    assert "not-the-secret" not in str(wrong.value) + str(unknown.value)
    assert wrong.value.hint


def test_what_a_policy_does_not_allow(make, guarded):
    place, key, secret, _ = guarded
    live = make(f"http://{place}", access_key=key, secret_key=secret)
    with pytest.raises(Denied, match="PutObject was refused") as caught:
        RoundTrip(roundtrip="").perform(live, 5)
    assert (caught.value.rung, caught.value.code) == ("write", "AccessDenied")
    assert "policy" in caught.value.hint


def test_rung_read(make, guarded):
    place, key, secret, iam = guarded
    demand("http://" + place.partition("/")[0], "inf")
    iam.delete_user_policy(UserName="reader", PolicyName="reads")
    demand("http://" + place.partition("/")[0], "0")
    live = make(f"http://{place}", access_key=key, secret_key=secret)
    with pytest.raises(Denied, match="ListObjectsV2 was refused") as caught:
        climb(live)
    assert caught.value.rung == "read"


def test_rung_ping_and_calls_on_a_missing_bucket(make, url):
    live = make(url.rpartition("/")[0] + "/nothing-here")
    with pytest.raises(Rejected, match="there is no bucket") as caught:
        climb(live)
    assert caught.value.rung == "ping"
    for call in (live.get, live.stat, live.list, live.delete):
        with pytest.raises(Rejected, match="there is no bucket"):
            call("a", 5)


def test_a_service_that_hangs(make, listen):
    live = make(f"{KEY}127.0.0.1:{listen(listen.hang)}/docs")
    for call in (live.get, live.list, live.delete):
        with pytest.raises(TimedOut, match="gave no answer within 50ms") as caught:
            call("a", 0.05)
        assert caught.value.transient


def closing(connection):
    connection.recv(65536)


def resetting(connection):
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def garbage(connection):
    connection.recv(65536)
    connection.sendall(b"\0\1 not HTTP\r\n\r\n")


@pytest.mark.parametrize("handler", [closing, resetting])
def test_a_service_that_ends_the_connection(make, listen, handler):
    live = make(f"{KEY}127.0.0.1:{listen(handler)}/docs")
    for call in (live.get, live.list):
        with pytest.raises(Unreachable) as caught:
            call("a", 2)
        assert caught.value.transient


@pytest.mark.parametrize(
    "handler",
    [
        garbage,
        answer(b"200 OK", b"<html>Welcome</html>"),
        answer(b"200 OK"),
        answer(b"404 Not Found", b"<html>No</html>"),
        answer(b"200 OK", b"<?xml version='1.0'?><Other/>"),
    ],
    ids=["not-http", "page", "empty", "page-404", "other-xml"],
)
def test_a_service_that_does_not_speak_s3(make, listen, handler):
    live = make(f"{KEY}127.0.0.1:{listen(handler)}/docs")
    with pytest.raises(Garbled, match="does not speak S3"):
        climb(live)
    with pytest.raises(Garbled, match="does not speak S3"):
        live.list("", 2)


def test_a_service_that_is_overloaded(make, listen):
    live = make(f"{KEY}127.0.0.1:{listen(answer(b'503 Slow Down', b'<Error><Code>SlowDown</Code></Error>'))}/docs")
    with pytest.raises(Rejected, match="SlowDown") as caught:
        live.list("", 2)
    assert caught.value.transient


def test_a_bucket_of_another_region(make, listen):
    body = b"<Error><Code>PermanentRedirect</Code><Message>Elsewhere.</Message></Error>"
    handler = answer(b"301 Moved", body, b"x-amz-bucket-region: eu-west-2\r\n")
    live = make(f"{KEY}127.0.0.1:{listen(handler)}/docs")
    with pytest.raises(Rejected, match="another region") as caught:
        live.list("", 2)
    assert "eu-west-2" in caught.value.hint


def test_content_that_breaks_off(make, listen):
    def handle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken")

    live = make(f"{KEY}127.0.0.1:{listen(handle)}/docs")
    with pytest.raises(Unreachable) as caught:
        live.get("a", 2)
    assert caught.value.rung == "read"


def pages(tokens):
    """A listing that goes on and on."""

    def handle(connection):
        while connection.recv(65536):
            token = b"<NextContinuationToken>%d</NextContinuationToken></ListB" % next(tokens)
            page = LISTING.replace(b"false", b"true").replace(b"</ListB", token)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

    return handle


def test_listing_ends_with_the_timeout(make, listen):
    live = make(f"{KEY}127.0.0.1:{listen(pages(itertools.count()))}/docs")
    with pytest.raises(TimedOut, match="was not listed within 100ms") as caught:
        live.list("", 0.1)
    assert caught.value.rung == "read"


def test_a_listing_that_goes_round_in_circles(make, listen):
    live = make(f"{KEY}127.0.0.1:{listen(pages(itertools.repeat(1)))}/docs")
    with pytest.raises(Garbled):
        live.list("", 2)


def test_a_bucket_whose_name_cannot_be(make, dead_port):
    with pytest.raises(Rejected, match="cannot be sent"):
        make(f"{KEY}127.0.0.1:{dead_port}/not%20a%20name").list("", 2)


def test_content_that_is_not_given(make, listen):
    body = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
    live = make(f"{KEY}127.0.0.1:{listen(answer(b'403 Forbidden', body))}/docs")
    with pytest.raises(Denied, match="GetObject was refused"):
        live.get("a", 2)
    broken = b"<Error><Code>InvalidRequest</Code><Message>Odd.</Message></Error>"
    live = make(f"{KEY}127.0.0.1:{listen(answer(b'400 Bad Request', broken))}/docs")
    for call in (live.get, live.stat):
        with pytest.raises(Rejected, match=r"400|InvalidRequest"):
            call("a", 2)


def test_credentials_that_are_nowhere(make, monkeypatch, tmp_path, url):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    public = url.replace(urlsplit(url).netloc.rpartition("@")[0] + "@", "")
    with pytest.raises(Denied, match="there are no credentials") as caught:
        make(public).list("", 2)
    assert caught.value.rung == "authentication"
    with pytest.raises(Denied, match="there are no credentials"):
        make(public, profile="nobody").list("", 2)


def test_many_threads_share_one_client(make, url):
    live = make(f"{url}/threads")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: live.put(f"{number}", b"%d" % number, 5), range(48)))
        read = list(pool.map(lambda number: live.get(f"{number}", 5).payload, range(48)))
    assert read == [str(number) for number in range(48)]
    assert live.list("", 5).facts["count"] == 48
    assert live.client is live.client


def test_the_native_client_is_of_boto3(make, url):
    live = make(url)
    assert live.client.list_objects_v2(Bucket=live.target.bucket, MaxKeys=1)["Name"] == live.target.bucket


def test_round_up():
    assert [round_up(t) for t in (5.0, 4.98, 0.1, 0.101, 1.01, 30, 59, 0.0001)] == [5, 5, 0.1, 0.15, 1.5, 30, 60, 0.01]
    assert all(timeout <= round_up(timeout) <= 1.51 * timeout for timeout in (0.02, 0.9, 7.3, 61.0, 3600.0))


def test_forms_of_the_url():
    assert target_of("s3://docs/a/b/") == Target("docs", "a/b")
    assert target_of("s3://docs", "https://minio") == Target("docs", "", "https://minio")
    assert target_of("http://k:s%2F1@h:9000/docs/a") == Target("docs", "a", "http://h:9000", "k", "s/1")
    assert target_of("https://[::1]:9000/docs").endpoint == "https://[::1]:9000"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://h:9000"}, "names no bucket"),
        ({"url": "s3:///x"}, "names no bucket"),
        ({"url": "http://h/docs", "endpoint": "http://other"}, "already names the endpoint"),
        ({"url": "s3://docs", "access_key": "a"}, "belong together"),
        ({"url": "s3://docs", "tls": {"server_name": "x"}}, "does not know them"),
    ],
)
def test_settings_that_do_not_fit_together(settings, said):
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(settings)


def test_a_reference_is_not_judged_before_it_is_resolved():
    assert Settings(url="${integration:documents.url}").url
    with pytest.raises(Rejected, match="names no bucket"):
        S3(Settings.model_construct(url="http://h")).get("a", 1)


def test_by_hand(make):
    live = make("http://key:hidden-secret@h:9000/docs/below", region="eu-west-2")
    assert live.reproduce() == "aws --endpoint-url http://h:9000 --region eu-west-2 s3 ls s3://docs/below/"
    assert live.by_hand("get", "a b").endswith("s3 cp 's3://docs/below/a b' -")
    assert "--no-sign-request" in make("s3://docs", anonymous=True).reproduce()
    assert "--profile ops" in make("s3://docs", profile="ops").reproduce()


def test_amazon_is_where_no_endpoint_is_named(make):
    live = make("s3://docs", access_key="a", secret_key="bbbb", region="eu-west-2")
    assert live.client.meta.endpoint_url == "https://s3.eu-west-2.amazonaws.com"
    assert [rung.name for rung in live.rungs()] == ["dns", "tcp", "tls", "authentication", "ping", "read"]


def test_the_recipe_ends_its_server_when_there_can_be_no_such_bucket(tmp_path):
    (recipe,) = TYPE.recipes
    place = Place("documents", tmp_path, free_port(), {"bucket": "No Name"})
    with pytest.raises(Rejected, match="cannot be sent"):
        recipe.start(place)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", place.port), 1)


def test_bucket_names():
    assert [bucket_name(text) for text in ("Docs_DB", "a", "x" * 99)] == ["docs-db", "a00", "x" * 55]


def test_it_is_the_registered_type_and_the_module_needs_no_driver():
    assert TYPE is S3
    code = (
        "import sys; sys.modules['boto3'] = sys.modules['botocore'] = None\nimport pytest_sysint.integrations.s3 as m"
    )
    subprocess.run([sys.executable, "-c", f"{code}; m.Settings(url='s3://docs')"], check=True)
