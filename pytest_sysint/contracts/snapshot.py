"""What was there when the snapshot was taken, held against what is there now.

contract:
  snapshot: contracts/residents-db.yaml
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pytest_sysint.checks._causes import cause_of_error
from pytest_sysint.checks._operation import holds, passed, reproduce
from pytest_sysint.contracts._check import contract_check
from pytest_sysint.contracts._describe import Describe
from pytest_sysint.contracts._drift import GRADES, Difference, Items, by_grade, counted, differences, recorded, unknown
from pytest_sysint.contracts._recorded import read_snapshot
from pytest_sysint.contracts._structure import Type, sections_of
from pytest_sysint.core.check import Check, Context, Outcome
from pytest_sysint.core.description import Drift
from pytest_sysint.core.errors import CallError, Mistake, Mistakes, UsageError, did_you_mean
from pytest_sysint.core.integration import Observation, Stopwatch, exchange
from pytest_sysint.core.model import Declared
from pytest_sysint.core.records import Assertion
from pytest_sysint.declaration.explain import came, read_model
from pytest_sysint.declaration.model import DeclaredIntegration
from pytest_sysint.declaration.shapes import model_schema
from pytest_sysint.declaration.words import suggest

Severity = Literal["fail", "warn", "ignore"]


class SnapshotKeys(Declared):
    """A snapshot, and what follows from a difference."""

    path: str = Field(min_length=1, description="The file, from the declaration; `sysint contract update` writes it.")
    sections: tuple[str, ...] = Field((), description="The sections that it keeps; left out, all of the type.")
    breaking: Severity = Field("fail", description="What follows when something went or changed.")
    additive: Severity = Field("warn", description="What follows when something came.")
    cosmetic: Severity = Field("ignore", description="What follows when a comment or an order changed.")


@dataclass(frozen=True, slots=True)
class SnapshotContract:
    """A declared snapshot."""

    keys: SnapshotKeys
    file: Path
    """Where it is, or will be written."""


class Snapshot:
    """The form `snapshot`."""

    def suits(self, cls: Type) -> bool:
        return bool(sections_of(cls))

    def needs(self) -> str:
        return "a type that tells what it holds"

    def read(self, raw: Any, cls: Type, folder: Path, whole: dict[str, Any]) -> SnapshotContract:
        if not isinstance(raw, (str, Mapping)):
            raise Mistakes(Mistake((), f"expected the path of a file, or a map with a `path`, got {came(raw)}"))
        keys = read_model(SnapshotKeys, {"path": raw} if isinstance(raw, str) else raw)
        known = sections_of(cls)
        unknown = [
            Mistake(("sections", index), f"type {cls.__name__} has no section '{name}'{suggest(name, known)}")
            for index, name in enumerate(keys.sections)
            if name not in known
        ]
        if unknown:
            raise Mistakes(*unknown)
        places = (folder / keys.path, Path(keys.path))
        file = next((place for place in places if place.exists()), places[0]).resolve()
        if file.is_dir():
            raise Mistakes(Mistake((), f"'{keys.path}' is a folder; give the path of a file"))
        return SnapshotContract(keys, file)

    def schema(self, cls: Type) -> dict[str, Any]:
        keys = model_schema(SnapshotKeys)
        keys["properties"]["sections"]["items"] = {"enum": list(sections_of(cls))}
        described = "What was there when `sysint contract update` was run, compared with what is there."
        return {"description": described, "anyOf": [{"type": "string", "minLength": 1}, keys]}

    def checks(self, value: SnapshotContract, declared: DeclaredIntegration) -> Iterable[Check]:
        run = _Compared(value, declared.id, sections_of(declared.cls), declared.tenant)
        return [contract_check(declared, "snapshot", run, f"snapshot {value.keys.path}")]


@dataclass(frozen=True, slots=True)
class _Compared:
    contract: SnapshotContract
    integration_id: str
    known: Mapping[str, Any]
    tenant: str

    def __call__(self, context: Context) -> Outcome:
        """Raises CallError when what is there cannot be told."""
        try:
            kept = read_snapshot(self.contract.file)
        except FileNotFoundError:
            return self._nothing_to_compare(f"there is no snapshot {self._path}")
        except UsageError as error:
            return self._nothing_to_compare(error.message)
        wrong = list(self._wrong_sections(kept))
        compared = {name: items for name, items in kept.items() if name in self._wanted(kept)}
        if not any(compared.values()) and not wrong:
            return self._nothing_to_compare(f"the snapshot {self._path} holds nothing")
        seen = self._describe(context, tuple(compared))
        found, lacking = [], []
        for name, kept_items in compared.items():
            section, items = self.known[name], seen.payload[name]
            not_known = unknown(section, items)
            lacking += [".".join((name, *way)).removesuffix(".*") for way in not_known]
            found += differences(section, kept_items, recorded(section, items), not_known)
        context.note(self._shown(found))
        return self._outcome(context, [*wrong, *self._judged(found, compared, wrong, lacking)], found, seen.phases)

    @property
    def _path(self) -> str:
        return self.contract.keys.path

    @property
    def _update(self) -> str:
        return f"sysint contract update --integration {self.integration_id}"

    def _wanted(self, kept: Mapping[str, Items]) -> set[str]:
        return set(self.contract.keys.sections or kept) & self.known.keys()

    def _describe(self, context: Context, sections: tuple[str, ...]) -> Observation:
        try:
            return context.perform(Describe(describe=sections))
        except CallError as error:
            error.partial = Outcome((), reproduce=reproduce(context), cause=cause_of_error(error))
            raise

    def _wrong_sections(self, kept: Mapping[str, Items]) -> Iterator[Assertion]:
        for name in self.contract.keys.sections:
            if name not in kept:
                said = (
                    f"the section '{name}' is declared and not in the snapshot {self._path}: `{self._update}` adds it"
                )
                yield self._failed(f"sections.{name}", said, "in the snapshot", "not there")
        if not self.contract.keys.sections:
            for name in kept:
                if name not in self.known:
                    said = f"the snapshot {self._path} has a section '{name}', which this type cannot tell of"
                    yield self._failed(
                        f"sections.{name}", f"{said}{did_you_mean(name, self.known)}", "known", "unknown"
                    )

    def _nothing_to_compare(self, said: str) -> Outcome:
        message = f"{said}: nothing was compared; `{self._update}` writes it"
        cause = "the snapshot was never taken, is not checked in, or was spoilt"
        failed = self._failed("snapshot", message, "a snapshot to compare with", said)
        return Outcome((failed,), reproduce=self._update, cause=cause)

    def _outcome(
        self, context: Context, assertions: list[Assertion], found: list[Difference], phases: Mapping[str, float]
    ) -> Outcome:
        held = holds(tuple(assertions))
        return Outcome(
            tuple(assertions),
            phases,
            metrics={f"{grade}_differences": float(count) for grade, count in by_grade(found).items()},
            reproduce="" if held else reproduce(context),
            cause="" if held else self._cause(found),
        )

    def _cause(self, found: list[Difference]) -> str:
        if any(each.unknown for each in found):
            return "the other side tells less than it did when the snapshot was taken: may this user still look at it?"
        return f"it was changed there; if that is meant, `{self._update}` records it"

    def _judged(
        self, found: list[Difference], compared: Mapping[str, Items], wrong: list[Assertion], lacking: list[str]
    ) -> list[Assertion]:
        told = [assertion for each in found if (assertion := self._told(each)) is not None]
        return told or ([] if wrong else [self._same(by_grade(found), compared, lacking)])

    def _told(self, difference: Difference) -> Assertion | None:
        severity: Severity = getattr(self.contract.keys, difference.grade)
        if severity == "ignore":
            return None
        return Assertion(
            name=difference.where,
            status="failed",
            message=f"{difference.where} {difference.what} ({difference.grade})",
            expected=difference.change.before,
            actual=difference.change.after,
            severity=severity,
            tenant_id=self.tenant,
        )

    def _same(self, counts: Mapping[Drift, int], compared: Mapping[str, Items], lacking: list[str]) -> Assertion:
        ignored = ", ".join(f"{count} {grade}" for grade, count in counts.items() if count)
        beside = sorted(self.known.keys() - compared.keys())
        message = f"as in {self._path} ({counted(compared)})"
        message += f"; differences that are ignored: {ignored}" if ignored else ""
        message += f"; not in the snapshot: {', '.join(beside)}" if beside else ""
        message += f"; not known, and not compared: {', '.join(lacking)}" if lacking else ""
        return passed("snapshot", message, "no difference", ignored or "no difference", self.tenant)

    def _failed(self, name: str, message: str, expected: str, actual: str) -> Assertion:
        return Assertion(
            name=name, status="failed", message=message, expected=expected, actual=actual, tenant_id=self.tenant
        )

    def _shown(self, found: list[Difference]) -> Any:
        ignored = {grade for grade in GRADES if getattr(self.contract.keys, grade) == "ignore"}
        lines = [f"{each}{' (ignored)' if each.grade in ignored else ''}" for each in found]
        return exchange(f"compare with {self._path}", self._path, "\n".join(lines) or "no difference", Stopwatch())


FORM = Snapshot()
