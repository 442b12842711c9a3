"""Where references are looked up: the environment, files, a tenant's keys, what other packages resolve.

A resolver of another package is an entry point of the group `pytest_sysint.resolvers`: its name is the scheme, its
value a callable `(what, tenant) -> str | None` that gives None where there is no such value. What it gives is a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pytest_sysint.core.errors import SysintError
from pytest_sysint.core.records import SHARED
from pytest_sysint.core.secrets import learn, learn_url, telling
from pytest_sysint.declaration.references import LATE, Late, Reference, Referenced, Template, offered

_MAX_FILE = 2**20

_NO_SECRETS = ("true", "false", "null")

Resolver = Callable[[str, str], "str | None"]
TenantKeys = Callable[[str, str], "str | None"]
"""(tenant, key) -> the declared key of a tenant, or None."""


def learn_secret(value: str) -> None:
    """Mask a value from now on; the words of a switch are in every text and hide nothing."""
    if value.lower() not in _NO_SECRETS:
        learn(value)


def _undeclared(_tenant: str, _key: str) -> None:
    return None


class Nowhere(Exception):
    """A reference leads to no value; the message says what is missing, and where it was looked for."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where references of one block are looked up."""

    env: Mapping[str, str]
    folder: Path
    """What relative paths are relative to: the folder of the declaration."""
    tenant: str = SHARED
    tenant_keys: TenantKeys = _undeclared

    def expand(self, template: Template) -> Referenced:
        """The text with every reference replaced; `Late` when some must wait for provisioning.

        Raises:
            Nowhere: with the first reference that leads to no value and has no default.

        """
        parts = self._resolved(template)
        if any(isinstance(part, Reference) for part in parts):
            return Late.of(parts)
        return Referenced("".join(map(str, parts)))

    def missing(self, template: Template) -> list[str]:
        """What each reference that leads nowhere misses: all of them at once."""
        found = []
        for part in template:
            try:
                self._parts(part)
            except Nowhere as error:
                found.append(str(error))
        return found

    def _resolved(self, template: Template) -> Template:
        return tuple(resolved for part in template for resolved in self._parts(part))

    def _parts(self, part: str | Reference) -> Template:
        if isinstance(part, str):
            return (part,)
        if part.scheme == LATE:
            return (Reference(LATE, part.what, None if part.default is None else self._resolved(part.default)),)
        try:
            value = self._look_up(part.scheme, part.what)
        except Nowhere:
            if part.default is None:
                raise
            value = ""
        return self._resolved(part.default) if value == "" and part.default is not None else (value,)

    def _look_up(self, scheme: str, what: str) -> str:
        if scheme == "env":
            value = self._variable(what)
        elif scheme == "file":
            value = self._file(what)
        elif scheme == "tenant":
            value = self._tenant_key(what)
        else:
            value = _ask(scheme, what, self.tenant)
        if "://" in value:
            learn_url(value)
        return _text(value, scheme, what)

    def _variable(self, name: str) -> str:
        if name not in self.env:
            raise Nowhere(f"the environment variable {name} is not set")
        if telling(name):
            learn_secret(self.env[name])
        return self.env[name]

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE + 1)
            value = data.decode().rstrip("\r\n")
        except OSError as error:
            raise Nowhere(f"the file {path} cannot be read: {(error.strerror or 'it is not there').lower()}") from None
        except ValueError:
            raise Nowhere(f"the file {path} is not UTF-8 text") from None
        if len(data) > _MAX_FILE:
            raise Nowhere(f"the file {path} is larger than {_MAX_FILE // 2**20} MiB")
        learn_secret(value)
        return value

    def _tenant_key(self, key: str) -> str:
        if self.tenant == SHARED:
            raise Nowhere(f"`${{tenant:{key}}}` has no tenant here: nothing above it belongs to one")
        if key == "id":
            return self.tenant
        value = self.tenant_keys(self.tenant, key)
        is_written = value is not None and not isinstance(value, Referenced)
        if value is None:
            variable = f"{self.tenant}_{key}".upper().replace("-", "_")
            if variable not in self.env:
                raise Nowhere(f"tenant '{self.tenant}' has no '{key}': the environment variable {variable} is not set")
            value = self.env[variable]
        # What stands in the file itself is no secret, and masking a region or a prefix would spoil the reports.
        if telling(key) or not (is_written or value == self.tenant):
            learn_secret(value)
        return value


def _ask(scheme: str, what: str, tenant: str) -> str:
    try:
        value = _resolver(scheme)(what, tenant)
    except SysintError as error:
        raise Nowhere(f"`${{{scheme}:{what}}}`: {error.message}") from None
    except (LookupError, OSError, ValueError) as error:
        raise Nowhere(f"`${{{scheme}:{what}}}` could not be resolved ({type(error).__name__})") from None
    if value is None:
        raise Nowhere(f"`${{{scheme}:{what}}}` has no value")
    learn_secret(value)
    return value


def _text(value: str, scheme: str, what: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Nowhere(f"what `${{{scheme}:{what}}}` gives is not UTF-8 text") from None
    return value


@cache
def _resolver(scheme: str) -> Resolver:
    found: Resolver = offered()[scheme].load()
    return found


def url_parts(url: str) -> dict[str, str]:
    """What `${integration:id.x}` can say of a url: each of `ATTRIBUTES` that it has."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return {"url": url}
    found = {
        "url": url,
        "host": parts.hostname or "",
        "port": str(port) if port is not None else "",
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "path": parts.path,
    }
    return {name: value for name, value in found.items() if value}


def fill(template: Template, urls: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a `Late` template with the urls of provisioned integrations put in.

    Raises:
        Nowhere: when an integration has no url, or its url no such part, and there is no default.

    """
    return "".join(part if isinstance(part, str) else _late_value(part, urls) for part in template)


def _late_value(reference: Reference, urls: Mapping[str, Mapping[str, str]]) -> str:
    target, _, attribute = reference.what.partition(".")
    known = urls.get(target, {})
    value = known.get(attribute) or url_parts(known.get("url", "")).get(attribute)
    if value:
        if attribute == "password":
            learn_secret(value)
        return value
    if reference.default is not None:
        return fill(reference.default, urls)
    raise Nowhere(f"`${{{LATE}:{reference.what}}}` has no value: integration '{target}' has no {attribute}")
