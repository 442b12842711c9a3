"""Payloads in Protobuf: compiled from a .proto file, or read from a descriptor set (.desc)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._messages.message import Fault, PayloadSchema
from pytest_sysint.contracts._messages.needed import needed
from pytest_sysint.core.errors import Mistake, Mistakes

SUFFIXES = (".proto", ".desc", ".protoset", ".pb")
_LEVELS = 5
"""How many folders above a file are tried as the root that its imports are relative to."""
_COMPILES_WITHIN = 60.0
_SEVEN_BITS, _MORE = 0x7F, 0x80
_LONGEST = 10
"""Bytes of a number, at most."""


@dataclass(frozen=True, slots=True)
class ProtobufPayload:
    """One message of a Protobuf schema."""

    source: str
    """Where it stands: its file's name, or its id at the registry."""
    descriptor: Any = field(repr=False)
    text: str = field(repr=False)
    tops: tuple[Any, ...] = field(default=(), repr=False)
    """The messages at the top of the file, in their order: the wire format of registries counts them."""
    written_as: str = ""
    """The message's name at the registry, where payloads say which it is."""
    kind: str = "PROTOBUF"

    @property
    def name(self) -> str:
        """With the message's own."""
        return f"{self.source} ({self.descriptor.name})"

    def faults(self, body: bytes) -> Iterator[Fault]:
        """Why it cannot be read, and what is in it that the schema does not know."""
        from google.protobuf.message import DecodeError

        if self.written_as and self.written_as != self.descriptor.name:
            yield Fault("", f"is a message '{self.written_as}', not '{self.descriptor.name}'")
            return
        try:
            message = self._read(body)
        except DecodeError as error:
            yield Fault("", f"cannot be read as {self.descriptor.full_name}: {error}")
            return
        yield from (Fault(f"$.{path}", "is required, and missing") for path in message.FindInitializationErrors())
        yield from _unknown(message, "$")

    def value(self, body: bytes) -> Any:
        """The message by its fields' names; what is not set stays away."""
        from google.protobuf.json_format import MessageToDict

        return MessageToDict(self._read(body), preserving_proto_field_name=True)

    def _read(self, body: bytes) -> Any:
        from google.protobuf.message_factory import GetMessageClass

        message = GetMessageClass(self.descriptor)()
        message.MergeFromString(body)
        return message

    def unframed(self, body: bytes) -> tuple[PayloadSchema, bytes]:
        """A list of indexes follows the schema's id: which message of its file it is."""
        count, rest = _varint(body)
        indexes = [] if count else [0]
        for _ in range(count):
            index, rest = _varint(rest)
            indexes.append(index)
        found, level = None, self.tops
        for index in indexes:
            if not 0 <= index < len(level):
                raise ValueError(f"names message {indexes} of its schema, which has no such message")
            found = level[index]
            level = found.nested_types
        if found is None:
            raise ValueError(f"names {count} messages of its schema")
        return replace(self, descriptor=found), rest

    def reading(self, writer: PayloadSchema) -> ProtobufPayload:
        """The wire format itself is what versions have in common; the message must be the one that it says it is."""
        return replace(self, written_as=writer.descriptor.name) if isinstance(writer, ProtobufPayload) else self


def _unknown(message: Any, path: str) -> Iterator[Fault]:
    """Fields and enum values that the schema does not have, at any depth."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    for each in UnknownFieldSet(message):
        yield Fault(path, f"has a field number {each.field_number}, which the schema does not know")
    for field_, value in message.ListFields():
        at = f"{path}.{field_.name}"
        for where, item in _items(value, at):
            if field_.enum_type is not None and isinstance(item, int):
                if item not in field_.enum_type.values_by_number:
                    yield Fault(where, f"{item} is no value of {field_.enum_type.name}")
            elif hasattr(item, "ListFields"):
                yield from _unknown(item, where)


def _items(value: Any, at: str) -> list[tuple[str, Any]]:
    if isinstance(value, (str, bytes, int, float)) or hasattr(value, "ListFields"):
        return [(at, value)]
    if hasattr(value, "items"):
        return [(f"{at}[{key!r}]", item) for key, item in value.items()]
    return [(f"{at}[{index}]", item) for index, item in enumerate(value)]


def _varint(body: bytes) -> tuple[int, bytes]:
    """The zigzag number at the beginning, and the rest."""
    number = shift = 0
    for at, byte in enumerate(body[:_LONGEST]):
        number |= (byte & _SEVEN_BITS) << shift
        shift += 7
        if not byte & _MORE:
            return (number >> 1) ^ -(number & 1), body[at + 1 :]
    raise ValueError("ends within the list that says which message it is, or has none")


def load(path: Path, message: str = "", *, likely: str = "") -> ProtobufPayload:
    """A message of a .proto file, or of a descriptor set: the named one, or the only one, or the `likely` one.

    Raises:
        Mistakes: when it is none, has several messages and none is chosen, or the library is not installed.

    """
    needed("google.protobuf.message_factory", f"'{path.name}'")
    if path.suffix == ".proto":
        needed("grpc_tools", f"compiling '{path.name}'")
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            compiled = _compiled(path, path.stat().st_mtime_ns)
        except ValueError as error:
            raise Mistakes(Mistake((), f"'{path.name}': {error}")) from None
    else:
        text, compiled = "", path.read_bytes()
    try:
        return _likely(_chosen(path.name, compiled, message, text, first=bool(likely)), likely)
    except ValueError as error:
        raise Mistakes(Mistake(("message",) if message else (), f"'{path.name}': {error}")) from None


def inline(name: str, text: str, message: str) -> ProtobufPayload:
    """A message of a schema that stands elsewhere: the one of that name where there are several.

    Raises:
        ValueError: when it cannot be compiled.

    """
    return _likely(registered(name, text, {}), message)


def _likely(schema: ProtobufPayload, name: str) -> ProtobufPayload:
    """The message of that name, whatever its case; the one that it has, where there is only one."""
    named = [each for each in _with_nested(list(schema.tops)) if each.name.lower() == name.lower()]
    if name and not named and len(schema.tops) > 1:
        known = ", ".join(each.name for each in schema.tops)
        raise ValueError(f"none of its messages is called '{name}' (there is: {known})")
    return replace(schema, descriptor=named[0]) if named else schema


def registered(name: str, text: str, references: Mapping[str, str]) -> ProtobufPayload:
    """A schema as a registry keeps it. `references` are the files that it imports, by name.

    Raises:
        ValueError: when it is none.

    """
    for module in ("google.protobuf.message_factory", "grpc_tools"):
        needed(module, f"'{name}'")
    with tempfile.TemporaryDirectory(prefix="sysint-proto-") as folder:
        for each, content in {**references, "schema.proto": text}.items():
            path = Path(folder) / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        compiled = _compile(Path(folder), "schema.proto")
    return _chosen(name, compiled, "", text, first=True)


@lru_cache(maxsize=64)
def _compiled(path: Path, _changed: int) -> bytes:
    """The descriptor set of a file. Imports are relative to its folder, or to one of those above."""
    first: ValueError | None = None
    for root in (path.parent, *path.parent.parents[:_LEVELS]):
        try:
            return _compile(root, path.relative_to(root).as_posix())
        except ValueError as error:
            first = first or error
            if "File not found" not in str(error):
                break
    raise first or ValueError("cannot be compiled")


def _compile(root: Path, name: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="sysint-proto-") as folder:
        out = Path(folder) / "set.desc"
        words = [f"--proto_path={root}", "--include_imports", f"--descriptor_set_out={out}", name]
        done = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={_well_known()}", *words],
            capture_output=True,
            text=True,
            timeout=_COMPILES_WITHIN,
            check=False,
        )
        if done.returncode or not out.is_file():
            said = " ".join(done.stderr.split()) or f"the compiler ended with {done.returncode}"
            raise ValueError(f"cannot be compiled: {said}")
        return out.read_bytes()


def _well_known() -> Path:
    import grpc_tools

    return Path(grpc_tools.__path__[0]) / "_proto"


def _chosen(name: str, compiled: bytes, message: str, text: str, *, first: bool = False) -> ProtobufPayload:
    """A message of a descriptor set: the one of that name, the only one, or the first of them."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import DecodeError

    try:
        files = FileDescriptorSet.FromString(compiled).file
        pool = DescriptorPool()
        for each in files:
            pool.Add(each)
        last = pool.FindFileByName(files[-1].name)
    except (DecodeError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"is no descriptor set: {error or 'it is empty'}") from None
    top = [last.message_types_by_name[each.name] for each in files[-1].message_type]
    fitting = [each for each in _with_nested(top) if message in (each.full_name, each.name)] if message else top
    if not fitting or (len(fitting) > 1 and not first):
        ask = f"there is no one message '{message}'" if message else "which of its messages? say it with `message`"
        raise ValueError(f"{ask} (there is: {', '.join(each.full_name for each in top) or 'none'})")
    return ProtobufPayload(name, fitting[0], text, tuple(top))


def _with_nested(messages: list[Any]) -> list[Any]:
    return [found for each in messages for found in (each, *_with_nested(list(each.nested_types)))]
