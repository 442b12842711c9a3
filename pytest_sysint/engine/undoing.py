"""Undoing what an earlier run has written and could not undo itself, from its ledger and its declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sysint.core.check import Check
from pytest_sysint.core.errors import SysintError, Unavailable
from pytest_sysint.core.integration import Integration
from pytest_sysint.core.ledger import Entry, Gone
from pytest_sysint.declaration import Declaration, DeclaredIntegration, load
from pytest_sysint.engine.attempt import Attempt
from pytest_sysint.engine.connections import Connections
from pytest_sysint.engine.plan import Selection, checks_of


@dataclass(frozen=True, slots=True)
class _There:
    url: str
    way: str = "existing"
    detail: str = ""


class _Later(Attempt):
    """What a check is given to undo something of an earlier run."""

    gone: frozenset[str] = frozenset()
    """Integrations that were started for that run, and ended with it."""

    def other(self, integration_id: str) -> Integration[Any]:
        if integration_id in self.gone:
            raise Gone(f"'{integration_id}' was started for the run, and ended with it")
        return super().other(integration_id)


@dataclass
class Undone:
    """What came of one entry."""

    entry: Entry
    gone: list[int] = field(default_factory=list)
    """The items that are not there any longer."""
    left: dict[int, str] = field(default_factory=dict)
    """The others, with why."""


def undo(entries: Sequence[Entry]) -> Iterator[Undone]:
    """Undo entry after entry. Never raises for what cannot be undone: it is told with the items that are left."""
    # The declarations of a run belong together: a check may use what another of them declares.
    homes: dict[str, dict[str, None]] = {}
    for entry in entries:
        homes.setdefault(entry.about.get("run", ""), {})[entry.about.get("declaration", "")] = None
    alike: dict[tuple[str, tuple[str, ...]], list[Entry]] = {}
    for entry in entries:
        paths = tuple(homes[entry.about.get("run", "")])
        alike.setdefault((entry.about.get("environment", ""), paths), []).append(entry)
    for (environment, paths), own in alike.items():
        yield from _undo_in(environment, paths, own)


def _undo_in(environment: str, paths: tuple[str, ...], entries: Sequence[Entry]) -> Iterator[Undone]:
    try:
        wanted = {each for entry in entries for each in entry.about.get("places", {})}
        declarations = load(map(Path, paths), environment=environment or None, needed=lambda name, _: name in wanted)
    except (SysintError, OSError) as error:
        yield from (_kept(entry, f"{', '.join(paths)} cannot be read: {error}") for entry in entries)
        return
    declared = [(item, each.environment.allow) for each in declarations for item in each.integrations]
    allow = {item.id: allowed for item, allowed in declared}
    connections = Connections([item for item, _ in declared], _provide, allow=allow)
    try:
        for entry in entries:
            yield _undo_one(entry, declarations, connections)
    finally:
        connections.close()


def _provide(declared: DeclaredIntegration) -> _There:
    if not declared.settings.url:
        raise Unavailable(f"'{declared.id}' has no url: set it as it was for the run")
    return _There(declared.settings.url)


def _kept(entry: Entry, why: str) -> Undone:
    return Undone(entry, left=dict.fromkeys(entry.items, why))


def _undo_one(entry: Entry, declarations: Sequence[Declaration], connections: Connections) -> Undone:
    places: Mapping[str, Any] = entry.about.get("places", {})
    gone = frozenset(name for name, place in places.items() if place.get("provision") not in ("existing", "", None))
    check = _check(entry, declarations)
    if check is None or check.undo is None:
        return _kept(entry, "its check is declared no longer, or has no `cleanup` any more")
    if moved := _moved([name for name in (check.integration_id, *check.uses) if name not in gone], places, connections):
        return _kept(entry, moved)
    done = Undone(entry)
    attempt = _Later(check, 1, connections, None, lambda _: None, lambda _: None)
    attempt.gone = gone
    for number, item in entry.items.items():
        try:
            why = check.undo(attempt, item)
        except SysintError as error:
            why = error.message
        except Exception as error:  # noqa: BLE001 - whatever a client library raises, the others must be undone too
            why = f"{type(error).__name__}: {error}"
        if why:
            done.left[number] = why
        else:
            done.gone.append(number)
    return done


def _check(entry: Entry, declarations: Sequence[Declaration]) -> Check | None:
    wanted = entry.check
    for declaration in declarations:
        for _, check in checks_of(declaration, wanted["kind"], wanted["integration"], Selection()):
            if (check.slug, check.tenant) == (wanted["slug"], wanted["tenant"]):
                return check
    return None


def _moved(names: Iterable[str], places: Mapping[str, Any], connections: Connections) -> str:
    """Whether something is elsewhere now than when it was written to: nothing is removed from another system."""
    for name in names:
        connections.open(name)
        record, before = connections.record(name), places.get(name, {})
        if record is None or record.unavailable:
            return record.unavailable if record is not None else f"'{name}' is declared no longer"
        if before.get("url") != record.url:
            return f"'{name}' was at {before.get('url')} and is at {record.url} now: nothing was touched there"
    return ""
