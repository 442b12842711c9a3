"""Type `s3`: a bucket of Amazon S3, or of any service that speaks its protocol (MinIO, Ceph, ...).

boto3 and not s3fs: its clients are documented as safe for threads, its errors carry S3's own codes, it tries once when
told so (s3fs retries by itself: a timeout of 1 s becomes 7), and it pins no narrow range of botocore.
"""

from __future__ import annotations

import re
import shlex
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from secrets import token_hex
from typing import Any, ClassVar

from pytest_sysint.core.description import Description
from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected, TimedOut
from pytest_sysint.core.integration import Rung
from pytest_sysint.core.provisioning import Embedded, Place, Running
from pytest_sysint.core.secrets import learn_url, reveal
from pytest_sysint.core.units import show
from pytest_sysint.integrations._boto import REFUSED, explain, make_client, round_up, unwarned
from pytest_sysint.integrations._file_operations import OPERATIONS
from pytest_sysint.integrations._files import Entry, Files, Reader
from pytest_sysint.integrations._net import host_port, network_rungs
from pytest_sysint.integrations._s3_description import SECTION, describe_bucket
from pytest_sysint.integrations._s3_settings import Settings, Target, target_of
from pytest_sysint.integrations._tls import context_for


class S3(Files[Settings]):
    """A bucket, or the part of it below a prefix."""

    settings_model = Settings
    driver = "boto3"
    images = ("minio", "localstack")
    operations = OPERATIONS
    sections = (SECTION,)
    shell: ClassVar[dict[str, str]] = {
        "get": "s3 cp {path} -",
        "stat": "s3 ls {path}",
        "list": "s3 ls --recursive {path}",
        "put": "s3 cp FILE {path}",
        "delete": "s3 rm {path}",
    }

    def __init__(self, settings: Settings, *, read_only: bool = False, concurrency: int = 32) -> None:
        super().__init__(settings, read_only=read_only, concurrency=concurrency)
        learn_url(settings.url)
        self._clients: dict[float, Any] = {}
        self._lock = threading.Lock()

    @cached_property
    def target(self) -> Target:
        """Bucket, prefix and endpoint.

        Raises:
            Rejected: when the url does not name them.

        """
        try:
            return target_of(self.settings.url, self.settings.endpoint)
        except ValueError as error:
            raise Rejected(str(error), rung="dns") from None

    @property
    def client(self) -> Any:
        """A boto3 client for S3; it tries once, and waits 5 seconds at most."""
        return self._client(5.0)

    @property
    def where(self) -> str:
        return f"s3://{self.target.bucket}/{self.target.prefix}".rstrip("/")

    def place_of(self, path: str) -> str:
        return f"s3://{self.target.bucket}/{self._key(path)}"

    def by_hand(self, verb: str, path: str) -> str:
        return f"aws {self._options()}{super().by_hand(verb, path)}"

    def reproduce(self) -> str:
        return self.by_hand("stat", "")

    def close(self) -> None:
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def rungs(self) -> Iterable[Rung]:
        url = self.target.endpoint or self._client(5.0).meta.endpoint_url
        secure = url.startswith("https:")
        host, port = host_port(url, 443 if secure else 80)
        rungs = network_rungs(host, port, tls=context_for(self.settings.tls) if secure else None)
        if not self.settings.anonymous:
            rungs.append(Rung("authentication", self._authenticate))
        return [*rungs, Rung("ping", self._ping), Rung("read", self._read)]

    def write(self, path: str, content: bytes, content_type: str, timeout: float) -> Entry:
        with self.talk("write", timeout) as client:
            seen = client.put_object(**self._at(path), Body=content, ContentType=content_type)
        return Entry(path, len(content), None, seen.get("ETag", "").strip('"'), content_type)

    def entry(self, path: str, timeout: float) -> Entry | None:
        try:
            with self.talk("read", timeout) as client:
                return _entry(path, client.head_object(**self._at(path)))
        except Rejected as error:
            if error.code not in ("404", "NoSuchKey"):
                raise
        self._ping(timeout)  # without a body, a missing object and a missing bucket look the same
        return None

    @contextmanager
    def opened(self, path: str, timeout: float) -> Iterator[tuple[Entry, Reader] | None]:
        try:
            with self.talk("read", timeout) as client:
                seen = client.get_object(**self._at(path))
        except Rejected as error:
            if error.code != "NoSuchKey":
                raise
            yield None
            return
        with self._explained("read", timeout), closing(seen["Body"]) as body:
            yield _entry(path, seen), body.read

    def walk(self, prefix: str, timeout: float) -> Iterator[Entry]:
        deadline = time.monotonic() + timeout
        skip = len(self._key(""))
        with self.talk("read", timeout) as client:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.target.bucket, Prefix=self._key(prefix)
            )
            for page in pages:
                for row in _rows(page, self.where):
                    yield Entry(row["Key"][skip:], row["Size"], row["LastModified"], row.get("ETag", "").strip('"'))
                if time.monotonic() > deadline and page["IsTruncated"]:
                    within = show(timeout, "duration")
                    raise TimedOut(f"{self.where}/{prefix} was not listed within {within}", rung="read")

    def remove(self, path: str, timeout: float) -> None:
        with self.talk("write", timeout) as client:
            client.delete_object(**self._at(path))

    def describe(self, sections: Collection[str], timeout: float) -> Description:
        """What the bucket is set to.

        Raises:
            CallError: when it cannot be asked. What it does not tell is marked as not known.

        """
        return {name: describe_bucket(self, timeout) for name in sections}

    def _authenticate(self, timeout: float) -> str:
        try:
            self._read(timeout)
        except Denied as error:
            if error.rung == "authentication":
                raise
            return f"known, but the service says {error.code}"  # what may be done shows at the next rungs
        except Rejected as error:
            return f"known, but the service says {error.code}"
        return "accepted"

    def _ping(self, timeout: float) -> str:
        with self.talk("ping", timeout) as client:
            try:
                seen = client.head_bucket(Bucket=self.target.bucket)
            except client.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") not in REFUSED:
                    raise
                return f"bucket {self.target.bucket}, which we may not look at"
        region = seen.get("BucketRegion", "")
        return f"bucket {self.target.bucket}{' in ' + region if region else ''}"

    def _read(self, timeout: float) -> str:
        with self.talk("read", timeout) as client:
            page = client.list_objects_v2(Bucket=self.target.bucket, Prefix=self._key(""), MaxKeys=1)
        return "it holds objects" if _rows(page, self.where) else "empty"

    def _at(self, path: str) -> dict[str, str]:
        return {"Bucket": self.target.bucket, "Key": self._key(path)}

    def _key(self, path: str) -> str:
        return f"{self.target.prefix}/{path}" if self.target.prefix else path

    def _options(self) -> str:
        parts = ["--endpoint-url", self.target.endpoint] if self.target.endpoint else []
        parts += ["--region", self.settings.region]
        parts += ["--profile", self.settings.profile] if self.settings.profile else []
        parts += ["--no-sign-request"] if self.settings.anonymous else []
        return shlex.join(parts) + " "

    @contextmanager
    def talk(self, rung: str, timeout: float) -> Iterator[Any]:
        """A boto3 client whose errors become those of the given rung."""
        with self._explained(rung, timeout):
            yield self._client(timeout)

    @contextmanager
    def _explained(self, rung: str, timeout: float) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            yield
        except (BotoCoreError, ClientError, ResponseParserError, OSError) as error:
            raise explain(error, self.where, rung, timeout) from None

    def _client(self, timeout: float) -> Any:
        """A client whose timeout is the one asked for, or a little longer: boto3 has one for all calls of a client."""
        if not self.settings.tls.verify:
            unwarned()
        wait = round_up(timeout)
        with self._lock:
            if wait not in self._clients:
                self._clients[wait] = _connect(self.settings, self.target, wait, self.concurrency)
            return self._clients[wait]


def _connect(settings: Settings, target: Target, timeout: float, connections: int) -> Any:
    from botocore import UNSIGNED
    from botocore.config import Config

    tls, style = settings.tls, settings.addressing
    if style == "auto" and target.endpoint:
        style = "path"
    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": 1},
        max_pool_connections=connections,
        s3={"addressing_style": style},
        # Most services but Amazon's do not know the checksums that boto3 adds by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        client_cert=(tls.cert, tls.key or tls.cert) if tls.cert else None,
        signature_version=UNSIGNED if settings.anonymous else None,
    )
    return make_client(
        "s3",
        settings.profile,
        region_name=settings.region,
        endpoint_url=target.endpoint or None,
        verify=(tls.ca or None) if tls.verify else False,
        aws_access_key_id=settings.access_key or target.user or None,
        aws_secret_access_key=reveal(settings.secret_key) or reveal(target.password) or None,
        aws_session_token=reveal(settings.session_token) or None,
        config=config,
    )


def _rows(page: dict[str, Any], where: str) -> list[dict[str, Any]]:
    if "IsTruncated" not in page:
        raise Garbled(
            f"what answers for {where} does not speak S3: a listing came back without any of its parts",
            hint="is the endpoint that of the storage service, and not of a web page before it?",
        )
    rows: list[dict[str, Any]] = page.get("Contents", [])
    return rows


def _entry(path: str, seen: dict[str, Any]) -> Entry:
    etag = seen.get("ETag", "").strip('"')
    return Entry(path, seen.get("ContentLength", 0), seen.get("LastModified"), etag, seen.get("ContentType", ""))


def _serve(place: Place) -> Running:
    """Start a moto server, with a bucket named after the integration, or by the option `bucket`."""
    from pytest_sysint.integrations._moto import serve

    port, stop = serve(place)
    bucket = place.options.get("bucket") or bucket_name(place.id)
    url = f"http://sysint:{token_hex(16)}@127.0.0.1:{port}/{bucket}"
    live = S3(Settings.model_validate({"url": url}))
    try:
        with live.talk("write", 30.0) as client:
            client.create_bucket(Bucket=bucket)
    except CallError:
        stop()
        raise
    finally:
        live.close()
    return Running(url, stop, "moto server")


def bucket_name(text: str) -> str:
    """A text as the name of a bucket: 3 to 63 of a-z, 0-9 and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:55].strip("-").ljust(3, "0")


S3.recipes = (Embedded("moto.server", _serve),)

TYPE = S3
