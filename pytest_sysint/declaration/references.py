"""`${env:X}`, `${file:path}`, `${tenant:key}`, `${integration:id.url}`: how a text refers to what stands elsewhere.

A reference is resolved in one scalar after parsing, so that a value can never change the structure.
`${scheme:what:-default}` gives a default, which may hold references again; `$${` is a plain `${`. Another package adds
a scheme by an entry point of the group `pytest_sysint.resolvers`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points

from pytest_sysint.core.errors import SysintError, did_you_mean

LATE = "integration"
"""The scheme that is resolved after provisioning, when urls are known."""
ATTRIBUTES = ("url", "host", "port", "username", "password", "path")
"""What `${integration:id.x}` can give."""
_BUILT_IN = ("env", "file", "tenant", LATE)
_MAX_NESTING = 5
_MOST = 1000
_NOT_CLOSED = "a reference is not closed: `}` is missing (write `$${` for a plain `${`)"


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


class Referenced(str):
    """A text that came from a reference: it is never shown, and becomes a number where only a number fits."""

    __slots__ = ()


class Late(Referenced):
    """A text that still holds `${integration:...}`. `template` has everything else in it resolved."""

    template: Template

    @classmethod
    def of(cls, template: Template) -> Late:
        late = cls(text_of(template))
        late.template = template
        return late


class Unset(Referenced):
    """Stands in for a text whose reference leads nowhere; what follows from it is not reported a second time."""

    __slots__ = ()


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
    if text.count("${") > _MOST:
        raise BadReference(f"more than {_MOST:,} references in one text")
    return _read(text, 0, nested=0)[0]


_OPENING = re.compile(r"\$?\$\{")
_OPENING_OR_CLOSING = re.compile(r"\$?\$\{|\}")


def _read(text: str, position: int, nested: int) -> tuple[Template, int]:
    """Read up to the end of the text, or, within a default, up to the `}` that closes it."""
    special = _OPENING_OR_CLOSING if nested else _OPENING
    parts: list[str | Reference] = []
    plain: list[str] = []
    while found := special.search(text, position):
        plain.append(text[position : found.start()])
        position = found.end()
        if found[0] == "}":
            position = found.start()
            break
        if found[0] == "$${":
            plain.append("${")
            continue
        reference, position = _read_reference(text, position, nested)
        parts += ["".join(plain), reference]
        plain = []
    else:
        plain.append(text[position:])
        position = len(text)
    parts.append("".join(plain))
    return tuple(part for part in parts if part != ""), position


def _read_reference(text: str, position: int, nested: int) -> tuple[Reference, int]:
    if nested >= _MAX_NESTING:
        raise BadReference(f"defaults are nested more than {_MAX_NESTING} deep")
    closing = text.find("}", position)
    if closing < 0:
        raise BadReference(_NOT_CLOSED)
    has_default = text.find(":-", position, closing)
    if has_default < 0:
        return _checked(text[position:closing], None), closing + 1
    default, closing = _read(text, has_default + 2, nested + 1)
    if closing >= len(text):
        raise BadReference(_NOT_CLOSED)
    return _checked(text[position:has_default], default), closing + 1


def _checked(inner: str, default: Template | None) -> Reference:
    scheme, colon, what = (part.strip() for part in inner.partition(":"))
    if not colon:
        raise BadReference(
            "a reference says where its value comes from, such as `${env:NAME}`; write `$${` for a plain `${`"
        )
    if "${" in what:
        raise BadReference("what a reference names cannot itself be a reference; its default can")
    if scheme not in _BUILT_IN and scheme not in offered():
        raise BadReference(f"unknown kind of reference '{_word(scheme)}'{did_you_mean(scheme, schemes())}")
    if not what:
        raise BadReference(f"`${{{scheme}:}}` refers to nothing")
    if scheme == LATE:
        _check_late(what)
    return Reference(scheme, what, default)


def _check_late(what: str) -> None:
    target, dot, attribute = what.partition(".")
    if not dot or not target:
        raise BadReference(
            f"`${{integration:{_word(what)}}}` must say what of it: `${{integration:{_word(target)}.url}}`"
        )
    if attribute not in ATTRIBUTES:
        raise BadReference(f"an integration has no '{_word(attribute)}'{did_you_mean(attribute, ATTRIBUTES)}")


def _word(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def schemes() -> tuple[str, ...]:
    """Every known kind of reference."""
    return tuple(sorted({*_BUILT_IN, *offered()}))


@cache
def offered() -> Mapping[str, EntryPoint]:
    """The schemes that other packages add."""
    points = entry_points(group="pytest_sysint.resolvers")
    taken = sorted({point.name for point in points} & set(_BUILT_IN))
    if taken:
        raise SysintError(
            f"a package offers a resolver '{taken[0]}', which is built in",
            hint="uninstall the package, or rename its entry point in the group pytest_sysint.resolvers",
        )
    return {point.name: point for point in points}


def late_names(template: Template) -> set[str]:
    """The ids of the integrations that a template refers to, in defaults too."""
    names: set[str] = set()
    for part in template:
        if isinstance(part, Reference):
            if part.scheme == LATE:
                names.add(part.what.partition(".")[0])
            names |= late_names(part.default or ())
    return names


def schemes_in(template: Template) -> set[str]:
    """The kinds of references in a template, defaults included."""
    found: set[str] = set()
    for part in template:
        if isinstance(part, Reference):
            found |= {part.scheme, *schemes_in(part.default or ())}
    return found
