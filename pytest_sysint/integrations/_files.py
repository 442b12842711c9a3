"""What all types that keep files or objects share: settings, facts, and `Files`. A type brings the primitives.

A path is relative to the root that the url names, with forward slashes; it never leads out of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import shlex
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from pytest_sysint.core.errors import Denied, Rejected, TimedOut, TooLarge
from pytest_sysint.core.integration import (
    EXCHANGE_LIMIT,
    Integration,
    Observation,
    Settings,
    Stopwatch,
    exchange,
)
from pytest_sysint.core.units import Size, show

_CHUNK = 64 * 1024
LISTED = 1000
"""How many entries a listing holds unless told otherwise."""


def outside(path: str) -> str:
    """Why a path cannot be used below a root; empty when it can."""
    if path.startswith("/"):
        return f"'{path}' begins with a slash; paths are relative to the root that the url names"
    if "\0" in path:
        return "a path cannot hold a NUL character"
    if any(part in (".", "..") for part in path.split("/")):
        return f"'{path}' holds a '.' or '..' part; a path must stay below the root that the url names"
    return ""


class FileSettings(Settings):
    """What the settings of all these types have."""

    max_size: Size = Field(16 * 2**20, description="The largest content that is read; anything larger is an error.")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one file without reading it. `size` is in bytes."""

    path: str
    size: int
    modified: datetime | None = None
    etag: str = ""
    content_type: str = ""

    def age(self) -> float | None:
        """Seconds since it was written; None where the other side does not tell."""
        return None if self.modified is None else max(0.0, (datetime.now(UTC) - self.modified).total_seconds())

    def facts(self) -> dict[str, Any]:
        """As the observation's own subjects."""
        modified = self.modified.isoformat() if self.modified else None
        named = {"path": self.path, "etag": self.etag, "content_type": self.content_type}
        return {"exists": True, "size": self.size, "age": self.age(), "modified": modified, **named}


MISSING: Mapping[str, Any] = {"exists": False, "size": 0, "age": None}
"""The facts of a file that is not there."""

Reader = Callable[[int], bytes]
"""Reads at most so many bytes; nothing at the end."""

F = TypeVar("F", bound=FileSettings)


class Files(Integration[F]):
    """A place that keeps files by path: satisfies `core.capabilities.Stores`.

    A type brings `write`, `opened`, `walk` and `remove`; each maps its driver's errors to CallError, and is only
    called with paths that stay below the root.
    """

    category = "file_system"
    shell: ClassVar[Mapping[str, str]] = {}
    """Commands that do the same by hand, by operation; `{path}` stands for the quoted place of the file."""

    @property
    @abstractmethod
    def where(self) -> str:
        """The root in words, for messages and exchanges."""

    @abstractmethod
    def place_of(self, path: str) -> str:
        """Where a path is for the commands in `shell`."""

    @abstractmethod
    def write(self, path: str, content: bytes, content_type: str, timeout: float) -> Entry:
        """Write the file, in place of what is there."""

    @abstractmethod
    def opened(self, path: str, timeout: float) -> AbstractContextManager[tuple[Entry, Reader] | None]:
        """The file, open for reading; None when there is none. Errors of the reader are mapped too."""

    @abstractmethod
    def entry(self, path: str, timeout: float) -> Entry | None:
        """What is known of the file; None when there is none."""

    @abstractmethod
    def walk(self, prefix: str, timeout: float) -> Iterator[Entry]:
        """All files whose path begins with `prefix`, as they come."""

    @abstractmethod
    def remove(self, path: str, timeout: float) -> None:
        """Remove the file; nothing happens when there is none."""

    def put(self, path: str, content: bytes, timeout: float) -> Observation:
        """Write a file. Facts: exists, path, size, age, modified, etag, content_type, checksum (SHA-256)."""
        self._writable(path)
        watch = Stopwatch()
        entry = self.write(path, content, mimetypes.guess_type(path)[0] or "application/octet-stream", timeout)
        facts = {**entry.facts(), "checksum": hashlib.sha256(content).hexdigest()}
        said = exchange(f"put {self.where}/{path}", _head(content), f"{len(content)} bytes written", watch)
        return Observation(None, facts, watch.phases(), said)

    def get(self, path: str, timeout: float) -> Observation:
        """Read a file: JSON as its value, other text as text, the rest as `{base64: ...}`. Facts as of `put`.

        A file that is not there is an observation too: `exists` is false, and there is no payload.

        Raises:
            TooLarge: when it holds more than `max_size`; then it is not read to its end.

        """
        watch = Stopwatch()
        title = f"get {self.where}/{path}"
        found = self._content(path, timeout)
        if found is None:
            return Observation(None, MISSING, watch.phases(), exchange(title, "", "there is no such file", watch))
        entry, content = found
        facts = {**entry.facts(), "size": len(content), "checksum": hashlib.sha256(content).hexdigest()}
        payload = decode(content, path, entry.content_type)
        return Observation(payload, facts, watch.phases(), exchange(title, "", _head(content), watch))

    def stat(self, path: str, timeout: float) -> Observation:
        """What is known of a file without reading it, as facts and as payload."""
        self._inside(path)
        watch = Stopwatch()
        entry = self.entry(path, timeout)
        facts = entry.facts() if entry else dict(MISSING)
        said = exchange(f"stat {self.where}/{path}", "", json.dumps(facts), watch)
        return Observation(facts, facts, watch.phases(), said)

    def list(self, prefix: str, timeout: float, limit: int = LISTED) -> Observation:
        """The files whose path begins with `prefix`: `{path, size, age, modified, etag}` each, by path.

        Facts: count, size (of all), newest_age and oldest_age (seconds; None when there are none), and truncated,
        which says that there are more than `limit`.
        """
        self._inside(prefix)
        watch = Stopwatch()
        found = [*islice(self.walk(prefix, timeout), limit + 1)]
        entries = sorted(found[:limit], key=lambda entry: entry.path)
        rows = [{key: entry.facts()[key] for key in ("path", "size", "age", "modified", "etag")} for entry in entries]
        ages = [row["age"] for row in rows if row["age"] is not None]
        facts = {
            "count": len(rows),
            "size": sum(entry.size for entry in entries),
            "newest_age": min(ages, default=None),
            "oldest_age": max(ages, default=None),
            "truncated": len(found) > limit,
        }
        shown = "\n".join(f"{entry.size:>12}  {entry.path}" for entry in entries[:50])
        return Observation(rows, facts, watch.phases(), exchange(f"list {self.where}/{prefix}", "", shown, watch))

    def delete(self, path: str, timeout: float) -> Observation:
        """Remove a file; that there is none is no error. Facts: exists, path."""
        self._writable(path)
        watch = Stopwatch()
        self.remove(path, timeout)
        said = exchange(f"delete {self.where}/{path}", "", "removed", watch)
        return Observation(None, {"exists": False, "path": path}, watch.phases(), said)

    def seed(self, path: Any, timeout: float) -> None:
        """Put a file, under its name, or all files of a folder, under their paths within it.

        Raises:
            CallError: when there is none, or it could not be put.

        """
        start = Path(path)
        if not start.exists():
            raise Rejected(f"the seed '{path}' does not exist", hint="name a file, or a folder whose files are put")
        files = sorted(found for found in start.rglob("*") if found.is_file()) if start.is_dir() else [start]
        base = start if start.is_dir() else start.parent
        for file in files:
            self.put(file.relative_to(base).as_posix(), file.read_bytes(), timeout)

    def by_hand(self, verb: str, path: str) -> str:
        """The command that does the same by hand; empty when there is none."""
        command = self.shell.get(verb, "")
        return command.replace("{path}", shlex.quote(self.place_of(path)))

    def _content(self, path: str, timeout: float) -> tuple[Entry, bytes] | None:
        self._inside(path)
        deadline = time.monotonic() + timeout
        with self.opened(path, timeout) as opened:
            if opened is None:
                return None
            entry, read = opened
            limit = self.settings.max_size
            if entry.size > limit:
                raise self._too_large(path, entry.size)
            content = bytearray()
            while chunk := read(_CHUNK):
                content += chunk
                if len(content) > limit:
                    raise self._too_large(path, len(content))
                if time.monotonic() > deadline:
                    came = show(len(content), "size")
                    within = show(timeout, "duration")
                    raise TimedOut(f"{self.where}/{path} was not read within {within}; {came} came", rung="read")
            return entry, bytes(content)

    def _too_large(self, path: str, size: int) -> TooLarge:
        limit = show(self.settings.max_size, "size")
        return TooLarge(
            f"{self.where}/{path} has at least {show(size, 'size')}; {limit} are read at most",
            hint="raise `max_size`, or use `stat`, which reads no content",
        )

    def _writable(self, path: str) -> None:
        self._inside(path)
        if self.read_only:
            raise Denied(
                f"nothing is written to {self.where}: the environment allows reading only",
                rung="write",
                hint="`environments: {...: {allow: [...]}}` says what may be done",
            )

    def _inside(self, path: str) -> None:
        said = outside(path)
        if said:
            raise Rejected(said, code="outside")


def decode(content: bytes, path: str, content_type: str) -> Any:
    """Content as plain JSON: the value of JSON, text as it is, anything else as `{base64: ...}`."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    if path.endswith(".json") or "json" in content_type or text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _head(content: bytes) -> str:
    cut = content[:EXCHANGE_LIMIT]
    try:
        text = cut.decode()
    except UnicodeDecodeError as error:
        if error.start < len(cut) - 3:  # not merely a character that the cut went through
            return f"({len(content)} bytes, not text)"
        text = cut[: error.start].decode()
    return text if len(cut) == len(content) else f"{text}\n... ({len(content) - len(cut):,} more bytes)"
