"""`${env:X}`, `${file:path}`, `${tenant:key}`, `${integration:id.url}`: how a text refers to what stands elsewhere.

A reference is resolved in one scalar after parsing, so that a value can never change the structure. `${scheme:what:-default}`
gives a default, which may hold references again; `$${` is a plain `${`. Another package adds a scheme by an entry point of
the group `pytest_sysint.resolvers`: its name is the scheme, its value a callable `(what, tenant) -> str | None` that gives
None where there is no such value, and whose values are treated as secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from pytest_sysint.core.errors import SysintError, did_you_mean
from pytest_sysint.core.records import SHARED
from pytest_sysint.core.secrets import learn, learn_url, telling

LATE = "integration"
"""The scheme that is resolved after provisioning, when urls are known."""
ATTRIBUTES = ("url", "host", "port", "username", "password", "path")
"""What `${integration:id.x}` can give."""
_BUILT_IN = ("env", "file", "tenant", LATE)
_MAX_NESTING = 5
_MAX_FILE = 2**20

Resolver = Callable[[str, str], "str | None"]


class Referenced(str):
    """A text that came from a reference: it is never shown, and becomes a number where only a number fits."""

    __slots__ = ()


class Late(Referenced):
    """A text that still holds `${integration:...}`, with everything else in it resolved and escaped."""

    __slots__ = ()


class Unset(Referenced):
    """Stands in for a text whose reference leads nowhere; what follows from it is not reported a second time."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${scheme:what:-default}`."""

    scheme: str
    what: str
    default: Template | None = None

    def __str__(self) -> str:
        default = "" if self.default is None else f":-{text_of(self.default)}"
        return f"${{{self.scheme}:{self.what}{default}}}"


Template = tuple["str | Reference", ...]


class BadReference(Exception):
    """A text whose `${...}` cannot be read; says why. Never holds a value."""


def text_of(template: Template) -> str:
    """The template as it would be written."""
    return "".join(part.replace("${", "$${") if isinstance(part, str) else str(part) for part in template)


@lru_cache(maxsize=4096)
def read_template(text: str) -> Template:
    """Split a text into plain parts and references.

    Raises:
        BadReference: for a reference that is not closed, names no scheme, an unknown one, or nothing.
    """
    template, end = _read(text, 0, nested=0)
    if end != len(text):
        raise BadReference("a reference is closed that was not opened")
    return template


def _read(text: str, position: int, nested: int) -> tuple[Template, int]:
    """Read up to the end of the text, or, within a default, up to the `}` that closes it."""
    parts: list[str | Reference] = []
    plain: list[str] = []
    while position < len(text):
        if text.startswith("$${", position):
            plain.append("${")
            position += 3
        elif text.startswith("${", position):
            reference, position = _read_reference(text, position + 2, nested)
            parts += ["".join(plain), reference]
            plain = []
        elif nested and text[position] == "}":
            break
        else:
            following = _next_special(text, position + 1, nested > 0)
            plain.append(text[position:following])
            position = following
    parts.append("".join(plain))
    return tuple(part for part in parts if part != ""), position


def _next_special(text: str, position: int, closes: bool) -> int:
    found = [index for sign in ("$", "}" if closes else "$") if (index := text.find(sign, position)) >= 0]
    return min(found, default=len(text))


def _read_reference(text: str, position: int, nested: int) -> tuple[Reference, int]:
    if nested >= _MAX_NESTING:
        raise BadReference(f"defaults are nested more than {_MAX_NESTING} deep")
    closing, has_default = text.find("}", position), text.find(":-", position)
    if closing < 0:
        raise BadReference("a reference is not closed: `}` is missing (write `$${` for a plain `${`)")
    if 0 <= has_default < closing:
        default, closing = _read(text, has_default + 2, nested + 1)
        if closing >= len(text):
            raise BadReference("a reference is not closed: `}` is missing (write `$${` for a plain `${`)")
        return _checked(text[position:has_default], default), closing + 1
    return _checked(text[position:closing], None), closing + 1


def _checked(inner: str, default: Template | None) -> Reference:
    scheme, colon, what = (part.strip() for part in inner.partition(":"))
    if not colon:
        raise BadReference(f"a reference says where its value comes from: `${{env:{_word(scheme)}}}`")
    if scheme not in _BUILT_IN and scheme not in _offered():
        raise BadReference(f"unknown kind of reference '{_word(scheme)}'{did_you_mean(scheme, schemes())}")
    if not what:
        raise BadReference(f"`${{{scheme}:}}` refers to nothing")
    if scheme == LATE:
        _check_late(what)
    return Reference(scheme, what, default)


def _check_late(what: str) -> None:
    target, dot, attribute = what.partition(".")
    if not dot or not target:
        raise BadReference(f"`${{integration:{_word(what)}}}` must say what of it: `${{integration:{_word(target)}.url}}`")
    if attribute not in ATTRIBUTES:
        raise BadReference(f"an integration has no '{_word(attribute)}'{did_you_mean(attribute, ATTRIBUTES)}")


def _word(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def schemes() -> tuple[str, ...]:
    """Every known kind of reference."""
    return tuple(sorted({*_BUILT_IN, *_offered()}))


@cache
def _offered() -> Mapping[str, EntryPoint]:
    points = entry_points(group="pytest_sysint.resolvers")
    taken = sorted({point.name for point in points} & set(_BUILT_IN))
    if taken:
        raise SysintError(
            f"a package offers a resolver '{taken[0]}', which is built in",
            hint="uninstall the package, or rename its entry point in the group pytest_sysint.resolvers",
        )
    return {point.name: point for point in points}


@cache
def _resolver(scheme: str) -> Resolver:
    found: Resolver = _offered()[scheme].load()
    return found


class Nowhere(Exception):
    """A reference leads to no value; the message says what is missing, and where it was looked for."""


class TenantKeys(Protocol):
    """Gives a declared key of a tenant, or None."""

    def __call__(self, tenant: str, key: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """Where references of one block are looked up."""

    env: Mapping[str, str]
    folder: Path
    """What relative paths are relative to: the folder of the declaration."""
    tenant: str = SHARED
    tenant_keys: TenantKeys = lambda tenant, key: None

    def expand(self, template: Template) -> Referenced:
        """The text with every reference replaced; `Late` when some must wait for provisioning.

        Raises:
            Nowhere: with the first reference that leads to no value and has no default.
        """
        late = _waits(template)
        parts = [self._part(part, late) for part in template]
        return Late("".join(parts)) if late else Referenced("".join(parts))

    def missing(self, template: Template) -> list[str]:
        """What each reference that leads nowhere misses: all of them at once."""
        found = []
        for part in template:
            if isinstance(part, Reference):
                try:
                    self._value(part)
                except Nowhere as error:
                    found.append(str(error))
        return found

    def _part(self, part: str | Reference, late: bool) -> str:
        if isinstance(part, Reference) and part.scheme == LATE:
            default = None if part.default is None else (self.expand(part.default),)
            return str(Reference(LATE, part.what, default))
        value = part if isinstance(part, str) else self._value(part)
        return value.replace("${", "$${") if late else value

    def _value(self, reference: Reference) -> str:
        if reference.scheme == LATE:
            return ""
        try:
            value = self._look_up(reference.scheme, reference.what)
        except Nowhere:
            if reference.default is None:
                raise
            return self.expand(reference.default)
        if value == "" and reference.default is not None:
            return self.expand(reference.default)
        return value

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
        if telling(name) and "://" not in self.env[name]:
            learn(self.env[name])
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
        learn(value)
        return value

    def _tenant_key(self, key: str) -> str:
        if self.tenant == SHARED:
            raise Nowhere(f"`${{tenant:{key}}}` has no tenant here: nothing above it belongs to one")
        if key == "id":
            return self.tenant
        value = self.tenant_keys(self.tenant, key)
        if value is None:
            variable = f"{self.tenant}_{key}".upper().replace("-", "_")
            if variable not in self.env:
                raise Nowhere(f"tenant '{self.tenant}' has no '{key}': the environment variable {variable} is not set")
            value = self.env[variable]
        learn(value)
        return value


def _waits(template: Template) -> bool:
    return any(
        isinstance(part, Reference) and (part.scheme == LATE or (part.default is not None and _waits(part.default)))
        for part in template
    )


def _ask(scheme: str, what: str, tenant: str) -> str:
    try:
        value = _resolver(scheme)(what, tenant)
    except SysintError as error:
        raise Nowhere(f"`${{{scheme}:{what}}}`: {error.message}") from None
    except (LookupError, OSError, ValueError) as error:
        raise Nowhere(f"`${{{scheme}:{what}}}` could not be resolved ({type(error).__name__})") from None
    if value is None:
        raise Nowhere(f"`${{{scheme}:{what}}}` has no value")
    learn(value)
    return value


def _text(value: str, scheme: str, what: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Nowhere(f"what `${{{scheme}:{what}}}` gives is not UTF-8 text") from None
    return value


def late_names(template: Template) -> set[str]:
    """The ids of the integrations that a template refers to, in defaults too."""
    names: set[str] = set()
    for part in template:
        if isinstance(part, Reference):
            if part.scheme == LATE:
                names.add(part.what.partition(".")[0])
            names |= late_names(part.default or ())
    return names


def uses_tenant(template: Template) -> bool:
    """Whether the text may differ from tenant to tenant: `${tenant:}`, and whatever a third party resolves."""
    return any(
        isinstance(part, Reference)
        and (part.scheme not in ("env", "file", LATE) or (part.default is not None and uses_tenant(part.default)))
        for part in template
    )


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


def fill_late(text: str, urls: Mapping[str, Mapping[str, str]]) -> str:
    """A `Late` text with the urls of provisioned integrations put in.

    Raises:
        Nowhere: when an integration has no url, or its url no such part, and there is no default.
    """
    return "".join(part if isinstance(part, str) else _late_value(part, urls) for part in read_template(text))


def _late_value(reference: Reference, urls: Mapping[str, Mapping[str, str]]) -> str:
    target, _, attribute = reference.what.partition(".")
    known = urls.get(target, {})
    value = known.get(attribute) or url_parts(known.get("url", "")).get(attribute)
    if value:
        return value
    if reference.default is not None:
        return fill_late(text_of(reference.default), urls)
    raise Nowhere(f"`{reference}` has no value: integration '{target}' has no {attribute}")
