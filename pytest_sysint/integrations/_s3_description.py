"""What a bucket is set to: what S3 tells of it, aspect by aspect, and what a service does not tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from pydantic import Field

from pytest_sysint.core.description import NOT_KNOWN, DurationLeaf, Leaf, Section
from pytest_sysint.core.errors import Denied, Rejected
from pytest_sysint.core.model import Declared

Ask = Callable[[str], Mapping[str, Any]]
"""The answer to a question about the bucket, such as `get_bucket_versioning`."""

_DAY = 86400
_NOT_OFFERED = frozenset({"NotImplemented", "501", "XNotImplemented", "MethodNotAllowed", "405", "NotSupported"})


class Rule(Declared):
    """What can be promised of a rule of the lifecycle."""

    enabled: Leaf = Field(None, description="Whether it is applied.")
    prefix: Leaf = Field(None, description="How the keys begin that it is for; empty for all.")
    expires_after: DurationLeaf = Field(None, description="After what time objects are removed; null when never.")
    old_versions_expire_after: DurationLeaf = Field(None, description="The same of versions that were replaced.")
    moves: Leaf = Field(None, description="Where to and after how many days objects are moved: {GLACIER: 90}.")


class Aspect(Declared):
    """What can be promised of one aspect of the bucket; which of the properties it has depends on the aspect."""

    shorthand: ClassVar[str] = "status"

    status: Leaf = Field(
        None,
        description="versioning: enabled, suspended, off. encryption: AES256, aws:kms, off. public_access: blocked, "
        "partly, open. lifecycle, policy, acl: set, none. object_lock: enabled, off.",
    )
    mfa_delete: Leaf = Field(None, description="versioning: whether a second factor is needed to remove.")
    key: Leaf = Field(None, description="encryption: the key of KMS; null for the service's own.")
    blocks: Leaf = Field(None, description="public_access: those of the four settings that are on, by name, sorted.")
    rules: dict[str, Rule] | None = Field(None, description="lifecycle: its rules, by their ids.")
    mode: Leaf = Field(None, description="object_lock: COMPLIANCE or GOVERNANCE; null without a default.")
    period: DurationLeaf = Field(None, description="object_lock: how long objects are kept by default.")
    public: Leaf = Field(None, description="policy, acl: whether it lets anybody in.")
    grants: Leaf = Field(None, description="acl: what everybody may, by name, sorted.")


def describe_bucket(integration: Any, timeout: float) -> dict[str, dict[str, Any]]:
    """Every aspect of the bucket of a live S3."""
    deadline = time.monotonic() + timeout

    def ask(question: str) -> Mapping[str, Any]:
        with integration.talk("read", max(deadline - time.monotonic(), 0.001)) as client:
            found: Mapping[str, Any] = getattr(client, question)(Bucket=integration.target.bucket)
            return found

    return {name: _told(read, ask) for name, read in _ASPECTS.items()}


class _Read(Protocol):
    def __call__(self, ask: Ask) -> dict[str, Any]: ...


def _told(read: _Read, ask: Ask) -> dict[str, Any]:
    """What an aspect is; where the service does not tell, that, with its reason."""
    try:
        return read(ask)
    except Denied as error:
        if error.rung == "authentication":
            raise
        return {NOT_KNOWN: {"*": f"this user may not look at it ({error.code})"}}
    except Rejected as error:
        if error.code not in _NOT_OFFERED:
            raise
        return {NOT_KNOWN: {"*": f"the service does not offer it ({error.code})"}}


def _or_none(ask: Ask, question: str, missing: str) -> Mapping[str, Any] | None:
    """The answer; None where the service says by that code that nothing is set."""
    try:
        return ask(question)
    except Rejected as error:
        if error.code != missing:
            raise
        return None


def _versioning(ask: Ask) -> dict[str, Any]:
    found = ask("get_bucket_versioning")
    return {"status": found.get("Status", "off").lower(), "mfa_delete": found.get("MFADelete") == "Enabled"}


def _encryption(ask: Ask) -> dict[str, Any]:
    found = _or_none(ask, "get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
    rules = found["ServerSideEncryptionConfiguration"]["Rules"] if found else []
    chosen = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    return {"status": chosen.get("SSEAlgorithm", "off"), "key": chosen.get("KMSMasterKeyID")}


def _public_access(ask: Ask) -> dict[str, Any]:
    found = _or_none(ask, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
    settings = found["PublicAccessBlockConfiguration"] if found else {}
    blocks = sorted(name for name, on in settings.items() if on)
    all_of_them = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}
    status = "blocked" if all_of_them <= set(blocks) else "partly" if blocks else "open"
    return {"status": status, "blocks": blocks}


def _lifecycle(ask: Ask) -> dict[str, Any]:
    found = _or_none(ask, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    rules = found["Rules"] if found else []
    named = {rule.get("ID") or f"rule-{number}": _rule(rule) for number, rule in enumerate(rules, start=1)}
    return {"status": "set" if rules else "none", "rules": named}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    filtered = rule.get("Filter", {})
    prefix = rule.get("Prefix", filtered.get("Prefix", filtered.get("And", {}).get("Prefix", "")))
    return {
        "enabled": rule.get("Status") == "Enabled",
        "prefix": prefix,
        "expires_after": _days(rule.get("Expiration", {}).get("Days")),
        "old_versions_expire_after": _days(rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")),
        "moves": {move["StorageClass"]: move.get("Days") for move in rule.get("Transitions", [])},
    }


def _days(count: int | None) -> int | None:
    return None if count is None else count * _DAY


def _object_lock(ask: Ask) -> dict[str, Any]:
    found = _or_none(ask, "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError")
    settings = found["ObjectLockConfiguration"] if found else {}
    default = settings.get("Rule", {}).get("DefaultRetention", {})
    days = default.get("Days") or (365 * default["Years"] if default.get("Years") else None)
    on = settings.get("ObjectLockEnabled") == "Enabled"
    return {"status": "enabled" if on else "off", "mode": default.get("Mode"), "period": _days(days)}


def _policy(ask: Ask) -> dict[str, Any]:
    if _or_none(ask, "get_bucket_policy", "NoSuchBucketPolicy") is None:
        return {"status": "none", "public": False}
    told = _told(_publicly, ask)
    return {"status": "set", **({NOT_KNOWN: {"public": told[NOT_KNOWN]["*"]}} if NOT_KNOWN in told else told)}


def _publicly(ask: Ask) -> dict[str, Any]:
    return {"public": bool(ask("get_bucket_policy_status")["PolicyStatus"]["IsPublic"])}


def _acl(ask: Ask) -> dict[str, Any]:
    grants = ask("get_bucket_acl").get("Grants", [])
    everybody = [each for each in grants if each.get("Grantee", {}).get("URI", "").endswith(_EVERYBODY)]
    allowed = sorted({each["Permission"] for each in everybody})
    return {"status": "set" if grants else "none", "public": bool(allowed), "grants": allowed}


_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_ASPECTS: Mapping[str, _Read] = {
    "versioning": _versioning,
    "encryption": _encryption,
    "public_access": _public_access,
    "lifecycle": _lifecycle,
    "object_lock": _object_lock,
    "policy": _policy,
    "acl": _acl,
}
SECTION = Section(
    "bucket",
    Aspect,
    f"What the bucket is set to: {', '.join(_ASPECTS)}.",
    left_out=frozenset({NOT_KNOWN}),
)
