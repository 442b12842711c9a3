"""Which files a declaration is made of: found below folders, read with limits, included by one another."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_sysint.core.errors import Mistake, Problem
from pytest_sysint.core.secrets import redact
from pytest_sysint.declaration.yaml_nodes import MAX_BYTES, Node, YamlProblem, parse, too_large

NAMES = ("sysint.yaml", "sysint.yml")
SUFFIXES = (".sysint.yaml", ".sysint.yml")
_YAML = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "env", "build", "dist", "htmlcov"})
_MAX_FILES = 1000
_MAX_CHAIN = 20
MAX_PROBLEMS = 1000


def is_declaration(name: str) -> bool:
    """Whether a file of this name is a declaration: `sysint.yaml`, `*.sysint.yaml`."""
    return name in NAMES or name.endswith(SUFFIXES)


def find_declarations(paths: Iterable[Path], root: Path) -> list[Path]:
    """The declarations among and below `paths` (below `root` when there are none), sorted within each folder.

    A YAML file that is named itself is taken whatever its name is. Hidden folders, virtual environments and folders of
    installed packages are not searched; other files and what does not exist are passed over.
    """
    found: dict[Path, None] = {}
    for path in list(paths) or [root]:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif path.suffix in _YAML and path.is_file():
            found[path] = None
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in _SKIPPED)
        yield from (Path(at, name) for name in sorted(files) if is_declaration(name))


@dataclass(frozen=True, slots=True)
class Source:
    """One file that was read."""

    path: Path
    shown: str
    """Its name in messages: relative to the working folder where it is below it."""
    node: Node = field(repr=False)
    digest: bytes = b""


@dataclass(slots=True)
class Report:
    """The problems of a run's declarations, in the order in which they are met."""

    found: dict[Problem, None] = field(default_factory=dict)

    @property
    def problems(self) -> list[Problem]:
        """Each of them once."""
        return list(self.found)

    def add(self, source: Source, path: tuple[str | int, ...], message: str) -> None:
        """A problem at a path from the root of a file."""
        if len(self.found) > MAX_PROBLEMS:
            return
        line, column = source.node.place(*path)
        self.at(source.shown, line, column, show_path(path), message)

    def mistakes(self, source: Source, under: tuple[str | int, ...], mistakes: Iterable[Mistake]) -> None:
        """Mistakes of a value that stands at a path from the root of a file."""
        for mistake in mistakes:
            self.add(source, (*under, *mistake.path), mistake.message)

    def at(self, shown: str, line: int, column: int, path: str, message: str) -> None:
        """A problem at a position; after a great many, only that there are more."""
        if len(self.found) == MAX_PROBLEMS:
            shown, line, column, path, message = "", 0, 0, "", "there are more; mend these first"
        elif len(self.found) > MAX_PROBLEMS:
            return
        self.found[Problem(shown, line, column, path, redact(message))] = None


def show_path(path: Iterable[str | int]) -> str:
    """`integrations.residents-db.health[0].query`."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif step.replace("-", "").replace("_", "").isalnum():
            shown += f".{step}" if shown else step
        else:
            shown += f"['{step}']"
    return shown


def shown_name(path: Path) -> str:
    """A path as messages name it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def read_source(path: Path, report: Report) -> Source | None:
    """Read one file; None, with the problem reported, when it cannot be read as YAML."""
    shown = shown_name(path)
    try:
        data = _read(path)
        return Source(path, shown, parse(data), hashlib.sha256(data).digest())
    except YamlProblem as problem:
        report.at(shown, problem.line, problem.column, "", problem.message)
    except OSError as error:
        report.at(shown, 0, 0, "", f"cannot be read: {(error.strerror or str(error)).lower()}")
    return None


def _read(path: Path) -> bytes:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise YamlProblem("is not a file")
    if facts.st_size > MAX_BYTES:
        raise YamlProblem(too_large(facts.st_size))
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_with_includes(path: Path, report: Report) -> list[Source]:
    """A declaration and all that it includes, itself first; empty when it could not be read."""
    source = read_source(path, report)
    if source is None:
        return []
    sources = {path.resolve(): source}
    _include(source, (path.resolve(),), sources, report)
    return list(sources.values())


def _include(source: Source, chain: tuple[Path, ...], sources: dict[Path, Source], report: Report) -> None:
    for index, pattern in _patterns(source, report):
        for found in _matching(source, index, pattern, report):
            path = found.resolve()
            if path in chain:
                names = " -> ".join(shown_name(each) for each in (*chain[chain.index(path) :], path))
                report.add(source, ("include", index), f"files include each other: {names}")
            elif len(chain) >= _MAX_CHAIN or len(sources) >= _MAX_FILES:
                report.add(source, ("include", index), f"more than {_MAX_FILES} files, or {_MAX_CHAIN} one in another")
            elif path not in sources:
                included = read_source(found, report)
                if included is not None:
                    sources[path] = included
                    _include(included, (*chain, path), sources, report)


def _patterns(source: Source, report: Report) -> Iterator[tuple[int, str]]:
    node = source.node.find("include")
    if node is None:
        return
    if not isinstance(node.value, list):
        report.add(source, ("include",), "expected a list of file names or patterns, relative to this file")
        return
    for index, item in enumerate(node.value):
        if not isinstance(item.value, str) or not item.value or "\0" in item.value:
            report.add(source, ("include", index), "expected the name of a file or a pattern")
        elif "**" in item.value or Path(item.value).is_absolute() or item.refers:
            said = "must be relative to this file, without `**` and without references: name the folders"
            report.add(source, ("include", index), said)
        else:
            yield index, item.value


def _matching(source: Source, index: int, pattern: str, report: Report) -> list[Path]:
    folder = source.path.parent
    if glob.has_magic(pattern):
        found = [
            path for path in sorted(folder.glob(pattern)) if path.is_file() and path.resolve() != source.path.resolve()
        ]
    else:
        found = [path for path in [folder / pattern] if path.is_file()]
    if not found:
        report.add(source, ("include", index), f"no file is found by '{pattern}' in {shown_name(folder)}")
    return found
