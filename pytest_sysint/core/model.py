"""The two pydantic bases: what is declared, and what is recorded."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PlainSerializer, SecretStr
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue


class Declared(BaseModel):
    """What a person wrote in a declaration: frozen, unknown keys forbidden, no silent conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Record(BaseModel):
    """What a run leaves behind: frozen, camelCase in JSON. Readers ignore fields of newer versions."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        ser_json_inf_nan="null",
    )

    def dump(self) -> dict[str, Any]:
        """As plain JSON values, under the published names."""
        return self.model_dump(mode="json", by_alias=True)


class _SecretSchema:
    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "description": "a secret: write a reference such as ${env:NAME} or ${file:/path}"}


Secret = Annotated[SecretStr, _SecretSchema, PlainSerializer(lambda _: "***")]
"""A value that must not be seen. `core.secrets.reveal` is the one place that opens it."""
