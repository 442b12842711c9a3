"""What a mail server offers: its service extensions (RFC 5321, 2.2), before an encrypted channel is made and in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from pytest_sysint.core.description import Leaf, Section, SizeLeaf
from pytest_sysint.core.model import Declared


class Extension(Declared):
    """What can be promised of one extension."""

    shorthand: ClassVar[str] = "offered"

    offered: Leaf = Field(
        None,
        description="always; encrypted (only once the channel is); before_encryption, as STARTTLS itself. "
        "Without encryption all are `always`.",
    )
    parameters: Leaf = Field(None, description="What stands behind its name, as a sorted list: [LOGIN, PLAIN] of AUTH.")
    limit: SizeLeaf = Field(None, description="SIZE: the largest message that is taken; null where no limit is told.")


SECTIONS = (Section("extensions", Extension, "What the server offers in its answer to EHLO: SIZE, STARTTLS, AUTH."),)

Features = Mapping[str, str]
"""Name in lower case -> what stands behind it, as smtplib has them."""


def describe_extensions(before: Features, encrypted: Features) -> dict[str, dict[str, Any]]:
    """The items of the section, from what is offered before the channel is encrypted and in it."""
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*before, *encrypted}):
        words = (encrypted if name in encrypted else before)[name].split()
        offered = "before_encryption" if name not in encrypted else "always" if name in before else "encrypted"
        found[name.upper()] = {"offered": offered, "parameters": sorted(words)}
        if name == "size":
            # No number, or 0, is no limit that is told (RFC 1870, 4).
            limit = int(words[0]) if words and words[0].isascii() and words[0].isdigit() else 0
            found["SIZE"]["limit"] = limit or None
    return found
