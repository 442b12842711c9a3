"""Values of documents that know where they stand, so that references in them can be followed from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin

from pytest_sysint.contracts._messages.json_schema import Folder
from pytest_sysint.core.errors import Mistake, Mistakes

_DEEPEST = 64
"""How many references may follow each other."""


class Documents:
    """A document and those that it refers to.

    `folder` is where files that it refers to lie; None when it came from elsewhere, and may not refer to any.
    """

    def __init__(self, uri: str, root: Any, folder: Path | None) -> None:
        self.uri = uri
        self.folder = folder
        self.others = Folder(folder, None, {uri: root})
        """For following references within JSON Schemas, the document itself among them."""
        self._root = root

    def at_root(self) -> Located:
        """The document as a whole."""
        return Located(self, self._root, self.uri, "")

    def find(self, uri: str) -> Any:
        """A document by its uri.

        Raises:
            Mistakes: when there is none.

        """
        found = self.others.find(uri)
        if found is None:
            where = "beside it" if self.folder else "within it, and nothing more is fetched"
            raise Mistakes(Mistake((), f"'{self.uri}' refers to '{uri}', which is not {where}"))
        return found


@dataclass(frozen=True, slots=True)
class Located:
    """A value, the document that it stands in, and the way to it as a JSON pointer."""

    documents: Documents = field(repr=False)
    value: Any
    uri: str
    pointer: str

    @property
    def reference(self) -> str:
        """A `$ref` that leads here from anywhere."""
        return f"{self.uri}#{quote(self.pointer, safe='/~')}"

    @property
    def last_step(self) -> str:
        """The last word of the way here: the name under which it stands."""
        return _plain(self.pointer.rpartition("/")[2])

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and key in self.value

    def raw(self, key: str | int) -> Located:
        """What stands under a key, which may be a reference. The key must be there."""
        step = str(key).replace("~", "~0").replace("/", "~1")
        return Located(self.documents, self.value[key], self.uri, f"{self.pointer}/{step}")

    def get(self, key: str) -> Located | None:
        """What stands under a key, with references followed; None when it is not there.

        Raises:
            Mistakes: when a reference leads nowhere.

        """
        return self.raw(key).followed() if key in self else None

    def plain(self, key: str, default: Any = None) -> Any:
        """The bare value under a key."""
        found = self.get(key)
        return default if found is None else found.value

    def items(self) -> Iterator[tuple[str, Located]]:
        """The values of a map under their keys, with references followed.

        Raises:
            Mistakes: when it is no map, or a reference leads nowhere.

        """
        for key in self._as(dict, "a map"):
            yield str(key), self.raw(key).followed()

    def each(self) -> Iterator[Located]:
        """The items of a list, with references followed.

        Raises:
            Mistakes: when it is no list, or a reference leads nowhere.

        """
        for index in range(len(self._as(list, "a list"))):
            yield self.raw(index).followed()

    def _as(self, kind: type, noun: str) -> Any:
        if not isinstance(self.value, kind):
            raise Mistakes(Mistake((), f"'{self.uri}': {noun} is expected at {self.pointer or 'the top'}"))
        return self.value

    def followed(self) -> Located:
        """Where references lead from here; itself when it is none.

        Raises:
            Mistakes: when one leads nowhere, or in a circle.

        """
        here = self
        for _ in range(_DEEPEST):
            if not isinstance(here.value, dict) or not isinstance(here.value.get("$ref"), str):
                return here
            here = here._referred(here.value["$ref"])
        raise Mistakes(Mistake((), f"'{self.uri}': the references from {self.pointer} lead in a circle"))

    def _referred(self, reference: str) -> Located:
        uri, _, pointer = urljoin(self.uri, reference).partition("#")
        found = Located(self.documents, self.documents.find(uri), uri, "")
        for step in unquote(pointer).split("/")[1:]:
            key = _plain(step)
            value = found.followed()
            if isinstance(value.value, list) and key.isdigit() and int(key) < len(value.value):
                found = value.raw(int(key))
            elif key in value:
                found = value.raw(key)
            else:
                raise Mistakes(Mistake((), f"'{self.uri}': $ref '{reference}' at {self.pointer} points to nothing"))
        return found


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
