"""`sysint.json`: everything of a run, for programs. Its JSON Schema is published in `docs/schema/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_sysint.core.masking import encode
from pytest_sysint.core.records import RunRecords
from pytest_sysint.reports._document import build
from pytest_sysint.reports._format import Format, write_file
from pytest_sysint.reports._models import ENTITY_TYPES, Document


def write(records: RunRecords, path: Path) -> None:
    """Write the document of a run as JSON."""
    write_file(path, encode(build(records)) + "\n")


def schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    found = Document.model_json_schema(mode="serialization", by_alias=True)
    shapes = found["$defs"]
    for shape in (found, *shapes.values()):
        _tidy(shape)
    shapes["AuditEvent"]["properties"]["entityType"]["enum"] = list(ENTITY_TYPES)
    # A metric that was not a finite number is null.
    shapes["Result"]["properties"]["metrics"]["additionalProperties"] = {"type": ["number", "null"]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "pytest-sysint report"}


def _tidy(shape: dict[str, Any]) -> None:
    """Say what the writer holds to: every field is always there. And leave out titles that only repeat the names."""
    shape["required"] = list(shape["properties"])
    for field in shape["properties"].values():
        field.pop("title", None)
        field.pop("default", None)


def schema_text() -> str:
    """The same as the text of the published file."""
    return json.dumps(schema(), indent=2) + "\n"


FORMAT = Format("json", "sysint.json", "everything of the run, for programs (JSON Schema in docs/schema)", write)
