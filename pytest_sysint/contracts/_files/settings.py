"""What can be promised of files: the keys of the form `files`."""

from __future__ import annotations

import codecs
import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Severity
from pytest_sysint.core.units import Duration, Size

Kind = Literal[
    "text", "integer", "number", "boolean", "date", "datetime", "time", "uuid", "list", "map"
]  # fmt: skip
FileFormat = Literal["csv", "jsonl", "json", "parquet"]
PLACEHOLDERS = ("tenant",)
_CHECKSUM_PLACEHOLDERS = (*PLACEHOLDERS, "path", "name", "folder", "stem")
_BRACED = re.compile(r"\{([^{}]*)\}")
_ENDINGS: dict[str, FileFormat] = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet",
}  # fmt: skip


def wrong(text: str) -> PydanticCustomError:
    """An error of a declared value, in a sentence of ours."""
    return PydanticCustomError("sysint", "{text}", {"text": text})


class ColumnKeys(Declared):
    """What is promised of a column, beside matchers of its values."""

    type: Kind | None = Field(None, description="What its values are; in a CSV file, what their texts can be read as.")
    nullable: bool = Field(True, description="Whether a value may be null; in a CSV file, empty.")
    unique: bool = Field(False, description="Whether no value comes twice; nulls are not compared.")
    required: bool = Field(True, description="Whether the column must be there; in JSON, in every row.")
    format: str = Field(
        "", description="How dates and times are written, as in strptime: `%d/%m/%Y`; default: ISO 8601."
    )
    value: Any = Field(None, description='A matcher that each value satisfies, such as "<= 120".')

    @model_validator(mode="after")
    def _format_of_a_time(self) -> Self:
        if self.format and self.type not in ("date", "datetime", "time"):
            raise wrong("a format belongs to the types date, datetime and time")
        return self


class Trailer(Declared):
    """The last line, which says how many rows there are."""

    pattern: str = Field("", description="A regular expression of that line, whose one group is the number.")
    field: int | str | None = Field(
        None, description="Where the number stands: in CSV the nth value of that line, in JSON a key or a path (`$.n`)."
    )
    includes: tuple[Literal["header", "trailer"], ...] = Field(
        (), description="Lines that the number counts beside the rows."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.pattern) == (self.field is not None):
            raise wrong("exactly one of pattern and field is needed")
        if isinstance(self.field, int) and self.field < 1:
            raise wrong("the values of a line are counted from 1")
        return self

    @field_validator("pattern")
    @classmethod
    def _has_a_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise wrong(f"it is not a regular expression: {error}") from None
        if pattern and groups != 1:
            raise wrong("it needs exactly one group, which is the number: '^T,([0-9]+)$'")
        return pattern


class Checksum(Declared):
    """A second file that holds the checksum of the first."""

    file: str = Field("{path}.sha256", description="Where it is; {path}, {folder}, {name}, {stem} are the file's.")
    algorithm: Literal["sha256", "sha512", "sha384", "sha1", "md5"] = Field("sha256", description="How it is made.")

    @field_validator("file")
    @classmethod
    def _is_a_place(cls, file: str) -> str:
        return place(file, _CHECKSUM_PLACEHOLDERS)


class FileKeys(Declared):
    """What is promised of the files that a pattern finds."""

    path: str = Field(
        description="Where they are, below the url: `exports/{tenant}/residents-*.csv`; `*` and `?` stay in a folder, "
        "`**` leads through any."
    )
    name: str = Field("", description="What the check is called; default: the path.")
    description: str = Field("", description="What it shows, for readers of the report.")
    newest: bool | int | Literal["all"] = Field(
        True, description="Which of them are looked at: true, the newest; a number, so many of the newest; all."
    )
    count: Any = Field(">= 1", description="How many there are.")
    age: Any = Field(None, description='How long ago each was written, such as "< 26h".')
    size: Any = Field(None, description='How large each is, such as "> 1kB".')
    encoding: str = Field(
        "", description="How its text is encoded, such as cp1252; default: UTF-8, with or without BOM."
    )
    compression: Literal["gzip", "none"] | None = Field(None, description="Default: what the name ends with (`.gz`).")
    format: FileFormat | None = Field(None, description="What is in it; default: what the name ends with.")
    delimiter: str = Field("", min_length=0, max_length=1, description="What stands between the values of a CSV file.")
    quote: str = Field('"', min_length=1, max_length=1, description="What stands around values of a CSV file.")
    header: bool = Field(True, description="Whether the first line of a CSV file names the columns.")
    records: str = Field("", description="Where the rows of a JSON document are, such as `$.residents`.")
    columns: dict[str, Any] | None = Field(None, description="What is promised of each column.")
    extra_columns: Literal["warn", "fail", "ignore"] = Field(
        "warn", description="What it means that there are others than those declared."
    )
    ordered: bool = Field(False, description="Whether the columns stand in the order in which they are declared.")
    rows: Any = Field(None, description="How many rows there are; default, where columns are declared: at least one.")
    trailer: Trailer | None = Field(None, description="The last line, when it says how many rows there are.")
    checksum: Checksum | None = Field(None, description="Where the checksum of the file is kept.")
    max_size: Size | None = Field(
        None, description="The largest content that is read: default 1GiB, 64MiB of a JSON document. More is a failure."
    )
    timeout: Duration | None = Field(None, gt=0, description="The time to list them, and to read each.")
    severity: Severity | None = Field(None, description="How bad a failure is; default: the integration's.")
    tags: tuple[str, ...] = Field((), description="Words to find it by.")

    @field_validator("path")
    @classmethod
    def _is_a_place(cls, path: str) -> str:
        return place(path, PLACEHOLDERS)

    @field_validator("newest")
    @classmethod
    def _some_of_them(cls, newest: bool | int | str) -> bool | int | str:
        if newest is False or (not isinstance(newest, (bool, str)) and newest < 1):
            raise wrong("write true for the newest, a number for so many of the newest, or all")
        return newest

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding or "utf-8")
        except LookupError:
            raise wrong(f"'{encoding}' is no encoding that is known here, such as utf-8, latin-1, cp1252") from None
        return encoding

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        said = _misfit(self)
        if said:
            raise wrong(said)
        return self

    @property
    def kind(self) -> FileFormat | None:
        """The format, declared or by the name; None for any content."""
        return self.format or _by_ending(self.path.removesuffix(".gz"))

    @property
    def gzipped(self) -> bool:
        """Whether it must be unpacked to be read."""
        return self.compression == "gzip" or (self.compression is None and self.path.endswith(".gz"))

    @property
    def separator(self) -> str:
        """What stands between the values of a CSV file."""
        return self.delimiter or ("\t" if self.path.removesuffix(".gz").endswith(".tsv") else ",")

    @property
    def reads_rows(self) -> bool:
        """Whether something is promised that needs the rows."""
        return self.format is not None or self.columns is not None or self.rows is not None or self.trailer is not None

    @property
    def reads(self) -> bool:
        """Whether something is promised that needs the content."""
        return self.reads_rows or bool(self.encoding) or self.checksum is not None

    @property
    def limit(self) -> int:
        """The largest content that is read, in bytes."""
        return self.max_size or (64 * 2**20 if self.kind == "json" else 2**30)


def _by_ending(path: str) -> FileFormat | None:
    return next((kind for ending, kind in _ENDINGS.items() if path.endswith(ending)), None)


_ONLY_FOR: tuple[tuple[str, tuple[FileFormat, ...]], ...] = (
    ("delimiter", ("csv",)),
    ("quote", ("csv",)),
    ("header", ("csv",)),
    ("ordered", ("csv", "parquet")),
    ("records", ("json",)),
    ("trailer", ("csv", "jsonl", "json")),
)


def _misfit(keys: FileKeys) -> str:
    kind = keys.kind
    if keys.reads_rows and kind is None:
        return "the name does not tell what is in it: declare `format`, one of csv, jsonl, json, parquet"
    for key, kinds in _ONLY_FOR:
        if key in keys.model_fields_set and kind not in kinds:
            return f"'{key}' is for {', '.join(kinds)}, and this is {kind or 'no format that is declared'}"
    if not keys.header and not keys.columns:
        return "without a header the columns must be declared, in their order"
    if keys.encoding and kind == "parquet":
        return "parquet is no text: it has no encoding"
    return _odd_trailer(keys) or _odd_records(keys)


def _odd_records(keys: FileKeys) -> str:
    if keys.records and not keys.records.startswith("$"):
        return f"'{keys.records}' is not a path into the document, such as $.residents"
    return ""


def _odd_trailer(keys: FileKeys) -> str:
    trailer, kind = keys.trailer, keys.kind
    if trailer is None:
        return ""
    if kind == "csv" and isinstance(trailer.field, str):
        return "the field of a CSV trailer is a number: the nth value of the last line"
    if kind == "jsonl" and isinstance(trailer.field, int):
        return "the field of a trailer in JSON is a key of its object, or a path such as $.count"
    if kind == "json" and not str(trailer.field or "").startswith("$"):
        return "a JSON document has no last line: the field is a path to the number, such as $.total"
    if kind == "json" and trailer.includes:
        return "a JSON document has no header or trailer lines that could be counted"
    return ""


def place(path: str, placeholders: tuple[str, ...]) -> str:
    """A path below the root, with placeholders in braces.

    Raises:
        PydanticCustomError: when it is none.

    """
    if not path or path.endswith("/"):
        raise wrong("the path of files is needed, not of a folder")
    if path.startswith("/") or any(part in (".", "..") for part in path.split("/")):
        raise wrong("a path is relative to the folder or bucket that the url names, and never leads out of it")
    unknown = [name for name in _BRACED.findall(path) if name not in placeholders]
    if unknown:
        raise wrong(
            f"'{{{unknown[0]}}}' stands for nothing here (allowed: {', '.join(f'{{{p}}}' for p in placeholders)})"
        )
    return path
