"""The form `files`: files are where they should be, fresh, whole, and hold what was agreed.

contract:
  files:
    - name: nightly export of the residents
      path: exports/{tenant}/residents-*.csv
      age: "< 26h"
      columns: {external_id: text, birth_date: date, nhs_number: {matches: "^[0-9]{10}$", unique: true}}
      trailer: {pattern: "^T,([0-9]+)$"}
      checksum: {file: "{path}.sha256"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.checks._operation import holds, reproduce
from pytest_sysint.contracts._check import contract_check
from pytest_sysint.contracts._files.columns import ColumnPromise, read_columns
from pytest_sysint.contracts._files.looking import Inspect, look_into
from pytest_sysint.contracts._files.places import LOOKED_AT, Find
from pytest_sysint.contracts._files.settings import ColumnKeys, FileKeys
from pytest_sysint.contracts._files.verdict import FileVerdict
from pytest_sysint.core.capabilities import Walkable
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.errors import CallError, Mistake, Mistakes
from pytest_sysint.core.integration import Integration, Observation
from pytest_sysint.core.records import Assertion
from pytest_sysint.core.secrets import redact
from pytest_sysint.core.units import Dimension
from pytest_sysint.declaration.checks import slug_of
from pytest_sysint.declaration.explain import Gathered, came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.references import Unset
from pytest_sysint.declaration.resolving import markers
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.expectations import Expectation, compile_value, json_schema

Type = type[Integration[Any]]

_MATCHERS: dict[str, Dimension] = {"count": "number", "age": "duration", "size": "size", "rows": "number"}
_SOME_ROWS = ">= 1"


@dataclass(frozen=True, slots=True)
class FilesPromise:
    """One entry under `files:`, ready to be judged."""

    keys: FileKeys
    matchers: Mapping[str, Expectation]
    columns: tuple[ColumnPromise, ...] = ()
    line: int = 0
    slug: str = field(default="")


class Files:
    """The form `files`."""

    def suits(self, cls: Type) -> bool:
        return issubclass(cls, Walkable)

    def needs(self) -> str:
        return "a place that keeps files or objects"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> tuple[FilesPromise, ...]:
        if not isinstance(raw, list) or not raw:
            raise Mistakes(Mistake((), f"expected a list of files, got {came(raw) if raw else 'nothing in it'}"))
        mistakes = Gathered()
        read = [mistakes.attempt(_read_under, index, entry) for index, entry in enumerate(raw)]
        if mistakes.failed:
            raise Mistakes(*mistakes.found)
        found = tuple(each for each in read if each is not None)
        for index, each in enumerate(found):
            if any(other.slug == each.slug for other in found[:index]):
                raise Mistakes(Mistake((index,), f"another one is called '{each.keys.name or each.keys.path}' too"))
        return found

    def schema(self, cls: Type) -> dict[str, Any]:
        return {
            "description": "What is promised of files: where they are, how old, and what is in them.",
            "type": "array",
            "minItems": 1,
            "items": _entry_schema(),
        }

    def checks(self, value: tuple[FilesPromise, ...], declared: DeclaredIntegration) -> Iterable[Check]:
        return (_check(each, declared) for each in value)


def _read_under(index: int, raw: Any) -> FilesPromise:
    try:
        return _read(raw)
    except Mistakes as error:
        raise error.under(index) from None


def _read(raw: Any) -> FilesPromise:
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake((), f"expected a map with the `path` of files, got {came(raw)}"))
    mistakes = Gathered()
    keys = mistakes.attempt(read_model, FileKeys, dict(raw))
    if any(isinstance(text, Unset) for text in markers(raw)):
        raise Mistakes(*mistakes.found)  # what is wrong with a reference is told where it is resolved
    columns = mistakes.attempt(_columns, raw["columns"]) if raw.get("columns") is not None else ()
    if keys is None:
        raise Mistakes(*mistakes.found)
    matchers = {key: mistakes.attempt(_matcher, key, matcher) for key, matcher in _declared(keys).items()}
    if mistakes.failed or columns is None:
        raise Mistakes(*mistakes.found)
    compiled = {key: found for key, found in matchers.items() if found is not None}
    # A node id must not hold what a reference resolved to.
    slug = slug_of(f"files {redact(keys.name or keys.path)}")
    return FilesPromise(keys, compiled, columns, getattr(raw, "line", 0), slug)


def _declared(keys: FileKeys) -> dict[str, Any]:
    """The matchers, with those that stand where none is declared: nothing found, and no rows, are no success."""
    found = {key: getattr(keys, key) for key in _MATCHERS if getattr(keys, key) is not None}
    return {**found, "rows": _SOME_ROWS} if keys.columns and keys.rows is None else found


def _columns(raw: Any) -> tuple[ColumnPromise, ...]:
    if not isinstance(raw, Mapping):
        raise Mistakes(Mistake(("columns",), f"expected a map of columns, got {came(raw)}"))
    try:
        return read_columns(raw)
    except Mistakes as error:
        raise error.under("columns") from None


def _matcher(key: str, raw: Any) -> Expectation:
    try:
        return compile_value(key, raw, _MATCHERS[key])
    except Mistakes as error:
        raise error.under(key) from None


def _check(promise: FilesPromise, declared: DeclaredIntegration) -> Check:
    keys = promise.keys
    path = keys.path.replace("{tenant}", declared.tenant)
    more: dict[str, Any] = {
        "slug": promise.slug,
        "severity": keys.severity or declared.severity,
        "timeout": keys.timeout or declared.timeout,
        "tags": (*declared.tags, *keys.tags),
        "description": keys.description,
    }
    if promise.line:
        more["line"] = promise.line
    name = redact(keys.name or f"files {keys.path}")
    return contract_check(declared, name, _Judged(promise, path, declared.tenant), f"files {redact(path)}", **more)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Finds the files, looks into them, and judges what is there."""

    promise: FilesPromise
    path: str
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError, with what was judged before in its `partial`, when the conversation went wrong."""
        judged: list[Assertion] = []
        phases: dict[str, float] = {}
        metrics: dict[str, float] = {}
        try:
            judged.extend(self._run(context, phases, metrics))
        except CallError as error:
            error.partial = Outcome(
                tuple(judged), phases, metrics=metrics, reproduce=reproduce(context), cause=cause_of_error(error)
            )
            raise
        again = "" if holds(tuple(judged)) else reproduce(context)
        return Outcome(tuple(judged), phases, metrics=metrics, reproduce=again)

    def _run(self, context: Context, phases: dict[str, float], metrics: dict[str, float]) -> Iterator[Assertion]:
        listing = context.perform(Find(find=self.path))
        _add(phases, listing.phases)
        metrics["files"] = listing.facts["count"]
        yield from self._counted(listing)
        rows = self._chosen(listing.payload)
        for row in rows:
            for found in self._one(context, row, phases, metrics):
                yield found if len(rows) == 1 else found.model_copy(update={"name": f"{row['path']}: {found.name}"})

    def _counted(self, listing: Observation) -> Iterator[Assertion]:
        """How many there are. Where the listing was ended, that is not known, nor which is the newest."""
        seen, said = Observation(listing.facts["count"]), f"found by {self.path}"
        looked = listing.facts["looked_at"]
        if listing.facts["truncated"]:
            seen = Observation(facts={"lacking": f"more than {LOOKED_AT:,} files begin like {self.path}: narrow it"})
        elif not listing.payload:
            said += f", of {looked:,} files that begin like it" if looked else ", and none begins like it"
        for found in self.promise.matchers["count"].judge(seen, self.tenant):
            yield found.model_copy(update={"message": f"{found.message} ({said})"})

    def _chosen(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        newest = self.promise.keys.newest
        return rows if newest == "all" else rows[: 1 if newest is True else int(newest)]

    def _one(
        self, context: Context, row: dict[str, Any], phases: dict[str, float], metrics: dict[str, float]
    ) -> Iterator[Assertion]:
        keys, path = self.promise.keys, row["path"]
        verdict = FileVerdict(keys, self.promise.columns, self.promise.matchers, self.tenant)
        yield from verdict.of_listing(row)
        if not keys.reads:
            return
        context.progress(f"reading {path}")
        by = look_into(keys, self.promise.columns, {"tenant": self.tenant})
        observation = context.perform(Inspect(inspect=path, by=by))
        _add(phases, observation.phases)
        metrics["bytes"] = metrics.get("bytes", 0) + observation.payload.size
        metrics["rows"] = metrics.get("rows", 0) + observation.payload.sheet.rows
        yield from verdict.of_content(observation.payload, path)


def _add(phases: dict[str, float], more: Mapping[str, float]) -> None:
    for phase, seconds in more.items():
        phases[phase] = phases.get(phase, 0.0) + seconds


def _entry_schema() -> dict[str, Any]:
    schema, matcher = model_schema(FileKeys), json_schema()["additionalProperties"]
    column = model_schema(ColumnKeys)
    words = next(each["properties"] for each in matcher["anyOf"] if "length" in each.get("properties", {}))
    properties = {**words, **column["properties"], "value": {**matcher, **_described(column, "value")}}
    one = {"anyOf": [column["properties"]["type"], {**column, "properties": properties}]}
    said = _described(schema, "columns")
    schema["properties"]["columns"] = {**said, "type": "object", "minProperties": 1, "additionalProperties": one}
    for key in _MATCHERS:
        schema["properties"][key] = {**matcher, **_described(schema, key)}
    return schema


def _described(schema: dict[str, Any], key: str) -> dict[str, Any]:
    return {"description": schema["properties"][key]["description"]}


FORM = Files()
