"""Where a bucket is, and who we are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.model import Secret
from pytest_sysint.integrations._files import FileSettings
from pytest_sysint.integrations._tls import Tls


@dataclass(frozen=True, slots=True)
class Target:
    """What a url names. `endpoint` is empty for Amazon's own."""

    bucket: str
    prefix: str
    endpoint: str = ""
    user: str = ""
    password: str = ""


def target_of(url: str, endpoint: str = "") -> Target:
    """Read `s3://bucket/prefix`, or `http(s)://key:secret@host:port/bucket/prefix`.

    Raises:
        ValueError: when it names no bucket, or two endpoints.

    """
    parts = urlsplit(url)
    path = unquote(parts.path).strip("/")
    if parts.scheme == "s3":
        bucket, prefix = parts.hostname or "", path
    else:
        if endpoint:
            raise ValueError("the url already names the endpoint; write s3://bucket, or leave `endpoint` out")
        endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        bucket, _, prefix = path.partition("/")
    if not bucket:
        raise ValueError("the url names no bucket; write s3://bucket, or http://host:port/bucket")
    return Target(bucket, prefix, endpoint, unquote(parts.username or ""), unquote(parts.password or ""))


class Settings(FileSettings):
    """A bucket: `url: s3://bucket/prefix`, or `url: http://key:secret@127.0.0.1:9000/bucket`."""

    schemes = ("s3", "http", "https")

    endpoint: str = Field("", description="The service's url, where it is not Amazon's and the url is s3://bucket.")
    region: str = Field("us-east-1", description="The bucket's region.")
    access_key: str = Field("", description="Who we are; without one, the usual AWS settings of the machine are used.")
    secret_key: Secret | None = Field(None, description="The secret that belongs to the access key.")
    session_token: Secret | None = Field(None, description="The token of temporary credentials.")
    profile: str = Field("", description="A profile of ~/.aws to take the credentials from.")
    anonymous: bool = Field(False, description="Whether to ask without credentials, for public buckets.")
    addressing: Literal["auto", "path", "virtual"] = Field(
        "auto", description="Where the bucket's name goes: the path, or the host; auto: the path, but for Amazon."
    )
    tls: Tls = Field(Tls(), description="How the encrypted channel is made.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        said = _misfit(self)
        if said:
            raise PydanticCustomError("sysint", "{text}", {"text": said})
        return self


def _misfit(settings: Settings) -> str:
    if bool(settings.access_key) != bool(settings.secret_key):
        return "access_key and secret_key belong together"
    if settings.tls.server_name or settings.tls.key_password:
        return "tls.server_name and tls.key_password cannot be used with s3: its library does not know them"
    if settings.url and "${" not in settings.url:
        try:
            target_of(settings.url, settings.endpoint)
        except ValueError as error:
            return str(error)
    return ""
