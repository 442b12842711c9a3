"""The operations of all types that keep files or objects: `get`, `stat`, `list`, `put`, `delete`, `roundtrip`."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Generator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.capabilities import Batch
from pytest_sysint.core.errors import CallError, Garbled, Rejected
from pytest_sysint.core.integration import Measure, Observation, Operation, Stopwatch, exchange
from pytest_sysint.core.records import Effect
from pytest_sysint.core.units import Size
from pytest_sysint.integrations._file_rows import BATCH, FilePath, Rows
from pytest_sysint.integrations._files import LISTED, outside

_LEAST = 0.001  # a timeout of zero means "do not wait at all" to a socket


def _checked(path: str) -> str:
    said = outside(path)
    if said:
        raise PydanticCustomError("sysint", "{text}", {"text": said})
    return path


Prefix = Annotated[str, AfterValidator(_checked)]
"""How declared paths begin; empty for all."""


class _ByHand(Operation):
    def title(self) -> str:
        return f"{self.key()} {getattr(self, self.key())}".rstrip()

    def reproduce(self, integration: Any) -> str:
        command: str = integration.by_hand(self.key(), getattr(self, self.key()))
        return command


class Put(_ByHand):
    """Write a file, in place of what is there."""

    put: FilePath = Field(description="The path to write.")
    text: str | None = Field(None, description="The content as text.")
    json_: Any = Field(None, alias="json", description="The content as a value, written as JSON.")
    file: str | None = Field(None, description="A local file with the content, relative to where pytest runs.")

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if len(self.model_fields_set & {"text", "json_", "file"}) != 1:
            raise PydanticCustomError("sysint", "{text}", {"text": "exactly one of text, json, file is needed"})
        return self

    def effect(self) -> Effect:
        return "write"

    def content(self) -> bytes:
        """What is to be written.

        Raises:
            Rejected: when the local file cannot be read.

        """
        if self.text is not None:
            return self.text.encode()
        if self.file is None:
            return json.dumps(self.json_).encode()
        try:
            return Path(self.file).read_bytes()
        except OSError as error:
            hint = "paths are relative to where pytest runs"
            raise Rejected(f"'{self.file}' cannot be read: {error.strerror}", rung="write", hint=hint) from None

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.put(self.put, self.content(), timeout)
        return observation


class Get(_ByHand):
    """Read a file: JSON as its value, other text as text, the rest as `{base64: ...}`."""

    get: FilePath = Field(description="The path to read.")

    def default_expect(self) -> dict[str, Any]:
        return {"exists": True}

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.get(self.get, timeout)
        return observation


class Stat(_ByHand):
    """What is known of a file without reading it: exists, size, age, modified, etag, content_type."""

    stat: FilePath = Field(description="The path to look at.")

    def default_expect(self) -> dict[str, Any]:
        return {"exists": True}

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.stat(self.stat, timeout)
        return observation


class List(_ByHand):
    """The files whose path begins with a prefix; facts: count, size, newest_age, oldest_age, truncated."""

    list: Prefix = Field(description="How the paths begin; empty for all.")
    limit: int = Field(
        LISTED, ge=1, description="How many are listed at most; `truncated` says whether there are more."
    )

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.list(self.list, timeout, self.limit)
        return observation

    def stream(self, integration: Any, timeout: float) -> Generator[Batch, None, None]:
        """All of them; `limit` does not count here."""
        columns = ("path", "size", "modified", "etag")
        entries = integration.walk(self.list, timeout)
        while True:
            facts = [entry.facts() for entry in islice(entries, BATCH)]
            yield Batch(columns, [[each[column] for column in columns] for each in facts])
            if len(facts) < BATCH:
                return


class Delete(_ByHand):
    """Remove a file; that there is none is no error."""

    delete: FilePath = Field(description="The path to remove.")

    def effect(self) -> Effect:
        return "destructive"

    def perform(self, integration: Any, timeout: float) -> Observation:
        observation: Observation = integration.delete(self.delete, timeout)
        return observation


class RoundTrip(Operation):
    """Write a file of a name of its own, read it, compare, and remove it; phases: write, read, delete."""

    roundtrip: Prefix = Field(description="The folder to do it in; empty for the root.")
    size: Size = Field(1024, description="How much is written.")

    def effect(self) -> Effect:
        return "write"

    def title(self) -> str:
        return f"write, read and delete in {self.roundtrip or 'the root'}"

    def perform(self, integration: Any, timeout: float) -> Observation:
        name = f"sysint-{uuid.uuid4().hex}.bin"
        path = f"{self.roundtrip.rstrip('/')}/{name}" if self.roundtrip else name
        content = os.urandom(self.size)
        watch = Stopwatch()
        try:
            written = integration.put(path, content, timeout)
            watch.lap("write")
            read = integration.get(path, max(_LEAST, timeout - watch.elapsed()))
            watch.lap("read")
            _same(written, read, f"{integration.where}/{path}")
        except BaseException:
            self._clean_up(integration, path, timeout)
            raise
        integration.delete(path, max(_LEAST, timeout - watch.elapsed()))
        watch.lap("delete")
        said = exchange(self.title(), f"{self.size} random bytes to {path}", "the same came back; removed", watch)
        return Observation(None, {"size": self.size, "path": path}, watch.phases(), said)

    def _clean_up(self, integration: Any, path: str, timeout: float) -> None:
        try:
            integration.delete(path, timeout)
        except CallError:
            return  # the first error tells more


def _same(written: Observation, read: Observation, where: str) -> None:
    if not read.facts["exists"]:
        raise Rejected(f"{where} was written, and is not there", hint="does something clear that folder at once?")
    if read.facts["checksum"] != written.facts["checksum"]:
        raise Garbled(f"{where} was written, and came back altered", rung="read")


class FreeSpace(Measure):
    """How much can still be written there."""

    dimension = "size"
    free_space: Any = Field(description='What it must satisfy, such as "> 5GiB".')

    def measure(self, integration: Any, timeout: float) -> int:
        free, _ = integration.room(timeout)
        return int(free)


class FreeRatio(Measure):
    """The share of the file system that can still be written."""

    dimension = "ratio"
    free_ratio: Any = Field(description='What it must satisfy, such as "> 10%".')

    def measure(self, integration: Any, timeout: float) -> float | None:
        free, total = integration.room(timeout)
        return free / total if total else None


OPERATIONS: tuple[type[Operation], ...] = (Get, Stat, List, Rows, Put, Delete, RoundTrip)
