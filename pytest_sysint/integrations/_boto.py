"""What the types that talk through boto3 share: clients, round timeouts, and its errors in words."""

from __future__ import annotations

import ssl
import threading
from typing import Any

from pytest_sysint.core.errors import CallError, Denied, Garbled, Rejected
from pytest_sysint.core.secrets import redact
from pytest_sysint.integrations._net import translate_os_error

_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_making = threading.Lock()
_sessions: dict[str, Any] = {}


def round_up(timeout: float) -> float:
    """The next of a few round durations, so that what is left of a timeout does not ask for a client each time."""
    scale = 0.01
    while timeout > 10 * scale:
        scale *= 10
    return round(next(step * scale for step in _STEPS if timeout <= step * scale * 1.0001), 6)


def unwarned() -> None:
    """Keep urllib3 from warning of what a declaration asks for with `verify: false`.

    To be called each time: pytest exchanges the filters of the process around each test.
    """
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def make_client(service: str, profile: str, **options: Any) -> Any:
    """A boto3 client. Sessions are shared, since each reads megabytes of service descriptions.

    Making one is not safe for threads, so one is made at a time; using it is.
    """
    import boto3

    with _making:
        if profile not in _sessions:
            _sessions[profile] = boto3.session.Session(profile_name=profile or None)
        return _sessions[profile].client(service, **options)


REFUSED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "Forbidden", "401", "Unauthorized"})
"""Codes by which a known caller is refused; without a body, S3 says no more than 403."""
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_BUSY = frozenset({"SlowDown", "503", "ServiceUnavailable", "InternalError", "500", "502", "504", "RequestTimeout"})

_CREDENTIALS = {
    "InvalidAccessKeyId": "the access key is not known there: is it that of this service, and not deleted?",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key, or a proxy changes the requests",
    "ExpiredToken": "the temporary credentials have expired: get new ones",
    "InvalidToken": "the session token is not valid: does it belong to these keys?",
    "TokenRefreshRequired": "the temporary credentials have expired: get new ones",
    "AuthorizationHeaderMalformed": "`region` is not that of the bucket",
    "RequestTimeTooSkewed": "the clocks of the two machines differ by more than 15 minutes",
    "NotSignedUp": "the account may not use the service",
    "InvalidSecurity": "the credentials are not valid",
}
_REDIRECTS = frozenset({"301", "PermanentRedirect", "TemporaryRedirect", "307", "IllegalLocationConstraintException"})


def explain(error: Exception, where: str, rung: str, timeout: float) -> CallError:
    """The error of boto3 or of its connection as the right CallError. `where` names the bucket."""
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError

    if isinstance(error, boto.ClientError):
        return _said_no(error, where, rung)
    if isinstance(error, (boto.ConnectTimeoutError, boto.ReadTimeoutError)):
        return translate_os_error(TimeoutError(), where, rung=rung, timeout=timeout)
    if isinstance(error, (boto.NoCredentialsError, boto.PartialCredentialsError, boto.ProfileNotFound)):
        hint = "set access_key and secret_key, or a profile; or `anonymous: true` for a public bucket"
        return Denied(f"there are no credentials for {where}: {error}", hint=hint)
    if isinstance(error, (ResponseParserError, boto.PaginationError)) or _not_http(error):
        return _garbled(where)
    if isinstance(error, boto.ParamValidationError):
        return Rejected(f"the request to {where} cannot be sent: {redact(str(error))}", rung=rung)
    return translate_os_error(_root(error), where, rung=rung, timeout=timeout)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found


def _root(error: BaseException) -> BaseException:
    """The SSLError of botocore is an OSError that tells nothing; the real one lies deeper."""
    return next((found for found in _chain(error) if isinstance(found, ssl.SSLError)), error)


def _not_http(error: BaseException) -> bool:
    from http.client import BadStatusLine, LineTooLong, RemoteDisconnected

    def odd(found: Any) -> bool:
        return isinstance(found, (BadStatusLine, LineTooLong)) and not isinstance(found, RemoteDisconnected)

    return any(odd(found) or any(map(odd, found.args)) for found in _chain(error))


def _garbled(where: str) -> Garbled:
    hint = "is the endpoint that of the storage service, with the right port and scheme?"
    return Garbled(f"what answers for {where} does not speak S3", hint=hint)


def _said_no(error: Any, where: str, rung: str) -> CallError:
    said = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    status = str(metadata.get("HTTPStatusCode", ""))
    code = said.get("Code") or status
    text = redact(said.get("Message") or "").rstrip(".")
    if code in _CREDENTIALS:
        return Denied(f"{where}: the credentials were refused: {code}: {text}", code=code, hint=_CREDENTIALS[code])
    if code in REFUSED:
        hint = "the credentials are known, but a policy does not allow it; see the bucket's and the user's policies"
        return Denied(f"{where}: {error.operation_name} was refused: {code}: {text}", rung=rung, code=code, hint=hint)
    if not said.get("Code") or status == "200":  # an error without S3's own code, or within an answer of success
        return _garbled(where)
    if code == "NoSuchBucket" or (code in _MISSING and error.operation_name == "HeadBucket"):
        hint = "create it; is its name right, and the endpoint that of its service?"
        return Rejected(f"there is no bucket {where}", rung="ping", code=code, hint=hint)
    if code in _REDIRECTS:
        region = metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
        hint = f"set `region: {region}`" if region else "set `region` to that of the bucket"
        return Rejected(f"{where} is in another region", rung="ping", code=code, hint=hint)
    rejected = Rejected(f"{where}: {error.operation_name} failed: {code}: {text}", rung=rung, code=code)
    if code in _BUSY:
        rejected.transient = True
        rejected.hint = "the service is overloaded or broken for the moment"
    return rejected
