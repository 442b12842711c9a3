"""Which format of payloads a schema's file is of."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sysint.contracts._messages.message import PayloadSchema
from pytest_sysint.core.errors import Mistake, Mistakes
from pytest_sysint.declaration.documents import find_document

FORMATS = ("json", "avro", "protobuf")
"""By the word that a declaration uses. Each module has `SUFFIXES`, `load` and `registered`."""
_MODULES = {"json": "json_schema", "avro": "avro", "protobuf": "protobuf"}


def module_of(name: str) -> Any:
    """The module of a format."""
    return importlib.import_module(f"pytest_sysint.contracts._messages.{_MODULES[name]}")


def load(name: str, folder: Path, chosen: str = "", message: str = "") -> PayloadSchema:
    """The schema in a file that a declaration names. The format follows from the file's ending, when it is not chosen.

    Raises:
        Mistakes: when there is no such file, or it is no schema.

    """
    path = find_document(name, folder)
    wanted = chosen or next((each for each in FORMATS if path.suffix.lower() in module_of(each).SUFFIXES), "")
    if not wanted:
        known = ", ".join(suffix for each in FORMATS for suffix in module_of(each).SUFFIXES)
        said = f"the format of '{path.name}' does not follow from its name (known: {known}); say it with `format`"
        raise Mistakes(Mistake((), said))
    schema: PayloadSchema = module_of(wanted).load(path, message)
    return schema


def registered(kind: str, name: str, text: str, references: Mapping[str, str]) -> PayloadSchema:
    """A schema as a registry keeps it, under the registry's word for its format (AVRO, JSON, PROTOBUF).

    Raises:
        ValueError: when it is of no known format, or no schema.

    """
    if kind.lower() not in FORMATS:
        raise ValueError(f"'{name}' is of the format {kind}, which is not known")
    schema: PayloadSchema = module_of(kind.lower()).registered(name, text, references)
    return schema
