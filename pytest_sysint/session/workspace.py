"""The declarations of a run: found from pytest's arguments, read once, with the mistakes of each file kept for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sysint.core.errors import DeclarationError, Problem, UsageError, did_you_mean
from pytest_sysint.declaration import Declaration, find_declarations, load
from pytest_sysint.session.options import Options


class Workspace:
    """All declarations that the arguments of this session reach."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._options = options
        self._by_path: dict[Path, Declaration] = {}
        self._problems: dict[Path, list[Problem]] = {}

    @property
    def declarations(self) -> tuple[Declaration, ...]:
        """Those that could be read, in the order of their paths."""
        return tuple(self._by_path.values())

    def read(self) -> None:
        """Find and read them.

        Raises:
            UsageError: when there is none, or an option names an integration or a tenant that none of them has.

        """
        paths = self._find()
        if not paths and self._config.getoption("sysint"):
            where = ", ".join(self._config.args)
            raise UsageError(
                f"no declaration (sysint.yaml or *.sysint.yaml) in {where}",
                hint="`sysint init` writes one to start from",
            )
        self._read(paths)
        self._hold_to_declared()

    def _find(self) -> list[Path]:
        given = [Path(self._config.invocation_params.dir, arg.partition("::")[0]) for arg in self._config.args]
        found = dict.fromkeys(find_declarations(given, self._config.rootpath))
        for path in given:
            if path.suffix == ".py" or not any(path in each.parents or path == each for each in found):
                found.update(dict.fromkeys(_above(path, self._config.rootpath)))
        return list(found)

    def _read(self, paths: list[Path]) -> None:
        try:
            read = self._load(paths)
        except DeclarationError as error:
            for problem in error.problems:
                self._problems.setdefault(self._file(problem.file), []).append(problem)
            sound = [path for path in paths if path.resolve() not in self._problems]
            read = self._load(sound) if sound and len(sound) < len(paths) else ()
        self._by_path = {item.path.resolve(): item for item in read}

    def _load(self, paths: list[Path]) -> tuple[Declaration, ...]:
        tenants = sorted(self._options.selection.tenants) or None
        return load(paths, environment=self._options.environment, tenants=tenants, needed=self._is_needed)

    def _is_needed(self, integration_id: str, type_name: str) -> bool:
        """Only what is asked for must be complete: a variable of another integration may be unset."""
        chosen = self._options.selection
        return (not chosen.integrations or integration_id in chosen.integrations) and (
            not chosen.types or type_name in chosen.types
        )

    def _file(self, name: str) -> Path:
        return (self._config.invocation_params.dir / name).resolve()

    def _hold_to_declared(self) -> None:
        selection = self._options.selection
        if self._problems or not self._by_path:
            return
        integrations = {item.id for each in self.declarations for item in each.integrations}
        for word in sorted(selection.integrations - integrations):
            raise UsageError(f"--sysint-integration: unknown '{word}'{did_you_mean(word, integrations)}")

    def has(self, path: Path) -> bool:
        """Whether this file is one of them."""
        return path.resolve() in self._by_path or path.resolve() in self._problems

    def declaration(self, path: Path) -> Declaration:
        """The declaration in this file.

        Raises:
            DeclarationError: with everything that is wrong with it.

        """
        path = path.resolve()
        if path in self._by_path:
            return self._by_path[path]
        own = self._problems.get(path)
        raise DeclarationError(own or [problem for problems in self._problems.values() for problem in problems])

    def around(self, path: Path) -> tuple[Declaration, ...]:
        """What a hand-written test in this file may use: the declarations beside and above it, or else all."""
        own = [item for at, item in self._by_path.items() if at.parent in path.resolve().parents]
        return tuple(own) or self.declarations


def _above(path: Path, root: Path) -> list[Path]:
    """The declarations beside a path and in each folder above it, up to the root."""
    found: list[Path] = []
    for folder in path.resolve().parents:
        found += sorted((*folder.glob("sysint.y*ml"), *folder.glob("*.sysint.y*ml")))
        if folder == root.resolve():
            break
    return found
