"""What can be declared beside a document: how many examples, from which seed, which checks, of which operations."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar

from pydantic import Field

from pytest_sysint.core.errors import Mistake, Mistakes, did_you_mean
from pytest_sysint.core.model import Declared
from pytest_sysint.declaration.explain import read_model

LIBRARY = "schemathesis"
_OF_GRAPHQL = frozenset(
    {"not_a_server_error", "response_schema_conformance", "negative_data_rejection", "positive_data_acceptance"}
)


class Not(Declared):
    """All but these."""

    not_: list[str] = Field(alias="not", description="Names that are left out; all others are held.")


class Chosen(Declared):
    """Operations by name, with `*` for any text."""

    include: list[str] = Field(default_factory=list)
    """Only these: `GET /residents*`, an operationId, a tag."""
    exclude: list[str] = Field(default_factory=list)
    """Not these."""

    def takes(self, names: Iterable[str]) -> bool:
        """Whether an operation that is known by these names is to be tested."""
        known = list(names)
        return (not self.include or _any(self.include, known)) and not _any(self.exclude, known)

    def unused(self, operations: Iterable[Collection[str]]) -> list[tuple[str, str]]:
        """(`include` or `exclude`, pattern) of each pattern that fits no operation."""
        known = [list(names) for names in operations]
        given = [("include", each) for each in self.include] + [("exclude", each) for each in self.exclude]
        return [(where, pattern) for where, pattern in given if not any(_any([pattern], names) for names in known)]


class Options(Declared):
    """The keys beside a document that tell how it is tested."""

    examples: int = Field(25, ge=1, le=10_000)
    """How many requests each operation gets: the examples of the document first, then edge values, then others."""
    seed: int | Literal["random"] = Field(1, union_mode="left_to_right")
    """What the requests are drawn from: the same seed draws the same. `random` draws others at each run, and tells
    the seed."""
    conformance: list[str] | Not | None = None
    """Which of schemathesis' checks are held: a list of names, or `{not: [names]}`. Default: all."""
    operations: Chosen = Chosen()
    """Which operations are tested."""

    def chosen(self, known: Collection[str]) -> tuple[str, ...]:
        """The names of the checks to hold, of those that are known."""
        if isinstance(self.conformance, Not):
            return tuple(name for name in known if name not in self.conformance.not_)
        return tuple(known) if self.conformance is None else tuple(dict.fromkeys(self.conformance))


class OpenApiOptions(Options):
    """The keys beside `openapi`."""

    links: bool = False
    """Whether operations are also tested one after the other, along the links of the document."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values for parameters, by their names: what no generator can know, such as the id of a resident."""
    base_path: str | None = None
    """What the paths of the document continue. Default: the path of its first server, unless the url has a path."""


Some = TypeVar("Some", bound=Options)


def options_schema(model: type[Options]) -> dict[str, Any]:
    """The JSON Schema of each key, with nothing left to be looked up elsewhere."""
    whole = model.model_json_schema()
    parts = whole.get("$defs", {})
    return {key: _resolved(part, parts) for key, part in whole["properties"].items()}


def read_options(model: type[Some], whole: Mapping[str, Any], known: Callable[[], Collection[str]]) -> Some:
    """The options out of all of `contract:`. `known` gives the names of checks that `conformance` may hold.

    Raises:
        Mistakes: everything that is wrong with them, with paths from `contract:`.

    """
    found = read_model(model, {key: whole[key] for key in model.model_fields if key in whole})
    if found.conformance is not None:
        _refuse_unknown(found.conformance, known())
    return found


def require_library(form: str) -> None:
    """Say what to install, when the library is not there.

    Raises:
        Mistakes: when it is not installed.

    """
    if importlib.util.find_spec(LIBRARY) is None:
        said = f"'{form}' needs the Python module '{LIBRARY}', which is not installed"
        raise Mistakes(Mistake((), f"{said}: pip install 'pytest-sysint[contract]'"))


def conformance_names() -> tuple[str, ...]:
    """The checks of the installed schemathesis, in its order. Imports it.

    Without those that need what is not here: a second user (the kind `security` has one), or a limit of its own.
    """
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    return tuple(name for name in CHECKS.get_all_names() if name != "object_level_authorization")


def graphql_names() -> tuple[str, ...]:
    """Those of them that judge an answer of GraphQL: the others look at what only HTTP APIs have."""
    return tuple(name for name in conformance_names() if name in _OF_GRAPHQL)


def _refuse_unknown(given: list[str] | Not, known: Collection[str]) -> None:
    listed, path = (given, ()) if isinstance(given, list) else (given.not_, ("not",))
    wrong = [
        Mistake(("conformance", *path, index), f"unknown check '{name}'{did_you_mean(name, known)}")
        for index, name in enumerate(listed)
        if name not in known
    ]
    if wrong:
        raise Mistakes(*wrong)


def _any(patterns: Iterable[str], names: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _resolved(part: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        if "$ref" in part:
            rest = {key: value for key, value in part.items() if key != "$ref"}
            return {**_resolved(parts[part["$ref"].rpartition("/")[2]], parts), **rest}
        return {key: _resolved(value, parts) for key, value in part.items()}
    return [_resolved(item, parts) for item in part] if isinstance(part, list) else part
