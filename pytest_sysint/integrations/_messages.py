"""What the message brokers share: bodies and what they mean, the fields of `publish:`, collecting what arrives."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.errors import TooLarge, UsageError
from pytest_sysint.core.integration import Operation, clip
from pytest_sysint.core.records import Effect
from pytest_sysint.core.units import show

T = TypeVar("T")
JSON = "application/json"
TEXT = "text/plain"
BYTES = "application/octet-stream"
SHOWN = 20
"""How many messages a report shows of one conversation."""


class Deadline:
    """How long a conversation may still take."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; never negative."""
        return max(self._end - time.monotonic(), 0.0)

    def __str__(self) -> str:
        return show(self.seconds, "duration")


def encode(payload: Any) -> tuple[bytes, str]:
    """The body and the content type of a payload: bytes and texts as they are, anything else as JSON."""
    if isinstance(payload, bytes):
        return payload, BYTES
    if isinstance(payload, str):
        return payload.encode(), TEXT
    return encode_json(payload), JSON


def encode_json(value: Any) -> bytes:
    """A value as JSON, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def decode(body: bytes, content_type: str = "") -> Any:
    """A body as plain JSON values: the value of JSON, other text as it is, anything else as `{base64: ...}`.

    A body that calls itself text stays text, also when it could be read as JSON.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    if content_type.startswith("text/"):
        return text
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def plain(value: bytes | str | None) -> Any:
    """A key or a header: text where it is text."""
    return decode(value, TEXT) if isinstance(value, bytes) else value


def readable(messages: list[dict[str, Any]]) -> str:
    """Messages as lines of JSON for a report."""
    lines = [clip(json.dumps(message, ensure_ascii=False), 1000) for message in messages[:SHOWN]]
    if len(messages) > SHOWN:
        lines.append(f"... ({len(messages) - SHOWN} more messages)")
    return "\n".join(lines) or "(no message)"


def shown(messages: list[dict[str, Any]]) -> str:
    """The same of a sample, without the bytes that it holds beside what they mean."""
    return readable([{name: part for name, part in each.items() if not name.startswith("raw")} for each in messages])


class Inbox:
    """Collects messages until there are enough, and refuses more than may be held in memory."""

    def __init__(self, count: int, limit: int, place: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self.size = 0
        self._count = count
        self.limit = limit
        """Bytes that all of them together may have."""
        self._place = place

    @property
    def missing(self) -> int:
        """How many messages are still to come."""
        return self._count - len(self.messages)

    def add(self, message: dict[str, Any], size: int) -> None:
        """Keep a message of so many bytes.

        Raises:
            TooLarge: when all of them together exceed the limit.

        """
        self.size += size
        if self.size > self.limit:
            raise TooLarge(
                f"the messages of '{self._place}' have more than {show(self.limit, 'size')} together",
                hint="ask for fewer messages, or raise `max_size`",
            )
        self.messages.append(message)

    @property
    def facts(self) -> dict[str, Any]:
        """count, size (bytes)."""
        return {"count": len(self.messages), "size": self.size}


class PublishOperation(Operation):
    """Send one message, and wait until the broker has it."""

    publish: str = Field(min_length=1, description="Where the message goes.")
    json_: Any = Field(None, alias="json", description="The message as a value, sent as JSON.")
    text: str | None = Field(None, description="The message as text.")
    headers: dict[str, str] = Field(default_factory=dict, description="The message's headers.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if len(self.model_fields_set & {"json_", "text"}) != 1:
            raise PydanticCustomError("sysint", "{text}", {"text": "exactly one of json, text is needed"})
        return self

    def effect(self) -> Effect:
        return "write"

    def title(self) -> str:
        return f"publish to {self.publish}"

    def body(self) -> tuple[bytes, str]:
        """The bytes to send and their content type."""
        return (self.text.encode(), TEXT) if self.text is not None else (encode_json(self.json_), JSON)


def as_text(headers: Mapping[str, Any]) -> str:
    """Headers as lines for a report; empty without any."""
    return "".join(f"{name}: {value}\n" for name, value in headers.items())


def read_seed(path: Path) -> Any:
    """The values in a YAML or JSON file.

    Raises:
        UsageError: when it cannot be read.

    """
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise UsageError(f"the seed '{path}' cannot be read: {error.strerror}", hint="it must be a file") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        at = getattr(error, "problem_mark", None)
        line = f", line {at.line + 1}" if at else ""
        raise UsageError(f"the seed '{path}' is neither YAML nor JSON{line}") from None


def read_seed_as(model: TypeAdapter[T], value: Any, path: Path, expected: str) -> T:
    """A part of a seed, checked.

    Raises:
        UsageError: with everything that is wrong with it.

    """
    try:
        return model.validate_python(value)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'all of it'}: {one['msg']}" for one in found)
        raise UsageError(f"the seed '{path}' cannot be used: {said}", hint=f"expected {expected}") from None
